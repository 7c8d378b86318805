//! What is explained, by example: peers of every kind, exempt traffic, places, changes.

use secgroup_control::Defaults;
use secgroup_datapath::{AlwaysTrack, Settings};
use secgroup_model::{Family, PeeringStatus};
use secgroup_packet::Direction;

use crate::tests::world::{World, net, spec};
use crate::{Change, Explainer, Explanation, FailsOn, Outcome};

/// An interface with one group.
fn world(rules: &[&str]) -> World {
    World::new()
        .group("sg-a", rules)
        .interface("eni-a", &["sg-a"], &["10.0.1.10", "2001:db8::10"])
}

/// `allow new sg-a#0`, `deny no-rule`.
fn short(told: &Explanation) -> String {
    let rule = told.rule.as_deref().unwrap_or_default();
    format!("{} {} {rule}", told.verdict.as_str(), told.reason)
        .trim_end()
        .to_owned()
}

fn added(told: &Explanation) -> String {
    match &told.change {
        Change::Add {
            group,
            direction,
            allows,
            ..
        } => format!("{group}: {direction} {allows}"),
        other => panic!("{other:?} adds nothing"),
    }
}

fn removed(told: &Explanation) -> Vec<&str> {
    match &told.change {
        Change::Remove { rules, .. } => rules.iter().map(|rule| rule.rule.as_str()).collect(),
        other => panic!("{other:?} removes nothing"),
    }
}

fn nothing(told: &Explanation) -> &str {
    match &told.change {
        Change::None { because } => because,
        other => panic!("{other:?} is a change"),
    }
}

#[test]
fn every_rule_of_the_direction_with_the_field_on_which_it_fails() {
    let told = world(&[
        "in tcp 22 10.0.0.0/8",
        "in tcp 80 0.0.0.0/0",
        "in udp 22 203.0.113.7/32",
        "in tcp 80 ::/0",
        "in tcp 22 203.0.113.0/24",
        "out all 0.0.0.0/0",
    ])
    .explain("eni-a", "tcp 203.0.113.7:40000 > 10.0.1.10:22");
    assert_eq!(short(&told), "allow new sg-a#4");
    let fields: Vec<_> = told.rules().map(|rule| rule.fails_on).collect();
    let expected = [
        Some(FailsOn::Source),
        Some(FailsOn::Port),
        Some(FailsOn::Protocol),
        Some(FailsOn::Family),
        None,
        Some(FailsOn::Direction),
    ];
    assert_eq!(fields, expected);
    let tracking = told.tracking.as_ref().unwrap();
    assert!(tracking.tracked);
    assert_eq!(
        tracking.because,
        "no ingress rule for tcp port 22 has the peer 0.0.0.0/0"
    );
}

#[test]
fn a_prefix_list_is_its_entries() {
    let world = world(&["in tcp 22 pl-1", "in udp 53 pl-missing"]).list(
        "pl-1",
        Family::V4,
        &["198.51.100.0/24", "203.0.113.7/32"],
    );
    let told = world.explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:22");
    assert_eq!(short(&told), "allow new sg-a#0");
    let told = world.explain("eni-a", "tcp 203.0.113.8:1 > 10.0.1.10:22");
    assert_eq!(told.groups[0].rules[0].fails_on, Some(FailsOn::Source));
    let told = world.explain("eni-a", "udp 203.0.113.7:1 > 10.0.1.10:53");
    assert_eq!(told.groups[0].rules[1].fails_on, Some(FailsOn::Source));
}

#[test]
fn a_group_is_its_members_addresses_and_prefixes() {
    let world = world(&["in tcp 22 sg-b"]).group("sg-b", &[]).interface(
        "eni-b",
        &["sg-b"],
        &["10.0.1.20", "10.0.2.64/28", "2001:db8:b::/80"],
    );
    let told = |from| world.explain("eni-a", &format!("tcp {from}:1 > 10.0.1.10:22"));
    assert_eq!(short(&told("10.0.1.20")), "allow new sg-a#0");
    assert_eq!(short(&told("10.0.2.79")), "allow new sg-a#0");
    assert_eq!(short(&told("10.0.2.80")), "deny no-rule");
    // Who has only the group of the rule is no member of the group that the rule names.
    let world = world.clone().interface("eni-c", &["sg-a"], &["10.0.1.30"]);
    let told = |from| world.explain("eni-a", &format!("tcp {from}:1 > 10.0.1.10:22"));
    assert_eq!(short(&told("10.0.1.30")), "deny no-rule");
    // C14: one reference, both families.
    let told = world.explain("eni-a", "tcp [2001:db8:b::7]:1 > [2001:db8::10]:22");
    assert_eq!(short(&told), "allow new sg-a#0");
}

#[test]
fn a_stale_reference_matches_nothing() {
    for (status, verdict) in [
        (PeeringStatus::Active, "allow new sg-a#0"),
        (PeeringStatus::Pending, "deny no-rule"),
        (PeeringStatus::Gone, "deny no-rule"),
    ] {
        let world = world(&["in tcp 22 sg-far"])
            .group_in("vpc-far", "sg-far", &[])
            .peering("vpc-far", status)
            .interface("eni-far", &["sg-far"], &["172.16.0.9"]);
        let told = world.explain("eni-a", "tcp 172.16.0.9:1 > 10.0.1.10:22");
        assert_eq!(short(&told), verdict);
        let matches = told.groups[0].rules[0].matches;
        assert_eq!(matches, told.verdict == Outcome::Allow);
    }
}

#[test]
fn what_is_never_filtered() {
    let world = world(&[]);
    for (flow, exemption) in [
        // C17: resolver, metadata, router; then DHCP, NDP (C18) and DHCPv6.
        (
            "udp 10.0.1.10:40000 > 10.0.0.2:53",
            "the resolver of the VPC",
        ),
        (
            "tcp 10.0.1.10:40000 > 169.254.169.254:80",
            "instance metadata",
        ),
        ("icmp 10.0.1.1 > 10.0.1.10", "the router of the subnet"),
        ("udp 10.0.1.10:68 > 255.255.255.255:67", "DHCP"),
        ("icmpv6 135/0 fe80::1 > 2001:db8::10", "neighbour discovery"),
        (
            "icmpv6 143/0 fe80::1 > 2001:db8::10",
            "multicast listener discovery",
        ),
        ("udp [2001:db8::10]:546 > [ff02::1:2]:547", "DHCPv6"),
    ] {
        let told = world.explain("eni-a", flow);
        assert_eq!(short(&told), "allow exempt", "{flow}");
        assert_eq!(nothing(&told), "security groups never filter this traffic");
        let said = told.exemption.as_deref().unwrap();
        assert!(said.starts_with(exemption), "{flow}: {said}");
        assert_eq!((told.tracking, told.why), (None, None));
    }
    // C19: another resolver is filtered like everything else.
    let told = world.explain("eni-a", "udp 10.0.1.10:40000 > 10.0.0.3:53");
    assert_eq!(short(&told), "deny no-rule");
    let off = Defaults {
        exemptions: false,
        ..Defaults::default()
    };
    let told = world.explain_by("eni-a", "udp 10.0.1.10:40000 > 10.0.0.2:53", &off);
    assert_eq!(short(&told), "deny no-rule");
}

#[test]
fn spoofed_packets_are_turned_by_no_rule() {
    let world = world(&["out all 0.0.0.0/0"]);
    let flow = "tcp 10.9.9.9:1 > 203.0.113.7:80".parse().unwrap();
    let told = |world: &World| {
        let explainer = Explainer::new(&world.0, &Settings::default(), &Defaults::default());
        let egress = Some(Direction::Egress);
        let mut told = explainer.explain(Some("eni-a"), egress, &flow).unwrap();
        told.places.remove(0)
    };
    let spoofed = told(&world);
    assert_eq!(short(&spoofed), "deny spoofed");
    assert!(nothing(&spoofed).contains("turn its check off"));
    let world = world.edit("eni-a", |eni| eni.source_dest_check = false);
    assert_eq!(short(&told(&world)), "allow new sg-a#0");
}

#[test]
fn denials_that_are_not_for_want_of_a_rule() {
    let world = world(&["in tcp 22 0.0.0.0/0"]);
    let flow = "tcp 203.0.113.7:1 > 10.0.1.10:22";
    let full = Defaults {
        allowance: Some(0),
        ..Defaults::default()
    };
    let told = world.explain_by("eni-a", flow, &full);
    assert_eq!(short(&told), "deny table-full");
    assert!(nothing(&told).contains("make room"));
    let none = Defaults {
        link_local_pps: Some(0),
        ..Defaults::default()
    };
    let told = world.explain_by("eni-a", "udp 10.0.1.10:1 > 169.254.169.123:123", &none);
    assert_eq!(short(&told), "deny link-local-exceeded");
    assert!(nothing(&told).contains("raise it"));
}

#[test]
fn the_smallest_rule_that_would_admit_it() {
    let world = world(&[]);
    for (flow, rule) in [
        (
            "tcp 203.0.113.7:40000 > 10.0.1.10:22",
            "sg-a: ingress tcp 22 from 203.0.113.7/32",
        ),
        (
            "udp 10.0.1.10:53 > 203.0.113.7:4000",
            "sg-a: egress udp 4000 to 203.0.113.7/32",
        ),
        (
            "icmp 3/4 203.0.113.7 > 10.0.1.10",
            "sg-a: ingress icmp type 3 code 4 from 203.0.113.7/32",
        ),
        (
            "icmpv6 2001:db8::1 > 2001:db8::10",
            "sg-a: ingress icmpv6 type 128 code 0 from 2001:db8::1/128",
        ),
        (
            "47 203.0.113.7 > 10.0.1.10",
            "sg-a: ingress protocol 47 from 203.0.113.7/32",
        ),
        // A19: only `-1` reaches the ICMP of the other family.
        (
            "icmpv6 203.0.113.7 > 10.0.1.10",
            "sg-a: ingress all traffic from 203.0.113.7/32",
        ),
        (
            "icmp 2001:db8::10 > 2001:db8::1",
            "sg-a: egress all traffic to 2001:db8::1/128",
        ),
    ] {
        assert_eq!(added(&world.explain("eni-a", flow)), rule);
    }
}

#[test]
fn the_rule_goes_to_the_group_that_the_fewest_have() {
    let flow = "tcp 203.0.113.7:1 > 10.0.1.10:22";
    let world = World::new()
        .group("sg-all", &[])
        .group("sg-one", &[])
        .interface(
            "eni-a",
            &["sg-undefined", "sg-all", "sg-one"],
            &["10.0.1.10"],
        )
        .interface("eni-b", &["sg-all"], &["10.0.1.11"]);
    let told = world.explain("eni-a", flow);
    assert_eq!(added(&told), "sg-one: ingress tcp 22 from 203.0.113.7/32");
    let undefined = World::new().interface("eni-a", &["sg-undefined"], &["10.0.1.10"]);
    assert!(
        nothing(&undefined.explain("eni-a", flow)).contains("no group that the policy defines")
    );
}

#[test]
fn every_rule_that_admits_it_has_to_go() {
    let world = World::new()
        .group(
            "sg-a",
            &["in tcp 20-30 203.0.113.0/24", "in udp 22 0.0.0.0/0"],
        )
        .group(
            "sg-b",
            &["in all 0.0.0.0/0", "in tcp 22 ::/0", "in tcp 22 sg-b"],
        )
        .interface("eni-a", &["sg-b", "sg-a"], &["10.0.1.10"])
        .interface("eni-b", &["sg-b"], &["203.0.113.7"]);
    let told = world.explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:22");
    assert_eq!(short(&told), "allow new sg-b#0");
    assert_eq!(removed(&told), ["sg-b#0", "sg-b#2", "sg-a#0"]);
}

#[test]
fn always_tracked_flows_say_so() {
    let world = world(&["in tcp 80 0.0.0.0/0", "out all 0.0.0.0/0"]);
    let defaults = Defaults {
        always_track: AlwaysTrack::Peers(vec![net("203.0.113.0/24")]),
        ..Defaults::default()
    };
    let told = |from| {
        let flow = format!("tcp {from}:1 > 10.0.1.10:80");
        world.explain_by("eni-a", &flow, &defaults)
    };
    assert_eq!(short(&told("198.51.100.1")), "allow untracked sg-a#0");
    let told = told("203.0.113.7");
    assert_eq!(short(&told), "allow new sg-a#0");
    let because = told.tracking.unwrap().because;
    assert!(
        because.ends_with("but flows with 203.0.113.7 are always tracked"),
        "{because}"
    );
}

#[test]
fn the_way_follows_from_addresses_and_prefixes() {
    let world = World::new()
        .group("sg-a", &["in all 0.0.0.0/0"])
        .interface("eni-a", &["sg-a"], &["10.0.1.10", "10.0.2.64/28"])
        .interface("eni-b", &["sg-a"], &["10.0.1.20"]);
    let explainer = Explainer::new(&world.0, &Settings::default(), &Defaults::default());
    let places = |name: Option<&str>, direction, flow: &str| {
        let flow = flow.parse().unwrap();
        let told = explainer.explain(name, direction, &flow);
        told.map(|told| {
            let place = |one: &Explanation| format!("{} {}", one.interface, one.direction);
            told.places.iter().map(place).collect::<Vec<_>>().join(", ")
        })
        .map_err(|error| error.to_string())
    };
    let (both, ingress) = (None, Some(Direction::Ingress));
    let between = "tcp 10.0.1.10:1 > 10.0.1.20:2";
    assert_eq!(
        places(None, both, between).unwrap(),
        "eni-a egress, eni-b ingress"
    );
    assert_eq!(places(None, ingress, between).unwrap(), "eni-b ingress");
    assert_eq!(
        places(Some("eni-a"), both, between).unwrap(),
        "eni-a egress"
    );
    assert_eq!(
        places(Some("10.0.1.20"), both, between).unwrap(),
        "eni-b ingress"
    );
    // What is said is believed.
    assert_eq!(
        places(Some("eni-a"), ingress, between).unwrap(),
        "eni-a ingress"
    );
    // From a delegated prefix, named by an address in one.
    let delegated = "tcp 10.0.2.70:1 > 203.0.113.7:2";
    assert_eq!(
        places(Some("10.0.2.66"), both, delegated).unwrap(),
        "eni-a egress"
    );
    // C11: to itself.
    let hairpin = "tcp 10.0.1.10:1 > 10.0.2.64:2";
    assert_eq!(
        places(Some("eni-a"), both, hairpin).unwrap(),
        "eni-a egress, eni-a ingress"
    );

    let error = places(None, both, "tcp 192.0.2.1:1 > 192.0.2.2:2").unwrap_err();
    assert!(
        error.contains("crosses no known interface; name one with --interface"),
        "{error}"
    );
    let error = places(Some("eni-a"), both, "tcp 192.0.2.1:1 > 192.0.2.2:2").unwrap_err();
    assert!(
        error.ends_with("with --direction ingress or --direction egress"),
        "{error}"
    );
    let error = places(Some("eni-x"), both, between).unwrap_err();
    assert!(error.ends_with("there are: eni-a, eni-b"), "{error}");
}

#[test]
fn long_lists_of_interfaces_are_cut_short() {
    let flow = "tcp 192.0.2.1:1 > 192.0.2.2:2".parse().unwrap();
    let error = |world: &World| {
        let explainer = Explainer::new(&world.0, &Settings::default(), &Defaults::default());
        let told = explainer.explain(Some("eni-x"), None, &flow);
        told.unwrap_err().to_string()
    };
    assert!(error(&World::new()).ends_with("give one with --attach GROUP=ADDRESS"));
    let with = |last: u32| {
        (10..last).fold(World::new(), |world, n| {
            world.interface(&format!("eni-{n}"), &[], &[])
        })
    };
    assert!(error(&with(20)).ends_with("eni-18, eni-19"));
    let error = error(&with(22));
    assert!(error.ends_with("eni-18, eni-19 and 2 more"), "{error}");
}

#[test]
fn json_can_be_read() {
    let world = world(&["in tcp 22 10.0.0.0/8"]);
    let told = world.everywhere("tcp 203.0.113.7:1 > 10.0.1.10:22");
    let json = serde_json::to_value(&told).unwrap();
    let expected = serde_json::json!({
        "packet": {
            "flow": "tcp 203.0.113.7:1 > 10.0.1.10:22",
            "src": "203.0.113.7",
            "dst": "10.0.1.10",
            "protocol": "tcp",
            "sport": 1,
            "dport": 22,
            "tcp_flags": "syn",
        },
        "verdict": "deny",
        "places": [{
            "interface": "eni-a",
            "direction": "ingress",
            "verdict": "deny",
            "reason": "no-rule",
            "rule": null,
            "group": null,
            "why": "sg-a#0 (tcp 22 from 10.0.0.0/8) would match but for its peer",
            "connection": { "before": null, "after": null },
            "groups": [{
                "group": "sg-a",
                "name": "sg-a",
                "rules": [{
                    "rule": "sg-a#0",
                    "direction": "ingress",
                    "allows": "tcp 22 from 10.0.0.0/8",
                    "description": null,
                    "matches": false,
                    "fails_on": "source",
                }],
            }],
            "change": {
                "change": "add",
                "group": "sg-a",
                "direction": "ingress",
                "allows": "tcp 22 from 203.0.113.7/32",
                "cloudformation": "SgAIngressTcp22From203x0x113x7x32:\n  \
                    Type: AWS::EC2::SecurityGroupIngress\n  Properties:\n    \
                    GroupId: sg-a\n    IpProtocol: 'tcp'\n    FromPort: 22\n    ToPort: 22\n    \
                    CidrIp: 203.0.113.7/32\n",
                "commands": ["aws ec2 authorize-security-group-ingress --group-id sg-a \
                    --ip-permissions 'IpProtocol=tcp,FromPort=22,ToPort=22,\
                    IpRanges=[{CidrIp=203.0.113.7/32}]'"],
            },
        }],
    });
    assert_eq!(json, expected);
}

#[test]
fn json_of_everything_can_be_read_back() {
    let world = world(&[
        "in tcp 22 10.0.0.0/8",
        "in all 0.0.0.0/0",
        "out all 0.0.0.0/0",
    ]);
    for flow in [
        "tcp 203.0.113.7:1 > 10.0.1.10:22",
        "tcp rst 203.0.113.7:1 > 10.0.1.10:22",
        "tcp ack 10.0.1.10:1 > 203.0.113.7:22",
        "47 203.0.113.7 > 10.0.1.10",
        "icmp 10.0.1.10 > 10.0.1.1",
        "icmpv6 2001:db8::1 > 2001:db8::10",
    ] {
        let told = world.everywhere(flow);
        let text = serde_json::to_string(&told).unwrap();
        let read: crate::Explained = serde_json::from_str(&text).unwrap();
        assert_eq!(read, told, "{flow}");
    }
}

/// What the connection was and what it is, step by step; the excerpt leaves the engine as it was.
#[test]
fn a_packet_that_was_typed_opens_its_connection_and_leaves_nothing_behind() {
    let world = world(&["in tcp 22 203.0.113.0/24"]);
    let flow = "tcp 203.0.113.7:1 > 10.0.1.10:22".parse().unwrap();
    let explainer = Explainer::new(&world.0, &Settings::default(), &Defaults::default());
    for _ in 0..40 {
        let told = explainer.explain(None, None, &flow).unwrap();
        let connection = &told.places[0].connection;
        assert_eq!(connection.before, None);
        let after = connection.after.as_ref().unwrap();
        assert_eq!(
            (after.state.as_str(), after.opened, after.ingress_packets),
            ("syn-sent", Direction::Ingress, 1)
        );
        assert_eq!(
            (after.local.as_str(), after.remote.as_str()),
            ("10.0.1.10:22", "203.0.113.7:1")
        );
        assert_eq!(after.rule.as_deref(), Some("sg-a#0"));
    }
}

#[test]
fn a_segment_that_opens_nothing_says_what_would() {
    let world = world(&["in tcp 22 203.0.113.0/24"]);
    let told = world.explain("eni-a", "tcp ack 203.0.113.7:1 > 10.0.1.10:22");
    assert_eq!(short(&told), "deny invalid-state");
    assert!(nothing(&told).contains("only a SYN opens a tracked connection"));
    assert!(told.tracking.unwrap().tracked);
    // Untracked flows have no state that a segment could fail to fit (D38).
    let world = World::new()
        .group("sg-a", &["in tcp 22 0.0.0.0/0", "out all 0.0.0.0/0"])
        .interface("eni-a", &["sg-a"], &["10.0.1.10"]);
    let told = world.explain("eni-a", "tcp ack 203.0.113.7:1 > 10.0.1.10:22");
    assert_eq!(short(&told), "allow untracked sg-a#0");
}

/// The two rules of D8, as far as they are there.
#[test]
fn the_two_rules_that_leave_a_flow_untracked() {
    let needs = |rules: &[&str]| {
        let told = world(rules).explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:80");
        let needs = told.tracking.unwrap().needs;
        let needs = needs.into_iter().map(|needed| (needed.needs, needed.rule));
        <[_; 2]>::try_from(needs.collect::<Vec<_>>()).unwrap()
    };
    let admits = "ingress tcp 80 from 0.0.0.0/0".to_owned();
    let answers = "egress tcp 0-65535 to 0.0.0.0/0".to_owned();
    let rule = |id: &str| Some(id.to_owned());
    assert_eq!(
        needs(&["in tcp 80 0.0.0.0/0", "out all 0.0.0.0/0"]),
        [
            (admits.clone(), rule("sg-a#0")),
            (answers.clone(), rule("sg-a#1"))
        ]
    );
    assert_eq!(
        needs(&["in tcp 80 203.0.113.0/24", "out all 0.0.0.0/0"]),
        [(admits, None), (answers, rule("sg-a#1"))]
    );
}

/// The group of D14, and what the documents say of it.
#[test]
fn the_example_of_the_documents() {
    let world = world(&[
        "in tcp 22 203.0.113.1/32",
        "in tcp 80 0.0.0.0/0",
        "in tcp 80 ::/0",
        "in icmp all 0.0.0.0/0",
        "out all 0.0.0.0/0",
        "out all ::/0",
    ]);
    for (flow, verdict) in [
        ("tcp 203.0.113.1:1 > 10.0.1.10:22", "allow new sg-a#0"),
        ("tcp 203.0.113.2:1 > 10.0.1.10:22", "deny no-rule"),
        ("tcp 203.0.113.1:1 > 10.0.1.10:80", "allow untracked sg-a#1"),
        (
            "tcp [2001:db8::1]:1 > [2001:db8::10]:80",
            "allow untracked sg-a#2",
        ),
        ("icmp 203.0.113.1 > 10.0.1.10", "allow new sg-a#3"),
        ("tcp 10.0.1.10:1 > 203.0.113.1:443", "allow new sg-a#4"),
    ] {
        assert_eq!(short(&world.explain("eni-a", flow)), verdict, "{flow}");
    }
    assert_eq!(
        spec("in icmp all 0.0.0.0/0").to_string(),
        "icmp all types from 0.0.0.0/0"
    );
}
