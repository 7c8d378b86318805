//! The Internet checksum (RFC 1071): the ones' complement sum of all 16-bit words is all ones.

use std::net::IpAddr;

use secgroup_model::Protocol;

use super::{Fault, Upper, number16};

/// Whether the sum over these parts, one behind the other, is right. Only the last part may have
/// an odd number of bytes.
pub(super) fn is_right(parts: &[&[u8]]) -> bool {
    let mut sum: u64 = 0;
    for part in parts {
        for word in part.chunks(2) {
            sum += u64::from(number16(word, 0)); // A missing last byte counts as zero.
        }
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum == 0xFFFF
}

/// Checks the upper-layer checksum of a whole packet (D54).
pub(super) fn check_upper(
    (source, destination): (IpAddr, IpAddr),
    protocol: Protocol,
    upper: &Upper,
    payload: &[u8],
) -> Result<(), Fault> {
    let covered = match upper {
        Upper::Tcp { .. } | Upper::Icmp { .. } => payload,
        // The UDP length may be less than the packet holds, and says what is covered (RFC 768).
        Upper::Udp { .. } => {
            if source.is_ipv4() && number16(payload, 6) == 0 {
                return Ok(()); // The sender made none.
            }
            &payload[..payload.len().min(usize::from(number16(payload, 4)))]
        }
        Upper::Other | Upper::LaterFragment => return Ok(()),
    };
    let right = if matches!(upper, Upper::Icmp { .. }) && source.is_ipv4() {
        is_right(&[covered])
    } else {
        // RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1. Widening the 16-bit fields of the
        // IPv4 pseudo-header to the 32 bits of the IPv6 one adds words of zero.
        let pseudo = [octets(source), octets(destination)].concat();
        let len = u32::try_from(covered.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        is_right(&[&pseudo, &len, &[0, protocol.0], covered])
    };
    if right {
        Ok(())
    } else {
        Err("the upper-layer checksum is wrong")
    }
}

/// The bytes of an address.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
