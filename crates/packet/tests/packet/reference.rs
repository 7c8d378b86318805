//! Reads a packet a second time, with the header slices of `etherparse`.
//!
//! `etherparse` reads each header; which header follows, and which fields contradict each other, is
//! decided here, in the order of the decision text's chapter *Malformed*. Its whole-packet readers
//! are not used, because they answer other questions: they follow AH in IPv4, stop at extension
//! headers that we walk (135, 139, 140, hop-by-hop not in front), do not look into first fragments,
//! and take a length of 0 as "unknown".

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, TcpHeaderSlice, UdpHeaderSlice,
};
use secgroup_packet::{AddressPair, Fragment, L4, Packet, Protocol, TcpFlags};

use crate::build::{v4, v6};

/// A packet's quote: its addresses, protocol and ports.
pub(crate) type Quote = (AddressPair, Protocol, L4);

/// The packet of these bytes, all captured and behind `l3` others; `None` where it is malformed.
pub(crate) fn read(ip: &[u8], l3: usize) -> Option<Packet> {
    if ip.first()? >> 4 == 4 {
        read_ipv4(ip, l3)
    } else {
        read_ipv6(ip, l3)
    }
}

fn read_ipv4(ip: &[u8], l3: usize) -> Option<Packet> {
    let header = Ipv4HeaderSlice::from_slice(ip).ok()?;
    header.payload_len().ok()?;
    let payload = ip.get(header.slice().len()..usize::from(header.total_len()))?;
    let fragment = fragment(
        u32::from(header.identification()),
        header.fragments_offset().byte_offset(),
        header.more_fragments(),
        payload,
    )?;
    let protocol = Protocol(header.protocol().0);
    Some(Packet {
        addresses: ipv4_addresses(&header),
        protocol,
        l4: upper(true, protocol, payload, fragment)?,
        fragment,
        hop_limit: header.ttl(),
        ip_len: u32::from(header.total_len()),
        l3_offset: u16::try_from(l3).unwrap(),
        l4_offset: u16::try_from(l3 + header.slice().len()).unwrap(),
    })
}

fn read_ipv6(ip: &[u8], l3: usize) -> Option<Packet> {
    let header = Ipv6HeaderSlice::from_slice(ip).ok()?;
    let payload_len = usize::from(header.payload_length());
    let payload = ip.get(40..40 + payload_len)?;
    let chain = walk(header.next_header().0, payload)?;
    let fragment = match chain.fragment {
        Some((id, offset, more)) => fragment(id, offset, more, chain.part)?,
        None => None,
    };
    let l4_offset = l3 + 40 + (payload.len() - chain.rest.len());
    Some(Packet {
        addresses: ipv6_addresses(&header),
        protocol: chain.protocol,
        l4: upper(false, chain.protocol, chain.rest, fragment)?,
        fragment,
        hop_limit: header.hop_limit(),
        ip_len: u32::try_from(40 + payload_len).unwrap(),
        l3_offset: u16::try_from(l3).unwrap(),
        l4_offset: u16::try_from(l4_offset).unwrap(),
    })
}

/// What stands behind the extension headers.
struct Chain<'a> {
    protocol: Protocol,
    rest: &'a [u8],
    /// Identification, offset in bytes, more.
    fragment: Option<(u32, u16, bool)>,
    /// What follows the fragment header.
    part: &'a [u8],
}

fn walk(next: u8, payload: &[u8]) -> Option<Chain<'_>> {
    let mut chain = Chain {
        protocol: Protocol(next),
        rest: payload,
        fragment: None,
        part: &[],
    };
    let mut seen = Vec::new();
    loop {
        let number = chain.protocol.0;
        let (next, len) = match number {
            0 | 43 | 60 | 135 | 139 | 140 => {
                let header = Ipv6RawExtHeaderSlice::from_slice(chain.rest).ok()?;
                (header.next_header().0, header.slice().len())
            }
            // RFC 4302 section 2.2 has 12 bytes of header in front of the check value, so that
            // etherparse refuses a length of 0 (8 bytes). To a walk it is a length like any other.
            51 if chain.rest.get(1) == Some(&0) => (chain.rest[0], 8),
            51 => {
                let header = IpAuthHeaderSlice::from_slice(chain.rest).ok()?;
                (header.next_header().0, header.slice().len())
            }
            44 => {
                let header = Ipv6FragmentHeaderSlice::from_slice(chain.rest).ok()?;
                if header.is_fragmenting_payload() {
                    chain.fragment = Some((
                        header.identification(),
                        header.fragment_offset().byte_offset(),
                        header.more_fragments(),
                    ));
                }
                (header.next_header().0, 8)
            }
            _ => return Some(chain),
        };
        // At most sixteen, and one of them a fragment header.
        if seen.len() == 16 || (number == 44 && seen.contains(&44)) {
            return None;
        }
        seen.push(number);
        chain.protocol = Protocol(next);
        chain.rest = chain.rest.get(len..)?;
        if number == 44 {
            chain.part = chain.rest;
            if chain.fragment.is_some_and(|(_, offset, _)| offset != 0) {
                return Some(chain);
            }
        }
    }
}

/// The fragment that carries `part`, `None` inside where it is all of the datagram; `None` where
/// there can be no such fragment.
fn fragment(id: u32, offset: u16, more: bool, part: &[u8]) -> Option<Option<Fragment>> {
    if offset == 0 && !more {
        return Some(None);
    }
    if more && (part.is_empty() || !part.len().is_multiple_of(8)) {
        return None;
    }
    if usize::from(offset) + part.len() > 65_535 {
        return None;
    }
    let len = u16::try_from(part.len()).ok()?;
    Some(Some(Fragment {
        id,
        offset,
        len,
        more,
    }))
}

fn upper(
    is_ipv4: bool,
    protocol: Protocol,
    payload: &[u8],
    fragment: Option<Fragment>,
) -> Option<L4> {
    if fragment.is_some_and(|fragment| fragment.offset != 0) {
        return Some(L4::LaterFragment);
    }
    let is_whole = fragment.is_none();
    match (protocol, is_ipv4) {
        (Protocol::TCP, _) => tcp(payload, is_whole),
        (Protocol::UDP, _) => {
            let header = UdpHeaderSlice::from_slice(payload).ok()?;
            let len = usize::from(header.length());
            if len < 8 || (is_whole && len > payload.len()) {
                return None;
            }
            Some(L4::Udp {
                sport: header.source_port(),
                dport: header.destination_port(),
            })
        }
        // Icmpv4Slice has a fixed length for timestamps, and Icmpv6Slice 8 bytes for all types.
        (Protocol::ICMP, true) => icmp(payload, 8, &[3, 4, 11, 12], |quote| {
            let header = Ipv4HeaderSlice::from_slice(quote).ok()?;
            let len = header.slice().len();
            let has_ports = quote.len() >= len + 8 || usize::from(header.total_len()) < len + 8;
            has_ports.then_some(())
        }),
        (Protocol::ICMPV6, false) => icmp(payload, 4, &[1, 2, 3, 4], |quote| {
            Ipv6HeaderSlice::from_slice(quote).ok().map(|_| ())
        }),
        _ => Some(L4::Other),
    }
}

fn tcp(payload: &[u8], is_whole: bool) -> Option<L4> {
    if payload.len() < 20 {
        return None;
    }
    // A first fragment may end inside the options.
    let mut payload = payload.to_vec();
    if !is_whole {
        payload.resize(payload.len().max(60), 0);
    }
    let header = TcpHeaderSlice::from_slice(&payload).ok()?;
    let flags = [
        header.fin(),
        header.syn(),
        header.rst(),
        header.psh(),
        header.ack(),
        header.urg(),
        header.ece(),
        header.cwr(),
    ];
    let bits = (0..8).filter(|&bit| flags[bit]).map(|bit| 1 << bit).sum();
    Some(L4::Tcp {
        sport: header.source_port(),
        dport: header.destination_port(),
        flags: TcpFlags(bits),
    })
}

fn icmp(
    payload: &[u8],
    least: usize,
    errors: &[u8],
    check: impl Fn(&[u8]) -> Option<()>,
) -> Option<L4> {
    if payload.len() < least {
        return None;
    }
    if errors.contains(&payload[0]) {
        check(payload.get(8..).unwrap_or_default())?;
    }
    let id = payload.get(4..6);
    Some(L4::Icmp {
        kind: payload[0],
        code: payload[1],
        id: id.map_or(0, |id| u16::from_be_bytes([id[0], id[1]])),
    })
}

/// What an ICMP error with this quote is about, where it can be read to its ports.
pub(crate) fn read_quote(is_ipv4: bool, quote: &[u8]) -> Option<Quote> {
    let (addresses, protocol, rest, is_later) = if is_ipv4 {
        let header = Ipv4HeaderSlice::from_slice(quote).ok()?;
        let is_later = header.fragments_offset().value() != 0;
        let rest = &quote[header.slice().len()..];
        (
            ipv4_addresses(&header),
            Protocol(header.protocol().0),
            rest,
            is_later,
        )
    } else {
        let header = Ipv6HeaderSlice::from_slice(quote).ok()?;
        let chain = walk(header.next_header().0, &quote[40..])?;
        let is_later = chain.fragment.is_some_and(|(_, offset, _)| offset != 0);
        (
            ipv6_addresses(&header),
            chain.protocol,
            chain.rest,
            is_later,
        )
    };
    if is_later {
        return None;
    }
    let number = |at: usize| Some(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
    let l4 = match (protocol, is_ipv4) {
        (Protocol::TCP, _) => L4::Tcp {
            sport: number(0)?,
            dport: number(2)?,
            flags: TcpFlags(0),
        },
        (Protocol::UDP, _) => L4::Udp {
            sport: number(0)?,
            dport: number(2)?,
        },
        (Protocol::ICMP, true) | (Protocol::ICMPV6, false) => L4::Icmp {
            id: number(4)?,
            kind: rest[0],
            code: rest[1],
        },
        _ => L4::Other,
    };
    Some((addresses, protocol, l4))
}

fn ipv4_addresses(header: &Ipv4HeaderSlice<'_>) -> AddressPair {
    AddressPair::V4 {
        src: v4(header.source()),
        dst: v4(header.destination()),
    }
}

fn ipv6_addresses(header: &Ipv6HeaderSlice<'_>) -> AddressPair {
    AddressPair::V6 {
        src: v6(header.source()),
        dst: v6(header.destination()),
    }
}
