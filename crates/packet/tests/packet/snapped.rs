//! A frame of which less was captured says the same, or that it was snapped (D54).

use proptest::prelude::*;
use secgroup_packet::{Frame, L4, Layer, LinkType, Packet, ParseErrorKind, Parsed};
use secgroup_testkit::frame::of_ip;

use crate::build::{damage, damaged, ipv4, ipv6};
use crate::ethernet;

/// The bytes of a frame that a verdict depends on: of TCP 14, of UDP 4, of ICMP 2, up to the
/// upper-layer header otherwise.
fn needed(packet: &Packet) -> usize {
    let upper = match packet.l4 {
        L4::Tcp { .. } => 14,
        L4::Udp { .. } => 4,
        L4::Icmp { .. } => 2,
        L4::Other | L4::LaterFragment => 0,
    };
    usize::from(packet.l4_offset) + upper
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn frames_say_the_same_or_that_they_are(
        packet in prop_oneof![ipv4(), ipv6()],
        damage in damage(),
        captured in 0..200_usize,
    ) {
        let data = of_ip(&{
            let version = packet[0] & 0xF0;
            let mut packet = damaged(packet, &damage);
            packet[0] = version | packet[0] & 0x0F;
            packet
        });
        let frame = ethernet(&data);
        let captured = captured.min(data.len());
        let snapped = Frame { data: &data[..captured], ..frame };
        match (snapped.parse(), frame.parse()) {
            (Ok(Parsed::Ip(snapped)), Ok(Parsed::Ip(mut whole))) => {
                prop_assert!(captured >= needed(&whole));
                if let L4::Icmp { id, .. } = &mut whole.l4
                    && captured < usize::from(whole.l4_offset) + 6
                {
                    *id = 0;
                }
                prop_assert_eq!(snapped, whole);
            }
            (Err(error), Ok(Parsed::Ip(whole))) => {
                prop_assert!(captured < needed(&whole), "{}", error);
                let is_snapped = matches!(error.kind(), ParseErrorKind::Snapped { .. });
                prop_assert!(is_snapped, "{}", error);
            }
            // A UDP length or a quote that was snapped away is not judged.
            (Ok(Parsed::Ip(snapped)), Err(error)) => {
                let unseen = match error.layer() {
                    Layer::Udp => captured < usize::from(snapped.l4_offset) + 6,
                    Layer::IcmpQuote => true,
                    _ => false,
                };
                prop_assert!(unseen, "{}", error);
            }
            (Err(_), Err(_)) => {}
            (snapped, whole) => panic!("{snapped:?} of {whole:?}"),
        }
    }

    #[test]
    fn frames_that_ended_on_the_wire_are_malformed(
        packet in prop_oneof![ipv4(), ipv6()],
        len in 0..200_usize,
        padding in 0..50_usize,
    ) {
        let mut data = of_ip(&packet);
        let Ok(Parsed::Ip(packet)) = ethernet(&data).parse() else { return Ok(()) };
        let end = data.len();
        data.resize(end + padding, 0xAA);
        prop_assert_eq!(ethernet(&data).parse(), Ok(Parsed::Ip(packet)));
        let len = len.min(end - 1);
        let error = ethernet(&data[..len]).parse().unwrap_err();
        let is_snapped = matches!(error.kind(), ParseErrorKind::Snapped { .. });
        prop_assert!(!is_snapped, "{}", error);
        // Bytes behind the length on the wire were never sent.
        let wire_len = u32::try_from(len).unwrap();
        let lying = Frame { link: LinkType::Ethernet, data: &data, wire_len };
        prop_assert_eq!(lying.parse(), ethernet(&data[..len]).parse());
    }
}
