//! Everything that a rule says of a new flow but its peer, as numbers.
//!
//! Protocol, destination port, ICMP type and code are laid end to end, so that what a rule covers
//! is a span or none, and what two policies differ in is a list of spans:
//!
//! | numbers | what |
//! |---|---|
//! | `0x0_0000 ..= 0x0_ffff` | TCP, by destination port |
//! | `0x1_0000 ..= 0x1_ffff` | UDP, by destination port |
//! | `0x2_0000 ..= 0x2_ffff` | the family's own ICMP, by type and code |
//! | `0x3_0000 ..= 0x3_00ff` | every other protocol, by its number |
//!
//! The engine's own compiler has such a space, too. This one is its own on purpose: what it says is
//! held against verdicts, and a mistake in one would not be one in the other.

use secgroup_model::{Family, IcmpMatch, PortRange, Protocol, Traffic};
use secgroup_policy::{Query, Selector};

/// A span of numbers, both ends included.
pub(crate) type Span = (u32, u32);

const TCP: u32 = 0;
const UDP: u32 = 0x1_0000;
const ICMP: u32 = 0x2_0000;
const OTHER: u32 = 0x3_0000;
/// Every number.
pub(crate) const EVERYTHING: Span = (0, LAST);
/// The last number in use.
const LAST: u32 = OTHER | 0xff;
/// The lanes, each with its last number.
const LANES: [Span; 4] = [
    (TCP, UDP - 1),
    (UDP, ICMP - 1),
    (ICMP, OTHER - 1),
    (OTHER, LAST),
];

/// The number of what `query` asks about.
pub(crate) fn number(query: &Query) -> u32 {
    let family = Family::of(query.peer);
    match (query.protocol, query.selector) {
        (Protocol::TCP, Selector::Port(port)) => TCP | u32::from(port),
        (Protocol::UDP, Selector::Port(port)) => UDP | u32::from(port),
        (protocol, Selector::Icmp { kind, code }) if protocol == own_icmp(family) => {
            ICMP | u32::from(u16::from_be_bytes([kind, code]))
        }
        (protocol, _) => OTHER | u32::from(protocol.0),
    }
}

/// The numbers that `traffic` covers in packets of `family`; `None` for none (A19).
pub(crate) fn span(traffic: Traffic, family: Family) -> Option<Span> {
    match traffic {
        Traffic::All => Some(EVERYTHING),
        Traffic::Tcp(ports) => Some(ports_in(TCP, ports)),
        Traffic::Udp(ports) => Some(ports_in(UDP, ports)),
        Traffic::Icmp(messages) => (family == Family::V4).then(|| icmp(messages)),
        Traffic::Icmpv6(messages) => (family == Family::V6).then(|| icmp(messages)),
        Traffic::Other(protocol) => {
            let number = OTHER | u32::from(protocol.0);
            Some((number, number))
        }
    }
}

/// The numbers of `ports` of a protocol that has ports; `None` for another.
pub(crate) fn ports(protocol: Protocol, ports: PortRange) -> Option<Span> {
    match protocol {
        Protocol::TCP => Some(ports_in(TCP, ports)),
        Protocol::UDP => Some(ports_in(UDP, ports)),
        _ => None,
    }
}

/// The numbers of `spans` in as few spans as can be, ascending.
pub(crate) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// Whether `number` is one of `spans`, which are ascending and apart.
pub(crate) fn holds(spans: &[Span], number: u32) -> bool {
    let after = spans.partition_point(|&(first, _)| first <= number);
    after > 0 && number <= spans[after - 1].1
}

/// `spans` in words, ascending: `tcp 22`, `udp 1024-65535`, `icmp type 8`, `all traffic`.
pub(crate) fn words(spans: &[Span], family: Family) -> Vec<String> {
    if spans == [EVERYTHING] {
        return vec![Traffic::All.to_string()];
    }
    let mut words = Vec::new();
    for lane in LANES {
        let within = spans.iter().filter_map(|&span| overlap(span, lane));
        for span in within {
            let (from, to) = (low_half(span.0), low_half(span.1));
            match lane.0 {
                TCP => words.extend(PortRange::new(from, to).map(|p| Traffic::Tcp(p).to_string())),
                UDP => words.extend(PortRange::new(from, to).map(|p| Traffic::Udp(p).to_string())),
                ICMP => icmp_words(from, to, own_icmp(family), &mut words),
                _ if span == lane => words.push("every other protocol".to_owned()),
                _ if from == to => words.push(format!("protocol {from}")),
                _ => words.push(format!("other protocols {from}-{to}")),
            }
        }
    }
    words
}

fn ports_in(lane: u32, ports: PortRange) -> Span {
    (lane | u32::from(ports.from()), lane | u32::from(ports.to()))
}

fn icmp(messages: IcmpMatch) -> Span {
    let number = |kind, code| ICMP | u32::from(u16::from_be_bytes([kind, code]));
    match messages {
        IcmpMatch::All => (ICMP, OTHER - 1),
        IcmpMatch::Type(kind) => (number(kind, 0), number(kind, u8::MAX)),
        IcmpMatch::TypeAndCode(kind, code) => (number(kind, code), number(kind, code)),
    }
}

/// Types and codes from one message to another: whole types together, others by code.
fn icmp_words(from: u16, to: u16, protocol: Protocol, words: &mut Vec<String>) {
    let ([first, first_code], [last, last_code]) = (from.to_be_bytes(), to.to_be_bytes());
    if (from, to) == (0, u16::MAX) {
        return words.push(format!("{protocol} all types"));
    }
    if first == last && (first_code, last_code) != (0, u8::MAX) {
        return words.push(match first_code == last_code {
            true => format!("{protocol} type {first} code {first_code}"),
            false => format!("{protocol} type {first} codes {first_code}-{last_code}"),
        });
    }
    // The types at either end that are not whole stand for themselves.
    let mut whole = (u16::from(first), u16::from(last));
    if first_code != 0 {
        let end = u16::from_be_bytes([first, u8::MAX]);
        icmp_words(from, end, protocol, words);
        whole.0 += 1;
    }
    if last_code != u8::MAX {
        // One below the first: none are whole.
        whole.1 = u16::from(last).wrapping_sub(1);
    }
    if whole.1 != u16::MAX && whole.0 <= whole.1 {
        words.push(match whole.0 == whole.1 {
            true => format!("{protocol} type {}", whole.0),
            false => format!("{protocol} types {}-{}", whole.0, whole.1),
        });
    }
    if last_code != u8::MAX {
        let start = u16::from_be_bytes([last, 0]);
        icmp_words(start, to, protocol, words);
    }
}

fn overlap(one: Span, other: Span) -> Option<Span> {
    let (first, last) = (one.0.max(other.0), one.1.min(other.1));
    (first <= last).then_some((first, last))
}

fn low_half(number: u32) -> u16 {
    let [_, _, high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The ICMP that belongs to a family.
const fn own_icmp(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}
