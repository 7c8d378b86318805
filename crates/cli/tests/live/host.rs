//! Host mode with flow marks: the kernel carries on what was decided, and no longer than the policy and the daemon stand behind it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use secgroup_testkit::wait;

use crate::support::{
    Backend, Daemon, I, Lab, O, Policy, SECGROUP, Server, Setup, connect, everything, exchange,
    live, tcp,
};

/// Bytes that are more than a hundred packets each way, whatever the offloads.
const BULK: usize = 8 << 20;

/// Packets that may come to the daemon of a flow that the kernel carries: what was on its way.
const FEW: u64 = 4;

live! {
    fn bulk_is_left_to_the_kernel_until_it_is_cut() {
        let lab = Lab::new(&marked());
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        is_carried(&lab, &here, &there);
        let before = judged(&lab);
        exchange(&here, &there, BULK);
        let seen = judged(&lab) - before;
        assert!(seen <= FEW, "{seen} packets came to the daemon");

        // A tracked connection outlives its rule (D20), carried or not; and is cut where it is asked for.
        lab.policy(&Policy::of_aws());
        exchange(&here, &there, 1000);
        is_carried(&lab, &here, &there);
        let run = lab.daemon().command(&["flows", "--address", O, "--delete"]).code(0);
        assert!(run.stdout.contains("1 connection"), "{run:?}");
        is_cut(&lab, &here, &there);
    }

    /// The acknowledgement waits for the kernel, and nothing else does.
    fn a_held_lock_holds_up_nothing_but_the_acknowledgement() {
        let mut lab = Lab::prepare(&marked());
        let lock = start_with_lock(&mut lab);
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        is_carried(&lab, &here, &there);

        flock(&lock, FlockOperation::LockExclusive).unwrap();
        lab.write("policy.yaml", &Policy::of_aws().yaml());
        std::thread::scope(|scope| {
            let daemon = lab.daemon();
            let reload = scope.spawn(|| daemon.command(&["reload"]));
            wait::until("the policy on all workers", || {
                (daemon.status()["policy"]["generation"] == 2).then_some(())
            });
            let said = wait::until("a warning", || warning(daemon));
            assert!(said.contains("xtables lock"), "{said}");
            assert!(!reload.is_finished(), "acknowledged, and the kernel goes by the former policy");
            // Flows that are new are decided by the new policy.
            assert!(daemon.command(&["flows", "--count"]).code == 0);
            flock(&lock, FlockOperation::Unlock).unwrap();
            let run = reload.join().unwrap().code(0);
            assert!(!run.stderr.contains("lock"), "{run:?}");
        });
        assert_eq!(warning(lab.daemon()), None);
        is_carried(&lab, &here, &there);
    }

    fn a_held_lock_does_not_hold_up_the_end() {
        let mut lab = Lab::prepare(&marked());
        let lock = start_with_lock(&mut lab);
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        lab.daemon_mut().process.signal(Signal::TERM);
        assert_eq!(lab.daemon_mut().process.code(), 0);
        let log = lab.daemon().log();
        assert!(log.contains("may still be there"), "{log}");
        flock(&lock, FlockOperation::Unlock).unwrap();
        // What it says helps.
        let (_, command) = log.split_once("`for ").unwrap();
        let (command, _) = command.split_once('`').unwrap();
        let saved = "iptables-legacy-save; ip6tables-legacy-save";
        let left = |lab: &Lab| String::from_utf8_lossy(&lab.instance.sh(saved).stdout).contains("SECGROUP");
        assert!(left(&lab), "rules were taken out under the lock of another");
        let command = format!("for {command}").replace("iptables ip6tables", "iptables-legacy ip6tables-legacy");
        assert!(lab.instance.sh(&command).status.success(), "{command}");
        assert!(!left(&lab), "{command}");
    }

    /// What a run that was killed had marked means nothing to the next one.
    fn a_killed_daemon_leaves_no_way_round_the_next_one() {
        let mut lab = Lab::new(&marked());
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        is_carried(&lab, &here, &there);
        lab.end(Signal::KILL);
        lab.write("policy.yaml", &Policy::of_aws().yaml());
        lab.start();
        is_cut(&lab, &here, &there);
        lab.policy(&reachable());
        connect(&server, &lab.outside);
    }
}

/// Reached from outside on port 22 by one host, whose connections are tracked therefore (D8).
fn reachable() -> Policy {
    Policy::new(&[tcp(22, &format!("{O}/32"))], &everything())
}

fn marked() -> Setup<'static> {
    Setup {
        // As many bits as there are: a new generation is there at once.
        top: "host = { flow_marks = true, mark_mask = 4294967295, firewall = \"iptables-legacy\" }",
        ..Setup::hosts(reachable()).backend(Backend::Host)
    }
}

/// Starts the daemon with a lock of its own for the tables, which is returned, open and not held.
fn start_with_lock(lab: &mut Lab) -> File {
    let path = lab.folder().join("xtables.lock");
    let lock = File::create(&path).unwrap();
    let mut command = lab.instance.command(SECGROUP);
    command.env("XTABLES_LOCKFILE", &path);
    let daemon = Daemon::start_as(command, lab.folder());
    lab.adopt(daemon);
    lock
}

/// Packets that came to the daemon.
fn judged(lab: &Lab) -> u64 {
    let interface = lab.daemon().interface("I");
    let verdicts = interface["verdicts"].as_array().unwrap();
    let packets = verdicts
        .iter()
        .map(|line| line["packets"].as_u64().unwrap());
    packets.sum()
}

/// Waits until the kernel carries a connection: data flows, and the daemon sees nothing of it.
fn is_carried(lab: &Lab, here: &TcpStream, there: &TcpStream) {
    wait::until("the kernel to carry the connection", || {
        let before = judged(lab);
        exchange(here, there, 64 << 10);
        (judged(lab) == before).then_some(())
    });
}

/// What one end says comes to the daemon, and no further.
fn is_cut(lab: &Lab, mut here: &TcpStream, mut there: &TcpStream) {
    let before = lab.daemon().packets("I", "ingress", "no-rule");
    there.write_all(b"let me in").unwrap();
    wait::until("a denied packet", || {
        let denied = lab.daemon().packets("I", "ingress", "no-rule");
        (denied > before).then_some(())
    });
    here.set_nonblocking(true).unwrap();
    let heard = here.read(&mut [0; 16]).map_err(|error| error.kind());
    here.set_nonblocking(false).unwrap();
    assert_eq!(heard, Err(std::io::ErrorKind::WouldBlock));
}

/// What the status warns of.
fn warning(daemon: &Daemon) -> Option<String> {
    let status = daemon.status();
    let warnings = status["warnings"].as_array().unwrap();
    warnings
        .first()
        .map(|first| first.as_str().unwrap().to_owned())
}
