//! Checksums are right, wrong or not there (D54).

use proptest::prelude::*;
use secgroup_packet::{Frame, L4, Layer, LinkType, ParseError, ParseErrorKind, Parsed};
use secgroup_testkit::checksum;
use secgroup_testkit::frame::{
    icmp, layers, of_ip, padded, patch_ip, patch_l4, piece, ping, raw_proto, tcp, udp,
    with_extensions, with_ipv4_options,
};

use crate::build::{ipv4, ipv6};
use crate::{ethernet, packet};

fn verify(frame: Frame<'_>) -> Result<(), ParseError> {
    frame.verify_checksums(&packet(frame))
}

/// The layer whose checksum is wrong.
fn wrong(data: &[u8]) -> Option<Layer> {
    let error = verify(ethernet(data)).err()?;
    assert!(matches!(error.kind(), ParseErrorKind::Checksum(_)));
    assert_eq!(error.addresses(), Some(packet(ethernet(data)).addresses));
    Some(error.layer())
}

fn frames() -> Vec<(Vec<u8>, Layer)> {
    let udp6 = udp("[2001:db8::1]:53", "[2001:db8::2]:4000", b"odd");
    vec![
        (tcp("10.0.0.1:1", "10.0.0.2:2", "S", b"odd"), Layer::Tcp),
        (
            tcp("[2001:db8::1]:1", "[2001:db8::2]:2", "S", b"even"),
            Layer::Tcp,
        ),
        (udp("10.0.0.1:53", "10.0.0.2:4000", b"odd"), Layer::Udp),
        (udp6.clone(), Layer::Udp),
        (ping("10.0.0.1", "10.0.0.2", 7, 1), Layer::Icmp),
        (ping("2001:db8::1", "2001:db8::2", 7, 1), Layer::Icmpv6),
        (
            icmp("10.0.0.1", "10.0.0.2", 5, 1, [10, 0, 0, 3], b"odd"),
            Layer::Icmp,
        ),
        (
            with_extensions(udp6, &[(0, 8), (44, 8), (60, 16)]),
            Layer::Udp,
        ),
        (
            with_ipv4_options(tcp("10.0.0.1:1", "10.0.0.2:2", "A", b""), &[1; 8]),
            Layer::Tcp,
        ),
    ]
}

#[test]
fn right_ones_are_right() {
    for (frame, layer) in frames() {
        assert!(checksum::is_valid(&frame), "{layer}");
        assert_eq!(wrong(&frame), None, "{layer}");
        assert_eq!(wrong(&padded(frame, 200)), None, "{layer}");
    }
    assert_eq!(
        wrong(&raw_proto("10.0.0.1", "10.0.0.2", 47, b"anything")),
        None
    );
}

#[test]
fn each_layer_has_its_own() {
    for (frame, layer) in frames() {
        let at = layers(&frame);
        let last = at.end - at.l4 - 1;
        let flipped = frame[at.end - 1] ^ 1;
        assert_eq!(
            wrong(&patch_l4(frame.clone(), last, &[flipped])),
            Some(layer)
        );
        if at.is_ipv4() {
            let ttl = frame[at.l3 + 8] ^ 1;
            assert_eq!(wrong(&patch_ip(frame, 8, &[ttl])), Some(Layer::Ipv4));
        }
    }
}

#[test]
fn the_error_names_the_value() {
    let frame = patch_ip(tcp("10.0.0.1:1", "10.0.0.2:2", "S", b""), 10, &[0xBE, 0xEF]);
    let error = verify(ethernet(&frame)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ipv4 at byte 14: checksum 0xbeef does not match"
    );
}

/// RFC 768: a checksum of 0 is none. RFC 8200 section 8.1: not in IPv6.
#[test]
fn udp_over_ipv4_may_have_none() {
    let v4 = udp("10.0.0.1:53", "10.0.0.2:4000", b"odd");
    assert_eq!(wrong(&patch_l4(v4, 6, &[0, 0])), None);
    let v6 = udp("[2001:db8::1]:53", "[2001:db8::2]:4000", b"odd");
    assert_eq!(wrong(&patch_l4(v6, 6, &[0, 0])), Some(Layer::Udp));
}

/// RFC 9868 puts options between the end of a datagram and that of its packet.
#[test]
fn a_datagram_may_be_shorter_than_its_packet() {
    let datagram = udp("10.0.0.1:53", "10.0.0.2:4000", b"four");
    let surplus = [&datagram[14..], &[0xEE; 5]].concat();
    let total = u16::try_from(surplus.len()).unwrap().to_be_bytes();
    let longer = checksum::refreshed_header(patch_ip(of_ip(&surplus), 2, &total));
    assert_eq!(wrong(&longer), None);
}

#[test]
fn fragments_and_snapped_packets_are_not_checked() {
    let datagram = udp("10.0.0.1:53", "10.0.0.2:4000", &[1; 64]);
    for range in [0..32, 32..72] {
        let more = range.start == 0;
        let fragment = patch_ip(piece(&datagram, 1, range, more), 10, &[0xBE, 0xEF]);
        assert_eq!(wrong(&fragment), None);
    }
    let damaged = patch_l4(datagram, 6, &[0xBE, 0xEF]);
    let snapped = Frame {
        data: &damaged[..damaged.len() - 1],
        ..ethernet(&damaged)
    };
    assert_eq!(verify(snapped), Ok(()));
    // Padding that was snapped away is no part of the packet.
    let padded = padded(damaged.clone(), 200);
    let snapped = Frame {
        data: &padded[..damaged.len()],
        ..ethernet(&padded)
    };
    assert!(verify(snapped).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What `etherparse` builds is right, and with any one bit changed of what is covered, wrong.
    #[test]
    fn one_bit_is_enough(
        packet in prop_oneof![ipv4(), ipv6()],
        bit in any::<prop::sample::Index>(),
    ) {
        let frame = crate::whole(LinkType::RawIp, &packet);
        let Ok(Parsed::Ip(parsed)) = frame.parse() else { return Ok(()) };
        prop_assert_eq!(frame.verify_checksums(&parsed), Ok(()));
        let is_ipv4 = packet[0] >> 4 == 4;
        let has_checksum = !matches!(parsed.l4, L4::Other);
        // The IPv4 header, or the IPv6 addresses; and the upper layer.
        let l4 = usize::from(parsed.l4_offset);
        let header = if is_ipv4 { 0..l4 } else { 8..40 };
        let upper = if has_checksum { l4..packet.len() } else { 0..0 };
        let covered: Vec<usize> = header.filter(|_| is_ipv4 || has_checksum).chain(upper).collect();
        if covered.is_empty() || parsed.fragment.is_some() {
            return Ok(());
        }
        let bit = bit.index(covered.len() * 8);
        let mut changed = packet.clone();
        changed[covered[bit / 8]] ^= 1 << (bit % 8);
        let frame = crate::whole(LinkType::RawIp, &changed);
        // A length, a version or a fragment flag says something else about what is covered.
        let Ok(Parsed::Ip(parsed)) = frame.parse() else { return Ok(()) };
        let is_udp = matches!(parsed.l4, L4::Udp { .. });
        let is_udp_length = is_udp && (l4 + 4..l4 + 6).contains(&covered[bit / 8]);
        if parsed.fragment.is_some() || is_udp_length {
            return Ok(());
        }
        let no_checksum = is_udp
            && is_ipv4
            && changed[l4 + 6..l4 + 8] == [0, 0];
        prop_assert_eq!(frame.verify_checksums(&parsed).is_err(), !no_checksum);
    }
}
