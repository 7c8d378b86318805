//! The end: orderly, and where a worker or a device hangs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use secgroup_io::live::{LiveFrame, PortDrops, ReceiveError, Receiver as Hears};

use super::*;
use crate::{Attached, Open, OpenError, Sees, Shard};

#[test]
fn a_stopped_runtime_has_closed_its_devices_and_says_what_there_was() {
    let runtime = start(2);
    let (_cables, mut ends) = attach_shards(&runtime, 2);
    ends[0].send(
        Direction::Ingress,
        &(1000..1050).map(query).collect::<Vec<_>>(),
    );
    eventually("all connections", || {
        runtime.status().links[0].connections == 50
    });
    let connections = runtime.stop();
    assert_eq!(connections.len(), 50);
    assert!(
        ends.iter()
            .flat_map(|ends| &ends.near)
            .all(MemoryHandle::is_closed)
    );
    assert!(runtime.stop().is_empty(), "there is nothing left to stop");
}

/// What is closed stays closed, whoever would open it: whoever attaches a link, and the supervisor.
#[test]
fn a_stopped_runtime_opens_nothing() {
    let runtime = start_with(1, 2);
    let waiting = Cables::new();
    waiting.present.store(false, Ordering::Release);
    runtime.attach(link(0, &waiting)).unwrap();
    runtime.stop();
    waiting.present.store(true, Ordering::Release);
    runtime.devices_changed();
    let late = Cables::new();
    runtime.attach(link(1, &late)).unwrap();
    let ended = LinkState::Closed("everything is about to end".to_owned());
    assert_eq!(state(&runtime, 1), ended);
    for cables in [waiting, late] {
        assert!(cables.far.lock().unwrap().is_empty(), "a device was opened");
    }
}

/// Opens cables, and takes as long as the test wants.
#[derive(Debug)]
struct Slow {
    cables: Arc<Cables>,
    /// Somebody opens a shard.
    opens: Sender<()>,
    go_on: Receiver<()>,
}

impl Open for Slow {
    fn open(&self, shard: Shard) -> Result<Attached, OpenError> {
        if self.cables.present.load(Ordering::Acquire) {
            self.opens.send(()).unwrap();
            // Whoever holds the other end lets go by dropping it.
            let _ = self.go_on.recv();
        }
        self.cables.open(shard)
    }

    fn devices(&self) -> Vec<String> {
        self.cables.devices()
    }
}

/// A runtime whose supervisor is about to open the first of two shards; dropping the sender lets it go on.
fn with_slow_device() -> (Runtime, Arc<Cables>, Sender<()>) {
    let runtime = start(2);
    let cables = Cables::new();
    cables.present.store(false, Ordering::Release);
    let ((opens, opening), (let_go, go_on)) = (bounded(2), bounded(0));
    let open = Arc::new(Slow {
        cables: Arc::clone(&cables),
        opens,
        go_on,
    });
    let settings = LinkSettings {
        shards: 2,
        ..link(0, &open)
    };
    runtime.attach(settings).unwrap();
    cables.present.store(true, Ordering::Release);
    runtime.devices_changed();
    let opens = opening.recv_timeout(wait::PATIENCE);
    opens.expect("the supervisor looks when devices change");
    (runtime, cables, let_go)
}

#[test]
fn a_stop_overtakes_what_is_being_opened() {
    let (runtime, cables, let_go) = with_slow_device();
    let threads = || Arc::strong_count(&runtime.control) - 1;
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            let patience = Instant::now() + wait::PATIENCE;
            runtime.stop_by(patience, patience);
            threads()
        });
        eventually("the workers' end", || threads() == 1);
        let ended = || stop.is_finished().then_some(());
        let early = wait::maybe(Duration::from_millis(100), ended);
        assert_eq!(early, None, "it ended while a device was being opened");
        drop(let_go);
        assert_eq!(stop.join().unwrap(), 0);
    });
    let opened: Vec<_> = cables.far.lock().unwrap().try_iter().collect();
    assert_eq!(opened.len(), 1, "the second shard was opened after the end");
    assert!(opened[0].1.near.iter().all(MemoryHandle::is_closed));
}

#[test]
fn a_device_that_does_not_open_does_not_keep_it_from_stopping() {
    let (runtime, _cables, let_go) = with_slow_device();
    runtime.stop();
    let threads = || Arc::strong_count(&runtime.control) - 1;
    eventually("the workers' end", || threads() == 1);
    drop(let_go);
    eventually("the supervisor's end", || threads() == 0);
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
    let runtime = start_with(2, 2);
    let ((hangs, hanging), (release, until)) = (bounded(1), bounded(0));
    let open = Arc::new(OpenHanging(hangs, until));
    let (_cables, mut ends) = attach_to(&runtime, 1, 1);
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
