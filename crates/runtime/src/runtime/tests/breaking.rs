//! Panics, devices that go away, workers that hang.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::Sender;
use rustix::event::{EventfdFlags, eventfd};
use secgroup_io::live::memory::Fault;
use secgroup_io::live::{LiveFrame, PortDrops, ReceiveError, Receiver as Hears};

use super::*;
use crate::{Attached, Open, OpenError, Sees, Shard};

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

fn is_opened_again(event: &Event) -> bool {
    matches!(event, Event::LinkOpened { again: true, .. })
}

#[test]
fn a_panic_closes_the_links_of_its_worker_and_of_no_other() {
    let runtime = Runtime::start(settings(2).0, policy_of(2)).unwrap();
    let (victim, other) = (Cables::new(), Cables::new());
    let events = runtime.events();
    runtime
        .attach(LinkSettings {
            worker: Some(0),
            ..link(0, &victim)
        })
        .unwrap();
    runtime
        .attach(LinkSettings {
            worker: Some(1),
            ..link(1, &other)
        })
        .unwrap();
    let (mut ends, mut others) = (victim.next(), other.next());
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
    let cables = Cables::new();
    runtime
        .attach(LinkSettings {
            shards: 2,
            ..link(0, &cables)
        })
        .unwrap();
    let (first, second) = (cables.next(), cables.next());
    let events = runtime.events();
    first.near[0].set(Fault::Panic);
    next_event(&events, "the link's return", is_opened_again);
    assert!(
        second.near.iter().all(MemoryHandle::is_closed),
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
    let cables = Cables::new();
    let events = runtime.events();
    runtime.attach(link(0, &cables)).unwrap();
    let mut ends = cables.next();
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

/// Hangs when it is asked for frames, until the test lets it go.
#[derive(Debug)]
struct Hanging {
    fd: OwnedFd,
    hangs: Sender<()>,
    until: Receiver<()>,
}

#[derive(Debug)]
struct OpenHanging(Sender<()>, Receiver<()>);

impl Hears for Hanging {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn receive(&mut self, _limit: usize) -> Result<usize, ReceiveError> {
        let _ = self.hangs.try_send(());
        let _ = self.until.recv();
        Err(ReceiveError::Io(io::ErrorKind::Other.into()))
    }

    fn frame(&self, _index: usize) -> LiveFrame<'_> {
        panic!("it never gave a frame")
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "hanging"
    }
}

impl Open for OpenHanging {
    fn open(&self, _shard: Shard) -> Result<Attached, OpenError> {
        let fd = eventfd(1, EventfdFlags::NONBLOCK).unwrap();
        let receiver = Box::new(Hanging {
            fd,
            hangs: self.0.clone(),
            until: self.1.clone(),
        });
        Ok(Attached::Watch {
            receiver,
            sees: Sees::Host,
        })
    }

    fn devices(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn a_worker_that_hangs_does_not_keep_the_others_from_stopping() {
    let runtime = Runtime::start(settings(2).0, policy_of(2)).unwrap();
    let ((hangs, hanging), (release, until)) = (bounded(1), bounded(0));
    let open = Arc::new(OpenHanging(hangs, until));
    let cables = Cables::new();
    runtime
        .attach(LinkSettings {
            worker: Some(1),
            ..link(1, &cables)
        })
        .unwrap();
    let mut ends = cables.next();
    passes(&mut ends, 1000);
    runtime
        .attach(LinkSettings {
            worker: Some(0),
            ..link(0, &open)
        })
        .unwrap();
    hanging
        .recv_timeout(wait::PATIENCE)
        .expect("it was asked for frames");
    let events = runtime.events();
    let status = runtime.status();
    assert!(status.workers[0].stuck && !status.workers[1].stuck);
    assert_eq!(runtime.publish(policy_of(2)).late, 1);
    let connections = runtime.stop();
    assert_eq!(connections.len(), 1, "that of the worker which answers");
    assert!(ends.near.iter().all(MemoryHandle::is_closed));
    let is_stop = |event: &Event| {
        matches!(
            event,
            Event::WorkerStuck {
                worker: 0,
                asked: "stop"
            }
        )
    };
    next_event(&events, "which worker is stuck", is_stop);
    drop(release);
}
