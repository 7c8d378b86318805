//! Policies that change while traffic flows.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use secgroup_testkit::frame;
use secgroup_testkit::wait;
use serde_json::json;

use crate::support::{
    ANY, I, Lab, O, Policy, Server, Setup, Wire, everything, exchange, fence, heard_by, live,
    never_connects, tcp, udp,
};

live! {
    /// Scenario 10: a tracked connection outlives its rule (D20).
    fn a_tracked_connection_outlives_its_rule() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[tcp(22, &format!("{O}/32"))], &everything())));
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        exchange(&here, &there, 100_000);
        lab.policy(&Policy::of_aws());
        exchange(&here, &there, 100_000);
        never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
        exchange(&here, &there, 100_000);
    }

    /// Scenario 10: an untracked one does not (D15, D21).
    fn an_untracked_connection_ends_with_its_rule() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[tcp(22, ANY)], &everything())));
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, mut there) = server.connection(&lab.outside);
        exchange(&here, &there, 100_000);
        assert_eq!(lab.daemon().connections(), 0, "it is untracked");
        // No acknowledgement may be on its way still.
        fence(&lab);
        lab.policy(&Policy::of_aws());
        let before = heard_by(&lab.instance)[0];
        there.write_all(b"anybody there?").unwrap();
        fence(&lab);
        assert_eq!(heard_by(&lab.instance)[0], before, "a segment came through");
        // And comes back with it: to TCP there was nothing but loss.
        lab.policy(&Policy::new(&[tcp(22, ANY)], &everything()));
        let mut buffer = [0; 14];
        std::io::Read::read_exact(&mut &here, &mut buffer).unwrap();
        assert_eq!(&buffer, b"anybody there?");
    }

    /// Scenario 11: a hundred changes of a rule under load let nothing in and lose nothing.
    fn a_change_does_not_blink() {
        const CHANGES: usize = 100;
        let policy = |toggled: bool| {
            let mut rules = vec![udp(53, ANY), udp(54, "203.0.113.0/24")];
            rules.extend(toggled.then(|| tcp(80, ANY)));
            Policy::new(&rules, &everything()).yaml()
        };
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        lab.write("policy.yaml", &policy(false));
        lab.daemon().reload();
        let Wire { mut inside, mut outside } = lab.wire();
        // Untracked, tracked, and one that no rule allows.
        let of = |port| frame::udp(&format!("{O}:9"), &format!("{I}:{port}"), b"");
        let (allowed, denied) = ([of(53), of(54)], frame::ping(O, I, 1, 1));
        let done = AtomicBool::new(false);
        let last = of(53).into_iter().chain([0xff]).collect::<Vec<u8>>();
        let (sent, arrived) = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut sent = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    for frame in [&allowed[0], &denied, &allowed[1]] {
                        outside.send(frame);
                    }
                    sent += 1;
                    // The rate of the stream.
                    std::thread::sleep(Duration::from_millis(1));
                }
                outside.send(&last);
                sent
            });
            let receiver = scope.spawn(|| {
                let mut arrived = [0_u64; 3];
                loop {
                    let heard = wait::until("the next frame", || {
                        secgroup_testkit::station::Hear::hear(&mut inside)
                    });
                    match heard {
                        end if end == last => return arrived,
                        one if one == allowed[0] => arrived[0] += 1,
                        one if one == allowed[1] => arrived[1] += 1,
                        _ => arrived[2] += 1,
                    }
                }
            });
            for round in 0..CHANGES {
                lab.write("policy.yaml", &policy(round % 2 == 0));
                let answer = lab.daemon().ask(&json!("reload"));
                assert_eq!(answer["reload"]["outcome"], "in-force", "{answer:#}");
            }
            done.store(true, Ordering::Relaxed);
            (sender.join().unwrap(), receiver.join().unwrap())
        });
        assert_eq!(arrived, [sent, sent, 0], "untracked, tracked, and denied of {sent}");
        assert_eq!(lab.daemon().packets("I", "ingress", "no-rule"), sent);
    }

    /// Scenario 17: an equivalent policy changes nothing; one that denies ends new flows.
    fn a_policy_is_replaced() {
        let host = format!("{O}/32");
        let lab = Lab::new(&Setup::stations(Policy::new(&[tcp(80, &host)], &everything())));
        let act = |words: &str| {
            lab.policy(&match words {
                "an equivalent one" => Policy::new(&[tcp(79, &host).to(80), tcp(80, "203.0.113.8/30")], &everything()),
                _ => Policy::new(&[], &[]),
            });
        };
        lab.wire().trace_with(lab.daemon(), "
            +0 203.0.113.10:1 > 10.0.0.10:80 tcp S   | pass new
            +0 10.0.0.10:80 > 203.0.113.10:1 tcp SA  | pass established
            +0 ! an equivalent one                   |
            +0 203.0.113.10:1 > 10.0.0.10:80 tcp A   | pass established
            +0 203.0.113.10:2 > 10.0.0.10:80 tcp S   | pass new
            +0 ! one that denies                     |
            +0 203.0.113.10:1 > 10.0.0.10:80 tcp A   | pass established
            +0 203.0.113.10:3 > 10.0.0.10:80 tcp S   | drop no-rule
        ", &[], act);
    }

    /// SIGHUP, as `systemctl reload` sends it.
    fn a_hangup_reads_the_policy_again() {
        let mut lab = Lab::new(&Setup::stations(Policy::of_aws()));
        lab.write("policy.yaml", &Policy::open().yaml());
        lab.daemon_mut().process.signal(Signal::HUP);
        generation(&lab, 2);
        lab.wire().trace(lab.daemon(), "
            +0 203.0.113.10:1 > 10.0.0.10:80 tcp S | pass untracked
        ");
    }

    /// A file that is written in place, and one that is put in its place, as editors do.
    fn a_watched_policy_is_read_when_it_changes() {
        let lab = Lab::prepare(&Setup::stations(Policy::of_aws()));
        lab.edit_config(|text| text.replace("watch = false", "watch = true"));
        let mut lab = lab;
        lab.start();
        lab.write("policy.yaml", &Policy::open().yaml());
        generation(&lab, 2);
        let new = lab.write("policy.new", &Policy::of_aws().yaml());
        std::fs::rename(new, lab.folder().join("policy.yaml")).unwrap();
        generation(&lab, 3);
        // A faulty one is told, and changes nothing.
        lab.write("policy.yaml", "Resources: [");
        wait::until("the refusal", || {
            let status = lab.daemon().status();
            (status["reloads"]["refused"] == 1).then_some(())
        });
        generation(&lab, 3);
    }
}

#[track_caller]
fn generation(lab: &Lab, expected: u64) {
    wait::until("the policy to be in force", || {
        let status = lab.daemon().status();
        (status["policy"]["generation"] == expected).then_some(())
    });
}
