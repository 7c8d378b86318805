use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use secgroup_model::{
    AccountId, AssociationStatus, AttachmentId, Direction, Family, FlowLogId, GroupId,
    GroupReference, InstanceId, NetworkInterface, NetworkInterfaceId, Peer, Peering, PeeringId,
    PeeringStatus, PrefixList, PrefixListEntry, PrefixListId, Rule, RuleId, RuleSpec,
    SecurityGroup, SubnetId, Tags, Traffic, VpcId,
};

use super::check;
use crate::flow_logs::{FlowLogDestination, FlowLogTraffic};
use crate::vpcs::create_default_vpc;
use crate::{
    Attachment, Edit, FlowLog, Instance, InstanceState, PeeringCode, PeeringDetails, Site, State,
    Token, TokenKey, VpcSettings,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn account(number: usize) -> AccountId {
    AccountId::new(["111122223333", "444455556666"][number])
}

/// Two accounts with a default VPC each, which are peered; an instance with an interface, and a group that names a list and the
/// other account's default group.
fn sound() -> State {
    let site = Site::new("us-east-1", vec![account(0), account(1)]);
    let mut state = State::default();
    let mut bits = 0;
    let mut random = || {
        bits += 1;
        bits
    };
    let mut edit = Edit::new(&mut state, &site, NOW, &mut random);
    let vpcs = [0, 1].map(|number| create_default_vpc(&mut edit, &account(number)));
    let peering = Peering {
        id: PeeringId::new("pcx-1"),
        requester: vpcs[0].clone(),
        accepter: vpcs[1].clone(),
        status: PeeringStatus::Active,
    };
    let details = PeeringDetails {
        requester: account(0),
        accepter: account(1),
        accepter_region: "us-east-1".to_owned(),
        code: PeeringCode::Active,
        message: "Active".to_owned(),
        expires: NOW,
        changed: NOW,
        tags: BTreeMap::from([(account(1), Tags::new())]),
    };
    edit.put(peering.id.clone(), details);
    edit.put(peering.id.clone(), peering);
    put_list(&mut edit);
    put_group(&mut edit, &vpcs);
    put_instance(&mut edit, &vpcs[0]);
    let _ = edit.commit();
    state
}

fn put_list(edit: &mut Edit<'_>) {
    let entry = PrefixListEntry {
        cidr: "10.0.0.0/8".parse().unwrap(),
        description: None,
    };
    let list = PrefixList {
        id: PrefixListId::new("pl-1"),
        name: "offices".to_owned(),
        owner: account(0),
        family: Family::V4,
        max_entries: 2,
        version: 2,
        versions: BTreeMap::from([(1, vec![]), (2, vec![entry])]),
        tags: Tags::new(),
        origin: None,
    };
    edit.put(list.id.clone(), list);
}

fn put_group(edit: &mut Edit<'_>, vpcs: &[VpcId; 2]) {
    let foreign = edit.inventory().default_group(&vpcs[1]).unwrap().id.clone();
    let mut group = SecurityGroup::new(
        GroupId::new("sg-1"),
        "web",
        account(0),
        Some(vpcs[0].clone()),
    );
    let peers = [
        Peer::PrefixList(PrefixListId::new("pl-1")),
        Peer::Group(GroupReference {
            account: Some(account(1)),
            vpc: Some(vpcs[1].clone()),
            ..GroupReference::local(foreign)
        }),
    ];
    for (number, peer) in peers.into_iter().enumerate() {
        let spec = RuleSpec {
            direction: Direction::Ingress,
            traffic: Traffic::All,
            peer,
        };
        let id = RuleId::new(&format!("sgr-{number}"));
        group.rules.push(Rule::new(id, spec));
    }
    edit.put(group.id.clone(), group);
}

fn put_instance(edit: &mut Edit<'_>, vpc: &VpcId) {
    let subnets = &edit.inventory().subnets;
    let subnet = subnets.values().find(|subnet| subnet.vpc == *vpc).unwrap();
    let (subnet, base) = (subnet.id.clone(), subnet.cidr.unwrap());
    let instance = InstanceId::new("i-1");
    let mut interface = NetworkInterface::new(
        NetworkInterfaceId::new("eni-1"),
        vec![GroupId::new("sg-1")],
        base.hosts().skip(9).take(2).map(IpAddr::V4).collect(),
    );
    interface.vpc = Some(vpc.clone());
    interface.subnet = Some(subnet.clone());
    interface.instance = Some(instance.clone());
    let attachment = Attachment {
        id: AttachmentId::new("eni-attach-1"),
        instance: instance.clone(),
        device_index: 0,
        delete_on_termination: true,
        attached: NOW,
    };
    edit.put(interface.id.clone(), attachment);
    edit.put(interface.id.clone(), interface);
    edit.put(
        instance.clone(),
        Instance {
            id: instance,
            owner: account(0),
            reservation: "r-1".to_owned(),
            launch_index: 0,
            state: InstanceState::Running,
            image: "ami-1".to_owned(),
            instance_type: "t3.micro".to_owned(),
            key_name: None,
            subnet: Some(subnet),
            launched: NOW,
            changed: NOW,
            tags: Tags::new(),
        },
    );
}

#[test]
fn a_sound_state_has_no_faults() {
    assert_eq!(check(&sound()), [""; 0]);
    assert_eq!(check(&State::default()), [""; 0]);
}

/// Every way to spoil the sound state, and a part of what is said then.
#[test]
fn each_fault_is_told() {
    for (place, (spoil, expected)) in SPOILT.iter().enumerate() {
        let mut state = sound();
        spoil(&mut state);
        let faults = check(&state);
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{place}: {expected:?} is not in {faults:#?}"
        );
    }
}

/// B28: a rule may go on naming a group of another VPC that was deleted, or is not peered any more.
#[test]
fn a_reference_may_be_stale() {
    let mut state = sound();
    let to = group(&mut state).rules[1].spec.peer.clone();
    let Peer::Group(to) = to else { unreachable!() };
    let vpc = to.vpc.unwrap();
    state.inventory.peerings.clear();
    state.peerings.clear();
    assert_eq!(check(&state), [""; 0]);
    state.inventory.groups.remove(&to.group);
    state.inventory.vpcs.remove(&vpc);
    state.vpc_settings.remove(&vpc);
    state.vpc_settings.remove(&vpc);
    state
        .inventory
        .subnets
        .retain(|_, subnet| subnet.vpc != vpc);
    assert_eq!(check(&state), [""; 0]);
}

fn group(state: &mut State) -> &mut SecurityGroup {
    let groups = &mut state.inventory.groups;
    groups.get_mut(&GroupId::new("sg-1")).unwrap()
}

/// The reference of its second rule.
fn reference(state: &mut State) -> &mut GroupReference {
    match &mut group(state).rules[1].spec.peer {
        Peer::Group(reference) => reference,
        other => panic!("{other} is no group"),
    }
}

fn interface(state: &mut State) -> &mut NetworkInterface {
    let interfaces = &mut state.inventory.interfaces;
    interfaces
        .get_mut(&NetworkInterfaceId::new("eni-1"))
        .unwrap()
}

fn attachment(state: &mut State) -> &mut Attachment {
    let attachments = &mut state.attachments;
    attachments
        .get_mut(&NetworkInterfaceId::new("eni-1"))
        .unwrap()
}

fn instance(state: &mut State) -> &mut Instance {
    state.instances.get_mut(&InstanceId::new("i-1")).unwrap()
}

fn details(state: &mut State) -> &mut PeeringDetails {
    state.peerings.get_mut(&PeeringId::new("pcx-1")).unwrap()
}

fn list(state: &mut State) -> &mut PrefixList {
    let lists = &mut state.inventory.prefix_lists;
    lists.get_mut(&PrefixListId::new("pl-1")).unwrap()
}

fn flow_log(id: FlowLogId, resource: &str) -> FlowLog {
    FlowLog {
        id,
        owner: account(0),
        resource: resource.to_owned(),
        traffic: FlowLogTraffic::All,
        destination_type: FlowLogDestination::S3,
        destination: None,
        log_group: None,
        permission: None,
        cross_account_role: None,
        format: String::new(),
        interval_seconds: 600,
        files: None,
        created: NOW,
        tags: Tags::new(),
    }
}

/// The VPC of the interface, or the other one.
fn vpc(state: &mut State, own: bool) -> VpcId {
    let id = interface(state).vpc.clone().unwrap();
    let mut ids = state.inventory.vpcs.keys();
    ids.find(|other| (**other == id) == own).unwrap().clone()
}

fn drop_vpc(state: &mut State) {
    let id = vpc(state, true);
    state.inventory.vpcs.remove(&id);
}

type Spoil = fn(&mut State);

const SPOILT: &[(Spoil, &str)] = &[
    // Keys.
    (
        |s| group(s).id = GroupId::new("sg-2"),
        "sg-2 is kept under the id sg-1",
    ),
    (
        |s| interface(s).id = NetworkInterfaceId::new("eni-2"),
        "eni-2 is kept under",
    ),
    (
        |s| {
            let key = TokenKey {
                account: account(0),
                action: "Run/Instances".to_owned(),
                token: "a".to_owned(),
            };
            let token = Token {
                parameters: 0,
                created: vec![],
                at: NOW,
            };
            s.tokens.insert(key, token);
        },
        "tokens: the key \"111122223333/Run/Instances/a\" cannot be read back",
    ),
    // VPCs and subnets.
    (drop_vpc, "sg-1 is of vpc-"),
    (drop_vpc, "eni-1 is of vpc-"),
    (drop_vpc, "subnet-"),
    (drop_vpc, "pcx-1 is asked for by account 111122223333"),
    (
        |s| {
            let id = vpc(s, true);
            s.inventory.vpcs.get_mut(&id).unwrap().owner = account(1);
        },
        "account 444455556666 has a second default VPC",
    ),
    (
        |s| {
            let id = vpc(s, true);
            s.inventory.vpcs.get_mut(&id).unwrap().owner = account(1);
        },
        "sg-1 is of account 111122223333, and its vpc-",
    ),
    (
        |s| {
            let id = vpc(s, true);
            let inside = "172.31.1.0/24".parse().unwrap();
            s.inventory.vpcs.get_mut(&id).unwrap().cidrs.push(inside);
        },
        "172.31.0.0/16 and 172.31.1.0/24, which overlap",
    ),
    (
        |s| {
            let id = vpc(s, true);
            let group = s.inventory.default_group(&id).unwrap().id.clone();
            s.inventory.groups.remove(&group);
        },
        "has 0 default groups",
    ),
    (
        |s| {
            let id = vpc(s, true);
            s.vpc_settings.insert(id, VpcSettings::default());
        },
        "are the default ones",
    ),
    (
        |s| {
            let settings = VpcSettings {
                dns_hostnames: true,
                ..VpcSettings::default()
            };
            s.vpc_settings.insert(VpcId::new("vpc-9"), settings);
        },
        "there are settings of vpc-9",
    ),
    (
        |s| {
            for subnet in s.inventory.subnets.values_mut() {
                subnet.cidr = Some("172.31.0.0/20".parse().unwrap());
            }
        },
        "the subnets 172.31.0.0/20 and 172.31.0.0/20, which overlap",
    ),
    (
        |s| {
            let subnet = s.inventory.subnets.values_mut().next().unwrap();
            subnet.cidr = Some("10.0.0.0/20".parse().unwrap());
        },
        "10.0.0.0/20 of subnet-",
    ),
    // Peering connections.
    (|s| s.peerings.clear(), "pcx-1 has no details"),
    (
        |s| s.inventory.peerings.clear(),
        "there are details of pcx-1",
    ),
    (
        |s| details(s).code = PeeringCode::Deleted,
        "pcx-1 is deleted and Active at once",
    ),
    (
        |s| details(s).accepter = account(0),
        "pcx-1 is accepted by account 111122223333",
    ),
    (
        |s| {
            let tags = &mut details(s).tags;
            tags.insert(AccountId::new("777788889999"), Tags::new());
        },
        "tags of account 777788889999",
    ),
    // Associations.
    (
        |s| {
            let key = (GroupId::new("sg-1"), vpc(s, true));
            s.inventory
                .associations
                .insert(key, AssociationStatus::Associated);
        },
        "sg-1 is associated with its own vpc-",
    ),
    (
        |s| {
            let key = (GroupId::new("sg-9"), VpcId::new("vpc-9"));
            s.inventory
                .associations
                .insert(key, AssociationStatus::Associated);
        },
        "sg-9, which does not exist, is associated with vpc-9",
    ),
    (
        |s| {
            let key = (GroupId::new("sg-1"), VpcId::new("vpc-9"));
            s.inventory
                .associations
                .insert(key, AssociationStatus::Disassociated);
        },
        "sg-1 is associated with vpc-9, which does not exist",
    ),
    // Flow logs.
    (
        |s| {
            let id = FlowLogId::new("fl-1");
            s.flow_logs.insert(id.clone(), flow_log(id, "vpc-9"));
        },
        "fl-1 is of vpc-9, which does not exist",
    ),
    // Prefix lists.
    (
        |s| list(s).version = 1,
        "pl-1 is at version 1, but its last one is Some(2)",
    ),
    (
        |s| list(s).max_entries = 0,
        "pl-1 has 1 entries, but room for 0",
    ),
    (|s| list(s).family = Family::V6, "10.0.0.0/8 is not IPv6"),
    (
        |s| {
            let entries = list(s).versions.get_mut(&2).unwrap();
            entries.push(entries[0].clone());
        },
        "10.0.0.0/8 is there twice",
    ),
    (
        |s| {
            let entries = list(s).versions.get_mut(&2).unwrap();
            entries[0].cidr = "10.0.0.1/8".parse().unwrap();
        },
        "10.0.0.1/8 has host bits",
    ),
    // Groups.
    (|s| group(s).name = "DEFAULT".to_owned(), "the name `"),
    (
        |s| {
            let rule = group(s).rules[0].clone();
            group(s).rules.push(rule);
        },
        "twice",
    ),
    (
        |s| {
            let rule = group(s).rules[0].clone();
            let id = vpc(s, false);
            let other = s.inventory.default_group(&id).unwrap().id.clone();
            s.inventory.groups.get_mut(&other).unwrap().rules.push(rule);
        },
        "both have the rule sgr-0",
    ),
    (
        |s| s.inventory.prefix_lists.clear(),
        "sgr-0 of sg-1 names pl-1, which does not exist",
    ),
    (
        |s| {
            let peer = GroupReference::local(GroupId::new("sg-9"));
            group(s).rules[0].spec.peer = Peer::Group(peer);
        },
        "sgr-0 of sg-1 names sg-9, which does not exist",
    ),
    (
        |s| reference(s).account = None,
        "which is of account 444455556666",
    ),
    (
        |s| reference(s).vpc = None,
        "which is of another VPC, without naming that",
    ),
    (
        |s| reference(s).vpc = Some(VpcId::new("vpc-9")),
        "which is not of Some",
    ),
    (
        |s| group(s).rules[0].spec.peer = Peer::Cidr("10.0.0.1/8".parse().unwrap()),
        "10.0.0.1/8 has host bits",
    ),
    // Interfaces.
    (
        |s| interface(s).groups.clear(),
        "eni-1: The request must contain",
    ),
    (
        |s| interface(s).groups = vec![GroupId::new("sg-9")],
        "eni-1: The security group 'sg-9' does not exist",
    ),
    (
        |s| {
            let id = vpc(s, false);
            let other = s.inventory.default_group(&id).unwrap().id.clone();
            interface(s).groups = vec![other];
        },
        "eni-1: You have specified two resources that belong to different networks",
    ),
    (
        |s| {
            let groups = &mut interface(s).groups;
            groups.push(groups[0].clone());
        },
        "eni-1 has a group twice",
    ),
    (
        |s| interface(s).subnet = Some(SubnetId::new("subnet-9")),
        "eni-1 is in subnet-9, which does not exist",
    ),
    (
        |s| interface(s).vpc = Some(vpc(s, false)),
        "are of different VPCs",
    ),
    (
        |s| interface(s).addresses = vec!["10.0.0.1".parse().unwrap()],
        "eni-1: Address does not fall within the subnet",
    ),
    (
        |s| {
            let addresses = &mut interface(s).addresses;
            addresses.push(addresses[0]);
        },
        "and 172.31.0.10, which overlap",
    ),
    (
        |s| interface(s).prefixes = vec!["172.31.0.0/28".parse().unwrap()],
        "interfaces have 172.31.0.0/28 and 172.31.0.10, which overlap",
    ),
    (
        |s| interface(s).prefixes = vec!["10.0.0.0/28".parse().unwrap()],
        "eni-1: the prefix 10.0.0.0/28 is none of",
    ),
    (
        |s| {
            interface(s).mac = Some("02:00:00:00:00:01".parse().unwrap());
            let mut twin = interface(s).clone();
            twin.id = NetworkInterfaceId::new("eni-2");
            s.inventory.interfaces.insert(twin.id.clone(), twin);
        },
        "eni-2 has the MAC address 02:00:00:00:00:01 of another interface",
    ),
    // Instances.
    (
        |s| s.attachments.clear(),
        "eni-1 has an instance, but no attachment",
    ),
    (|s| s.attachments.clear(), "i-1 has no primary interface"),
    (
        |s| interface(s).instance = None,
        "but eni-1 has the instance None",
    ),
    (
        |s| s.instances.clear(),
        "eni-1 is attached to i-1, which does not exist",
    ),
    (
        |s| s.inventory.interfaces.clear(),
        "eni-attach-1 attaches eni-1, which does not exist",
    ),
    (
        |s| attachment(s).device_index = 1,
        "i-1 has no primary interface",
    ),
    (
        |s| instance(s).state = InstanceState::Terminated,
        "i-1 is terminated and has an interface",
    ),
    (
        |s| instance(s).owner = account(1),
        "eni-1 and its i-1 are of different accounts",
    ),
    (
        |s| instance(s).subnet = None,
        "i-1 and its primary eni-1 are in different subnets",
    ),
    (
        |s| {
            let twin = attachment(s).clone();
            s.attachments.insert(NetworkInterfaceId::new("eni-2"), twin);
        },
        "eni-attach-1 attaches two interfaces",
    ),
    (
        |s| {
            let twin = attachment(s).clone();
            s.attachments.insert(NetworkInterfaceId::new("eni-2"), twin);
        },
        "i-1 has eni-1 and eni-2 in the place 0",
    ),
];
