//! Checksums (semantics D54), apart from the parser: captures of a sending host hold packets whose
//! checksums the network card had yet to fill in, so whether a wrong one counts is the caller's
//! choice.

use etherparse::checksum::Sum16BitWords;

use crate::error::Fault;
use crate::parse::extensions;
use crate::view::{View, be16};
use crate::{AddressPair, Frame, L4, Layer, Packet, ParseError, ParseErrorKind, Protocol};

impl Frame<'_> {
    /// Checks the checksums of `packet`, which is what this frame parsed to.
    ///
    /// The IPv4 header's; in a packet that is no fragment also that of TCP, UDP (0 is none, in
    /// IPv4), ICMP and ICMPv6. A packet that was snapped is not checked. Neither is the upper layer
    /// of an IPv6 packet that is on its way along a source route or away from home: the address
    /// that its checksum covers is not the header's.
    ///
    /// # Errors
    ///
    /// The outermost checksum that does not match.
    pub fn verify_checksums(&self, packet: &Packet) -> Result<(), ParseError> {
        match verify(self, packet) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.between(packet.addresses, Some(packet.protocol))),
        }
    }
}

fn verify(frame: &Frame<'_>, packet: &Packet) -> Result<(), Fault> {
    let ip = View::of(frame)
        .skip(Layer::Ipv4, packet.l3_offset)?
        .cut(packet.ip_len as usize);
    if ip.is_snapped() {
        return Ok(());
    }
    let headers = packet.l4_offset.saturating_sub(packet.l3_offset);
    let payload = ip.skip(Layer::Ipv4, headers)?;
    let headers = ip.cut(usize::from(headers));
    let is_covered_by_header = match packet.addresses {
        AddressPair::V4 { .. } => {
            // RFC 791 section 3.1.
            let sum = Sum16BitWords::new().add_slice(headers.data());
            compare(headers, Layer::Ipv4, &sum, 10)?;
            true
        }
        AddressPair::V6 { .. } => has_final_addresses(headers.data()),
    };
    if packet.fragment.is_some() || !is_covered_by_header {
        return Ok(());
    }
    verify_upper(packet, payload)
}

fn verify_upper(packet: &Packet, payload: View<'_>) -> Result<(), Fault> {
    let whole = |field| (payload, field);
    let (layer, (covered, field)) = match (packet.l4, packet.protocol) {
        // RFC 9293 section 3.1.
        (L4::Tcp { .. }, _) => (Layer::Tcp, whole(16)),
        (L4::Udp { .. }, _) => {
            let &[_, _, _, _, high, low, sum @ ..] = payload.header::<8>(Layer::Udp)?;
            // RFC 768: the sender made none. RFC 8200 section 8.1 has no such thing: there, it is a
            // wrong one.
            if sum == [0, 0] {
                return match packet.addresses {
                    AddressPair::V4 { .. } => Ok(()),
                    AddressPair::V6 { .. } => Err(mismatch(payload, Layer::Udp, 0)),
                };
            }
            // The datagram may be shorter than the IP payload (RFC 9868 puts options there).
            (Layer::Udp, (payload.cut(usize::from(be16(high, low))), 6))
        }
        // RFC 792: the message alone.
        (L4::Icmp { .. }, Protocol::ICMP) => {
            let sum = Sum16BitWords::new().add_slice(payload.data());
            return compare(payload, Layer::Icmp, &sum, 2);
        }
        // RFC 4443 section 2.3.
        (L4::Icmp { .. }, _) => (Layer::Icmpv6, whole(2)),
        (L4::Other | L4::LaterFragment, _) => return Ok(()),
    };
    let sum = pseudo_header(packet, covered.wire()).add_slice(covered.data());
    compare(covered, layer, &sum, field)
}

/// What an upper-layer checksum covers of the IP header (RFC 9293 section 3.1, RFC 8200 section
/// 8.1).
fn pseudo_header(packet: &Packet, len: usize) -> Sum16BitWords {
    let mut sum = Sum16BitWords::new();
    sum = match packet.addresses {
        AddressPair::V4 { src, dst } => sum.add_4bytes(src.octets()).add_4bytes(dst.octets()),
        AddressPair::V6 { src, dst } => sum.add_16bytes(src.octets()).add_16bytes(dst.octets()),
    };
    // Written in 2 or 4 bytes, a length has the same sum.
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    sum.add_4bytes(len.to_be_bytes())
        .add_2bytes([0, packet.protocol.0])
}

/// `sum`, of bytes that hold their own checksum at `field`, is that of an undamaged packet: all
/// ones (RFC 1071).
fn compare(view: View<'_>, layer: Layer, sum: &Sum16BitWords, field: usize) -> Result<(), Fault> {
    if sum.ones_complement() == 0 {
        return Ok(());
    }
    let stated = view.data().get(field..).and_then(<[u8]>::first_chunk);
    Err(mismatch(
        view,
        layer,
        stated.map_or(0, |&[high, low]| be16(high, low)),
    ))
}

fn mismatch(view: View<'_>, layer: Layer, stated: u16) -> Fault {
    view.fault(layer, ParseErrorKind::Checksum(stated))
}

/// Whether the addresses of an IPv6 header are those of the two ends, as the upper layer knows
/// them.
///
/// They are not where a routing header has segments left (the last one is the destination, RFC 8200
/// section 8.1) or a destination options header holds a home address (it is the source, RFC 6275
/// section 6.3).
fn has_final_addresses(headers: &[u8]) -> bool {
    let (Some(&[.., next, _]), Some(mut rest)) = (headers.first_chunk::<8>(), headers.get(40..))
    else {
        return true;
    };
    let mut next = next;
    while let Some(&[after, len, _, segments_left]) = rest.first_chunk() {
        let len = usize::from(extensions::extension_len(next, len));
        let Some((header, behind)) = rest.split_at_checked(len) else {
            return true;
        };
        match next {
            extensions::ROUTING if segments_left != 0 => return false,
            extensions::DESTINATION if has_home_address(&header[2..]) => return false,
            _ => {}
        }
        (next, rest) = (after, behind);
    }
    true
}

/// Whether a home address (201) is among destination options: type (1), length (1), value; but Pad1
/// (0) is one byte.
fn has_home_address(mut options: &[u8]) -> bool {
    while let Some((&kind, rest)) = options.split_first() {
        options = match (kind, rest.split_first()) {
            (201, _) => return true,
            (0, _) => rest,
            (_, Some((&len, rest))) => rest.get(usize::from(len)..).unwrap_or_default(),
            (_, None) => return false,
        };
    }
    false
}
