//! A1, A3, A22 to A31: the other end of a rule.

use secgroup_model::{
    AccountId, Dialect, Direction, GroupReference, IdSyntax, Note, Part, Peer, Peering, PeeringId,
    PeeringStatus, RawAddress, RawGroup, RawPermission, RawRule, Reach, VpcId,
};

use crate::common::{
    OWNER, VPC, anywhere, assert_error, assert_one_error, from_peer, group, group_id, inventory,
    only, permission, security_group, v4, v6,
};

fn raw_rule() -> RawRule {
    RawRule {
        protocol: Some("tcp".to_owned()),
        from_port: Some(443),
        to_port: Some(443),
        ..RawRule::default()
    }
}

#[test]
fn a01_a_rule_has_exactly_one_peer() {
    let parse = |rule: RawRule| rule.parse(Direction::Ingress, &Dialect::default());
    let one = RawRule {
        cidr_ipv4: Some("10.0.0.0/8".to_owned()),
        ..raw_rule()
    };
    assert_eq!(
        only(parse(one.clone())).to_string(),
        "tcp 443 from 10.0.0.0/8"
    );
    let two = RawRule {
        cidr_ipv6: Some("::/0".to_owned()),
        ..one
    };
    assert_error(
        parse(two.clone()),
        "InvalidParameterCombination",
        "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified",
    );
    // Whatever else is wrong with it is said too.
    let worse = RawRule {
        description: Some("\n".to_owned()),
        to_port: None,
        ..two
    };
    assert_eq!(parse(worse).unwrap_err().len(), 3);
}

#[test]
fn a03_a_permission_explodes_to_one_rule_per_peer() {
    let peers = [
        anywhere(),
        v4("10.0.0.0/8"),
        v6("::/0"),
        group("sg-01234567"),
    ];
    let parsed = permission(Some("tcp"), Some(22), Some(22), &peers)
        .parse(Direction::Ingress, &Dialect::default())
        .unwrap();
    let said: Vec<_> = parsed
        .rules
        .iter()
        .map(|rule| rule.spec.to_string())
        .collect();
    assert_eq!(
        said,
        [
            "tcp 22 from 0.0.0.0/0",
            "tcp 22 from 10.0.0.0/8",
            "tcp 22 from ::/0",
            "tcp 22 from sg-01234567"
        ]
    );
    assert_eq!(
        parsed
            .rules
            .iter()
            .map(|rule| rule.peer)
            .collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
}

#[test]
fn a22_ranges_up_to_a_single_host() {
    for text in ["0.0.0.0/0", "10.0.0.0/8", "203.0.113.5/32"] {
        assert_eq!(only(from_peer(v4(text))).peer.to_string(), text);
    }
    for text in ["::/0", "2001:db8::/32", "2001:db8::1/128"] {
        assert_eq!(only(from_peer(v6(text))).peer.to_string(), text);
    }
}

#[test]
fn a23_host_bits_are_cleared_and_ipv6_is_written_as_rfc_5952() {
    let parsed = from_peer(v4("100.68.0.18/18")).unwrap();
    assert_eq!(parsed.rules[0].spec.peer.to_string(), "100.68.0.0/18");
    let [
        Note::HostBitsCleared {
            place: 0,
            given,
            stored,
        },
    ] = parsed.notes.as_slice()
    else {
        panic!("{:?}", parsed.notes)
    };
    assert_eq!(
        (given.as_str(), stored.to_string().as_str()),
        ("100.68.0.18/18", "100.68.0.0/18")
    );
    assert_eq!(from_peer(v4("100.68.0.0/18")).unwrap().notes, []);
    assert_eq!(from_peer(v4("100.68.0.0/18")).unwrap().rules, parsed.rules);
    let text = v6("2001:0DB8:0000:0000:0000:0000:0000:0000/32");
    assert_eq!(only(from_peer(text)).peer.to_string(), "2001:db8::/32");
}

#[test]
fn a24_malformed_ranges_and_ranges_of_the_other_family() {
    let malformed = [
        v4("2c0f:f248::/32"),
        v4("10.0.0.0"),
        v4("10.0.0.0/33"),
        v4("10.0.0.0/"),
        v4("10.0.0.0/+8"),
        v4("10.0.0.0/08"),
        v4("10.0.0/8"),
        v4("010.0.0.0/8"),
        v4("256.0.0.0/8"),
        v4("10.0.0.0/8/8"),
        v4(" 10.0.0.0/8"),
        v4(""),
        v6("10.0.0.0/8"),
        v6("2001:db8::"),
        v6("2001:db8::/129"),
        v6("fe80::1%eth0/64"),
    ];
    for address in malformed {
        let (RawAddress::Ipv4(text) | RawAddress::Ipv6(text)) = address.clone() else {
            panic!()
        };
        assert_error(
            from_peer(address),
            "InvalidParameterValue",
            &format!("CIDR block {text} is malformed"),
        );
    }
    let error = &from_peer(v4("10.0.0.1")).unwrap_err()[0];
    assert_eq!(
        error.help.as_deref(),
        Some("write 10.0.0.1/32 for one address")
    );
    assert_eq!(error.part, Part::Peer(0));
}

#[test]
fn a25_ipv6_rules_are_accepted_in_any_vpc() {
    from_peer(v6("::/0")).unwrap();
}

#[test]
fn a27_the_account_defaults_to_the_owner() {
    let dialect = Dialect {
        owner: Some(AccountId::new(OWNER)),
        ..Dialect::default()
    };
    let parse = |account: Option<&str>| {
        let raw = RawGroup {
            id: Some("sg-01234567".to_owned()),
            account: account.map(str::to_owned),
            ..RawGroup::default()
        };
        let raw = permission(Some("-1"), None, None, &[RawAddress::Group(raw)]);
        only(raw.parse(Direction::Ingress, &dialect)).peer
    };
    assert_eq!(parse(Some(OWNER)), parse(None));
    assert_ne!(parse(Some("111122223333")), parse(None));
    assert_eq!(
        parse(Some("111122223333")).to_string(),
        "111122223333/sg-01234567"
    );
}

#[test]
fn a27_groups_by_name_are_resolved_or_reported() {
    let mut raw = permission(
        Some("-1"),
        None,
        None,
        &["web", "nobody"].map(|name| {
            RawAddress::Group(RawGroup {
                name: Some(name.to_owned()),
                ..RawGroup::default()
            })
        }),
    );
    raw.resolve_names(|name, account| {
        assert_eq!(account, None);
        (name == "web").then(|| group_id(1))
    });
    assert_error(
        raw.parse(Direction::Ingress, &Dialect::default()),
        "InvalidGroup.NotFound",
        "The security group 'nobody' does not exist",
    );
}

/// Two VPCs with a group each, and a group of the same VPC as the first.
fn two_vpcs() -> (secgroup_model::Inventory, GroupReference, GroupReference) {
    let other = security_group(2, "app", VPC);
    let foreign = security_group(3, "far", "vpc-02222222222222222");
    let to_other = GroupReference::local(other.id.clone());
    let to_foreign = GroupReference::local(foreign.id.clone());
    (
        inventory([security_group(1, "web", VPC), other, foreign]),
        to_other,
        to_foreign,
    )
}

fn peering(number: u64, requester: &str, accepter: &str, status: PeeringStatus) -> Peering {
    Peering {
        id: PeeringId::from_random(number),
        requester: VpcId::new(requester),
        accepter: VpcId::new(accepter),
        status,
    }
}

#[test]
fn a27_itself_the_same_vpc_and_peered_vpcs_may_be_referenced() {
    let (mut inventory, to_other, to_foreign) = two_vpcs();
    let web = inventory.groups[&group_id(1)].clone();
    let itself = GroupReference::local(web.id.clone());
    assert_eq!(inventory.reach(&web, &itself), Reach::Itself);
    assert_eq!(inventory.reach(&web, &to_other), Reach::SameNetwork);
    assert_eq!(inventory.reach(&web, &to_foreign), Reach::Unrelated);
    // The accepter may refer to the requester and the other way round, once it is active.
    for (status, reach, allowed) in [
        (PeeringStatus::Gone, Reach::PeeringGone, false),
        (PeeringStatus::Pending, Reach::PeeringPending, false),
        (PeeringStatus::Active, Reach::Peered, true),
    ] {
        // Each beside its predecessors: a deleted connection stays listed.
        let connection = peering(status as u64, "vpc-02222222222222222", VPC, status);
        inventory.peerings.insert(connection.id.clone(), connection);
        assert_eq!(inventory.reach(&web, &to_foreign), reach);
        assert_eq!(inventory.may_reference(&web, &to_foreign), allowed);
        let far = inventory.groups[&group_id(3)].clone();
        assert_eq!(
            inventory.reach(&far, &GroupReference::local(web.id.clone())),
            reach
        );
    }
}

#[test]
fn a27_an_association_reaches_across_vpcs() {
    let (mut inventory, _, to_foreign) = two_vpcs();
    let web = inventory.groups[&group_id(1)].clone();
    let key = (to_foreign.group.clone(), VpcId::new(VPC));
    inventory
        .associations
        .insert(key.clone(), secgroup_model::AssociationStatus::Associating);
    assert!(!inventory.may_reference(&web, &to_foreign));
    inventory
        .associations
        .insert(key, secgroup_model::AssociationStatus::Associated);
    assert_eq!(inventory.reach(&web, &to_foreign), Reach::Associated);
    // And the other way round: members of a group that came to this VPC live beside its groups.
    let far = inventory.groups[&to_foreign.group].clone();
    assert_eq!(
        inventory.reach(&far, &GroupReference::local(web.id)),
        Reach::Associated
    );
}

#[test]
fn a28_foreign_groups_as_the_console_writes_them() {
    let from = |text: &str| RawGroup::from_console(text);
    let some = |text: &str| Some(text.to_owned());
    let none = RawGroup::default();
    assert_eq!(
        from("111122223333/sg-01234567"),
        RawGroup {
            account: some("111122223333"),
            id: some("sg-01234567"),
            ..none.clone()
        }
    );
    assert_eq!(
        from("111122223333/OtherSecurityGroup"),
        RawGroup {
            account: some("111122223333"),
            name: some("OtherSecurityGroup"),
            ..none.clone()
        }
    );
    assert_eq!(
        from("sg-01234567"),
        RawGroup {
            id: some("sg-01234567"),
            ..none.clone()
        }
    );
    // A name may hold a slash.
    assert_eq!(
        from("111122223333/web/public"),
        RawGroup {
            account: some("111122223333"),
            name: some("web/public"),
            ..none.clone()
        }
    );
    assert_eq!(
        from("web/public"),
        RawGroup {
            name: some("web/public"),
            ..none
        }
    );
}

#[test]
fn a30_groups_that_cannot_be_referenced() {
    let (inventory, _, to_foreign) = two_vpcs();
    let web = &inventory.groups[&group_id(1)];
    assert_one_error(
        inventory.check_reference(web, &to_foreign),
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
    );
    assert_one_error(
        inventory.check_reference(web, &GroupReference::local(group_id(9))),
        "InvalidGroup.NotFound",
        "The security group 'sg-00000000000000009' does not exist",
    );
    inventory
        .check_reference(web, &GroupReference::local(web.id.clone()))
        .unwrap();
}

#[test]
fn a31_a_peer_must_be_given() {
    let message = "Missing source specification: include source security group or CIDR information";
    let none = RawPermission {
        peers: Vec::new(),
        ..permission(Some("-1"), None, None, &[])
    };
    let default = Dialect::default();
    assert_error(
        none.parse(Direction::Ingress, &default),
        "MissingParameter",
        message,
    );
    assert_error(
        raw_rule().parse(Direction::Egress, &default),
        "MissingParameter",
        message,
    );
    assert_error(
        from_peer(RawAddress::Group(RawGroup::default())),
        "MissingParameter",
        "Source group ID missing.",
    );
}

#[test]
fn b01_ids_are_checked_unless_a_template_names_them() {
    assert_error(
        from_peer(group("x")),
        "InvalidGroupId.Malformed",
        "Invalid id: \"x\" (expecting \"sg-...\")",
    );
    from_peer(RawAddress::PrefixList("pl-xyz".to_owned())).unwrap_err();
    let logical = Dialect {
        ids: IdSyntax::Logical,
        ..Dialect::default()
    };
    let parse =
        |peer| permission(Some("-1"), None, None, &[peer]).parse(Direction::Ingress, &logical);
    assert_eq!(
        only(parse(group("WebGroup"))).to_string(),
        "all traffic from WebGroup"
    );
    only(parse(RawAddress::PrefixList("List".to_owned())));
    parse(group("")).unwrap_err();
    parse(RawAddress::PrefixList(String::new())).unwrap_err();
}

#[test]
fn peers_cover_what_they_contain() {
    let peer = |address| only(from_peer(address)).peer;
    assert!(peer(v4("10.0.0.0/8")).covers(&peer(v4("10.1.0.0/16"))));
    assert!(!peer(v4("10.1.0.0/16")).covers(&peer(v4("10.0.0.0/8"))));
    assert!(!peer(v4("0.0.0.0/0")).covers(&peer(v6("::/0"))));
    assert!(!peer(v4("0.0.0.0/0")).covers(&peer(group("sg-01234567"))));
    assert!(peer(group("sg-01234567")).covers(&peer(group("sg-01234567"))));
    assert!(!matches!(peer(group("sg-01234567")), Peer::Cidr(_)));
}

#[test]
fn peering_states_as_the_api_spells_them() {
    let raw = |status: &str| RawGroup {
        id: Some("sg-01234567".to_owned()),
        peering_status: Some(status.to_owned()),
        ..RawGroup::default()
    };
    let parse = |status| {
        let Peer::Group(reference) = only(from_peer(RawAddress::Group(raw(status)))).peer else {
            panic!()
        };
        reference.peering
    };
    assert_eq!(parse("active"), Some(PeeringStatus::Active));
    assert_eq!(parse("pending-acceptance"), Some(PeeringStatus::Pending));
    assert_eq!(parse("deleted"), Some(PeeringStatus::Gone));
    from_peer(RawAddress::Group(raw("perhaps"))).unwrap_err();
}
