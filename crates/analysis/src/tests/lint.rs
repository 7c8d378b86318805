//! Each code of the lint's table: what is found, and what looks like it and is not.

use secgroup_model::{Family, Inventory, PeeringStatus, Quotas, SecurityGroup};

use crate::tests::world::{World, spec};
use crate::{Code, Finding, Level, lint};

/// Messages of one code, each behind the rule or group that it is about.
fn found(world: &World, code: Code) -> Vec<String> {
    let findings = lint(&world.0, &Quotas::today()).into_iter();
    findings
        .filter(|finding| finding.code == code)
        .map(
            |Finding {
                 rule,
                 group,
                 message,
                 ..
             }| {
                let about = rule.or(group).unwrap_or_default();
                format!("{about}: {message}")
                    .trim_start_matches(": ")
                    .to_owned()
            },
        )
        .collect()
}

fn world(rules: &[&str]) -> World {
    World::new()
        .group("sg-a", rules)
        .interface("eni-a", &["sg-a"], &["10.0.1.10"])
}

/// The numbers of the rules of `sg-a` that have the code.
fn rules(world: &World, code: Code) -> Vec<usize> {
    let findings = lint(&world.0, &Quotas::today()).into_iter();
    let of_code = findings.filter(|finding| finding.code == code);
    let number = |finding: Finding| finding.rule?.strip_prefix("sg-a#")?.parse().ok();
    of_code.filter_map(number).collect()
}

#[test]
fn open_everything() {
    let found_in = world(&[
        "in all 0.0.0.0/0",
        "in tcp all ::/0",
        "in udp 1-65535 0.0.0.0/0",
        "in all 128.0.0.0/1",
        "in all 2000::/3",
        "in all pl-world",
        // And these are none of it.
        "out all 0.0.0.0/0",
        "in all 10.0.0.0/8",
        "in all fc00::/7",
        "in tcp 2-65535 0.0.0.0/0",
        "in all sg-a",
        "in all pl-missing",
        "in 47 0.0.0.0/0",
    ])
    .list("pl-world", Family::V4, &["10.0.0.0/8", "0.0.0.0/1"]);
    assert_eq!(rules(&found_in, Code::OpenEverything), [0, 1, 2, 3, 4, 5]);
    let messages = found(&found_in, Code::OpenEverything);
    assert_eq!(
        messages[0],
        "sg-a#0: everybody may reach every port: all traffic from 0.0.0.0/0"
    );
    assert_eq!(
        messages[1],
        "sg-a#1: everybody may reach every TCP port: tcp 0-65535 from ::/0"
    );
}

#[test]
fn open_admin_port() {
    let found_in = world(&[
        "in tcp 22 0.0.0.0/0",
        "in tcp 3306-3389 ::/0",
        "in udp 161 0.0.0.0/0",
        "in udp 11211 8.0.0.0/7",
        "in tcp 2-65535 0.0.0.0/0",
        "in tcp 20-445 0.0.0.0/0",
        // And these are none of it.
        "in tcp 22 203.0.113.0/24",
        "in tcp 22 11.0.0.0/8",
        "in tcp 80 0.0.0.0/0",
        "in tcp 443 ::/0",
        "in tcp 25 0.0.0.0/0",
        "in udp 53 0.0.0.0/0",
        "in udp 22 0.0.0.0/0",
        "in tcp 161 0.0.0.0/0",
        "out tcp 22 0.0.0.0/0",
    ]);
    assert_eq!(rules(&found_in, Code::OpenAdminPort), [0, 1, 2, 3, 4, 5]);
    let messages = found(&found_in, Code::OpenAdminPort);
    assert_eq!(
        messages[1],
        "sg-a#1: everybody may reach MySQL (TCP 3306), RDP (TCP 3389): tcp 3306-3389 from ::/0"
    );
    // Not a line of 34 services.
    assert!(
        messages[4].contains("NetBIOS (TCP 139), LDAP (TCP 389) and 26 more: "),
        "{messages:?}"
    );
    assert!(
        messages[5].contains("LDAP (TCP 389) and 1 more: "),
        "{messages:?}"
    );
}

#[test]
fn open_icmp() {
    let found_in = world(&[
        "in icmp all 0.0.0.0/0",
        "in icmpv6 all ::/0",
        // And these are none of it.
        "in icmp 8 0.0.0.0/0",
        "in icmp all 10.0.0.0/8",
        "in icmp all ::/0",
        "in icmpv6 all pl-world",
        "out icmp all 0.0.0.0/0",
    ])
    .list("pl-world", Family::V4, &["0.0.0.0/0"]);
    assert_eq!(rules(&found_in, Code::OpenIcmp), [0, 1]);
}

#[test]
fn never_matches() {
    let found_in = world(&[
        "in icmp all ::/0",
        "out icmpv6 128 10.0.0.0/8",
        "in icmpv6 all pl-v4",
        // And these are none of it.
        "in icmp all 0.0.0.0/0",
        "in icmpv6 all ::/0",
        "in icmp all pl-v4",
        "in icmp all sg-a",
        "in all ::/0",
        "in 47 ::/0",
    ])
    .list("pl-v4", Family::V4, &["10.0.0.0/8"]);
    assert_eq!(rules(&found_in, Code::NeverMatches), [0, 1, 2]);
    let findings = lint(&found_in.0, &Quotas::today());
    let help = |rule: &str| {
        let of_rule = |finding: &&Finding| {
            finding.rule.as_deref() == Some(rule) && finding.code == Code::NeverMatches
        };
        findings.iter().find(of_rule).unwrap().help.clone()
    };
    assert_eq!(
        help("sg-a#0"),
        "icmp is IPv4's: for IPv6 the protocol is icmpv6"
    );
    assert_eq!(
        help("sg-a#1"),
        "icmpv6 is IPv6's: for IPv4 the protocol is icmp"
    );
}

#[test]
fn redundant_rule() {
    let found_in = world(&[
        "in tcp 80-90 10.0.0.0/8",
        "in tcp 80 10.0.0.0/8",
        "in tcp 85-90 10.1.2.3/32",
        "in icmp 8/0 10.0.0.0/8",
        "in icmp 8 0.0.0.0/0",
        "in all sg-a",
        "in 47 sg-a",
        // And these are none of it.
        "in tcp 80-91 10.1.0.0/16",
        "in udp 80 10.0.0.0/8",
        "out tcp 80 10.0.0.0/8",
        "in icmp 3 0.0.0.0/0",
        "in icmp all ::/0",
        "in tcp 80 ::/0",
        "in tcp 80 sg-b",
        "in tcp 80 pl-1",
    ])
    .group("sg-b", &["in tcp 80 10.0.0.0/8"]);
    assert_eq!(
        found(&found_in, Code::RedundantRule),
        [
            "sg-a#1: 'tcp 80 from 10.0.0.0/8' is covered by sg-a#0 ('tcp 80-90 from 10.0.0.0/8')",
            "sg-a#2: 'tcp 85-90 from 10.1.2.3/32' is covered by sg-a#7 ('tcp 80-91 from \
             10.1.0.0/16')",
            "sg-a#3: 'icmp type 8 code 0 from 10.0.0.0/8' is covered by sg-a#4 ('icmp type 8 from \
             0.0.0.0/0')",
            "sg-a#6: 'protocol 47 from sg-a' is covered by sg-a#5 ('all traffic from sg-a')",
        ]
    );
}

#[test]
fn overlapping_groups() {
    let found_in = World::new()
        .group(
            "sg-a",
            &[
                "in tcp 80 0.0.0.0/0",
                "in tcp 22 10.0.0.0/8",
                "in udp 1 ::/0",
            ],
        )
        .group(
            "sg-b",
            &[
                "in tcp 80 0.0.0.0/0",
                "in tcp 22-23 10.0.0.0/8",
                "in udp 2 ::/0",
            ],
        )
        .group("sg-c", &["in all 0.0.0.0/0", "in all ::/0"])
        .group("sg-d", &["out all 0.0.0.0/0", "out all ::/0"])
        .group("sg-e", &["out all 0.0.0.0/0", "out all ::/0"])
        .interface("eni-4", &["sg-d", "sg-e"], &["10.0.1.13"])
        .interface("eni-1", &["sg-b", "sg-a"], &["10.0.1.10"])
        .interface("eni-2", &["sg-a", "sg-b"], &["10.0.1.11"])
        .interface("eni-3", &["sg-c"], &["10.0.1.12"]);
    assert_eq!(
        found(&found_in, Code::OverlappingGroups),
        [
            "sg-a#1: 'tcp 22 from 10.0.0.0/8' is covered by sg-b#1 of group sg-b ('tcp 22-23 from \
             10.0.0.0/8'), which eni-1 has as well",
            "sg-b#0: 'tcp 80 from 0.0.0.0/0' is covered by sg-a#0 of group sg-a ('tcp 80 from \
             0.0.0.0/0'), which eni-1 has as well",
        ]
    );
}

#[test]
fn stale_reference() {
    let far = |status| {
        world(&["in tcp 22 sg-far"])
            .group_in("vpc-far", "sg-far", &[])
            .peering("vpc-far", status)
            .interface("eni-far", &["sg-far"], &["172.16.0.9"])
    };
    let gone = far(PeeringStatus::Gone);
    let words = "sg-a#0: group sg-far is out of reach, so the rule matches nothing";
    assert_eq!(found(&gone, Code::StaleReference), [words]);
    assert_eq!(
        found(&far(PeeringStatus::Active), Code::StaleReference),
        [""; 0]
    );
    assert_eq!(
        found(&far(PeeringStatus::Active), Code::DanglingReference),
        [""; 0]
    );
}

#[test]
fn dangling_reference() {
    let found_in = world(&[
        "in tcp 22 sg-x",
        "in tcp 22 pl-x",
        "in tcp 22 sg-a",
        "in tcp 22 pl-1",
    ])
    .list("pl-1", Family::V4, &["10.0.0.0/8"])
    .interface("eni-b", &["sg-y", "sg-a"], &["10.0.1.11"]);
    assert_eq!(
        found(&found_in, Code::DanglingReference),
        [
            "interface eni-b has group sg-y, which the files do not hold",
            "sg-a#0: the files do not hold group sg-x, so the rule matches nothing",
            "sg-a#1: the files do not hold prefix list pl-x, so the rule matches nothing",
        ]
    );
    let pending = world(&["in tcp 22 sg-far"])
        .group_in("vpc-far", "sg-far", &[])
        .peering("vpc-far", PeeringStatus::Pending);
    assert_eq!(found(&pending, Code::DanglingReference).len(), 1);
}

#[test]
fn empty_peer() {
    let found_in = world(&[
        "in tcp 22 sg-b",
        "in tcp 22 pl-0",
        "in tcp 22 sg-a",
        "in tcp 22 pl-1",
    ])
    .group("sg-b", &["in tcp 22 sg-c"])
    .group("sg-c", &[])
    .list("pl-0", Family::V4, &[])
    .list("pl-1", Family::V4, &["10.0.0.0/8"]);
    assert_eq!(
        found(&found_in, Code::EmptyPeer),
        [
            "sg-a#0: no interface has group sg-b, so the rule matches nothing now",
            "sg-a#1: prefix list pl-0 has no entries, so the rule matches nothing now",
        ]
    );
}

#[test]
fn unattached_group() {
    let found_in = world(&[]).group("sg-b", &[]);
    assert_eq!(
        found(&found_in, Code::UnattachedGroup),
        ["sg-b: no interface has group sg-b"]
    );
}

#[test]
fn default_group_used() {
    let named_default = |mut world: World, id: &str| {
        let group: &mut SecurityGroup = world.0.groups.get_mut(id).unwrap();
        "default".clone_into(&mut group.name);
        world
    };
    let used = named_default(world(&["in all sg-a"]), "sg-a");
    let words = "sg-a: interfaces have the default group sg-a";
    assert_eq!(found(&used, Code::DefaultGroupUsed), [words]);
    let without_rules = named_default(world(&[]), "sg-a");
    assert_eq!(found(&without_rules, Code::DefaultGroupUsed), [""; 0]);
    let unattached = named_default(world(&[]).group("sg-b", &["in all sg-b"]), "sg-b");
    assert_eq!(found(&unattached, Code::DefaultGroupUsed), [""; 0]);
}

#[test]
fn untracked_flows() {
    let found_in = world(&[
        "in tcp 80 0.0.0.0/0",
        "in tcp 443 0.0.0.0/0",
        "in tcp 81-90 0.0.0.0/0",
        "in tcp 82-85 0.0.0.0/0",
        "in udp all ::/0",
        "in tcp 22 10.0.0.0/8",
        "in icmp all 0.0.0.0/0",
        "out all 0.0.0.0/0",
        "out udp all ::/0",
    ]);
    assert_eq!(
        found(&found_in, Code::UntrackedFlows),
        [
            "not tracked at interface eni-a: ingress tcp 80-90, 443 over IPv4; every ingress udp \
             flow over IPv6; every egress udp flow over IPv6"
        ]
    );
    for tracked in [
        &["in tcp 80 0.0.0.0/0"][..],
        &["in tcp 80 0.0.0.0/0", "out all ::/0"],
        &[
            "in tcp 80 0.0.0.0/0",
            "out tcp 0-1023 0.0.0.0/0",
            "out tcp 1024-65535 0.0.0.0/0",
        ],
        &["in tcp 80 10.0.0.0/8", "out all 0.0.0.0/0"],
    ] {
        assert_eq!(
            found(&world(tracked), Code::UntrackedFlows),
            [""; 0],
            "{tracked:?}"
        );
    }
}

/// A fleet is named once, and not in full.
#[test]
fn untracked_flows_of_a_fleet() {
    let open = ["in tcp 80 0.0.0.0/0", "out tcp all 0.0.0.0/0"];
    let other = ["in tcp 81 0.0.0.0/0", "out tcp all 0.0.0.0/0"];
    let world = World::new()
        .group("sg-a", &open)
        .group("sg-b", &open)
        .group("sg-c", &other);
    let world = (10..20).fold(world, |world, n| {
        let group = ["sg-a", "sg-b"][n % 2];
        world.interface(&format!("eni-{n}"), &[group], &[])
    });
    let world = world.interface("eni-x", &["sg-c"], &[]);
    assert_eq!(
        found(&world, Code::UntrackedFlows),
        [
            "not tracked at interfaces eni-10, eni-11, eni-12, eni-13, eni-14, eni-15, eni-16, \
             eni-17 and 2 more: ingress tcp 80 over IPv4",
            "not tracked at interface eni-x: ingress tcp 81 over IPv4",
        ]
    );
}

/// A group with so many rules to hosts, `in` and as many `out`.
fn hosts(count: u32) -> World {
    let host = |n: u32| std::net::Ipv4Addr::from(0xcb00_7100 + n);
    let both = |n| ["in", "out"].map(|way| spec(&format!("{way} tcp 22 {}/32", host(n))));
    let specs: Vec<_> = (0..count).flat_map(both).collect();
    World::new()
        .group_in("vpc-1", "sg-a", &specs)
        .interface("eni-a", &["sg-a"], &["10.0.1.10"])
}

#[test]
fn quotas_of_rules() {
    let both = |code, count| found(&hosts(count), code);
    assert_eq!(both(Code::QuotaNearlyUsed, 47), [""; 0]);
    let words = [
        "sg-a: 48 of 60 ingress rules for IPv4",
        "sg-a: 48 of 60 egress rules for IPv4",
    ];
    assert_eq!(both(Code::QuotaNearlyUsed, 48), words);
    assert_eq!(both(Code::QuotaNearlyUsed, 60).len(), 2);
    assert_eq!(both(Code::QuotaExceeded, 60), [""; 0]);
    assert_eq!(both(Code::QuotaNearlyUsed, 61), [""; 0]);
    let words = [
        "sg-a: 61 of 60 ingress rules for IPv4",
        "sg-a: 61 of 60 egress rules for IPv4",
    ];
    assert_eq!(both(Code::QuotaExceeded, 61), words);
}

#[test]
fn other_quotas() {
    let attached = |groups: &[&str]| World::new().interface("eni-a", groups, &["10.0.1.10"]);
    let six = attached(&["sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-6"]);
    let words = "6 of 5 security groups of interface eni-a";
    assert_eq!(found(&six, Code::QuotaExceeded), [words]);
    let three = attached(&["sg-1", "sg-2", "sg-3"]);
    assert_eq!(found(&three, Code::QuotaNearlyUsed), [""; 0]);

    let lists = |count| {
        (0..count).fold(World::new(), |world, n| {
            world.list(&format!("pl-{n}"), Family::V4, &[])
        })
    };
    assert_eq!(found(&lists(79), Code::QuotaNearlyUsed), [""; 0]);
    let words = "80 of 100 prefix lists of account 123456789012 in the Region";
    assert_eq!(found(&lists(80), Code::QuotaNearlyUsed), [words]);

    let groups = |count| {
        (0..count)
            .fold(World::new(), |world, n| {
                world.group(&format!("sg-{n}"), &[])
            })
            .0
    };
    let few = Quotas {
        groups_per_region: Some(10),
        groups_per_vpc: Some(9),
        ..Quotas::today()
    };
    let said = |inventory: &Inventory| {
        let quota = |finding: &Finding| finding.level < Level::Note;
        let findings = lint(inventory, &few).into_iter().filter(quota);
        findings.map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert_eq!(said(&groups(7)), [""; 0]);
    assert_eq!(
        said(&groups(8)),
        [
            "8 of 10 security groups of account 123456789012 in the Region",
            "8 of 9 security groups of vpc-1",
        ]
    );
}

#[test]
fn references_to_a_prefix_list() {
    let world = world(&["in tcp 1 pl-1", "in tcp 2 pl-1", "in tcp 3 pl-1"]).list(
        "pl-1",
        Family::V4,
        &["10.0.0.0/8"],
    );
    let mut quotas = Quotas::today();
    let codes = |quotas: &Quotas| {
        let about = |finding: &Finding| finding.message.ends_with("references to prefix list pl-1");
        let found = lint(&world.0, quotas).into_iter().filter(about);
        found.map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&quotas), []);
    quotas.prefix_lists.references_per_list = 3;
    assert_eq!(codes(&quotas), [Code::QuotaNearlyUsed]);
    quotas.prefix_lists.references_per_list = 2;
    assert_eq!(codes(&quotas), [Code::QuotaExceeded]);
}

#[test]
fn findings_are_sorted_say_where_and_what_to_do() {
    let world = World::new()
        .group(
            "sg-b",
            &[
                "in tcp 22 0.0.0.0/0",
                "in tcp 22 10.0.0.0/8",
                "in all 0.0.0.0/0",
            ],
        )
        .group("sg-a", &["in icmp all ::/0", "in tcp 3389 ::/0"])
        .interface("eni-a", &["sg-b", "sg-x"], &["10.0.1.10"]);
    let findings = lint(&world.0, &Quotas::today());
    let short = |finding: &Finding| {
        let about = finding.rule.clone().or_else(|| finding.group.clone());
        format!(
            "{} {} {}",
            finding.level.as_str(),
            finding.code,
            about.unwrap_or_default()
        )
    };
    let all: Vec<_> = findings.iter().map(short).collect();
    assert_eq!(
        all,
        [
            "error open-admin-port sg-a#1",
            "error open-admin-port sg-b#0",
            "error open-everything sg-b#2",
            "warning dangling-reference ",
            "warning never-matches sg-a#0",
            "warning redundant-rule sg-b#0",
            "warning redundant-rule sg-b#1",
            "note unattached-group sg-a",
        ]
    );
    assert_eq!(findings[1].at.as_deref(), Some("test.yaml:1:5"));
    assert_eq!(findings[5].at.as_deref(), Some("test.yaml:1:5"));
    assert!(findings.iter().all(|finding| !finding.help.is_empty()));
    assert!(
        findings
            .iter()
            .all(|finding| finding.level == finding.code.level())
    );
}

#[test]
fn a_policy_as_it_should_be_has_nothing_but_a_note() {
    let world = World::new()
        .group(
            "sg-web",
            &[
                "in tcp 443 0.0.0.0/0",
                "in tcp 443 ::/0",
                "out tcp 5432 sg-db",
            ],
        )
        .group("sg-db", &["in tcp 5432 sg-web"])
        .interface("eni-web", &["sg-web"], &["10.0.1.10"])
        .interface("eni-db", &["sg-db"], &["10.0.1.20"]);
    assert_eq!(lint(&world.0, &Quotas::today()), []);
}

#[test]
fn codes_print_as_json_spells_them() {
    for code in [
        Code::OpenEverything,
        Code::OpenAdminPort,
        Code::QuotaExceeded,
        Code::StaleReference,
        Code::DanglingReference,
        Code::NeverMatches,
        Code::RedundantRule,
        Code::QuotaNearlyUsed,
        Code::DefaultGroupUsed,
        Code::EmptyPeer,
        Code::OpenIcmp,
        Code::OverlappingGroups,
        Code::UnattachedGroup,
        Code::UntrackedFlows,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        // And as the table at the top of the lint's file does.
        let row = format!("| `{code}` | {} |", code.level().as_str());
        assert!(include_str!("../lint.rs").contains(&row), "{row}");
    }
}
