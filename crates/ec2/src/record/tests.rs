use std::convert::Infallible;

use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use secgroup_model::{AttachmentId, Tags};

use super::*;
use crate::flow_logs::{FlowLogDestination, FlowLogFileFormat, FlowLogFiles, FlowLogTraffic};
use crate::state::{InstanceState, PeeringCode, PrefixListCode};

/// Writes and reads every record of a state, with its key.
struct ComesBack<'a>(&'a State);

impl Visitor for ComesBack<'_> {
    type Error = Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Infallible> {
        for (key, record) in R::table(self.0) {
            let text = serde_json::to_string(record).unwrap();
            assert!(text.starts_with('{') || text.starts_with('"'), "{text}");
            assert_eq!(&serde_json::from_str::<R>(&text).unwrap(), record, "{text}");
            assert_eq!(R::parse_key(&R::key_text(key)).as_ref(), Some(key));
        }
        Ok(())
    }
}

fn comes_back(state: &State) {
    match visit_tables(&mut ComesBack(state)) {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

proptest! {
    #[test]
    fn instances_come_back(
        instance in instance(),
        device_index: u32,
        delete_on_termination: bool,
        attached in time(),
    ) {
        let mut state = State::default();
        let interface = NetworkInterfaceId::new("eni-1");
        state.attachments.insert(interface, Attachment {
            id: AttachmentId::new("eni-attach-1"),
            instance: instance.id.clone(),
            device_index,
            delete_on_termination,
            attached,
        });
        state.instances.insert(instance.id.clone(), instance);
        comes_back(&state);
    }

    #[test]
    fn details_come_back(peering in peering(), settings: (bool, bool, bool), list in list_state()) {
        let mut state = State::default();
        state.peerings.insert(PeeringId::new("pcx-1"), peering);
        state.prefix_lists.insert(PrefixListId::new("pl-1"), list);
        state.vpc_settings.insert(VpcId::new("vpc-1"), VpcSettings {
            dns_support: settings.0,
            dns_hostnames: settings.1,
            usage_metrics: settings.2,
        });
        comes_back(&state);
    }

    #[test]
    fn flow_logs_come_back(log in flow_log()) {
        let mut state = State::default();
        state.flow_logs.insert(log.id.clone(), log);
        comes_back(&state);
    }

    #[test]
    fn tokens_and_stacks_come_back(
        token in "[ -~]{1,64}",
        parameters: u64,
        created in vec(text(), 0..3),
        resources in btree_map(text(), text(), 0..3),
        (name, template, uuid, at) in (text(), text(), text(), time()),
    ) {
        let mut state = State::default();
        let key = TokenKey {
            account: account(),
            action: "RunInstances".to_owned(),
            token,
        };
        state.tokens.insert(key, Token { parameters, created, at });
        state.stacks.insert((account(), name), Stack {
            resources,
            template,
            deployed: at,
            uuid,
        });
        comes_back(&state);
    }
}

/// The format is a promise: files of today are read tomorrow.
#[test]
fn a_record_is_written_in_the_words_of_ec2() {
    let attachment = Attachment {
        id: AttachmentId::new("eni-attach-1"),
        instance: InstanceId::new("i-1"),
        device_index: 0,
        delete_on_termination: true,
        attached: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(
        serde_json::to_string(&attachment).unwrap(),
        r#"{"AttachmentId":"eni-attach-1","InstanceId":"i-1","DeviceIndex":0,"DeleteOnTermination":true,"AttachTime":"1970-01-01T00:00:00Z"}"#
    );
    let error = serde_json::from_str::<PrefixListState>(r#"{"Code":"modified"}"#).unwrap_err();
    assert!(
        error.to_string().contains("'modified' is none of"),
        "{error}"
    );
    let error = serde_json::from_str::<PrefixListState>(r#"{"Cod":"modified"}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `Cod`"), "{error}");
}

fn account() -> AccountId {
    AccountId::new("111122223333")
}

fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

fn tags() -> impl Strategy<Value = Tags> {
    btree_map(".{1,8}", ".{0,8}", 0..3)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64, 0..1_000_000_000_i32)
        .prop_map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).unwrap())
}

fn instance() -> impl Strategy<Value = Instance> {
    let states = [
        InstanceState::Running,
        InstanceState::Stopped,
        InstanceState::Terminated,
    ];
    let options = (option::of(text()), any::<bool>(), tags());
    (
        any::<u32>(),
        select(states.to_vec()),
        [text(), text(), text()],
        options,
        time(),
        time(),
    )
        .prop_map(
            |(
                launch_index,
                state,
                [reservation, image, instance_type],
                options,
                launched,
                changed,
            )| {
                let (key_name, has_subnet, tags) = options;
                Instance {
                    id: InstanceId::new("i-1"),
                    owner: account(),
                    reservation,
                    launch_index,
                    state,
                    image,
                    instance_type,
                    key_name,
                    subnet: has_subnet.then(|| SubnetId::new("subnet-1")),
                    launched,
                    changed,
                    tags,
                }
            },
        )
}

fn peering() -> impl Strategy<Value = PeeringDetails> {
    (
        select(PeeringCode::ALL),
        text(),
        text(),
        time(),
        time(),
        tags(),
    )
        .prop_map(
            |(code, accepter_region, message, expires, changed, tags)| PeeringDetails {
                requester: account(),
                accepter: AccountId::new("444455556666"),
                accepter_region,
                code,
                message,
                expires,
                changed,
                tags: BTreeMap::from([(account(), tags)]),
            },
        )
}

fn list_state() -> impl Strategy<Value = PrefixListState> {
    (select(PrefixListCode::ALL), option::of(text()))
        .prop_map(|(code, message)| PrefixListState { code, message })
}

fn flow_log() -> impl Strategy<Value = FlowLog> {
    let files = (select(FlowLogFileFormat::ALL), any::<bool>(), any::<bool>()).prop_map(
        |(format, hive, per_hour)| FlowLogFiles {
            format,
            hive,
            per_hour,
        },
    );
    let arns = [
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(text()),
    ];
    let kinds = (select(FlowLogTraffic::ALL), select(FlowLogDestination::ALL));
    (
        kinds,
        arns,
        text(),
        any::<u32>(),
        option::of(files),
        time(),
        tags(),
    )
        .prop_map(
            |(kinds, arns, format, interval_seconds, files, created, tags)| {
                let [destination, log_group, permission, cross_account_role] = arns;
                FlowLog {
                    id: FlowLogId::new("fl-1"),
                    owner: account(),
                    resource: "vpc-1".to_owned(),
                    traffic: kinds.0,
                    destination_type: kinds.1,
                    destination,
                    log_group,
                    permission,
                    cross_account_role,
                    format,
                    interval_seconds,
                    files,
                    created,
                    tags,
                }
            },
        )
}
