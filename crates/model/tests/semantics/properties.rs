//! What holds of every rule, of every text, and of every quota.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use secgroup_model::{
    Dialect, Direction, Family, IcmpMatch, Listing, Peer, PortRange, PrefixList,
    PrefixListCounting, Protocol, Quotas, RawAddress, RawGroup, RawPeer, RawPermission, RuleSpec,
    Traffic, parse_cidr, parse_group_name,
};

use crate::common::{group_id, permission};
use crate::quotas::list;

/// Every traffic, special values more often than others.
fn any_traffic() -> impl Strategy<Value = Traffic> {
    let port = || prop_oneof![Just(0), Just(1), Just(65535), 0..8_u16, any::<u16>()];
    let ports = (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    let byte = || prop_oneof![0..4_u8, any::<u8>()];
    let icmp = || {
        prop_oneof![
            Just(IcmpMatch::All),
            byte().prop_map(IcmpMatch::Type),
            (byte(), byte()).prop_map(|(kind, code)| IcmpMatch::TypeAndCode(kind, code)),
        ]
    };
    let other = any::<u8>()
        .prop_filter("has a name", |n| ![1, 6, 17, 58].contains(n))
        .prop_map(|n| Traffic::Other(Protocol(n)));
    prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        icmp().prop_map(Traffic::Icmp),
        icmp().prop_map(Traffic::Icmpv6),
        other,
    ]
}

/// Every peer as it is reported.
fn any_peer() -> impl Strategy<Value = RawAddress> {
    prop_oneof![
        (any::<[u8; 4]>(), 0..=32_u8)
            .prop_map(|(ip, n)| RawAddress::Ipv4(format!("{}/{n}", std::net::Ipv4Addr::from(ip)))),
        (any::<[u8; 16]>(), 0..=128_u8)
            .prop_map(|(ip, n)| RawAddress::Ipv6(format!("{}/{n}", std::net::Ipv6Addr::from(ip)))),
        any::<u64>().prop_map(|n| RawAddress::PrefixList(
            secgroup_model::PrefixListId::from_random(n).to_string()
        )),
        (any::<u64>(), option::of("[0-9]{12}")).prop_map(|(n, account)| RawAddress::Group(
            RawGroup {
                id: Some(group_id(n).to_string()),
                account,
                ..RawGroup::default()
            }
        )),
    ]
}

/// A rule as a listing of EC2 reports it.
fn reported(spec: &RuleSpec, listing: Listing) -> RawPermission {
    let address = match &spec.peer {
        peer @ Peer::Cidr(_) if peer.family() == Some(Family::V4) => {
            RawAddress::Ipv4(peer.to_string())
        }
        peer @ Peer::Cidr(_) => RawAddress::Ipv6(peer.to_string()),
        Peer::PrefixList(list) => RawAddress::PrefixList(list.to_string()),
        Peer::Group(reference) => RawAddress::Group(RawGroup {
            id: Some(reference.group.to_string()),
            account: reference.account.as_ref().map(ToString::to_string),
            ..RawGroup::default()
        }),
    };
    let (from, to) = spec.traffic.reported_ports(listing).unzip();
    permission(
        Some(&spec.traffic.reported_protocol()),
        from,
        to,
        &[address],
    )
}

/// A small universe of packets: protocol, and ports or type and code where there are any.
fn packets() -> impl Iterator<Item = (u8, u16, u8)> {
    let ports = [0, 1, 2, 3, 4, 5, 6, 7, 80, 65534, 65535];
    let codes = [0, 1, 2, 3, 4, 77, 254, 255];
    [0, 1, 6, 17, 47, 50, 58, 255]
        .into_iter()
        .flat_map(move |protocol| {
            ports
                .into_iter()
                .flat_map(move |a| codes.into_iter().map(move |b| (protocol, a, b)))
        })
}

/// Whether a packet is one of `traffic`, written from A9 to A16 and nothing else.
fn matches(traffic: Traffic, (protocol, a, b): (u8, u16, u8)) -> bool {
    let in_range = |range: PortRange| (range.from()..=range.to()).contains(&a);
    let message = |icmp: IcmpMatch| match icmp {
        IcmpMatch::All => true,
        IcmpMatch::Type(kind) => u16::from(kind) == a,
        IcmpMatch::TypeAndCode(kind, code) => u16::from(kind) == a && code == b,
    };
    match traffic {
        Traffic::All => true,
        Traffic::Tcp(range) => protocol == 6 && in_range(range),
        Traffic::Udp(range) => protocol == 17 && in_range(range),
        Traffic::Icmp(icmp) => protocol == 1 && message(icmp),
        Traffic::Icmpv6(icmp) => protocol == 58 && message(icmp),
        Traffic::Other(Protocol(number)) => protocol == number,
    }
}

/// Traffic whose edges all lie in the universe of packets, so that brute force sees every
/// difference.
fn small_traffic() -> impl Strategy<Value = Traffic> {
    let port = || proptest::sample::select(vec![0_u16, 1, 2, 3, 5, 7, 65534, 65535]);
    let byte = || proptest::sample::select(vec![0_u8, 1, 2, 3]);
    let ports = (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    let icmp = || {
        prop_oneof![
            Just(IcmpMatch::All),
            byte().prop_map(IcmpMatch::Type),
            (byte(), byte()).prop_map(|(kind, code)| IcmpMatch::TypeAndCode(kind, code)),
        ]
    };
    prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        icmp().prop_map(Traffic::Icmp),
        icmp().prop_map(Traffic::Icmpv6),
        proptest::sample::select(vec![0_u8, 47, 50, 255])
            .prop_map(|number| Traffic::Other(Protocol(number))),
    ]
}

proptest! {
    #[test]
    fn parse_report_parse_is_the_identity(
        traffic in any_traffic(),
        peer in any_peer(),
        egress in any::<bool>(),
        listing in prop_oneof![Just(Listing::Groups), Just(Listing::Rules)],
    ) {
        let direction = if egress { Direction::Egress } else { Direction::Ingress };
        let (from, to) = traffic.reported_ports(Listing::Rules).unzip();
        let typed = permission(Some(&traffic.reported_protocol()), from, to, &[peer]);
        let parsed = typed.parse(direction, &Dialect::default()).unwrap();
        let spec = parsed.rules[0].spec.clone();
        prop_assert_eq!(spec.traffic, traffic);
        let again = reported(&spec, listing).parse(direction, &Dialect::default()).unwrap();
        prop_assert_eq!(&again.rules, &parsed.rules);
        prop_assert_eq!(again.notes, []);
    }

    #[test]
    fn canonical_ranges_stay_as_they_are(peer in any_peer()) {
        let (RawAddress::Ipv4(text) | RawAddress::Ipv6(text)) = peer else { return Ok(()) };
        let family = if text.contains(':') { Family::V6 } else { Family::V4 };
        let (stored, host_bits) = parse_cidr(&text, family).unwrap();
        prop_assert_eq!(stored.addr(), stored.network());
        prop_assert_eq!(host_bits, stored.to_string() != text);
        prop_assert_eq!(parse_cidr(&stored.to_string(), family).unwrap(), (stored, false));
    }

    #[test]
    fn no_text_makes_a_panic_or_a_rule_that_is_not_canonical(
        protocol in option::of(prop_oneof!["-?[0-9]{1,4}", "tcp|udp|icmp|icmpv6|all|-1", ".{0,8}"]),
        from in option::of(prop_oneof![-2..300_i64, any::<i64>()]),
        to in option::of(prop_oneof![-2..300_i64, any::<i64>()]),
        texts in vec((0..4_u8, "([0-9a-f.:]{0,12}/[0-9]{0,3})|.{0,20}"), 0..4),
        description in option::of(".{0,8}"),
    ) {
        let peers = texts.into_iter().map(|(kind, text)| RawPeer {
            address: match kind {
                0 => RawAddress::Ipv4(text),
                1 => RawAddress::Ipv6(text),
                2 => RawAddress::PrefixList(text),
                _ => RawAddress::Group(RawGroup { id: Some(text), ..RawGroup::default() }),
            },
            description: description.clone(),
        });
        let raw =
            RawPermission { protocol, from_port: from, to_port: to, peers: peers.collect() };
        let given = raw.peers.len();
        match raw.parse(Direction::Ingress, &Dialect::default()) {
            Ok(parsed) => {
                prop_assert_eq!(parsed.rules.len(), given);
                for rule in &parsed.rules {
                    let again = reported(&rule.spec, Listing::Rules)
                        .parse(Direction::Ingress, &Dialect::default())
                        .unwrap();
                    prop_assert_eq!(&again.rules[0].spec, &rule.spec);
                }
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn names_are_stable(name in ".{0,12}") {
        if let Ok(once) = parse_group_name(&name) {
            prop_assert_eq!(parse_group_name(&once).unwrap(), once);
        }
    }

    #[test]
    fn covers_and_overlaps_agree_with_every_packet(a in small_traffic(), b in small_traffic()) {
        let covers = packets().all(|packet| !matches(b, packet) || matches(a, packet));
        prop_assert_eq!(a.covers(b), covers, "{} covers {}", a, b);
        let overlaps = packets().any(|packet| matches(a, packet) && matches(b, packet));
        prop_assert_eq!(a.overlaps(b), overlaps, "{} overlaps {}", a, b);
    }

    #[test]
    fn covers_is_an_order(a in any_traffic(), b in any_traffic(), c in any_traffic()) {
        prop_assert!(a.covers(a));
        prop_assert!(!(a.covers(b) && b.covers(a)) || a == b);
        prop_assert!(!(a.covers(b) && b.covers(c)) || a.covers(c));
        prop_assert_eq!(a.overlaps(b), b.overlaps(a));
        prop_assert!(!a.covers(b) || a.overlaps(b));
    }

    #[test]
    fn quotas_count_as_one_would_on_fingers(
        peers in vec(any_peer(), 0..20),
        sizes in vec((any::<bool>(), 1..100_u32), 3),
        uses in vec(0..3_usize, 0..4),
        both in any::<bool>(),
    ) {
        let lists: Vec<PrefixList> = (0..)
            .zip(&sizes)
            .map(|(n, &(v6, max))| list(n, if v6 { Family::V6 } else { Family::V4 }, max))
            .collect();
        let mut raw = peers;
        raw.extend(uses.iter().map(|&n| RawAddress::PrefixList(lists[n].id.to_string())));
        // By hand, from what was typed (B18, B19).
        let (mut v4, mut v6) = (0, 0);
        for peer in &raw {
            let (a, b) = match peer {
                RawAddress::Ipv4(_) => (1, 0),
                RawAddress::Ipv6(_) => (0, 1),
                RawAddress::Group(_) => (1, 1),
                RawAddress::PrefixList(id) => {
                    match lists.iter().find(|list| list.id.as_str() == id.as_str()) {
                        None => (1, 1),
                        Some(list) if both => (list.max_entries, list.max_entries),
                        Some(list) if list.family == Family::V4 => (list.max_entries, 0),
                        Some(list) => (0, list.max_entries),
                    }
                }
            };
            v4 += u64::from(a);
            v6 += u64::from(b);
        }
        let specs: Vec<RuleSpec> = if raw.is_empty() {
            Vec::new()
        } else {
            let parsed = permission(Some("-1"), None, None, &raw)
                .parse(Direction::Egress, &Dialect::default())
                .unwrap();
            parsed.rules.into_iter().map(|rule| rule.spec).collect()
        };
        let counting =
            if both { PrefixListCounting::BothFamilies } else { PrefixListCounting::OwnFamily };
        let quotas = Quotas { prefix_list_counting: counting, ..Quotas::today() };
        let by_id = lists.into_iter().map(|list| (list.id.clone(), list)).collect();
        let count = quotas.count_rules(&specs, Direction::Egress, &by_id);
        prop_assert_eq!((count.ipv4, count.ipv6), (v4, v6));
        prop_assert_eq!(quotas.check_rules(&specs, &by_id).is_err(), v4.max(v6) > 60);
        prop_assert_eq!(quotas.count_rules(&specs, Direction::Ingress, &by_id).max(), 0);
    }
}
