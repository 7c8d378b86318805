//! The upper-layer header, and fragments, in which it may be missing (semantics D52).
//!
//! Lengths are judged by what the wire had. Of a snapped header, what a verdict needs must be
//! there: ports and flags of TCP, ports of UDP, type and code of ICMP; every other field is checked
//! where it was captured.

use crate::error::Fault;
use crate::view::{View, be16, count};
use crate::{Family, Fragment, L4, Layer, ParseErrorKind, Protocol, TcpFlags};

use super::quote;

/// The fields that make a packet a fragment, as they stand in the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FragmentField {
    /// Identification of the datagram.
    pub(crate) id: u32,
    /// Offset of the fragment in the datagram, in bytes.
    pub(crate) offset: u16,
    /// More fragments follow.
    pub(crate) more: bool,
}

impl FragmentField {
    /// The fragment that carries `part` of the datagram.
    fn of(self, part: View<'_>) -> Result<Fragment, Fault> {
        // RFC 791 section 3.2, RFC 8200 section 4.5: all but the last are multiples of 8. An empty
        // one says nothing.
        if self.more && (part.wire() == 0 || !part.wire().is_multiple_of(8)) {
            let kind = ParseErrorKind::FragmentLength(count(part.wire()));
            return Err(part.fault(Layer::Fragment, kind));
        }
        let end = usize::from(self.offset) + part.wire();
        match u16::try_from(end) {
            Ok(end) => Ok(Fragment {
                id: self.id,
                offset: self.offset,
                len: end - self.offset,
                more: self.more,
            }),
            Err(_) => Err(part.fault(Layer::Fragment, ParseErrorKind::FragmentEnd(count(end)))),
        }
    }
}

/// The upper layer of a fragment: `payload` is what its headers end with, `part` what it carries of
/// the datagram.
pub(super) fn parse_fragment(
    family: Family,
    protocol: Protocol,
    payload: View<'_>,
    field: FragmentField,
    part: View<'_>,
) -> Result<(L4, Option<Fragment>), Fault> {
    let fragment = field.of(part)?;
    let l4 = match field.offset {
        0 => parse(family, protocol, payload, false)?,
        _ => L4::LaterFragment,
    };
    Ok((l4, Some(fragment)))
}

/// The upper-layer header that `payload` starts with; in a first fragment, the packet is not
/// `whole`.
#[inline(always)]
pub(super) fn parse(
    family: Family,
    protocol: Protocol,
    payload: View<'_>,
    whole: bool,
) -> Result<L4, Fault> {
    match (protocol, family) {
        (Protocol::TCP, _) => tcp(payload, whole),
        (Protocol::UDP, _) => udp(payload, whole),
        (Protocol::ICMP, Family::V4) => icmp(payload),
        (Protocol::ICMPV6, Family::V6) => icmpv6(payload),
        _ => Ok(L4::Other),
    }
}

/// RFC 9293 section 3.1.
#[inline(always)]
fn tcp(payload: View<'_>, whole: bool) -> Result<L4, Fault> {
    payload.require(Layer::Tcp, 20)?;
    // Ports (2 + 2), sequence (4), acknowledgement (4), data offset (4 bits), flags: the rest may
    // be snapped.
    let header = payload.header::<14>(Layer::Tcp)?;
    let words = header[12] >> 4;
    // A first fragment may leave some of the options to the next.
    if words < 5 || (whole && usize::from(words) * 4 > payload.wire()) {
        let kind = ParseErrorKind::DataOffset {
            words,
            had: count(payload.wire()),
        };
        return Err(payload.fault(Layer::Tcp, kind));
    }
    Ok(L4::Tcp {
        sport: be16(header[0], header[1]),
        dport: be16(header[2], header[3]),
        flags: TcpFlags(header[13]),
    })
}

/// RFC 768.
#[inline(always)]
fn udp(payload: View<'_>, whole: bool) -> Result<L4, Fault> {
    payload.require(Layer::Udp, 8)?;
    let header = payload.header::<4>(Layer::Udp)?;
    if let Some(&[.., high, low]) = payload.data().first_chunk::<6>() {
        let stated = be16(high, low);
        // The length is of the whole datagram: more than a first fragment has of it.
        if stated < 8 || (whole && usize::from(stated) > payload.wire()) {
            let kind = ParseErrorKind::UdpLength {
                stated,
                most: count(payload.wire()),
            };
            return Err(payload.fault(Layer::Udp, kind));
        }
    }
    Ok(L4::Udp {
        sport: be16(header[0], header[1]),
        dport: be16(header[2], header[3]),
    })
}

/// RFC 792.
fn icmp(payload: View<'_>) -> Result<L4, Fault> {
    payload.require(Layer::Icmp, 8)?;
    let &[kind, code] = payload.header::<2>(Layer::Icmp)?;
    if quote::is_error(Family::V4, kind) {
        quote::check(Family::V4, payload)?;
    }
    Ok(L4::Icmp {
        kind,
        code,
        id: identifier(payload),
    })
}

/// RFC 4443.
fn icmpv6(payload: View<'_>) -> Result<L4, Fault> {
    payload.require(Layer::Icmpv6, 4)?;
    let &[kind, code] = payload.header::<2>(Layer::Icmpv6)?;
    if quote::is_error(Family::V6, kind) {
        quote::check(Family::V6, payload)?;
    }
    Ok(L4::Icmp {
        kind,
        code,
        id: identifier(payload),
    })
}

/// Bytes 4 and 5, where they were captured.
fn identifier(payload: View<'_>) -> u16 {
    payload
        .data()
        .first_chunk::<6>()
        .map_or(0, |&[.., high, low]| be16(high, low))
}
