use std::panic::catch_unwind;

use super::*;
use crate::capture::Pcap;
use crate::checksum::is_valid;
use crate::frame;

const HANDSHAKE: &str = r#"
    # a comment
    +0       203.0.113.7:40000 > 10.0.1.10:22  tcp S                  | ingress allow new
    +0.010   10.0.1.10:22 > 203.0.113.7:40000  tcp SA seq 7 ack 1001  | egress   allow established

    1.5      ! the policy is swapped                                  |
    +0.000000001  203.0.113.7:40000 > 10.0.1.10:22 tcp PA "a b | len 9" | ingress allow established
"#;

fn packet(line: &str) -> Vec<u8> {
    match &Trace::parse(&format!("0 {line} |")).steps()[0].action {
        Action::Packet(frame) => frame.clone(),
        Action::Event(words) => panic!("an event: {words}"),
    }
}

#[track_caller]
fn message(act: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *catch_unwind(act)
        .expect_err("it should have panicked")
        .downcast::<String>()
        .unwrap()
}

#[test]
fn a_table_becomes_steps() {
    let trace = Trace::parse(HANDSHAKE);
    let times: Vec<u64> = trace.steps().iter().map(|step| step.time).collect();
    assert_eq!(times, [0, 10_000_000, 1_500_000_000, 1_500_000_001]);
    let expected: Vec<&str> = trace
        .steps()
        .iter()
        .map(|step| &step.expected[..])
        .collect();
    let (new, old) = ("ingress allow new", "ingress allow established");
    assert_eq!(expected, [new, "egress allow established", "", old]);
    assert_eq!(
        trace.steps()[2].action,
        Action::Event("the policy is swapped".to_owned())
    );
    let last = frame::tcp("203.0.113.7:40000", "10.0.1.10:22", "PA", b"a b | len 9");
    assert_eq!(trace.steps()[3].action, Action::Packet(last));
    assert_eq!(
        trace
            .frames(5)
            .iter()
            .map(|(time, _)| *time)
            .collect::<Vec<_>>()[1],
        10_000_005
    );
    let file = Pcap::nano().file(&trace.frames(0));
    assert_eq!(file.len(), 24 + 3 * 16 + 2 * 54 + 65);
}

#[test]
fn each_kind_of_packet_is_what_its_builder_makes() {
    let pairs = [
        (
            packet("[2001:db8::1]:5 > [2001:db8::2]:6 udp len 3"),
            frame::udp("[2001:db8::1]:5", "[2001:db8::2]:6", b"xxx"),
        ),
        (
            packet("10.0.0.1 > 10.0.0.2 ping id 7 seq 2"),
            frame::ping("10.0.0.1", "10.0.0.2", 7, 2),
        ),
        (
            packet("fe80::1 > fe80::2 pong"),
            frame::pong("fe80::1", "fe80::2", 1, 1),
        ),
        (
            packet("10.0.0.1 > 10.0.0.2 icmp 13/0 id 258"),
            frame::icmp("10.0.0.1", "10.0.0.2", 13, 0, [1, 2, 0, 0], b""),
        ),
        (
            packet("10.0.0.1 > 10.0.0.2 proto 47 \"gre\""),
            frame::raw_proto("10.0.0.1", "10.0.0.2", 47, b"gre"),
        ),
        (
            packet("10.0.0.1 > 10.0.0.2 arp"),
            frame::arp("10.0.0.1", "10.0.0.2"),
        ),
    ];
    for (parsed, built) in pairs {
        assert_eq!(parsed, built);
    }
}

#[test]
fn what_lies_around_the_packet() {
    let plain = frame::icmp6("fe80::1", "ff02::16", 143, 0, [0; 4], b"");
    let parsed = packet("fe80::1 > ff02::16 icmp6 143/0 ttl 1 ext 0 vlan 9");
    let built = frame::with_extensions(frame::with_hop_limit(plain, 1), &[(0, 8)]);
    assert_eq!(parsed, frame::with_vlan(built, 9));

    let datagram = frame::udp("10.0.0.1:1", "10.0.0.2:2", &[b'x'; 92]);
    let first = packet("10.0.0.1:1 > 10.0.0.2:2 udp len 92 piece 0..48+ ipid 77");
    let second = packet("10.0.0.1:1 > 10.0.0.2:2 udp len 92 piece 48..100 ipid 77");
    assert_eq!(
        vec![first, second],
        frame::fragments_with_id(&datagram, 77, &[48])
    );
}

#[test]
fn an_error_quotes_a_packet_of_the_table() {
    let trace = Trace::parse(
        "0 ! not counted                                              |
         0 10.0.1.10:5 > 203.0.113.7:53  udp len 40                   |
         0 10.0.1.1 > 10.0.1.10          icmp 3/4 quotes 1 cut 28     |
         0 10.0.1.1 > 10.0.1.10          icmp 3/4 quotes 1            |",
    );
    let sent = frame::udp("10.0.1.10:5", "203.0.113.7:53", &[b'x'; 40]);
    let frames = trace.frames(0);
    assert_eq!(frames[2].1, frame::quote(&sent, 3, 4, "10.0.1.1"));
    assert!(is_valid(&frames[1].1));
    assert_eq!(frame::ip(&frames[1].1).len(), 28 + 28);
}

#[test]
fn a_frame_is_used_by_its_name() {
    let trace = Trace::parse_with("0 frame odd | deny", &[("odd", vec![1, 2, 3])]);
    assert_eq!(trace.steps()[0].action, Action::Packet(vec![1, 2, 3]));
}

#[test]
fn a_trace_that_turns_out_as_expected_passes_and_events_are_acted_upon() {
    let mut events = 0;
    Trace::parse(HANDSHAKE).check(|step| match step.action {
        Action::Event(_) => {
            events += 1;
            "whatever".to_owned()
        }
        Action::Packet(_) => format!("  {}  ", step.expected.replace(' ', "  ")),
    });
    assert_eq!(events, 1);
}

#[test]
fn a_difference_prints_the_whole_trace() {
    let trace = Trace::parse(
        "+0     10.0.0.1:1 > 10.0.0.2:2  tcp S         | new
         +0.01  10.0.0.2:2 > 10.0.0.1:1  tcp SA  ack 9 | established
         +1     ! swap                                 |
         +120   10.0.0.1:1 > 10.0.0.2:2  tcp A         | established",
    );
    let message = message(|| {
        trace.check(|step| match &step.text {
            text if text.contains("SA") => "deny no-rule".to_owned(),
            _ => step.expected.clone(),
        });
    });
    let expected = "\
1 of 4 lines turned out otherwise (>)
    #      seconds  packet                                expected     actual
    1     0.000000  10.0.0.1:1 > 10.0.0.2:2 tcp S         new          new
>   2     0.010000  10.0.0.2:2 > 10.0.0.1:1 tcp SA ack 9  established  deny no-rule
          1.010000  ! swap
    3   121.010000  10.0.0.1:1 > 10.0.0.2:2 tcp A         established  established
";
    assert_eq!(message, expected, "\n{message}");
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let cases = [
        (
            "0 10.0.0.1 > 10.0.0.2 ping",
            "there is no `|` before the outcome",
        ),
        (
            "x 10.0.0.1 > 10.0.0.2 ping |",
            "`x` is not a number of seconds such as 0.010",
        ),
        (
            "0.0000000001 10.0.0.1 > 10.0.0.2 ping |",
            "`0.0000000001` is not a number of seconds",
        ),
        (
            "0 10.0.0.1 10.0.0.2 ping |",
            "there is no `>` behind the source",
        ),
        (
            "0 10.0.0.1 > 10.0.0.2 tcp S |",
            "`10.0.0.1` is not address:port",
        ),
        (
            "0 10.0.0.1:1 > 10.0.0.2:2 tcp |",
            "`tcp` is followed by its flags or numbers",
        ),
        (
            "0 10.0.0.1 > 10.0.0.2 quic |",
            "`quic` is not a protocol of this table",
        ),
        (
            "0 10.0.0.1 > 10.0.0.2 ping twice 3 |",
            "the word `twice` means nothing here",
        ),
        (
            "0 10.0.0.1 > 10.0.0.2 proto 256 |",
            "`256` is not a number that fits here",
        ),
        (
            "0 10.0.0.1 > 10.0.0.2 icmp 3/3 quotes 1 |",
            "there is no packet 1 above",
        ),
        ("0 frame odd |", "no frame is called `odd`"),
    ];
    for (line, error) in cases {
        let message = message(|| drop(Trace::parse(line)));
        assert!(
            message.contains(error) && message.contains(line),
            "{message}"
        );
    }
}
