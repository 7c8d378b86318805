//! Two ports joined by a cable of memory: what one transmits the other receives.
//!
//! For tests of whatever drives ports. A [`MemoryPort`] behaves as a device does, down to its file
//! descriptor, which can be waited for; and its [`MemoryHandle`], which works from any thread,
//! makes happen what is hard to get a real device to do at a chosen moment: go down, vanish, or
//! have the code behind it panic.
//!
//! Each direction is a bounded channel beside an eventfd. The fd is a *hint*, set after every send
//! and cleared before every take: it may be readable for nothing, but never unreadable while
//! something is there.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crossbeam_channel::{Receiver as Taker, Sender, TrySendError};
use rustix::event::{EventfdFlags, eventfd};
use secgroup_packet::LinkType;

use super::{
    Gone, Heard, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted, VnetHeader,
};

/// Two ends of one cable that holds up to `capacity` frames (at least 1) in each direction.
///
/// # Errors
/// The kernel has no more file descriptors for us.
pub fn pair(capacity: usize) -> std::io::Result<(MemoryPort, MemoryPort)> {
    let (to_right, from_left) = crossbeam_channel::bounded(capacity.max(1));
    let (to_left, from_right) = crossbeam_channel::bounded(capacity.max(1));
    let (left, right) = (Arc::new(End::new()?), Arc::new(End::new()?));
    let port = |end: &Arc<End>, peer: &Arc<End>, sender, taker| MemoryPort {
        end: Arc::clone(end),
        peer: Arc::clone(peer),
        sender,
        taker,
        taken: Vec::new(),
    };
    Ok((
        port(&left, &right, to_right, from_right),
        port(&right, &left, to_left, from_left),
    ))
}

/// One end of a cable of memory.
pub struct MemoryPort {
    end: Arc<End>,
    peer: Arc<End>,
    sender: Sender<OwnedFrame>,
    taker: Taker<OwnedFrame>,
    /// The frames of the last receive.
    taken: Vec<OwnedFrame>,
}

/// Makes things happen to a [`MemoryPort`] from outside.
#[derive(Debug, Clone)]
pub struct MemoryHandle {
    end: Arc<End>,
}

/// What can happen to a [`MemoryPort`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// None: it works, again.
    None,
    /// The next receive says [`ReceiveError::Down`], once; until the port is mended it then
    /// receives nothing and sends nothing.
    Down,
    /// Every receive says [`Gone::Deleted`] from now on.
    Gone,
    /// The next receive panics, and mends the port.
    Panic,
}

/// What both the port and its handles know of one end.
#[derive(Debug)]
struct End {
    /// Readable when there may be something to receive.
    wake: OwnedFd,
    /// A [`Fault`].
    fault: AtomicU8,
    /// The next receive has yet to say that the port is down.
    untold: AtomicBool,
    /// The port was dropped.
    closed: AtomicBool,
    /// The MTU in bytes; 0 for none.
    mtu: AtomicU32,
}

/// A [`LiveFrame`] with bytes of its own.
struct OwnedFrame {
    data: Box<[u8]>,
    link: LinkType,
    wire_len: u32,
    vnet: VnetHeader,
    heard: Heard,
}

impl MemoryPort {
    /// A handle on this end.
    #[must_use]
    pub fn handle(&self) -> MemoryHandle {
        MemoryHandle {
            end: Arc::clone(&self.end),
        }
    }

    /// What the fault that is set makes of a receive.
    #[allow(
        clippy::panic,
        reason = "a panic is what was asked for, to see what becomes of it"
    )]
    fn suffer(&self) -> Result<(), ReceiveError> {
        match self.end.fault() {
            Fault::None => Ok(()),
            Fault::Down if self.end.untold.swap(false, Ordering::AcqRel) => Err(ReceiveError::Down),
            Fault::Down => Ok(()),
            Fault::Gone => {
                self.end.wake();
                Err(ReceiveError::Gone(Gone::Deleted))
            }
            Fault::Panic => {
                self.end.set(Fault::None);
                panic!("a memory port was told to panic");
            }
        }
    }
}

/// Whether a device of this MTU refuses the frame, as Linux decides: the link-layer header is not
/// counted, nor is one VLAN tag, and a frame that is segmented later fits.
fn is_too_large(frame: &LiveFrame<'_>, mtu: u32) -> bool {
    const TAGS: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
    let header = match (frame.link, frame.data.get(12..14)) {
        (LinkType::Ethernet, Some(kind)) if TAGS.iter().any(|tag| tag == kind) => 18,
        (LinkType::Ethernet, _) => 14,
        _ => 0,
    };
    let len = frame.data.len().saturating_sub(header);
    !frame.vnet.is_segmented_later() && u32::try_from(len).map_or(true, |len| len > mtu)
}

impl Receiver for MemoryPort {
    fn fd(&self) -> BorrowedFd<'_> {
        self.end.wake.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.taken.clear();
        self.end.calm();
        self.suffer()?;
        if self.end.fault() == Fault::Down {
            return Ok(0);
        }
        // Before looking for frames: those that the peer sent before it closed are there by now.
        let closed = self.peer.closed.load(Ordering::Acquire);
        self.taken.extend(self.taker.try_iter().take(limit));
        if closed && self.taken.is_empty() && limit > 0 {
            self.end.wake();
            return Err(ReceiveError::Gone(Gone::Deleted));
        }
        if closed || !self.taker.is_empty() {
            self.end.wake();
        }
        Ok(self.taken.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        let frame = &self.taken[index];
        LiveFrame {
            data: &frame.data,
            link: frame.link,
            wire_len: frame.wire_len,
            vnet: frame.vnet,
            heard: frame.heard,
        }
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "memory"
    }
}

impl Port for MemoryPort {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        let mut done = Transmitted::default();
        let works = matches!(self.end.fault(), Fault::None | Fault::Panic);
        for frame in frames {
            if !works {
                done.down += 1;
            } else if self.mtu().is_some_and(|mtu| is_too_large(frame, mtu)) {
                done.too_large += 1;
            } else {
                match self.sender.try_send(OwnedFrame::from(frame)) {
                    Ok(()) => done.sent += 1,
                    Err(TrySendError::Full(_)) => done.no_room += 1,
                    Err(TrySendError::Disconnected(_)) => done.down += 1,
                }
            }
        }
        if done.sent > 0 {
            self.peer.wake();
        }
        done
    }

    fn mtu(&self) -> Option<u32> {
        match self.end.mtu.load(Ordering::Relaxed) {
            0 => None,
            mtu => Some(mtu),
        }
    }
}

impl Drop for MemoryPort {
    fn drop(&mut self) {
        self.end.closed.store(true, Ordering::Release);
        self.peer.wake();
    }
}

impl fmt::Debug for MemoryPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPort")
            .field("waiting", &self.taker.len())
            .field("fault", &self.end.fault())
            .finish_non_exhaustive()
    }
}

impl MemoryHandle {
    /// Has `fault` happen to the port, or mends it with [`Fault::None`].
    pub fn set(&self, fault: Fault) {
        self.end.set(fault);
        self.end.wake();
    }

    /// From now on the port sends IP packets of up to `mtu` bytes; `None` for any.
    pub fn set_mtu(&self, mtu: Option<u32>) {
        self.end.mtu.store(mtu.unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether the port was dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.closed.load(Ordering::Acquire)
    }
}

impl End {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            fault: AtomicU8::new(Fault::None as u8),
            untold: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            mtu: AtomicU32::new(0),
        })
    }

    fn fault(&self) -> Fault {
        const FAULTS: [Fault; 4] = [Fault::None, Fault::Down, Fault::Gone, Fault::Panic];
        FAULTS[usize::from(self.fault.load(Ordering::Acquire))]
    }

    fn set(&self, fault: Fault) {
        self.untold.store(fault == Fault::Down, Ordering::Release);
        self.fault.store(fault as u8, Ordering::Release);
    }

    fn wake(&self) {
        // It fails only where the counter is at its limit, and then it is readable.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn calm(&self) {
        // It fails only where there is nothing to clear.
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
    }
}

impl From<&LiveFrame<'_>> for OwnedFrame {
    fn from(frame: &LiveFrame<'_>) -> Self {
        Self {
            data: frame.data.into(),
            link: frame.link,
            wire_len: frame.wire_len,
            vnet: frame.vnet,
            heard: frame.heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn readable(port: &MemoryPort) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(port.fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn frames_arrive_in_order_with_everything_that_was_said_of_them() {
        let (mut left, mut right) = pair(4).unwrap();
        assert!(!readable(&right));
        let vnet = VnetHeader {
            flags: VnetHeader::NEEDS_CSUM,
            csum_start: 34,
            csum_offset: 16,
            ..VnetHeader::default()
        };
        let first = LiveFrame {
            vnet,
            heard: Heard::Leaving,
            ..LiveFrame::whole(&[1; 60])
        };
        let second = LiveFrame::whole(&[2; 61]);
        assert_eq!(left.transmit(&[first, second]).sent, 2);
        assert!(readable(&right));
        assert_eq!(right.receive(1).unwrap(), 1);
        assert_eq!(right.frame(0).data, [1; 60]);
        assert_eq!(right.frame(0).vnet, vnet);
        assert_eq!(right.frame(0).heard, Heard::Leaving);
        assert!(readable(&right), "one frame is left");
        assert_eq!(right.receive(8).unwrap(), 1);
        assert_eq!(right.frame(0).data, [2; 61]);
        assert!(!readable(&right));
        assert_eq!(right.receive(8).unwrap(), 0);
    }

    #[test]
    fn what_does_not_go_is_said() {
        let (mut left, _right) = pair(1).unwrap();
        left.handle().set_mtu(Some(100));
        assert_eq!(left.mtu(), Some(100));
        let small = [0; 114];
        let large = [0; 115];
        let done = left.transmit(&[&large[..], &small, &small].map(LiveFrame::whole));
        let expected = Transmitted {
            sent: 1,
            too_large: 1,
            no_room: 1,
            ..Transmitted::default()
        };
        assert_eq!(done, expected);
    }

    #[test]
    fn faults_happen_and_are_mended() {
        let (mut left, mut right) = pair(4).unwrap();
        let handle = right.handle();
        left.transmit(&[LiveFrame::whole(&[1; 60])]);

        handle.set(Fault::Down);
        assert!(readable(&right));
        assert!(matches!(right.receive(8), Err(ReceiveError::Down)));
        assert_eq!(right.receive(8).unwrap(), 0);
        assert!(!readable(&right), "a port that is down is quiet");
        assert_eq!(right.transmit(&[LiveFrame::whole(&[3; 60])]).down, 1);

        handle.set(Fault::None);
        assert!(readable(&right));
        assert_eq!(right.receive(8).unwrap(), 1);

        handle.set(Fault::Panic);
        assert!(readable(&right));
        assert!(catch_unwind(AssertUnwindSafe(|| right.receive(8))).is_err());
        assert_eq!(right.receive(8).unwrap(), 0);

        handle.set(Fault::Gone);
        for _ in 0..2 {
            assert!(readable(&right));
            assert!(matches!(
                right.receive(8),
                Err(ReceiveError::Gone(Gone::Deleted))
            ));
        }
    }

    #[test]
    fn the_other_end_goes_after_its_last_frame() {
        let (mut left, mut right) = pair(4).unwrap();
        let handle = left.handle();
        left.transmit(&[LiveFrame::whole(&[1; 60])]);
        drop(left);
        assert!(handle.is_closed());
        assert_eq!(right.receive(8).unwrap(), 1);
        assert!(readable(&right));
        assert!(matches!(
            right.receive(8),
            Err(ReceiveError::Gone(Gone::Deleted))
        ));
        assert_eq!(right.transmit(&[LiveFrame::whole(&[1; 60])]).down, 1);
    }

    #[test]
    fn frames_cross_threads_without_being_missed() {
        let (mut left, mut right) = pair(16).unwrap();
        let sender = std::thread::spawn(move || {
            for number in 0..10_000_u32 {
                let bytes = number.to_be_bytes();
                while left.transmit(&[LiveFrame::whole(&bytes)]).no_room > 0 {
                    std::thread::yield_now();
                }
            }
            left
        });
        let mut next = 0_u32;
        while next < 10_000 {
            let mut fds = [PollFd::from_borrowed_fd(right.fd(), PollFlags::IN)];
            let deadline = Timespec {
                tv_sec: 20,
                tv_nsec: 0,
            };
            assert_eq!(
                poll(&mut fds, Some(&deadline)).unwrap(),
                1,
                "missed frame {next}"
            );
            for index in 0..right.receive(7).unwrap() {
                assert_eq!(right.frame(index).data, next.to_be_bytes());
                next += 1;
            }
        }
        drop(sender.join().unwrap());
    }
}
