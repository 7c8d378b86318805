//! Packets that are larger than the device on the other side can send, and what their sender is told.
//!
//! A switch between two links of different MTU has a problem that no switch should have; it drops the frame, and the sender
//! finds out by losing data. Where the instance was given the network's MTU this never happens. Where it was not, path MTU discovery
//! repairs it if somebody sends the error that a router would: *fragmentation needed* (RFC 792, RFC 1191) or *packet too big*
//! (RFC 4443, RFC 8201). Nobody there has an address but the two ends, so the error comes from the one that the packet was for.
//!
//! Never answered (RFC 1122 section 3.2.2, RFC 4443 section 2.4): ICMP errors, fragments behind the first, what was sent to more than one host or
//! comes from no single one. IPv4 packets without DF are answered like the others: we do not fragment, and Linux stores the MTU.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Header, Icmpv4Type, Icmpv6Type, IpNumber, Ipv4Header, Ipv6Header};
use secgroup_io::live::LiveFrame;
use secgroup_packet::{AddressPair, L4, LinkType, Packet};

/// Longest ICMP error in bytes, IP header included (RFC 1812 section 4.3.2.3).
const LONGEST_V4: usize = 576;
/// The same of ICMPv6 (RFC 4443 section 2.4 (c)).
const LONGEST_V6: usize = 1280;
/// Length of the ICMP header of both errors, in bytes.
const ICMP_HEADER: usize = 8;
/// Hops that an error may take: as many as Linux gives packets of its own.
const HOPS: u8 = 64;

/// Whether `packet` in `frame` is larger than `mtu` bytes. One that is cut into segments later is as large as the largest of these.
#[must_use]
pub(crate) fn is_oversize(frame: &LiveFrame<'_>, packet: &Packet, mtu: u32) -> bool {
    if packet.ip_len <= mtu {
        return false;
    }
    !frame.vnet.is_segmented_later() || segment_len(frame, packet) > mtu
}

/// The length of a whole segment with its IP header, in bytes. The header lengths are read from the packet: what the guest that sent it
/// says of them beside it need not be true.
fn segment_len(frame: &LiveFrame<'_>, packet: &Packet) -> u32 {
    let ip_header = u32::from(packet.l4_offset.saturating_sub(packet.l3_offset));
    let l4_header = match packet.l4 {
        L4::Tcp { .. } => {
            let offset = frame.data.get(usize::from(packet.l4_offset) + 12);
            offset.map_or(20, |byte| u32::from(byte >> 4) * 4)
        }
        _ => 8,
    };
    ip_header + l4_header + u32::from(frame.vnet.gso_size)
}

/// Writes into `error` the frame that tells the sender of `packet` that `mtu` bytes are the most; `false` where it must not be told.
pub(crate) fn tell(frame: &LiveFrame<'_>, packet: &Packet, mtu: u32, error: &mut Vec<u8>) -> bool {
    error.clear();
    if !may_tell(frame, packet) {
        return false;
    }
    let l3_offset = usize::from(packet.l3_offset);
    let (Some(link), Some(ip)) = (frame.data.get(..l3_offset), frame.data.get(l3_offset..)) else {
        return false;
    };
    let ip = &ip[..ip.len().min(packet.ip_len as usize)];
    // The MAC addresses change places, and whatever tags follow are kept.
    error.extend_from_slice(&link[6..12]);
    error.extend_from_slice(&link[..6]);
    error.extend_from_slice(&link[12..]);
    match packet.addresses {
        AddressPair::V4 { src, dst } => fragmentation_needed(dst, src, mtu, ip, error),
        AddressPair::V6 { src, dst } => packet_too_big(dst, src, mtu, ip, error),
    }
    .is_some()
}

fn may_tell(frame: &LiveFrame<'_>, packet: &Packet) -> bool {
    // The lowest bit of a MAC address's first byte marks a group; the first address is the destination.
    let to_one = frame.data.first().is_some_and(|byte| byte & 1 == 0);
    let is_one_host = |address| match address {
        IpAddr::V4(address) => is_one_host_v4(address),
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    };
    frame.link == LinkType::Ethernet
        && packet.l3_offset >= 14
        && to_one
        && is_one_host(packet.src())
        && is_one_host(packet.dst())
        && !packet.is_icmp_error()
        && packet.l4 != L4::LaterFragment
}

fn is_one_host_v4(address: Ipv4Addr) -> bool {
    // 0/8, loopback, and class D and E, the limited broadcast address among them.
    !matches!(address.octets()[0], 0 | 127 | 224..)
}

fn fragmentation_needed(
    from: Ipv4Addr,
    to: Ipv4Addr,
    mtu: u32,
    packet: &[u8],
    error: &mut Vec<u8>,
) -> Option<()> {
    let quoted = &packet[..packet
        .len()
        .min(LONGEST_V4 - Ipv4Header::MIN_LEN - ICMP_HEADER)];
    let next_hop_mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
    let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu };
    let icmp = Icmpv4Header::with_checksum(Icmpv4Type::DestinationUnreachable(kind), quoted);
    let payload_len = u16::try_from(ICMP_HEADER + quoted.len()).ok()?;
    let mut ip = Ipv4Header::new(
        payload_len,
        HOPS,
        IpNumber::ICMP,
        from.octets(),
        to.octets(),
    )
    .ok()?;
    ip.header_checksum = ip.calc_header_checksum();
    error.extend_from_slice(&ip.to_bytes());
    error.extend_from_slice(&icmp.to_bytes());
    error.extend_from_slice(quoted);
    Some(())
}

fn packet_too_big(
    from: Ipv6Addr,
    to: Ipv6Addr,
    mtu: u32,
    packet: &[u8],
    error: &mut Vec<u8>,
) -> Option<()> {
    let quoted = &packet[..packet.len().min(LONGEST_V6 - Ipv6Header::LEN - ICMP_HEADER)];
    let kind = Icmpv6Type::PacketTooBig { mtu };
    let icmp = kind.to_header(from.octets(), to.octets(), quoted).ok()?;
    let ip = Ipv6Header {
        payload_length: u16::try_from(ICMP_HEADER + quoted.len()).ok()?,
        next_header: IpNumber::IPV6_ICMP,
        hop_limit: HOPS,
        source: from.octets(),
        destination: to.octets(),
        ..Ipv6Header::default()
    };
    error.extend_from_slice(&ip.to_bytes());
    error.extend_from_slice(&icmp.to_bytes());
    error.extend_from_slice(quoted);
    Some(())
}

#[cfg(test)]
mod tests;
