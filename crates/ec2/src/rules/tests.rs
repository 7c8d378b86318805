//! Random calls, possible and impossible ones, against a model that knows nothing but what rules are called.

mod oracle;

use jiff::Timestamp;
use proptest::prelude::*;
use secgroup_model::{
    AccountId, Direction, GroupId, ModelError, Peering, PeeringId, PeeringStatus, PrefixList,
    PrefixListId, PrefixListQuotas, RawPrefixList, Tags, VpcId,
};

use self::oracle::{Oracle, PEERS, TRAFFICS, Typed, V4_PEERS, VALID_PEERS, VALID_TRAFFICS};
use super::*;
use crate::groups::{CreateGroup, create, delete};
use crate::vpcs::{self, CreateVpc};
use crate::{PrefixListCode, PrefixListState, Site, invariants};

/// So few that sequences of calls meet the quota.
const RULES_PER_GROUP: u32 = 5;
/// Groups 0 and 1 are of the default VPC, 2 and 3 of another one.
const GROUPS: usize = 4;

/// A call; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Call {
    Authorize(usize, Direction, Vec<Typed>),
    Revoke(usize, Direction, Vec<Typed>),
    RevokeIds(usize, Direction, Vec<usize>),
    Modify(usize, Vec<(usize, Typed)>),
    DescribeIds(usize, Direction, usize, bool),
    Delete(usize),
    /// Peers the two VPCs, or ends that.
    Peer(bool),
}

/// Mostly rules that can be, so that groups fill up and calls meet what is there.
fn typed() -> impl Strategy<Value = Typed> {
    let traffic = prop_oneof![
        12 => 0..VALID_TRAFFICS,
        1 => VALID_TRAFFICS..TRAFFICS.len(),
    ];
    let peer = prop_oneof![
        8 => 0..V4_PEERS,
        5 => V4_PEERS..VALID_PEERS,
        4 => PEERS.len()..PEERS.len() + GROUPS,
        1 => VALID_PEERS..PEERS.len(),
    ];
    (traffic, peer).prop_map(|(traffic, peer)| Typed { traffic, peer })
}

fn calls() -> impl Strategy<Value = Call> {
    let group = 0..GROUPS;
    let direction = prop::sample::select(Direction::BOTH.to_vec());
    let several = || prop::collection::vec(typed(), 1..4);
    let rule = || 0usize..8;
    prop_oneof![
        12 => (group.clone(), direction.clone(), several())
            .prop_map(|(group, direction, rules)| Call::Authorize(group, direction, rules)),
        3 => (group.clone(), direction.clone(), several())
            .prop_map(|(group, direction, rules)| Call::Revoke(group, direction, rules)),
        2 => (group.clone(), direction.clone(), prop::collection::vec(rule(), 1..3))
            .prop_map(|(group, direction, rules)| Call::RevokeIds(group, direction, rules)),
        12 => (group.clone(), prop::collection::vec((rule(), typed()), 1..3))
            .prop_map(|(group, changes)| Call::Modify(group, changes)),
        2 => (group.clone(), direction, rule(), any::<bool>())
            .prop_map(|(group, direction, rule, some)| Call::DescribeIds(group, direction, rule, some)),
        1 => group.prop_map(Call::Delete),
        1 => any::<bool>().prop_map(Call::Peer),
    ]
}

/// A state with four groups in two VPCs and a prefix list of two entries, and who calls.
struct World {
    state: State,
    site: Site,
    caller: Caller,
    seed: u64,
    groups: Vec<GroupId>,
    vpcs: [VpcId; 2],
    list: PrefixListId,
}

impl World {
    fn new() -> Self {
        let account = AccountId::new("123456789012");
        let mut site = Site::new("us-east-1", vec![account.clone()]);
        site.quotas.rules_per_group = RULES_PER_GROUP;
        let mut world = Self {
            state: State::default(),
            site,
            caller: Caller {
                account: account.clone(),
                key: "AKIDEXAMPLE".into(),
                may_write: true,
            },
            seed: 0,
            groups: Vec::new(),
            vpcs: ["", ""].map(VpcId::new),
            list: PrefixListId::new("pl-00000000000000001"),
        };
        let request = CreateVpc {
            cidr: "10.1.0.0/16".to_owned(),
            ipv6: None,
            tags: Tags::new(),
        };
        world.vpcs = [
            world.call(|edit, _| Ok(vpcs::create_default_vpc(edit, &account))),
            world.call(|edit, caller| vpcs::create(edit, caller, request)),
        ]
        .map(Result::unwrap);
        for number in 0..GROUPS {
            let request = CreateGroup {
                name: format!("g{number}"),
                description: "a test".to_owned(),
                vpc: Some(world.vpcs[number / 2].clone()),
                tags: Tags::new(),
            };
            let id = world.call(|edit, caller| create(edit, caller, request));
            world.groups.push(id.unwrap());
        }
        let (list, owner) = (world.list.clone(), world.caller.account.clone());
        world
            .call(|edit, _| {
                edit.put(list.clone(), list_of_two(list.clone(), owner));
                let code = PrefixListCode::CreateComplete;
                edit.put(
                    list,
                    PrefixListState {
                        code,
                        message: None,
                    },
                );
                Ok(())
            })
            .unwrap();
        world
    }

    fn call<T>(
        &mut self,
        operation: impl FnOnce(&mut Edit<'_>, &Caller) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            *seed
        };
        let now = Timestamp::UNIX_EPOCH;
        let mut edit = Edit::new(&mut self.state, &self.site, now, &mut random);
        let answer = operation(&mut edit, &self.caller)?;
        drop(edit.commit());
        Ok(answer)
    }

    fn selector(&self, group: usize) -> GroupSelector {
        GroupSelector::Id(self.groups[group].clone())
    }

    /// Peers the two VPCs, or ends that; without a call, since it is no business of rules how that comes about.
    fn peer(&mut self, is_active: bool) {
        let [requester, accepter] = self.vpcs.clone();
        let peering = Peering {
            id: PeeringId::new("pcx-00000000000000001"),
            requester,
            accepter,
            status: if is_active {
                PeeringStatus::Active
            } else {
                PeeringStatus::Gone
            },
        };
        let peerings = &mut self.state.inventory.peerings;
        peerings.insert(peering.id.clone(), peering);
    }
}

fn list_of_two(id: PrefixListId, owner: AccountId) -> PrefixList {
    let raw = RawPrefixList {
        name: Some("two".to_owned()),
        family: Some("IPv4".to_owned()),
        max_entries: Some(2),
        entries: Vec::new(),
    };
    let parsed = raw.parse(id, owner, &PrefixListQuotas::default());
    parsed.unwrap().0
}

/// Does a call and says what came of it to the oracle, which knows what had to.
fn check(world: &mut World, oracle: &mut Oracle, call: &Call) -> Result<(), TestCaseError> {
    let (before, expected) = (world.state.clone(), oracle.faults(call));
    let failed = match call.clone() {
        Call::Authorize(group, direction, rules) => {
            let request = Authorize {
                group: world.selector(group),
                direction,
                permissions: oracle.permissions(&rules),
                tags: Tags::new(),
            };
            world
                .call(|edit, caller| authorize(edit, caller, request))
                .map(|authorized| oracle.authorized(group, direction, &rules, &authorized.rules))
        }
        Call::Revoke(group, direction, rules) => {
            let request = Revoke {
                group: world.selector(group),
                direction,
                rules: RuleSelection::Permissions(oracle.permissions(&rules)),
            };
            world
                .call(|edit, caller| revoke(edit, caller, request))
                .map(|revoked| {
                    assert_eq!(revoked.rules.len() + revoked.unknown.len(), rules.len());
                    oracle.revoked(group, &revoked.rules);
                })
        }
        Call::RevokeIds(group, direction, rules) => {
            let request = Revoke {
                group: world.selector(group),
                direction,
                rules: RuleSelection::Ids(oracle.ids(group, &rules)),
            };
            world
                .call(|edit, caller| revoke(edit, caller, request))
                .map(|revoked| {
                    assert_eq!(revoked.rules.len(), rules.len());
                    oracle.revoked(group, &revoked.rules);
                })
        }
        Call::Modify(group, changes) => {
            let request = ModifyRules {
                group: world.groups[group].clone(),
                changes: oracle.changes(group, &changes),
            };
            world
                .call(|edit, caller| modify(edit, caller, request))
                .map(|()| oracle.modified(group, &changes))
        }
        Call::DescribeIds(group, direction, rule, some) => {
            let id = oracle.ids(group, &[rule]).remove(0);
            let text = some.then(|| format!("rule {rule}"));
            let request = UpdateDescriptions {
                group: world.selector(group),
                direction,
                rules: DescribedRules::Ids(vec![(id.clone(), text.clone())]),
            };
            world
                .call(|edit, caller| update_descriptions(edit, caller, request))
                .map(|()| oracle.described(group, &id, text))
        }
        Call::Delete(group) => {
            let selector = world.selector(group);
            world
                .call(|edit, caller| delete(edit, caller, &selector))
                .map(|_| oracle.deleted(group))
        }
        Call::Peer(is_active) => {
            world.peer(is_active);
            oracle.is_peered = is_active;
            return Ok(());
        }
    };
    match failed {
        Ok(()) => prop_assert!(expected.is_empty(), "{call:?} succeeded; {expected:?}"),
        Err(error) => {
            prop_assert!(
                expected.contains(error.code()),
                "{call:?}: {error:?}; {expected:?}"
            );
            prop_assert!(
                world.state == before,
                "{call:?} failed and changed the state"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// After any calls, groups have the rules that the oracle says, each once and under one id, and no more than the quota; a call
    /// that fails changes nothing.
    #[test]
    fn groups_have_the_rules_that_calls_gave_them(calls in prop::collection::vec(calls(), 1..80)) {
        let mut world = World::new();
        let mut oracle = Oracle::new(&world.state, world.groups.clone(), world.list.clone());
        for call in calls {
            check(&mut world, &mut oracle, &call)?;
            oracle.check_state(&world.state)?;
            let faults = invariants::check(&world.state);
            // The peering connection is put there without its details.
            let faults: Vec<_> = faults.iter().filter(|fault| !fault.contains("pcx-")).collect();
            prop_assert!(faults.is_empty(), "{faults:?}");
        }
    }
}
