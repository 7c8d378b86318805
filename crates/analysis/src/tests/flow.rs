//! Flows in words: what is one, what is not, and back.

use proptest::prelude::*;
use secgroup_packet::{Family, L4, Protocol, TcpFlags};

use crate::Flow;
use crate::tests::random::{Sent, flows};

fn parsed(text: &str) -> Flow {
    text.parse()
        .unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

#[test]
fn what_is_a_flow() {
    // As typed, and as it is printed.
    for (text, printed) in [
        (
            "tcp 203.0.113.7:40000 > 10.0.1.10:22",
            "tcp 203.0.113.7:40000 > 10.0.1.10:22",
        ),
        (
            "tcp 203.0.113.7:40000>10.0.1.10:22",
            "tcp 203.0.113.7:40000 > 10.0.1.10:22",
        ),
        (
            "  TCP  203.0.113.7:1  ->  10.0.1.10:22 ",
            "tcp 203.0.113.7:1 > 10.0.1.10:22",
        ),
        (
            "6 203.0.113.7:0 > 10.0.1.10:65535",
            "tcp 203.0.113.7:0 > 10.0.1.10:65535",
        ),
        (
            "udp [2001:db8::1]:53 > [2001:DB8::2]:4242",
            "udp [2001:db8::1]:53 > [2001:db8::2]:4242",
        ),
        ("17 10.0.0.1:1 > 10.0.0.2:2", "udp 10.0.0.1:1 > 10.0.0.2:2"),
        (
            "tcp syn 10.0.0.1:1 > 10.0.0.2:2",
            "tcp 10.0.0.1:1 > 10.0.0.2:2",
        ),
        (
            "tcp ACK+syn 10.0.0.1:1 > 10.0.0.2:2",
            "tcp syn+ack 10.0.0.1:1 > 10.0.0.2:2",
        ),
        ("6 none [::1]:1 > [::2]:2", "tcp none [::1]:1 > [::2]:2"),
        (
            "icmp 203.0.113.7 > 10.0.1.10",
            "icmp 8/0 203.0.113.7 > 10.0.1.10",
        ),
        (
            "icmp 3/4 203.0.113.7 > 10.0.1.10",
            "icmp 3/4 203.0.113.7 > 10.0.1.10",
        ),
        (
            "1 255/255 203.0.113.7 > 10.0.1.10",
            "icmp 255/255 203.0.113.7 > 10.0.1.10",
        ),
        (
            "icmpv6 2001:db8::1 > 2001:db8::2",
            "icmpv6 128/0 2001:db8::1 > 2001:db8::2",
        ),
        (
            "icmp6 2/0 [2001:db8::1] > [2001:db8::2]",
            "icmpv6 2/0 2001:db8::1 > 2001:db8::2",
        ),
        (
            "58 2001:db8::1 > 2001:db8::2",
            "icmpv6 128/0 2001:db8::1 > 2001:db8::2",
        ),
        ("47 192.0.2.9 > 10.0.1.10", "47 192.0.2.9 > 10.0.1.10"),
        ("0 192.0.2.9 > 10.0.1.10", "0 192.0.2.9 > 10.0.1.10"),
        (
            "50 2001:db8::1 > 2001:db8::2",
            "50 2001:db8::1 > 2001:db8::2",
        ),
        // ICMP of the other family has a number and nothing else (A19).
        (
            "icmp 8/0 2001:db8::1 > 2001:db8::2",
            "icmp 2001:db8::1 > 2001:db8::2",
        ),
        ("icmpv6 10.0.0.1 > 10.0.0.2", "icmpv6 10.0.0.1 > 10.0.0.2"),
    ] {
        assert_eq!(parsed(text).to_string(), printed);
    }
}

#[test]
fn what_a_flow_says_of_its_packet() {
    let packet = parsed("tcp 203.0.113.7:40000 > 10.0.1.10:22").packet();
    assert_eq!(
        packet.src(),
        "203.0.113.7".parse::<std::net::IpAddr>().unwrap()
    );
    assert_eq!(
        packet.dst(),
        "10.0.1.10".parse::<std::net::IpAddr>().unwrap()
    );
    let (sport, dport, flags) = (40000, 22, TcpFlags::SYN);
    assert_eq!(
        packet.l4,
        L4::Tcp {
            sport,
            dport,
            flags
        }
    );

    let packet = parsed("icmp 3/4 203.0.113.7 > 10.0.1.10").packet();
    assert!(matches!(
        packet.l4,
        L4::Icmp {
            kind: 3,
            code: 4,
            ..
        }
    ));

    let packet = parsed("icmp 8/0 2001:db8::1 > 2001:db8::2").packet();
    let said = (packet.family(), packet.protocol, packet.l4);
    assert_eq!(said, (Family::V6, Protocol::ICMP, L4::Other));
}

#[test]
fn hop_limits_are_those_of_the_protocol() {
    // RFC 4861 section 7.1; RFC 2710 section 3 and RFC 3810 section 5.
    for (kind, limit) in [
        (128, 64),
        (133, 255),
        (137, 255),
        (138, 64),
        (130, 1),
        (143, 1),
    ] {
        let flow = parsed(&format!("icmpv6 {kind}/0 fe80::1 > fe80::2"));
        assert_eq!(flow.packet().hop_limit, limit, "type {kind}");
    }
    assert_eq!(
        parsed("icmp 133/0 10.0.0.1 > 10.0.0.2").packet().hop_limit,
        64
    );
}

/// Texts, and a part of the error.
const NO_FLOWS: &[(&str, &str)] = &[
    ("", "has no '>'"),
    ("tcp 203.0.113.7:1 10.0.1.10:22", "has no '>'"),
    ("> 10.0.1.10:22", "'' is not a protocol and a source"),
    ("tcp > 10.0.1.10:22", "'tcp' is not a protocol and a source"),
    (
        "tcp a b c > 10.0.1.10:22",
        "'tcp a b c' is not a protocol and a source",
    ),
    (
        "tcp 203.0.113.7 > 10.0.1.10:22",
        "'203.0.113.7' has no port: give 203.0.113.7:PORT",
    ),
    (
        "tcp 203.0.113.7:1 > 10.0.1.10",
        "'10.0.1.10' has no port: give 10.0.1.10:PORT",
    ),
    ("udp [::1]:1 > ::2", "'::2' has no port: give [::2]:PORT"),
    (
        "tcp 203.0.113.7:1 > 10.0.1.10:65536",
        "'10.0.1.10:65536' is not ADDRESS:PORT",
    ),
    ("tcp 203.0.113.7:1 > web:22", "'web:22' is not ADDRESS:PORT"),
    (
        "tcp 203.0.113.7:1 > 10.0.1.10:22 > 10.0.1.11:22",
        "is not ADDRESS:PORT",
    ),
    (
        "tcp 203.0.113.7:1 > [::1]:22",
        "different families: give both in IPv4 or both in IPv6",
    ),
    (
        "icmp 10.0.0.1 > ::1",
        "different families: give both in IPv4 or both in IPv6",
    ),
    (
        "icmp 8 10.0.0.1 > 10.0.0.2",
        "'8' is not an ICMP TYPE/CODE, each a number from 0 to 255",
    ),
    (
        "icmp 8/256 10.0.0.1 > 10.0.0.2",
        "'8/256' is not an ICMP TYPE/CODE",
    ),
    (
        "icmp +8/0 10.0.0.1 > 10.0.0.2",
        "'+8/0' is not an ICMP TYPE/CODE",
    ),
    (
        "icmp 10.0.0.1:7 > 10.0.0.2",
        "'10.0.0.1:7' has a port, and icmp has none: give 10.0.0.1",
    ),
    (
        "47 10.0.0.1 > [::1]:7",
        "'[::1]:7' has a port, and 47 has none: give ::1",
    ),
    (
        "47 10.0.0.1 > 10.0.0.0/8",
        "'10.0.0.0/8' is not an IPv4 or IPv6 address",
    ),
    (
        "47 [[::1]] > ::2",
        "'[[::1]]' is not an IPv4 or IPv6 address",
    ),
    (
        "tcp 8/0 10.0.0.1:1 > 10.0.0.2:2",
        "'8/0' is no flag of TCP: there are fin, syn, rst, psh, ack, urg, ece, cwr, as in syn+ack",
    ),
    (
        "udp ack 10.0.0.1:1 > 10.0.0.2:2",
        "'ack' is one word too many: only ICMP has a TYPE/CODE, and TCP flags",
    ),
    (
        "sctp 10.0.0.1 > 10.0.0.2",
        "give tcp, udp, icmp, icmpv6 or a number from 0 to 255",
    ),
    // A number that one reader takes for TCP and another for text is neither.
    ("06 10.0.0.1:1 > 10.0.0.2:2", "'06' is not a protocol"),
    ("+6 10.0.0.1:1 > 10.0.0.2:2", "'+6' is not a protocol"),
    ("256 10.0.0.1 > 10.0.0.2", "'256' is not a protocol"),
    // D53: rules see what stands behind extension headers.
    (
        "44 ::1 > ::2",
        "44 is an extension header in IPv6; give the protocol behind it",
    ),
    (
        "51 ::1 > ::2",
        "51 is an extension header in IPv6; give the protocol behind it",
    ),
];

#[test]
fn what_is_no_flow_and_what_would_be() {
    for (text, remedy) in NO_FLOWS {
        let error = text.parse::<Flow>().unwrap_err().to_string();
        assert!(error.contains(remedy), "`{text}`: {error}");
        assert!(error.contains("write a flow such as 'tcp 203.0.113.7:40000 > 10.0.1.10:22'"));
    }
}

#[test]
fn the_examples_of_the_error_are_flows() {
    let error = "".parse::<Flow>().unwrap_err().to_string();
    let examples: Vec<_> = error
        .split('\'')
        .filter(|text| text.contains(" > "))
        .collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        assert_eq!(parsed(example).to_string(), example);
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses_back(Sent { flow, .. } in flows()) {
        prop_assert_eq!(parsed(&flow.to_string()), flow);
    }

    #[test]
    fn any_text_is_a_flow_or_an_error(text in ".{0,40}") {
        let _ = text.parse::<Flow>();
    }

    #[test]
    fn so_is_anything_near_a_flow(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "tcp", "icmp", "17", "58", "255", ">", "->", "8/0", "10.0.0.1", "10.0.0.1:1", "::1",
                "[::1]:1", "[", "]", ":", "/",
            ]),
            0..7,
        ),
    ) {
        if let Ok(flow) = words.join(" ").parse::<Flow>() {
            prop_assert_eq!(parsed(&flow.to_string()), flow);
        }
    }
}
