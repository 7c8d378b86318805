//! Opening a packet socket: everything is set before the first frame can come.
//!
//! The order is the kernel's: the virtio header before the ring, which counts it in; the ring
//! before binding, for what comes before the ring is in nobody's slots; binding before the group
//! of sockets can be joined. In that gap the socket would hear what the group already
//! gives to another, so it is deaf until it has joined.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::sockopt::{set_socket_send_buffer_size, set_socket_send_buffer_size_force};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use secgroup_packet::LinkType;

use super::{AfPacket, AfPacketSettings, Fanout, Health, Ring, steering};
use crate::live::device::{Device, DeviceError, Framing};
use crate::live::sys::ring::{Division, ReceiveRing};
use crate::live::sys::send::SendBatch;
use crate::live::sys::socket;
use crate::live::{BURST, PortDrops};

/// Bytes of frames that may wait for the device to send them: sixty of the longest.
const SEND_BUFFER: usize = 4 << 20;

/// Bytes left free in front of the virtio header, so that the network header behind it and behind
/// 14 bytes of Ethernet is aligned as the parser and the kernel like it.
const RESERVE: c_int = 6;

/// Most sockets of a group.
const MAX_SHARDS: u16 = 256;

impl AfPacket {
    /// Opens the device, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// Why it cannot be, and what to do about it.
    pub fn open(settings: &AfPacketSettings) -> Result<Self, DeviceError> {
        let name = settings.device.as_str();
        check(settings)?;
        let device = Device::find(name)
            .map_err(|error| DeviceError::of(name, "cannot be looked up", error))?
            .ok_or_else(|| DeviceError::NoDevice(name.to_owned()))?;
        if !device.is_up {
            return Err(DeviceError::Down(name.to_owned()));
        }
        let link = link(&device, settings.watch)?;
        let socket =
            packet_socket().map_err(|error| DeviceError::of(name, "cannot be opened", error))?;
        let ring = set_up(socket.as_fd(), settings)
            .map_err(|error| DeviceError::of(name, "cannot be given a ring", error))?;
        go_live(socket.as_fd(), settings, device.index)?;
        Ok(Self {
            ring,
            heard: Vec::with_capacity(BURST),
            batch: SendBatch::default(),
            drops: PortDrops::default(),
            health: Health::Up,
            mtu: device.mtu,
            index: device.index,
            link,
            watch: settings.watch,
            socket,
        })
    }
}

fn check(settings: &AfPacketSettings) -> Result<(), DeviceError> {
    let refused = |what: String| Err(DeviceError::Refused(settings.device.clone(), what));
    if !(1..=AfPacketSettings::MAX_FRAMES).contains(&settings.frames) {
        let most = AfPacketSettings::MAX_FRAMES;
        return refused(format!("its ring can have room for 1 to {most} frames"));
    }
    match settings.fanout {
        Some(fanout) if !(1..=MAX_SHARDS).contains(&fanout.shards) => {
            refused(format!("it can have 1 to {MAX_SHARDS} shards"))
        }
        _ => Ok(()),
    }
}

/// What the device's frames begin with. Only a watcher can do without Ethernet: what is to be sent on has to have a link layer
/// in common with the other port.
fn link(device: &Device, watch: bool) -> Result<LinkType, DeviceError> {
    match device.framing {
        Framing::Ethernet => Ok(LinkType::Ethernet),
        Framing::RawIp if watch => Ok(LinkType::RawIp),
        Framing::RawIp | Framing::Other(_) => Err(DeviceError::NotEthernet(device.name.clone())),
    }
}

/// A socket that hears nothing yet.
fn packet_socket() -> io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::PACKET,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    Ok(socket)
}

/// Everything but hearing: options and the ring.
fn set_up(socket: BorrowedFd<'_>, settings: &AfPacketSettings) -> io::Result<ReceiveRing> {
    let division = match settings.ring {
        Ring::V2 => Division::Slots,
        Ring::V3 => Division::Blocks,
    };
    let shape = ReceiveRing::shape(division, settings.frames);
    socket::set_packet_option(socket, libc::PACKET_VERSION, shape.version)?;
    socket::set_packet_option(socket, libc::PACKET_VNET_HDR, 1)?;
    socket::set_packet_option(socket, libc::PACKET_RESERVE, RESERVE)?;
    if !settings.watch {
        socket::set_packet_option(socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
        socket::set_packet_option(socket, libc::PACKET_QDISC_BYPASS, 1)?;
        // Without CAP_NET_ADMIN it is as much as the host allows to everybody.
        if set_socket_send_buffer_size_force(socket, SEND_BUFFER).is_err() {
            set_socket_send_buffer_size(socket, SEND_BUFFER)?;
        }
    }
    socket::make_ring(socket, &shape)?;
    ReceiveRing::map(socket, division, &shape, BURST)
}

/// From here on frames come.
fn go_live(
    socket: BorrowedFd<'_>,
    settings: &AfPacketSettings,
    index: u32,
) -> Result<(), DeviceError> {
    let name = settings.device.as_str();
    let failed = |error| DeviceError::of(name, "cannot be listened to", error);
    if settings.promiscuous {
        socket::be_promiscuous(socket, index).map_err(failed)?;
    }
    let Some(fanout) = &settings.fanout else {
        return socket::bind(socket, index).map_err(failed);
    };
    socket::mute(socket).map_err(failed)?;
    socket::bind(socket, index).map_err(failed)?;
    join(socket, fanout, settings.watch).map_err(|error| {
        let what = format!("cannot share its frames in group {}", fanout.group);
        DeviceError::of(name, &what, error)
    })?;
    socket::unmute(socket).map_err(failed)
}

/// Joins the group of sockets, and says how it shares. All members say the same.
fn join(socket: BorrowedFd<'_>, fanout: &Fanout, watch: bool) -> io::Result<()> {
    // The group hears for all of its members, so that it has to be told what they ignore.
    let ignore = if watch {
        0
    } else {
        libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING
    };
    let kind = (libc::PACKET_FANOUT_CBPF | ignore) << 16;
    let argument = (u32::from(fanout.group) | kind).cast_signed();
    socket::set_packet_option(socket, libc::PACKET_FANOUT, argument)?;
    socket::set_fanout_program(socket, &steering::program(fanout.steering, fanout.shards))
}
