//! Ethernet frames for tests, each an owned `Vec<u8>` with the right checksums.
//!
//! Endpoints are written as they are read: `"203.0.113.7:40000"`, `"[2001:db8::1]:443"`, or an
//! address alone where the protocol has no ports. Builders come first (this file), then functions
//! that take a frame and give another: [`fragments`] and [`quote`] read what they are given;
//! `with_*` change one thing and put the checksums right again; [`patch_ip`] and [`patch_l4`]
//! change bytes and leave the checksums wrong, for tests that want that.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpNumber, PacketBuilder, PacketBuilderStep};

mod damage;
mod fragment;
mod icmp_error;
mod layers;
mod link;

pub use damage::{Malformed, malformed, patch_ip, patch_l4, truncated};
pub use fragment::{FRAGMENT_ID, fragments, fragments_with_id, piece};
pub use icmp_error::{quote, quote_bytes};
pub use layers::{
    Layers, ip, layers, with_extensions, with_hop_limit, with_ip_id, with_ipv4_options,
};
pub use link::{padded, with_qinq, with_vlan, without_ethernet};
pub use link::{to_loop, to_null_big_endian, to_null_little_endian, to_sll, to_sll2};

/// Source address of every frame: locally administered, so it is nobody's.
pub const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// Destination address of every frame.
pub const DESTINATION_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
/// TTL or hop limit of every packet: what Linux sends.
pub const HOP_LIMIT: u8 = 64;

/// Sequence number, acknowledgement number and window of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpNumbers {
    /// The sequence number.
    pub seq: u32,
    /// The acknowledgement number; written to the header only where the segment has ACK.
    pub ack: u32,
    /// The window as in the header, unscaled.
    pub window: u16,
}

impl Default for TcpNumbers {
    fn default() -> Self {
        Self {
            seq: 1_000,
            ack: 2_000,
            window: 64_240,
        }
    }
}

/// A TCP segment. `flags` holds one letter for each: `S` SYN, `A` ACK, `F` FIN, `R` RST, `P` PSH,
/// `U` URG, `E` ECE, `C` CWR; `"-"` for none.
///
/// # Panics
/// Where an endpoint is not `address:port`, the families differ, or a letter is unknown.
#[must_use]
#[track_caller]
pub fn tcp(src: &str, dst: &str, flags: &str, payload: &[u8]) -> Vec<u8> {
    tcp_numbered(src, dst, flags, TcpNumbers::default(), payload)
}

/// [`tcp`] with the numbers given.
///
/// # Panics
/// As [`tcp`].
#[must_use]
#[track_caller]
pub fn tcp_numbered(
    src: &str,
    dst: &str,
    flags: &str,
    numbers: TcpNumbers,
    payload: &[u8],
) -> Vec<u8> {
    let (src, dst) = (endpoint(src), endpoint(dst));
    let mut step =
        ethernet_ip(src.ip(), dst.ip()).tcp(src.port(), dst.port(), numbers.seq, numbers.window);
    for letter in flags.chars() {
        step = match letter {
            'S' => step.syn(),
            'A' => step.ack(numbers.ack),
            'F' => step.fin(),
            'R' => step.rst(),
            'P' => step.psh(),
            'U' => step.urg(1),
            'E' => step.ece(),
            'C' => step.cwr(),
            '-' => step,
            other => panic!("no TCP flag is called `{other}`: use SAFRPUEC, or - for none"),
        };
    }
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, payload)
        .expect("a payload that fits an IP packet");
    frame
}

/// A UDP datagram.
///
/// # Panics
/// Where an endpoint is not `address:port` or the families differ.
#[must_use]
#[track_caller]
pub fn udp(src: &str, dst: &str, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (endpoint(src), endpoint(dst));
    let step = ethernet_ip(src.ip(), dst.ip()).udp(src.port(), dst.port());
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, payload)
        .expect("a payload that fits an IP packet");
    frame
}

/// An echo request with 56 bytes of payload as `ping` sends it, ICMP or ICMPv6 by the family of the
/// addresses.
///
/// # Panics
/// Where an address does not parse or the families differ.
#[must_use]
#[track_caller]
pub fn ping(src: &str, dst: &str, id: u16, seq: u16) -> Vec<u8> {
    echo(src, dst, (8, 128), id, seq)
}

/// The echo reply to [`ping`]; `src` is who replies.
///
/// # Panics
/// As [`ping`].
#[must_use]
#[track_caller]
pub fn pong(src: &str, dst: &str, id: u16, seq: u16) -> Vec<u8> {
    echo(src, dst, (0, 129), id, seq)
}

/// An ICMP message over IPv4. `rest` is bytes 4 to 7 of its header: identifier and sequence number
/// in a query.
///
/// # Panics
/// Where an address is not IPv4.
#[must_use]
#[track_caller]
pub fn icmp(src: &str, dst: &str, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (address(src), address(dst));
    assert!(
        src.is_ipv4(),
        "icmp is over IPv4 and {src} is not: use icmp6"
    );
    let step = ethernet_ip(src, dst).icmpv4_raw(kind, code, rest);
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, payload)
        .expect("a payload that fits an IP packet");
    frame
}

/// An ICMPv6 message. `rest` is bytes 4 to 7 of its header.
///
/// The hop limit is 64: neighbour discovery wants [`with_hop_limit`] 255.
///
/// # Panics
/// Where an address is not IPv6.
#[must_use]
#[track_caller]
pub fn icmp6(src: &str, dst: &str, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (address(src), address(dst));
    assert!(
        src.is_ipv6(),
        "icmp6 is over IPv6 and {src} is not: use icmp"
    );
    let step = ethernet_ip(src, dst).icmpv6_raw(kind, code, rest);
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, payload)
        .expect("a payload that fits an IP packet");
    frame
}

/// An IP packet of any protocol number, `payload` being all that follows the IP header.
///
/// # Panics
/// Where an address does not parse or the families differ.
#[must_use]
#[track_caller]
pub fn raw_proto(src: &str, dst: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let step = ethernet_ip(address(src), address(dst));
    let mut frame = Vec::with_capacity(step.size(payload.len()));
    step.write(&mut frame, IpNumber(protocol), payload)
        .expect("a payload that fits an IP packet");
    frame
}

/// An ARP request (RFC 826): who has `target`, tell `sender`.
///
/// # Panics
/// Where an address is not IPv4.
#[must_use]
#[track_caller]
pub fn arp(sender: &str, target: &str) -> Vec<u8> {
    let (IpAddr::V4(sender), IpAddr::V4(target)) = (address(sender), address(target)) else {
        panic!("ARP asks for IPv4 addresses, and `{sender}` or `{target}` is not one");
    };
    // Ethernet (1), IPv4 (0x0800), address lengths 6 and 4, operation request (1).
    let fixed = [0, 1, 0x08, 0x00, 6, 4, 0, 1];
    let target_hardware = [0; 6];
    let parts: [&[u8]; 5] = [
        &fixed,
        &SOURCE_MAC,
        &sender.octets(),
        &target_hardware,
        &target.octets(),
    ];
    ethernet([0xff; 6], 0x0806, &parts.concat())
}

/// An Ethernet frame of any EtherType.
#[must_use]
pub fn ethernet(destination: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        &destination,
        &SOURCE_MAC,
        &ether_type.to_be_bytes()[..],
        payload,
    ]
    .concat()
}

/// An Ethernet frame around an IP packet, its EtherType by the version nibble.
///
/// # Panics
/// Where the first nibble is neither 4 nor 6.
#[must_use]
#[track_caller]
pub fn of_ip(packet: &[u8]) -> Vec<u8> {
    let ether_type = match packet.first().map(|byte| byte >> 4) {
        Some(4) => 0x0800,
        Some(6) => 0x86dd,
        other => panic!("an IP packet begins with a version of 4 or 6, not {other:?}"),
    };
    ethernet(DESTINATION_MAC, ether_type, packet)
}

#[track_caller]
fn echo(src: &str, dst: &str, kinds: (u8, u8), id: u16, seq: u16) -> Vec<u8> {
    let [id, seq] = [id, seq].map(u16::to_be_bytes);
    let rest = [id[0], id[1], seq[0], seq[1]];
    let payload: Vec<u8> = (0..56).collect();
    if address(src).is_ipv4() {
        icmp(src, dst, kinds.0, 0, rest, &payload)
    } else {
        icmp6(src, dst, kinds.1, 0, rest, &payload)
    }
}

#[track_caller]
fn ethernet_ip(src: IpAddr, dst: IpAddr) -> PacketBuilderStep<etherparse::IpHeaders> {
    let step = PacketBuilder::ethernet2(SOURCE_MAC, DESTINATION_MAC);
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => step.ipv4(src.octets(), dst.octets(), HOP_LIMIT),
        (IpAddr::V6(src), IpAddr::V6(dst)) => step.ipv6(src.octets(), dst.octets(), HOP_LIMIT),
        _ => panic!("{src} and {dst} are of different families"),
    }
}

#[track_caller]
fn endpoint(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| {
        panic!("`{text}` is not address:port, such as 192.0.2.1:443 or [2001:db8::1]:443")
    })
}

#[track_caller]
fn address(text: &str) -> IpAddr {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is not an IPv4 or IPv6 address"))
}

#[cfg(test)]
mod tests;
