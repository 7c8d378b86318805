//! Network devices: what one is like, and when that changes.
//!
//! The kernel is asked in its own language, rtnetlink: it answers for the network namespace of the
//! thread that asks, which `/sys` does not, and it says by itself when something changes. What is
//! read of it is little; everything else in its messages is skipped by its length.

mod error;
mod rtnetlink;
mod watch;

use std::io;
use std::net::IpAddr;

use secgroup_packet::MacAddress;

pub use self::error::DeviceError;
use self::rtnetlink::{Link, Request};
pub use self::watch::{Change, DeviceChange, DeviceWatch};

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// The kernel's number of it: another one when a device is deleted and made again.
    pub index: u32,
    /// The largest packet it sends, in bytes, without the link-layer header.
    pub mtu: u32,
    /// Its own address; `None` where it has none, or one that is not of Ethernet.
    pub mac: Option<MacAddress>,
    /// Whether it was set up, as `ip link set … up` does.
    pub is_up: bool,
    /// Whether there is somebody at the other end of the cable.
    pub has_carrier: bool,
    /// The addresses that the host has on it.
    pub addresses: Vec<IpAddr>,
    /// The bridge, bond or other device that it is part of.
    pub master: Option<String>,
    /// What its driver calls it: `veth`, `tun` (taps, too), `bridge`; `None` for most hardware.
    pub kind: Option<String>,
    /// What its frames begin with.
    pub framing: Framing,
}

/// What the frames of a device begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// An Ethernet header. The loopback device's is one, too.
    Ethernet,
    /// An IP header: a tunnel.
    RawIp,
    /// Something else, by its ARPHRD number.
    Other(u16),
}

impl Device {
    /// The device of this name, in the network namespace of the calling thread; `None` where there
    /// is none.
    ///
    /// # Errors
    /// Where the kernel cannot be asked.
    pub fn find(name: &str) -> io::Result<Option<Self>> {
        let mut kernel = rtnetlink::Socket::open(0)?;
        let Some(link) = kernel.link(Request::ByName(name))? else {
            return Ok(None);
        };
        let master = match link.master {
            Some(index) => kernel.link(Request::ByIndex(index))?.map(|link| link.name),
            None => None,
        };
        let addresses = kernel.addresses(link.index)?;
        Ok(Some(Self::new(link, master, addresses)))
    }

    fn new(link: Link, master: Option<String>, addresses: Vec<IpAddr>) -> Self {
        Self {
            index: link.index,
            mtu: link.mtu,
            mac: link.mac,
            is_up: link.is_up(),
            has_carrier: link.has_carrier(),
            framing: framing(link.hardware),
            name: link.name,
            kind: link.kind,
            addresses,
            master,
        }
    }
}

/// `ARPHRD_RAWIP`: modems.
const RAW_IP: u16 = 519;

/// The framing of a kind of hardware (linux/if_arp.h).
const fn framing(hardware: u16) -> Framing {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Framing::Ethernet,
        libc::ARPHRD_NONE
        | RAW_IP
        | libc::ARPHRD_PPP
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT
        | libc::ARPHRD_IPGRE => Framing::RawIp,
        other => Framing::Other(other),
    }
}
