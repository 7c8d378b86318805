//! Policies and links that change while frames are on their way.

use std::sync::atomic::{AtomicBool, Ordering};

use secgroup_datapath::Reason;

use super::*;

/// Frames of one burst of a load.
const LOAD: u16 = 64;

fn burst() -> Vec<Vec<u8>> {
    (1000..1000 + LOAD).map(query).collect()
}

#[test]
fn a_policy_is_in_force_on_every_worker_when_publish_returns() {
    let runtime = start(3);
    let (_cables, mut ends) = attach_shards(&runtime, 3);
    let mut expected = [0_u64; 2];
    for generation in 2..40_u16 {
        let is_open = generation % 2 == 0;
        let rules = if is_open { rules() } else { Vec::new() };
        let published = runtime.publish(snapshot(generation.into(), vec![Some(interface(&rules))]));
        assert_eq!(
            (published.generation, published.late),
            (generation.into(), 0)
        );
        // New flows, at every shard: each meets the new policy.
        for (shard, ends) in (0..).zip(&mut ends) {
            let port = 1000 + generation * 9 + shard * 3;
            ends.send(
                Direction::Ingress,
                &(port..port + 3).map(query).collect::<Vec<_>>(),
            );
        }
        expected[usize::from(is_open)] += 9;
        let [denied, allowed] = expected;
        eventually("nine verdicts", || {
            let verdicts = runtime.status().links[0].verdicts[0];
            let of = |reason: Reason| verdicts[reason as usize].packets;
            assert!(
                of(Reason::NoRule) <= denied && of(Reason::New) <= allowed,
                "the other policy"
            );
            of(Reason::NoRule) + of(Reason::New) == denied + allowed
        });
        assert_eq!(runtime.status().generation, u64::from(generation));
    }
    let passed: usize = ends
        .iter_mut()
        .map(|ends| ends.received(Direction::Ingress).len())
        .sum();
    assert_eq!(passed as u64, expected[1]);
}

#[test]
fn policies_come_and_go_under_load_and_no_frame_is_lost_or_let_in() {
    let runtime = start(2);
    let (_cables, mut ends) = attach(&runtime, 0);
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Acquire) || sent == 0 {
                ends.send(Direction::Ingress, &burst());
                let out = ends.wait_for(Direction::Ingress, LOAD.into());
                assert_eq!(out, burst());
                sent += u64::from(LOAD);
            }
            sent
        });
        for generation in 2..300 {
            // A rule that has nothing to do with the traffic comes and goes.
            let mut rules = rules();
            if generation % 2 == 0 {
                rules.remove(0);
            }
            runtime.publish(snapshot(generation, vec![Some(interface(&rules))]));
        }
        stop.store(true, Ordering::Release);
        load.join().unwrap()
    });
    let verdicts = runtime.status().links[0].verdicts[0];
    let allowed =
        [Reason::New, Reason::Established].map(|reason| verdicts[reason as usize].packets);
    assert_eq!(allowed.iter().sum::<u64>(), sent);
    let all: u64 = verdicts.iter().map(|count| count.packets).sum();
    assert_eq!(all, sent, "there is a verdict that neither policy gives");
}

#[test]
fn links_come_and_go_while_others_lose_nothing() {
    let runtime = start_with(2, 6);
    let (_cables, mut ends) = attach_shards(&runtime, 2);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let (mut sent, mut out) = (0, 0);
            while !stop.load(Ordering::Acquire) || sent == 0 {
                ends[0].send(Direction::Ingress, &burst());
                sent += usize::from(LOAD);
                eventually("frames through either shard", || {
                    let received = ends
                        .iter_mut()
                        .map(|ends| ends.received(Direction::Ingress).len());
                    out += received.sum::<usize>();
                    out == sent
                });
            }
        });
        for round in 0..60_u32 {
            let interface = 1 + round % 5;
            passes(&mut attach(&runtime, interface).1, 1000);
            assert!(runtime.detach(InterfaceIndex(interface)));
            assert!(!runtime.detach(InterfaceIndex(interface)));
        }
        stop.store(true, Ordering::Release);
        load.join().unwrap();
    });
}

#[test]
fn a_detached_link_has_closed_its_devices() {
    let runtime = start(1);
    let (_cables, ends) = attach(&runtime, 0);
    assert!(runtime.detach(InterfaceIndex(0)));
    assert!(ends.near.iter().all(MemoryHandle::is_closed));
    assert!(runtime.status().links.is_empty());
}
