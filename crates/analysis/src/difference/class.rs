//! Classes: sets of flows that two policies treat differently.
//!
//! A rule is a rectangle, traffic times peer, and a policy the union of its rectangles; what one
//! admits and another does not is an intersection of unions, which no list of rules says. It is cut
//! exactly, and put together again for people:
//!
//! 1. *Cut* the traffic where any rule of either policy begins or ends. Between two cuts both
//!    policies say the same of every port, so that a set of addresses is all that is left: those of
//!    the one side's peers without those of the other's.
//! 2. *Merge* the pieces that have the same set into one class. Classes are disjoint by their
//!    traffic, and there are never more of them than different sets.
//! 3. *Name* the set by the peers of the rules that made it: each that lies in it, then each that
//!    lies in it but for some, with what is excepted. What the names say together is the set, again
//!    exactly.
//!
//! The pieces are at most twice as many as rules, and each is the work of its rules' ranges:
//! rectangles would have been as many as products of both.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ipnet::IpNet;
use secgroup_model::{Direction, Peer};
use secgroup_policy::Query;
use serde::Serialize;

use crate::addresses::AddressSet;
use crate::change::RuleOf;
use crate::difference::side::{Resolved, Side};
use crate::traffic_set::{self, Span};

/// Flows that two policies treat differently, all in the same way: new flows of this traffic, with
/// a peer of these addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// The direction in which the flow is opened.
    pub direction: &'static str,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Protocols, ports, ICMP types and codes.
    pub traffic: Vec<String>,
    /// The other end, in the words of the policy that admits it. One may lie in another.
    pub peers: Vec<PeerSet>,
    /// Exactly the addresses of the other end, in the fewest ranges.
    pub ranges: Vec<IpNet>,
    /// The rules that admit it in the policy that does.
    pub rules: Vec<RuleOf>,
    #[serde(skip)]
    way: Direction,
    #[serde(skip)]
    spans: Vec<Span>,
    #[serde(skip)]
    addresses: AddressSet,
}

/// Addresses, as a person would say them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerSet {
    /// A range, a prefix list's id or a group's.
    pub peer: String,
    /// The name of the list or group, where it is not its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it stands for: entries of the list, addresses of the members.
    pub addresses: Vec<IpNet>,
    /// What of that is not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Self>,
}

impl Class {
    /// Whether the flow that `query` opens is one of this class.
    #[must_use]
    pub fn holds(&self, query: &Query) -> bool {
        query.direction == self.way
            && self.addresses.contains(query.peer)
            && traffic_set::holds(&self.spans, traffic_set::number(query))
    }
}

/// The flows that `wanted` admits and `other` does not, of the numbers that `keep` is for. Between
/// two of `cuts` nothing changes of what either side, or `keep`, says.
pub(super) fn classes(
    direction: Direction,
    (wanted, other): (&Side, &Side),
    cuts: &BTreeSet<u32>,
    keep: impl Fn(u32) -> bool,
) -> Vec<Class> {
    let mut pieces: BTreeMap<Rc<AddressSet>, Vec<Span>> = BTreeMap::new();
    let mut known: BTreeMap<(Vec<usize>, Vec<usize>), Rc<AddressSet>> = BTreeMap::new();
    for (&first, &next) in cuts.iter().zip(cuts.iter().skip(1)) {
        let peers = wanted.peers_of(first);
        if peers.is_empty() || !keep(first) {
            continue;
        }
        let both = (peers, other.peers_of(first));
        let set = known.entry(both).or_insert_with_key(|(peers, others)| {
            let others = other.addresses_of(others);
            Rc::new(wanted.addresses_of(peers).minus(&others))
        });
        if !set.is_empty() {
            pieces
                .entry(Rc::clone(set))
                .or_default()
                .push((first, next - 1));
        }
    }
    let mut classes: Vec<_> = pieces
        .into_iter()
        .map(|(set, spans)| class(direction, wanted, other, &set, &spans))
        .collect();
    classes.sort_by(|one, two| one.spans.cmp(&two.spans));
    classes
}

/// The class of one set: `pieces` are ascending, and what either side says of each does not change
/// within it.
fn class(
    direction: Direction,
    wanted: &Side,
    other: &Side,
    set: &AddressSet,
    pieces: &[Span],
) -> Class {
    let firsts = || pieces.iter().map(|piece| piece.0);
    let rules: BTreeSet<_> = firsts()
        .flat_map(|first| wanted.rules_of(first, set))
        .map(|rule| (&rule.group, &rule.rule))
        .collect();
    let rules = rules.into_iter().map(|(group, rule)| RuleOf {
        group: group.clone(),
        rule: rule.clone(),
    });
    let peers = |side: &Side| {
        let places: BTreeSet<_> = firsts().flat_map(|first| side.peers_of(first)).collect();
        let peers = places
            .into_iter()
            .map(|place| Rc::clone(&side.peers[place]));
        peers.collect::<Vec<_>>()
    };
    let (candidates, others) = (peers(wanted), peers(other));
    let spans = traffic_set::merged(pieces.to_owned());
    Class {
        direction: direction.as_str(),
        family: set.family().to_string(),
        traffic: traffic_set::words(&spans, set.family()),
        peers: named(set, &candidates, &others),
        ranges: set.networks(),
        rules: rules.collect(),
        way: direction,
        spans,
        addresses: set.clone(),
    }
}

/// `set` by the names of `candidates`, which hold all of it between them: those that lie in it
/// first, larger ones before smaller, then those that reach beyond.
fn named(set: &AddressSet, candidates: &[Rc<Resolved>], others: &[Rc<Resolved>]) -> Vec<PeerSet> {
    let mut parts: Vec<_> = candidates
        .iter()
        .map(|peer| (peer, peer.addresses.and(set)))
        .collect();
    parts.sort_by_key(|(peer, part)| (*part != peer.addresses, std::cmp::Reverse(part.count())));
    let mut rest = set.clone();
    let mut words = Vec::new();
    for (peer, part) in parts {
        if part.and(&rest).is_empty() {
            continue;
        }
        rest = rest.minus(&part);
        let outside = peer.addresses.minus(&part);
        words.push(words_of(peer, excepted(&outside, others)));
    }
    words
}

/// `outside` by the names of `others` that lie in it, and by ranges.
fn excepted(outside: &AddressSet, others: &[Rc<Resolved>]) -> Vec<PeerSet> {
    let mut inside: Vec<_> = others
        .iter()
        .filter(|peer| peer.addresses.is_within(outside))
        .collect();
    inside.sort_by_key(|peer| std::cmp::Reverse(peer.addresses.count()));
    let mut rest = outside.clone();
    let mut words = Vec::new();
    for peer in inside {
        if !peer.addresses.and(&rest).is_empty() {
            rest = rest.minus(&peer.addresses);
            words.push(words_of(peer, Vec::new()));
        }
    }
    let range = |network: IpNet| PeerSet {
        peer: Peer::Cidr(network).to_string(),
        name: None,
        addresses: vec![network],
        except: Vec::new(),
    };
    words.extend(rest.networks().into_iter().map(range));
    words
}

fn words_of(peer: &Resolved, except: Vec<PeerSet>) -> PeerSet {
    PeerSet {
        peer: peer.peer.to_string(),
        name: peer.name.clone(),
        addresses: peer.addresses.networks(),
        except,
    }
}
