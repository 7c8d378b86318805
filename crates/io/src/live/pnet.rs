//! `pnet`: a network device through `pnet::datalink`, the portable backend.
//!
//! The crate polls, receives and sends one frame at a time, over a socket that is made ready for it
//! here (`Config::socket_fd`), for by itself it would not do for a firewall:
//!
//! - *Offloads*: with `PACKET_VNET_HDR` each frame comes and goes behind its [`VnetHeader`].
//!   Without, no TCP between two hosts with offloads on gets through: their checksums are
//!   unfinished.
//! - *Cutting*: it reads into 4096 bytes and cuts longer frames without a word. Here the buffer
//!   takes all there can be, and what fills it to the last byte is dropped and counted.
//! - *Loops*: with `PACKET_IGNORE_OUTGOING` what the host sends out of the device is not heard.
//! - *Loss*: the receive buffer is larger than the default, which overflows at 150 000 small frames
//!   a second.
//! - *VLAN*: the kernel takes the tag out of a frame before a socket sees it, and the crate cannot
//!   ask for it. A tagged frame must never go on untagged, so a filter refuses them all (tags for
//!   priority alone, too), and a second socket with the opposite filter counts them
//!   ([`PortDrops::vlan`]). Use `af-packet` or `tap` where there are VLANs.
//! - *Waiting*: its waits are set to zero; who waits is whoever waits for [`Receiver::fd`].
//! - *Errors*: it does not take errors off the socket, which stays readable for ever when its
//!   device goes. Here they are taken, and because a socket says nothing about a device that is
//!   deleted while it is down, the kernel's news of devices are waited for as well.

mod program;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use ::pnet::datalink::{
    self, Channel, Config, DataLinkReceiver, DataLinkSender, MacAddr, NetworkInterface,
};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, socket_error,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use secgroup_packet::LinkType;

use super::arena::{Arena, SLOT_MAX};
use super::device::{Change, Device, DeviceError, DeviceWatch, Framing};
use super::sys::socket;
use super::{Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted, VnetHeader};

/// Bytes of frames that may wait to be received.
const RECEIVE_BUFFER: usize = 16 << 20;

/// How the device is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PnetSettings {
    /// The device's name, in the namespace of the calling thread.
    pub device: String,
}

/// A network device through `pnet::datalink`.
pub struct Pnet {
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
    /// The socket that both of them use.
    socket: OwnedFd,
    /// Hears tagged frames, only to count them.
    tagged: OwnedFd,
    watch: DeviceWatch,
    /// Readable when the socket is, or the watch.
    ready: OwnedFd,
    device: Device,
    /// That it is down was said.
    down_told: bool,
    arena: Arena,
    drops: PortDrops,
}

impl Pnet {
    /// Opens the device, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// Why it cannot be, and what to do about it.
    pub fn open(settings: &PnetSettings) -> Result<Self, DeviceError> {
        let name = settings.device.as_str();
        let failed = |error| DeviceError::of(name, "cannot be opened with pnet", error);
        // Watched before it is looked up: what changes in between is heard.
        let watch = DeviceWatch::open().map_err(failed)?;
        let device = Device::find(name)
            .map_err(failed)?
            .ok_or_else(|| DeviceError::NoDevice(name.to_owned()))?;
        if !device.is_up {
            return Err(DeviceError::Down(name.to_owned()));
        }
        if device.framing != Framing::Ethernet {
            return Err(DeviceError::NotEthernet(name.to_owned()));
        }
        Self::over(device, watch).map_err(failed)
    }

    fn over(device: Device, watch: DeviceWatch) -> io::Result<Self> {
        let tagged = tagged_socket(device.index)?;
        let socket = frame_socket()?;
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for fd in [socket.as_fd(), watch.fd()] {
            let data = epoll::EventData::new_u64(0);
            epoll::add(&ready, fd, data, epoll::EventFlags::IN)?;
        }
        let config = Config {
            socket_fd: Some(socket.try_clone()?.into_raw_fd()),
            read_buffer_size: SLOT_MAX,
            write_buffer_size: SLOT_MAX,
            read_timeout: Some(Duration::ZERO),
            write_timeout: Some(Duration::ZERO),
            promiscuous: true,
            ..Config::default()
        };
        let Channel::Ethernet(sender, receiver) = datalink::channel(&interface(&device), config)?
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        Ok(Self {
            sender,
            receiver,
            socket,
            tagged,
            watch,
            ready,
            device,
            down_told: false,
            arena: Arena::new(),
            drops: PortDrops::default(),
        })
    }

    /// Takes one frame; whether there may be more.
    fn receive_one(&mut self) -> bool {
        if self.arena.room().is_none() {
            return false;
        }
        match self.receiver.next() {
            Ok(bytes) if self.arena.copy([bytes, &[]]) => true,
            Ok(_) => {
                self.drops.truncated += 1;
                true
            }
            // The kernel takes the frame away where the header cannot say what is left to do.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                self.drops.offload += 1;
                true
            }
            // Nothing there, or something wrong: `ail` knows.
            Err(_) => false,
        }
    }

    /// Says what is wrong, once, where no frame was there.
    fn ail(&mut self) -> Result<(), ReceiveError> {
        let error = socket_error(&self.socket).map_err(io::Error::from)?.err();
        let news = self.news()?;
        if news.gone || socket::bound_index(self.socket.as_fd())?.is_none() {
            return Err(ReceiveError::Gone(Gone::Deleted));
        }
        if news.up {
            self.down_told = false;
        }
        match error {
            _ if news.down => {}
            Some(Errno::NETDOWN) => {}
            Some(error) => return Err(ReceiveError::Io(error.into())),
            None => return Ok(()),
        }
        if std::mem::replace(&mut self.down_told, true) {
            return Ok(());
        }
        Err(ReceiveError::Down)
    }

    /// What became of the device since the last time.
    fn news(&mut self) -> io::Result<News> {
        let mut news = News::default();
        for change in self.watch.changes()? {
            if change.index != self.device.index {
                continue;
            }
            match change.what {
                // A device that is renamed goes and appears.
                Change::Gone => news.gone = true,
                Change::Appeared => news.gone = false,
                Change::Up => (news.up, news.down) = (true, false),
                Change::Down => news.down = true,
                Change::Mtu(mtu) => self.device.mtu = mtu,
                Change::Lost => {}
            }
        }
        Ok(news)
    }

    fn transmit_one(&mut self, frame: &LiveFrame<'_>) -> io::Result<()> {
        if frame.link != LinkType::Ethernet || frame.wire_len as usize > frame.data.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let header = frame.vnet.to_bytes();
        let mut write = |bytes: &mut [u8]| {
            let (first, second) = bytes.split_at_mut(header.len());
            first.copy_from_slice(&header);
            second.copy_from_slice(frame.data);
        };
        self.sender
            .build_and_send(1, VnetHeader::LEN + frame.data.len(), &mut write)
            // Longer than the longest frame there is.
            .unwrap_or_else(|| Err(Errno::MSGSIZE.into()))
    }
}

/// What became of a device.
#[derive(Debug, Default)]
struct News {
    gone: bool,
    down: bool,
    up: bool,
}

impl Receiver for Pnet {
    fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.arena.clear();
        for _ in 0..limit {
            if !self.receive_one() {
                break;
            }
        }
        if self.arena.len() == 0 {
            self.ail()?;
        }
        Ok(self.arena.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        self.arena.frame(index)
    }

    fn drops(&mut self) -> PortDrops {
        // The kernel's counts start again whenever they are read.
        if let Ok(counted) = socket::statistics(self.socket.as_fd()) {
            self.drops.ring += u64::from(counted.dropped);
        }
        if let Ok(tagged) = socket::statistics(self.tagged.as_fd()) {
            self.drops.vlan += u64::from(tagged.passed);
        }
        self.drops
    }

    fn backend(&self) -> &'static str {
        "pnet"
    }
}

impl Port for Pnet {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        let mut done = Transmitted::default();
        for frame in frames {
            let Err(error) = self.transmit_one(frame) else {
                done.sent += 1;
                continue;
            };
            match (error.kind(), Errno::from_io_error(&error)) {
                (_, Some(Errno::MSGSIZE)) => done.too_large += 1,
                (_, Some(Errno::AGAIN | Errno::NOBUFS)) | (io::ErrorKind::TimedOut, _) => {
                    done.no_room += 1;
                }
                // "Unexpected poll event" is an error of the socket, which has no number here.
                (_, Some(Errno::NETDOWN | Errno::NXIO | Errno::NODEV))
                | (io::ErrorKind::Other, None) => done.down += 1,
                _ => done.failed += 1,
            }
        }
        done
    }

    /// As it was last heard of: changes are noticed when nothing is there to receive.
    fn mtu(&self) -> Option<u32> {
        Some(self.device.mtu)
    }
}

impl fmt::Debug for Pnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pnet")
            .field("device", &self.device.name)
            .field("drops", &self.drops)
            .finish_non_exhaustive()
    }
}

/// The socket for `pnet`, with everything set before the first frame can come: it hears nothing
/// until it is bound.
fn frame_socket() -> io::Result<OwnedFd> {
    let made = packet_socket()?;
    socket::set_packet_option(made.as_fd(), libc::PACKET_VNET_HDR, 1)?;
    socket::set_filter(made.as_fd(), &program::UNTAGGED)?;
    // Beyond the host's limit with CAP_NET_ADMIN, otherwise up to it.
    set_socket_recv_buffer_size_force(&made, RECEIVE_BUFFER)
        .or_else(|_| set_socket_recv_buffer_size(&made, RECEIVE_BUFFER))?;
    Ok(made)
}

/// The socket that counts tagged frames. It has the least buffer there is and nobody reads it: what
/// finds no room is counted as well.
fn tagged_socket(index: u32) -> io::Result<OwnedFd> {
    let made = packet_socket()?;
    socket::set_filter(made.as_fd(), &program::TAGGED)?;
    set_socket_recv_buffer_size(&made, 1)?;
    socket::bind(made.as_fd(), index)?;
    Ok(made)
}

fn packet_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let made = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    socket::set_packet_option(made.as_fd(), libc::PACKET_IGNORE_OUTGOING, 1)?;
    Ok(made)
}

/// The device, as `pnet` knows it.
fn interface(device: &Device) -> NetworkInterface {
    NetworkInterface {
        name: device.name.clone(),
        description: String::new(),
        index: device.index,
        mac: device.mac.map(|mac| MacAddr::from(mac.0)),
        ips: Vec::new(),
        flags: 0,
    }
}
