//! `af-xdp`: frames that never become socket buffers, for network cards.
//!
//! A program of six instructions, written down in `attachment`, takes every frame of the device before the
//! host's own stack hears of it and redirects it to the AF_XDP socket of its receive queue; where that has none, the frame is dropped, for
//! this is a firewall. So a device needs a socket on each of its queues: opening is refused where it has more of them than there are shards.
//! The program is on the device for as long as one of the sockets is open, at the latest until the process dies, and then nothing is forwarded.
//!
//! With a driver that can, the card itself writes into and reads from our memory (zero-copy). On `veth` and `tap` nothing can, and
//! `af-packet` or `tap` are the better choice there: AF_XDP knows no segmentation that is left to the device.
//! What it does not carry:
//!
//! - frames of more than [`FRAME_MAX`] bytes. The kernel drops them, [counted](PortDrops::truncated); a device with a larger MTU is refused;
//! - packets that are still to be segmented. On the way out they are [refused](Transmitted::failed). On the way in, a program in the
//!   driver makes the kernel turn segmentation off at the other end of a veth pair; with the generic program, segmentation and receive
//!   offload must be turned off at the sender and at the device (`tso off gso off`, `gro off lro off`);
//! - checksums that are left to the device. Those of TCP and UDP are seen and finished in software.
//!
//! VLAN tags are in the frame, as on the wire.

mod attachment;
mod error;
mod open;
mod wake;
mod warning;
mod watch;
mod write;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use self::attachment::Attachment;
pub use self::error::AfXdpError;
pub use self::open::{AfXdpSettings, CopyMode, XdpMode};
use self::wake::Wake;
pub use self::warning::AfXdpWarning;
use self::watch::{Change, Watch};
use super::sys::xsk::{Chunk, Received, Xsk};
use super::{
    Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted, VnetHeader, finish,
};

/// The longest frame that is carried, in bytes: a page without what the kernel keeps free in front.
pub const FRAME_MAX: usize = super::sys::xsk::FRAME_MAX;

/// One receive queue of a device.
pub struct AfXdp {
    /// What the last receive took.
    held: Vec<Held>,
    /// Chunks to receive into, and to send from.
    to_fill: Vec<Chunk>,
    to_send: Vec<Chunk>,
    xsk: Xsk,
    /// After the socket: the last one to go takes the program off the device.
    attachment: Arc<Attachment>,
    watch: Watch,
    wake: Wake,
    /// Whether the device was down, or is gone, when we looked last.
    state: State,
    zero_copy: bool,
    drops: PortDrops,
    warnings: Vec<AfXdpWarning>,
}

/// A frame that was received, and what its sender left undone.
struct Held {
    frame: Received,
    vnet: VnetHeader,
}

/// What became of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Gone,
}

impl AfXdp {
    /// Whether the device itself reads and writes our memory.
    #[must_use]
    pub const fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Whether the program runs in the driver, before there is a socket buffer.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.attachment.is_native()
    }

    /// Gives back what the last receive took.
    fn give_back(&mut self) {
        let chunks = self.held.drain(..).map(|held| held.frame.into_chunk());
        self.to_fill.extend(chunks);
        self.xsk.fill(&mut self.to_fill);
    }

    /// What woke us, where it was no frame.
    fn look(&mut self) -> Result<(), ReceiveError> {
        if self.state == State::Gone {
            return Err(ReceiveError::Gone(Gone::Deleted));
        }
        let woken = self.wake.woken()?;
        if woken.alarm {
            self.push_on();
        }
        let change = self.watch.change(woken)?;
        if change == Change::Gone {
            self.state = State::Gone;
            return Err(ReceiveError::Gone(Gone::Deleted));
        }
        if change == Change::Down {
            self.state = State::Down;
            return Err(ReceiveError::Down);
        }
        Ok(())
    }
}

impl Receiver for AfXdp {
    fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.give_back();
        while self.held.len() < limit
            && let Some(frame) = self.xsk.pop()
        {
            let vnet = finish::detect(self.xsk.bytes(&frame));
            self.held.push(Held { frame, vnet });
        }
        self.xsk.release();
        // A device that went brings no frames: the question costs nothing while there are some.
        if self.held.is_empty() {
            self.look()?;
        }
        Ok(self.held.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        let held = &self.held[index];
        LiveFrame {
            vnet: held.vnet,
            ..LiveFrame::whole(self.xsk.bytes(&held.frame))
        }
    }

    fn drops(&mut self) -> PortDrops {
        if let Ok(counts) = self.xsk.statistics() {
            let (full, dropped) = (counts.rx_ring_full.unwrap_or(0), counts.rx_dropped);
            // Where the kernel copies, it counts a frame that found no chunk to be copied into as both.
            let no_chunk = match self.zero_copy {
                true => 0,
                false => counts.rx_fill_ring_empty_descs.unwrap_or(0),
            };
            let (ring, truncated) = (full + no_chunk, dropped.saturating_sub(no_chunk));
            self.drops.ring = self.drops.ring.max(ring);
            self.drops.truncated = self.drops.truncated.max(truncated);
        }
        self.drops
    }

    fn backend(&self) -> &'static str {
        "af-xdp"
    }
}

impl Port for AfXdp {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        self.write(frames)
    }

    fn mtu(&self) -> Option<u32> {
        Some(self.watch.mtu())
    }
}

impl fmt::Debug for AfXdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfXdp")
            .field("attachment", &self.attachment)
            .field("zero_copy", &self.zero_copy)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
