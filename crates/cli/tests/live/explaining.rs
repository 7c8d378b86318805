//! `secgroup explain --live`: the daemon says what it would do, at whichever worker has the connection, and does nothing by being asked.

use std::net::TcpStream;

use serde_json::Value;

use crate::support::{
    Backend, I, Lab, O, Policy, Server, Setup, everything, exchange, live, tcp, udp,
};

live! {
    fn a_connection_is_explained_as_it_is() {
        for backend in [Backend::AfPacketV3, Backend::AfPacketSharded] {
            let lab = lab(backend);
            let server = Server::new(&lab.instance, &format!("{I}:22"));
            // Several, so that they are on different workers.
            let ends: Vec<_> = (0..6).map(|_| server.connection(&lab.outside)).collect();
            for (here, there) in &ends {
                exchange(here, there, 10_000);
            }
            lab.daemon().has_connections(6);
            let judged = judged(&lab);
            for (_, there) in &ends {
                let told = explain(&lab, &flow(there));
                let place = &told["places"][0];
                assert_eq!(told["packet"]["tcp_flags"], "ack", "{told:#}");
                assert_eq!((&place["interface"], &place["reason"]), (&"I".into(), &"established".into()), "{told:#}");
                let before = &place["connection"]["before"];
                assert_eq!(before["state"], "established", "{told:#}");
                assert!(before["ingress_packets"].as_u64().unwrap() > 3, "{told:#}");
                assert_eq!(before["rule"], place["rule"]);
                assert_eq!(told["answer"]["verdict"], "allow");
            }
            assert_eq!(judged, self::judged(&lab), "packets are counted, questions are not");
            for (here, there) in &ends {
                exchange(here, there, 10_000);
            }
        }
    }

    /// A SYN that was never sent opens nothing, however often it is asked about.
    fn a_packet_that_was_never_sent_leaves_nothing_behind() {
        let lab = lab(Backend::AfPacketSharded);
        for port in 1..=20 {
            let told = explain(&lab, &format!("tcp {O}:{port} > {I}:22"));
            assert_eq!(told["places"][0]["reason"], "new", "{told:#}");
            assert_eq!(told["places"][0]["connection"]["after"]["state"], "syn-sent");
        }
        assert_eq!(lab.daemon().connections(), 0);
        let told = explain(&lab, &format!("tcp {O}:1 > {I}:23"));
        assert_eq!(told["places"][0]["reason"], "no-rule", "{told:#}");
        assert_eq!(told["places"][0]["change"]["change"], "add");
        let told = explain(&lab, &format!("tcp ack {O}:1 > {I}:22"));
        assert_eq!(told["places"][0]["reason"], "invalid-state", "{told:#}");
    }

    /// D15, D20: what a change of rules does to a connection, and what cuts it.
    fn a_rule_that_goes_leaves_its_connection_and_admits_no_other() {
        let lab = lab(Backend::AfPacketV3);
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        exchange(&here, &there, 1_000);
        lab.policy(&Policy::new(&[udp(53, "0.0.0.0/0")], &everything()));
        let told = explain(&lab, &flow(&there));
        assert_eq!(told["places"][0]["reason"], "established", "{told:#}");
        assert_eq!(told["places"][0]["change"]["change"], "none");
        let other = format!("tcp {O}:9 > {I}:22");
        assert_eq!(explain(&lab, &other)["places"][0]["reason"], "no-rule");
        lab.daemon().command(&["flows", "--port", "22", "--delete"]).code(0);
        assert_eq!(explain(&lab, &flow(&there))["places"][0]["reason"], "no-rule");
    }

    fn what_is_not_enforced_here_is_said() {
        let lab = lab(Backend::AfPacketV3);
        let strangers = ["explain", "--live", "tcp 192.0.2.1:1 > 192.0.2.2:2"];
        let run = lab.daemon().command(&strangers).code(1);
        assert!(run.stderr.contains("crosses no known interface"), "{run:?}");
        let run = lab.daemon().command(&["explain", "--live", "--interface", "nope", strangers[2]]).code(1);
        assert!(run.stderr.contains("no interface has the id or address 'nope'"), "{run:?}");
        let named = ["explain", "--live", "--interface", "I", "--direction", "egress", strangers[2]];
        let text = lab.daemon().command(&named).code(0).stdout;
        assert!(text.contains("\nI egress: deny (spoofed)\n"), "{text}");
    }
}

/// SSH from the host outside, tracked since it is the only one let in.
fn lab(backend: Backend) -> Lab {
    let rules = [tcp(22, &format!("{O}/32"))];
    Lab::new(&Setup {
        backend,
        ..Setup::hosts(Policy::new(&rules, &everything()))
    })
}

/// The flow of a connection, from the end that opened it.
fn flow(client: &TcpStream) -> String {
    format!(
        "tcp {} > {}",
        client.local_addr().unwrap(),
        client.peer_addr().unwrap()
    )
}

fn explain(lab: &Lab, flow: &str) -> Value {
    let run = lab.daemon().command(&["explain", "--live", "--json", flow]);
    serde_json::from_str(&run.code(0).stdout).unwrap()
}

/// Packets of SSH connections that were judged.
fn judged(lab: &Lab) -> [u64; 4] {
    let packets = |direction, reason| lab.daemon().packets("I", direction, reason);
    [
        packets("ingress", "established"),
        packets("egress", "established"),
        packets("ingress", "new"),
        packets("ingress", "no-rule"),
    ]
}
