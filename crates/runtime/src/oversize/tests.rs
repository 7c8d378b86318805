//! The errors are read back by etherparse's own parser, which checks what it can.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use secgroup_io::live::VnetHeader;
use secgroup_packet::Parsed;
use secgroup_testkit::frame;

use super::*;

fn parse(frame: &LiveFrame<'_>) -> Packet {
    match frame.frame().parse().unwrap() {
        Parsed::Ip(packet) => packet,
        Parsed::NotIp(ethertype) => panic!("not IP but {ethertype:#x}"),
    }
}

fn told(frame: &[u8], mtu: u32) -> Option<Vec<u8>> {
    let frame = LiveFrame::whole(frame);
    let packet = parse(&frame);
    assert!(is_oversize(&frame, &packet, mtu));
    let mut error = Vec::new();
    tell(&frame, &packet, mtu, &mut error).then_some(error)
}

#[test]
fn fragmentation_needed_goes_back_where_the_packet_came_from() {
    let large = frame::udp("10.0.0.1:4000", "192.0.2.7:53", &[7; 1472]);
    let error = told(&large, 1400).unwrap();
    assert_eq!(error[..6], large[6..12], "to the sender");
    assert_eq!(error[6..12], large[..6], "from the receiver");
    assert_eq!(error.len() - 14, LONGEST_V4);
    let sliced = SlicedPacket::from_ethernet(&error).unwrap();
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else {
        panic!("{sliced:?}")
    };
    let header = ip.header().to_header();
    assert_eq!(header.source, [192, 0, 2, 7]);
    assert_eq!(header.destination, [10, 0, 0, 1]);
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    let Some(TransportSlice::Icmpv4(icmp)) = &sliced.transport else {
        panic!("{sliced:?}")
    };
    let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
    assert_eq!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(kind));
    let mut read = icmp.header();
    read.update_checksum(icmp.payload());
    assert_eq!(read.checksum, icmp.header().checksum);
    assert_eq!(icmp.payload(), &large[14..14 + LONGEST_V4 - 28]);
}

#[test]
fn packet_too_big_behind_a_tag() {
    let large = frame::with_vlan(
        frame::udp("[2001:db8::1]:4000", "[2001:db8::2]:53", &[7; 1600]),
        100,
    );
    let error = told(&large, 1500).unwrap();
    assert_eq!(error[12..18], large[12..18], "the tag is kept");
    let sliced = SlicedPacket::from_ethernet(&error).unwrap();
    let Some(NetSlice::Ipv6(ip)) = &sliced.net else {
        panic!("{sliced:?}")
    };
    let header = ip.header().to_header();
    assert_eq!(
        header.source_addr(),
        "2001:db8::2".parse::<Ipv6Addr>().unwrap()
    );
    assert_eq!(
        header.destination_addr(),
        "2001:db8::1".parse::<Ipv6Addr>().unwrap()
    );
    let Some(TransportSlice::Icmpv6(icmp)) = &sliced.transport else {
        panic!("{sliced:?}")
    };
    assert_eq!(icmp.icmp_type(), Icmpv6Type::PacketTooBig { mtu: 1500 });
    assert!(icmp.is_checksum_valid(header.source, header.destination));
    assert_eq!(icmp.payload(), &large[18..18 + LONGEST_V6 - 48]);
    assert_eq!(error.len() - 18, LONGEST_V6);
}

#[test]
fn who_must_not_be_told_is_not() {
    let payload = [7; 1472];
    let large = frame::udp("10.0.0.1:4000", "192.0.2.7:53", &payload);
    let pieces = frame::fragments(&large, &[8]);
    let to_group = {
        let mut large = large.clone();
        large[0] |= 1;
        large
    };
    let quoted = frame::with_ipv4_options(large.clone(), &[1; 4]);
    let silent = [
        ("a later fragment", pieces[1].clone()),
        ("to a group of stations", to_group),
        (
            "to a group of hosts",
            frame::udp("10.0.0.1:4000", "224.0.0.9:53", &payload),
        ),
        (
            "to everybody",
            frame::udp("10.0.0.1:4000", "255.255.255.255:53", &payload),
        ),
        (
            "from nobody",
            frame::udp("0.0.0.0:4000", "192.0.2.7:53", &payload),
        ),
        (
            "an ICMP error",
            frame::quote_bytes(&quoted[14..], 3, 3, "10.0.0.1", "192.0.2.7"),
        ),
        (
            "IPv6 multicast",
            frame::udp("[2001:db8::1]:4000", "[ff02::1]:53", &payload),
        ),
    ];
    for (what, frame) in silent {
        assert_eq!(told(&frame, 500), None, "{what}");
    }
    assert!(told(&large, 500).is_some(), "and this one is");
    let first = frame::fragments(&large, &[1000]).swap_remove(0);
    assert!(told(&first, 500).is_some(), "so is a first fragment");
}

#[test]
fn segments_count_not_the_whole_they_are_cut_from() {
    let segment = frame::tcp("10.0.0.1:4000", "192.0.2.7:80", "A", &[7; 20_000]);
    let of_size = |gso_size| LiveFrame {
        vnet: VnetHeader {
            gso_type: 1,
            gso_size,
            ..VnetHeader::default()
        },
        ..LiveFrame::whole(&segment)
    };
    let packet = parse(&of_size(0));
    let headers = 40;
    assert!(!is_oversize(&of_size(1500 - headers), &packet, 1500));
    assert!(is_oversize(&of_size(1501 - headers), &packet, 1500));
    assert!(is_oversize(&LiveFrame::whole(&segment), &packet, 1500));
    assert!(!is_oversize(&LiveFrame::whole(&segment), &packet, 20_040));
}

#[test]
fn no_frame_makes_it_panic() {
    let mut rng = secgroup_testkit::rng::Rng::new(0x0512e);
    let mut error = Vec::new();
    for _ in 0..20_000 {
        let mut bytes = frame::udp("10.0.0.1:4000", "192.0.2.7:53", &[7; 64]);
        let length = 14 + usize::try_from(rng.below(bytes.len() as u64 - 14)).unwrap();
        for _ in 0..rng.below(4) {
            let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
            bytes[at] = rng.bytes(1)[0];
        }
        let frame = LiveFrame {
            wire_len: 2000,
            ..LiveFrame::whole(&bytes[..length])
        };
        if let Ok(Parsed::Ip(packet)) = frame.frame().parse() {
            let is_large = is_oversize(&frame, &packet, 20);
            let told = tell(&frame, &packet, 20, &mut error);
            assert!(!told || (is_large && error.len() > 14 + 28));
        }
    }
}
