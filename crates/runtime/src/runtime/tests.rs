//! Real threads over cables of memory, with a clock that is set by hand. Nothing here waits for time to pass, only for things to happen.

mod auditing;
mod breaking;
mod changing;
mod connections;
mod stopping;

use std::sync::Arc;

use secgroup_io::live::memory::MemoryHandle;
use secgroup_packet::Direction;
use secgroup_testkit::{frame, wait};

use super::*;
use crate::testing::{Cables, Ends, interface, link, policy, rules, settings, snapshot};
use crate::{LinkState, RuntimeSettings};

/// A runtime under [`policy`], whose clock stands still.
fn start(workers: u16) -> Runtime {
    Runtime::start(settings(workers).0, policy()).unwrap()
}

/// The same with several interfaces.
fn start_with(workers: u16, interfaces: usize) -> Runtime {
    Runtime::start(settings(workers).0, policy_of(interfaces)).unwrap()
}

/// Attaches a link: where its devices are opened, and their far ends, which are open now.
#[track_caller]
fn attach(runtime: &Runtime, interface: u32) -> (Arc<Cables>, Ends) {
    attach_as(runtime, interface, |link| link)
}

/// The same on this worker.
#[track_caller]
fn attach_to(runtime: &Runtime, worker: u16, interface: u32) -> (Arc<Cables>, Ends) {
    attach_as(runtime, interface, |link| LinkSettings {
        worker: Some(worker),
        ..link
    })
}

#[track_caller]
fn attach_as(
    runtime: &Runtime,
    interface: u32,
    change: impl FnOnce(LinkSettings) -> LinkSettings,
) -> (Arc<Cables>, Ends) {
    let cables = Cables::new();
    runtime.attach(change(link(interface, &cables))).unwrap();
    let ends = cables.next();
    (cables, ends)
}

/// The first interface on several workers, and the far ends of its shards in their order.
#[track_caller]
fn attach_shards(runtime: &Runtime, shards: u16) -> (Arc<Cables>, Vec<Ends>) {
    let (cables, first) = attach_as(runtime, 0, |link| LinkSettings { shards, ..link });
    let others = (1..shards).map(|_| cables.next());
    let ends = std::iter::once(first).chain(others).collect();
    (cables, ends)
}

/// A policy in which the first `count` interfaces have the same rules and addresses.
fn policy_of(count: usize) -> Arc<Snapshot> {
    snapshot(1, vec![Some(interface(&rules())); count])
}

/// A DNS query that the rules admit.
fn query(port: u16) -> Vec<u8> {
    frame::udp(&format!("203.0.113.5:{port}"), "10.0.0.10:53", b"?")
}

/// Sends a query in and waits until it is through.
#[track_caller]
fn passes(ends: &mut Ends, port: u16) {
    ends.send(Direction::Ingress, &[query(port)]);
    assert_eq!(ends.wait_for(Direction::Ingress, 1), [query(port)]);
}

/// Waits until something is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    wait::until(what, || is_so().then_some(()));
}

/// Waits for an event; others are passed over.
#[track_caller]
fn next_event(events: &Receiver<Event>, what: &str, mut is_it: impl FnMut(&Event) -> bool) {
    loop {
        let event = events.recv_timeout(wait::PATIENCE);
        if is_it(&event.unwrap_or_else(|_| panic!("no event: {what}"))) {
            return;
        }
    }
}

fn state(runtime: &Runtime, place: usize) -> LinkState {
    runtime.links().swap_remove(place).1
}

#[test]
fn a_frame_goes_through_and_is_counted() {
    let runtime = start(2);
    let (_cables, mut ends) = attach(&runtime, 0);
    for port in 0..20 {
        passes(&mut ends, 1000 + port);
    }
    assert_eq!(runtime.links(), [(InterfaceIndex(0), LinkState::Open)]);
    let status = runtime.status();
    let link = &status.links[0];
    assert_eq!(
        (link.name.as_str(), &link.state),
        ("link0", &LinkState::Open)
    );
    assert_eq!(
        (link.connections, link.ports[0].sent, link.ports[1].received),
        (20, 20, 20)
    );
    assert_eq!(
        (link.ports[0].side, link.ports[1].side),
        ("inside", "outside")
    );
    assert_eq!(status.rules[1].packets, 20);
    assert_eq!(status.generation, 1);
    assert_eq!(
        status
            .workers
            .iter()
            .map(|worker| worker.connections[0])
            .sum::<u32>(),
        20
    );
}

#[test]
fn an_idle_worker_takes_no_turns() {
    let runtime = start_with(2, 2);
    let _idle = attach_to(&runtime, 0, 0);
    let (_busy, mut ends) = attach_to(&runtime, 1, 1);
    let turns = || runtime.status().workers[0].turns;
    let before = turns();
    // Each of these is a sleep and a wake-up of the other worker: a worker that spins takes many turns meanwhile.
    for port in 0..200 {
        passes(&mut ends, 1000 + port);
    }
    let taken = turns() - before;
    assert!(taken <= 3, "{taken} turns");
}

#[test]
fn a_link_that_cannot_be_had_is_refused() {
    let runtime = start(2);
    let (cables, _ends) = attach(&runtime, 0);
    let again = runtime.attach(LinkSettings {
        name: "again".to_owned(),
        ..link(0, &cables)
    });
    assert_eq!(
        again.unwrap_err().to_string(),
        "again: link0 carries this interface already; detach it first"
    );
    for shards in [0, 3] {
        let settings = LinkSettings {
            shards,
            ..link(1, &cables)
        };
        assert!(matches!(
            runtime.attach(settings),
            Err(AttachError::Shards { .. })
        ));
    }
    let nowhere = LinkSettings {
        worker: Some(2),
        ..link(1, &cables)
    };
    assert!(matches!(
        runtime.attach(nowhere),
        Err(AttachError::Worker { worker: 2, .. })
    ));
    for workers in [0, 65] {
        let settings = RuntimeSettings {
            workers,
            ..settings(1).0
        };
        assert!(matches!(
            Runtime::start(settings, policy()),
            Err(StartError::Workers(_))
        ));
    }
}

#[test]
fn links_spread_over_workers_and_shards_lie_on_different_ones() {
    let runtime = start_with(3, 4);
    let cables = Cables::new();
    for interface in 0..3 {
        runtime.attach(link(interface, &cables)).unwrap();
    }
    runtime
        .attach(LinkSettings {
            shards: 3,
            ..link(3, &cables)
        })
        .unwrap();
    let workers: Vec<_> = runtime
        .status()
        .links
        .into_iter()
        .map(|link| link.workers)
        .collect();
    assert_eq!(workers, [vec![0], vec![1], vec![2], vec![0, 1, 2]]);
}

#[test]
fn a_worker_that_cannot_be_pinned_works_all_the_same() {
    let (settings, _hand) = settings(1);
    let settings = RuntimeSettings {
        pin: vec![100_000],
        ..settings
    };
    let runtime = Runtime::start(settings, policy()).unwrap();
    passes(&mut attach(&runtime, 0).1, 1000);
}

#[test]
fn a_worker_that_may_not_sleep_does_not_miss_a_frame() {
    let (settings, _hand) = settings(1);
    let settings = RuntimeSettings {
        busy_poll: true,
        ..settings
    };
    let runtime = Runtime::start(settings, policy()).unwrap();
    let (_cables, mut ends) = attach(&runtime, 0);
    for port in 0..20 {
        passes(&mut ends, 1000 + port);
    }
}

#[test]
fn shards_on_threads_lose_nothing() {
    let runtime = start(3);
    let (_cables, mut ends) = attach_shards(&runtime, 3);
    let mut out = 0;
    for round in 0..40_u16 {
        for (shard, ends) in (0..).zip(&mut ends) {
            let first = 1000 + (round * 3 + shard) * 100;
            ends.send(
                Direction::Ingress,
                &(first..first + 100).map(query).collect::<Vec<_>>(),
            );
        }
        // As many wait in a channel as are in flight here at most: none is dropped.
        let expected = usize::from(round + 1) * 300;
        eventually("frames on the other side", || {
            out += ends
                .iter_mut()
                .map(|ends| ends.received(Direction::Ingress).len())
                .sum::<usize>();
            out == expected
        });
    }
    let status = runtime.status();
    assert!(
        status
            .workers
            .iter()
            .all(|worker| worker.handed_over > 1000),
        "{status:?}"
    );
    assert!(status.workers.iter().all(|worker| worker.handoff_full == 0));
    assert_eq!(
        status.links[0].verdicts[0]
            .iter()
            .map(|count| count.packets)
            .sum::<u64>(),
        12_000
    );
}
