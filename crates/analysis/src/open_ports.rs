//! What everybody may reach beyond what is usually meant for everybody.

use secgroup_model::{Direction, Family, IcmpMatch, Peer, PortRange, RuleSpec, Traffic};

use crate::traffic_set;

/// What is usually open to everybody: the web, and the messages without which paths break or hosts
/// look dead.
pub const USUAL: [Traffic; 8] = [
    Traffic::Tcp(PortRange::single(80)),
    Traffic::Tcp(PortRange::single(443)),
    Traffic::Udp(PortRange::single(443)),
    // Unreachable with the path MTU, echo request; then packet too big, echo request.
    Traffic::Icmp(IcmpMatch::TypeAndCode(3, 4)),
    Traffic::Icmp(IcmpMatch::TypeAndCode(8, 0)),
    Traffic::Icmp(IcmpMatch::Type(8)),
    Traffic::Icmpv6(IcmpMatch::Type(2)),
    Traffic::Icmpv6(IcmpMatch::Type(128)),
];

/// What `rule` opens to every address of a family beyond `usual`, in words; empty for a rule that
/// opens nothing to everybody, and for one of egress.
#[must_use]
pub fn open_ports(rule: &RuleSpec, usual: &[Traffic]) -> Vec<String> {
    let everybody = |family: &Family| rule.peer == Peer::anywhere(*family);
    let family = match Family::BOTH.into_iter().find(everybody) {
        Some(family) if rule.direction == Direction::Ingress => family,
        _ => return Vec::new(),
    };
    let Some((first, last)) = traffic_set::span(rule.traffic, family) else {
        return Vec::new();
    };
    let usual = usual
        .iter()
        .filter_map(|traffic| traffic_set::span(*traffic, family));
    let mut rest = Vec::new();
    let mut next = first;
    for (from, to) in traffic_set::merged(usual.collect()) {
        if from > next && next <= last {
            rest.push((next, last.min(from - 1)));
        }
        next = next.max(to + 1);
    }
    if next <= last {
        rest.push((next, last));
    }
    traffic_set::words(&rest, family)
}
