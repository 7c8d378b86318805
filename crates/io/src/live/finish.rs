//! Checksums in software, for a backend that carries frames without the virtio header.
//!
//! Linux leaves the last step of a TCP or UDP checksum to the device ("partial"): the field holds the sum of
//! the pseudo-header, and whoever puts the frame onto a wire adds the rest. Between the ends of a veth pair,
//! and into a tap, nothing ever does; a socket with a virtio header says so beside the frame, AF_XDP
//! does not. So a frame that came through AF_XDP is [looked at](detect), and marked as the other backends mark theirs; and a
//! frame that leaves through it is [finished](finish).
//!
//! A sum that was complete and by chance equals that of the pseudo-header, one in 65,536, is taken for a partial
//! one: finishing it gives what it was, for then the two computations are the same. What is *not* seen: an
//! unfinished checksum within a tunnel, and the CRC of SCTP. Senders of such traffic need
//! `ethtool -K DEVICE tx-checksum-sctp off tx-udp_tnl-csum-segmentation off`.

use secgroup_packet::{AddressPair, Frame, L4, LinkType, Packet, Parsed};

use super::VnetHeader;

/// The header that a sender's kernel would have given the Ethernet frame `data`, which came without one.
#[must_use]
pub(super) fn detect(data: &[u8]) -> VnetHeader {
    partial(data).unwrap_or_default()
}

/// Completes the checksum of `data` where `vnet` says that it is partial; otherwise leaves it as it is. Says whether the
/// frame may leave: false where the header points outside of it.
#[must_use]
pub(super) fn finish(data: &mut [u8], vnet: VnetHeader) -> bool {
    if vnet.flags & VnetHeader::NEEDS_CSUM == 0 {
        return true;
    }
    let start = usize::from(vnet.csum_start);
    let field = start + usize::from(vnet.csum_offset);
    let Some(covered) = data.get(start..) else {
        return false;
    };
    let sum = match !fold(add(0, covered)) {
        // In UDP, 0 says that there is none (RFC 768); in ones' complement both are the same number.
        0 => u16::MAX,
        sum => sum,
    };
    let Some(field) = data.get_mut(field..field + 2) else {
        return false;
    };
    field.copy_from_slice(&sum.to_ne_bytes());
    true
}

/// The header of a frame with a partial checksum.
fn partial(data: &[u8]) -> Option<VnetHeader> {
    let frame = Frame {
        link: LinkType::Ethernet,
        data,
        wire_len: u32::try_from(data.len()).ok()?,
    };
    let Ok(Parsed::Ip(packet)) = frame.parse() else {
        return None;
    };
    let csum_offset = match packet.l4 {
        L4::Tcp { .. } => 16,
        L4::Udp { .. } => 6,
        _ => return None,
    };
    if packet.fragment.is_some() {
        return None;
    }
    let start = usize::from(packet.l4_offset);
    let end = usize::from(packet.l3_offset) + usize::try_from(packet.ip_len).ok()?;
    // Summing goes on to the end of the frame, so that padding must not count.
    let (covered, padding) = (data.get(start..end)?, data.get(end..)?);
    if padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    let field = covered.get(csum_offset..csum_offset + 2)?;
    (field == fold(pseudo_header(&packet, covered.len())).to_ne_bytes()).then_some(VnetHeader {
        flags: VnetHeader::NEEDS_CSUM,
        csum_start: packet.l4_offset,
        csum_offset: u16::try_from(csum_offset).ok()?,
        ..VnetHeader::default()
    })
}

/// The sum of what an upper-layer checksum covers of the IP header (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo_header(packet: &Packet, len: usize) -> u64 {
    let sum = match packet.addresses {
        AddressPair::V4 { src, dst } => add(add(0, &src.octets()), &dst.octets()),
        AddressPair::V6 { src, dst } => add(add(0, &src.octets()), &dst.octets()),
    };
    // Written in 2 or 4 bytes, a length has the same sum.
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    add(add(sum, &len.to_be_bytes()), &[0, packet.protocol.0])
}

/// `sum` and the words of `bytes`. A ones' complement sum comes out right in any order of bytes (RFC 1071 section 2
/// (B)), so words are added as they lie, four bytes at a time; that overflows after 2^32 of them.
fn add(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words
        .iter()
        .fold(sum, |sum, &word| sum + u64::from(u32::from_ne_bytes(word)))
        + u64::from(u32::from_ne_bytes(last))
}

/// The sum in 16 bits.
#[allow(
    clippy::cast_possible_truncation,
    reason = "four rounds leave no carry of 64 bits"
)]
const fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

#[cfg(test)]
mod tests;
