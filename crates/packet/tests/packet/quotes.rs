//! The connection that an ICMP error is about (D48, D49).

use secgroup_packet::{Direction, FlowKey, Frame, InterfaceIndex};
use secgroup_testkit::frame::{
    icmp, ip, padded, patch_ip, piece, ping, pong, quote, quote_bytes, raw_proto, tcp, udp,
    with_extensions, with_ipv4_options, with_vlan,
};

use crate::{ethernet, packet};

const INTERFACE: InterfaceIndex = InterfaceIndex(9);
const ROUTER: &str = "198.51.100.1";
const ROUTER6: &str = "2001:db8:ffff::1";

/// The key of the packet in `frame`, sent by the interface's owner.
fn sent(frame: &[u8]) -> Option<FlowKey> {
    packet(ethernet(frame)).flow_key(INTERFACE, Direction::Egress)
}

/// The key of what the error in `frame` is about, received by the interface's owner.
fn quoted(frame: Frame<'_>) -> Option<FlowKey> {
    packet(frame).quoted_flow_key(&frame, INTERFACE, Direction::Ingress)
}

fn query4() -> Vec<u8> {
    udp(
        "10.0.1.10:5353",
        "203.0.113.7:53",
        b"a query of some length",
    )
}

fn query6() -> Vec<u8> {
    udp(
        "[2001:db8:a::10]:5353",
        "[2001:db8:1::7]:53",
        b"a query of some length",
    )
}

#[test]
fn an_error_is_about_the_connection_of_what_it_quotes() {
    let v4: Vec<Vec<u8>> = vec![
        query4(),
        tcp("10.0.1.10:40000", "203.0.113.7:443", "A", &[7; 100]),
        ping("10.0.1.10", "203.0.113.7", 77, 1),
        pong("10.0.1.10", "203.0.113.7", 77, 1),
        raw_proto("10.0.1.10", "203.0.113.7", 47, &[0; 16]),
        with_ipv4_options(query4(), &[1; 40]),
        piece(
            &udp("10.0.1.10:1", "203.0.113.7:2", &[0; 64]),
            5,
            0..64,
            true,
        ),
    ];
    for frame in &v4 {
        let key = sent(frame);
        assert!(key.is_some());
        for kind in [3, 4, 11, 12] {
            assert_eq!(quoted(ethernet(&quote(frame, kind, 0, ROUTER))), key);
        }
        let tagged = with_vlan(quote(frame, 3, 1, ROUTER), 7);
        assert_eq!(quoted(ethernet(&tagged)), key);
    }
    let v6: Vec<Vec<u8>> = vec![
        query6(),
        tcp(
            "[2001:db8:a::10]:40000",
            "[2001:db8:1::7]:443",
            "A",
            &[7; 100],
        ),
        ping("2001:db8:a::10", "2001:db8:1::7", 77, 1),
        with_extensions(query6(), &[(0, 8), (43, 24), (44, 8), (51, 16), (60, 8)]),
        with_extensions(query6(), &[(60, 8); 16]),
        piece(
            &udp("[2001:db8:a::10]:1", "[2001:db8:1::7]:2", &[0; 64]),
            5,
            0..64,
            true,
        ),
    ];
    for frame in &v6 {
        let key = sent(frame);
        assert!(key.is_some());
        for kind in [1, 2, 3, 4] {
            assert_eq!(quoted(ethernet(&quote(frame, kind, 0, ROUTER6))), key);
        }
    }
}

#[test]
fn other_types_are_no_errors() {
    let query = query4();
    for kind in [0, 5, 8, 13] {
        let message = icmp(ROUTER, "10.0.1.10", kind, 0, [0; 4], ip(&query));
        assert!(!packet(ethernet(&message)).is_icmp_error(), "{kind}");
        assert_eq!(quoted(ethernet(&message)), None, "{kind}");
    }
    // Type 3 of ICMP is an error, and not that of ICMPv6 in IPv4.
    let foreign = raw_proto(ROUTER, "10.0.1.10", 58, &[3; 64]);
    assert!(!packet(ethernet(&foreign)).is_icmp_error());
}

#[test]
fn a_quote_that_somebody_else_sent_has_no_key() {
    let query = query4();
    for to in ["10.0.1.11", "203.0.113.7"] {
        let error = quote_bytes(ip(&query), 3, 3, ROUTER, to);
        assert_eq!(quoted(ethernet(&error)), None);
    }
}

#[test]
fn a_quote_without_ports_has_no_key() {
    let later = piece(
        &udp("10.0.1.10:1", "203.0.113.7:2", &[0; 64]),
        5,
        8..72,
        false,
    );
    let unpaired = icmp("10.0.1.10", "203.0.113.7", 10, 0, [0; 4], b"");
    for frame in [later, unpaired] {
        assert_eq!(quoted(ethernet(&quote(&frame, 3, 1, ROUTER))), None);
    }
    let query = query6();
    let ended = quote_bytes(&ip(&query)[..43], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&ended)), None);
    let ports = quote_bytes(&ip(&query)[..44], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&ports)), sent(&query));
    let ping = ping("2001:db8:a::10", "2001:db8:1::7", 77, 1);
    let ended = quote_bytes(&ip(&ping)[..45], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&ended)), None);
    let identifier = quote_bytes(&ip(&ping)[..46], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&identifier)), sent(&ping));
    let long = with_extensions(query, &[(60, 8); 16]);
    let mut longer = with_extensions(query6(), &[(60, 8); 17]);
    assert_eq!(quoted(ethernet(&quote(&long, 1, 0, ROUTER6))), sent(&long));
    longer = quote_bytes(&longer[14..], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&longer)), None);
}

/// Padding behind the packet is no part of the quote.
#[test]
fn a_quote_ends_with_the_packet() {
    let header = quote_bytes(&ip(&query6())[..40], 1, 0, ROUTER6, "2001:db8:a::10");
    assert_eq!(quoted(ethernet(&padded(header, 200))), None);
}

/// A quote is as long as it is there: routers rewrite lengths, and errors cut them short.
#[test]
fn the_lengths_written_in_a_quote_do_not_count() {
    let query = query4();
    for total in [0_u16, 20, 0xFFFF] {
        let changed = patch_ip(query.clone(), 2, &total.to_be_bytes());
        let error = quote_bytes(&changed[14..], 3, 3, ROUTER, "10.0.1.10");
        assert_eq!(quoted(ethernet(&error)), sent(&query));
    }
}

#[test]
fn a_snapped_quote_has_a_key_as_far_as_it_was_captured() {
    let query = query4();
    let error = quote(&query, 3, 3, ROUTER);
    // Ethernet, IPv4, ICMP, the quoted header, its ports.
    let ports = 14 + 20 + 8 + 20 + 4;
    for captured in 36..error.len() {
        let frame = Frame {
            data: &error[..captured],
            ..ethernet(&error)
        };
        let expected = if captured < ports { None } else { sent(&query) };
        assert_eq!(quoted(frame), expected, "{captured}");
    }
}
