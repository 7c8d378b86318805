//! What is malformed (D54), one row for each rule of the decision text, and how the error says it.

use secgroup_packet::{Frame, LinkType, Protocol};
use secgroup_testkit::frame::{
    malformed, patch_ip, patch_l4, piece, ping, quote_bytes, raw_proto, tcp, truncated, udp,
    with_extensions, with_ipv4_options, with_vlan,
};

use crate::{error, ethernet};

const CLIENT: &str = "203.0.113.7:40000";
const SERVER: &str = "10.0.1.10:22";
const CLIENT6: &str = "[2001:db8:1::7]:40000";
const SERVER6: &str = "[2001:db8:a::10]:22";

fn syn() -> Vec<u8> {
    tcp(CLIENT, SERVER, "S", b"")
}

fn syn6() -> Vec<u8> {
    tcp(CLIENT6, SERVER6, "S", b"")
}

fn datagram() -> Vec<u8> {
    udp(CLIENT, SERVER, b"payload")
}

fn error_about(quoted: &[u8]) -> Vec<u8> {
    quote_bytes(quoted, 3, 1, "203.0.113.7", "10.0.1.10")
}

/// Every frame of the testkit that is wrong in one way.
#[test]
fn frames_of_the_testkit_are() {
    for case in malformed() {
        let Err(error) = ethernet(&case.frame).parse() else {
            panic!("{} passed", case.what);
        };
        // The replay attributes them to interfaces by their addresses, wherever they can be read.
        let is_early = error.addresses().is_none();
        let unreadable = [
            "ethernet",
            "vlan",
            "version",
            "ipv4 header cut",
            "ipv6 header cut",
        ];
        let expect_early =
            unreadable.iter().any(|what| case.what.contains(what)) && !case.what.contains("quotes");
        assert_eq!(is_early, expect_early, "{}: {error}", case.what);
        if let Some(addresses) = error.addresses() {
            let client = ["203.0.113.7", "2001:db8:1::7"];
            let server = ["10.0.1.10", "2001:db8:a::10"];
            let family = usize::from(addresses.src().is_ipv6());
            assert_eq!(addresses.src().to_string(), client[family], "{}", case.what);
            assert_eq!(addresses.dst().to_string(), server[family], "{}", case.what);
        }
    }
}

#[test]
fn frames_say_where_and_why() {
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (
            truncated(syn(), 13),
            "ethernet at byte 0: needs 14 bytes, but the packet ends after 13",
        ),
        (
            truncated(with_vlan(syn(), 7), 16),
            "vlan tag at byte 14: needs 4 bytes, but the packet ends after 2",
        ),
        (
            truncated(syn(), 33),
            "ipv4 at byte 14: needs 20 bytes, but the packet ends after 19",
        ),
        (patch_ip(syn(), 0, &[0x65]), "ipv4 at byte 14: version is 6"),
        (
            patch_ip(syn(), 0, &[0x44]),
            "ipv4 at byte 14: header length of 4 words is below 5",
        ),
        (
            patch_ip(syn(), 2, &[0, 19]),
            "ipv4 at byte 14: total length 19 is not within 20 to 40",
        ),
        (
            patch_ip(with_ipv4_options(syn(), &[1; 8]), 2, &[0, 27]),
            "ipv4 at byte 14: total length 27 is not within 28 to 48",
        ),
        (
            patch_ip(syn(), 2, &[0, 41]),
            "ipv4 at byte 14: total length 41 is not within 20 to 40",
        ),
        (
            patch_ip(syn6(), 0, &[0x40]),
            "ipv6 at byte 14: version is 4",
        ),
        (
            patch_ip(syn6(), 4, &[0, 21]),
            "ipv6 at byte 14: payload length 21 is more than the 20 bytes on the wire",
        ),
        (
            // A jumbogram (RFC 2675): no length, and a hop-by-hop header.
            patch_ip(with_extensions(syn6(), &[(0, 8)]), 4, &[0, 0]),
            "ipv6 extension at byte 54: needs 2 bytes, but the packet ends after 0",
        ),
        (
            patch_ip(with_extensions(syn6(), &[(60, 8)]), 41, &[9]),
            "ipv6 extension at byte 54: needs 80 bytes, but the packet ends after 28",
        ),
        (
            with_extensions(syn6(), &[(60, 8); 17]),
            "ipv6 extension at byte 182: more than 16 extension headers",
        ),
        (
            with_extensions(syn6(), &[(44, 8), (60, 8), (44, 8)]),
            "fragment at byte 70: second fragment header in one packet",
        ),
        (
            piece(&datagram(), 1, 8..12, true),
            "fragment at byte 34: 4 bytes with more to come: not a positive multiple of 8",
        ),
        (
            piece(&datagram(), 1, 8..8, true),
            "fragment at byte 34: 0 bytes with more to come: not a positive multiple of 8",
        ),
        (
            piece(&udp(CLIENT6, SERVER6, b""), 1, 65_528..65_536, false),
            "fragment at byte 62: ends at byte 65536 of a datagram of 65535 at most",
        ),
        (
            piece(&syn(), 1, 0..16, true),
            "tcp at byte 34: needs 20 bytes, but the packet ends after 16",
        ),
        (
            patch_l4(syn(), 12, &[0x40]),
            "tcp at byte 34: data offset of 4 words is not within 5 words and 20 bytes",
        ),
        (
            patch_l4(syn(), 12, &[0x60]),
            "tcp at byte 34: data offset of 6 words is not within 5 words and 20 bytes",
        ),
        (
            patch_l4(datagram(), 4, &[0, 7]),
            "udp at byte 34: length 7 is not within 8 to 15",
        ),
        (
            patch_l4(datagram(), 4, &[0, 16]),
            "udp at byte 34: length 16 is not within 8 to 15",
        ),
        (
            patch_ip(ping("203.0.113.7", "10.0.1.10", 1, 1), 2, &[0, 27]),
            "icmp at byte 34: needs 8 bytes, but the packet ends after 7",
        ),
        (
            patch_ip(ping("2001:db8:1::7", "2001:db8:a::10", 1, 1), 4, &[0, 3]),
            "icmpv6 at byte 54: needs 4 bytes, but the packet ends after 3",
        ),
        (
            error_about(&datagram()[14..33]),
            "icmp quote at byte 42: needs 20 bytes, but the packet ends after 19",
        ),
        (
            error_about(&datagram()[14..41]),
            "icmp quote at byte 42: needs 28 bytes, but the packet ends after 27",
        ),
        (
            // All the payload there was is these 8 bytes, and one is missing.
            error_about(&udp(CLIENT, SERVER, b"")[14..41]),
            "icmp quote at byte 42: needs 28 bytes, but the packet ends after 27",
        ),
        (
            error_about(&patch_ip(datagram(), 0, &[0x44])[14..]),
            "icmp quote at byte 42: header length of 4 words is below 5",
        ),
        (
            error_about(&syn6()[14..]),
            "icmp quote at byte 42: version is 6",
        ),
    ];
    for (frame, message) in rows {
        assert_eq!(error(&frame).to_string(), message);
    }
}

/// What is unusual but not wrong.
#[test]
fn these_are_not() {
    let short_quote = patch_ip(udp(CLIENT, SERVER, b""), 2, &[0, 24]);
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("a wrong checksum", patch_ip(syn(), 10, &[0, 0])),
        ("a TTL of 0", patch_ip(syn(), 8, &[0])),
        ("the reserved flag", patch_ip(syn(), 6, &[0x80])),
        (
            "16 extension headers",
            with_extensions(syn6(), &[(60, 8); 16]),
        ),
        (
            "fragment headers around nothing (RFC 6946)",
            with_extensions(syn6(), &[(44, 8)]),
        ),
        ("an empty last fragment", piece(&syn(), 1, 16..16, false)),
        (
            "a last fragment that ends at 65535",
            piece(&syn(), 1, 65_528..65_535, false),
        ),
        (
            "a first fragment without its options",
            piece(
                &patch_l4(tcp(CLIENT, SERVER, "S", &[0; 40]), 12, &[0xF0]),
                1,
                0..24,
                true,
            ),
        ),
        (
            "a first fragment of a longer datagram",
            piece(&udp(CLIENT, SERVER, &[0; 100]), 1, 0..8, true),
        ),
        (
            "a UDP length below the payload",
            patch_l4(datagram(), 4, &[0, 8]),
        ),
        (
            "a quote of all there was (RFC 792)",
            error_about(&short_quote[14..38]),
        ),
    ];
    for (what, frame) in rows {
        assert!(ethernet(&frame).parse().is_ok(), "{what}");
    }
}

#[test]
fn a_snapped_header_is_told_from_one_that_ended() {
    let syn = syn();
    let row = |captured: usize| Frame {
        data: &syn[..captured],
        ..ethernet(&syn)
    };
    let message = |captured: usize| row(captured).parse().unwrap_err().to_string();
    assert_eq!(
        message(20),
        "ipv4 at byte 14: needs 20 bytes, but only 6 were captured"
    );
    assert_eq!(
        message(47),
        "tcp at byte 34: needs 14 bytes, but only 13 were captured"
    );
    assert!(row(48).parse().is_ok());
    // What the wire had not is missed first, whatever was captured.
    let ended = patch_ip(datagram(), 2, &[0, 27]);
    let snapped = Frame {
        data: &ended[..38],
        ..ethernet(&ended)
    };
    assert_eq!(
        snapped.parse().unwrap_err().to_string(),
        "udp at byte 34: needs 8 bytes, but the packet ends after 7"
    );
    // The wire had it to the last byte.
    let header = raw_proto("203.0.113.7", "10.0.1.10", 47, b"");
    let snapped = Frame {
        data: &header[..33],
        ..ethernet(&header)
    };
    assert_eq!(
        snapped.parse().unwrap_err().to_string(),
        "ipv4 at byte 14: needs 20 bytes, but only 19 were captured"
    );
}

#[test]
fn the_protocol_is_known_behind_the_chain() {
    let protocol = |frame: &[u8]| error(frame).protocol();
    let tcp = Some(Protocol::TCP);
    assert_eq!(protocol(&patch_ip(syn(), 0, &[0x44])), tcp);
    assert_eq!(protocol(&patch_l4(syn6(), 12, &[0x40])), tcp);
    assert_eq!(protocol(&with_extensions(syn6(), &[(60, 8); 17])), None);
    assert_eq!(protocol(&truncated(syn(), 33)), None);
}

#[test]
fn raw_ip_of_another_version_is() {
    let raw = |data: &'static [u8]| crate::whole(LinkType::RawIp, data).parse().unwrap_err();
    assert_eq!(
        raw(&[0x55; 40]).to_string(),
        "raw ip at byte 0: version is 5"
    );
    assert_eq!(
        raw(&[]).to_string(),
        "raw ip at byte 0: needs 1 bytes, but the packet ends after 0"
    );
}
