//! Devices that fail. A failure that `epoll` always names must not keep a worker busy; one that it never names must be found all the same.

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

use super::super::Turn;
use super::report_of;
use crate::supervisor::Notice;
use crate::testing::{Ends, Rig, policy};
use crate::{Attached, Sees};

/// Gives no frames, only what it is told to answer.
#[derive(Debug)]
struct Scripted {
    fd: OwnedFd,
    asked: Arc<AtomicU64>,
    /// To the question of this number, from 1.
    answer: fn(u64) -> Result<usize, ReceiveError>,
}

impl Receiver for Scripted {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn receive(&mut self, _limit: usize) -> Result<usize, ReceiveError> {
        (self.answer)(self.asked.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn frame(&self, _index: usize) -> LiveFrame<'_> {
        panic!("it never gave a frame")
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "scripted"
    }
}

/// A watched device, of which `epoll` says that it is readable or that it is not, and how often it was asked.
fn watched(
    is_readable: bool,
    answer: fn(u64) -> Result<usize, ReceiveError>,
) -> (Rig, Arc<AtomicU64>) {
    let mut rig = Rig::new(1, 64, &policy());
    let asked = Arc::new(AtomicU64::new(0));
    let fd = eventfd(is_readable.into(), EventfdFlags::NONBLOCK).unwrap();
    let receiver = Box::new(Scripted {
        fd,
        asked: Arc::clone(&asked),
        answer,
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
    let (mut rig, asked) = watched(true, |_| Err(ReceiveError::Down));
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

/// Down, up or not, and then deleted: its socket has said all it had to say, so nothing but a word from outside brings it out.
#[test]
fn a_device_that_is_deleted_while_it_is_down_is_found_when_devices_change() {
    let (mut rig, asked) = watched(false, |question| match question {
        1 => Err(ReceiveError::Down),
        2 => Ok(0),
        _ => Err(ReceiveError::Gone(Gone::Deleted)),
    });
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    rig.retry();
    many_turns(&mut rig);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "it is asked once more");
    assert!(report_of(&mut rig, 0).links[0].ports[0].down);
    assert!(rig.notices.is_empty());
    rig.retry();
    let Ok(Notice::Lost {
        reason,
        comes_back: true,
        ..
    }) = rig.notices.try_recv()
    else {
        panic!("nobody noticed");
    };
    assert_eq!(reason, "watch: the device is gone: it was deleted");
    many_turns(&mut rig);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_device_that_goes_on_failing_is_asked_less_and_less() {
    let (mut rig, asked) = watched(true, |_| Err(ReceiveError::Io(io::ErrorKind::Other.into())));
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
    let (rig, asked) = watched(true, |_| Err(ReceiveError::Gone(Gone::End)));
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

/// One frame to each turn, more turns than it takes to be called steady; `epoll` is looked at once.
fn keep_busy(rig: &mut Rig, ends: &mut Ends) {
    let ask = frame::udp("203.0.113.5:1000", "10.0.0.10:53", b"?");
    for turn in 0..=u8::MAX {
        ends.send(Direction::Ingress, std::slice::from_ref(&ask));
        if turn == 0 {
            assert_eq!(named(rig), 1);
        }
        assert_eq!(rig.workers[0].turn().unwrap(), Turn::Busy);
    }
}

/// How many ports `epoll` names.
fn named(rig: &mut Rig) -> usize {
    rig.workers[0].look(Some(Duration::ZERO)).unwrap();
    rig.workers[0].named.len()
}

#[test]
fn a_port_that_goes_on_giving_frames_is_not_named_until_it_gives_none() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    let ask = frame::udp("203.0.113.5:1000", "10.0.0.10:53", b"?");
    keep_busy(&mut rig, &mut ends);
    assert_eq!(ends.received(Direction::Ingress).len(), 256);
    ends.send(Direction::Ingress, std::slice::from_ref(&ask));
    assert_eq!(named(&mut rig), 0, "the kernel need not wake anybody");
    assert_eq!(rig.workers[0].turn().unwrap(), Turn::Busy, "it is asked");
    assert_eq!(rig.workers[0].turn().unwrap(), Turn::Idle);
    ends.send(Direction::Ingress, std::slice::from_ref(&ask));
    assert_eq!(named(&mut rig), 1, "who sleeps now is woken");
    rig.run();
    assert_eq!(ends.received(Direction::Ingress).len(), 2);
}

#[test]
fn a_port_that_is_not_named_may_fail_like_any_other() {
    for (fault, is_lost) in [(Fault::Down, false), (Fault::Gone, true)] {
        let mut rig = Rig::new(1, 64, &policy());
        let mut ends = rig.attach_inline(false, &[]).remove(0);
        keep_busy(&mut rig, &mut ends);
        ends.near[1].set(fault);
        rig.run();
        assert_eq!(rig.notices.try_recv().is_ok(), is_lost, "{fault:?}");
        if is_lost {
            continue;
        }
        ends.near[1].set(Fault::None);
        rig.retry();
        let ask = frame::udp("203.0.113.5:1000", "10.0.0.10:53", b"?");
        ends.received(Direction::Ingress);
        ends.send(Direction::Ingress, std::slice::from_ref(&ask));
        rig.run();
        assert_eq!(ends.received(Direction::Ingress), [ask], "{fault:?}");
    }
}
