//! An AF_XDP socket: memory that is shared with the kernel in chunks, and four rings that say whose each
//! chunk is.
//!
//! ```text
//!             fill ring: "receive into these"              rx ring: "frames are in these"
//!   ours ────────────────────────────────────► kernel ────────────────────────────────────► ours
//!   ours ────────────────────────────────────► kernel ────────────────────────────────────► ours
//!             tx ring: "send these"                        completion ring: "these are sent"
//! ```
//!
//! A chunk that is ours is a [`Chunk`]: a token that cannot be copied, that the rings take and give back, and
//! without which no byte of the chunk can be looked at. So nothing outside of this folder can read memory
//! that the kernel is writing to, or hand it the same chunk twice.
//!
//! Read "AF_XDP" in the kernel's documentation before editing.

mod ring;
mod umem;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING,
    XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpOptionsFlags, XdpStatistics,
    XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with, sockopt,
};

use self::ring::{Consumer, Producer};
use self::umem::Umem;
pub(in crate::live) use self::umem::{CHUNK, Chunk};

/// What the kernel leaves free before each frame that it receives, for programs that add a header:
/// `XDP_PACKET_HEADROOM`.
const HEADROOM: usize = 256;

/// The longest frame that fits, in bytes.
pub(in crate::live) const FRAME_MAX: usize = CHUNK - HEADROOM;

/// One socket, with its memory.
#[derive(Debug)]
pub(in crate::live) struct Xsk {
    socket: OwnedFd,
    fill: Producer<u64>,
    completion: Consumer<u64>,
    rx: Consumer<Descriptor>,
    tx: Producer<Descriptor>,
    umem: Umem,
}

/// A frame that was received.
#[derive(Debug)]
pub(in crate::live) struct Received {
    /// Where it lies.
    chunk: Chunk,
    /// Its first byte in the chunk.
    offset: usize,
    /// Its length in bytes.
    len: usize,
}

impl Received {
    /// Gives up the frame for the chunk that it lay in.
    pub(in crate::live) fn into_chunk(self) -> Chunk {
        self.chunk
    }
}

/// How a socket is bound to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::live) enum Binding {
    /// The kernel copies frames into and out of the chunks.
    Copy,
    /// The device itself reads and writes them.
    ZeroCopy,
}

/// `struct xdp_desc`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Descriptor {
    addr: u64,
    len: u32,
    options: u32,
}

impl Xsk {
    /// A socket that is not bound yet, with `frames` chunks for each direction, and all of them as ours.
    ///
    /// # Errors
    /// What the kernel says: `EINVAL` where `frames` is not a power of two, `EAFNOSUPPORT` where it has no AF_XDP,
    /// `EPERM` without `CAP_NET_RAW`, `ENOBUFS` where the limit of locked memory is reached.
    pub(in crate::live) fn new(frames: u32) -> io::Result<(Self, Vec<Chunk>)> {
        let socket = socket_with(
            AddressFamily::XDP,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let (umem, chunks) = Umem::new(frames.checked_mul(2).ok_or(io::ErrorKind::InvalidInput)?)?;
        let registration = XdpUmemReg {
            addr: umem.address(),
            len: umem.len() as u64,
            chunk_size: u32::try_from(CHUNK).map_err(io::Error::other)?,
            headroom: 0,
            flags: XdpUmemRegFlags::empty(),
            tx_metadata_len: 0,
        };
        sockopt::set_xdp_umem_reg(&socket, registration)?;
        sockopt::set_xdp_umem_fill_ring_size(&socket, frames)?;
        sockopt::set_xdp_umem_completion_ring_size(&socket, frames)?;
        sockopt::set_xdp_rx_ring_size(&socket, frames)?;
        sockopt::set_xdp_tx_ring_size(&socket, frames)?;
        let offsets = sockopt::xdp_mmap_offsets(&socket)?;
        let fd = socket.as_fd();
        let xsk = Self {
            fill: Producer::map(fd, XDP_UMEM_PGOFF_FILL_RING, frames, &offsets.fr)?,
            completion: Consumer::map(fd, XDP_UMEM_PGOFF_COMPLETION_RING, frames, &offsets.cr)?,
            rx: Consumer::map(fd, XDP_PGOFF_RX_RING, frames, &offsets.rx)?,
            tx: Producer::map(fd, XDP_PGOFF_TX_RING, frames, &offsets.tx)?,
            socket,
            umem,
        };
        Ok((xsk, chunks))
    }

    /// Binds to a queue of the device of this index. May be tried again after an error.
    ///
    /// # Errors
    /// What the kernel says: `EBUSY` where the queue has a socket, `EOPNOTSUPP` where the driver has no zero-copy,
    /// `EINVAL` where there is no such queue.
    pub(in crate::live) fn bind(&self, ifindex: u32, queue: u32, how: Binding) -> io::Result<()> {
        let how = match how {
            Binding::Copy => SocketAddrXdpFlags::XDP_COPY,
            Binding::ZeroCopy => SocketAddrXdpFlags::XDP_ZEROCOPY,
        };
        let flags = how | SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
        let address = SocketAddrXdp::new(flags, ifindex, queue);
        Ok(rustix::net::bind(&self.socket, &address)?)
    }

    /// Whether the device itself reads and writes the chunks.
    ///
    /// # Errors
    /// What the kernel says.
    pub(in crate::live) fn is_zero_copy(&self) -> io::Result<bool> {
        let options = sockopt::xdp_options(&self.socket)?;
        Ok(options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY))
    }

    /// What the kernel counted.
    ///
    /// # Errors
    /// What the kernel says.
    pub(in crate::live) fn statistics(&self) -> io::Result<XdpStatistics> {
        Ok(sockopt::xdp_statistics(&self.socket)?)
    }

    /// Gives the kernel chunks to receive into, from the end of `chunks`, as many as it has places for.
    pub(in crate::live) fn fill(&mut self, chunks: &mut Vec<Chunk>) {
        while self.fill.room() > 0
            && let Some(chunk) = chunks.pop()
        {
            self.fill.push(chunk.into_address());
        }
        self.fill.submit();
        if self.fill.needs_wakeup() {
            // It only says "look again"; what went wrong is said where frames are received.
            let _ = recv(&self.socket, &mut [0_u8; 0], RecvFlags::DONTWAIT);
        }
    }

    /// Takes a frame, where one is there; its place in the ring is free after [`release`](Self::release).
    pub(in crate::live) fn pop(&mut self) -> Option<Received> {
        // A chunk that is not ours is none that the kernel could have.
        let Descriptor { addr, len, .. } = self.rx.pop()?;
        let (chunk, offset) = self.umem.token(addr)?;
        let len = (len as usize).min(CHUNK - offset);
        Some(Received { chunk, offset, len })
    }

    /// Frees the places of the frames that were taken.
    pub(in crate::live) fn release(&mut self) {
        self.rx.release();
    }

    /// The bytes of a frame that was received.
    pub(in crate::live) fn bytes(&self, frame: &Received) -> &[u8] {
        let chunk = self.umem.bytes(&frame.chunk);
        chunk
            .get(frame.offset..frame.offset + frame.len)
            .unwrap_or_default()
    }

    /// The bytes of a chunk, to write a frame into.
    pub(in crate::live) fn bytes_mut(&mut self, chunk: &mut Chunk) -> &mut [u8] {
        self.umem.bytes_mut(chunk)
    }

    /// Queues the first `len` bytes of `chunk` to be sent; they are with [`submit`](Self::submit).
    ///
    /// # Errors
    /// The chunk, where the queue is full.
    pub(in crate::live) fn queue(&mut self, chunk: Chunk, len: u32) -> Result<(), Chunk> {
        if self.tx.room() == 0 {
            return Err(chunk);
        }
        self.tx.push(Descriptor {
            addr: chunk.into_address(),
            len,
            options: 0,
        });
        Ok(())
    }

    /// Hands all that is queued to the kernel, which sends it when it is [kicked](Self::kick).
    pub(in crate::live) fn submit(&mut self) {
        self.tx.submit();
    }

    /// How many frames the kernel has yet to send.
    pub(in crate::live) fn unsent(&mut self) -> u32 {
        self.tx.pending()
    }

    /// Has the kernel send, where it does not look by itself.
    ///
    /// # Errors
    /// What the kernel says: `EAGAIN` where there is more to send than it sends at once, `ENOBUFS` where the device
    /// is full, `ENETDOWN` where it is down, `ENXIO` where it is gone.
    pub(in crate::live) fn kick(&self) -> io::Result<()> {
        if self.tx.needs_wakeup() {
            send(&self.socket, &[], SendFlags::DONTWAIT)?;
        }
        Ok(())
    }

    /// Takes back the chunks of frames that were sent.
    pub(in crate::live) fn reclaim(&mut self, into: &mut Vec<Chunk>) {
        while let Some(addr) = self.completion.pop() {
            into.extend(self.umem.token(addr).map(|(chunk, _)| chunk));
        }
        self.completion.release();
    }
}

impl AsFd for Xsk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
