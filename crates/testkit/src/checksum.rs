//! The Internet checksum (RFC 1071), and frames whose checksums are put right or looked over.
//!
//! Written apart from etherparse, which computes the checksums of the frames that it builds: the
//! two check each other in the tests of [`crate::frame`].

use std::net::IpAddr;

use crate::frame::{Layers, layers};

/// Protocol numbers whose checksum this module knows.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The Internet checksum of the concatenation of `parts`; each part but the last must be of even
/// length.
#[must_use]
pub fn internet(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    !u16::try_from(sum).expect("folded to 16 bits above")
}

/// Writes the right IPv4 header checksum, and the right TCP, UDP, ICMP or ICMPv6 checksum of a
/// whole packet.
///
/// A fragment keeps its upper-layer checksum, which covers bytes that are elsewhere.
#[must_use]
pub fn refreshed(frame: Vec<u8>) -> Vec<u8> {
    let mut frame = refreshed_header(frame);
    let at = layers(&frame);
    if let Some(field) = upper_field(&at) {
        frame[field..field + 2].fill(0);
        let mut sum = upper_sum(&frame, &at);
        if sum == 0 && at.protocol == UDP {
            sum = 0xffff; // RFC 768: zero on the wire says that there is no checksum.
        }
        frame[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
    frame
}

/// Writes the right IPv4 header checksum and leaves the upper layer alone; IPv6 has none.
#[must_use]
pub fn refreshed_header(mut frame: Vec<u8>) -> Vec<u8> {
    let at = layers(&frame);
    if at.is_ipv4() {
        frame[at.l3 + 10..at.l3 + 12].fill(0);
        let sum = internet(&[&frame[at.l3..at.l4]]);
        frame[at.l3 + 10..at.l3 + 12].copy_from_slice(&sum.to_be_bytes());
    }
    frame
}

/// Whether the IPv4 header checksum and the upper-layer checksum of a whole packet are right. An
/// upper-layer protocol without a known checksum counts as right.
#[must_use]
pub fn is_valid(frame: &[u8]) -> bool {
    let at = layers(frame);
    let header = !at.is_ipv4() || internet(&[&frame[at.l3..at.l4]]) == 0;
    header && (upper_field(&at).is_none() || upper_sum(frame, &at) == 0)
}

/// The offset of the upper-layer checksum in the frame, where this is a whole packet of a known
/// protocol.
fn upper_field(at: &Layers) -> Option<usize> {
    if at.fragment {
        return None;
    }
    match (at.protocol, at.is_ipv4()) {
        (TCP, _) => Some(at.l4 + 16),
        (UDP, _) => Some(at.l4 + 6),
        (ICMP, true) | (ICMPV6, false) => Some(at.l4 + 2),
        _ => None,
    }
}

/// The sum over the upper-layer packet as it stands, pseudo-header included where the protocol has
/// one: 0 where the checksum in it is right, the checksum to write where the field is zero.
fn upper_sum(frame: &[u8], at: &Layers) -> u16 {
    let upper = &frame[at.l4..at.end];
    let length = u32::try_from(upper.len())
        .expect("an IP packet is at most 65575 bytes")
        .to_be_bytes();
    let tail = [
        length[0],
        length[1],
        length[2],
        length[3],
        0,
        0,
        0,
        at.protocol,
    ];
    match (at.src, at.dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) if at.protocol == ICMP => internet(&[upper]),
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            internet(&[&src.octets(), &dst.octets(), &tail, upper])
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            internet(&[&src.octets(), &dst.octets(), &tail, upper])
        }
        _ => unreachable!("both addresses are read from one header"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(internet(&[&data]), !0xddf2);
        assert_eq!(internet(&[&data[..4], &data[4..]]), !0xddf2);
    }

    #[test]
    fn an_odd_byte_counts_as_the_high_half_of_a_word() {
        assert_eq!(internet(&[&[0x12]]), !0x1200);
    }
}
