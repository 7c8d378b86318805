//! What a backend can do.

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;

use super::LiveFrame;

/// Most frames of one burst.
pub const BURST: usize = 256;

/// Hears frames.
pub trait Receiver: Send + Debug {
    /// Readable when [`receive`](Self::receive) has something to give or to say. Level-triggered,
    /// for as long as the receiver lives.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes up to `limit` frames that are there, never waiting, and returns how many:
    /// [`frame`](Self::frame) gives them until the next call, which gives their memory back.
    ///
    /// # Errors
    /// [`ReceiveError`]; after [`ReceiveError::Gone`] the receiver is of no more use.
    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError>;

    /// One of the frames of the last [`receive`](Self::receive), from 0.
    ///
    /// # Panics
    /// Where `index` is not below what `receive` returned.
    fn frame(&self, index: usize) -> LiveFrame<'_>;

    /// What was lost on the way here since the receiver was opened; never falls.
    fn drops(&mut self) -> PortDrops;

    /// The name of the backend, as configurations write it: `af-packet`, `tap`.
    fn backend(&self) -> &'static str;
}

/// Hears frames and sends others.
pub trait Port: Receiver {
    /// Sends `frames` in order, as far as the device takes them; never waits. What it does not take
    /// is dropped and said.
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted;

    /// The largest IP packet that the device sends, in bytes; `None` where nothing limits it.
    fn mtu(&self) -> Option<u32>;
}

/// Hears packets that the kernel holds until it is told what becomes of them.
pub trait Queue: Receiver {
    /// The id of a packet of the last [`receive`](Receiver::receive), for its verdict.
    fn id(&self, index: usize) -> PacketId;

    /// Tells the kernel what becomes of packets. A packet that is never settled is held until the
    /// queue is closed, and then dropped.
    ///
    /// # Errors
    /// The kernel was not told of all of them. Those that it was not told of are never accepted; they wait until the queue is
    /// closed, which is all that is left to do.
    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()>;

    /// A way to settle packets of this queue from another thread, after they were handed over.
    fn settler(&self) -> io::Result<Box<dyn Settle>>;
}

/// Settles packets of a [`Queue`] that another thread received.
pub trait Settle: Send + Debug {
    /// As [`Queue::settle`].
    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()>;
}

/// The kernel's number of a queued packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketId(pub u32);

/// What becomes of a queued packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueVerdict {
    /// It goes on.
    Accept,
    /// It goes on, and the kernel may carry the rest of its connection by itself until the next
    /// change of policy. A queue that cannot do so takes it as [`Accept`](Self::Accept).
    AcceptFlow,
    /// It is dropped.
    Drop,
}

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The device is down; it may come back by itself, and the receiver then goes on.
    #[error("the device is down")]
    Down,
    /// The device is gone for good, even if one of the same name appears.
    #[error("the device is gone: {0}")]
    Gone(Gone),
    /// Anything else; the receiver goes on.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How a device went.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// It was deleted, or moved to another namespace.
    #[error("it was deleted")]
    Deleted,
    /// Its queue or socket failed for good.
    #[error("{0}")]
    Failed(io::Error),
    /// A capture file has no more frames.
    #[error("the capture is at its end")]
    End,
}

/// What was lost between the wire and [`Receiver::receive`], in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortDrops {
    /// The kernel had no room in the ring, buffer or queue.
    pub ring: u64,
    /// Longer than the buffer: dropped whole, never cut short.
    pub truncated: u64,
    /// Tagged frames that the backend cannot carry with their tag.
    pub vlan: u64,
    /// Frames whose segmentation or checksum the backend cannot carry.
    pub offload: u64,
}

/// What became of the frames of one [`Port::transmit`], in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transmitted {
    /// The device took them.
    pub sent: u32,
    /// Larger than the device's MTU.
    pub too_large: u32,
    /// The device's queue was full.
    pub no_room: u32,
    /// The device is down or gone.
    pub down: u32,
    /// Refused for any other reason.
    pub failed: u32,
}

impl Transmitted {
    /// All that the device did not take.
    #[must_use]
    pub const fn lost(self) -> u32 {
        self.too_large + self.no_room + self.down + self.failed
    }
}

impl std::ops::AddAssign for Transmitted {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.too_large += other.too_large;
        self.no_room += other.no_room;
        self.down += other.down;
        self.failed += other.failed;
    }
}
