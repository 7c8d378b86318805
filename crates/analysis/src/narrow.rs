//! The narrowest rules that still let through what a rule was seen to let through.
//!
//! [`Admitted`] takes down, packet by packet, what a rule admitted: which traffic with which peers.
//! [`narrowed`] makes rules of it, never wider than the rule was:
//!
//! - ports that were used, neighbours as one range; of ICMP the types and codes, of other protocols
//!   the numbers;
//! - of a range, the hosts that were seen, as networks; where there are more than a few, the
//!   networks that they have in common. A group or prefix list stays what it is: it says who is
//!   meant better than addresses do.
//!
//! One rule becomes at most [`MOST_RULES`], for a group has room for few (B15). What is remembered
//! is bounded, too; where more was seen than that, peers or ports stay as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{Family, IcmpMatch, Peer, PortRange, Protocol, RuleSpec, Traffic};
use secgroup_policy::{Query, Selector};

use crate::addresses::AddressSet;

/// Most rules that one becomes.
pub const MOST_RULES: usize = 16;
/// Most pairs of traffic and peer that are remembered of one rule.
const MOST_PAIRS: usize = 1 << 14;

/// What a rule was seen to admit.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    /// Peers by traffic.
    pairs: BTreeMap<Seen, BTreeSet<IpAddr>>,
    count: usize,
    /// There was more than could be remembered.
    overflowed: bool,
}

/// Traffic of one packet, without its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Port(Protocol, u16),
    Icmp(Protocol, u8, u8),
    Other(Protocol),
}

/// How much narrower a rule is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Narrowing {
    /// Traffic and peers.
    Both,
    /// Traffic alone: the peer decides whether flows are tracked (D8).
    Traffic,
    /// Not at all.
    Nothing,
}

impl Admitted {
    /// Takes down that the rule admitted what `query` asked about.
    pub fn note(&mut self, query: &Query) {
        let seen = match query.selector {
            Selector::Port(port) => Seen::Port(query.protocol, port),
            Selector::Icmp { kind, code } => Seen::Icmp(query.protocol, kind, code),
            Selector::None => Seen::Other(query.protocol),
        };
        if self.count >= MOST_PAIRS {
            let known = self
                .pairs
                .get(&seen)
                .is_some_and(|of| of.contains(&query.peer));
            self.overflowed |= !known;
            return;
        }
        let new = self.pairs.entry(seen).or_default().insert(query.peer);
        self.count += usize::from(new);
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether it saw more than it could remember: the rule is not narrowed then.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }
}

/// The narrowest rules in the place of `rule` that admit what was `admitted`: none where that is
/// nothing, and the rule itself where it cannot be narrower.
#[must_use]
pub fn narrowed(rule: &RuleSpec, admitted: &Admitted, how: Narrowing) -> Vec<RuleSpec> {
    if how == Narrowing::Nothing || admitted.overflowed {
        return vec![rule.clone()];
    }
    for most in [8, 4, 2, 1] {
        let rules = attempt(rule, admitted, how, most);
        if rules.len() <= MOST_RULES || most == 1 {
            // As many rules that say the same as one are no gain.
            let same = rules.iter().any(|one| one.covers(rule));
            return if same { vec![rule.clone()] } else { rules };
        }
    }
    vec![rule.clone()]
}

/// At most `most` stretches of each kind of traffic, each with at most `most` networks.
fn attempt(rule: &RuleSpec, admitted: &Admitted, how: Narrowing, most: usize) -> Vec<RuleSpec> {
    let mut by_traffic: BTreeMap<Traffic, BTreeSet<IpAddr>> = BTreeMap::new();
    let pieces = pieces(rule.traffic, admitted, most);
    for (seen, peers) in &admitted.pairs {
        let piece = pieces.iter().find(|piece| holds(**piece, *seen));
        let traffic = piece.copied().unwrap_or(rule.traffic);
        by_traffic.entry(traffic).or_default().extend(peers);
    }
    let mut by_peers: BTreeMap<Vec<Peer>, Vec<Traffic>> = BTreeMap::new();
    for (traffic, peers) in by_traffic {
        let peers = match (&rule.peer, how) {
            (Peer::Cidr(range), Narrowing::Both) => networks(*range, &peers, most),
            (peer, _) => vec![peer.clone()],
        };
        by_peers.entry(peers).or_default().push(traffic);
    }
    let mut rules: Vec<_> = by_peers
        .into_iter()
        .flat_map(|(peers, traffics)| {
            traffics.into_iter().flat_map(move |traffic| {
                let spec = move |peer| RuleSpec {
                    direction: rule.direction,
                    traffic,
                    peer,
                };
                peers.clone().into_iter().map(spec)
            })
        })
        .collect();
    rules.sort_unstable();
    rules
}

/// The traffic that was seen, within `of`, as what rules can say.
fn pieces(of: Traffic, admitted: &Admitted, most: usize) -> Vec<Traffic> {
    let mut ports: BTreeMap<Protocol, Vec<u16>> = BTreeMap::new();
    let mut messages: BTreeMap<Protocol, Vec<(u8, u8)>> = BTreeMap::new();
    let mut others = Vec::new();
    for seen in admitted.pairs.keys() {
        match *seen {
            Seen::Port(protocol, port) => ports.entry(protocol).or_default().push(port),
            Seen::Icmp(protocol, kind, code) => {
                messages.entry(protocol).or_default().push((kind, code));
            }
            Seen::Other(protocol) => others.push(protocol),
        }
    }
    let mut pieces = Vec::new();
    for (protocol, ports) in ports {
        let stretches = stretches(&ports, most).into_iter();
        pieces.extend(stretches.filter_map(|ports| match protocol {
            Protocol::TCP => Some(Traffic::Tcp(ports)),
            Protocol::UDP => Some(Traffic::Udp(ports)),
            _ => None,
        }));
    }
    for (protocol, messages) in messages {
        pieces.extend(
            icmp(&messages, most)
                .into_iter()
                .filter_map(|one| match protocol {
                    Protocol::ICMP => Some(Traffic::Icmp(one)),
                    Protocol::ICMPV6 => Some(Traffic::Icmpv6(one)),
                    _ => None,
                }),
        );
    }
    // A number that has a name is told by its ports or types; without them only `-1` covers it.
    let numbers = others.iter().filter(|protocol| !is_named(**protocol));
    if numbers.clone().count() <= most {
        pieces.extend(numbers.map(|protocol| Traffic::Other(*protocol)));
    }
    pieces.retain(|piece| of.covers(*piece));
    pieces
}

/// Ascending ports as at most `most` ranges: the widest gaps stay.
fn stretches(ports: &[u16], most: usize) -> Vec<PortRange> {
    let mut gaps: Vec<(u16, usize)> = ports
        .windows(2)
        .enumerate()
        .map(|(at, pair)| (pair[1] - pair[0], at + 1))
        .filter(|(gap, _)| *gap > 1)
        .collect();
    gaps.sort_unstable_by_key(|(gap, at)| (std::cmp::Reverse(*gap), *at));
    gaps.truncate(most - 1);
    let mut cuts: Vec<_> = gaps.into_iter().map(|(_, at)| at).collect();
    cuts.sort_unstable();
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([ports.len()]);
    starts
        .zip(ends)
        .filter_map(|(start, end)| PortRange::new(*ports.get(start)?, *ports.get(end - 1)?))
        .collect()
}

/// Messages one by one, by type, or all of them: whatever is few enough.
fn icmp(messages: &[(u8, u8)], most: usize) -> Vec<IcmpMatch> {
    let types: BTreeSet<u8> = messages.iter().map(|(kind, _)| *kind).collect();
    if messages.len() <= most {
        let one = |(kind, code): &(u8, u8)| IcmpMatch::TypeAndCode(*kind, *code);
        messages.iter().map(one).collect()
    } else if types.len() <= most {
        types.into_iter().map(IcmpMatch::Type).collect()
    } else {
        vec![IcmpMatch::All]
    }
}

fn holds(traffic: Traffic, seen: Seen) -> bool {
    match (traffic, seen) {
        (Traffic::Tcp(ports), Seen::Port(Protocol::TCP, port))
        | (Traffic::Udp(ports), Seen::Port(Protocol::UDP, port)) => ports.contains(port),
        (Traffic::Icmp(one), Seen::Icmp(Protocol::ICMP, kind, code))
        | (Traffic::Icmpv6(one), Seen::Icmp(Protocol::ICMPV6, kind, code)) => {
            one.covers(kind, code)
        }
        (Traffic::Other(one), Seen::Other(other)) => one == other,
        _ => false,
    }
}

/// At most `most` networks within `range` that hold all of `hosts`: of the longest prefix that is
/// short enough, each then as narrow as its hosts allow.
fn networks(range: IpNet, hosts: &BTreeSet<IpAddr>, most: usize) -> Vec<Peer> {
    let family = Family::of(range.addr());
    let exact = AddressSet::of(family, hosts.iter().copied().map(IpNet::from)).networks();
    if exact.len() <= most {
        return exact.into_iter().map(Peer::Cidr).collect();
    }
    let group = |length: u8| {
        let mut groups: BTreeMap<IpNet, IpNet> = BTreeMap::new();
        for network in &exact {
            let short = network.prefix_len().min(length);
            let Ok(key) = IpNet::new(network.network(), short) else {
                continue;
            };
            let so_far = groups.entry(key.trunc()).or_insert(*network);
            *so_far = common(*so_far, *network);
        }
        groups
    };
    let lengths = (range.prefix_len()..=range.max_prefix_len()).rev();
    let found = lengths.map(group).find(|groups| groups.len() <= most);
    let found = found.unwrap_or_else(|| BTreeMap::from([(range, range)]));
    found.into_values().map(Peer::Cidr).collect()
}

/// The narrowest network that holds both.
fn common(one: IpNet, other: IpNet) -> IpNet {
    let mut network = one;
    while !network.contains(&other) {
        let Some(wider) = network.supernet() else {
            return network;
        };
        network = wider;
    }
    network
}

/// Whether a protocol has a name, and ports or types to tell it by (A5).
fn is_named(protocol: Protocol) -> bool {
    let named = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::ICMP,
        Protocol::ICMPV6,
    ];
    named.contains(&protocol)
}
