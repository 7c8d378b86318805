//! IPv6 (RFC 8200 section 3).

use std::net::Ipv6Addr;

use crate::error::Fault;
use crate::view::{View, be16, count};
use crate::{AddressPair, Family, Layer, Packet, ParseError, ParseErrorKind, Parsed};

use super::extensions::walk;
use super::l4;

/// Length of the header, in bytes.
pub(crate) const HEADER: u16 = 40;

/// The packet that `view` starts with.
#[inline(always)]
pub(super) fn parse(view: View<'_>) -> Result<Parsed, ParseError> {
    let header = view.header::<40>(Layer::Ipv6)?;
    if header[0] >> 4 != 6 {
        return Err(view
            .fault(Layer::Ipv6, ParseErrorKind::Version(header[0] >> 4))
            .into());
    }
    let upper = match payload(view, header).and_then(|payload| walk(header[6], payload)) {
        Ok(upper) => upper,
        Err(fault) => return Err(fault.between(addresses(header), None)),
    };
    let l4 = match upper.fragment {
        None => l4::parse(Family::V6, upper.protocol, upper.payload, true).map(|l4| (l4, None)),
        Some((field, part)) => {
            l4::parse_fragment(Family::V6, upper.protocol, upper.payload, field, part)
        }
    };
    match l4 {
        Ok((l4, fragment)) => Ok(Parsed::Ip(Packet {
            addresses: addresses(header),
            protocol: upper.protocol,
            l4,
            fragment,
            hop_limit: header[7],
            ip_len: u32::from(HEADER) + u32::from(be16(header[4], header[5])),
            l3_offset: view.offset(),
            l4_offset: upper.payload.offset(),
        })),
        Err(fault) => Err(fault.between(addresses(header), Some(upper.protocol))),
    }
}

/// Source and destination of a header.
#[inline(always)]
pub(crate) fn addresses(header: &[u8; 40]) -> AddressPair {
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    src.copy_from_slice(&header[8..24]);
    dst.copy_from_slice(&header[24..40]);
    AddressPair::V6 {
        src: Ipv6Addr::from(src),
        dst: Ipv6Addr::from(dst),
    }
}

/// What lies behind the header, without the padding behind the packet.
///
/// A jumbogram (RFC 2675) states a length of 0 and carries its own in a hop-by-hop header, which
/// the walk then misses.
#[inline(always)]
fn payload<'a>(view: View<'a>, header: &[u8; 40]) -> Result<View<'a>, Fault> {
    let stated = be16(header[4], header[5]);
    let payload = view.skip(Layer::Ipv6, HEADER)?;
    if usize::from(stated) > payload.wire() {
        let kind = ParseErrorKind::PayloadLength {
            stated,
            had: count(payload.wire()),
        };
        return Err(view.fault(Layer::Ipv6, kind));
    }
    Ok(payload.cut(usize::from(stated)))
}
