//! Link layers: what is IP behind them, what is not, and whose frame it was.

use secgroup_packet::{LinkType, MAX_VLAN_TAGS, MacAddress, Parsed};
use secgroup_testkit::frame::{
    DESTINATION_MAC, SOURCE_MAC, arp, ethernet as frame, tcp, to_loop, to_null_big_endian,
    to_null_little_endian, to_sll, to_sll2, with_qinq, with_vlan, without_ethernet,
};

use crate::{ethernet, packet, whole};

fn syn() -> Vec<u8> {
    tcp("203.0.113.7:40000", "10.0.1.10:22", "S", b"")
}

fn syn6() -> Vec<u8> {
    tcp("[2001:db8:1::7]:40000", "[2001:db8:a::10]:22", "S", b"")
}

fn not_ip(link: LinkType, data: &[u8]) -> u16 {
    match whole(link, data).parse() {
        Ok(Parsed::NotIp(number)) => number,
        other => panic!("{other:?} is IP or malformed"),
    }
}

#[test]
fn the_same_packet_is_read_behind_each() {
    for syn in [syn(), syn6()] {
        let on_ethernet = packet(ethernet(&syn));
        let rows = [
            (LinkType::LinuxSll, to_sll(&syn), 16),
            (LinkType::LinuxSll2, to_sll2(&syn), 20),
            (LinkType::Null, to_null_little_endian(&syn), 4),
            (LinkType::Null, to_null_big_endian(&syn), 4),
            (LinkType::Loop, to_loop(&syn), 4),
            (LinkType::RawIp, without_ethernet(&syn), 0),
            (LinkType::Ethernet, with_vlan(syn.clone(), 7), 18),
            (LinkType::Ethernet, with_qinq(syn.clone(), 100, 7), 22),
            (LinkType::LinuxSll, to_sll(&with_vlan(syn.clone(), 7)), 20),
            (LinkType::LinuxSll2, to_sll2(&with_vlan(syn.clone(), 7)), 24),
        ];
        for (link, data, l3_offset) in rows {
            let mut packet = packet(whole(link, &data));
            assert_eq!(packet.l3_offset, l3_offset, "{link:?}");
            packet.l4_offset = packet.l4_offset + 14 - l3_offset;
            packet.l3_offset = 14;
            assert_eq!(packet, on_ethernet, "{link:?}");
        }
    }
}

#[test]
fn a_version_that_the_link_type_denies_is_malformed() {
    let (v4, v6) = (without_ethernet(&syn()), without_ethernet(&syn6()));
    assert!(whole(LinkType::Ipv4, &v4).parse().is_ok());
    assert!(whole(LinkType::Ipv6, &v6).parse().is_ok());
    let message = |link, data| whole(link, data).parse().unwrap_err().to_string();
    assert_eq!(message(LinkType::Ipv4, &v6), "ipv4 at byte 0: version is 6");
    assert_eq!(message(LinkType::Ipv6, &v4), "ipv6 at byte 0: version is 4");
}

#[test]
fn eight_tags_are_looked_through_and_a_ninth_is_not_ip() {
    let tagged = |tags| (0..tags).fold(syn(), |frame, vid| with_vlan(frame, vid));
    let tags = u16::try_from(MAX_VLAN_TAGS).unwrap();
    assert_eq!(packet(ethernet(&tagged(tags))).l3_offset, 14 + 4 * tags);
    assert_eq!(not_ip(LinkType::Ethernet, &tagged(tags + 1)), 0x8100);
}

#[test]
fn the_old_stacking_tag_is_a_tag() {
    let mut frame = with_vlan(syn(), 7);
    frame[12..14].copy_from_slice(&[0x91, 0x00]);
    assert_eq!(packet(ethernet(&frame)).l3_offset, 18);
}

#[test]
fn other_ethertypes_are_not_ip() {
    let arp = arp("10.0.1.1", "10.0.1.10");
    assert_eq!(not_ip(LinkType::Ethernet, &arp), 0x0806);
    assert_eq!(not_ip(LinkType::Ethernet, &with_vlan(arp, 7)), 0x0806);
    // IEEE 802.3: a length, with LLC and SNAP behind it (RFC 1042), even of an IPv4 packet.
    let snap = [&[0xAA, 0xAA, 0x03, 0, 0, 0, 0x08, 0x00], &syn()[14..]].concat();
    let length = u16::try_from(snap.len()).unwrap();
    assert_eq!(
        not_ip(LinkType::Ethernet, &frame(DESTINATION_MAC, length, &snap)),
        length
    );
}

/// tcpdump.org/linktypes.html: 24, 28 and 30 are IPv6; 7 is OSI, 23 IPX.
#[test]
fn other_loopback_families_are_not_ip() {
    let packet = without_ethernet(&syn6());
    let of = |family: [u8; 4]| [&family[..], &packet].concat();
    for family in [24, 28, 30] {
        assert!(
            whole(LinkType::Loop, &of([0, 0, 0, family]))
                .parse()
                .is_ok()
        );
        assert!(
            whole(LinkType::Null, &of([0, 0, 0, family]))
                .parse()
                .is_ok()
        );
        assert!(
            whole(LinkType::Null, &of([family, 0, 0, 0]))
                .parse()
                .is_ok()
        );
        assert_eq!(not_ip(LinkType::Loop, &of([family, 0, 0, 0])), 0);
    }
    for family in [0, 1, 7, 10, 23] {
        assert_eq!(
            not_ip(LinkType::Null, &of([family, 0, 0, 0])),
            u16::from(family)
        );
    }
    // No number that is an EtherType comes of a family.
    assert_eq!(not_ip(LinkType::Loop, &of([0, 0, 0x08, 0x00])), 0);
}

#[test]
fn the_sender_is_known_where_the_link_says_so() {
    let syn = syn();
    let macs = ethernet(&syn).macs().unwrap();
    assert_eq!(macs.src, MacAddress(SOURCE_MAC));
    assert_eq!(macs.dst, Some(MacAddress(DESTINATION_MAC)));
    assert_eq!(macs.src.to_string(), "02:00:00:00:00:01");
    for (link, mut data, len_at) in [
        (LinkType::LinuxSll, to_sll(&syn), 5),
        (LinkType::LinuxSll2, to_sll2(&syn), 11),
    ] {
        let macs = whole(link, &data).macs().unwrap();
        assert_eq!((macs.src, macs.dst), (MacAddress(SOURCE_MAC), None));
        // A tunnel device has addresses of another length.
        data[len_at] = 4;
        assert_eq!(whole(link, &data).macs(), None);
        assert_eq!(whole(link, &data[..10]).macs(), None);
    }
    assert_eq!(whole(LinkType::RawIp, &syn[14..]).macs(), None);
    assert_eq!(ethernet(&syn[..11]).macs(), None);
}
