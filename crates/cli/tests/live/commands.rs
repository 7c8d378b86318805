//! Commands that go on, or hand over: following connections, watching the status, ending for another daemon to go on.

use rustix::process::Signal;
use secgroup_testkit::process::Process;
use secgroup_testkit::wait;
use serde_json::Value;

use crate::support::{
    I, Lab, O, Policy, SECGROUP, Server, Setup, everything, exchange, live, never_connects, pings,
    tcp,
};

live! {
    /// A connection goes on, though nothing but the table of the former daemon would let it in.
    fn a_handover_cuts_nobody_off() {
        let mut lab = Lab::new(&Setup::hosts(reachable()));
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        exchange(&here, &there, 100_000);
        lab.daemon().command(&["handover"]).code(0);
        assert_eq!(lab.daemon_mut().process.code(), 0);
        lab.write("policy.yaml", &Policy::of_aws().yaml());
        lab.start();
        exchange(&here, &there, 100_000);
        assert!(lab.daemon().packets("I", "ingress", "established") > 0);
        never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
    }

    fn a_handover_without_a_place_to_save_is_refused() {
        let lab = Lab::prepare(&Setup::hosts(Policy::open()));
        lab.edit_config(|text| text.replace("state = \"state\"", "handover = false"));
        let mut lab = lab;
        lab.start();
        let run = lab.daemon().command(&["handover"]).code(1);
        assert!(run.stderr.contains("handover = true"), "{run:?}");
        pings(&lab.instance, "", O);
    }

    fn connections_are_followed_as_they_come_and_go() {
        let lab = Lab::new(&Setup::hosts(reachable()));
        let mut all = goes_on(&lab, &["flows", "--follow", "--json"]);
        let mut pings_only = goes_on(&lab, &["flows", "--follow", "--protocol", "icmp"]);
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        // It is told of what begins after the daemon has heard of it.
        let (here, there) = wait::until("a connection that is told of", || {
            let ends = server.connection(&lab.outside);
            exchange(&ends.0, &ends.1, 100);
            wait::maybe(std::time::Duration::from_secs(2), || {
                all.output().contains("opened").then_some(())
            })?;
            Some(ends)
        });
        drop((here, there));
        lab.daemon().command(&["flows", "--port", "22", "--delete"]).code(0);
        all.wait_for("closed");
        for line in all.output().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(event.to_string().contains(O), "{event}");
        }
        wait::until("a ping that is told of", || {
            pings(&lab.instance, "", O);
            pings_only.output().contains(O).then_some(())
        });
        assert!(!pings_only.output().contains("tcp"), "{}", pings_only.output());
        // It ends with the daemon, and says so.
        lab.daemon().command(&["stop"]).code(0);
        assert_eq!(all.code(), 2, "{all:?}");
        assert_eq!(pings_only.code(), 2, "{pings_only:?}");
    }

    fn a_status_is_watched() {
        let lab = Lab::new(&Setup::hosts(Policy::open()));
        let mut watch = goes_on(&lab, &["status", "--watch", "--json"]);
        let documents = |watch: &Process| -> Vec<Value> {
            let text = watch.output();
            let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
            whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        wait::until("the first status", || (!documents(&watch).is_empty()).then_some(()));
        pings(&lab.instance, "", O);
        wait::until("a status that has counted the pings", || {
            let last = documents(&watch).pop()?;
            let verdicts = last["interfaces"][0]["verdicts"].as_array()?.clone();
            let counted = |line: &Value| line["direction"] == "egress" && line["packets"].as_u64() >= Some(3);
            verdicts.iter().any(counted).then_some(())
        });
        let first = &documents(&watch)[0];
        assert_eq!(first["interfaces"][0]["name"], "I", "{first:#}");
        // A test that runs in the background of a shell has children that ignore an interrupt.
        watch.signal(Signal::TERM);
        assert_eq!(watch.code(), 128 + 15);
    }
}

/// Reached from outside on port 22 by one host, whose connections are tracked therefore (D8).
fn reachable() -> Policy {
    Policy::new(&[tcp(22, &format!("{O}/32"))], &everything())
}

/// A command that goes on until it is interrupted.
fn goes_on(lab: &Lab, arguments: &[&str]) -> Process {
    let mut command = std::process::Command::new(SECGROUP);
    command
        .args(arguments)
        .args(["--socket", &lab.daemon().socket()]);
    Process::spawn(arguments[0], &mut command)
}
