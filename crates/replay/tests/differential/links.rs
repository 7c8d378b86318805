//! The same packets on other links than Ethernet.

use secgroup_oracle::LinkKind;
use secgroup_packet::LinkType;
use secgroup_testkit::frame;

/// BSD's numbers of the IPv6 family: NetBSD and OpenBSD, FreeBSD, Darwin.
const AF_INET6: [u8; 3] = [24, 28, 30];

/// An Ethernet frame on one of eight links. A frame that is no whole IP header behind an Ethernet header stays as it is.
pub(crate) fn on_link(frame: Vec<u8>, number: usize) -> (Vec<u8>, LinkKind) {
    let is_v6 = match frame.get(12..15) {
        Some([0x08, 0x00, 0x40..=0x4f]) if frame.len() >= 34 => false,
        Some([0x86, 0xdd, 0x60..=0x6f]) if frame.len() >= 54 => true,
        _ => return (frame, LinkKind::Ethernet),
    };
    let family = if is_v6 { AF_INET6[number % 3] } else { 2 };
    let behind = |header: [u8; 4]| [&header, &frame[14..]].concat();
    match number % 8 {
        1 => (frame[14..].to_vec(), LinkKind::RawIp),
        2 if is_v6 => (frame[14..].to_vec(), LinkKind::Ipv6),
        2 => (frame[14..].to_vec(), LinkKind::Ipv4),
        3 => (behind([family, 0, 0, 0]), LinkKind::Null),
        4 => (behind([0, 0, 0, family]), LinkKind::Null),
        5 => (behind([0, 0, 0, family]), LinkKind::Loop),
        6 => (frame::to_sll(&frame), LinkKind::LinuxSll),
        7 => (frame::to_sll2(&frame), LinkKind::LinuxSll2),
        _ => (frame, LinkKind::Ethernet),
    }
}

/// The sender's link-layer address, where the link has one.
pub(crate) fn source(link: LinkKind, frame: &[u8]) -> Option<&[u8]> {
    match link {
        LinkKind::Ethernet | LinkKind::LinuxSll => frame.get(6..12),
        LinkKind::LinuxSll2 => frame.get(12..18),
        _ => None,
    }
}

/// The receiver's, likewise; without a sender behind it, a frame has neither.
pub(crate) fn destination(link: LinkKind, frame: &[u8]) -> Option<&[u8]> {
    match link {
        LinkKind::Ethernet if frame.len() >= 12 => frame.get(..6),
        _ => None,
    }
}

/// The engine's word for a link of the oracle.
pub(crate) const fn link_type(link: LinkKind) -> LinkType {
    match link {
        LinkKind::Ethernet => LinkType::Ethernet,
        LinkKind::RawIp => LinkType::RawIp,
        LinkKind::Ipv4 => LinkType::Ipv4,
        LinkKind::Ipv6 => LinkType::Ipv6,
        LinkKind::LinuxSll => LinkType::LinuxSll,
        LinkKind::LinuxSll2 => LinkType::LinuxSll2,
        LinkKind::Null => LinkType::Null,
        LinkKind::Loop => LinkType::Loop,
    }
}
