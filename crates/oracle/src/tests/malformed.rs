//! What is malformed, what is snapped, and link layers (D53, D54).

use etherparse::{PacketBuilder, VlanId};
use secgroup_model::{Direction, NetworkInterfaceId};

use super::frames;
use super::world::{Policy, World, address};
use crate::{Addresses, LinkKind, Oracle, Settings, addresses};

/// Everything is allowed, so only what is malformed is denied.
fn open() -> Policy {
    Policy::of(&[
        "in -1 0.0.0.0/0",
        "in -1 ::/0",
        "out -1 0.0.0.0/0",
        "out -1 ::/0",
    ])
}

fn is_malformed(packet: &[u8]) -> bool {
    World::new(&open()).sees_bytes("in", packet) == "malformed"
}

fn is_malformed_snapped(packet: &[u8], captured: usize) -> bool {
    let mut world = World::new(&open());
    let judgement = world.judge_snapped(Direction::Ingress, &packet[..captured], packet.len());
    judgement.outcome.as_str() == "malformed"
}

fn tcp4() -> Vec<u8> {
    frames::packet("in tcp S 198.51.100.7:40000 > 10.0.0.5:22").1
}

fn tcp6() -> Vec<u8> {
    frames::packet("in tcp S [2001:db8::1]:40000 > [2001:db8::5]:22").1
}

fn udp4() -> Vec<u8> {
    frames::packet("in udp 198.51.100.7:40000 > 10.0.0.5:53").1
}

fn udp6() -> Vec<u8> {
    frames::packet("in udp [2001:db8::1]:40000 > [2001:db8::5]:53").1
}

/// A packet with one byte changed.
fn with(mut packet: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    packet[at] = value;
    packet
}

/// An IPv6 packet with these bytes behind its header, the first of them of `next_header`.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    frames::ip(
        address("2001:db8::1"),
        address("2001:db8::5"),
        next_header,
        payload,
    )
}

#[test]
fn whole_packets_are_well_formed() {
    for packet in [tcp4(), tcp6(), udp4(), udp6()] {
        assert!(!is_malformed(&packet));
        let padded = [&packet[..], &[0; 18]].concat();
        assert!(!is_malformed(&padded), "padding");
    }
}

#[test]
fn every_cut_on_the_wire_is_malformed() {
    for packet in [tcp4(), tcp6(), udp4(), udp6()] {
        for len in 0..packet.len() {
            assert!(is_malformed(&packet[..len]), "{len}");
        }
    }
}

#[test]
fn a_snapped_packet_is_judged_by_what_is_there() {
    let icmp4 = frames::packet("in icmp 8/0 7 198.51.100.7 > 10.0.0.5").1;
    let icmp6 = frames::packet("in icmpv6 128/0 7 2001:db8::1 > 2001:db8::5").1;
    for (packet, needed) in [
        (tcp4(), 20 + 14),
        (tcp6(), 40 + 14),
        (udp4(), 20 + 4),
        (udp6(), 40 + 4),
        (icmp4, 20 + 2),
        (icmp6, 40 + 2),
    ] {
        for captured in 0..packet.len() {
            let malformed = is_malformed_snapped(&packet, captured);
            assert_eq!(
                malformed,
                captured < needed,
                "{captured} of {}",
                packet.len()
            );
        }
    }
}

#[test]
fn an_identifier_that_was_snapped_away_is_zero() {
    let mut world = World::new(&Policy::of(&["in icmp 8 198.51.100.0/24"]));
    let ping = frames::packet("in icmp 8/0 7 198.51.100.7 > 10.0.0.5").1;
    let snapped = world.judge_snapped(Direction::Ingress, &ping[..25], ping.len());
    assert_eq!(snapped.outcome.as_str(), "new");
    assert_eq!(
        world.sees("out icmp 0/0 0 10.0.0.5 > 198.51.100.7"),
        "established"
    );
    assert_eq!(
        world.sees("out icmp 0/0 7 10.0.0.5 > 198.51.100.7"),
        "no-rule"
    );
}

#[test]
fn lengths_are_checked_even_where_the_capture_is_short() {
    let tcp = tcp4();
    // The wire had less than the total length says.
    let mut world = World::new(&open());
    let judgement = world.judge_snapped(Direction::Ingress, &tcp[..34], 39);
    assert_eq!(judgement.outcome.as_str(), "malformed");
    // Nothing beyond the wire length counts.
    let judgement = world.judge_snapped(Direction::Ingress, &tcp, 39);
    assert_eq!(judgement.outcome.as_str(), "malformed");
    // The UDP length is checked where it was captured, and only there.
    let udp = with(udp4(), 25, 200);
    assert!(is_malformed(&udp));
    assert!(is_malformed_snapped(&udp, 26));
    assert!(!is_malformed_snapped(&udp, 25));
    // So is the TCP data offset.
    assert!(is_malformed_snapped(&with(tcp4(), 32, 0x40), 34));
}

#[test]
fn ipv4_headers() {
    assert!(is_malformed(&with(tcp4(), 0, 0x44)), "header length 4");
    assert!(
        is_malformed(&with(tcp4(), 0, 0x4F)),
        "header beyond the total length"
    );
    assert!(
        is_malformed(&with(tcp4(), 3, 41)),
        "total length beyond the wire"
    );
    assert!(
        is_malformed(&with(tcp4(), 3, 19)),
        "total length within the header"
    );
    assert!(is_malformed(&with(tcp4(), 3, 0)), "total length 0");
    assert!(!is_malformed(&with(tcp4(), 8, 0)), "TTL");
    assert!(!is_malformed(&with(tcp4(), 10, 0)), "checksum");
    let mut options = with(tcp4(), 0, 0x46);
    options.splice(20..20, [1, 1, 1, 0]);
    options[3] += 4;
    assert!(!is_malformed(&options));
    // In IPv4, AH is an upper-layer protocol.
    let ah = frames::ip(address("198.51.100.7"), address("10.0.0.5"), 51, &[]);
    assert_eq!(World::new(&open()).sees_bytes("in", &ah), "new");
}

#[test]
fn upper_layer_headers() {
    let from = address("198.51.100.7");
    let to = address("10.0.0.5");
    for (protocol, len, malformed) in [
        (6, 19, true),
        (6, 20, false),
        (17, 7, true),
        (17, 8, false),
        (1, 7, true),
        (1, 8, false),
        (47, 0, false),
        (58, 0, false),
        (132, 0, false),
    ] {
        // 0x50 is a TCP data offset of 5 words; type 0x50 is no ICMP error.
        let mut payload = vec![0x50; len];
        if protocol == 17 && len > 5 {
            payload[4..6].copy_from_slice(&[0, 8]);
        }
        assert_eq!(
            is_malformed(&frames::ip(from, to, protocol, &payload)),
            malformed,
            "{len}"
        );
    }
    assert!(is_malformed(&with(tcp4(), 32, 0x40)), "TCP data offset 4");
    assert!(
        is_malformed(&with(tcp4(), 32, 0x60)),
        "TCP data offset 6 in 20 bytes"
    );
    assert!(is_malformed(&with(udp4(), 25, 7)), "UDP length 7");
    assert!(
        is_malformed(&with(udp4(), 25, 13)),
        "UDP length beyond the packet"
    );
    assert!(
        !is_malformed(&with(udp4(), 25, 8)),
        "UDP length less than the packet"
    );
    assert!(is_malformed(&ipv6(58, &[200, 0, 0])), "ICMPv6 of 3 bytes");
    assert!(
        !is_malformed(&ipv6(58, &[200, 0, 0, 0])),
        "ICMPv6 of 4 bytes"
    );
}

#[test]
fn ipv6_headers() {
    assert!(
        is_malformed(&with(tcp6(), 5, 21)),
        "payload length beyond the wire"
    );
    assert!(is_malformed(&with(tcp6(), 5, 19)), "TCP of 19 bytes");
    assert!(is_malformed(&ipv6(0, &[])), "jumbogram");
    assert!(!is_malformed(&ipv6(59, &[])), "no next header");
    assert!(!is_malformed(&ipv6(50, &[])), "ESP");
    assert!(is_malformed(&ipv6(6, &[])));
}

/// Eight bytes of extension header.
fn extension(next_header: u8) -> [u8; 8] {
    [next_header, 0, 1, 4, 0, 0, 0, 0]
}

#[test]
fn d53_extension_headers_are_walked() {
    let tcp = frames::payload(&tcp6()).to_vec();
    for kind in [0, 43, 60, 135, 139, 140, 51] {
        // AH counts in words of 4 bytes less 2: 0 makes 8 bytes.
        let packet = ipv6(kind, &[&extension(6)[..], &tcp].concat());
        assert!(!is_malformed(&packet), "{kind}");
        let ssh = Policy::of(&["in tcp 22 2001:db8::/64"]);
        assert_eq!(World::new(&ssh).sees_bytes("in", &packet), "new", "{kind}");
        let http = Policy::of(&["in tcp 80 2001:db8::/64"]);
        assert_eq!(
            World::new(&http).sees_bytes("in", &packet),
            "no-rule",
            "H21: {kind}"
        );
        for len in 40..packet.len() {
            assert!(is_malformed(&packet[..len]), "{kind} {len}");
        }
        for captured in 40..packet.len() {
            let malformed = is_malformed_snapped(&packet, captured);
            assert_eq!(malformed, captured < 48 + 14, "{kind} {captured}");
        }
    }
    // Lengths: 24 bytes of options, 24 bytes of AH.
    let long = [&[6, 2][..], &[0; 22], &tcp].concat();
    assert!(!is_malformed(&ipv6(60, &long)));
    let long = [&[6, 4][..], &[0; 22], &tcp].concat();
    assert!(!is_malformed(&ipv6(51, &long)));
    // An unknown header is a protocol.
    let unknown = ipv6(253, &extension(6));
    let by_number = Policy::of(&["in 253 2001:db8::/64"]);
    assert_eq!(World::new(&by_number).sees_bytes("in", &unknown), "new");
}

#[test]
fn d53_sixteen_extension_headers_and_no_more() {
    let tcp = frames::payload(&tcp6()).to_vec();
    let chain = |headers: usize| {
        let mut payload = extension(60).repeat(headers - 1);
        payload.extend(extension(6));
        payload.extend(&tcp);
        ipv6(60, &payload)
    };
    assert!(!is_malformed(&chain(16)));
    assert!(is_malformed(&chain(17)));
}

#[test]
fn d53_a_chain_may_not_end_within_itself() {
    assert!(is_malformed(&ipv6(60, &extension(60))));
    assert!(is_malformed(&ipv6(60, &with(extension(59).to_vec(), 1, 1))));
    assert!(!is_malformed(&ipv6(60, &extension(59))));
    assert!(
        is_malformed(&ipv6(44, &[6, 0, 0, 1, 0, 0, 0, 1])),
        "an empty first fragment"
    );
    let twice = [extension(44), extension(59)].concat();
    assert!(
        is_malformed(&ipv6(44, &with(with(twice.clone(), 2, 0), 3, 0))),
        "two fragment headers"
    );
}

#[test]
fn quoted_packets() {
    let error = |quote: &[u8]| {
        frames::icmp(
            address("198.51.100.7"),
            address("10.0.0.5"),
            64,
            (3, 3),
            [0; 4],
            quote,
        )
    };
    let udp = frames::packet("out udp 10.0.0.5:1 > 198.51.100.7:2").1;
    assert!(!is_malformed(&error(&udp)));
    for len in 0..28 {
        assert!(is_malformed(&error(&udp[..len])), "{len}");
    }
    assert!(!is_malformed(&error(&udp[..28])));
    // A packet that was shorter than 8 bytes behind its header is quoted whole.
    let short = frames::ip(address("10.0.0.5"), address("198.51.100.7"), 47, &[1, 2, 3]);
    assert!(!is_malformed(&error(&short)));
    assert!(!is_malformed(&error(&short[..20])));
    assert!(
        is_malformed(&error(&with(udp.clone(), 0, 0x65))),
        "version 6"
    );
    assert!(
        is_malformed(&error(&with(udp.clone(), 0, 0x44))),
        "header length 4"
    );
    assert!(
        is_malformed(&error(&with(udp.clone(), 0, 0x4F))),
        "header length 15"
    );
    // Snapped: what is missing may have been there.
    let whole = error(&udp);
    for captured in 22..whole.len() {
        assert!(!is_malformed_snapped(&whole, captured), "{captured}");
    }
    // Not an error: nothing is quoted.
    let echo = frames::icmp(
        address("198.51.100.7"),
        address("10.0.0.5"),
        64,
        (8, 0),
        [0; 4],
        b"",
    );
    assert!(!is_malformed(&echo));

    let error6 = |quote: &[u8]| {
        frames::icmp(
            address("2001:db8::1"),
            address("2001:db8::5"),
            64,
            (1, 4),
            [0; 4],
            quote,
        )
    };
    let udp = frames::packet("out udp [2001:db8::5]:1 > [2001:db8::1]:2").1;
    assert!(is_malformed(&error6(&udp[..39])));
    assert!(!is_malformed(&error6(&udp[..40])));
    assert!(is_malformed(&error6(&with(udp, 0, 0x40))), "version 4");
}

#[test]
fn d54_checksums_where_they_are_verified() {
    let settings = Settings {
        verify_checksums: true,
        ..Settings::default()
    };
    let malformed = |packet: &[u8]| {
        World::with(&open(), settings.clone()).sees_bytes("in", packet) == "malformed"
    };
    for text in [
        "in tcp S 198.51.100.7:40000 > 10.0.0.5:22",
        "in udp 198.51.100.7:40000 > 10.0.0.5:53",
        "in icmp 8/0 7 198.51.100.7 > 10.0.0.5",
        "in tcp S [2001:db8::1]:40000 > [2001:db8::5]:22",
        "in udp [2001:db8::1]:40000 > [2001:db8::5]:53",
        "in icmpv6 128/0 7 2001:db8::1 > 2001:db8::5",
    ] {
        let packet = frames::packet(text).1;
        assert!(!malformed(&packet), "{text}");
        let last = packet.len() - 1;
        let wrong = with(packet.clone(), last, packet[last] ^ 1);
        assert!(malformed(&wrong), "{text}");
        assert!(!is_malformed(&wrong), "{text}: not looked at by default");
        let wrong = with(packet.clone(), 15, packet[15] ^ 1);
        assert!(malformed(&wrong), "{text}: an address");
        let mut world = World::with(&open(), settings.clone());
        let snapped = world.judge_snapped(Direction::Ingress, &wrong[..last], wrong.len());
        assert_ne!(snapped.outcome.as_str(), "malformed", "{text}: snapped");
    }
    // UDP in IPv4 may go without.
    let mut without = udp4();
    without[26..28].fill(0);
    assert!(!malformed(&without));
    // In IPv6 it may not (RFC 8200 section 8.1).
    let mut without = udp6();
    without[46..48].fill(0);
    assert!(malformed(&without));
    // The UDP length says what is covered; what is behind it is not.
    let mut shorter = udp4();
    shorter.extend([1, 2, 3]);
    shorter[3] += 3;
    let sum = etherparse::Ipv4Header::from_slice(&shorter)
        .unwrap()
        .0
        .calc_header_checksum();
    shorter[10..12].copy_from_slice(&sum.to_be_bytes());
    assert!(!malformed(&shorter));
    // Other protocols have none that is known.
    let gre = frames::ip(address("198.51.100.7"), address("10.0.0.5"), 47, b"gre");
    assert!(!malformed(&gre));
}

fn sees(link: LinkKind, frame: &[u8]) -> &'static str {
    let mut oracle = Oracle::new(&open().inventory, Settings::default(), 0);
    let len = u32::try_from(frame.len()).unwrap();
    let interface = NetworkInterfaceId::new("eni-1");
    oracle
        .judge(link, frame, len, &interface, Direction::Ingress, 0)
        .outcome
        .as_str()
}

#[test]
fn link_layers() {
    for packet in [tcp4(), tcp6()] {
        let v4 = packet[0] >> 4 == 4;
        let ethertype: [u8; 2] = if v4 { [8, 0] } else { [0x86, 0xDD] };
        let behind = |header: &[u8]| [header, &packet[..]].concat();
        let ethernet = behind(&[&[0; 12][..], &ethertype].concat());
        let cooked = behind(&[&[0; 14][..], &ethertype].concat());
        let cooked2 = behind(&[&ethertype[..], &[0; 18]].concat());
        assert_eq!(sees(LinkKind::Ethernet, &ethernet), "untracked");
        assert_eq!(sees(LinkKind::LinuxSll, &cooked), "untracked");
        assert_eq!(sees(LinkKind::LinuxSll2, &cooked2), "untracked");
        assert_eq!(sees(LinkKind::RawIp, &packet), "untracked");
        let families: &[u8] = if v4 { &[2] } else { &[24, 28, 30] };
        for family in families {
            let big = behind(&[0, 0, 0, *family]);
            let little = behind(&[*family, 0, 0, 0]);
            assert_eq!(sees(LinkKind::Null, &big), "untracked");
            assert_eq!(sees(LinkKind::Null, &little), "untracked");
            assert_eq!(sees(LinkKind::Loop, &big), "untracked");
            assert_eq!(sees(LinkKind::Loop, &little), "not-ip");
        }
        let (right, wrong) = if v4 {
            (LinkKind::Ipv4, LinkKind::Ipv6)
        } else {
            (LinkKind::Ipv6, LinkKind::Ipv4)
        };
        assert_eq!(sees(right, &packet), "untracked");
        assert_eq!(sees(wrong, &packet), "malformed");
        // The EtherType lies about the version.
        let lying = [0x86, 0xDD, 8, 0];
        let lying = behind(&[&[0; 12][..], if v4 { &lying[..2] } else { &lying[2..] }].concat());
        assert_eq!(sees(LinkKind::Ethernet, &lying), "malformed");
        for len in 0..14 {
            assert_eq!(sees(LinkKind::Ethernet, &ethernet[..len]), "malformed");
        }
    }
    assert_eq!(sees(LinkKind::RawIp, &[0x50; 40]), "malformed");
    assert_eq!(sees(LinkKind::RawIp, &[]), "malformed");
    assert_eq!(sees(LinkKind::Null, &[0, 0, 0]), "malformed");
    assert_eq!(sees(LinkKind::Null, &[0, 0, 0, 7, 1]), "not-ip");
    let mut arp = vec![0; 60];
    arp[12..14].copy_from_slice(&[8, 6]);
    assert_eq!(sees(LinkKind::Ethernet, &arp), "not-ip");
}

#[test]
fn vlan_tags_are_looked_through() {
    let mut single = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .single_vlan(VlanId::try_new(42).unwrap())
        .ipv4([198, 51, 100, 7], [10, 0, 0, 5], 64)
        .udp(40_000, 53)
        .write(&mut single, b"data")
        .unwrap();
    assert_eq!(sees(LinkKind::Ethernet, &single), "untracked");
    let mut double = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .double_vlan(VlanId::try_new(42).unwrap(), VlanId::try_new(43).unwrap())
        .ipv4([198, 51, 100, 7], [10, 0, 0, 5], 64)
        .udp(40_000, 53)
        .write(&mut double, b"data")
        .unwrap();
    assert_eq!(sees(LinkKind::Ethernet, &double), "untracked");

    let tagged = |tags: usize, kind: [u8; 2]| {
        let mut frame = vec![0; 12];
        for _ in 0..tags {
            frame.extend(kind);
            frame.extend([0, 1]);
        }
        frame.extend([8, 0]);
        frame.extend(udp4());
        frame
    };
    for kind in [[0x81, 0], [0x88, 0xA8], [0x91, 0]] {
        assert_eq!(sees(LinkKind::Ethernet, &tagged(8, kind)), "untracked");
        assert_eq!(sees(LinkKind::Ethernet, &tagged(9, kind)), "not-ip");
        assert_eq!(
            sees(LinkKind::Ethernet, &tagged(1, kind)[..17]),
            "malformed"
        );
    }
}

#[test]
fn addresses_are_told_where_they_can_be_read() {
    let told = |packet: &[u8]| {
        addresses(
            LinkKind::RawIp,
            packet,
            u32::try_from(packet.len()).unwrap(),
        )
    };
    for (packet, source, destination, fixed) in [
        (tcp4(), address("198.51.100.7"), address("10.0.0.5"), 20),
        (tcp6(), address("2001:db8::1"), address("2001:db8::5"), 40),
    ] {
        assert_eq!(told(&packet), Addresses::Ip(source, destination));
        for len in 0..packet.len() {
            let expected = (len >= fixed).then_some((source, destination));
            assert_eq!(
                told(&packet[..len]),
                Addresses::Malformed(expected),
                "{len}"
            );
        }
    }
    assert_eq!(
        addresses(LinkKind::Loop, &[0, 0, 0, 9], 4),
        Addresses::NotIp
    );
}
