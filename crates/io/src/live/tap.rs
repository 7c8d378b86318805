//! The workload's own network interface: a TAP device that secgroup makes and holds the other end
//! of.
//!
//! What the workload sends comes out of a file descriptor here, and what is written there the
//! workload receives; nothing else connects the two. There is no copy for the host to see, no
//! promiscuous mode and no loop, VLAN tags are in the frames, and when the process ends the device
//! is gone with its last descriptor: fail closed.
//!
//! # Offloads
//!
//! Each frame is behind a [`VnetHeader`](super::VnetHeader). The device takes partial checksums and
//! segments of up to 64 KiB (`TUNSETOFFLOAD`), so that a TCP stream costs one system call for each
//! 64 KiB of it, and the header goes on with the frame to whoever can finish the work.
//!
//! # Shards
//!
//! Every shard opens a queue of its own of one multi-queue device ([`Tap::open`] with the same
//! settings): the first that comes makes and configures it, the others join, in any order; one that
//! closes leaves the device to the others, and may come back. The kernel steers what the workload
//! sends by itself, and as we want it: a flow comes out of the queue that last *wrote* a frame of
//! it. So a flow that the network began stays on its shard; of one that the workload begins the
//! first frames may come out of any queue, and are handed to their shard.
//!
//! # Namespaces
//!
//! The device can be made in another network namespace ([`Netns`]), where the workload is, and then
//! is configured there: see [`TapSettings`]. Its descriptors work from everywhere.

mod device;
mod netns;

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use secgroup_packet::{LinkType, MacAddress};

pub use self::netns::{Netns, NetnsError};

use self::device::Device;
use super::arena::Arena;
use super::{Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted};

/// How the device is made.
#[derive(Debug, Clone)]
pub struct TapSettings {
    /// Its name: 1 to 15 bytes, no blank, slash or colon, and no percent sign, which the kernel
    /// would replace.
    pub name: String,
    /// Where it is made; `None` for the namespace of the calling thread.
    pub netns: Option<Netns>,
    /// Its link-layer address; `None` for any.
    pub mac: Option<MacAddress>,
    /// Its MTU in bytes: 68 to 65521, and at least 1280 for IPv6.
    pub mtu: u32,
    /// Its addresses, each with the length of its prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The default gateways: at most one of each family. They are taken to be on the link.
    pub gateways: Vec<IpAddr>,
}

impl TapSettings {
    /// A device of that name with the MTU of Ethernet, and no addresses.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            netns: None,
            mac: None,
            mtu: 1500,
            addresses: Vec::new(),
            gateways: Vec::new(),
        }
    }
}

/// Why the device cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The kernel has no TAP devices.
    #[error("there is no /dev/net/tun: load it with `modprobe tun`")]
    NoTun,
    /// Not allowed.
    #[error(
        "making a TAP device needs CAP_NET_ADMIN: run as root, or `setcap cap_net_admin,cap_net_raw+ep` \
         the program, or AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW in the unit"
    )]
    NotPermitted,
    /// The name is taken.
    #[error(
        "there is a device '{0}' already, and secgroup makes its TAP devices itself: remove it with \
         `ip link del {0}`, or choose another name"
    )]
    Exists(String),
    /// A name that no device can have.
    #[error(
        "'{0}' cannot be the name of a device: it takes 1 to 15 bytes without blanks, '/', ':' and '%'"
    )]
    Name(String),
    /// A setting that the kernel does not take.
    #[error("the TAP device '{name}' cannot have {what}: {error}")]
    Setting {
        /// The device.
        name: String,
        /// Which setting.
        what: String,
        /// What the kernel says.
        error: io::Error,
    },
    /// Its namespace cannot be entered.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// Anything else.
    #[error("TAP device: {0}")]
    Io(#[from] io::Error),
}

/// One queue of a TAP device.
#[derive(Debug)]
pub struct Tap {
    // Closed before the device is let go of: see `device`.
    queue: OwnedFd,
    device: Arc<Device>,
    /// What the device had dropped when this was opened; `None` on all shards but the first, which
    /// counts for them all.
    dropped_before: Option<u64>,
    arena: Arena,
    drops: PortDrops,
}

impl Tap {
    /// Opens the queue of one shard, and makes the device if this is its first.
    ///
    /// # Errors
    /// [`TapError`]; then nothing is left behind.
    pub fn open(settings: &TapSettings, shard: u16) -> Result<Self, TapError> {
        device::check_name(&settings.name)?;
        let (queue, device) = match &settings.netns {
            Some(netns) => netns.enter(|| device::open(settings, netns))??,
            None => device::open(settings, &Netns::current()?)?,
        };
        Ok(Self {
            queue,
            dropped_before: (shard == 0).then(|| device.send_dropped()),
            device,
            arena: Arena::new(),
            drops: PortDrops::default(),
        })
    }

    /// Takes one frame; whether there may be more.
    fn receive_one(&mut self) -> Result<bool, ReceiveError> {
        let Some(room) = self.arena.room() else {
            return Ok(false);
        };
        match rustix::io::read(&self.queue, room) {
            Ok(len) if self.arena.keep(len) => {}
            Ok(_) | Err(Errno::FAULT | Errno::MSGSIZE) => self.drops.truncated += 1,
            // The kernel takes the frame away where its header cannot say what is left to do.
            Err(Errno::INVAL) => self.drops.offload += 1,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(false),
            Err(Errno::BADFD) => return Err(ReceiveError::Gone(Gone::Deleted)),
            Err(error) => return Err(ReceiveError::Io(error.into())),
        }
        Ok(true)
    }

    fn transmit_one(&self, frame: &LiveFrame<'_>) -> Result<(), Errno> {
        if frame.link != LinkType::Ethernet || frame.wire_len as usize > frame.data.len() {
            return Err(Errno::INVAL);
        }
        let header = frame.vnet.to_bytes();
        let parts = [IoSlice::new(&header), IoSlice::new(frame.data)];
        loop {
            match rustix::io::writev(&self.queue, &parts) {
                Err(Errno::INTR) => {}
                done => return done.map(|_| ()),
            }
        }
    }
}

impl Receiver for Tap {
    fn fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.arena.clear();
        for _ in 0..limit {
            match self.receive_one() {
                Ok(true) => {}
                Ok(false) => break,
                // The error comes again next time.
                Err(_) if self.arena.len() > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.arena.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        self.arena.frame(index)
    }

    fn drops(&mut self) -> PortDrops {
        if let Some(before) = self.dropped_before {
            // A device that is gone has nothing to say: what was said stays.
            let since = self.device.send_dropped().saturating_sub(before);
            self.drops.ring = self.drops.ring.max(since);
        }
        self.drops
    }

    fn backend(&self) -> &'static str {
        "tap"
    }
}

impl Port for Tap {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        let mut done = Transmitted::default();
        for frame in frames {
            match self.transmit_one(frame) {
                Ok(()) => done.sent += 1,
                Err(Errno::MSGSIZE) => done.too_large += 1,
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => done.no_room += 1,
                // Down, or deleted.
                Err(Errno::IO | Errno::BADFD) => done.down += 1,
                Err(_) => done.failed += 1,
            }
        }
        done
    }

    fn mtu(&self) -> Option<u32> {
        Some(self.device.mtu)
    }
}
