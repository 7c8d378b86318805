//! Which rule covers which, without holding every rule against every other.
//!
//! Everything that a rule may say of a packet is a peer, a protocol and one range of numbers: its
//! ports, or ICMP type and code read as one number. Rules of one direction, peer and protocol lie
//! in one *lane*, sorted by where their ranges begin. A rule can only be covered by one whose peer
//! is the same or a range around it, and whose protocol is the same or all: a few lanes, each asked
//! by binary search for the range that reaches farthest of those that begin early enough. All rules
//! together cost `n log n`, however many there are (`RuleSpec::covers` says what covering is).

use std::cmp::Reverse;
use std::collections::HashMap;

use secgroup_model::{Direction, IcmpMatch, Peer, Protocol, Rule, SecurityGroup, Traffic};

type LaneKey = (Direction, Peer, Option<Protocol>);

/// Rules in the order in which they were given, and their lanes.
pub(super) struct Covers<'a> {
    rules: Vec<(&'a SecurityGroup, &'a Rule)>,
    lanes: HashMap<LaneKey, Lane>,
}

#[derive(Default)]
struct Lane {
    /// Sorted: of rules that begin at the same number the longer, then the earlier comes first, so
    /// that whatever covers a rule, and came before it if it is equal, stands before it.
    ranges: Vec<Range>,
    /// The one of `ranges[..=i]` that reaches farthest, by `i`.
    farthest: Vec<usize>,
}

struct Range {
    from: u16,
    to: u16,
    /// The index of its rule.
    rule: usize,
}

impl Range {
    const fn key(&self) -> (u16, Reverse<u16>, usize) {
        (self.from, Reverse(self.to), self.rule)
    }
}

impl Lane {
    fn finish(&mut self) {
        self.ranges.sort_unstable_by_key(Range::key);
        let mut best = 0;
        for (place, range) in self.ranges.iter().enumerate() {
            if range.to > self.ranges[best].to {
                best = place;
            }
            self.farthest.push(best);
        }
    }

    /// The rule that covers `from..=to`, of the first `len` ranges.
    fn cover(&self, len: usize, to: u16) -> Option<usize> {
        let farthest = &self.ranges[self.farthest[len.checked_sub(1)?]];
        (farthest.to >= to).then_some(farthest.rule)
    }
}

impl<'a> Covers<'a> {
    pub(super) fn new(groups: impl IntoIterator<Item = &'a SecurityGroup>) -> Self {
        let rules: Vec<_> = groups
            .into_iter()
            .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
            .collect();
        let mut lanes: HashMap<LaneKey, Lane> = HashMap::new();
        for (index, (_, rule)) in rules.iter().enumerate() {
            let (protocol, from, to) = numbers(rule.spec.traffic);
            let key = (rule.spec.direction, rule.spec.peer.clone(), protocol);
            let range = Range {
                from,
                to,
                rule: index,
            };
            lanes.entry(key).or_default().ranges.push(range);
        }
        lanes.values_mut().for_each(Lane::finish);
        Self { rules, lanes }
    }

    /// Every rule that another one covers, and that one. Of equal rules the first covers the
    /// others.
    pub(super) fn covered(
        &self,
    ) -> impl Iterator<Item = ((&'a SecurityGroup, &'a Rule), (&'a SecurityGroup, &'a Rule))> {
        let cover = |(index, of)| Some((of, self.rules[self.cover(index)?]));
        self.rules.iter().copied().enumerate().filter_map(cover)
    }

    fn cover(&self, index: usize) -> Option<usize> {
        let spec = &self.rules[index].1.spec;
        let (protocol, from, to) = numbers(spec.traffic);
        let own = Range {
            from,
            to,
            rule: index,
        };
        let every = protocol.map(|_| None);
        around(&spec.peer).find_map(|peer| {
            [every, Some(protocol)]
                .into_iter()
                .flatten()
                .find_map(|lane_protocol| {
                    let key = (spec.direction, peer.clone(), lane_protocol);
                    let lane = self.lanes.get(&key)?;
                    let len = if lane_protocol == protocol && peer == spec.peer {
                        lane.ranges.partition_point(|range| range.key() < own.key())
                    } else {
                        lane.ranges.partition_point(|range| range.from <= from)
                    };
                    lane.cover(len, to)
                })
        })
    }
}

/// The peer, and if it is a range every one around it, the nearest first.
fn around(peer: &Peer) -> impl Iterator<Item = Peer> + use<> {
    std::iter::successors(Some(peer.clone()), |peer| match peer {
        Peer::Cidr(range) => range.supernet().map(Peer::Cidr),
        Peer::PrefixList(_) | Peer::Group(_) => None,
    })
}

/// The protocol, `None` for all, and the range of numbers.
const fn numbers(traffic: Traffic) -> (Option<Protocol>, u16, u16) {
    match traffic {
        Traffic::All | Traffic::Other(_) => (traffic.protocol(), 0, u16::MAX),
        Traffic::Tcp(ports) | Traffic::Udp(ports) => (traffic.protocol(), ports.from(), ports.to()),
        Traffic::Icmp(messages) | Traffic::Icmpv6(messages) => {
            let (from, to) = match messages {
                IcmpMatch::All => (0, u16::MAX),
                IcmpMatch::Type(kind) => {
                    let [from, to] = [[kind, 0], [kind, u8::MAX]];
                    (u16::from_be_bytes(from), u16::from_be_bytes(to))
                }
                IcmpMatch::TypeAndCode(kind, code) => {
                    let number = u16::from_be_bytes([kind, code]);
                    (number, number)
                }
            };
            (traffic.protocol(), from, to)
        }
    }
}
