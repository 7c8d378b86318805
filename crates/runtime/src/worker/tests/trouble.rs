//! Devices that fail.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use secgroup_io::live::memory::Fault;
use secgroup_io::live::{Gone, LiveFrame, PortDrops, ReceiveError, Receiver};
use secgroup_packet::Direction;
use secgroup_testkit::frame;

use super::report_of;
use crate::supervisor::Notice;
use crate::testing::{Rig, policy};
use crate::{Attached, Sees};

/// Always readable, and always fails, as a socket does whose error nobody takes away.
#[derive(Debug)]
struct Sticky {
    fd: OwnedFd,
    asked: Arc<AtomicU64>,
    error: fn() -> ReceiveError,
}

impl Receiver for Sticky {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn receive(&mut self, _limit: usize) -> Result<usize, ReceiveError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err((self.error)())
    }

    fn frame(&self, _index: usize) -> LiveFrame<'_> {
        panic!("it never gave a frame")
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "sticky"
    }
}

fn watched(error: fn() -> ReceiveError) -> (Rig, Arc<AtomicU64>) {
    let mut rig = Rig::new(1, 64, &policy());
    let asked = Arc::new(AtomicU64::new(0));
    let fd = eventfd(1, EventfdFlags::NONBLOCK).unwrap();
    let receiver = Box::new(Sticky {
        fd,
        asked: Arc::clone(&asked),
        error,
    });
    let sees = Sees::Host;
    rig.attach(false, &[], vec![Attached::Watch { receiver, sees }]);
    (rig, asked)
}

/// Turns that a worker takes because something wakes it, not because time passed.
fn many_turns(rig: &mut Rig) {
    for _ in 0..200 {
        rig.run();
    }
}

#[test]
fn a_device_that_is_down_is_left_alone() {
    let (mut rig, asked) = watched(|| ReceiveError::Down);
    many_turns(&mut rig);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(report_of(&mut rig, 0).links[0].ports[0].down);
    rig.pass(Duration::from_millis(1001));
    many_turns(&mut rig);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once more after a second");
    rig.retry();
    many_turns(&mut rig);
    assert_eq!(asked.load(Ordering::Relaxed), 3, "and when devices changed");
}

#[test]
fn a_device_that_goes_on_failing_is_asked_less_and_less() {
    let (mut rig, asked) = watched(|| ReceiveError::Io(io::ErrorKind::Other.into()));
    many_turns(&mut rig);
    assert_eq!(
        asked.load(Ordering::Relaxed),
        2,
        "the first error may be the last"
    );
    for _ in 0..1000 {
        rig.pass(Duration::from_millis(10));
        rig.run();
    }
    let in_ten_seconds = asked.load(Ordering::Relaxed);
    assert!((10..30).contains(&in_ten_seconds), "{in_ten_seconds}");
}

#[test]
fn the_end_of_a_capture_is_the_end_of_the_link() {
    let (rig, asked) = watched(|| ReceiveError::Gone(Gone::End));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let notice = rig.notices.try_recv().unwrap();
    assert!(
        matches!(
            notice,
            Notice::Lost {
                comes_back: false,
                ..
            }
        ),
        "{notice:?}"
    );
}

#[test]
fn a_lost_device_closes_the_link_and_is_told() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    ends.near[1].set(Fault::Gone);
    rig.run();
    let Ok(Notice::Lost {
        reason,
        comes_back: true,
        ..
    }) = rig.notices.try_recv()
    else {
        panic!("nothing was told");
    };
    assert_eq!(reason, "outside: the device is gone: it was deleted");
    assert!(
        ends.near
            .iter()
            .all(secgroup_io::live::memory::MemoryHandle::is_closed)
    );
    assert!(ends.received(Direction::Ingress).is_empty());
}

#[test]
fn one_side_down_does_not_stop_the_other() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    let ask = frame::udp("203.0.113.5:1000", "10.0.0.10:53", b"?");
    ends.near[0].set(Fault::Down);
    rig.run();
    ends.send(Direction::Ingress, std::slice::from_ref(&ask));
    rig.run();
    let port = &report_of(&mut rig, 0).links[0].ports[0];
    assert_eq!((port.side, port.not_sent), ("inside", 1));
    ends.near[0].set(Fault::None);
    ends.send(Direction::Ingress, std::slice::from_ref(&ask));
    rig.run();
    assert_eq!(ends.received(Direction::Ingress), [ask]);
}

#[test]
fn connections_are_cleared_when_their_time_is_up_though_no_frame_comes() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    ends.send(
        Direction::Ingress,
        &[frame::udp("203.0.113.5:1000", "10.0.0.10:53", b"?")],
    );
    rig.run();
    assert_eq!(report_of(&mut rig, 0).worker.connections, [1, 0]);
    rig.pass(Duration::from_secs(31));
    many_turns(&mut rig);
    assert_eq!(report_of(&mut rig, 0).worker.connections, [0, 0]);
}
