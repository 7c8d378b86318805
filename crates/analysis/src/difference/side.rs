//! What one policy admits at one place: its rules of a direction and family, resolved.
//!
//! A peer is resolved to the addresses that it stands for at this moment (C6 to C8, A26, B28), once
//! for all places that are looked at: a fleet shares few groups.

use std::collections::BTreeMap;
use std::rc::Rc;

use ipnet::IpNet;
use secgroup_datapath::AlwaysTrack;
use secgroup_model::{
    Direction, Family, GroupId, Inventory, Peer, PortRange, Protocol, Rule, SecurityGroup,
};

use crate::addresses::AddressSet;
use crate::change::RuleOf;
use crate::mismatch::ranges;
use crate::tracking::opens;
use crate::traffic_set::{self, Span};

/// A peer, and the addresses that it stands for.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) peer: Peer,
    /// The name of its group or prefix list.
    pub(super) name: Option<String>,
    pub(super) addresses: AddressSet,
}

/// Resolves the peers of one policy, each once.
pub(super) struct Resolver<'a> {
    pub(super) inventory: &'a Inventory,
    members: BTreeMap<&'a GroupId, Vec<IpNet>>,
    /// By the group that has the rule, which decides whether it may name another (A27).
    known: BTreeMap<(&'a GroupId, &'a Peer, Family), Rc<Resolved>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let mut members: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for interface in inventory.interfaces.values() {
            for group in &interface.groups {
                let of_group = members.entry(group).or_default();
                of_group.extend(interface.addresses.iter().copied().map(IpNet::from));
                of_group.extend(interface.prefixes.iter().copied());
            }
        }
        Self {
            inventory,
            members,
            known: BTreeMap::new(),
        }
    }

    fn resolve(&mut self, from: &'a SecurityGroup, peer: &'a Peer, family: Family) -> Rc<Resolved> {
        if let Some(known) = self.known.get(&(&from.id, peer, family)) {
            return Rc::clone(known);
        }
        let addresses = match peer {
            Peer::Group(reference) if self.inventory.may_reference(from, reference) => {
                let members = self.members.get(&reference.group).into_iter().flatten();
                AddressSet::of(family, members.copied())
            }
            _ => AddressSet::of(family, ranges(self.inventory, peer)),
        };
        let resolved = Rc::new(Resolved {
            name: self.name_of(peer),
            peer: peer.clone(),
            addresses,
        });
        let key = (&from.id, peer, family);
        self.known.insert(key, Rc::clone(&resolved));
        resolved
    }

    fn name_of(&self, peer: &Peer) -> Option<String> {
        let (id, name) = match peer {
            Peer::Cidr(_) => return None,
            Peer::PrefixList(id) => (id.as_str(), &self.inventory.prefix_lists.get(id)?.name),
            Peer::Group(reference) => {
                let group = self.inventory.groups.get(&reference.group)?;
                (group.id.as_str(), &group.name)
            }
        };
        (name != id).then(|| name.clone())
    }
}

/// One rule: what it covers, whose it is, and the place of its peer among those of its side.
struct Entry {
    span: Span,
    peer: usize,
    rule: Option<RuleOf>,
}

/// The rules of one direction and family at one place, and the ports that they open to everybody.
pub(super) struct Side {
    pub(super) family: Family,
    entries: Vec<Entry>,
    pub(super) peers: Vec<Rc<Resolved>>,
    /// Numbers of flows of this direction that are not tracked (D8): ascending and apart.
    pub(super) untracked: Vec<Span>,
}

impl Side {
    /// The rules of `groups` (C3).
    pub(super) fn of<'a>(
        resolver: &mut Resolver<'a>,
        groups: &[GroupId],
        direction: Direction,
        family: Family,
    ) -> Self {
        let inventory = resolver.inventory;
        let rules = || {
            let attached = groups.iter().filter_map(|id| inventory.groups.get(id));
            attached.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
        };
        let mut side = Self::nothing(family);
        for (group, rule) in rules().filter(|(_, rule)| rule.spec.direction == direction) {
            let peer = resolver.resolve(group, &rule.spec.peer, family);
            let whose = RuleOf {
                group: group.id.clone(),
                rule: rule.id.clone(),
            };
            if let Some(span) = traffic_set::span(rule.spec.traffic, family) {
                side.add(span, peer, Some(whose));
            }
        }
        side.untracked = untracked(|| rules().map(|(_, rule)| rule), direction, family);
        side
    }

    /// A side that admits nothing.
    pub(super) const fn nothing(family: Family) -> Self {
        Self {
            family,
            entries: Vec::new(),
            peers: Vec::new(),
            untracked: Vec::new(),
        }
    }

    /// A side that stands for the peers whose flows are tracked whatever the rules (D12).
    pub(super) fn always_tracked(always: &AlwaysTrack, family: Family) -> Self {
        let mut side = Self::nothing(family);
        let ranges = match always {
            AlwaysTrack::Never => return side,
            AlwaysTrack::Always => vec![Peer::anywhere(family)],
            AlwaysTrack::Peers(ranges) => ranges.iter().copied().map(Peer::Cidr).collect(),
        };
        for peer in ranges {
            let own = match &peer {
                Peer::Cidr(range) => Some(*range),
                Peer::PrefixList(_) | Peer::Group(_) => None,
            };
            let resolved = Resolved {
                addresses: AddressSet::of(family, own),
                peer,
                name: None,
            };
            side.add(traffic_set::EVERYTHING, Rc::new(resolved), None);
        }
        side
    }

    fn add(&mut self, span: Span, peer: Rc<Resolved>, rule: Option<RuleOf>) {
        if peer.addresses.is_empty() {
            return;
        }
        let known = self.peers.iter().position(|other| {
            // One of two peered VPCs may have a group that the other may not name.
            other.peer == peer.peer && other.addresses == peer.addresses
        });
        let place = known.unwrap_or_else(|| {
            self.peers.push(peer);
            self.peers.len() - 1
        });
        self.entries.push(Entry {
            span,
            peer: place,
            rule,
        });
    }

    /// Where what the rules say changes: the first number of each span, and the one behind it.
    pub(super) fn cuts(&self) -> impl Iterator<Item = u32> + '_ {
        let of_rules = self.entries.iter().map(|entry| entry.span);
        of_rules
            .chain(self.untracked.iter().copied())
            .flat_map(|(first, last)| [first, last + 1])
    }

    /// The peers that may send (or be sent) what `number` stands for, by their places, ascending.
    pub(super) fn peers_of(&self, number: u32) -> Vec<usize> {
        let mut peers: Vec<_> = self.covering(number).map(|entry| entry.peer).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// The rules that let some of `addresses` have what `number` stands for.
    pub(super) fn rules_of<'a>(
        &'a self,
        number: u32,
        addresses: &'a AddressSet,
    ) -> impl Iterator<Item = &'a RuleOf> {
        self.covering(number)
            .filter(|entry| {
                let of_peer = &self.peers[entry.peer].addresses;
                !of_peer.and(addresses).is_empty()
            })
            .filter_map(|entry| entry.rule.as_ref())
    }

    /// Every address of the peers at `places`.
    pub(super) fn addresses_of(&self, places: &[usize]) -> AddressSet {
        let sets = places.iter().map(|&place| &self.peers[place].addresses);
        AddressSet::union(self.family, sets)
    }

    fn covering(&self, number: u32) -> impl Iterator<Item = &Entry> {
        let covers = move |entry: &&Entry| entry.span.0 <= number && number <= entry.span.1;
        self.entries.iter().filter(covers)
    }
}

/// The flows opened in `direction` that are not tracked: those to ports that are open to everybody,
/// where one rule lets every answer pass (D8 to D11).
fn untracked<'a, I: Iterator<Item = &'a Rule>>(
    rules: impl Fn() -> I,
    direction: Direction,
    family: Family,
) -> Vec<Span> {
    let open = |protocol, direction| {
        rules()
            .filter(move |rule| rule.spec.direction == direction)
            .filter_map(move |rule| opens(rule, protocol, family))
    };
    let mut spans = Vec::new();
    for protocol in [Protocol::TCP, Protocol::UDP] {
        if open(protocol, direction.reverse()).any(|ports| ports == PortRange::ALL) {
            let numbers = |ports| traffic_set::ports(protocol, ports);
            spans.extend(open(protocol, direction).filter_map(numbers));
        }
    }
    traffic_set::merged(spans)
}
