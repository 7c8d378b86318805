//! ICMP: exchanges (D50, D51) and errors about tracked connections (D47 to D49).

use super::frames;
use super::world::{Policy, World, address};
use crate::Settings;

/// An ICMP error from `source` to `destination` that quotes these bytes.
fn error(source: &str, destination: &str, message: (u8, u8), quoted: &[u8]) -> Vec<u8> {
    frames::icmp(
        address(source),
        address(destination),
        64,
        message,
        [0; 4],
        quoted,
    )
}

/// The bytes of a packet in words.
fn bytes(packet: &str) -> Vec<u8> {
    frames::packet(packet).1
}

/// The start of a packet, as an error quotes it: IPv4 header and 8 bytes, IPv6 the whole.
fn cut(packet: &[u8]) -> &[u8] {
    if packet[0] >> 4 == 4 {
        &packet[..packet.len().min(28)]
    } else {
        packet
    }
}

const EGRESS: [&str; 2] = ["out -1 0.0.0.0/0", "out -1 ::/0"];

#[test]
fn d48_errors_about_a_tracked_connection_pass() {
    for (opening, router, local, messages) in [
        (
            "out udp 10.0.0.5:5000 > 192.0.2.1:53",
            "198.51.100.1",
            "10.0.0.5",
            [(3, 3), (4, 0), (11, 0), (12, 0)],
        ),
        (
            "out tcp S 10.0.0.5:5000 > 192.0.2.1:443",
            "192.0.2.1",
            "10.0.0.5",
            [(3, 4), (4, 0), (11, 1), (12, 2)],
        ),
        (
            "out icmp 8/0 77 10.0.0.5 > 192.0.2.1",
            "198.51.100.1",
            "10.0.0.5",
            [(3, 1), (3, 0), (11, 0), (12, 0)],
        ),
        (
            "out 47 10.0.0.5 > 192.0.2.1",
            "198.51.100.1",
            "10.0.0.5",
            [(3, 1), (3, 0), (11, 0), (12, 0)],
        ),
        (
            "out udp [2001:db8::5]:5000 > [2001:db8::1]:53",
            "2001:db8:9::1",
            "2001:db8::5",
            [(1, 4), (2, 0), (3, 0), (4, 1)],
        ),
        (
            "out icmpv6 128/0 77 2001:db8::5 > 2001:db8::1",
            "2001:db8:9::1",
            "2001:db8::5",
            [(1, 4), (2, 0), (3, 0), (4, 1)],
        ),
    ] {
        let mut world = World::new(&Policy::of(&EGRESS));
        let opened = world.judge(opening);
        assert_eq!(opened.outcome.as_str(), "new", "{opening}");
        let quoted = bytes(opening);
        for message in messages {
            let (way, packet) = (
                super::world::direction("in"),
                error(router, local, message, cut(&quoted)),
            );
            let related = world.judge_bytes(way, &packet);
            assert_eq!(related.outcome.as_str(), "related", "{opening} {message:?}");
            assert_eq!(related.rule, opened.rule, "the rule of the connection");
            // D49: whom it goes to must be who sent the quoted packet.
            if local == "10.0.0.5" {
                let two = Policy::of(&EGRESS).with("eni-1", |eni| {
                    eni.addresses.push(address("10.0.0.6"));
                });
                let mut astray = world.clone();
                astray.change(&two);
                let packet = error(router, "10.0.0.6", message, cut(&quoted));
                assert_eq!(astray.sees_bytes("in", &packet), "no-rule");
            }
        }
        // Off, as the text of 2022 has it.
        let settings = Settings {
            icmp_related: false,
            ..Settings::default()
        };
        let mut world = World::with(&Policy::of(&EGRESS), settings);
        assert_eq!(world.sees(opening), "new");
        let packet = error(router, local, messages[0], cut(&quoted));
        assert_eq!(world.sees_bytes("in", &packet), "no-rule");
    }
}

#[test]
fn d48_the_interfaces_own_end_may_send_the_error() {
    let mut world = World::new(&Policy::of(&["in udp 53 192.0.2.0/24"]));
    assert_eq!(world.sees("in udp 192.0.2.1:5000 > 10.0.0.5:53"), "new");
    let quoted = bytes("in udp 192.0.2.1:5000 > 10.0.0.5:53");
    let packet = error("10.0.0.5", "192.0.2.1", (3, 3), cut(&quoted));
    assert_eq!(world.sees_bytes("out", &packet), "related");
}

#[test]
fn d49_errors_about_nothing_need_a_rule() {
    let opening = "out udp 10.0.0.5:5000 > 192.0.2.1:53";
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(world.sees(opening), "new");
    for other in [
        "out udp 10.0.0.5:5001 > 192.0.2.1:53",
        "out udp 10.0.0.5:5000 > 192.0.2.1:54",
        "out udp 10.0.0.5:5000 > 192.0.2.2:53",
        "out tcp S 10.0.0.5:5000 > 192.0.2.1:53",
        "in udp 192.0.2.1:53 > 10.0.0.5:5000", // the wrong way round
    ] {
        let packet = error("192.0.2.1", "10.0.0.5", (3, 3), cut(&bytes(other)));
        assert_eq!(world.sees_bytes("in", &packet), "no-rule", "{other}");
    }
    // Not an error: a redirect, an echo reply that carries a packet.
    for message in [(5, 1), (0, 0), (8, 0), (13, 0)] {
        let packet = error("192.0.2.1", "10.0.0.5", message, cut(&bytes(opening)));
        assert_eq!(world.sees_bytes("in", &packet), "no-rule", "{message:?}");
    }
    // An error about an error.
    let inner = error("10.0.0.5", "192.0.2.1", (3, 3), cut(&bytes(opening)));
    let packet = error("192.0.2.1", "10.0.0.5", (3, 3), &inner);
    assert_eq!(world.sees_bytes("in", &packet), "no-rule");
    // With a rule it passes, and opens nothing.
    world.change(&Policy::of(&["in icmp 3/3 0.0.0.0/0", "out -1 0.0.0.0/0"]));
    assert_eq!(world.sees_bytes("in", &packet), "new");
    assert_eq!(world.states(), ["UDP"]);
}

#[test]
fn d49_an_error_changes_nothing() {
    let opening = "out udp 10.0.0.5:5000 > 192.0.2.1:53";
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(world.sees(opening), "new");
    let packet = error("192.0.2.1", "10.0.0.5", (3, 3), cut(&bytes(opening)));
    for _ in 0..3 {
        assert_eq!(world.wait(10.0).sees_bytes("in", &packet), "related");
    }
    assert_eq!(world.states(), ["UDP"], "not counted");
    world.now += 1;
    assert_eq!(world.sees_bytes("in", &packet), "no-rule", "not renewed");
}

#[test]
fn d49_untracked_flows_have_no_related_errors() {
    let mut world = World::new(&Policy::of(&[
        "in tcp 0-65535 0.0.0.0/0",
        "out -1 0.0.0.0/0",
    ]));
    let opening = "out tcp S 10.0.0.5:5000 > 192.0.2.1:443";
    assert_eq!(world.sees(opening), "untracked");
    let packet = error("192.0.2.1", "10.0.0.5", (3, 4), cut(&bytes(opening)));
    assert_eq!(world.sees_bytes("in", &packet), "no-rule");
}

#[test]
fn quoted_packets_that_belong_to_no_flow() {
    let opening = "out udp 10.0.0.5:5000 > 192.0.2.1:53";
    let whole = frames::udp(
        "10.0.0.5:5000".parse().unwrap(),
        "192.0.2.1:53".parse().unwrap(),
        &[0; 792],
    );
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(world.sees(opening), "new");
    let first = frames::fragment(&whole, 1, 0, 400);
    let packet = error("192.0.2.1", "10.0.0.5", (3, 3), cut(&first));
    assert_eq!(
        world.sees_bytes("in", &packet),
        "related",
        "a first fragment has its ports"
    );
    let later = frames::fragment(&whole, 1, 400, 800);
    let packet = error("192.0.2.1", "10.0.0.5", (11, 1), cut(&later));
    assert_eq!(
        world.sees_bytes("in", &packet),
        "no-rule",
        "a later one has not"
    );
}

#[test]
fn quoted_headers_are_walked() {
    // IPv4 options and IPv6 extension headers stand between.
    let opening = "out udp 10.0.0.5:5000 > 192.0.2.1:53";
    let mut quoted = bytes(opening)[..28].to_vec();
    quoted[0] = 0x46;
    quoted.splice(20..20, [1, 1, 1, 0]);
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(world.sees(opening), "new");
    let packet = error("192.0.2.1", "10.0.0.5", (12, 0), &quoted);
    assert_eq!(world.sees_bytes("in", &packet), "related");

    let opening = "out udp [2001:db8::5]:5000 > [2001:db8::1]:53";
    let mut quoted = bytes(opening);
    quoted[6] = 60;
    quoted.splice(40..40, [17, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!(world.sees(opening), "new");
    let packet = error("2001:db8::1", "2001:db8::5", (4, 1), &quoted);
    assert_eq!(world.sees_bytes("in", &packet), "related");
    let packet = error("2001:db8::1", "2001:db8::5", (4, 1), &quoted[..51]);
    assert_eq!(
        world.sees_bytes("in", &packet),
        "no-rule",
        "cut before the ports"
    );
}

#[test]
fn d50_pairs_of_query_and_reply() {
    for (query, reply) in [
        ("8/0", "0/0"),
        ("13/0", "14/0"),
        ("15/0", "16/0"),
        ("17/0", "18/0"),
    ] {
        let mut world = World::new(&Policy::of(&EGRESS));
        assert_eq!(
            world.sees(&format!("out icmp {query} 7 10.0.0.5 > 192.0.2.1")),
            "new"
        );
        let reply_to = |id: u16, peer: &str| format!("in icmp {reply} {id} {peer} > 10.0.0.5");
        assert_eq!(world.sees(&reply_to(7, "192.0.2.1")), "established");
        assert_eq!(
            world.sees(&reply_to(8, "192.0.2.1")),
            "no-rule",
            "another identifier"
        );
        assert_eq!(
            world.sees(&reply_to(7, "192.0.2.2")),
            "no-rule",
            "another host"
        );
        assert_eq!(
            world.sees(&format!("in icmp {query} 7 192.0.2.1 > 10.0.0.5")),
            "no-rule",
            "the peer's own query does not ride on ours"
        );
        assert_eq!(
            world.wait(30.0).sees(&reply_to(7, "192.0.2.1")),
            "established"
        );
        world.wait(30.0).now += 1;
        assert_eq!(world.sees(&reply_to(7, "192.0.2.1")), "no-rule", "30 s");
    }
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(
        world.sees("out icmpv6 128/0 7 2001:db8::5 > 2001:db8::1"),
        "new"
    );
    assert_eq!(
        world.sees("in icmpv6 129/0 7 2001:db8::1 > 2001:db8::5"),
        "established"
    );
    assert_eq!(
        world.sees("in icmpv6 129/0 8 2001:db8::1 > 2001:db8::5"),
        "no-rule"
    );
}

#[test]
fn d50_a_reply_is_the_reply_to_its_own_kind_of_query() {
    let mut world = World::new(&Policy::of(&EGRESS));
    assert_eq!(world.sees("out icmp 8/0 7 10.0.0.5 > 192.0.2.1"), "new");
    for reply in ["14/0", "16/0", "18/0", "0/1"] {
        assert_eq!(
            world.sees(&format!("in icmp {reply} 7 192.0.2.1 > 10.0.0.5")),
            "no-rule"
        );
    }
}

#[test]
fn d51_what_opens_nothing() {
    let mut world = World::new(&Policy::of(&["in -1 0.0.0.0/0", "in -1 ::/0"]));
    for message in ["0/0", "14/0", "3/3", "5/0", "9/0", "10/0", "8/1", "42/0"] {
        assert_eq!(
            world.sees(&format!("in icmp {message} 7 192.0.2.1 > 10.0.0.5")),
            "new"
        );
    }
    for message in ["129/0", "128/1", "200/0"] {
        let packet = format!("in icmpv6 {message} 7 2001:db8::1 > 2001:db8::5");
        assert_eq!(world.sees(&packet), "new");
    }
    assert!(world.states().is_empty());
    assert_eq!(world.sees("in icmp 8/0 7 192.0.2.1 > 10.0.0.5"), "new");
    assert_eq!(world.states(), ["ICMP"]);
}

#[test]
fn icmp_in_the_wrong_family_is_some_other_protocol() {
    let mut world = World::new(&Policy::of(&[
        "in icmp all ::/0",
        "in icmpv6 all 0.0.0.0/0",
    ]));
    assert_eq!(
        world.sees("in 1 2001:db8::1 > 2001:db8::5"),
        "no-rule",
        "A19"
    );
    assert_eq!(world.sees("in 58 192.0.2.1 > 10.0.0.5"), "no-rule", "A19");
    let mut world = World::new(&Policy::of(&["in -1 0.0.0.0/0", "in -1 ::/0"]));
    assert_eq!(world.sees("in 1 2001:db8::1 > 2001:db8::5"), "new");
    assert_eq!(world.sees("in 58 192.0.2.1 > 10.0.0.5"), "new");
    assert_eq!(world.states(), ["OTHER", "OTHER"]);
}
