//! Where the headers of a well-formed frame lie, and changes to its IP header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum;

/// IPv6 extension headers, by number.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// Length of the fixed IPv6 header, in bytes.
pub(super) const IPV6_HEADER: usize = 40;

/// The offsets of a well-formed Ethernet frame that holds an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// Offset of the IP header, behind Ethernet and any VLAN tags.
    pub l3: usize,
    /// Offset of the upper-layer header, behind IPv4 options or IPv6 extension headers.
    pub l4: usize,
    /// Offset of the first byte behind the IP packet: Ethernet padding, if any.
    pub end: usize,
    /// The upper-layer protocol.
    pub protocol: u8,
    /// Whether this is a piece of a datagram and not the whole of one.
    pub fragment: bool,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Offset of the byte that names the upper-layer protocol.
    pub(super) protocol_field: usize,
    /// IPv6: offset of the first byte that a fragmenter may cut (RFC 8200 section 4.5). IPv4: `l4`.
    pub(super) fragmentable: usize,
    /// Offset of the byte that names what lies at `fragmentable`.
    pub(super) fragmentable_field: usize,
}

impl Layers {
    /// Whether the packet is IPv4.
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.src.is_ipv4()
    }
}

/// Finds the layers of `frame`.
///
/// # Panics
/// Where the frame holds no IP packet, or one that is damaged: this is a ruler for frames that
/// tests build.
#[must_use]
#[track_caller]
pub fn layers(frame: &[u8]) -> Layers {
    let mut l3 = 14;
    loop {
        match be16(frame, l3 - 2) {
            0x8100 | 0x88a8 | 0x9100 => l3 += 4,
            0x0800 => return ipv4_layers(frame, l3),
            0x86dd => return ipv6_layers(frame, l3),
            other => panic!("EtherType {other:#06x} is not IP"),
        }
    }
}

/// The IP packet inside `frame`, from its IP header to its stated end.
///
/// # Panics
/// As [`layers`].
#[must_use]
#[track_caller]
pub fn ip(frame: &[u8]) -> &[u8] {
    let at = layers(frame);
    &frame[at.l3..at.end]
}

/// The frame with this TTL or hop limit.
///
/// # Panics
/// As [`layers`].
#[must_use]
#[track_caller]
pub fn with_hop_limit(mut frame: Vec<u8>, hop_limit: u8) -> Vec<u8> {
    let at = layers(&frame);
    frame[at.l3 + if at.is_ipv4() { 8 } else { 7 }] = hop_limit;
    checksum::refreshed(frame)
}

/// The frame with this IPv4 identification.
///
/// # Panics
/// Where the frame is not IPv4.
#[must_use]
#[track_caller]
pub fn with_ip_id(mut frame: Vec<u8>, id: u16) -> Vec<u8> {
    let at = layers(&frame);
    assert!(at.is_ipv4(), "only the IPv4 header has an identification");
    frame[at.l3 + 4..at.l3 + 6].copy_from_slice(&id.to_be_bytes());
    checksum::refreshed(frame)
}

/// The frame with these IPv4 options before its own, padded with End of Options to a multiple of 4
/// bytes.
///
/// # Panics
/// Where the frame is not IPv4, or the options make its header longer than 60 bytes.
#[must_use]
#[track_caller]
pub fn with_ipv4_options(mut frame: Vec<u8>, options: &[u8]) -> Vec<u8> {
    let at = layers(&frame);
    assert!(at.is_ipv4(), "only IPv4 has options; see with_extensions");
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    let words = (at.l4 - at.l3 + options.len()) / 4;
    assert!(
        words <= 15,
        "an IPv4 header is at most 15 words long, not {words}"
    );
    frame[at.l3] = 0x40 | u8::try_from(words).expect("at most 15");
    set_length(&mut frame, at.l3 + 2, at.end - at.l3 + options.len());
    frame.splice(at.l3 + 20..at.l3 + 20, options);
    checksum::refreshed(frame)
}

/// The frame with IPv6 extension headers right behind its IPv6 header, the first of the list
/// outermost. Each is a header number and its length in bytes, a multiple of 8.
///
/// Hop-by-hop (0) and destination options (60) hold padding; a routing header (43) has no segments
/// left; a fragment header (44) is atomic (RFC 6946); an authentication header (51) has a zero
/// check value; any other number has the usual shape of next header, length, and zeros.
///
/// # Panics
/// Where the frame is not IPv6, or a length is zero, not a multiple of 8, or too long to be stated.
#[must_use]
#[track_caller]
pub fn with_extensions(mut frame: Vec<u8>, extensions: &[(u8, usize)]) -> Vec<u8> {
    let at = layers(&frame);
    assert!(
        !at.is_ipv4(),
        "only IPv6 has extension headers; see with_ipv4_options"
    );
    let mut next = frame[at.l3 + 6];
    let mut chain = Vec::new();
    for &(number, length) in extensions.iter().rev() {
        assert!(
            length >= 8 && length.is_multiple_of(8),
            "length {length} is not a multiple of 8"
        );
        chain.splice(0..0, extension(number, next, length));
        next = number;
    }
    frame[at.l3 + 6] = next;
    set_length(
        &mut frame,
        at.l3 + 4,
        at.end - at.l3 - IPV6_HEADER + chain.len(),
    );
    frame.splice(at.l3 + IPV6_HEADER..at.l3 + IPV6_HEADER, chain);
    frame
}

/// One extension header.
#[track_caller]
fn extension(number: u8, next: u8, length: usize) -> Vec<u8> {
    let mut header = vec![0; length];
    header[0] = next;
    header[1] = match number {
        FRAGMENT => 0, // reserved (RFC 8200 section 4.5)
        // In units of 4 bytes, minus 2 (RFC 4302 section 2.2).
        AUTHENTICATION => u8::try_from(length / 4 - 2).expect("at most 1028 bytes"),
        _ => u8::try_from(length / 8 - 1).expect("at most 2048 bytes"),
    };
    match number {
        HOP_BY_HOP | DESTINATION => {
            // PadN options (RFC 8200 section 4.2), each at most 2 + 255 bytes long.
            for option in header[2..].chunks_mut(257) {
                match option {
                    [pad1] => *pad1 = 0,
                    [kind, len, rest @ ..] => {
                        *kind = 1;
                        *len = u8::try_from(rest.len()).expect("at most 255");
                    }
                    [] => {}
                }
            }
        }
        ROUTING => header[2] = 253, // an experimental type (RFC 4727), no segments left
        FRAGMENT => assert!(length == 8, "a fragment header is 8 bytes long"),
        _ => {}
    }
    header
}

#[track_caller]
fn ipv4_layers(frame: &[u8], l3: usize) -> Layers {
    let octets = |at: usize| -> [u8; 4] { frame[at..at + 4].try_into().expect("4 bytes") };
    let l4 = l3 + usize::from(frame[l3] & 0x0f) * 4;
    Layers {
        l3,
        l4,
        end: l3 + usize::from(be16(frame, l3 + 2)),
        protocol: frame[l3 + 9],
        // More fragments, or an offset (RFC 791 section 3.1).
        fragment: be16(frame, l3 + 6) & 0x3fff != 0,
        src: Ipv4Addr::from(octets(l3 + 12)).into(),
        dst: Ipv4Addr::from(octets(l3 + 16)).into(),
        protocol_field: l3 + 9,
        fragmentable: l4,
        fragmentable_field: l3 + 9,
    }
}

#[track_caller]
fn ipv6_layers(frame: &[u8], l3: usize) -> Layers {
    let octets = |at: usize| -> [u8; 16] { frame[at..at + 16].try_into().expect("16 bytes") };
    let mut at = Layers {
        l3,
        l4: l3 + IPV6_HEADER,
        end: l3 + IPV6_HEADER + usize::from(be16(frame, l3 + 4)),
        protocol: frame[l3 + 6],
        fragment: false,
        src: Ipv6Addr::from(octets(l3 + 8)).into(),
        dst: Ipv6Addr::from(octets(l3 + 24)).into(),
        protocol_field: l3 + 6,
        fragmentable: l3 + IPV6_HEADER,
        fragmentable_field: l3 + 6,
    };
    loop {
        let length = match at.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => {
                (usize::from(frame[at.l4 + 1]) + 1) * 8
            }
            AUTHENTICATION => (usize::from(frame[at.l4 + 1]) + 2) * 4,
            FRAGMENT => 8,
            _ => return at,
        };
        let per_hop = matches!(at.protocol, HOP_BY_HOP | ROUTING);
        let offset_and_more = be16(frame, at.l4 + 2) & 0xfff9;
        let fragment = at.protocol == FRAGMENT && offset_and_more != 0;
        at.protocol = frame[at.l4];
        at.protocol_field = at.l4;
        at.l4 += length;
        at.fragment |= fragment;
        if per_hop {
            (at.fragmentable, at.fragmentable_field) = (at.l4, at.protocol_field);
        }
        if fragment && offset_and_more & 0xfff8 != 0 {
            return at; // what follows is data from the middle of the datagram
        }
    }
}

/// Writes a 16-bit length field.
#[track_caller]
pub(super) fn set_length(frame: &mut [u8], field: usize, length: usize) {
    let length = u16::try_from(length).expect("an IP packet states at most 65535 bytes");
    frame[field..field + 2].copy_from_slice(&length.to_be_bytes());
}

#[track_caller]
fn be16(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([frame[at], frame[at + 1]])
}
