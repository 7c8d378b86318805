//! The parser and the reference read every packet alike, well-formed or damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_packet::{
    Direction, FlowKey, Frame, InterfaceIndex, LinkType, Packet, Parsed, Reading,
};
use secgroup_testkit::frame::{of_ip, to_loop, to_null_big_endian, to_null_little_endian};
use secgroup_testkit::frame::{to_sll, to_sll2, with_extensions, with_vlan};

use crate::build::{damage, damaged, ipv4, ipv6};
use crate::reference;
use crate::{ethernet, whole};

/// Interface of the keys that are compared.
const INTERFACE: InterfaceIndex = InterfaceIndex(3);

/// How far a packet's bytes are from the start of a frame, on each link.
const LINKS: [(LinkType, usize); 5] = [
    (LinkType::Ethernet, 14),
    (LinkType::LinuxSll, 16),
    (LinkType::LinuxSll2, 20),
    (LinkType::Null, 4),
    (LinkType::Loop, 4),
];

/// The frame's packet as the reference reads it, and as the parser does.
fn compare(frame: Frame<'_>, l3: usize) -> Result<bool, TestCaseError> {
    let expected = reference::read(&frame.data[l3..], l3);
    let mut place = Packet::BLANK;
    let reading = frame.read(&mut place);
    prop_assert_eq!(place, expected.unwrap_or(Packet::BLANK));
    prop_assert_eq!(reading == Reading::Ip, expected.is_some());
    match frame.parse() {
        Ok(Parsed::Ip(packet)) => {
            prop_assert_eq!(Some(packet), expected);
            compare_quotes(frame, l3)?;
            Ok(true)
        }
        Ok(Parsed::NotIp(number)) => panic!("not IP: {number}"),
        Err(error) => {
            prop_assert_eq!(None, expected, "{}", error);
            Ok(false)
        }
    }
}

/// The same for the packet that an ICMP error quotes.
fn compare_quotes(frame: Frame<'_>, l3: usize) -> Result<(), TestCaseError> {
    let Ok(Parsed::Ip(packet)) = frame.parse() else {
        return Ok(());
    };
    let is_ipv4 = packet.src().is_ipv4();
    let end = l3 + packet.ip_len as usize;
    let quote = frame.data.get(usize::from(packet.l4_offset) + 8..end);
    let expected = quote
        .filter(|_| packet.is_icmp_error())
        .and_then(|quote| reference::read_quote(is_ipv4, quote))
        .filter(|(addresses, ..)| addresses.src() == packet.dst())
        .and_then(|(addresses, protocol, l4)| {
            FlowKey::new(addresses, protocol, l4, INTERFACE, Direction::Egress)
        });
    let key = packet.quoted_flow_key(&frame, INTERFACE, Direction::Ingress);
    prop_assert_eq!(key, expected);
    Ok(())
}

/// An ICMP error goes to whoever sent what it quotes: makes it so in an IPv4 or IPv6 packet that
/// quotes something.
fn addressed_to_quoted_source(mut ip: Vec<u8>) -> Vec<u8> {
    let frame = of_ip(&ip);
    let Ok(Parsed::Ip(packet)) = ethernet(&frame).parse() else {
        return ip;
    };
    let quote = usize::from(packet.l4_offset) - 14 + 8;
    let (src, dst, len) = if packet.src().is_ipv4() {
        (quote + 12, 16, 4)
    } else {
        (quote + 8, 24, 16)
    };
    if packet.is_icmp_error() && src + len <= ip.len() {
        ip.copy_within(src..src + len, dst);
    }
    ip
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_well_formed_packets(packet in prop_oneof![ipv4(), ipv6()], padding in 0..40_usize) {
        let packet = addressed_to_quoted_source(packet);
        let mut frame = of_ip(&packet);
        frame.resize(frame.len() + padding, 0xEE);
        compare(ethernet(&frame), 14)?;
    }

    #[test]
    fn of_damaged_packets(
        packet in prop_oneof![ipv4(), ipv6()],
        damage in damage(),
        len in prop_oneof![2 => Just(usize::MAX), 1 => 0..200_usize],
    ) {
        let version = packet[0];
        let mut packet = damaged(addressed_to_quoted_source(packet), &damage);
        // The EtherType says one version, and the reference goes by the header.
        packet[0] = version & 0xF0 | packet[0] & 0x0F;
        let mut frame = of_ip(&packet);
        frame.truncate(14 + len.clamp(1, packet.len()));
        compare(ethernet(&frame), 14)?;
    }

    #[test]
    fn of_chains_of_extension_headers(
        packet in ipv6(),
        chain in vec(
            (
                prop_oneof![
                    Just(0), Just(43), Just(51), Just(60), Just(135), Just(139), Just(140),
                ],
                (1..4_usize).prop_map(|words| 8 * words),
            ),
            0..18,
        ),
        damage in damage(),
    ) {
        let frame = of_ip(&packet);
        // The testkit puts headers into a packet that it can read.
        if ethernet(&frame).parse().is_err() {
            return Ok(());
        }
        let frame = with_extensions(frame, &chain);
        let mut ip = damaged(frame[14..].to_vec(), &damage);
        ip[0] = 0x60;
        compare(ethernet(&of_ip(&ip)), 14)?;
    }

    #[test]
    fn behind_every_link_layer(packet in prop_oneof![ipv4(), ipv6()]) {
        let frame = of_ip(&packet);
        // The testkit finds the family in a packet that it can read.
        if ethernet(&frame).parse().is_err() {
            return Ok(());
        }
        let frames = [
            frame.clone(),
            to_sll(&frame),
            to_sll2(&frame),
            to_null_little_endian(&frame),
            to_loop(&frame),
        ];
        for ((link, l3), data) in LINKS.into_iter().zip(&frames) {
            prop_assert!(compare(whole(link, data), l3)?, "{:?}", link);
        }
        prop_assert!(compare(whole(LinkType::Null, &to_null_big_endian(&frame)), 4)?);
        prop_assert!(compare(whole(LinkType::RawIp, &packet), 0)?);
        let version = if packet[0] >> 4 == 4 { LinkType::Ipv4 } else { LinkType::Ipv6 };
        prop_assert!(compare(whole(version, &packet), 0)?);
    }

    #[test]
    fn behind_vlan_tags(
        packet in prop_oneof![ipv4(), ipv6()],
        vids in vec(0..4096_u16, 0..=8),
    ) {
        let frame = vids.iter().fold(of_ip(&packet), |frame, &vid| with_vlan(frame, vid));
        compare(ethernet(&frame), 14 + 4 * vids.len())?;
    }

    /// Of a plain packet the parser takes a short way where it begins with Ethernet, and only there.
    #[test]
    fn on_the_short_way_and_on_the_long(
        packet in ipv4(),
        damage in damage(),
        captured in prop_oneof![2 => Just(usize::MAX), 1 => 0..200_usize],
        beyond in prop_oneof![2 => Just(0), 1 => 1..40_usize, 1 => Just(usize::MAX)],
    ) {
        let mut frame = of_ip(&packet);
        let packet = damaged(packet, &damage);
        frame.truncate(14); // Says IPv4, whatever the header says now.
        frame.extend(&packet);
        let captured = captured.clamp(0, packet.len());
        // As long on the wire as it is, longer than what was captured, or shorter.
        let wire = if beyond == usize::MAX { captured / 2 } else { packet.len() + beyond };
        let short = Frame {
            link: LinkType::Ethernet,
            data: &frame[..14 + captured],
            wire_len: u32::try_from(14 + wire).unwrap(),
        };
        let long = Frame {
            link: LinkType::Ipv4,
            data: &packet[..captured],
            wire_len: u32::try_from(wire).unwrap(),
        };
        match (short.parse(), long.parse()) {
            (Ok(Parsed::Ip(short)), Ok(Parsed::Ip(long))) => {
                prop_assert_eq!(short, Packet {
                    l3_offset: long.l3_offset + 14,
                    l4_offset: long.l4_offset + 14,
                    ..long
                });
            }
            (Err(short), Err(long)) => prop_assert_eq!(short.kind(), long.kind()),
            (short, long) => prop_assert!(false, "{:?} but {:?}", short, long),
        }
    }
}
