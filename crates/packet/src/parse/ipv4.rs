//! IPv4 (RFC 791 section 3.1).

use std::net::Ipv4Addr;

use crate::error::Fault;
use crate::view::{View, be16, count};
use crate::{
    AddressPair, Family, Fragment, L4, Layer, Packet, ParseError, ParseErrorKind, Parsed, Protocol,
};

use super::l4::{self, FragmentField};

/// Length of the header without options, in bytes.
pub(crate) const HEADER: u16 = 20;

/// The packet that `view` starts with.
#[inline(always)]
pub(super) fn parse(view: View<'_>) -> Result<Parsed, ParseError> {
    let header = view.header::<20>(Layer::Ipv4)?;
    if header[0] >> 4 != 4 {
        return Err(view
            .fault(Layer::Ipv4, ParseErrorKind::Version(header[0] >> 4))
            .into());
    }
    let protocol = Protocol(header[9]);
    let total = be16(header[2], header[3]);
    match payload(view, header, total).and_then(|payload| upper(payload, header, protocol)) {
        Ok(Upper {
            l4,
            fragment,
            l4_offset,
        }) => Ok(Parsed::Ip(Packet {
            addresses: addresses(header),
            protocol,
            l4,
            fragment,
            hop_limit: header[8],
            ip_len: u32::from(total),
            l3_offset: view.offset(),
            l4_offset,
        })),
        Err(fault) => Err(fault.between(addresses(header), Some(protocol))),
    }
}

/// Source and destination of a header.
#[inline(always)]
pub(crate) const fn addresses(header: &[u8; 20]) -> AddressPair {
    let &[.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    AddressPair::V4 {
        src: Ipv4Addr::new(s0, s1, s2, s3),
        dst: Ipv4Addr::new(d0, d1, d2, d3),
    }
}

/// Length of a header with its options, in bytes, as its first byte states it.
#[inline(always)]
pub(crate) const fn header_len(first: u8) -> u16 {
    (first & 0x0F) as u16 * 4
}

/// Flags and offset of a header, where they make it a fragment.
#[inline(always)]
pub(crate) const fn fragment(header: &[u8; 20]) -> Option<FragmentField> {
    // "Don't fragment" and the reserved bit are nobody's business here.
    let position = be16(header[6], header[7]) & 0x3FFF;
    if position == 0 {
        return None;
    }
    Some(FragmentField {
        id: be16(header[4], header[5]) as u32,
        offset: position << 3,
        more: position & 0x2000 != 0,
    })
}

/// What lies behind the header, without the padding behind the packet.
#[inline(always)]
fn payload<'a>(view: View<'a>, header: &[u8; 20], total: u16) -> Result<View<'a>, Fault> {
    let len = header_len(header[0]);
    if len < HEADER {
        return Err(view.fault(Layer::Ipv4, ParseErrorKind::HeaderLength(header[0] & 0x0F)));
    }
    if total < len || usize::from(total) > view.wire() {
        let most = count(view.wire());
        let kind = ParseErrorKind::TotalLength {
            stated: total,
            least: len,
            most,
        };
        return Err(view.fault(Layer::Ipv4, kind));
    }
    view.cut(usize::from(total)).skip(Layer::Ipv4, len)
}

/// The upper layer of a packet.
struct Upper {
    l4: L4,
    fragment: Option<Fragment>,
    l4_offset: u16,
}

#[inline(always)]
fn upper(payload: View<'_>, header: &[u8; 20], protocol: Protocol) -> Result<Upper, Fault> {
    let (l4, fragment) = match fragment(header) {
        None => (l4::parse(Family::V4, protocol, payload, true)?, None),
        Some(field) => l4::parse_fragment(Family::V4, protocol, payload, field, payload)?,
    };
    Ok(Upper {
        l4,
        fragment,
        l4_offset: payload.offset(),
    })
}
