//! A4 to A21 and A39 to A41: protocols, ports, ICMP, and how they are reported.

use secgroup_model::{
    Dialect, Direction, IcmpMatch, Listing, Note, Part, PortRange, Protocol, Traffic,
};

use crate::common::{
    anywhere, assert_error, classic, group, group_id, ingress, only, permission, traffic, v6,
};

fn ports(from: u16, to: u16) -> PortRange {
    PortRange::new(from, to).unwrap()
}

#[test]
fn a04_names_numbers_and_all() {
    assert_eq!(
        traffic("tcp", Some(80), Some(80)),
        Traffic::Tcp(ports(80, 80))
    );
    assert_eq!(
        traffic("udp", Some(53), Some(53)),
        Traffic::Udp(ports(53, 53))
    );
    assert_eq!(
        traffic("icmp", Some(-1), Some(-1)),
        Traffic::Icmp(IcmpMatch::All)
    );
    assert_eq!(
        traffic("icmpv6", Some(-1), Some(-1)),
        Traffic::Icmpv6(IcmpMatch::All)
    );
    assert_eq!(traffic("0", None, None), Traffic::Other(Protocol(0)));
    assert_eq!(traffic("255", None, None), Traffic::Other(Protocol(255)));
    assert_eq!(traffic("-1", None, None), Traffic::All);
}

#[test]
fn a05_numbers_with_names_are_reported_by_name_and_others_by_number() {
    for (given, reported) in [
        ("6", "tcp"),
        ("17", "udp"),
        ("1", "icmp"),
        ("58", "icmpv6"),
        ("TCP", "tcp"),
        ("IcmpV6", "icmpv6"),
        ("50", "50"),
        ("47", "47"),
        ("4", "4"),
        ("-1", "-1"),
    ] {
        assert_eq!(
            traffic(given, Some(0), Some(0)).reported_protocol(),
            reported,
            "{given}"
        );
    }
}

#[test]
fn a06_all_in_any_case_is_minus_one() {
    for given in ["all", "ALL", "All", "-1"] {
        assert_eq!(traffic(given, None, None), Traffic::All, "{given}");
    }
}

#[test]
fn a07_unknown_protocols() {
    for given in [
        "sctp", "256", "-2", "+6", "06", "0x6", "6.0", "", " tcp", "\u{0663}",
    ] {
        assert_error(
            ingress(given, Some(1), Some(1)),
            "InvalidParameterValue",
            &format!("Invalid value '{given}' for IP protocol. Unknown protocol."),
        );
    }
}

#[test]
fn a08_a_vpc_wants_a_protocol() {
    assert_error(
        permission(None, Some(80), Some(80), &[anywhere()])
            .parse(Direction::Ingress, &Dialect::default()),
        "InvalidParameterValue",
        "Invalid value 'null' for protocol. VPC security group rules must specify protocols \
         explicitly.",
    );
}

#[test]
fn a08_classic_takes_an_absent_protocol_for_full_icmp_udp_and_tcp() {
    let peer = group(group_id(1).as_str());
    let parsed = permission(None, None, None, &[peer]).parse(Direction::Ingress, &classic());
    let kinds: Vec<_> = parsed
        .unwrap()
        .rules
        .into_iter()
        .map(|rule| rule.spec.traffic)
        .collect();
    assert_eq!(
        kinds,
        [
            Traffic::Tcp(ports(0, 65535)),
            Traffic::Udp(ports(0, 65535)),
            Traffic::Icmp(IcmpMatch::All)
        ]
    );
    let with_ports = permission(None, Some(1), Some(2), &[anywhere()]);
    let errors = with_ports
        .parse(Direction::Ingress, &classic())
        .unwrap_err();
    assert_eq!(errors[0].code(), "InvalidPermission.Malformed");
}

#[test]
fn a09_ports_of_portless_protocols_are_ignored_and_noted() {
    for (given, expected) in [("-1", Traffic::All), ("50", Traffic::Other(Protocol(50)))] {
        let parsed = ingress(given, Some(80), Some(70_000)).unwrap();
        assert_eq!(parsed.rules[0].spec.traffic, expected);
        assert_eq!(parsed.notes, [Note::PortsIgnored { traffic: expected }]);
        for (from, to) in [(None, None), (Some(-1), Some(-1)), (Some(0), Some(0))] {
            assert_eq!(
                ingress(given, from, to).unwrap().notes,
                [],
                "{from:?} {to:?}"
            );
        }
    }
}

#[test]
fn a10_icmpv6_alone_may_leave_out_type_and_code() {
    assert_eq!(
        traffic("icmpv6", None, None),
        Traffic::Icmpv6(IcmpMatch::All)
    );
    assert_eq!(traffic("58", None, None), Traffic::Icmpv6(IcmpMatch::All));
    for given in ["tcp", "udp", "icmp"] {
        ingress(given, None, None).unwrap_err();
    }
    ingress("icmpv6", Some(128), None).unwrap_err();
}

#[test]
fn a13_ports_out_of_range() {
    for protocol in ["tcp", "udp", "6", "17"] {
        for (from, to, bad) in [
            (-1, -1, -1),
            (65536, 65536, 65536),
            (0, 65536, 65536),
            (-1, 80, -1),
            (i64::MIN, 80, i64::MIN),
        ] {
            assert_error(
                ingress(protocol, Some(from), Some(to)),
                "InvalidParameterValue",
                &format!("TCP/UDP port ({bad}) out of range"),
            );
        }
        assert_error(
            ingress(protocol, Some(443), Some(80)),
            "InvalidParameterValue",
            "Invalid TCP/UDP port range (443:80)",
        );
    }
    let both = ingress("tcp", Some(-1), Some(65536)).unwrap_err();
    assert_eq!(
        both.iter().map(|e| e.part).collect::<Vec<_>>(),
        [Part::FromPort, Part::ToPort]
    );
    assert_eq!(
        traffic("tcp", Some(0), Some(65535)),
        Traffic::Tcp(PortRange::ALL)
    );
}

#[test]
fn a14_both_bounds_or_none() {
    for (from, to) in [(None, None), (Some(80), None), (None, Some(80))] {
        assert_error(
            ingress("tcp", from, to),
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        );
    }
}

#[test]
fn a15_a16_types_and_codes() {
    assert_eq!(
        traffic("icmp", Some(-1), Some(-1)),
        Traffic::Icmp(IcmpMatch::All)
    );
    assert_eq!(
        traffic("icmp", Some(8), Some(-1)),
        Traffic::Icmp(IcmpMatch::Type(8))
    );
    assert_eq!(
        traffic("icmp", Some(3), Some(4)),
        Traffic::Icmp(IcmpMatch::TypeAndCode(3, 4))
    );
    assert_eq!(
        traffic("icmpv6", Some(128), Some(-1)),
        Traffic::Icmpv6(IcmpMatch::Type(128))
    );
    assert_eq!(
        traffic("icmpv6", Some(128), Some(0)),
        Traffic::Icmpv6(IcmpMatch::TypeAndCode(128, 0))
    );
    assert_eq!(
        traffic("icmp", Some(255), Some(255)),
        Traffic::Icmp(IcmpMatch::TypeAndCode(255, 255))
    );
}

#[test]
fn a17_eight_eight_is_type_eight_code_eight() {
    let Traffic::Icmp(messages) = traffic("icmp", Some(8), Some(8)) else {
        panic!()
    };
    assert!(messages.covers(8, 8));
    assert!(!messages.covers(8, 0), "a real ping has code 0");
}

#[test]
fn a18_types_and_codes_out_of_range() {
    for protocol in ["icmp", "icmpv6"] {
        assert_error(
            ingress(protocol, Some(0), Some(65535)),
            "InvalidParameterValue",
            "ICMP code (65535) out of range",
        );
        assert_error(
            ingress(protocol, Some(256), Some(-1)),
            "InvalidParameterValue",
            "ICMP type (256) out of range",
        );
        assert_error(
            ingress(protocol, Some(8), None),
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with ICMP.",
        );
        let errors = ingress(protocol, Some(-1), Some(0)).unwrap_err();
        assert_eq!(
            (errors.len(), errors[0].code()),
            (1, "InvalidParameterValue")
        );
        assert_eq!(ingress(protocol, Some(-2), Some(256)).unwrap_err().len(), 2);
    }
}

#[test]
fn a19_the_wrong_icmp_is_accepted_but_never_matches() {
    let rule = |protocol, peer| {
        only(
            permission(Some(protocol), Some(-1), Some(-1), &[peer])
                .parse(Direction::Ingress, &Dialect::default()),
        )
    };
    assert!(rule("icmp", v6("::/0")).never_matches());
    assert!(rule("icmpv6", anywhere()).never_matches());
    assert!(!rule("icmp", anywhere()).never_matches());
    assert!(!rule("icmpv6", v6("::/0")).never_matches());
    assert!(!rule("-1", v6("::/0")).never_matches());
    assert!(!rule("icmpv6", group(group_id(1).as_str())).never_matches());
}

#[test]
fn a20_ports_as_reported() {
    let reported = |protocol, from, to| {
        let traffic = traffic(protocol, from, to);
        (
            traffic.reported_ports(Listing::Groups),
            traffic.reported_ports(Listing::Rules),
        )
    };
    assert_eq!(reported("-1", Some(0), Some(0)), (None, Some((-1, -1))));
    assert_eq!(reported("50", None, None), (None, Some((-1, -1))));
    let same = |from, to| (Some((from, to)), Some((from, to)));
    assert_eq!(reported("icmpv6", None, None), same(-1, -1));
    assert_eq!(reported("icmp", Some(8), Some(-1)), same(8, -1));
    assert_eq!(reported("icmp", Some(3), Some(4)), same(3, 4));
    assert_eq!(reported("tcp", Some(0), Some(65535)), same(0, 65535));
}

#[test]
fn a21_ports_are_no_part_of_a_portless_rule() {
    for protocol in ["-1", "50"] {
        let rules = [(None, None), (Some(-1), Some(-1)), (Some(0), Some(0))]
            .map(|(from, to)| only(ingress(protocol, from, to)));
        assert!(rules[0] == rules[1] && rules[1] == rules[2], "{rules:?}");
    }
}

#[test]
fn a39_classic_is_ingress_of_ipv4_only() {
    let tcp = |peer| permission(Some("tcp"), Some(80), Some(80), &[peer]);
    tcp(anywhere())
        .parse(Direction::Ingress, &classic())
        .unwrap();
    tcp(anywhere())
        .parse(Direction::Egress, &classic())
        .unwrap_err();
    assert_error(
        tcp(v6("::/0")).parse(Direction::Ingress, &classic()),
        "InvalidParameterValue",
        "CIDR block ::/0 is malformed",
    );
    tcp(secgroup_model::RawAddress::PrefixList(
        "pl-01234567".to_owned(),
    ))
    .parse(Direction::Ingress, &classic())
    .unwrap_err();
    // A13: "Classic code was InvalidPermission.Malformed".
    assert_error(
        permission(Some("tcp"), Some(-1), Some(-1), &[anywhere()])
            .parse(Direction::Ingress, &classic()),
        "InvalidPermission.Malformed",
        "TCP/UDP port (-1) out of range",
    );
}

#[test]
fn a41_classic_has_three_protocols() {
    for protocol in ["-1", "all", "50", "icmpv6", "58", "sctp"] {
        assert_error(
            permission(Some(protocol), Some(-1), Some(-1), &[anywhere()])
                .parse(Direction::Ingress, &classic()),
            "InvalidPermission.Malformed",
            &format!("Unsupported IP protocol \"{protocol}\" - supported: [tcp, udp, icmp]"),
        );
    }
    for protocol in ["tcp", "17", "ICMP"] {
        permission(Some(protocol), Some(8), Some(8), &[anywhere()])
            .parse(Direction::Ingress, &classic())
            .unwrap();
    }
}

#[test]
fn rules_read_as_people_say_them() {
    let said = |protocol, from, to, direction, peer| {
        only(permission(Some(protocol), from, to, &[peer]).parse(direction, &Dialect::default()))
            .to_string()
    };
    use Direction::{Egress, Ingress};
    assert_eq!(
        said("tcp", Some(443), Some(443), Ingress, anywhere()),
        "tcp 443 from 0.0.0.0/0"
    );
    assert_eq!(
        said("udp", Some(1024), Some(65535), Egress, v6("2001:DB8::/32")),
        "udp 1024-65535 to 2001:db8::/32"
    );
    assert_eq!(
        said("icmp", Some(8), Some(-1), Ingress, group("sg-01234567")),
        "icmp type 8 from sg-01234567"
    );
    assert_eq!(
        said("icmp", Some(3), Some(4), Egress, anywhere()),
        "icmp type 3 code 4 to 0.0.0.0/0"
    );
    assert_eq!(
        said("icmpv6", None, None, Ingress, v6("::/0")),
        "icmpv6 all types from ::/0"
    );
    assert_eq!(
        said("50", None, None, Ingress, anywhere()),
        "protocol 50 from 0.0.0.0/0"
    );
    assert_eq!(
        said("-1", None, None, Egress, anywhere()),
        "all traffic to 0.0.0.0/0"
    );
}
