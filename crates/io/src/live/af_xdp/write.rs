//! Frames on their way out: into chunks, onto the ring, and on with it.

use rustix::io::Errno;
use secgroup_packet::LinkType;

use super::super::{LiveFrame, Transmitted, finish};
use super::{AfXdp, State};

/// One frame that was sent, or why not.
const SENT: Transmitted = Transmitted {
    sent: 1,
    too_large: 0,
    no_room: 0,
    down: 0,
    failed: 0,
};
const TOO_LARGE: Transmitted = Transmitted {
    sent: 0,
    too_large: 1,
    ..SENT
};
const NO_ROOM: Transmitted = Transmitted {
    sent: 0,
    no_room: 1,
    ..SENT
};
const FAILED: Transmitted = Transmitted {
    sent: 0,
    failed: 1,
    ..SENT
};

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pushed {
    /// Frames that the device did not want, and that are lost.
    refused: u32,
    /// Frames that the kernel still has because the device is down.
    stuck: u32,
}

impl AfXdp {
    /// As [`Port::transmit`](super::Port::transmit). A device that goes down under a burst may send the rest of it when it
    /// comes back, though it is counted as not sent.
    pub(super) fn write(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        self.xsk.reclaim(&mut self.to_send);
        let mut done = Transmitted::default();
        if self.state != State::Up && !self.is_back() {
            done.down = u32::try_from(frames.len()).unwrap_or(u32::MAX);
            return done;
        }
        for frame in frames {
            done += self.queue(frame);
        }
        self.xsk.submit();
        let pushed = self.push();
        done.sent = done.sent.saturating_sub(pushed.refused + pushed.stuck);
        done.no_room += pushed.refused;
        done.down += pushed.stuck;
        done
    }

    /// Tries again what a full device did not take; what it refuses now is in its own count of drops.
    pub(super) fn push_on(&mut self) {
        self.push();
    }

    /// Copies a frame into a chunk and queues it.
    fn queue(&mut self, frame: &LiveFrame<'_>) -> Transmitted {
        let whole = frame.wire_len as usize == frame.data.len();
        if frame.link != LinkType::Ethernet || !whole || frame.vnet.is_segmented_later() {
            return FAILED;
        }
        // The kernel does not compare with the device's MTU here.
        if is_larger(frame.data, self.watch.mtu()) {
            return TOO_LARGE;
        }
        let Some(mut chunk) = self.to_send.pop() else {
            return NO_ROOM;
        };
        let Some(copy) = self.xsk.bytes_mut(&mut chunk).get_mut(..frame.data.len()) else {
            self.to_send.push(chunk);
            return TOO_LARGE;
        };
        copy.copy_from_slice(frame.data);
        if !finish::finish(copy, frame.vnet) {
            self.to_send.push(chunk);
            return FAILED;
        }
        match self.xsk.queue(chunk, frame.wire_len) {
            Ok(()) => SENT,
            Err(chunk) => {
                self.to_send.push(chunk);
                NO_ROOM
            }
        }
    }

    /// Has the kernel send all that is on the ring. It sends so many frames at a call, and stops at one that the
    /// device refuses; as long as it goes on, so do we.
    fn push(&mut self) -> Pushed {
        let mut pushed = Pushed::default();
        let mut unsent = self.xsk.unsent();
        let mut again = false;
        while unsent > 0 {
            let before = unsent;
            let answer = self.xsk.kick();
            unsent = self.xsk.unsent();
            match answer.map_err(|error| Errno::from_io_error(&error)) {
                // Where the device fetches frames itself, it has been told.
                Ok(()) => break,
                Err(Some(Errno::BUSY)) => pushed.refused += 1,
                Err(Some(Errno::NETDOWN | Errno::NXIO)) => {
                    self.state = State::Down;
                    pushed.stuck = unsent;
                    break;
                }
                Err(_) => {}
            }
            if unsent >= before {
                again = true;
                break;
            }
        }
        self.wake.set_alarm(again);
        pushed
    }

    /// Whether a device that was down is up again.
    fn is_back(&mut self) -> bool {
        let is_back = self.state == State::Down && self.xsk.kick().is_ok();
        if is_back {
            self.state = State::Up;
        }
        is_back
    }
}

/// Whether a device of this MTU refuses the frame, as Linux decides: the link-layer header is not counted, nor is one
/// VLAN tag.
fn is_larger(data: &[u8], mtu: u32) -> bool {
    let header = match data.get(12..14) {
        Some([0x81, 0x00] | [0x88, 0xa8]) => 18,
        _ => 14,
    };
    data.len().saturating_sub(header) > mtu as usize
}
