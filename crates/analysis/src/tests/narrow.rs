//! Narrower rules: what they hold, and what they do not.

use secgroup_model::{Direction, Peer, PortRange, Protocol, RuleSpec, Traffic};
use secgroup_policy::{Query, Selector};

use crate::tests::world::spec;
use crate::{Admitted, MOST_RULES, Narrowing, narrowed};

fn query(protocol: Protocol, selector: Selector, peer: &str) -> Query {
    Query {
        direction: Direction::Ingress,
        protocol,
        peer: peer.parse().unwrap(),
        selector,
    }
}

fn admitted<'a>(tcp: impl IntoIterator<Item = (u16, &'a str)>) -> Admitted {
    let mut admitted = Admitted::default();
    for (port, peer) in tcp {
        admitted.note(&query(Protocol::TCP, Selector::Port(port), peer));
    }
    admitted
}

fn words(rule: &str, admitted: &Admitted, how: Narrowing) -> Vec<String> {
    let rules = narrowed(&spec(rule), admitted, how);
    rules.iter().map(ToString::to_string).collect()
}

#[test]
fn ports_and_peers_are_those_that_were_seen() {
    let seen = admitted([
        (22, "10.0.0.1"),
        (22, "10.0.0.0"),
        (80, "10.9.0.1"),
        (81, "10.9.0.1"),
    ]);
    let all = "in all 10.0.0.0/8";
    assert_eq!(
        words(all, &seen, Narrowing::Both),
        ["tcp 22 from 10.0.0.0/31", "tcp 80-81 from 10.9.0.1/32"]
    );
    let wide = ["tcp 22 from 10.0.0.0/8", "tcp 80-81 from 10.0.0.0/8"];
    assert_eq!(words(all, &seen, Narrowing::Traffic), wide);
    assert_eq!(
        words(all, &seen, Narrowing::Nothing),
        ["all traffic from 10.0.0.0/8"]
    );
    assert!(words(all, &Admitted::default(), Narrowing::Both).is_empty());
    // Groups and lists say who is meant.
    assert_eq!(
        words(
            "in tcp 22 sg-a",
            &admitted([(22, "10.0.0.1")]),
            Narrowing::Both
        ),
        ["tcp 22 from sg-a"]
    );
    assert_eq!(
        words(
            "in tcp all pl-1",
            &admitted([(22, "10.0.0.1")]),
            Narrowing::Both
        ),
        ["tcp 22 from pl-1"]
    );
}

#[test]
fn many_hosts_are_the_networks_that_they_have_in_common() {
    let hosts: Vec<_> = (0..200).map(|n| format!("10.{}.7.{}", n % 3, n)).collect();
    let seen = admitted(hosts.iter().map(|host| (22, host.as_str())));
    assert_eq!(
        words("in tcp 22 0.0.0.0/0", &seen, Narrowing::Both),
        [
            "tcp 22 from 10.0.7.0/25",
            "tcp 22 from 10.0.7.128/25",
            "tcp 22 from 10.1.7.0/25",
            "tcp 22 from 10.1.7.128/25",
            "tcp 22 from 10.2.7.0/25",
            "tcp 22 from 10.2.7.128/25"
        ]
    );
}

#[test]
fn messages_and_numbers_are_told_apart() {
    let mut seen = Admitted::default();
    seen.note(&query(
        Protocol::ICMP,
        Selector::Icmp { kind: 8, code: 0 },
        "10.0.0.1",
    ));
    seen.note(&query(Protocol(47), Selector::None, "10.0.0.1"));
    assert_eq!(
        words("in all 10.0.0.0/8", &seen, Narrowing::Both),
        [
            "icmp type 8 code 0 from 10.0.0.1/32",
            "protocol 47 from 10.0.0.1/32"
        ]
    );
    // ICMPv6 in IPv4 is in reach of `-1` alone (A19).
    let mut odd = Admitted::default();
    odd.note(&query(Protocol::ICMPV6, Selector::None, "10.0.0.1"));
    assert_eq!(
        words("in all 10.0.0.0/8", &odd, Narrowing::Both),
        ["all traffic from 10.0.0.1/32"]
    );
}

/// Whatever was seen: few rules, none wider than the rule, and everything seen in one of them.
#[test]
fn few_rules_hold_everything_and_nothing_beyond_the_rule() {
    for (count, ports) in [(5_u32, 3_u16), (300, 40), (20_000, 2), (3, 3000)] {
        let rule = spec("in tcp 1000-60000 10.0.0.0/8");
        let pairs: Vec<_> = (0..count)
            .flat_map(|host| {
                let address = format!("10.{}.{}.{}", host % 5, host / 256 % 256, host % 256);
                (0..ports).map(move |port| (1000 + port * 17, address.clone()))
            })
            .collect();
        let seen = admitted(pairs.iter().map(|(port, host)| (*port, host.as_str())));
        let rules = narrowed(&rule, &seen, Narrowing::Both);
        assert!((1..=MOST_RULES).contains(&rules.len()), "{rules:?}");
        assert!(rules.iter().all(|one| rule.covers(one)));
        for (port, host) in &pairs {
            let packet = RuleSpec {
                traffic: Traffic::Tcp(PortRange::single(*port)),
                peer: Peer::Cidr(format!("{host}/32").parse().unwrap()),
                ..rule.clone()
            };
            assert!(rules.iter().any(|one| one.covers(&packet)), "{packet}");
        }
    }
}
