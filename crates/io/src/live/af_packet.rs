//! `af-packet`: a network device through a packet socket, the backend that works with every device.
//!
//! ```text
//!  device ──► kernel ──► ring in shared memory ──► frame(): read in place ──► verdict
//!  device ◄── kernel ◄── sendmmsg: one call for a burst ◄── transmit(): frames of the other port
//! ```
//!
//! What makes it a firewall's port and not only a capture:
//!
//! - **Offloads stay on.** The socket speaks virtio headers (`PACKET_VNET_HDR`): frames of 64 KiB
//!   with half-made checksums come in and go out as they are. Slots are large enough for them;
//!   what still does not fit is dropped whole and counted, never cut short.
//! - **Tags stay in.** The kernel takes the outer VLAN tag out of a frame before any socket sees
//!   it. It is put back, in place: the addresses move over the virtio header in front of them,
//!   which has been read by then.
//! - **No loops.** The socket does not hear what the host sends out of the device
//!   (`PACKET_IGNORE_OUTGOING`), and what it sends is not shown to others (`PACKET_QDISC_BYPASS`).
//! - **Wakes for each frame.** That is `TPACKET_V2`. [`Ring::V3`] hands frames over in blocks: a
//!   quarter more small frames a second, and up to a millisecond of waiting at every port.
//! - **Errors do not stick.** A packet socket whose device went down is readable until its error is
//!   taken. An empty ring is the moment to look for one: a poll for nothing is never repeated.
//!
//! The kernel *copies* frames to packet sockets: the host's own network stack sees them, too. A
//! device that is a port has no addresses, is in no bridge, and has IPv6 off.

mod open;
mod settings;
mod steering;
mod tag;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use secgroup_packet::LinkType;

pub use self::settings::{AfPacketSettings, Fanout, Ring};
use super::sys::ring::ReceiveRing;
use super::sys::send::SendBatch;
use super::sys::socket;
use super::{
    Gone, Heard, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted, VnetHeader,
};

/// A device, or one shard of it.
#[derive(Debug)]
pub struct AfPacket {
    ring: ReceiveRing,
    heard: Vec<HeardFrame>,
    batch: SendBatch,
    drops: PortDrops,
    health: Health,
    mtu: u32,
    index: u32,
    link: LinkType,
    watch: bool,
    socket: OwnedFd,
}

/// A frame of the last burst.
#[derive(Debug, Clone, Copy)]
struct HeardFrame {
    /// Its number among what was taken from the ring.
    taken: usize,
    vnet: VnetHeader,
    heard: Heard,
}

/// What is known of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// Nothing else.
    Up,
    /// It was down or gone when something was to be sent; nobody was told yet.
    Doubtful,
    /// It went down, which was told.
    Down,
}

impl Receiver for AfPacket {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.heard.clear();
        let taken = self.ring.take(limit);
        if taken == 0 {
            return self.ail().map_or(Ok(0), Err);
        }
        for number in 0..taken {
            self.hear(number);
        }
        Ok(self.heard.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        let frame = &self.heard[index];
        LiveFrame {
            data: self.ring.bytes(frame.taken),
            link: self.link,
            wire_len: self.ring.taken(frame.taken).len,
            vnet: frame.vnet,
            heard: frame.heard,
        }
    }

    fn drops(&mut self) -> PortDrops {
        // The kernel's count starts again whenever it is read.
        if let Ok(counted) = socket::statistics(self.socket.as_fd()) {
            self.drops.ring += u64::from(counted.dropped);
        }
        self.refresh_mtu();
        self.drops
    }

    fn backend(&self) -> &'static str {
        "af-packet"
    }
}

impl Port for AfPacket {
    /// A receiver that only watches sends nothing: every frame has failed.
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        let mut result = Transmitted::default();
        if self.watch {
            result.failed = count(frames.len());
            return result;
        }
        let mut down = Down::No;
        let sent = self.batch.send(
            self.socket.as_fd(),
            frames
                .iter()
                .map(|frame| (frame.vnet.to_bytes(), frame.data)),
            |error, left| account(error, left, &mut result, &mut down),
        );
        result.sent = count(sent);
        if result.down > 0 {
            self.health = Health::Doubtful;
        }
        if result.too_large > 0 {
            self.refresh_mtu();
        }
        result
    }

    /// As it was when the port was opened, when [`drops`](Receiver::drops) was last called, or when
    /// a frame was last too large, whichever was later.
    fn mtu(&self) -> Option<u32> {
        Some(self.mtu)
    }
}

impl AfPacket {
    /// Makes a frame of what the ring gave, where it is whole.
    fn hear(&mut self, number: usize) {
        if !self.ring.is_whole(number) {
            self.drops.truncated += 1;
            return;
        }
        self.health = Health::Up;
        let taken = self.ring.taken(number);
        let mut vnet = VnetHeader::from_bytes(self.ring.front(number));
        if let Some(tag) = taken.tag {
            tag::put_back(self.ring.grow_front(number, tag::LEN), tag);
            vnet = vnet.moved_by(tag::LEN_U16);
        }
        let heard = if taken.packet_type == libc::PACKET_OUTGOING {
            Heard::Leaving
        } else {
            Heard::Arriving
        };
        self.heard.push(HeardFrame {
            taken: number,
            vnet,
            heard,
        });
    }

    /// What is wrong where nothing was heard. Takes the socket's error, so that it wakes nobody again.
    fn ail(&mut self) -> Option<ReceiveError> {
        let error = match socket_error(&self.socket) {
            Ok(Ok(())) => None,
            Ok(Err(error)) | Err(error) => Some(error),
        };
        match (error, self.health) {
            (None, Health::Up) => None,
            (Some(error), _) if !speaks_of_device(error) => Some(io::Error::from(error).into()),
            (error, health) => {
                if self.is_gone() {
                    return Some(ReceiveError::Gone(Gone::Deleted));
                }
                self.health = Health::Down;
                let is_new = error.is_some() || health == Health::Doubtful;
                is_new.then_some(ReceiveError::Down)
            }
        }
    }

    /// Whether the kernel took the socket's device away from it: it was deleted, or moved to another namespace. A socket is
    /// never given another one, not even of the same index.
    fn is_gone(&self) -> bool {
        let bound = socket::bound_index(self.socket.as_fd());
        bound.is_ok_and(|bound| bound != Some(self.index))
    }

    fn refresh_mtu(&mut self) {
        // A device that is gone has none.
        if let Ok(mtu) = socket::device_mtu(self.socket.as_fd(), self.index) {
            self.mtu = mtu;
        }
    }
}

/// Whether a device was down at its last refusal.
enum Down {
    No,
    Once,
}

/// Counts a refused frame, and says how many of the `left` ones to give up.
fn account(error: &io::Error, left: usize, result: &mut Transmitted, down: &mut Down) -> usize {
    let errno = Errno::from_io_error(error);
    let (counter, lost) = match errno {
        Some(error) if speaks_of_device(error) => {
            // The first may be an old error of the socket, which nobody had taken yet.
            if matches!(down, Down::No) {
                *down = Down::Once;
                return 0;
            }
            (&mut result.down, left)
        }
        Some(Errno::MSGSIZE) => (&mut result.too_large, 1),
        // One queue of the device is full; the next frame may go to another.
        Some(Errno::NOBUFS) => (&mut result.no_room, 1),
        // The socket's own buffer is full.
        Some(Errno::AGAIN) => (&mut result.no_room, left),
        _ => (&mut result.failed, 1),
    };
    *counter += count(lost);
    lost
}

/// Whether an error says that the device is down or gone.
fn speaks_of_device(error: Errno) -> bool {
    matches!(error, Errno::NETDOWN | Errno::NXIO | Errno::NODEV)
}

/// A number of frames of one burst.
fn count(frames: usize) -> u32 {
    u32::try_from(frames).unwrap_or(u32::MAX)
}
