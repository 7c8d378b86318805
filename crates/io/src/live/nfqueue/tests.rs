//! Messages from the kernel as they should not be. What they are is tested against a kernel, in `tests/live`.

use proptest::prelude::*;

use super::message::{Message, Request, Writer, first};
use super::packet::Packet;
use crate::live::Heard;

/// A packet message: the type of a verdict message is changed to that of a packet.
fn packet_message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.begin(Request::Verdict, 3);
    for &(kind, value) in attributes {
        writer.attribute(kind, value);
    }
    let mut bytes = writer.bytes().to_vec();
    bytes[4] = 0;
    bytes
}

fn parse(datagram: &[u8]) -> Option<Packet> {
    match first(datagram)? {
        Message::Packet(attributes) => Packet::parse(attributes),
        _ => None,
    }
}

/// Id 258, IPv4, held on the way in.
const HEADER: &[u8] = &[0, 0, 1, 2, 8, 0, 1];

#[test]
fn every_attribute_is_where_it_should_be() {
    let datagram = packet_message(&[
        (1, HEADER),
        (3, &[0, 0, 0, 9]),
        (13, &[0, 1, 0, 0]),
        (14, &[0, 0, 0, 3]),
        (10, &[0x45, 1, 2, 3, 4, 5, 6, 7, 8, 6]),
    ]);
    let packet = parse(&datagram).unwrap();
    assert_eq!((packet.id, packet.mark, packet.wire_len), (258, 9, 65536));
    assert_eq!(packet.heard, Heard::Arriving);
    assert_eq!(
        datagram[packet.at..][..packet.len],
        [0x45, 1, 2, 3, 4, 5, 6, 7, 8, 6]
    );
    assert!(packet.vnet.is_segmented_later());
}

#[test]
fn a_packet_without_a_name_or_with_half_of_one_is_none() {
    assert_eq!(parse(&packet_message(&[(10, &[0x45])])), None);
    assert_eq!(parse(&packet_message(&[(1, &HEADER[..6])])), None);
    assert_eq!(parse(&packet_message(&[(1, &[])])), None);
    let bare = parse(&packet_message(&[(1, HEADER)])).unwrap();
    assert_eq!((bare.len, bare.wire_len), (0, 0));
}

#[test]
fn a_length_that_lies_ends_the_message() {
    let mut datagram = packet_message(&[(1, HEADER), (10, &[0x45, 1, 2, 3])]);
    for length in [0_u16, 3, 200, u16::MAX] {
        datagram[32..34].copy_from_slice(&length.to_ne_bytes()); // That of the payload.
        assert_eq!(parse(&datagram).unwrap().len, 0, "{length}");
    }
    datagram[..4].copy_from_slice(&4000_u32.to_ne_bytes());
    assert_eq!(first(&datagram), None);
    assert_eq!(first(&datagram[..3]), None);
}

#[test]
fn a_packet_is_no_shorter_than_what_is_there_of_it() {
    let datagram = packet_message(&[(1, HEADER), (10, &[0x45; 40]), (13, &[0, 0, 0, 20])]);
    assert_eq!(parse(&datagram).unwrap().wire_len, 40);
}

proptest! {
    #[test]
    fn whatever_comes_is_taken_apart_within_its_bounds(
        mut datagram in prop::collection::vec(any::<u8>(), 0..300),
        packet in any::<bool>(),
    ) {
        if packet && datagram.len() >= 20 {
            let len = u32::try_from(datagram.len()).unwrap();
            datagram[..4].copy_from_slice(&len.to_ne_bytes());
            datagram[4..6].copy_from_slice(&(3_u16 << 8).to_ne_bytes());
        }
        if let Some(packet) = parse(&datagram) {
            prop_assert!(packet.at + packet.len <= datagram.len());
        }
    }
}
