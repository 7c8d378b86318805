//! Messages: what is asked, and what is read of the answers.

use std::net::IpAddr;

use secgroup_packet::MacAddress;

use super::Request;
use super::attributes::{Attributes, number, push, text};

/// Length of a message's header: length (4), type (2), flags (2), sequence (4), port (4).
const HEADER: usize = 16;
/// `struct ifinfomsg`: family (1), nothing (1), hardware (2), index (4), flags (4), changed (4).
const LINK_BODY: usize = 16;
/// `struct ifaddrmsg`: family (1), prefix (1), flags (1), scope (1), index (4).
const ADDRESS_BODY: usize = 8;

/// What the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Message {
    /// A device is like this.
    NewLink(Link),
    /// A device of this index is gone.
    DeletedLink(u32),
    /// A device of this index has this address.
    Address(u32, IpAddr),
    /// It cannot, and why; 0 is an acknowledgement.
    Error(i32),
    /// The answer is at its end.
    End,
    /// Anything else.
    Other,
}

/// What is read about a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Link {
    pub(in super::super) index: u32,
    pub(in super::super) name: String,
    pub(in super::super) hardware: u16,
    pub(in super::super) flags: u32,
    pub(in super::super) mtu: u32,
    pub(in super::super) mac: Option<MacAddress>,
    pub(in super::super) master: Option<u32>,
    pub(in super::super) kind: Option<String>,
}

impl Link {
    pub(in super::super) const fn is_up(&self) -> bool {
        self.flags & libc::IFF_UP.cast_unsigned() != 0
    }

    /// `IFF_LOWER_UP`, which is the carrier by itself; `IFF_RUNNING` waits for more.
    pub(in super::super) const fn has_carrier(&self) -> bool {
        self.flags & libc::IFF_LOWER_UP.cast_unsigned() != 0
    }
}

/// The messages of one datagram.
#[derive(Debug)]
pub(in super::super) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    pub(in super::super) const fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl Iterator for Messages<'_> {
    type Item = Message;

    /// Ends where a message does not fit.
    fn next(&mut self) -> Option<Message> {
        let header = self.0.first_chunk::<HEADER>()?;
        let [len_0, len_1, len_2, len_3, kind_0, kind_1, ..] = *header;
        let len = u32::from_ne_bytes([len_0, len_1, len_2, len_3]);
        let len = usize::try_from(len).ok()?;
        let kind = u16::from_ne_bytes([kind_0, kind_1]);
        let body = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(message(kind, body).unwrap_or(Message::Other))
    }
}

/// What a message says; `None` where it is too short to, or it is of no concern.
fn message(kind: u16, body: &[u8]) -> Option<Message> {
    match i32::from(kind) {
        libc::NLMSG_DONE => Some(Message::End),
        libc::NLMSG_ERROR => {
            let error = i32::from_ne_bytes(*body.first_chunk()?);
            Some(Message::Error(error.saturating_neg()))
        }
        _ if kind == libc::RTM_NEWLINK => Some(Message::NewLink(link(body)?)),
        _ if kind == libc::RTM_DELLINK => Some(Message::DeletedLink(link(body)?.index)),
        _ if kind == libc::RTM_NEWADDR => address(body),
        _ => None,
    }
}

/// A device. A message of a family of its own is about something else: a bridge says so that a
/// device is no longer part of it, which is not deleted for that.
fn link(body: &[u8]) -> Option<Link> {
    let (fixed, attributes) = body.split_first_chunk::<LINK_BODY>()?;
    let [
        family,
        _,
        hardware_0,
        hardware_1,
        i_0,
        i_1,
        i_2,
        i_3,
        f_0,
        f_1,
        f_2,
        f_3,
        ..,
    ] = *fixed;
    if i32::from(family) != libc::AF_UNSPEC {
        return None;
    }
    let mut link = Link {
        hardware: u16::from_ne_bytes([hardware_0, hardware_1]),
        index: u32::from_ne_bytes([i_0, i_1, i_2, i_3]),
        flags: u32::from_ne_bytes([f_0, f_1, f_2, f_3]),
        ..Link::default()
    };
    for (kind, value) in Attributes(attributes) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_MTU => link.mtu = number(value).unwrap_or_default(),
            libc::IFLA_ADDRESS => link.mac = mac(value),
            libc::IFLA_MASTER => link.master = number(value),
            libc::IFLA_LINKINFO => link.kind = driver(value),
            _ => {}
        }
    }
    Some(link)
}

fn mac(value: &[u8]) -> Option<MacAddress> {
    let octets = <[u8; 6]>::try_from(value).ok()?;
    (octets != [0; 6]).then_some(MacAddress(octets))
}

fn driver(information: &[u8]) -> Option<String> {
    Attributes(information)
        .find(|&(kind, _)| kind == libc::IFLA_INFO_KIND)
        .map(|(_, value)| text(value))
}

/// An address of a device. On a point-to-point device `IFA_ADDRESS` is the other end's, and `IFA_LOCAL` our own.
fn address(body: &[u8]) -> Option<Message> {
    let (fixed, attributes) = body.split_first_chunk::<ADDRESS_BODY>()?;
    let [_, _, _, _, i_0, i_1, i_2, i_3] = *fixed;
    let find = |wanted| Attributes(attributes).find(|&(kind, _)| kind == wanted);
    let (_, value) = find(libc::IFA_LOCAL).or_else(|| find(libc::IFA_ADDRESS))?;
    let address = match value.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(value).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(value).ok()?),
        _ => return None,
    };
    Some(Message::Address(
        u32::from_ne_bytes([i_0, i_1, i_2, i_3]),
        address,
    ))
}

/// Asks for one device.
pub(super) fn link_request(which: Request<'_>) -> Vec<u8> {
    let index = match which {
        Request::ByIndex(index) => index,
        Request::ByName(_) => 0,
    };
    let mut body = [0; LINK_BODY];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    let mut attributes = Vec::new();
    if let Request::ByName(name) = which {
        let name = [name.as_bytes(), &[0]].concat();
        push(&mut attributes, libc::IFLA_IFNAME, &name);
    }
    request(libc::RTM_GETLINK, 0, &[&body, attributes.as_slice()])
}

/// Asks for all devices.
pub(super) fn link_dump() -> Vec<u8> {
    request(libc::RTM_GETLINK, libc::NLM_F_DUMP, &[&[0; LINK_BODY]])
}

/// Asks for all addresses of all devices: kernels did not always know how to ask for one device's.
pub(super) fn address_dump() -> Vec<u8> {
    request(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[&[0; ADDRESS_BODY]])
}

/// A request for `kind`; the kernel ends what is not a dump with an acknowledgement, as it is asked to.
fn request(kind: u16, flags: i32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(HEADER + body.len()).unwrap_or_default(); // below 100 bytes
    let flags = libc::NLM_F_REQUEST | if flags == 0 { libc::NLM_F_ACK } else { flags };
    let flags = u16::try_from(flags).unwrap_or_default(); // the header's flags have 16 bits
    let mut request = len.to_ne_bytes().to_vec();
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(&flags.to_ne_bytes());
    request.extend_from_slice(&[0; 8]); // sequence and port: one question at a time needs neither
    request.extend_from_slice(&body);
    request
}

#[cfg(test)]
mod tests {
    use secgroup_testkit::rng::Rng;

    use super::*;

    /// An answer as the kernel gives it, read here with the same layout as what is asked.
    fn answer(kind: u16, family: u8, index: u32) -> Vec<u8> {
        let mut body = [0; LINK_BODY];
        body[0] = family;
        body[2..4].copy_from_slice(&1_u16.to_ne_bytes());
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..12].copy_from_slice(&0x1_0001_u32.to_ne_bytes());
        let mut attributes = Vec::new();
        push(&mut attributes, libc::IFLA_IFNAME, b"vm1\0");
        push(&mut attributes, libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]);
        let mut information = Vec::new();
        push(&mut information, libc::IFLA_INFO_KIND, b"veth\0");
        push(&mut attributes, libc::IFLA_LINKINFO, &information);
        request(kind, 0, &[&body, attributes.as_slice()])
    }

    #[test]
    fn a_device_is_read() {
        let datagram = answer(libc::RTM_NEWLINK, 0, 7);
        let messages: Vec<_> = Messages::new(&datagram).collect();
        let [Message::NewLink(link)] = messages.as_slice() else {
            panic!("{messages:?}");
        };
        assert_eq!((link.index, link.name.as_str()), (7, "vm1"));
        assert_eq!(link.kind.as_deref(), Some("veth"));
        assert_eq!(link.mac, Some(MacAddress([2, 0, 0, 0, 0, 9])));
        assert!(link.is_up() && link.has_carrier());
    }

    #[test]
    fn leaving_a_bridge_is_not_being_deleted() {
        let bridge = 7; // AF_BRIDGE
        let datagram = answer(libc::RTM_DELLINK, bridge, 7);
        assert_eq!(Messages::new(&datagram).next(), Some(Message::Other));
        let datagram = answer(libc::RTM_DELLINK, 0, 7);
        assert_eq!(
            Messages::new(&datagram).next(),
            Some(Message::DeletedLink(7))
        );
    }

    fn below(rng: &mut Rng, bound: usize) -> usize {
        usize::try_from(rng.below(bound as u64)).unwrap()
    }

    #[test]
    fn any_bytes_are_read_to_an_end() {
        let seed = 0x5eed_0001;
        println!("seed {seed:#x}");
        let mut rng = Rng::new(seed);
        let whole = [
            answer(libc::RTM_NEWLINK, 0, 7),
            answer(libc::RTM_NEWLINK, 0, 8),
        ]
        .concat();
        for _ in 0..20_000 {
            let mut datagram = whole.clone();
            for _ in 0..rng.below(4) {
                datagram[below(&mut rng, whole.len())] = rng.bytes(1)[0];
            }
            datagram.truncate(below(&mut rng, whole.len() + 1));
            assert!(Messages::new(&datagram).count() <= datagram.len() / HEADER + 1);
        }
    }
}
