//! ICMP errors about a packet (RFC 792, RFC 4443 section 2.4).

use std::net::IpAddr;

use super::{address, icmp, icmp6, ip, layers};

/// A whole ICMP error is at most this long: 576 bytes over IPv4 (RFC 1812 section 4.3.2.3), 1280
/// over IPv6 (RFC 4443 section 2.4 c), of which the IP and the ICMP header take 28 and 48.
const QUOTED_V4: usize = 576 - 28;
const QUOTED_V6: usize = 1280 - 48;

/// The ICMP or ICMPv6 error of this type and code that the node `from` sends to the source of
/// `frame` about it, quoting as much of it as the RFCs ask for.
///
/// # Panics
/// Where `frame` holds no IP packet, or `from` is of another family.
#[must_use]
#[track_caller]
pub fn quote(frame: &[u8], kind: u8, code: u8, from: &str) -> Vec<u8> {
    let packet = ip(frame);
    let limit = if layers(frame).is_ipv4() {
        QUOTED_V4
    } else {
        QUOTED_V6
    };
    let quoted = &packet[..packet.len().min(limit)];
    quote_bytes(quoted, kind, code, from, &layers(frame).src.to_string())
}

/// An ICMP or ICMPv6 error from `from` to `to` that quotes these bytes, whatever they are: for
/// quotes that are cut short, damaged, or about somebody else's packet.
///
/// # Panics
/// Where an address does not parse or the families differ.
#[must_use]
#[track_caller]
pub fn quote_bytes(quoted: &[u8], kind: u8, code: u8, from: &str, to: &str) -> Vec<u8> {
    // Bytes 4 to 7: the MTU of the next hop in "fragmentation needed" (RFC 1191) and "packet too
    // big".
    let rest = match (address(from), kind, code) {
        (IpAddr::V4(_), 3, 4) => [0, 0, 0x05, 0x14],
        (IpAddr::V6(_), 2, _) => [0, 0, 0x05, 0x00],
        _ => [0; 4],
    };
    match address(from) {
        IpAddr::V4(_) => icmp(from, to, kind, code, rest, quoted),
        IpAddr::V6(_) => icmp6(from, to, kind, code, rest, quoted),
    }
}
