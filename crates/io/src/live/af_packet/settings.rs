//! What can be chosen about a packet socket.

use secgroup_packet::Steering;

/// Settings of an [`AfPacket`](super::AfPacket).
#[derive(Debug, Clone)]
pub struct AfPacketSettings {
    /// Name of the device.
    pub device: String,
    /// Kind of receive ring.
    pub ring: Ring,
    /// Frames that find room in the ring, 1 to [`MAX_FRAMES`](Self::MAX_FRAMES), rounded up to a multiple of 15. Fifteen take
    /// 1 MiB of kernel memory, whatever their length: every slot has room for 64 KiB. In a ring of version 3 frames take as
    /// much room as they need, and this is how many of the longest fit.
    pub frames: u32,
    /// Only watch: hear what leaves, too, and send nothing.
    pub watch: bool,
    /// Hear frames to addresses that are not the device's. A port of a firewall must.
    pub promiscuous: bool,
    /// Share the device's frames with other sockets.
    pub fanout: Option<Fanout>,
}

/// Kind of receive ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ring {
    /// `TPACKET_V2`: every frame is handed over as it comes.
    #[default]
    V2,
    /// `TPACKET_V3`: frames are handed over in blocks of 256 KiB, or after a millisecond. More small frames a second, and up
    /// to a millisecond of delay for each.
    V3,
}

/// A group of sockets that share the frames of one device.
///
/// The sockets of a group are its shards in the order in which they were opened: open them one
/// after the other. When one is closed, the kernel moves the last one into its place; to have the
/// order again, close all and open them anew. Until all are open, frames of the missing shards go
/// to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fanout {
    /// The group's number, of which a network namespace has one set for all devices.
    pub group: u16,
    /// How many sockets share, 1 to 256.
    pub shards: u16,
    /// Whose is a frame: shard `of_packet modulo shards` of it. Frames that are not IP are the
    /// first shard's; TCP and UDP behind an IPv6 extension header go by their addresses alone, and
    /// so does everything without ports.
    pub steering: Steering,
}

impl AfPacketSettings {
    /// What [`port`](Self::port) and [`watch`](Self::watch) give the ring: 16 MiB. An interface of a
    /// firewall has two ports and a host has many interfaces, so that more by default would be felt;
    /// at 64 KiB a frame it bridges a millisecond of 100 Gbit/s, and with small frames a
    /// quarter of a millisecond at the highest rate that one core forwards.
    pub const DEFAULT_FRAMES: u32 = 240;
    /// Most frames that a ring may have room for: 1 GiB.
    pub const MAX_FRAMES: u32 = 15 * 1024;

    /// A firewall's port.
    #[must_use]
    pub fn port(device: impl Into<String>) -> Self {
        Self {
            device: device.into(),
            ring: Ring::default(),
            frames: Self::DEFAULT_FRAMES,
            watch: false,
            promiscuous: true,
            fanout: None,
        }
    }

    /// A watcher of what comes in and goes out at a device, and of nothing else on its wire.
    #[must_use]
    pub fn watch(device: impl Into<String>) -> Self {
        Self {
            watch: true,
            promiscuous: false,
            ..Self::port(device)
        }
    }
}
