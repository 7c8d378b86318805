//! What rules admit: scenarios A of other firewalls' suites, frame by frame.

use secgroup_testkit::frame;
use secgroup_testkit::rng::Rng;

use crate::support::{
    ANY, ANY6, I, I6, Lab, O, O6, Policy, Rule, Setup, all, everything, heard_by, icmp, icmp6,
    live, never_pings, ping, pings, protocol, tcp, udp,
};

live! {
    /// Scenario 2. Every other protocol, and the same one the other way, is denied.
    fn a_rule_is_for_one_protocol_and_one_direction() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[tcp(80, ANY)], &[])));
        let mut wire = lab.wire();
        wire.trace(lab.daemon(), "
            +0 203.0.113.10:4000 > 10.0.0.10:80 tcp S          | pass new
            +0 10.0.0.10:80 > 203.0.113.10:4000 tcp SA         | pass established
            +0 203.0.113.10:4000 > 10.0.0.10:80 tcp A          | pass established
            +0 203.0.113.10:4000 > 10.0.0.10:80 udp            | drop no-rule
            +0 10.0.0.10:4000 > 203.0.113.10:80 tcp S          | drop no-rule
            +0 [2001:db8:1::10]:4000 > [2001:db8::10]:80 tcp S | drop no-rule
        ");
        lab.policy(&Policy::new(&[udp(80, ANY)], &[]));
        wire.trace(lab.daemon(), "
            +0 203.0.113.10:4001 > 10.0.0.10:80 udp            | pass new
            +0 10.0.0.10:80 > 203.0.113.10:4001 udp            | pass established
            +0 203.0.113.10:4001 > 10.0.0.10:80 tcp S          | drop no-rule
            +0 10.0.0.10:4001 > 203.0.113.10:80 udp            | drop no-rule
        ");
        lab.policy(&Policy::new(&[], &[tcp(80, ANY)]));
        wire.trace(lab.daemon(), "
            +0 10.0.0.10:4002 > 203.0.113.10:80 tcp S          | pass new
            +0 203.0.113.10:80 > 10.0.0.10:4002 tcp SA         | pass established
            +0 10.0.0.10:4002 > 203.0.113.10:80 udp            | drop no-rule
            +0 203.0.113.10:4002 > 10.0.0.10:80 tcp S          | drop no-rule
        ");
        lab.policy(&Policy::new(&[], &[udp(80, ANY)]));
        wire.trace(lab.daemon(), "
            +0 10.0.0.10:4003 > 203.0.113.10:80 udp            | pass new
            +0 203.0.113.10:80 > 10.0.0.10:4003 udp            | pass established
            +0 10.0.0.10:4003 > 203.0.113.10:80 tcp S          | drop no-rule
            +0 203.0.113.10:4003 > 10.0.0.10:80 udp            | drop no-rule
        ");
    }

    /// Scenario 3.
    fn a_range_holds_from_its_first_port_to_its_last() {
        let rules = [tcp(12_345, ANY).to(12_346)];
        let lab = Lab::new(&Setup::stations(Policy::new(&rules, &[])));
        lab.wire().trace(lab.daemon(), "
            +0 203.0.113.10:4000 > 10.0.0.10:12344 tcp S | drop no-rule
            +0 203.0.113.10:4000 > 10.0.0.10:12345 tcp S | pass new
            +0 203.0.113.10:4000 > 10.0.0.10:12346 tcp S | pass new
            +0 203.0.113.10:4000 > 10.0.0.10:12347 tcp S | drop no-rule
        ");
    }

    /// Scenario 4: a rule that becomes a value and a mask must not let the neighbour in.
    fn the_next_port_is_closed() {
        const SEED: u64 = 1_611_991;
        println!("seed {SEED}");
        let mut rng = Rng::new(SEED);
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        let mut wire = lab.wire();
        for _ in 0..4 {
            let mut ports = vec![42, 43];
            while ports.len() < 100 {
                let port = 1 + u16::try_from(rng.below(65_000)).unwrap();
                if !ports.contains(&port) && !ports.contains(&(port + 1)) {
                    ports.extend([port, port + 1]);
                }
            }
            let rules: Vec<_> = ports.iter().step_by(2).map(|port| udp(*port, ANY)).collect();
            lab.policy(&Policy::new(&rules, &[]));
            let frames: Vec<_> = ports
                .iter()
                .map(|port| frame::udp(&format!("{O}:9"), &format!("{I}:{port}"), b""))
                .collect();
            let open: Vec<_> = frames.iter().step_by(2).cloned().collect();
            assert!(wire.ingress(&frames) == open, "of {ports:?} every second one");
            // The next ports are judged by rules, not by these connections.
            lab.daemon().command(&["flows", "--delete-all"]).code(0);
        }
    }

    /// Scenario 5, with hosts: both interfaces judge, each for itself.
    fn a_group_is_a_peer() {
        let policy = Policy::default()
            .group("Group", &[icmp(-1, -1, "group:Peers"), icmp6(-1, -1, "group:Peers")], &everything())
            .group("Peers", &[], &everything())
            .instance(&["Group"])
            .second(&["Peers"]);
        let lab = Lab::new(&Setup { second: true, ..Setup::hosts(policy) });
        let second = lab.second.as_ref().unwrap();
        pings(second, "", I);
        pings(second, "", I6);
        never_pings(&lab, &lab.outside, &lab.instance, I);
        never_pings(&lab, &lab.instance, second, crate::support::J);
        never_pings(&lab, &lab.instance, second, crate::support::J6);
    }

    /// Scenarios 6 and 7: a peer that joins or leaves, and two rules that say the same.
    fn membership_counts_for_new_flows() {
        let policy = |ingress: &[Rule], peers: &[&str]| {
            Policy::default()
                .group("Group", ingress, &[])
                .group("A", &[], &everything())
                .group("B", &[], &everything())
                .group("None", &[], &everything())
                .instance(&["Group"])
                .second(peers)
        };
        let (a, b) = (udp(53, "group:A"), udp(53, "group:B"));
        let lab = Lab::new(&Setup::stations(policy(&[a.clone(), b.clone()], &["A", "B"])));
        let act = |words: &str| {
            lab.policy(&match words {
                "both rules" => policy(&[a.clone(), b.clone()], &["A", "B"]),
                "one rule" => policy(std::slice::from_ref(&a), &["A", "B"]),
                "no rule" => policy(&[], &["A", "B"]),
                "a stranger" => policy(&[a.clone(), b.clone()], &["None"]),
                other => panic!("{other}?"),
            });
        };
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.20:1 > 10.0.0.10:53 udp | pass new
            +0 ! one rule                     |
            +0 10.0.0.20:2 > 10.0.0.10:53 udp | pass new
            +0 ! no rule                      |
            +0 10.0.0.20:1 > 10.0.0.10:53 udp | pass established
            +0 10.0.0.20:3 > 10.0.0.10:53 udp | drop no-rule
            +0 ! both rules                   |
            +0 10.0.0.20:3 > 10.0.0.10:53 udp | pass new
            +0 ! a stranger                   |
            +0 10.0.0.20:3 > 10.0.0.10:53 udp | pass established
            +0 10.0.0.20:4 > 10.0.0.10:53 udp | drop no-rule
        ", &[], act);
    }

    /// Scenario 8.
    fn groups_add_up() {
        let policy = |groups: &[&str]| {
            Policy::default()
                .group("Admin", &[tcp(22, ANY), icmp(-1, -1, ANY)], &[])
                .group("Web", &[tcp(80, ANY)], &[])
                .instance(groups)
        };
        let lab = Lab::new(&Setup::stations(policy(&["Admin", "Web"])));
        let act = |_: &str| lab.policy(&policy(&["Web"]));
        lab.wire().trace_with(lab.daemon(), "
            +0 203.0.113.10:1 > 10.0.0.10:22 tcp S       | pass new
            +0 203.0.113.10:1 > 10.0.0.10:80 tcp S       | pass new
            +0 203.0.113.10 > 10.0.0.10 ping id 1 seq 1  | pass new
            +0 ! Admin is detached                       |
            +0 203.0.113.10:2 > 10.0.0.10:22 tcp S       | drop no-rule
            +0 203.0.113.10:2 > 10.0.0.10:80 tcp S       | pass new
            +0 203.0.113.10 > 10.0.0.10 ping id 2 seq 1  | drop no-rule
            +0 203.0.113.10 > 10.0.0.10 ping id 1 seq 2  | pass established
        ", &[], act);
    }

    /// Scenario 9.
    fn an_address_is_not_its_neighbour() {
        let host = "203.0.113.10/32";
        let rules = [tcp(1, host), udp(1, host), icmp(-1, -1, host)];
        let lab = Lab::new(&Setup::stations(Policy::new(&rules, &rules)));
        lab.wire().trace(lab.daemon(), "
            +0 203.0.113.10:7 > 10.0.0.10:1 tcp S        | pass new
            +0 203.0.113.11:7 > 10.0.0.10:1 tcp S        | drop no-rule
            +0 203.0.113.10:7 > 10.0.0.10:1 udp          | pass new
            +0 203.0.113.11:7 > 10.0.0.10:1 udp          | drop no-rule
            +0 203.0.113.10 > 10.0.0.10 ping id 1 seq 1  | pass new
            +0 203.0.113.11 > 10.0.0.10 ping id 1 seq 1  | drop no-rule
            +0 10.0.0.10:8 > 203.0.113.10:1 tcp S        | pass new
            +0 10.0.0.10:8 > 203.0.113.9:1 tcp S         | drop no-rule
            +0 10.0.0.10:8 > 203.0.113.10:1 udp          | pass new
            +0 10.0.0.10:8 > 203.0.113.9:1 udp           | drop no-rule
            +0 10.0.0.10 > 203.0.113.10 ping id 2 seq 1  | pass new
            +0 10.0.0.10 > 203.0.113.9 ping id 2 seq 1   | drop no-rule
        ");
    }

    /// Scenario 12: the same policy again changes nothing.
    fn a_policy_applied_twice_is_the_same() {
        let mut rules = Vec::new();
        for number in 0..6 {
            let port = 1000 + number;
            rules.extend([tcp(port, ANY), udp(port, ANY6).to(port + 10), icmp(number.into(), -1, ANY)]);
        }
        rules.extend([tcp(0, ANY6).to(65_535), icmp6(-1, -1, ANY6), protocol(47, ANY), protocol(132, ANY6)]);
        rules.extend([protocol(112, "203.0.113.0/24"), all("2001:db8:2::/48")]);
        assert_eq!(rules.len(), 24);
        let policy = Policy::new(&rules, &[]);
        let lab = Lab::new(&Setup::stations(policy.clone()));
        let mut wire = lab.wire();
        for round in 1..=2 {
            let table = "
                +0 203.0.113.10:PORT > 10.0.0.10:1005 tcp S                | pass new
                +0 203.0.113.10:PORT > 10.0.0.10:1006 tcp S                | drop no-rule
                +0 [2001:db8:1::10]:PORT > [2001:db8::10]:1015 udp         | pass new
                +0 [2001:db8:1::10]:PORT > [2001:db8::10]:1016 udp         | drop no-rule
                +0 [2001:db8:1::10]:PORT > [2001:db8::10]:9 tcp S          | pass new
                +0 203.0.113.10 > 10.0.0.10 icmp 5/1                       | pass new
                +0 203.0.113.10 > 10.0.0.10 ping id PORT seq 1             | drop no-rule
                +0 203.0.113.10 > 10.0.0.10 proto 51                       | drop no-rule
                +0 [2001:db8:2::1]:PORT > [2001:db8::10]:PORT udp          | pass new
            ";
            wire.trace(lab.daemon(), &table.replace("PORT", &round.to_string()));
            let (rules, connections) = (lab.daemon().status()["policy"]["rules"].clone(), lab.daemon().connections());
            lab.policy(&policy);
            assert_eq!(lab.daemon().status()["policy"]["rules"], rules);
            assert_eq!(lab.daemon().connections(), connections);
        }
    }

    /// Scenario 13, and what IPv6 needs to come up at all.
    fn neighbours_are_found_without_rules() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[], &[])));
        let mut wire = lab.wire();
        let (asked, asks) = (frame::arp(O, I), frame::arp(I, O));
        assert_eq!(wire.ingress(std::slice::from_ref(&asked)), [asked]);
        assert_eq!(wire.egress(std::slice::from_ref(&asks)), [asks]);
        wire.trace(lab.daemon(), "
            +0 fe80::1 > ff02::1:ff00:10 icmp6 135/0 ttl 255 len 16  | pass exempt
            +0 2001:db8::10 > fe80::1 icmp6 136/0 ttl 255 len 16     | pass exempt
            +0 fe80::10 > ff02::2 icmp6 133/0 ttl 255                | pass exempt
            +0 fe80::1 > ff02::1 icmp6 134/0 ttl 255 len 8           | pass exempt
            # From beyond a router, which takes one off.
            +0 fe80::1 > ff02::1 icmp6 134/0 ttl 254 len 8           | drop no-rule
            +0 2001:db8:1::10 > 2001:db8::10 icmp6 135/1 ttl 255 len 16 | drop no-rule
        ");
    }

    /// Scenarios 14 and 31.
    fn icmp_rules_are_types_and_codes() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[icmp(8, -1, ANY)], &[])));
        let mut wire = lab.wire();
        wire.trace(lab.daemon(), "
            +0 203.0.113.10 > 10.0.0.10 icmp 8/0 id 1  | pass new
            +0 203.0.113.10 > 10.0.0.10 icmp 8/9 id 2  | pass new
            +0 203.0.113.10 > 10.0.0.10 icmp 13/0 id 3 | drop no-rule
        ");
        lab.policy(&Policy::new(&[icmp(8, 9, ANY)], &[]));
        wire.trace(lab.daemon(), "
            +0 203.0.113.10 > 10.0.0.10 icmp 8/0 id 4  | drop no-rule
            +0 203.0.113.10 > 10.0.0.10 icmp 8/9 id 5  | pass new
            +0 203.0.113.10 > 10.0.0.10 icmp 8/8 id 6  | drop no-rule
        ");
        lab.policy(&Policy::new(&[icmp(-1, -1, ANY)], &[]));
        wire.trace(lab.daemon(), "
            +0 203.0.113.10 > 10.0.0.10 icmp 8/0 id 7  | pass new
            +0 203.0.113.10 > 10.0.0.10 icmp 17/0 id 8 | pass new
        ");
        lab.policy(&Policy::new(&[icmp(8, 0, ANY)], &[]));
        wire.trace(lab.daemon(), "
            +0 203.0.113.10 > 10.0.0.10 ping id 9 seq 1  | pass new
            +0 10.0.0.10 > 203.0.113.10 pong id 9 seq 1  | pass established
            +0 203.0.113.10 > 10.0.0.10 icmp 8/1 id 10   | drop no-rule
            +0 10.0.0.10 > 203.0.113.10 pong id 11 seq 1 | drop no-rule
        ");
        // All types, but one code: there is no such rule.
        lab.write("policy.yaml", &Policy::new(&[icmp(-1, 9, ANY)], &[]).yaml());
        assert_ne!(lab.daemon().command(&["reload"]).code, 0);
    }

    /// Scenario 15: an answer is one to what was asked.
    fn only_an_answer_leaves_where_answers_may() {
        let policy = Policy::new(&[tcp(22, "1.2.3.4/32")], &[tcp(80, "5.6.7.8/32")]);
        let lab = Lab::new(&Setup::stations(policy));
        lab.wire().trace(lab.daemon(), "
            +0 10.0.0.10:22 > 1.2.3.4:4000 tcp S  | drop no-rule
            +0 1.2.3.4:4000 > 10.0.0.10:22 tcp S  | pass new
            +0 10.0.0.10:22 > 1.2.3.4:4000 tcp SA | pass established
            +0 10.0.0.10:22 > 1.2.3.5:4000 tcp SA | drop no-rule
        ");
    }

    /// Scenario 16.
    fn a_prefix_list_is_a_peer_that_changes() {
        let policy = |ranges: &[&str]| {
            Policy::new(&[], &[tcp(443, "list:Services")]).list("Services", ranges)
        };
        let lab = Lab::new(&Setup::stations(policy(&["10.10.10.0/24"])));
        let act = |_: &str| lab.policy(&policy(&["1.1.1.0/24"]));
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 10.10.10.1:443 tcp S  | pass new
            +0 10.0.0.10:1 > 1.1.1.1:443 tcp S     | drop no-rule
            +0 ! the list changes                  |
            +0 10.0.0.10:2 > 10.10.10.1:443 tcp S  | drop no-rule
            +0 10.0.0.10:2 > 1.1.1.1:443 tcp S     | pass new
            +0 10.10.10.1:443 > 10.0.0.10:1 tcp SA | pass established
        ", &[], act);
    }

    /// Scenario 20: an interface is taken away under traffic and given back, and no other notices. A policy that lacks one
    /// which is in use is refused.
    fn an_interface_that_is_taken_away_is_shut() {
        let both = Policy::open();
        let lab = Lab::new(&Setup { second: true, ..Setup::hosts(both.clone()) });
        let second = lab.second.as_ref().unwrap();
        pings(&lab.instance, "", O);
        pings(second, "", O6);
        let without = Policy::default()
            .group("Open", &everything(), &everything())
            .second(&["Open"]);
        lab.write("policy.yaml", &without.yaml());
        let refused = lab.daemon().command(&["reload"]).code(1);
        assert!(refused.stderr.contains("no interface \"I\""), "{refused:?}");
        pings(&lab.instance, "", O);
        let mut whole = String::new();
        lab.edit_config(|text| {
            let mut parts = text.split("[[interface]]");
            let (head, _, j) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
            let rest = format!("{head}[[interface]]{j}");
            whole = text;
            rest
        });
        lab.daemon().reload();
        let heard = heard_by(&lab.outside);
        let ping = format!("ping -n -c 1 -W 0.1 {O}");
        assert!(!lab.instance.sh(&ping).status.success());
        assert_eq!(heard_by(&lab.outside), heard);
        pings(second, "", O6);
        lab.write("secgroup.toml", &whole);
        lab.policy(&both);
        pings(&lab.instance, "", O);
        pings(second, "", O6);
    }

    /// Source and destination check (C12), which is on unless the policy says otherwise.
    fn nobody_speaks_for_another() {
        let lab = Lab::new(&Setup::stations(Policy::open()));
        let mut wire = lab.wire();
        let spoofed = frame::udp("10.0.0.11:1", &format!("{O}:2"), b"");
        assert!(wire.egress(&[spoofed]).is_empty());
        wire.trace(lab.daemon(), "
            +0 203.0.113.10:1 > 10.0.0.11:2 udp           | drop spoofed
            +0 [2001:db8:1::10]:1 > [2001:db8::11]:2 udp  | drop spoofed
            +0 203.0.113.10:1 > 10.0.0.10:2 udp           | pass untracked
        ");
        assert_eq!(lab.daemon().packets("I", "egress", "spoofed"), 1);
        assert_eq!(lab.daemon().packets("I", "ingress", "spoofed"), 2);
    }

    /// Scenario 19: what is neither IP nor ARP stays out unless it is listed.
    fn other_ethertypes_need_to_be_listed() {
        let setup = Setup { interface: "ethertypes = [0x88cc]", ..Setup::stations(Policy::new(&ping(), &[])) };
        let lab = Lab::new(&setup);
        let mut wire = lab.wire();
        let of = |ether_type| frame::ethernet([1, 0x80, 0xc2, 0, 0, 0xe], ether_type, &[0; 46]);
        let listed = of(0x88cc);
        let frames = [of(0xaaaa), listed.clone(), of(0x0bbb)];
        let listed = [listed];
        assert_eq!(wire.ingress(&frames), listed);
        assert_eq!(wire.egress(&frames), listed);
        assert_eq!(lab.daemon().interface("I")["not_ip_dropped"], 4);
        // And never a crash.
        wire.trace(lab.daemon(), "
            +0 2001:db8:1::10 > 2001:db8::10 ping id 1 seq 1 | pass new
        ");
    }
}
