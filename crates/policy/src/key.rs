//! Everything a rule can look at but the peer, as one number.
//!
//! Protocol, port, ICMP type and code are laid end to end in one space of 18-bit keys. A packet is
//! one key; the traffic of a rule is at most two spans of keys; a rule for everything is one span,
//! the whole space.
//!
//! | lane | keys | what |
//! |---|---|---|
//! | 0 | `0x0_0000 ..= 0x0_ffff` | TCP, by destination port |
//! | 1 | `0x1_0000 ..= 0x1_ffff` | UDP, by destination port |
//! | 2 | `0x2_0000 ..= 0x2_ffff` | the family's own ICMP, by `type << 8 \| code` |
//! | 3 | `0x3_0000 ..= 0x3_00ff` | packets with none of these selectors, by protocol number |
//!
//! ICMP in IPv6 and ICMPv6 in IPv4 have no lane 2: they are keys of lane 3 that only a rule for
//! everything covers (semantics A19).

use secgroup_packet::{Family, Protocol};

use crate::{IcmpMatch, Selector, Traffic};

/// Bits of a key: two for the lane, sixteen for what the lane is ordered by.
pub(crate) const KEY_BITS: u32 = 18;

/// The largest key in use.
pub(crate) const KEY_MAX: u32 = NUMBER | 0xff;

/// How many lanes there are.
pub(crate) const LANES: usize = 4;

const LANE_BITS: u32 = 16;
const TCP: u32 = 0;
const UDP: u32 = 1 << LANE_BITS;
const ICMP: u32 = 2 << LANE_BITS;
const NUMBER: u32 = 3 << LANE_BITS;

/// The low bits of a key.
const LANE_MASK: u32 = (1 << LANE_BITS) - 1;

/// An inclusive span of keys.
pub(crate) type Span = (u32, u32);

/// The key of a packet.
pub(crate) fn of(family: Family, protocol: Protocol, selector: Selector) -> u32 {
    match selector {
        Selector::Port(port) if protocol == Protocol::TCP => TCP | u32::from(port),
        Selector::Port(port) if protocol == Protocol::UDP => UDP | u32::from(port),
        Selector::Icmp { kind, code } if protocol == icmp_of(family) => {
            ICMP | u32::from(kind) << 8 | u32::from(code)
        }
        // A9: the ports of other protocols are not looked at.
        _ => NUMBER | u32::from(protocol.0),
    }
}

/// The lane that a key lies in.
pub(crate) const fn lane(key: u32) -> usize {
    (key >> LANE_BITS) as usize
}

/// The spans that a rule covers in packets of `family`, in ascending order and apart.
pub(crate) fn spans(traffic: Traffic, family: Family) -> impl Iterator<Item = Span> {
    let spans = match traffic {
        // A11: every protocol.
        Traffic::All => [Some((0, KEY_MAX)), None],
        // A12: an inclusive range of destination ports.
        Traffic::Tcp(ports) => [
            Some((TCP | u32::from(ports.from()), TCP | u32::from(ports.to()))),
            None,
        ],
        Traffic::Udp(ports) => [
            Some((UDP | u32::from(ports.from()), UDP | u32::from(ports.to()))),
            None,
        ],
        // A19: each ICMP only in its own family.
        Traffic::Icmp(icmp) if family == Family::V4 => icmp_spans(Protocol::ICMP, icmp),
        Traffic::Icmpv6(icmp) if family == Family::V6 => icmp_spans(Protocol::ICMPV6, icmp),
        Traffic::Icmp(_) | Traffic::Icmpv6(_) => [None, None],
        Traffic::Other(protocol) => number_spans(protocol, family),
    };
    spans.into_iter().flatten()
}

/// Type and code are two fields, not a range (semantics A15, A17).
fn icmp_spans(protocol: Protocol, icmp: IcmpMatch) -> [Option<Span>; 2] {
    let Some(kind) = icmp.kind else {
        return whole_lane(ICMP, protocol);
    };
    let (low, high) = icmp.code.map_or((0, u8::MAX), |code| (code, code));
    let kind = ICMP | u32::from(kind) << 8;
    [Some((kind | u32::from(low), kind | u32::from(high))), None]
}

/// A rule for a protocol by number covers all of it (A9). A number that has a name means what the
/// name means (A5).
fn number_spans(protocol: Protocol, family: Family) -> [Option<Span>; 2] {
    match protocol {
        Protocol::TCP => whole_lane(TCP, protocol),
        Protocol::UDP => whole_lane(UDP, protocol),
        p if p == icmp_of(family) => whole_lane(ICMP, protocol),
        Protocol::ICMP | Protocol::ICMPV6 => [None, None],
        Protocol(number) => {
            let key = NUMBER | u32::from(number);
            [Some((key, key)), None]
        }
    }
}

/// All of a protocol that has its own lane, its packets without a selector included.
fn whole_lane(lane: u32, protocol: Protocol) -> [Option<Span>; 2] {
    let number = NUMBER | u32::from(protocol.0);
    [Some((lane, lane | LANE_MASK)), Some((number, number))]
}

/// The ICMP that belongs to a family.
const fn icmp_of(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}
