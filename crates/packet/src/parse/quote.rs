//! The packet that an ICMP error quotes: whether it is one, and which connection it belonged to
//! (semantics D48, D49).
//!
//! A quote is the beginning of a packet, cut short by whoever sent the error (RFC 792: 8 bytes
//! behind the IP header at least; RFC 4443 section 2.4: as much as fits). So a quote is as long as
//! it is there, whatever lengths are written in it.

use crate::error::Fault;
use crate::view::{View, be16};
use crate::{
    AddressPair, Direction, Family, FlowKey, Frame, InterfaceIndex, L4, Layer, Packet,
    ParseErrorKind, Protocol, TcpFlags,
};

use super::{extensions, ipv4, ipv6};

/// Length of the ICMP header in front of a quote, in bytes, in both families.
const ICMP_HEADER: u16 = 8;

/// Whether an ICMP message of type `kind` quotes the packet that it complains about (semantics
/// D48): destination unreachable, source quench, time exceeded, parameter problem; ICMPv6 also
/// packet too big.
pub(super) const fn is_error(family: Family, kind: u8) -> bool {
    match family {
        Family::V4 => matches!(kind, 3 | 4 | 11 | 12),
        Family::V6 => matches!(kind, 1..=4),
    }
}

/// The ICMP error quotes something that can be the beginning of a packet. Of a snapped one nobody
/// can tell.
#[cold]
pub(super) fn check(family: Family, icmp: View<'_>) -> Result<(), Fault> {
    if icmp.is_snapped() {
        return Ok(());
    }
    let quote = icmp.skip(Layer::IcmpQuote, ICMP_HEADER)?;
    match family {
        Family::V4 => check_ipv4(quote),
        Family::V6 => {
            let header = quote.header::<40>(Layer::IcmpQuote)?;
            check_version(quote, header[0], 6)
        }
    }
}

fn check_ipv4(quote: View<'_>) -> Result<(), Fault> {
    let header = quote.header::<20>(Layer::IcmpQuote)?;
    check_version(quote, header[0], 4)?;
    let len = ipv4::header_len(header[0]);
    if len < ipv4::HEADER {
        let kind = ParseErrorKind::HeaderLength(header[0] & 0x0F);
        return Err(quote.fault(Layer::IcmpQuote, kind));
    }
    // RFC 792: "the original datagram's first 64 bits", where it had them.
    let had_them = be16(header[2], header[3]) >= len + 8;
    let needed = if had_them { len + 8 } else { len };
    quote.require(Layer::IcmpQuote, usize::from(needed))
}

fn check_version(quote: View<'_>, first: u8, expected: u8) -> Result<(), Fault> {
    if first >> 4 == expected {
        return Ok(());
    }
    Err(quote.fault(Layer::IcmpQuote, ParseErrorKind::Version(first >> 4)))
}

impl Packet {
    /// Whether this is an ICMP or ICMPv6 error, which quotes the packet that caused it.
    #[must_use]
    pub const fn is_icmp_error(&self) -> bool {
        match self.l4 {
            L4::Icmp { kind, .. } => is_error(self.family(), kind),
            _ => false,
        }
    }

    /// The key of the connection that the packet quoted in this ICMP error belonged to.
    ///
    /// `self` is what `frame` parsed to, crossing `interface` in `direction`; the quoted packet
    /// crossed it the other way. There is no key where this is no error, where the quote was not
    /// sent by the destination of the error (semantics D49), and where the quoted packet has none:
    /// a later fragment, an unpaired ICMP type, ports that are not there.
    #[must_use]
    pub fn quoted_flow_key(
        &self,
        frame: &Frame<'_>,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Option<FlowKey> {
        if !self.is_icmp_error() {
            return None;
        }
        let ip = View::of(frame)
            .skip(Layer::IcmpQuote, self.l3_offset)
            .ok()?;
        let header = self
            .l4_offset
            .checked_sub(self.l3_offset)?
            .checked_add(ICMP_HEADER)?;
        let quote = ip
            .cut(self.ip_len as usize)
            .skip(Layer::IcmpQuote, header)
            .ok()?;
        let (addresses, protocol, l4) = match self.family() {
            Family::V4 => quoted_ipv4(quote)?,
            Family::V6 => quoted_ipv6(quote)?,
        };
        if addresses.src() != self.dst() {
            return None;
        }
        FlowKey::new(addresses, protocol, l4, interface, direction.reverse())
    }
}

fn quoted_ipv4(quote: View<'_>) -> Option<(AddressPair, Protocol, L4)> {
    let header = quote.header::<20>(Layer::IcmpQuote).ok()?;
    let len = ipv4::header_len(header[0]);
    if header[0] >> 4 != 4 || len < ipv4::HEADER {
        return None;
    }
    let payload = quote.skip(Layer::IcmpQuote, len).ok()?;
    let protocol = Protocol(header[9]);
    let is_later = ipv4::fragment(header).is_some_and(|field| field.offset != 0);
    let l4 = quoted_l4(Family::V4, protocol, payload, is_later)?;
    Some((ipv4::addresses(header), protocol, l4))
}

fn quoted_ipv6(quote: View<'_>) -> Option<(AddressPair, Protocol, L4)> {
    let header = quote.header::<40>(Layer::IcmpQuote).ok()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let payload = quote.skip(Layer::IcmpQuote, ipv6::HEADER).ok()?;
    let upper = extensions::walk(header[6], payload).ok()?;
    let is_later = upper.fragment.is_some_and(|(field, _)| field.offset != 0);
    let l4 = quoted_l4(Family::V6, upper.protocol, upper.payload, is_later)?;
    Some((ipv6::addresses(header), upper.protocol, l4))
}

/// The fields of a quoted upper-layer header that are part of a key: ports (4 bytes), or type, code
/// and identifier of ICMP (6 bytes).
fn quoted_l4(family: Family, protocol: Protocol, payload: View<'_>, is_later: bool) -> Option<L4> {
    if is_later {
        return Some(L4::LaterFragment);
    }
    let data = payload.data();
    match (protocol, family) {
        (Protocol::TCP | Protocol::UDP, _) => {
            let &[s0, s1, d0, d1] = data.first_chunk()?;
            let (sport, dport) = (be16(s0, s1), be16(d0, d1));
            Some(match protocol {
                Protocol::TCP => L4::Tcp {
                    sport,
                    dport,
                    flags: TcpFlags::default(),
                },
                _ => L4::Udp { sport, dport },
            })
        }
        (Protocol::ICMP, Family::V4) | (Protocol::ICMPV6, Family::V6) => {
            let &[kind, code, _, _, high, low] = data.first_chunk()?;
            Some(L4::Icmp {
                kind,
                code,
                id: be16(high, low),
            })
        }
        _ => Some(L4::Other),
    }
}
