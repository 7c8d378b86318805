//! Checksums (semantics D54), apart from the parser: captures of a sending host hold packets whose
//! checksums the network card had yet to fill in, so whether a wrong one counts is the caller's
//! choice.

use etherparse::checksum::Sum16BitWords;

use crate::error::Fault;
use crate::view::{View, be16};
use crate::{AddressPair, Frame, L4, Layer, Packet, ParseError, ParseErrorKind, Protocol};

impl Frame<'_> {
    /// Checks the checksums of `packet`, which is what this frame parsed to: those of the IPv4
    /// header, TCP, UDP (in IPv4, 0 is none), ICMP and ICMPv6.
    ///
    /// Fragments and packets that were snapped are not checked. The addresses covered are those of
    /// the IP header, so an IPv6 packet still on its way along a routing header (RFC 8200 section
    /// 8.1) does not match.
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
    if packet.fragment.is_some() || ip.is_snapped() {
        return Ok(());
    }
    let header = packet.l4_offset.saturating_sub(packet.l3_offset);
    let payload = ip.skip(Layer::Ipv4, header)?;
    if matches!(packet.addresses, AddressPair::V4 { .. }) {
        // RFC 791 section 3.1.
        compare(
            ip.cut(usize::from(header)),
            Layer::Ipv4,
            Sum16BitWords::new(),
            10,
        )?;
    }
    let pseudo = |covered: View<'_>| pseudo_header(packet, covered.wire());
    match (packet.l4, packet.protocol) {
        // RFC 9293 section 3.1.
        (L4::Tcp { .. }, _) => compare(payload, Layer::Tcp, pseudo(payload), 16),
        (L4::Udp { .. }, _) => {
            let &[_, _, _, _, high, low, sum @ ..] = payload.header::<8>(Layer::Udp)?;
            // RFC 768: the sender made none. RFC 8200 section 8.1 allows no such thing.
            if sum == [0, 0] && matches!(packet.addresses, AddressPair::V4 { .. }) {
                return Ok(());
            }
            // The datagram may be shorter than the IP payload (RFC 9868 puts options there).
            let datagram = payload.cut(usize::from(be16(high, low)));
            compare(datagram, Layer::Udp, pseudo(datagram), 6)
        }
        // RFC 792: the message alone.
        (L4::Icmp { .. }, Protocol::ICMP) => compare(payload, Layer::Icmp, Sum16BitWords::new(), 2),
        // RFC 4443 section 2.3.
        (L4::Icmp { .. }, _) => compare(payload, Layer::Icmpv6, pseudo(payload), 2),
        (L4::Other | L4::LaterFragment, _) => Ok(()),
    }
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

/// `covered`, which holds its own checksum at `field`, adds up to all ones with `pseudo` (RFC
/// 1071).
fn compare(
    covered: View<'_>,
    layer: Layer,
    pseudo: Sum16BitWords,
    field: usize,
) -> Result<(), Fault> {
    if pseudo.add_slice(covered.data()).ones_complement() == 0 {
        return Ok(());
    }
    let stated = covered.data().get(field..).and_then(<[u8]>::first_chunk);
    let stated = stated.map_or(0, |&[high, low]| be16(high, low));
    Err(covered.fault(layer, ParseErrorKind::Checksum(stated)))
}
