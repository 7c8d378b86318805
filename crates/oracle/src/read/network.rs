//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secgroup_model::{Family, Protocol};

use super::{Fault, Layer, Packet, Piece, byte, checksum, number16, number32, upper};

/// How many IPv6 extension headers a packet may have.
const MOST_EXTENSION_HEADERS: usize = 16;
/// The end of the longest datagram, in bytes.
const DATAGRAM_END: usize = 65_535;

/// Source and destination, where the fixed header is there and the version is 4.
pub(super) fn ipv4_addresses(layer: Layer<'_>) -> Result<(IpAddr, IpAddr), Fault> {
    let header = layer.header(20, "the IPv4 header is cut off")?;
    if byte(header, 0) >> 4 != 4 {
        return Err("the version of the IPv4 header is not 4");
    }
    let address = |at| IpAddr::V4(Ipv4Addr::from_bits(number32(header, at)));
    Ok((address(12), address(16)))
}

/// Source and destination, where the fixed header is there and the version is 6.
pub(super) fn ipv6_addresses(layer: Layer<'_>) -> Result<(IpAddr, IpAddr), Fault> {
    let header = layer.header(40, "the IPv6 header is cut off")?;
    if byte(header, 0) >> 4 != 6 {
        return Err("the version of the IPv6 header is not 6");
    }
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Ok((address(8), address(24)))
}

/// Reads an IPv4 packet.
pub(super) fn ipv4(layer: Layer<'_>, checksums: bool) -> Result<Packet, Fault> {
    let (source, destination) = ipv4_addresses(layer)?;
    let fixed = layer.header(20, "the IPv4 header is cut off")?;
    let header_len = usize::from(byte(fixed, 0) & 0x0F) * 4;
    let total_len = usize::from(number16(fixed, 2));
    if header_len < 20 {
        return Err("the IPv4 header length is below 5 words");
    }
    if header_len > total_len {
        return Err("the IPv4 total length is less than the header length");
    }
    if total_len > layer.wire {
        return Err("the IPv4 total length is more than was on the wire");
    }
    let header = layer.header(header_len, "the IPv4 header is cut off")?;
    // Bytes behind the total length are padding.
    let whole = layer.first(total_len);
    let payload = whole.behind(header_len);

    let flags_and_offset = number16(header, 6);
    let more = flags_and_offset & 0x2000 != 0;
    let offset = usize::from(flags_and_offset & 0x1FFF) * 8;
    let id = u32::from(number16(header, 4));
    let piece = (more || offset != 0).then_some(Piece {
        id,
        offset,
        len: payload.wire,
        more,
    });
    check_piece(piece)?;

    let addresses = (source, destination);
    let protocol = Protocol(byte(header, 9));
    let read = upper::read(Family::V4, protocol, payload, piece)?;
    if checksums && piece.is_none() && !whole.is_snapped() {
        if !checksum::is_right(&[header]) {
            return Err("the IPv4 header checksum is wrong");
        }
        checksum::check_upper(addresses, protocol, &read, payload.captured)?;
    }
    let quoted = upper::quoted(Family::V4, &read, payload)?;
    let hop_limit = byte(header, 8);
    Ok(Packet {
        source,
        destination,
        protocol,
        hop_limit,
        upper: read,
        piece,
        quoted,
    })
}

/// Reads an IPv6 packet.
pub(super) fn ipv6(layer: Layer<'_>, checksums: bool) -> Result<Packet, Fault> {
    let (source, destination) = ipv6_addresses(layer)?;
    let header = layer.header(40, "the IPv6 header is cut off")?;
    let payload_len = usize::from(number16(header, 4));
    let next_header = byte(header, 6);
    if payload_len > layer.behind(40).wire {
        return Err("the IPv6 payload length is more than was on the wire");
    }
    if payload_len == 0 && next_header == 0 {
        return Err("jumbograms (RFC 2675) are not supported");
    }
    let whole = layer.first(40 + payload_len);

    let chain = walk(next_header, whole.behind(40))?;
    check_piece(chain.piece)?;

    let addresses = (source, destination);
    let protocol = Protocol(chain.protocol);
    let read = upper::read(Family::V6, protocol, chain.payload, chain.piece)?;
    if checksums && chain.piece.is_none() && !whole.is_snapped() {
        checksum::check_upper(addresses, protocol, &read, chain.payload.captured)?;
    }
    let quoted = upper::quoted(Family::V6, &read, chain.payload)?;
    let hop_limit = byte(header, 7);
    Ok(Packet {
        source,
        destination,
        protocol,
        hop_limit,
        upper: read,
        piece: chain.piece,
        quoted,
    })
}

/// What stands behind the extension headers of an IPv6 packet.
pub(super) struct Chain<'a> {
    /// The upper-layer protocol.
    pub(super) protocol: u8,
    /// What follows the last extension header; in a later fragment, the fragment header.
    pub(super) payload: Layer<'a>,
    /// What the fragment header says, unless it is "atomic" (RFC 6946).
    pub(super) piece: Option<Piece>,
}

/// Walks the extension headers (D53). 59 (no next header) and 50 (ESP) are not among them and so
/// end the walk as upper-layer protocols.
pub(super) fn walk(next_header: u8, payload: Layer<'_>) -> Result<Chain<'_>, Fault> {
    const CUT: Fault = "the packet ends inside its extension headers";
    let mut chain = Chain {
        protocol: next_header,
        payload,
        piece: None,
    };
    let mut walked = 0;
    let mut fragment_headers = 0;
    while matches!(chain.protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
        walked += 1;
        if walked > MOST_EXTENSION_HEADERS {
            return Err("there are more than 16 extension headers");
        }
        // No extension header is shorter than 8 bytes.
        let start = chain.payload.header(8, CUT)?;
        let len = match chain.protocol {
            44 => 8,
            51 => (usize::from(byte(start, 1)) + 2) * 4,
            _ => (usize::from(byte(start, 1)) + 1) * 8,
        };
        chain.payload.header(len, CUT)?;
        chain.payload = chain.payload.behind(len);
        if chain.protocol == 44 {
            fragment_headers += 1;
            if fragment_headers > 1 {
                return Err("there is a second fragment header");
            }
            let offset_and_more = number16(start, 2);
            let offset = usize::from(offset_and_more & 0xFFF8);
            let more = offset_and_more & 1 != 0;
            let len = chain.payload.wire;
            if more || offset != 0 {
                chain.piece = Some(Piece {
                    id: number32(start, 4),
                    offset,
                    len,
                    more,
                });
            }
        }
        chain.protocol = byte(start, 0);
        if chain.piece.is_some_and(|piece| piece.offset != 0) {
            break; // A later fragment: what follows is not a header.
        }
    }
    Ok(chain)
}

/// What no fragment can be.
fn check_piece(piece: Option<Piece>) -> Result<(), Fault> {
    let Some(piece) = piece else { return Ok(()) };
    if piece.more && (piece.len == 0 || piece.len % 8 != 0) {
        return Err("a fragment with more behind it is empty or no multiple of 8 bytes long");
    }
    if piece.offset + piece.len > DATAGRAM_END {
        return Err("a fragment ends behind the end of the longest datagram");
    }
    Ok(())
}

/// Whether this fragment has no upper-layer header.
pub(super) fn is_later(piece: Option<Piece>) -> bool {
    piece.is_some_and(|piece| piece.offset != 0)
}
