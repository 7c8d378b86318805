//! A32 to A38: descriptions, identity, duplicates, tags.

use secgroup_model::{
    Dialect, Direction, GroupReference, Part, Peer, PrefixListId, RawAddress, RawPeer,
    RawPermission, Rule, RuleId, RuleSpec, Tags, check_tags,
};

use crate::common::{
    VPC, anywhere, assert_error, group, group_id, only, permission, rules, security_group, tcp, v4,
    v6,
};

fn described(description: &str) -> Result<secgroup_model::Parsed, Vec<secgroup_model::ModelError>> {
    let peer = RawPeer {
        address: anywhere(),
        description: Some(description.to_owned()),
    };
    RawPermission {
        peers: vec![peer],
        ..permission(Some("-1"), None, None, &[])
    }
    .parse(Direction::Ingress, &Dialect::default())
}

#[test]
fn a32_descriptions() {
    let allowed = "AZaz09. _-:/()#,@[]+=&;{}!$*";
    for text in [allowed.to_owned(), "x".repeat(255)] {
        assert_eq!(described(&text).unwrap().rules[0].description, Some(text));
    }
    assert_eq!(described("").unwrap().rules[0].description, None);
    let message = "Invalid rule description. Valid descriptions are strings less than 256 \
                   characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    for text in [
        "x".repeat(256),
        "é".to_owned(),
        "a\nb".to_owned(),
        "'".to_owned(),
    ] {
        assert_error(described(&text), "InvalidParameterValue", message);
    }
    assert_eq!(
        described("<").unwrap_err()[0].part,
        Part::PeerDescription(0)
    );
}

#[test]
fn a33_the_description_is_no_part_of_the_identity() {
    let mut group = security_group(1, "web", VPC);
    let rule = |description: &str| Rule {
        description: Some(description.to_owned()),
        ..Rule::new(RuleId::new("r"), tcp(443, "0.0.0.0/0"))
    };
    group.authorize(vec![rule("one")]).unwrap();
    group.authorize(vec![rule("another")]).unwrap_err();
    assert_eq!(
        group.revoke(&[tcp(443, "0.0.0.0/0")]).unwrap(),
        [rule("one")]
    );
    assert_eq!(group.rules, []);
}

#[test]
fn a34_overlapping_rules_are_no_duplicates() {
    let mut group = security_group(1, "web", VPC);
    let range = only(
        permission(Some("tcp"), Some(0), Some(65535), &[anywhere()])
            .parse(Direction::Ingress, &Dialect::default()),
    );
    let egress = RuleSpec {
        direction: Direction::Egress,
        ..range.clone()
    };
    let specs = [
        range,
        egress,
        tcp(443, "0.0.0.0/0"),
        tcp(443, "::/0"),
        tcp(443, "10.0.0.0/8"),
    ];
    group.authorize(rules(specs)).unwrap();
    assert_eq!(group.rules.len(), 5);
}

#[test]
fn a34_vpc_and_peering_of_a_reference_are_no_part_of_it() {
    let plain = GroupReference::local(group_id(1));
    let known = GroupReference {
        vpc: Some(secgroup_model::VpcId::new(VPC)),
        peering: Some(secgroup_model::PeeringStatus::Active),
        ..plain.clone()
    };
    assert_eq!(plain, known);
    assert_eq!(plain.cmp(&known), std::cmp::Ordering::Equal);
}

#[test]
fn a35_duplicates_are_told_as_ec2_does() {
    let cases = [
        (
            ("tcp", 443, 443),
            anywhere(),
            "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW",
        ),
        (
            ("udp", 53, 53),
            v6("::/0"),
            "peer: ::/0, UDP, from port: 53, to port: 53, ALLOW",
        ),
        (("-1", -1, -1), anywhere(), "peer: 0.0.0.0/0, ALL, ALLOW"),
        (
            ("50", -1, -1),
            v4("12.12.12.12/32"),
            "peer: 12.12.12.12/32, protocol: 50, ALLOW",
        ),
        (
            ("icmp", 8, -1),
            anywhere(),
            "peer: 0.0.0.0/0, ICMP, type: 8, code: ALL, ALLOW",
        ),
        (
            ("icmp", -1, -1),
            anywhere(),
            "peer: 0.0.0.0/0, ICMP, type: ALL, code: ALL, ALLOW",
        ),
        (
            ("tcp", 0, 65535),
            group("sg-01234567"),
            "peer: sg-01234567, TCP, from port: 0, to port: 65535, ALLOW",
        ),
        (
            ("tcp", 22, 22),
            RawAddress::PrefixList("pl-01234567".to_owned()),
            "peer: pl-01234567, TCP, from port: 22, to port: 22, ALLOW",
        ),
    ];
    for ((protocol, from, to), peer, expected) in cases {
        let spec = only(
            permission(Some(protocol), Some(from), Some(to), &[peer])
                .parse(Direction::Ingress, &Dialect::default()),
        );
        let mut group = security_group(1, "web", VPC);
        group.authorize(rules([spec.clone()])).unwrap();
        assert_error(
            group.authorize(rules([spec])),
            "InvalidPermission.Duplicate",
            &format!("the specified rule \"{expected}\" already exists"),
        );
    }
}

#[test]
fn a23_a35_the_non_canonical_form_is_a_duplicate_of_the_canonical_one() {
    let mut group = security_group(1, "web", VPC);
    group.authorize(rules([tcp(22, "100.68.0.0/18")])).unwrap();
    let errors = group
        .authorize(rules([tcp(22, "100.68.0.18/18")]))
        .unwrap_err();
    assert_eq!(errors[0].code(), "InvalidPermission.Duplicate");
}

#[test]
fn a36_the_same_rule_twice_in_one_request() {
    let mut group = security_group(1, "web", VPC);
    let specs = [
        tcp(80, "0.0.0.0/0"),
        tcp(443, "0.0.0.0/0"),
        tcp(80, "0.0.0.0/0"),
    ];
    let outcome = group.authorize(rules(specs.clone()));
    assert_eq!(outcome.as_ref().unwrap_err()[0].part, Part::Rule(2));
    assert_error(
        outcome,
        "InvalidParameterValue",
        "The same permission must not appear multiple times",
    );
    assert_eq!(group.rules, []);
    group.authorize(rules(specs[..2].iter().cloned())).unwrap();
    assert_eq!(group.revoke(&specs).unwrap_err()[0].part, Part::Rule(2));
    assert_eq!(group.rules.len(), 2);
}

#[test]
fn a37_authorize_is_atomic_and_so_is_revoke() {
    let mut group = security_group(1, "web", VPC);
    group.authorize(rules([tcp(80, "0.0.0.0/0")])).unwrap();
    let before = group.clone();
    group
        .authorize(rules([tcp(443, "0.0.0.0/0"), tcp(80, "0.0.0.0/0")]))
        .unwrap_err();
    assert_eq!(group, before);
    assert_error(
        group.revoke(&[tcp(80, "0.0.0.0/0"), tcp(443, "0.0.0.0/0")]),
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group",
    );
    assert_eq!(group, before);
}

#[test]
fn a21_revoking_with_other_ports_removes_the_default_egress_rule() {
    let mut group = security_group(1, "web", VPC);
    group.add_default_egress(&[secgroup_model::Family::V4], crate::common::rule_ids());
    let asked = only(
        permission(Some("-1"), Some(0), Some(0), &[anywhere()])
            .parse(Direction::Egress, &Dialect::default()),
    );
    assert_eq!(group.revoke(&[asked]).unwrap().len(), 1);
    assert_eq!(group.rules, []);
}

#[test]
fn a38_tags() {
    let tags = |count: usize| -> Tags {
        (0..count)
            .map(|n| (format!("key {n}"), "x".repeat(256)))
            .collect()
    };
    check_tags(&tags(50)).unwrap();
    assert_error(
        check_tags(&tags(51)),
        "TagLimitExceeded",
        "The maximum number of Tags for a resource has been reached.",
    );
    let one = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
    check_tags(&one(&"k".repeat(127), "")).unwrap();
    check_tags(&one(&"k".repeat(128), "")).unwrap_err();
    check_tags(&one("", "")).unwrap_err();
    check_tags(&one("k", &"v".repeat(257))).unwrap_err();
    assert_error(
        check_tags(&one("aws:x", "")),
        "InvalidParameterValue",
        "Tag keys starting with 'aws:' are reserved for internal use",
    );
}

#[test]
fn rules_cover_each_other_in_one_direction() {
    let narrow = tcp(443, "10.1.0.0/16");
    let wide = RuleSpec {
        peer: tcp(443, "10.0.0.0/8").peer,
        ..narrow.clone()
    };
    assert!(wide.covers(&narrow) && !narrow.covers(&wide));
    assert!(
        !RuleSpec {
            direction: Direction::Egress,
            ..wide
        }
        .covers(&narrow)
    );
    let list = RuleSpec {
        peer: Peer::PrefixList(PrefixListId::new("pl-1")),
        ..narrow.clone()
    };
    assert!(list.covers(&list) && !list.covers(&narrow));
}
