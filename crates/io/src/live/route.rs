//! Few words with the kernel about devices and routes (`rtnetlink(7)`): enough to set one up, and
//! to ask what it dropped.
//!
//! A socket belongs to the network namespace of the thread that opened it. Each request is answered
//! before the call that sends it returns, so that no answer is ever waited for.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use secgroup_packet::MacAddress;

/// Length of the header of a message, in bytes.
const HEADER_LEN: usize = 16;
/// More than the longest answer, in bytes: a link with all its attributes.
const ANSWER_MAX: usize = 16 * 1024;

const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_CREATE: u16 = 0x400;

/// `RTNH_F_ONLINK`: the gateway is on the link, whatever the addresses say.
const ONLINK: u32 = 4;

/// A conversation with the kernel.
#[derive(Debug)]
pub(super) struct Route {
    socket: OwnedFd,
    sequence: u32,
}

/// What the kernel says of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LinkInfo {
    /// Frames that the host wanted to send through it, and that were dropped.
    pub(super) send_dropped: u64,
}

/// How a device is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkSetup {
    pub(super) mac: Option<MacAddress>,
    /// In bytes.
    pub(super) mtu: u32,
    /// In frames.
    pub(super) queue_len: u32,
}

impl Route {
    /// A conversation about the namespace of the calling thread.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            socket: socket(SocketFlags::CLOEXEC)?,
            sequence: 0,
        })
    }

    /// The number of the device of that name; `None` where there is none.
    pub(super) fn index_of(&self, name: &str) -> io::Result<Option<u32>> {
        match rustix::net::netdevice::name_to_index(&self.socket, name) {
            Ok(index) => Ok(Some(index)),
            Err(Errno::NODEV) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How a device is; `None` where there is none of that number.
    pub(super) fn link(&mut self, index: u32) -> io::Result<Option<LinkInfo>> {
        let request = Message::new(libc::RTM_GETLINK, NLM_F_REQUEST).link(index, 0, 0);
        match self.ask(request) {
            Ok(answer) => Ok(LinkInfo::read(&answer)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings a device up.
    pub(super) fn set_up(&mut self, index: u32) -> io::Result<()> {
        self.order(Message::order(libc::RTM_NEWLINK, 0).link_up(index))
    }

    /// Makes a device as it is to be, and brings it up.
    pub(super) fn set_link(&mut self, index: u32, setup: &LinkSetup) -> io::Result<()> {
        let mut message = Message::order(libc::RTM_NEWLINK, 0).link_up(index);
        if let Some(MacAddress(mac)) = setup.mac {
            message = message.attribute(libc::IFLA_ADDRESS, &mac);
        }
        let message = message
            .attribute(libc::IFLA_MTU, &setup.mtu.to_ne_bytes())
            .attribute(libc::IFLA_TXQLEN, &setup.queue_len.to_ne_bytes());
        self.order(message)
    }

    /// Gives a device an address, which is used at once: an IPv6 one is not asked about on the link
    /// first.
    pub(super) fn add_address(
        &mut self,
        index: u32,
        address: IpAddr,
        prefix: u8,
    ) -> io::Result<()> {
        const SCOPE_UNIVERSE: u8 = 0;
        let [a, b, c, d] = index.to_ne_bytes();
        let nodad = libc::IFA_F_NODAD.to_le_bytes()[0];
        let (family, bytes) = family_and_bytes(address);
        let message = Message::order(libc::RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE)
            .body(&[family, prefix, nodad, SCOPE_UNIVERSE, a, b, c, d])
            .attribute(libc::IFA_LOCAL, &bytes)
            .attribute(libc::IFA_ADDRESS, &bytes);
        self.order(message)
    }

    /// Sends everything that has no nearer route to `gateway`, which is on the link of the device.
    pub(super) fn add_default_route(&mut self, index: u32, gateway: IpAddr) -> io::Result<()> {
        const SCOPE_UNIVERSE: u8 = 0;
        let (family, bytes) = family_and_bytes(gateway);
        let [a, b, c, d] = ONLINK.to_ne_bytes();
        let (table, protocol, kind) = (libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, libc::RTN_UNICAST);
        let message = Message::order(libc::RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE)
            .body(&[family, 0, 0, 0, table, protocol, SCOPE_UNIVERSE, kind])
            .body(&[a, b, c, d])
            .attribute(libc::RTA_GATEWAY, &bytes)
            .attribute(libc::RTA_OIF, &index.to_ne_bytes());
        self.order(message)
    }

    fn order(&mut self, message: Message) -> io::Result<()> {
        self.ask(message).map(|_| ())
    }

    /// Sends a request; the body of its answer, empty for a mere "done".
    fn ask(&mut self, message: Message) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        send(
            &self.socket,
            &message.finish(self.sequence),
            SendFlags::empty(),
        )?;
        let mut answer = vec![0; ANSWER_MAX];
        loop {
            let (len, _) = recv(&self.socket, &mut answer[..], RecvFlags::DONTWAIT)?;
            let Some((kind, sequence, body)) = split(answer.get(..len).unwrap_or_default()) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            // What is left of an earlier question.
            if sequence != self.sequence {
                continue;
            }
            return match (kind, body.first_chunk()) {
                (NLMSG_ERROR, Some(errno)) => match i32::from_ne_bytes(*errno) {
                    0 => Ok(Vec::new()),
                    errno => Err(io::Error::from_raw_os_error(errno.saturating_neg())),
                },
                (NLMSG_ERROR, None) => Err(io::ErrorKind::InvalidData.into()),
                _ => Ok(body.to_vec()),
            };
        }
    }
}

impl LinkInfo {
    fn read(body: &[u8]) -> Option<Self> {
        let mut info = Self::default();
        let mut rest = body.get(16..)?;
        while let Some((kind, value, next)) = split_attribute(rest) {
            // `rtnl_link_stats64`: packets, bytes and errors of both directions, then what was
            // dropped on receiving and what on sending.
            if kind == libc::IFLA_STATS64 {
                info.send_dropped = u64::from_ne_bytes(*value.get(7 * 8..)?.first_chunk()?);
            }
            rest = next;
        }
        Some(info)
    }
}

/// A message being written.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER_LEN];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self { bytes }
    }

    /// A request to do something, and to say that it was done.
    fn order(kind: u16, flags: u16) -> Self {
        Self::new(kind, NLM_F_REQUEST | NLM_F_ACK | flags)
    }

    fn body(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// An `ifinfomsg`.
    fn link(self, index: u32, flags: u32, change: u32) -> Self {
        self.body(&[0; 4])
            .body(&index.to_ne_bytes())
            .body(&flags.to_ne_bytes())
            .body(&change.to_ne_bytes())
    }

    /// The `ifinfomsg` that brings a device up.
    fn link_up(self, index: u32) -> Self {
        let up = libc::IFF_UP.cast_unsigned();
        self.link(index, up, up)
    }

    /// One attribute: its length and kind, its value, and what fills it up to a multiple of four.
    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&len.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[0..4].copy_from_slice(&len.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// Kind, sequence number and body of the first message in `bytes`.
fn split(bytes: &[u8]) -> Option<(u16, u32, &[u8])> {
    let len = u32::from_ne_bytes(*bytes.first_chunk()?);
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*bytes.get(8..)?.first_chunk()?);
    let body = bytes.get(HEADER_LEN..usize::try_from(len).ok()?)?;
    Some((kind, sequence, body))
}

/// Kind and value of the first attribute in `bytes`, and what is behind it.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
    let value = bytes.get(4..len)?;
    let next = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, value, next))
}

fn family_and_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    let family = |family: libc::c_int| family.to_le_bytes()[0];
    match address {
        IpAddr::V4(address) => (family(libc::AF_INET), address.octets().to_vec()),
        IpAddr::V6(address) => (family(libc::AF_INET6), address.octets().to_vec()),
    }
}

fn socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    // No protocol is NETLINK_ROUTE.
    Ok(socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags,
        None,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_known() {
        let mut route = Route::new().unwrap();
        let index = route.index_of("lo").unwrap().unwrap();
        assert!(route.link(index).unwrap().is_some());
        assert_eq!(route.index_of("no-such-device").unwrap(), None);
        assert_eq!(route.link(u32::MAX >> 1).unwrap(), None);
    }

    #[test]
    fn attributes_that_lie_about_their_length_end_the_walk() {
        let mut body = vec![0; 16];
        body.extend_from_slice(&200_u16.to_ne_bytes());
        body.extend_from_slice(&libc::IFLA_STATS64.to_ne_bytes());
        body.extend_from_slice(&[1; 196]);
        let right = LinkInfo::read(&body).unwrap();
        assert_eq!(right.send_dropped, 0x0101_0101_0101_0101);
        for lie in [0_u16, 1, 3, 201, u16::MAX] {
            body[16..18].copy_from_slice(&lie.to_ne_bytes());
            assert_eq!(LinkInfo::read(&body), Some(LinkInfo::default()), "{lie}");
        }
        assert_eq!(LinkInfo::read(&body[..15]), None);
    }
}
