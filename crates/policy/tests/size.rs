//! Memory stays in proportion to what was put in, however ranges and ports combine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use secgroup_packet::{Direction, PortRange, Protocol};
use secgroup_policy::{
    Directory, GroupNumber, Peer, Query, Rule, RuleNumber, RuleSet, Selector, Traffic,
};

/// Bytes that any rule set takes before its first rule: the pool of cells and the ends of four
/// tables.
const BASE_BYTES: usize = 32 << 10;

fn tcp(port: u16) -> Traffic {
    Traffic::Tcp(PortRange::single(port))
}

fn rules(list: impl IntoIterator<Item = (Traffic, Peer)>) -> Vec<Rule> {
    let numbered = (0..).zip(list);
    numbered
        .map(|(number, (traffic, peer))| {
            let number = RuleNumber::new(number);
            Rule {
                number,
                direction: Direction::Ingress,
                traffic,
                peer,
            }
        })
        .collect()
}

fn v4(bits: u32, length: u8) -> IpNet {
    IpNet::new_assert(Ipv4Addr::from(bits).into(), length)
}

fn v6(bits: u128, length: u8) -> IpNet {
    IpNet::new_assert(Ipv6Addr::from(bits).into(), length)
}

fn matched(rules: &RuleSet, peer: impl Into<IpAddr>, port: u16) -> Option<u32> {
    let (direction, protocol) = (Direction::Ingress, Protocol::TCP);
    let query = Query {
        direction,
        protocol,
        peer: peer.into(),
        selector: Selector::Port(port),
    };
    rules
        .matches(&query, &Directory::new())
        .map(|number| number.get())
}

fn assert_at_most(rules: &RuleSet, bytes_each: usize, count: usize) {
    let bytes = rules.memory_bytes();
    assert!(
        bytes <= BASE_BYTES + bytes_each * count,
        "{bytes} bytes for {count}"
    );
}

#[test]
fn a_prefix_list_of_100_000_entries() {
    // Every other /28: none touch.
    let list: Arc<[IpNet]> = (0..100_000)
        .map(|i| v4(0x0a00_0000 + (i << 5), 28))
        .collect();
    let shared = (0..50).map(|port| (tcp(port), Peer::Prefixes(Arc::clone(&list))));
    let copies = (50..53).map(|port| (tcp(port), Peer::Prefixes(list.iter().copied().collect())));
    let compiled = RuleSet::compile(&rules(shared.chain(copies)));
    // Two ends (4 bytes), two row references (4 bytes), slots.
    assert_at_most(&compiled, 20, list.len());
    assert_eq!(matched(&compiled, [10, 0, 0, 15], 7), Some(7));
    assert_eq!(matched(&compiled, [10, 0, 0, 15], 51), Some(51));
    assert_eq!(matched(&compiled, [10, 0, 0, 16], 7), None);
    assert_eq!(matched(&compiled, list[99_999].addr(), 49), Some(49));
}

#[test]
fn a_prefix_list_of_100_000_ipv6_entries() {
    let list: Arc<[IpNet]> = (0..100_000)
        .map(|i| v6((0x2001_0db8 << 96) | (i << 65), 64))
        .collect();
    let compiled = RuleSet::compile(&rules([(tcp(80), Peer::Prefixes(Arc::clone(&list)))]));
    // Two ends (16 bytes), two row references (4 bytes), slots.
    assert_at_most(&compiled, 48, list.len());
    assert_eq!(matched(&compiled, list[99_999].broadcast(), 80), Some(0));
}

#[test]
fn ranges_that_touch_and_have_the_same_rules_are_one() {
    let list: Arc<[IpNet]> = (0..100_000).map(|i| v4(0x0a00_0000 + i, 32)).collect();
    let compiled = RuleSet::compile(&rules([(tcp(80), Peer::Prefixes(list))]));
    assert_at_most(&compiled, 0, 100_000);
    assert_eq!(
        matched(&compiled, v4(0x0a00_0000 + 99_999, 32).addr(), 80),
        Some(0)
    );
    assert_eq!(
        matched(&compiled, v4(0x0a00_0000 + 100_000, 32).addr(), 80),
        None
    );
}

#[test]
fn many_inner_ranges_below_many_ports() {
    // Written out, this would be 1000 x 1000 cells.
    let outer = (0..1000).map(|port| (tcp(port * 2), Peer::Cidr(v4(0, 0))));
    let inner = (0..1000).map(|i| (tcp(1), Peer::Cidr(v4(0x0a00_0000 + i * 2, 32))));
    let compiled = RuleSet::compile(&rules(outer.chain(inner)));
    assert_at_most(&compiled, 64, 2000);
    assert_eq!(matched(&compiled, [10, 0, 0, 4], 1), Some(1002));
    assert_eq!(matched(&compiled, [10, 0, 0, 4], 1998), Some(999));
    assert_eq!(matched(&compiled, [10, 0, 0, 5], 1), None);
}

#[test]
fn many_ranges_that_each_have_many_ports() {
    let list = (0..100).flat_map(|net| {
        (0..100).map(move |port| (tcp(port * 600 + 1), Peer::Cidr(v4(net << 24, 8))))
    });
    let compiled = RuleSet::compile(&rules(list));
    // Each rule is a cell, its share of an index, and a number.
    assert_at_most(&compiled, 24, 10_000);
    assert_eq!(matched(&compiled, [99, 0, 0, 1], 99 * 600 + 1), Some(9999));
}

#[test]
fn nested_ranges_that_each_have_many_ports() {
    // Every length of IPv6 around one address, 100 ports each: the innermost would have 12,900.
    let list = (0..=128).flat_map(|length| {
        let peer = Peer::Cidr(v6(0, length));
        (0..100).map(move |port| (tcp(port * 600 + u16::from(length)), peer.clone()))
    });
    let compiled = RuleSet::compile(&rules(list));
    assert_at_most(&compiled, 64, 12_900);
    assert_eq!(matched(&compiled, Ipv6Addr::from(0), 99 * 600), Some(99));
    assert_eq!(matched(&compiled, Ipv6Addr::from(0), 128), Some(12_800));
    assert_eq!(matched(&compiled, Ipv6Addr::from(1), 128), None);
}

#[test]
fn many_lists_over_the_same_ranges() {
    // 200 lists of 500 entries, each with its own port: every entry has all 200 rules.
    let entries: Vec<IpNet> = (0..500).map(|i| v4(i << 20, 24)).collect();
    let list = (0..200_u16).map(|i| {
        let mut entries = entries.clone();
        entries.push(v4(0xf000_0000 | u32::from(i) << 8, 24));
        (tcp(i * 2), Peer::Prefixes(entries.into()))
    });
    let compiled = RuleSet::compile(&rules(list));
    assert_at_most(&compiled, 4, 200 * 501);
    assert_eq!(matched(&compiled, [0, 0x10, 0, 1], 398), Some(199));
    assert_eq!(matched(&compiled, [240, 0, 199, 1], 398), Some(199));
    assert_eq!(matched(&compiled, [240, 0, 199, 1], 396), None);
}

#[test]
fn a_thousand_groups_with_ten_rules_each() {
    let list = (0..10_000).map(|i| (tcp((i % 10) as u16), Peer::Group(GroupNumber(i / 10))));
    let compiled = RuleSet::compile(&rules(list));
    // In two families, which share rows.
    assert_at_most(&compiled, 24, 10_000);
    assert_eq!(compiled.groups().len(), 1000);
    assert_eq!(compiled.len(), 10_000);
}
