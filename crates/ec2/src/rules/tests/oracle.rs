//! What has to come of a call, worked out from tables of spellings and sets of names: no parser, no ranges, no inventory.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use secgroup_model::{
    Direction, GroupId, Listing, Peer, PrefixListId, RawAddress, RawGroup, RawPeer, RawPermission,
    RawRule, Rule, RuleId,
};

use super::{Call, GROUPS, RULES_PER_GROUP};
use crate::State;
use crate::rules::RuleChange;

/// A rule as typed: a place in [`TRAFFICS`], and one in [`PEERS`] or, behind these, the number of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed {
    pub(super) traffic: usize,
    pub(super) peer: usize,
}

/// Spellings of a protocol with its ports, and what they are called (A5, A9, A21); nothing for what cannot be (A7 to A18).
type Traffic = (&'static str, Option<i64>, Option<i64>, Option<&'static str>);
pub(super) const TRAFFICS: &[Traffic] = &[
    ("tcp", Some(80), Some(80), Some("tcp 80 80")),
    ("6", Some(80), Some(80), Some("tcp 80 80")),
    ("TCP", Some(80), Some(443), Some("tcp 80 443")),
    ("17", Some(53), Some(53), Some("udp 53 53")),
    ("icmp", Some(8), Some(-1), Some("icmp 8 -1")),
    ("icmpv6", None, None, Some("icmpv6 -1 -1")),
    ("58", Some(-1), Some(-1), Some("icmpv6 -1 -1")),
    ("-1", None, None, Some(ALL)),
    ("All", Some(0), Some(0), Some(ALL)),
    ("-1", Some(80), Some(80), Some(ALL)),
    ("50", Some(1), Some(2), Some("50 -1 -1")),
    ("50", None, None, Some("50 -1 -1")),
    ("tcp", Some(81), Some(80), None),
    ("udp", None, Some(1), None),
    ("icmp", Some(-1), Some(4), None),
    ("tpc", Some(80), Some(80), None),
];
/// How many of them, from the first, can be.
pub(super) const VALID_TRAFFICS: usize = 12;
const ALL: &str = "-1 -1 -1";
/// The one above that says all protocols and some ports, which Modify does not take (E52).
const ALL_WITH_PORTS: usize = 9;

/// Kinds of peers, which Modify keeps (E52).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    V4,
    V6,
    List,
    Group,
}

/// Spellings of peers, and what they are called (A23); nothing for what is malformed (A24).
pub(super) const PEERS: &[(Kind, &str, Option<&str>)] = &[
    (Kind::V4, "10.0.0.0/8", Some("10.0.0.0/8")),
    (Kind::V4, "10.1.2.3/8", Some("10.0.0.0/8")),
    (Kind::V4, "0.0.0.0/0", Some("0.0.0.0/0")),
    (Kind::V6, "2001:DB8:0::1/64", Some("2001:db8::/64")),
    (Kind::V6, "2001:db8::/64", Some("2001:db8::/64")),
    (
        Kind::List,
        "pl-00000000000000001",
        Some("pl-00000000000000001"),
    ),
    (Kind::List, UNKNOWN_LIST, Some(UNKNOWN_LIST)),
    (Kind::Group, UNKNOWN_GROUP, Some(UNKNOWN_GROUP)),
    (Kind::V4, "10.0.0.0", None),
    (Kind::V4, "::/0", None),
];
/// How many of them, from the first, are IPv4 ranges, and how many can be.
pub(super) const V4_PEERS: usize = 3;
pub(super) const VALID_PEERS: usize = 6;
const UNKNOWN_LIST: &str = "pl-99999999";
const UNKNOWN_GROUP: &str = "sg-99999999";

/// A rule by its name.
type Name = (Direction, String, String);

/// What groups have.
pub(super) struct Oracle {
    ids: Vec<GroupId>,
    list: PrefixListId,
    pub(super) is_peered: bool,
    is_deleted: [bool; GROUPS],
    rules: [BTreeMap<RuleId, (Name, Option<String>)>; GROUPS],
}

impl Oracle {
    /// Begins with the rules that new groups have.
    pub(super) fn new(state: &State, ids: Vec<GroupId>, list: PrefixListId) -> Self {
        let mut oracle = Self {
            list,
            is_peered: false,
            is_deleted: [false; GROUPS],
            rules: Default::default(),
            ids,
        };
        for (group, id) in oracle.ids.iter().enumerate() {
            let rule = &state.inventory.groups[id].rules[0];
            let name = (Direction::Egress, ALL.to_owned(), "0.0.0.0/0".to_owned()); // B10
            oracle.rules[group].insert(rule.id.clone(), (name, None));
        }
        oracle
    }

    fn peer(&self, typed: Typed) -> (Kind, String, Option<String>) {
        match PEERS.get(typed.peer) {
            Some(&(kind, spelling, name)) => (kind, spelling.to_owned(), name.map(str::to_owned)),
            None => {
                let id = self.ids[typed.peer - PEERS.len()].to_string();
                (Kind::Group, id.clone(), Some(id))
            }
        }
    }

    fn name(&self, direction: Direction, typed: Typed) -> Option<Name> {
        let (_, _, _, traffic) = TRAFFICS[typed.traffic];
        let (_, _, peer) = self.peer(typed);
        Some((direction, traffic?.to_owned(), peer?))
    }

    /// The codes that a call may fail with; none if it must succeed.
    pub(super) fn faults(&self, call: &Call) -> BTreeSet<&'static str> {
        let mut faults = BTreeSet::new();
        let group = match call {
            Call::Authorize(group, direction, rules) => {
                self.authorize(*group, *direction, rules, &mut faults);
                *group
            }
            Call::Revoke(group, direction, rules) => {
                self.revoke(*group, *direction, rules, &mut faults);
                *group
            }
            Call::RevokeIds(group, direction, rules) => {
                self.of_ids(*group, Some(*direction), rules, &mut faults);
                *group
            }
            Call::DescribeIds(group, direction, rule, _) => {
                self.of_ids(*group, Some(*direction), &[*rule], &mut faults);
                *group
            }
            Call::Modify(group, changes) => {
                self.modify(*group, changes, &mut faults);
                *group
            }
            Call::Delete(group) => {
                if self.is_named_by_neighbours(*group) {
                    faults.insert("DependencyViolation"); // B24
                }
                *group
            }
            Call::Peer(_) => return faults,
        };
        if self.is_deleted[group] {
            faults.insert("InvalidGroup.NotFound");
        }
        faults
    }

    fn authorize(
        &self,
        group: usize,
        direction: Direction,
        rules: &[Typed],
        faults: &mut BTreeSet<&'static str>,
    ) {
        let mut after = self.names(group);
        let mut seen = BTreeSet::new();
        for &typed in rules {
            faults.extend(self.peer_fault(group, typed));
            match self.name(direction, typed) {
                None => _ = faults.insert("InvalidParameterValue"),
                Some(name) => {
                    if !seen.insert(name.clone()) {
                        faults.insert("InvalidParameterValue"); // A36
                    } else if !after.insert(name) {
                        faults.insert("InvalidPermission.Duplicate"); // A35
                    }
                }
            }
        }
        faults.extend(self.quota_fault(&after));
    }

    fn revoke(
        &self,
        group: usize,
        direction: Direction,
        rules: &[Typed],
        faults: &mut BTreeSet<&'static str>,
    ) {
        let (present, mut seen) = (self.names(group), BTreeSet::new());
        let is_default_vpc = group < GROUPS / 2;
        for &typed in rules {
            let Some(name) = self.name(direction, typed) else {
                faults.insert("InvalidParameterValue");
                continue;
            };
            let is_present = present.contains(&name);
            if !is_present && !is_default_vpc {
                faults.insert("InvalidPermission.NotFound"); // E53
            }
            if !seen.insert(name) && (is_present || !is_default_vpc) {
                faults.insert("InvalidParameterValue"); // A36
            }
        }
    }

    fn of_ids(
        &self,
        group: usize,
        direction: Option<Direction>,
        rules: &[usize],
        faults: &mut BTreeSet<&'static str>,
    ) {
        let mut seen = BTreeSet::new();
        for id in self.ids(group, rules) {
            let known = self.rules[group].get(&id);
            let is_there =
                known.is_some_and(|((side, ..), _)| direction.is_none_or(|d| d == *side));
            if !is_there {
                faults.insert("InvalidSecurityGroupRuleId.NotFound"); // E54
            }
            if !seen.insert(id) {
                faults.insert("InvalidParameterValue"); // E52
            }
        }
    }

    fn modify(
        &self,
        group: usize,
        changes: &[(usize, Typed)],
        faults: &mut BTreeSet<&'static str>,
    ) {
        let numbers: Vec<usize> = changes.iter().map(|(number, _)| *number).collect();
        self.of_ids(group, None, &numbers, faults);
        let mut after = self.rules[group].clone();
        for (id, (_, typed)) in self.ids(group, &numbers).into_iter().zip(changes) {
            let Some((old, _)) = self.rules[group].get(&id) else {
                continue;
            };
            let (kind, _, peer) = self.peer(*typed);
            if typed.traffic == ALL_WITH_PORTS || kind != self.kind(&old.2) {
                faults.insert("InvalidParameterValue");
            }
            if peer.as_ref() != Some(&old.2) {
                faults.extend(self.peer_fault(group, *typed)); // What it has it may keep.
            }
            match self.name(old.0, *typed) {
                None => _ = faults.insert("InvalidParameterValue"),
                Some(name) => _ = after.insert(id, (name, None)),
            }
        }
        let names: BTreeSet<Name> = after.values().map(|(name, _)| name.clone()).collect();
        if names.len() < after.len() {
            faults.insert("InvalidPermission.Duplicate");
        }
        faults.extend(self.quota_fault(&names));
    }

    /// A27, A30, E63: whether a rule of `group` may have this peer.
    fn peer_fault(&self, group: usize, typed: Typed) -> Option<&'static str> {
        let (kind, _, name) = self.peer(typed);
        match (kind, name?.as_str()) {
            (Kind::List, name) if name != self.list.as_str() => {
                Some("InvalidPrefixListID.NotFound")
            }
            (Kind::Group, name) => {
                let other = self.ids.iter().position(|id| id.as_str() == name);
                let may = other.is_some_and(|other| {
                    !self.is_deleted[other] && (other / 2 == group / 2 || self.is_peered)
                });
                (!may).then_some("InvalidGroup.NotFound")
            }
            _ => None,
        }
    }

    /// B19: a group counts in both families, a list as what it may hold.
    fn quota_fault(&self, names: &BTreeSet<Name>) -> Option<&'static str> {
        let is_over = Direction::BOTH.into_iter().any(|direction| {
            let (mut v4, mut v6) = (0, 0);
            for (_, _, peer) in names.iter().filter(|name| name.0 == direction) {
                let (more_v4, more_v6) = match self.kind(peer) {
                    Kind::V4 => (1, 0),
                    Kind::V6 => (0, 1),
                    Kind::List if peer == self.list.as_str() => (2, 0),
                    Kind::List | Kind::Group => (1, 1),
                };
                (v4, v6) = (v4 + more_v4, v6 + more_v6);
            }
            v4.max(v6) > RULES_PER_GROUP
        });
        is_over.then_some("RulesPerSecurityGroupLimitExceeded")
    }

    fn kind(&self, peer: &str) -> Kind {
        let known = PEERS.iter().find(|(_, _, name)| *name == Some(peer));
        known.map_or(Kind::Group, |(kind, ..)| *kind)
    }

    fn is_named_by_neighbours(&self, group: usize) -> bool {
        let neighbour = group ^ 1;
        let names = self.rules[neighbour].values();
        names
            .into_iter()
            .any(|((_, _, peer), _)| *peer == self.ids[group].as_str())
    }

    fn names(&self, group: usize) -> BTreeSet<Name> {
        let names = self.rules[group].values();
        names.map(|(name, _)| name.clone()).collect()
    }
}

/// What is sent.
impl Oracle {
    pub(super) fn permissions(&self, rules: &[Typed]) -> Vec<RawPermission> {
        let permission = |&typed: &Typed| {
            let (protocol, from_port, to_port, _) = TRAFFICS[typed.traffic];
            let (kind, text, _) = self.peer(typed);
            let address = match kind {
                Kind::V4 => RawAddress::Ipv4(text),
                Kind::V6 => RawAddress::Ipv6(text),
                Kind::List => RawAddress::PrefixList(text),
                Kind::Group => RawAddress::Group(by_id(text)),
            };
            RawPermission {
                protocol: Some(protocol.to_owned()),
                from_port,
                to_port,
                peers: vec![RawPeer {
                    address,
                    description: None,
                }],
            }
        };
        rules.iter().map(permission).collect()
    }

    /// Ids of rules of a group by their place; behind the last one there are one of each other group, and one of none.
    pub(super) fn ids(&self, group: usize, numbers: &[usize]) -> Vec<RuleId> {
        let own = self.rules[group].keys();
        let others = (0..GROUPS).filter(|other| *other != group);
        let others = others.filter_map(|other| self.rules[other].keys().next());
        let none = RuleId::new("sgr-99999999999999999");
        let all: Vec<&RuleId> = own.chain(others).chain([&none]).collect();
        let id = |number: &usize| all[number % all.len()].clone();
        numbers.iter().map(id).collect()
    }

    pub(super) fn changes(&self, group: usize, changes: &[(usize, Typed)]) -> Vec<RuleChange> {
        let change = |&(number, typed): &(usize, Typed)| {
            let (protocol, from_port, to_port, _) = TRAFFICS[typed.traffic];
            let (kind, text, _) = self.peer(typed);
            let mut rule = RawRule {
                protocol: Some(protocol.to_owned()),
                from_port,
                to_port,
                ..RawRule::default()
            };
            match kind {
                Kind::V4 => rule.cidr_ipv4 = Some(text),
                Kind::V6 => rule.cidr_ipv6 = Some(text),
                Kind::List => rule.prefix_list = Some(text),
                Kind::Group => rule.group = Some(by_id(text)),
            }
            RuleChange {
                id: self.ids(group, &[number]).remove(0),
                rule,
            }
        };
        changes.iter().map(change).collect()
    }
}

fn by_id(id: String) -> RawGroup {
    RawGroup {
        id: Some(id),
        ..RawGroup::default()
    }
}

/// What came of it.
impl Oracle {
    pub(super) fn authorized(
        &mut self,
        group: usize,
        direction: Direction,
        rules: &[Typed],
        ids: &[RuleId],
    ) {
        assert_eq!(rules.len(), ids.len());
        for (&typed, id) in rules.iter().zip(ids) {
            let name = self.name(direction, typed).unwrap();
            assert!(self.rules.iter().all(|rules| !rules.contains_key(id)));
            self.rules[group].insert(id.clone(), (name, None));
        }
    }

    pub(super) fn revoked(&mut self, group: usize, rules: &[Rule]) {
        for rule in rules {
            let (known, _) = self.rules[group].remove(&rule.id).unwrap();
            assert_eq!(known, name_of(rule));
        }
    }

    pub(super) fn modified(&mut self, group: usize, changes: &[(usize, Typed)]) {
        let numbers: Vec<usize> = changes.iter().map(|(number, _)| *number).collect();
        for (id, (_, typed)) in self.ids(group, &numbers).into_iter().zip(changes) {
            let direction = self.rules[group][&id].0.0;
            let name = self.name(direction, *typed).unwrap();
            self.rules[group].insert(id, (name, None));
        }
    }

    pub(super) fn described(&mut self, group: usize, id: &RuleId, description: Option<String>) {
        self.rules[group].get_mut(id).unwrap().1 = description;
    }

    pub(super) fn deleted(&mut self, group: usize) {
        self.is_deleted[group] = true;
        self.rules[group].clear();
    }

    /// Whether groups have these rules and no others.
    pub(super) fn check_state(&self, state: &State) -> Result<(), TestCaseError> {
        for (group, id) in self.ids.iter().enumerate() {
            let Some(known) = state.inventory.groups.get(id) else {
                prop_assert!(self.is_deleted[group]);
                continue;
            };
            let rules: BTreeMap<_, _> = known
                .rules
                .iter()
                .map(|rule| (rule.id.clone(), (name_of(rule), rule.description.clone())))
                .collect();
            prop_assert_eq!(&rules, &self.rules[group]);
            prop_assert_eq!(rules.len(), known.rules.len());
            prop_assert_eq!(self.names(group).len(), rules.len());
            prop_assert_eq!(self.quota_fault(&self.names(group)), None);
        }
        Ok(())
    }
}

fn name_of(rule: &Rule) -> Name {
    let traffic = rule.spec.traffic;
    let (from, to) = traffic.reported_ports(Listing::Rules).unwrap();
    let peer = match &rule.spec.peer {
        Peer::Group(to) => to.group.to_string(),
        other => other.to_string(),
    };
    let traffic = format!("{} {from} {to}", traffic.reported_protocol());
    (rule.spec.direction, traffic, peer)
}
