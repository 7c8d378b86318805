//! Several workers decide as one would, whichever of them a kernel gives a packet to.

use std::sync::Arc;
use std::time::Duration;

use secgroup_datapath::Action;
use secgroup_packet::{Direction, Parsed, Steering};
use secgroup_testkit::frame;
use secgroup_testkit::rng::Rng;

use super::traffic::pieces;
use crate::testing::{ENI, Plain, Rig, engine, interface, policy, rules, snapshot};

fn as_one_would(workers: u16, seed: u64) {
    println!("{workers} workers, seed {seed:#x}");
    let mut rng = Rng::new(seed);
    let policy = policy();
    let mut plain = Plain::new(Arc::clone(&policy));
    let mut rig = Rig::new(workers, 64, &policy);
    let mut ends = rig.attach_inline(false, &[]);
    let mut handed_over = 0;
    for _ in 0..2500 {
        let direction = *rng.pick(&Direction::BOTH);
        for bytes in pieces(&mut rng, direction) {
            let verdict = plain.decide(&bytes, direction, rig.now()).unwrap();
            // Kernels send a flow's packets to one place; which, is theirs to say.
            let at = usize::try_from(rng.below(u64::from(workers))).unwrap();
            ends[at].send(direction, std::slice::from_ref(&bytes));
            rig.run();
            let out: Vec<_> = ends
                .iter_mut()
                .flat_map(|ends| ends.received(direction))
                .collect();
            let expected = (verdict.action() == Action::Allow).then_some(bytes);
            assert_eq!(out, Vec::from_iter(expected), "{verdict:?}");
            assert_eq!(rig.packets(), plain.packets(), "{verdict:?}");
            handed_over += usize::from(!out.is_empty() && at != 0);
        }
        rig.pass(Duration::from_millis(rng.below(600)));
    }
    assert!(handed_over > 0);
    let all = plain.0.connections().count();
    let by_worker: Vec<_> = rig
        .workers
        .iter()
        .map(|w| w.engine().connections().count())
        .collect();
    assert_eq!(by_worker.iter().sum::<usize>(), all, "{by_worker:?}");
    assert!(
        all > 5 && by_worker.iter().all(|count| *count < all),
        "{by_worker:?} of {all}"
    );
}

#[test]
fn two_workers_decide_as_one() {
    as_one_would(2, 0x2222);
}

#[test]
fn three_workers_decide_as_one() {
    as_one_would(3, 0x3333);
}

#[test]
fn four_workers_decide_as_one() {
    as_one_would(4, 0x4444);
}

#[test]
fn a_kernel_that_steers_as_we_do_hands_nothing_over() {
    let mut rig = Rig::new(4, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]);
    let steering = Steering::new(engine().seed);
    for port in 1000..1200 {
        let bytes = frame::udp(&format!("203.0.113.5:{port}"), "10.0.0.10:53", b"?");
        let parsed = secgroup_io::live::LiveFrame::whole(&bytes).frame().parse();
        let Ok(Parsed::Ip(packet)) = parsed else {
            panic!("{parsed:?}")
        };
        let at = steering.of_packet(&packet) as usize % 4;
        ends[at].send(Direction::Ingress, &[bytes]);
    }
    rig.run();
    let handed: u64 = (0..4)
        .map(|w| super::report_of(&mut rig, w).worker.handed_over)
        .sum();
    assert_eq!(handed, 0);
    assert!(
        ends.iter_mut()
            .all(|ends| ends.received(Direction::Ingress).len() > 20)
    );
}

#[test]
fn the_allowance_is_one_for_all_shards() {
    let mut limited = interface(&rules());
    limited.allowance = Some(50);
    let policy = snapshot(1, vec![Some(limited)]);
    let mut rig = Rig::new(4, 64, &policy);
    let mut ends = rig.attach_inline(false, &[]);
    for port in 1000..1200_usize {
        let bytes = frame::udp(&format!("203.0.113.5:{port}"), "10.0.0.10:53", b"?");
        ends[port % 4].send(Direction::Ingress, &[bytes]);
        rig.run();
    }
    let passed: usize = ends
        .iter_mut()
        .map(|ends| ends.received(Direction::Ingress).len())
        .sum();
    assert_eq!(passed, 50);
    let held: u32 = rig
        .workers
        .iter()
        .map(|worker| worker.engine().connections_of(ENI))
        .sum();
    assert_eq!(held, 50);
}
