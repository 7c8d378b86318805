//! Who talks to whom, in the words of the policy: an end that is an interface's is called by the groups of the interface, any other by what
//! kind of address it has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::HashMap;
use secgroup_control::Registry;
use secgroup_datapath::{Action, Reason};
use secgroup_model::{Inventory, NetworkInterface};
use secgroup_packet::InterfaceIndex;

use crate::decided::{Decided, Fate};
use crate::look::Kind;
use crate::report::Volume;
use crate::survey::Conversation;

/// Most parties that are told apart; those beyond are one.
const MOST: usize = 256;

/// The parties that are there before any policy, by position.
const ELSEWHERE: [&str; 5] = [
    "Internet",
    "private networks",
    "link-local",
    "multicast",
    "other groups",
];
const INTERNET: usize = 0;
const PRIVATE: usize = 1;
const LINK_LOCAL: usize = 2;
const MULTICAST: usize = 3;
const OTHER_GROUPS: usize = 4;

/// What goes between two parties.
#[derive(Debug, Clone, Copy, Default)]
struct Between {
    allowed: Volume,
    denied: Volume,
    opened: u64,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Parties {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// By number of the interface.
    of_interfaces: Vec<Option<usize>>,
    /// The ranges of the policy's VPCs.
    vpcs: Vec<ipnet::IpNet>,
    pairs: BTreeMap<(usize, usize), Between>,
}

impl Parties {
    pub(super) fn new() -> Self {
        let names = ELSEWHERE.map(str::to_owned).to_vec();
        Self {
            numbers: HashMap::new(),
            names,
            of_interfaces: Vec::new(),
            vpcs: Vec::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// Interfaces have the groups of this policy from now on.
    pub(super) fn configure(&mut self, policy: &Inventory, registry: &Registry) {
        self.of_interfaces.clear();
        self.of_interfaces.resize(registry.interface_count(), None);
        for interface in policy.interfaces.values() {
            let Some(index) = registry.interface_index(&interface.id) else {
                continue;
            };
            let number = self.number(called(interface, policy));
            if let Some(place) = self.of_interfaces.get_mut(index.0 as usize) {
                *place = Some(number);
            }
        }
        self.vpcs.clear();
        for vpc in policy.vpcs.values() {
            self.vpcs
                .extend(vpc.cidrs.iter().copied().map(ipnet::IpNet::V4));
            self.vpcs
                .extend(vpc.ipv6_cidrs.iter().copied().map(ipnet::IpNet::V6));
        }
    }

    /// Counts a packet that was judged.
    pub(super) fn take(&mut self, decided: &Decided<'_>, fate: Fate) {
        let (Kind::Ip(packet), Fate::Judged(action)) = (decided.kind, fate) else {
            return;
        };
        let from = self.party(decided.crossed.egress, packet.addresses.src());
        let to = self.party(decided.crossed.ingress, packet.addresses.dst());
        let between = self.pairs.entry((from, to)).or_default();
        match action {
            Action::Allow => between.allowed.add(decided.record.wire_len),
            Action::Deny => between.denied.add(decided.record.wire_len),
        }
        let opens = decided
            .verdicts
            .iter()
            .any(|verdict| verdict.reason == Reason::New);
        between.opened += u64::from(opens && action == Action::Allow);
    }

    /// Everything between two that is not nothing, most packets first.
    pub(super) fn conversations(self) -> Vec<Conversation> {
        let mut all: Vec<_> = self
            .pairs
            .into_iter()
            .map(|((from, to), between)| Conversation {
                from: self.names[from].clone(),
                to: self.names[to].clone(),
                allowed: between.allowed,
                denied: between.denied,
                opened: between.opened,
            })
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.allowed.packets + one.denied.packets));
        all
    }

    fn number(&mut self, name: String) -> usize {
        if let Some(known) = self.numbers.get(&name) {
            return *known;
        }
        if self.names.len() >= MOST {
            return OTHER_GROUPS;
        }
        let number = self.names.len();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    fn party(&self, interface: Option<InterfaceIndex>, address: IpAddr) -> usize {
        let known = interface.and_then(|index| *self.of_interfaces.get(index.0 as usize)?);
        known.unwrap_or_else(|| self.kind_of(address))
    }

    fn kind_of(&self, address: IpAddr) -> usize {
        let (is_multicast, is_link_local, is_private) = match address {
            IpAddr::V4(v4) => (
                v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified(),
                v4.is_link_local(),
                v4.is_private(),
            ),
            IpAddr::V6(v6) => (
                v6.is_multicast() || v6.is_unspecified(),
                v6.is_unicast_link_local(),
                v6.is_unique_local(),
            ),
        };
        if is_multicast {
            MULTICAST
        } else if is_link_local {
            LINK_LOCAL
        } else if is_private || self.vpcs.iter().any(|range| range.contains(&address)) {
            PRIVATE
        } else {
            INTERNET
        }
    }
}

/// The names of an interface's groups.
fn called(interface: &NetworkInterface, policy: &Inventory) -> String {
    let names = interface.groups.iter().map(|id| {
        let group = policy.groups.get(id);
        group.map_or_else(|| id.to_string(), |group| group.name.clone())
    });
    names.collect::<Vec<_>>().join(" + ")
}
