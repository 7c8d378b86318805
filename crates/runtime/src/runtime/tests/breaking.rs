//! Panics, and devices that go away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use secgroup_io::live::memory::Fault;

use super::*;

fn is_opened_again(event: &Event) -> bool {
    matches!(event, Event::LinkOpened { again: true, .. })
}

#[test]
fn a_panic_closes_the_links_of_its_worker_and_of_no_other() {
    let runtime = start_with(2, 2);
    let events = runtime.events();
    let (victim, mut ends) = attach_to(&runtime, 0, 0);
    let (_other, mut others) = attach_to(&runtime, 1, 1);
    passes(&mut ends, 1000);
    passes(&mut others, 1000);

    ends.near[0].set(Fault::Panic);
    next_event(&events, "the panic", |event| match event {
        Event::WorkerPanicked {
            worker,
            message,
            rests,
        } => {
            assert_eq!((*worker, *rests), (0, Duration::ZERO));
            message.contains("told to panic")
        }
        _ => false,
    });
    let is_back = |event: &Event| matches!(event, Event::WorkerRestarted { worker: 0 });
    next_event(&events, "the worker's return", is_back);
    next_event(&events, "the link's return", is_opened_again);
    assert!(ends.near.iter().all(MemoryHandle::is_closed));
    passes(&mut victim.next(), 1001);
    passes(&mut others, 1001);
    let status = runtime.status();
    assert_eq!((status.workers[0].panics, status.workers[1].panics), (1, 0));
    assert_eq!(status.links[0].connections, 1, "the table is a new one");
    assert_eq!(status.links[1].connections, 2);
    assert!(others.near.iter().all(|near| !near.is_closed()));
}

#[test]
fn a_worker_that_panics_again_rests_and_answers_meanwhile() {
    let (settings, hand) = settings(2);
    let runtime = Runtime::start(settings, policy_of(2)).unwrap();
    let (cables, ends) = attach_shards(&runtime, 2);
    let events = runtime.events();
    ends[0].near[0].set(Fault::Panic);
    next_event(&events, "the link's return", is_opened_again);
    assert!(
        ends[1].near.iter().all(MemoryHandle::is_closed),
        "a link is closed as a whole"
    );

    let (first, other) = (cables.next(), cables.next());
    first.near[0].set(Fault::Panic);
    next_event(
        &events,
        "the second panic",
        |event| matches!(event, Event::WorkerPanicked { rests, .. } if *rests == Duration::from_secs(1)),
    );
    let closed = LinkState::Closed("worker 0 panicked and is started again".to_owned());
    eventually("the link closed", || state(&runtime, 0) == closed);
    assert!(other.near.iter().all(MemoryHandle::is_closed));
    let published = runtime.publish(policy_of(2));
    assert_eq!(
        published.late, 0,
        "a worker that rests does not hold up a policy"
    );
    assert!(!runtime.status().workers[0].stuck);

    // The rest is over by the clock; a word wakes it.
    hand.fetch_add(1_000_000_000, Ordering::AcqRel);
    runtime.devices_changed();
    next_event(&events, "the link's second return", is_opened_again);
    let mut ends: Vec<_> = cables
        .far
        .lock()
        .unwrap()
        .try_iter()
        .map(|(_, ends)| ends)
        .collect();
    let mut ends = ends.split_off(ends.len() - 2);
    let queries: Vec<_> = (1000..1100).map(query).collect();
    ends[0].send(Direction::Ingress, &queries);
    let mut out = 0;
    eventually("frames through both shards", || {
        let received = ends
            .iter_mut()
            .map(|ends| ends.received(Direction::Ingress).len());
        out += received.sum::<usize>();
        out == queries.len()
    });
}

#[test]
fn a_device_that_vanished_is_opened_again_when_it_is_back() {
    let runtime = start(1);
    let events = runtime.events();
    let (cables, mut ends) = attach(&runtime, 0);
    passes(&mut ends, 1000);
    cables.present.store(false, Ordering::Release);
    ends.near[1].set(Fault::Gone);
    let closed_for = |event: &Event, why: &str| matches!(event, Event::LinkClosed { reason, .. } if reason == why);
    let lost = "outside: the device is gone: it was deleted";
    next_event(&events, "the loss", |event| closed_for(event, lost));
    assert!(ends.near.iter().all(MemoryHandle::is_closed));
    runtime.devices_changed();
    let missing = "there is no device 'memory0'";
    next_event(&events, "what it waits for", |event| {
        closed_for(event, missing)
    });
    cables.present.store(true, Ordering::Release);
    runtime.devices_changed();
    next_event(&events, "its return", is_opened_again);
    let mut ends = cables.next();
    // Its connection was kept.
    ends.send(
        Direction::Egress,
        &[frame::udp("10.0.0.10:53", "203.0.113.5:1000", b"!")],
    );
    assert_eq!(ends.wait_for(Direction::Egress, 1).len(), 1);
}

#[test]
fn a_device_that_is_missing_at_first_is_no_error() {
    let runtime = start(1);
    let cables = Cables::new();
    cables.present.store(false, Ordering::Release);
    runtime.attach(link(0, &cables)).unwrap();
    let missing = LinkState::Closed("there is no device 'memory0'".to_owned());
    assert_eq!(state(&runtime, 0), missing);
    cables.present.store(true, Ordering::Release);
    // Nobody says so: the supervisor looks by itself.
    passes(&mut cables.next(), 1000);
}
