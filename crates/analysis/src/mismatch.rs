//! On which fields a rule fails, rule by rule, in the words of the model. Slow and exact; the
//! engine never comes here.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{Inventory, Peer, PortRange, RuleSpec, SecurityGroup, Traffic};
use secgroup_policy::{Query, Selector};

/// A field of a rule, the nearest first: a rule for the right port and the wrong peer says more
/// about a denied packet than one for everybody and another port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The other end.
    Peer,
    /// Port range, or ICMP type and code.
    Port,
    /// The protocol.
    Protocol,
}

impl Field {
    /// `peer`, `port` or `protocol`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Port => "port",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The fields on which a rule of the packet's direction failed, nearest first, and by how much.
///
/// The order of mismatches is how far off the rule is: fewer fields first, then nearer fields, then
/// the nearer port range, then the range that shares more leading bits with the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mismatch {
    count: usize,
    /// The first `count`; behind them lies what two mismatches of one count have in common.
    fields: [Field; 2],
    /// Ports between the packet's and the rule's range.
    port_gap: u16,
    /// Bits of the peer behind the last one that it shares with the rule's nearest range.
    peer_gap: u32,
}

impl Mismatch {
    /// How `rule` of `group` fails to match what `query` asks. It must be one of its direction.
    pub(crate) fn of(
        inventory: &Inventory,
        group: &SecurityGroup,
        rule: &RuleSpec,
        query: &Query,
    ) -> Self {
        let traffic = if !protocol_matches(rule.traffic, query) {
            Some(Field::Protocol)
        } else if !ports_match(rule.traffic, query.selector) {
            Some(Field::Port)
        } else {
            None
        };
        let is_peer = peer_matches(inventory, group, &rule.peer, query.peer);
        let peer = (!is_peer).then_some(Field::Peer);
        let (count, fields) = match (peer, traffic) {
            (Some(peer), Some(traffic)) => (2, [peer, traffic]),
            (Some(only), None) | (None, Some(only)) => (1, [only, Field::Protocol]),
            (None, None) => (0, [Field::Protocol; 2]),
        };
        Self {
            count,
            port_gap: match (traffic, rule.traffic.ports(), query.selector) {
                (Some(Field::Port), Some(ports), Selector::Port(port)) => port_gap(ports, port),
                _ => 0,
            },
            peer_gap: peer.map_or(0, |_| peer_gap(inventory, &rule.peer, query.peer)),
            fields,
        }
    }

    /// The fields on which it fails, nearest first; none where it matches.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields[..self.count]
    }

    /// Whether the rule matches.
    pub(crate) const fn is_match(&self) -> bool {
        self.count == 0
    }
}

/// ICMP rules cover ICMP of their own family only; `-1` covers everything (semantics A11, A19).
pub(crate) fn protocol_matches(traffic: Traffic, query: &Query) -> bool {
    let is_family = traffic
        .family()
        .is_none_or(|family| family == query.family());
    let is_protocol = traffic
        .protocol()
        .is_none_or(|protocol| protocol == query.protocol);
    is_family && is_protocol
}

/// A12, A15 to A17; the protocol is the right one.
pub(crate) fn ports_match(traffic: Traffic, selector: Selector) -> bool {
    match (traffic, selector) {
        (Traffic::Tcp(ports) | Traffic::Udp(ports), Selector::Port(port)) => ports.contains(port),
        (Traffic::Icmp(messages) | Traffic::Icmpv6(messages), Selector::Icmp { kind, code }) => {
            messages.covers(kind, code)
        }
        (Traffic::All | Traffic::Other(_), _) => true,
        _ => false,
    }
}

/// C5 to C8, A26, B28.
pub(crate) fn peer_matches(
    inventory: &Inventory,
    from: &SecurityGroup,
    peer: &Peer,
    address: IpAddr,
) -> bool {
    let Peer::Group(reference) = peer else {
        return ranges(inventory, peer).any(|range| range.contains(&address));
    };
    inventory.reach(from, reference).is_allowed()
        && inventory
            .interfaces
            .values()
            .any(|member| member.groups.contains(&reference.group) && member.has_address(address))
}

/// The ranges that a peer says itself: its own, or the entries of its prefix list.
pub(crate) fn ranges<'a>(
    inventory: &'a Inventory,
    peer: &'a Peer,
) -> impl Iterator<Item = IpNet> + 'a {
    let (own, list) = match peer {
        Peer::Cidr(range) => (Some(*range), None),
        Peer::PrefixList(id) => (None, inventory.prefix_lists.get(id)),
        Peer::Group(_) => (None, None),
    };
    let entries = list.into_iter().flat_map(|list| list.entries());
    own.into_iter().chain(entries.map(|entry| entry.cidr))
}

fn port_gap(ports: PortRange, port: u16) -> u16 {
    if port < ports.from() {
        ports.from() - port
    } else {
        port.saturating_sub(ports.to())
    }
}

/// Groups, and ranges of the other family, are farther than every range of the family.
fn peer_gap(inventory: &Inventory, peer: &Peer, address: IpAddr) -> u32 {
    ranges(inventory, peer)
        .filter_map(|range| match (range.addr(), address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                Some(u32::BITS - (a.to_bits() ^ b.to_bits()).leading_zeros())
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                Some(u128::BITS - (a.to_bits() ^ b.to_bits()).leading_zeros())
            }
            _ => None,
        })
        .min()
        .unwrap_or(u32::MAX)
}
