//! The link layer: which protocol a frame carries, and where it begins.
//!
//! The protocol is an EtherType whatever the link type. Where a link layer says something that is
//! no EtherType, that number is given as it is, for those are all below 0x0600, where EtherTypes
//! begin: the length of an IEEE 802.3 frame (its LLC payload is not IP to a host, RFC 1042 SNAP
//! included), a "cooked" capture's number for such a frame, a loopback's family; 0 where there is
//! none.

use crate::view::{View, be16};
use crate::{Layer, LinkType, ParseError, ParseErrorKind, Parsed};

use super::{IPV4, IPV6, network};

/// VLAN tags that are looked through. Real networks stack two; a bound keeps hostile frames cheap.
pub const MAX_VLAN_TAGS: usize = 8;

/// The number that EtherTypes begin at (IEEE 802.3 section 3.2.6).
const FIRST_ETHERTYPE: u16 = 0x0600;

/// An Ethernet frame: destination (6), source (6), EtherType (2).
#[inline]
pub(super) fn ethernet(frame: View<'_>) -> Result<Parsed, ParseError> {
    let header = frame.header::<14>(Layer::Ethernet)?;
    let payload = frame.skip(Layer::Ethernet, 14)?;
    tagged(be16(header[12], header[13]), payload)
}

/// A frame of any other link type.
pub(super) fn parse(link: LinkType, frame: View<'_>) -> Result<Parsed, ParseError> {
    match link {
        LinkType::Ethernet => ethernet(frame),
        LinkType::RawIp => raw(frame),
        LinkType::Ipv4 => network(IPV4, frame),
        LinkType::Ipv6 => network(IPV6, frame),
        LinkType::LinuxSll => linux_sll(frame),
        LinkType::LinuxSll2 => linux_sll2(frame),
        LinkType::Null | LinkType::Loop => loopback(link, frame),
    }
}

/// What follows an EtherType, which may be that of a VLAN tag.
#[inline]
fn tagged(ethertype: u16, payload: View<'_>) -> Result<Parsed, ParseError> {
    if is_tag(ethertype) {
        untag(payload)
    } else {
        network(ethertype, payload)
    }
}

/// IEEE 802.1Q (0x8100), 802.1ad (0x88A8), and what was used for stacked tags before it (0x9100).
#[inline]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88A8 | 0x9100)
}

/// Looks through the tag whose EtherType is in front of `payload`, and those behind it: priority
/// and VLAN identifier (2), EtherType of what follows (2).
fn untag(mut payload: View<'_>) -> Result<Parsed, ParseError> {
    let mut ethertype = 0;
    for _ in 0..MAX_VLAN_TAGS {
        let tag = payload.header::<4>(Layer::Vlan)?;
        payload = payload.skip(Layer::Vlan, 4)?;
        ethertype = be16(tag[2], tag[3]);
        if !is_tag(ethertype) {
            break;
        }
    }
    // One tag more is an EtherType like any other: not IP.
    network(ethertype, payload)
}

/// Raw IP: the version nibble is all there is to go by.
fn raw(frame: View<'_>) -> Result<Parsed, ParseError> {
    match frame.header::<1>(Layer::RawIp)?[0] >> 4 {
        4 => network(IPV4, frame),
        6 => network(IPV6, frame),
        version => Err(frame
            .fault(Layer::RawIp, ParseErrorKind::Version(version))
            .into()),
    }
}

/// tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html: packet type (2), ARPHRD type (2), address length
/// (2), address (8), protocol (2).
fn linux_sll(frame: View<'_>) -> Result<Parsed, ParseError> {
    let header = frame.header::<16>(Layer::LinuxSll)?;
    let payload = frame.skip(Layer::LinuxSll, 16)?;
    tagged(be16(header[14], header[15]), payload)
}

/// tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html: protocol (2), reserved (2), interface index (4),
/// ARPHRD type (2), packet type (1), address length (1), address (8).
fn linux_sll2(frame: View<'_>) -> Result<Parsed, ParseError> {
    let header = frame.header::<20>(Layer::LinuxSll2)?;
    let payload = frame.skip(Layer::LinuxSll2, 20)?;
    tagged(be16(header[0], header[1]), payload)
}

/// tcpdump.org/linktypes.html, LINKTYPE_NULL and LINKTYPE_LOOP: AF_INET is 2 everywhere; AF_INET6
/// is 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
fn loopback(link: LinkType, frame: View<'_>) -> Result<Parsed, ParseError> {
    let header = frame.header::<4>(Layer::Loopback)?;
    let network_order = u32::from_be_bytes(*header);
    let family = match link {
        // The order is the capturing host's, which may be neither the reader's nor the file's. A
        // family is a small number, so the smaller reading is the right one.
        LinkType::Null => network_order.min(network_order.swap_bytes()),
        _ => network_order,
    };
    let payload = frame.skip(Layer::Loopback, 4)?;
    match (family, u16::try_from(family)) {
        (2, _) => network(IPV4, payload),
        (24 | 28 | 30, _) => network(IPV6, payload),
        (_, Ok(family)) if family < FIRST_ETHERTYPE => Ok(Parsed::NotIp(family)),
        _ => Ok(Parsed::NotIp(0)),
    }
}
