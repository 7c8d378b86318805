//! The frames are read back by etherparse, and summed by [`crate::checksum`], which shares nothing
//! with it.

use std::collections::BTreeSet;

use etherparse::defrag::IpDefragPool;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::*;
use crate::checksum::{self, is_valid};
use crate::rng::Rng;

const CLIENT: &str = "203.0.113.7:40000";
const SERVER: &str = "10.0.1.10:22";
const CLIENT6: &str = "[2001:db8:1::7]:40000";
const SERVER6: &str = "[2001:db8:a::10]:22";

#[track_caller]
fn sliced(frame: &[u8]) -> SlicedPacket<'_> {
    SlicedPacket::from_ethernet(frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"))
}

/// One of each kind that has a checksum, over both families.
fn one_of_each() -> Vec<Vec<u8>> {
    vec![
        tcp(CLIENT, SERVER, "S", b""),
        tcp(CLIENT6, SERVER6, "PA", b"SSH-2.0"),
        udp(CLIENT, "10.0.1.10:53", b"odd"),
        udp(CLIENT6, "[2001:db8:a::10]:53", b""),
        ping("203.0.113.7", "10.0.1.10", 7, 1),
        pong("2001:db8:a::10", "2001:db8:1::7", 7, 1),
        icmp("203.0.113.7", "10.0.1.10", 13, 0, [0, 7, 0, 1], &[0; 12]),
        icmp6("fe80::1", "ff02::1:ff00:10", 135, 0, [0; 4], &[0; 16]),
        raw_proto("203.0.113.7", "10.0.1.10", 47, b"\0\0\x08\0 inside"),
        raw_proto("2001:db8:1::7", "2001:db8:a::10", 132, b"sctp"),
    ]
}

#[test]
fn a_tcp_segment_says_what_was_asked() {
    let numbers = TcpNumbers {
        seq: 5,
        ack: 9,
        window: 77,
    };
    let frame = tcp_numbered(CLIENT6, SERVER6, "SAPUEC", numbers, b"hello");
    let packet = sliced(&frame);
    let Some(TransportSlice::Tcp(segment)) = packet.transport else {
        panic!("no TCP")
    };
    assert_eq!(
        (segment.source_port(), segment.destination_port()),
        (40000, 22)
    );
    assert_eq!(
        (segment.sequence_number(), segment.acknowledgment_number()),
        (5, 9)
    );
    assert_eq!(
        (segment.window_size(), segment.payload()),
        (77, &b"hello"[..])
    );
    let flags = [
        segment.syn(),
        segment.ack(),
        segment.psh(),
        segment.urg(),
        segment.ece(),
    ];
    assert_eq!(flags, [true; 5]);
    assert!(segment.cwr() && !segment.fin() && !segment.rst());
    let Some(NetSlice::Ipv6(header)) = packet.net else {
        panic!("no IPv6")
    };
    assert_eq!(header.header().source_addr().to_string(), "2001:db8:1::7");
    assert_eq!(
        header.header().destination_addr().to_string(),
        "2001:db8:a::10"
    );
    assert_eq!(header.header().hop_limit(), HOP_LIMIT);
}

#[test]
fn no_flags_and_each_flag_alone() {
    for (text, bits) in [
        ("-", 0),
        ("F", 1),
        ("S", 2),
        ("R", 4),
        ("P", 8),
        ("A", 16),
        ("U", 32),
    ] {
        let frame = tcp(CLIENT, SERVER, text, b"");
        assert_eq!(frame[layers(&frame).l4 + 13], bits, "flags {text}");
    }
}

#[test]
fn checksums_are_right_as_built_and_a_flipped_bit_makes_them_wrong() {
    for frame in one_of_each() {
        assert!(is_valid(&frame), "{frame:02x?}");
        assert_eq!(checksum::refreshed(frame.clone()), frame);
        let at = layers(&frame);
        if !matches!(at.protocol, 47 | 132) {
            let mut wrong = frame.clone();
            wrong[at.end - 1] ^= 1;
            assert!(!is_valid(&wrong), "{frame:02x?}");
            assert_eq!(
                checksum::refreshed(checksum::refreshed(wrong.clone())).len(),
                frame.len()
            );
            assert!(is_valid(&checksum::refreshed(wrong)));
        }
    }
}

#[test]
fn layers_are_where_etherparse_finds_them() {
    for frame in one_of_each() {
        let frame = padded(with_qinq(frame, 100, 7), 128);
        let (at, packet) = (layers(&frame), sliced(&frame));
        let payload = packet.ip_payload().unwrap();
        assert_eq!(&frame[at.l4..at.end], payload.payload);
        assert_eq!(
            (at.protocol, at.fragment),
            (payload.ip_number.0, payload.fragmented)
        );
    }
}

#[test]
fn tags_keep_the_packet_and_say_their_vlan() {
    let frame = tcp(CLIENT, SERVER, "S", b"");
    let tagged = with_qinq(frame.clone(), 100, 7);
    let ids: Vec<u16> = sliced(&tagged)
        .vlan_ids()
        .iter()
        .map(|id| id.value())
        .collect();
    assert_eq!(ids, [100, 7]);
    assert_eq!(ip(&tagged), ip(&frame));
    assert_eq!(ip(&padded(frame.clone(), 60)), ip(&frame));
    assert_eq!(sliced(&with_vlan(frame, 4095)).vlan_ids().len(), 1);
}

#[test]
fn options_and_extension_headers_leave_the_packet_whole() {
    let frame = with_ipv4_options(tcp(CLIENT, SERVER, "S", b"x"), &[7, 7, 4, 0, 0, 0, 0]);
    assert!(is_valid(&frame));
    assert_eq!(layers(&frame).l4 - layers(&frame).l3, 28);
    assert!(matches!(
        sliced(&frame).transport,
        Some(TransportSlice::Tcp(_))
    ));

    let chain = [(0, 16), (60, 8), (43, 24), (44, 8), (51, 16), (60, 2048)];
    let frame = with_extensions(tcp(CLIENT6, SERVER6, "S", b"x"), &chain);
    assert!(is_valid(&frame));
    let at = layers(&frame);
    assert_eq!(
        at.l4 - at.l3 - 40,
        chain.iter().map(|(_, length)| length).sum::<usize>()
    );
    assert!(
        !at.fragment,
        "a fragment header without offset and more is atomic"
    );
    let packet = sliced(&frame);
    let Some(TransportSlice::Tcp(segment)) = packet.transport else {
        panic!("no TCP")
    };
    assert_eq!(
        (segment.destination_port(), segment.payload()),
        (22, &b"x"[..])
    );
}

#[test]
fn hop_limit_and_identification() {
    let frame = with_ip_id(with_hop_limit(tcp(CLIENT, SERVER, "S", b""), 255), 0xbeef);
    let packet = sliced(&frame);
    let Some(NetSlice::Ipv4(header)) = packet.net else {
        panic!("no IPv4")
    };
    assert_eq!(
        (header.header().ttl(), header.header().identification()),
        (255, 0xbeef)
    );
    assert!(is_valid(&frame));
    let frame = with_hop_limit(icmp6("fe80::1", "ff02::1", 134, 0, [0; 4], b""), 255);
    assert_eq!(frame[14 + 7], 255);
}

/// Reassembles with etherparse, in a random order, and compares with the packet before it was cut.
#[test]
fn fragments_reassemble_to_the_original() {
    let mut rng = Rng::new(20);
    for round in 0..200 {
        let payload = rng.bytes(500);
        let v4 = round % 2 == 0;
        let whole = if v4 {
            tcp(CLIENT, SERVER, "PA", &payload)
        } else {
            let chain: &[(u8, usize)] = if rng.chance(1, 2) {
                &[(0, 8), (43, 8)]
            } else {
                &[]
            };
            with_extensions(udp(CLIENT6, SERVER6, &payload), chain)
        };
        let mut cuts: Vec<usize> = (1..60)
            .filter(|_| rng.chance(1, 10))
            .map(|n| n * 8)
            .collect();
        cuts.push(480);
        let mut pieces = fragments(&whole, &cuts);
        assert_eq!(pieces.len(), cuts.len() + 1);
        for index in (1..pieces.len()).rev() {
            let bound = u64::try_from(index).unwrap() + 1;
            pieces.swap(index, usize::try_from(rng.below(bound)).unwrap());
        }

        let mut pool = IpDefragPool::<u64, ()>::new();
        let mut done = None;
        for piece in &pieces {
            assert!(layers(piece).fragment && is_valid(piece));
            assert!(done.is_none(), "complete before the last piece");
            done = pool.process_sliced_packet(&sliced(piece), 0, ()).unwrap();
        }
        let original = sliced(&whole);
        let original = original.ip_payload().unwrap();
        let done = done.expect("complete with the last piece");
        assert_eq!(
            (done.ip_number, &done.payload[..]),
            (original.ip_number, original.payload)
        );
    }
}

#[test]
fn a_piece_may_lie_beyond_the_payload() {
    let frame = udp(CLIENT, "10.0.1.10:53", b"12345678");
    let late = piece(&frame, 7, 984..1000, false);
    let packet = sliced(&late);
    let Some(NetSlice::Ipv4(header)) = packet.net else {
        panic!("no IPv4")
    };
    assert_eq!(header.header().fragments_offset().byte_offset(), 984);
    assert_eq!(
        (
            header.header().identification(),
            header.header().more_fragments()
        ),
        (7, false)
    );
    assert_eq!(header.payload().payload, [0; 16]);
}

#[test]
fn a_quote_goes_back_to_the_sender_with_its_packet_inside() {
    let sent = udp("10.0.1.10:5000", "203.0.113.7:53", &[7; 1000]);
    let error = quote(&sent, 3, 3, "203.0.113.7");
    assert!(is_valid(&error));
    let at = layers(&error);
    assert_eq!(
        (at.src, at.dst),
        (address("203.0.113.7"), address("10.0.1.10"))
    );
    assert_eq!(error[at.l4..at.l4 + 2], [3, 3]);
    assert_eq!(ip(&error).len(), 576);
    assert_eq!(error[at.l4 + 8..at.end], ip(&sent)[..548]);

    let sent = tcp(SERVER6, CLIENT6, "S", b"");
    let error = quote(&sent, 2, 0, "2001:db8:ffff::1");
    assert!(is_valid(&error));
    let at = layers(&error);
    assert_eq!(at.dst, address("2001:db8:a::10"));
    assert_eq!(error[at.l4 + 4..at.l4 + 8], 1280u32.to_be_bytes());
    assert_eq!(&error[at.l4 + 8..at.end], ip(&sent));
}

#[test]
fn other_link_layers_hold_the_same_packet() {
    let frame = tcp(CLIENT6, SERVER6, "S", b"x");
    assert_eq!(without_ethernet(&frame), ip(&frame));
    let sll = to_sll(&frame);
    let packet = SlicedPacket::from_linux_sll(&sll).unwrap();
    assert!(matches!(packet.transport, Some(TransportSlice::Tcp(_))));
    let sll2 = to_sll2(&frame);
    assert_eq!((&sll2[..2], &sll2[20..]), (&[0x86, 0xdd][..], ip(&frame)));
    assert_eq!(to_null_little_endian(&frame)[..4], [30, 0, 0, 0]);
    assert_eq!(to_null_big_endian(&frame)[..4], [0, 0, 0, 30]);
    assert_eq!(to_loop(&tcp(CLIENT, SERVER, "S", b""))[..4], [0, 0, 0, 2]);
}

#[test]
fn an_arp_request_reads_back() {
    let frame = arp("10.0.1.1", "10.0.1.10");
    let packet = sliced(&frame);
    let Some(NetSlice::Arp(arp)) = packet.net else {
        panic!("no ARP")
    };
    assert_eq!(arp.operation(), etherparse::ArpOperation::REQUEST);
    assert_eq!(
        (arp.sender_protocol_addr(), arp.target_protocol_addr()),
        (&[10, 0, 1, 1][..], &[10, 0, 1, 10][..])
    );
}

/// Etherparse refuses all but those whose fault lies in a field that it leaves to its user.
#[test]
fn malformed_frames_are_refused_by_etherparse_where_it_looks() {
    let all = malformed();
    let names: BTreeSet<&str> = all.iter().map(|one| one.what).collect();
    assert_eq!(names.len(), all.len(), "each has a name of its own");
    let left_to_its_user = |what: &str| {
        what == "ipv6 jumbogram"
            || what == "ipv6 chain of 17 extension headers"
            || what.contains("fragment with ")
            || what.contains("fragment that ")
            || what.contains("error that quotes")
    };
    for Malformed { what, frame } in &all {
        let passed = SlicedPacket::from_ethernet(frame).is_ok();
        assert_eq!(passed, left_to_its_user(what), "{what}");
    }
}

#[test]
#[should_panic(expected = "`203.0.113.7` is not address:port")]
fn an_endpoint_without_a_port_says_so() {
    let _ = tcp("203.0.113.7", SERVER, "S", b"");
}

#[test]
#[should_panic(expected = "are not ascending and inside")]
fn a_cut_beyond_the_payload_says_so() {
    let _ = fragments(&tcp(CLIENT, SERVER, "S", b""), &[24]);
}
