//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443), and what an error quotes.

use secgroup_model::{Family, Protocol};

use super::network::{ipv4_addresses, ipv6_addresses, is_later, walk};
use super::{Fault, Layer, Piece, Quoted, Upper, byte, number16};

/// Reads the upper-layer header. `payload` is the payload of the IP packet, `piece` set where that
/// is a fragment.
pub(super) fn read(
    family: Family,
    protocol: Protocol,
    payload: Layer<'_>,
    piece: Option<Piece>,
) -> Result<Upper, Fault> {
    if is_later(piece) {
        return Ok(Upper::LaterFragment);
    }
    match (family, protocol) {
        (_, Protocol::TCP) => tcp(payload, piece.is_some()),
        (_, Protocol::UDP) => udp(payload, piece.is_some()),
        // ICMP is spoken over IPv4 and ICMPv6 over IPv6; the other way round the number is that
        // of some protocol (A19).
        (Family::V4, Protocol::ICMP) => icmp(payload, 8),
        (Family::V6, Protocol::ICMPV6) => icmp(payload, 4),
        _ => Ok(Upper::Other),
    }
}

/// Reads a TCP header: 20 bytes on the wire, of them 14 captured.
fn tcp(payload: Layer<'_>, first_fragment: bool) -> Result<Upper, Fault> {
    if payload.wire < 20 {
        return Err("the packet ends inside its TCP header");
    }
    let header = payload.header(14, "the TCP ports and flags were not captured")?;
    let header_len = usize::from(byte(header, 12) >> 4) * 4;
    if header_len < 20 {
        return Err("the TCP data offset is below 5 words");
    }
    if header_len > payload.wire && !first_fragment {
        return Err("the TCP data offset points behind the packet");
    }
    Ok(Upper::Tcp {
        source: number16(header, 0),
        destination: number16(header, 2),
        flags: byte(header, 13),
    })
}

/// Reads a UDP header: 8 bytes on the wire, of them 4 captured.
fn udp(payload: Layer<'_>, first_fragment: bool) -> Result<Upper, Fault> {
    if payload.wire < 8 {
        return Err("the packet ends inside its UDP header");
    }
    let header = payload.header(4, "the UDP ports were not captured")?;
    // What is there decides: a length that was not captured is not checked.
    if let Ok(header) = payload.header(6, "") {
        let len = usize::from(number16(header, 4));
        if len < 8 {
            return Err("the UDP length is below 8");
        }
        if len > payload.wire && !first_fragment {
            return Err("the UDP length is more than the packet holds");
        }
    }
    Ok(Upper::Udp {
        source: number16(header, 0),
        destination: number16(header, 2),
    })
}

/// Reads an ICMP or ICMPv6 header: `least` bytes on the wire, of them 2 captured.
fn icmp(payload: Layer<'_>, least: usize) -> Result<Upper, Fault> {
    if payload.wire < least {
        return Err("the packet ends inside its ICMP header");
    }
    let header = payload.header(2, "the ICMP type and code were not captured")?;
    let id = payload
        .header(6, "")
        .map_or(0, |header| number16(header, 4));
    Ok(Upper::Icmp {
        kind: byte(header, 0),
        code: byte(header, 1),
        id,
    })
}

/// Whether messages of this type are errors that quote a packet (D48).
pub(super) const fn is_error(family: Family, kind: u8) -> bool {
    match family {
        Family::V4 => matches!(kind, 3 | 4 | 11 | 12),
        Family::V6 => matches!(kind, 1..=4),
    }
}

/// Reads the packet that an ICMP error quotes; `None` where this is no error, or where the quoted
/// packet belongs to no flow that could be told.
pub(super) fn quoted(
    family: Family,
    upper: &Upper,
    payload: Layer<'_>,
) -> Result<Option<Quoted>, Fault> {
    let Upper::Icmp { kind, .. } = *upper else {
        return Ok(None);
    };
    if !is_error(family, kind) {
        return Ok(None);
    }
    // The quoted packet starts behind the 8 bytes of the ICMP header and is what is there of it.
    let quote = payload.behind(8);
    if !payload.is_snapped() {
        check_quote(family, quote)?;
    }
    let seen = Layer {
        captured: quote.captured,
        wire: quote.captured.len(),
    };
    Ok(match family {
        Family::V4 => quoted_ipv4(seen),
        Family::V6 => quoted_ipv6(seen),
    }
    .ok())
}

/// What no quoted packet can be.
fn check_quote(family: Family, quote: Layer<'_>) -> Result<(), Fault> {
    match family {
        Family::V4 => {
            ipv4_addresses(quote).map_err(|_| "the quoted IPv4 header is cut off or no such")?;
            let header_len = usize::from(byte(quote.captured, 0) & 0x0F) * 4;
            let total_len = usize::from(number16(quote.captured, 2));
            if header_len < 20 {
                return Err("the quoted IPv4 header length is below 5 words");
            }
            if quote.wire < header_len {
                return Err("the quoted IPv4 header is cut off");
            }
            // RFC 792: "the internet header plus the first 64 bits of the original datagram's
            // data".
            if quote.wire - header_len < 8 && total_len >= header_len + 8 {
                return Err("less than 8 bytes of the quoted packet's payload are there");
            }
        }
        Family::V6 => {
            ipv6_addresses(quote).map_err(|_| "the quoted IPv6 header is cut off or no such")?;
        }
    }
    Ok(())
}

/// Reads a quoted IPv4 packet down to its ports. Its length fields are not looked at: it was cut.
fn quoted_ipv4(quote: Layer<'_>) -> Result<Quoted, Fault> {
    let (source, destination) = ipv4_addresses(quote)?;
    let header_len = usize::from(byte(quote.captured, 0) & 0x0F) * 4;
    if header_len < 20 {
        return Err("the quoted IPv4 header length is below 5 words");
    }
    let header = quote.header(header_len, "the quoted IPv4 header is cut off")?;
    if number16(header, 6) & 0x1FFF != 0 {
        return Err("the quoted packet is a later fragment");
    }
    let protocol = Protocol(byte(header, 9));
    let upper = quoted_upper(Family::V4, protocol, quote.behind(header_len))?;
    Ok(Quoted {
        source,
        destination,
        protocol,
        upper,
    })
}

/// Reads a quoted IPv6 packet down to its ports.
fn quoted_ipv6(quote: Layer<'_>) -> Result<Quoted, Fault> {
    let (source, destination) = ipv6_addresses(quote)?;
    let chain = walk(byte(quote.captured, 6), quote.behind(40))?;
    if is_later(chain.piece) {
        return Err("the quoted packet is a later fragment");
    }
    let protocol = Protocol(chain.protocol);
    let upper = quoted_upper(Family::V6, protocol, chain.payload)?;
    Ok(Quoted {
        source,
        destination,
        protocol,
        upper,
    })
}

/// Reads what tells the flow of a quoted packet: two ports, or type, code and identifier.
fn quoted_upper(family: Family, protocol: Protocol, payload: Layer<'_>) -> Result<Upper, Fault> {
    Ok(match (family, protocol) {
        (_, Protocol::TCP | Protocol::UDP) => {
            let ports = payload.header(4, "the quoted ports are cut off")?;
            let (source, destination) = (number16(ports, 0), number16(ports, 2));
            if protocol == Protocol::TCP {
                Upper::Tcp {
                    source,
                    destination,
                    flags: 0,
                }
            } else {
                Upper::Udp {
                    source,
                    destination,
                }
            }
        }
        (Family::V4, Protocol::ICMP) | (Family::V6, Protocol::ICMPV6) => {
            let header = payload.header(6, "the quoted identifier is cut off")?;
            Upper::Icmp {
                kind: byte(header, 0),
                code: byte(header, 1),
                id: number16(header, 4),
            }
        }
        _ => Upper::Other,
    })
}
