//! How long TCP connections live, and what a full table does (scenarios 45, 47, 48, 50, 51, 56, 70).

use crate::support::{D, Story, policy};

#[test]
fn s45_a_closed_connection_lives_two_minutes() {
    let story = Story::new(D).trace(
        "0   10.0.0.10:40000 > 203.0.113.10:80  tcp S         | allow new
         0   203.0.113.10:80 > 10.0.0.10:40000  tcp SA        | allow established
         0   10.0.0.10:40000 > 203.0.113.10:80  tcp A         | allow established
         0   10.0.0.10:40000 > 203.0.113.10:80  tcp PA len 90 | allow established
         1   203.0.113.10:80 > 10.0.0.10:40000  tcp PA len 90 | allow established
         1   10.0.0.10:40000 > 203.0.113.10:80  tcp FA        | allow established
         1   203.0.113.10:80 > 10.0.0.10:40000  tcp FA        | allow established
         1   10.0.0.10:40000 > 203.0.113.10:80  tcp A         | allow established
         121 203.0.113.10:80 > 10.0.0.10:40000  tcp A         | allow established
         242 203.0.113.10:80 > 10.0.0.10:40000  tcp A         | deny no-rule",
    );
    assert_eq!(story.connections(), 0);
}

#[test]
fn s47_a_handshake_must_be_done_in_time() {
    Story::new(D).trace(
        "0   10.0.0.10:40000 > 203.0.113.10:80  tcp S  | allow new
         120 203.0.113.10:80 > 10.0.0.10:40000  tcp SA | allow established
         180 10.0.0.10:40000 > 203.0.113.10:80  tcp A  | allow established",
    );
    Story::new(D).trace(
        "0   10.0.0.10:40000 > 203.0.113.10:80  tcp S  | allow new
         121 203.0.113.10:80 > 10.0.0.10:40000  tcp SA | deny no-rule",
    );
}

#[test]
fn s48_each_phase_has_its_time() {
    Story::new(D).trace(
        "0      10.0.0.10:40000 > 203.0.113.10:80  tcp S  | allow new
         1      203.0.113.10:80 > 10.0.0.10:40000  tcp SA | allow established
         2      10.0.0.10:40000 > 203.0.113.10:80  tcp A  | allow established
         # Established: five days.
         432002 10.0.0.10:40000 > 203.0.113.10:80  tcp A  | allow established
         # One FIN: 120 s.
         432003 10.0.0.10:40000 > 203.0.113.10:80  tcp FA | allow established
         432123 203.0.113.10:80 > 10.0.0.10:40000  tcp FA | allow established
         # Both: 30 s, and after the last ACK 120 s; a SYN opens it again.
         432153 10.0.0.10:40000 > 203.0.113.10:80  tcp A  | allow established
         432200 10.0.0.10:40000 > 203.0.113.10:80  tcp S  | allow new
         432200 203.0.113.10:80 > 10.0.0.10:40000  tcp R  | allow established
         # A reset: 10 s.
         432210 203.0.113.10:80 > 10.0.0.10:40000  tcp R  | allow established
         432221 203.0.113.10:80 > 10.0.0.10:40000  tcp R  | deny no-rule",
    );
    // D29: an interface may set its own time.
    let mut short = policy(D);
    for interface in short.interfaces.values_mut() {
        interface.tracking.tcp_established = Some(crate::support::seconds(350));
    }
    Story::of(&short).trace(
        "0      10.0.0.10:40000 > 203.0.113.10:80  tcp S  | allow new
         1      203.0.113.10:80 > 10.0.0.10:40000  tcp SA | allow established
         2      10.0.0.10:40000 > 203.0.113.10:80  tcp A  | allow established
         352    203.0.113.10:80 > 10.0.0.10:40000  tcp A  | allow established
         # D37: after the idle time it is dropped silently, even outwards, where a rule would let a SYN pass.
         703    203.0.113.10:80 > 10.0.0.10:40000  tcp A  | deny no-rule
         703    10.0.0.10:40000 > 203.0.113.10:80  tcp A  | deny invalid-state",
    );
}

#[test]
fn s50_transient_states_are_short_from_either_side_and_in_either_family() {
    let rules = format!(
        "{D}\n i ingress tcp 80 from 203.0.113.0/24\n i ingress tcp 80 from 2001:db8:1::/48"
    );
    for (from, to, answer_later) in [
        ("10.0.0.10:40000", "203.0.113.10:80", "deny no-rule"),
        ("203.0.113.10:40000", "10.0.0.10:80", "deny invalid-state"),
        (
            "[2001:db8::10]:40000",
            "[2001:db8:1::10]:80",
            "deny no-rule",
        ),
        (
            "[2001:db8:1::10]:40000",
            "[2001:db8::10]:80",
            "deny invalid-state",
        ),
    ] {
        // Incomplete: gone after its 120 s. Complete: still there. With a FIN: 120 s again.
        Story::new(&rules).trace(&format!(
            "0   {from} > {to}  tcp S  | allow new
             121 {to} > {from}  tcp SA | {answer_later}"
        ));
        Story::new(&rules).trace(&format!(
            "0    {from} > {to}  tcp S  | allow new
             0    {to} > {from}  tcp SA | allow established
             0    {from} > {to}  tcp A  | allow established
             3600 {to} > {from}  tcp A  | allow established
             3600 {from} > {to}  tcp FA | allow established
             3721 {to} > {from}  tcp A  | {answer_later}"
        ));
    }
}

#[test]
fn s51_a_syn_for_ever_without_an_answer_pins_nothing() {
    Story::new(D).policy("closed", policy("")).trace(
        "0   10.0.0.10:40000 > 203.0.113.10:80  tcp S | allow new
         60  10.0.0.10:40000 > 203.0.113.10:80  tcp S | allow established
         119 10.0.0.10:40000 > 203.0.113.10:80  tcp S | allow established
         # The first entry has run out: the rules are asked again.
         121 10.0.0.10:40000 > 203.0.113.10:80  tcp S | allow new
         200 ! policy closed                          |
         240 10.0.0.10:40000 > 203.0.113.10:80  tcp S | allow established
         242 10.0.0.10:40000 > 203.0.113.10:80  tcp S | deny no-rule",
    );
}

#[test]
fn s56_a_syn_flood_leaves_live_connections_alone() {
    let rules = "i ingress tcp 80 from 203.0.113.0/24\n i ingress tcp 80 from 198.51.100.0/24";
    let mut story = Story::with(&policy(rules), |settings| settings.engine.capacity = 50).trace(
        "+0 198.51.100.7:40000 > 10.0.0.10:80  tcp S  | allow new
         +0 10.0.0.10:80 > 198.51.100.7:40000  tcp SA | allow established
         +0 198.51.100.7:40000 > 10.0.0.10:80  tcp A  | allow established",
    );
    for port in 1000..2000 {
        story = story.trace(&format!(
            "1 203.0.113.10:{port} > 10.0.0.10:80  tcp S | allow new"
        ));
        assert!(story.connections() <= 50);
    }
    drop(story.trace(
        "2   198.51.100.7:40000 > 10.0.0.10:80  tcp PA | allow established
         # A legitimate newcomer gets in during the flood: a half-open connection gives way.
         2   198.51.100.8:40000 > 10.0.0.10:80  tcp S  | allow new
         2   10.0.0.10:80 > 198.51.100.8:40000  tcp SA | allow established
         2   198.51.100.8:40000 > 10.0.0.10:80  tcp A  | allow established
         # The first of the flood gave way long ago.
         2   10.0.0.10:80 > 203.0.113.10:1000   tcp SA | deny no-rule
         200 198.51.100.9:40000 > 10.0.0.10:80  tcp S  | allow new",
    ));
}

#[test]
fn s70_a_full_table_drops_what_is_new_and_frees_what_is_gone() {
    let story = Story::with(&policy(D), |settings| settings.engine.capacity = 2).trace(
        "0  10.0.0.10:40000 > 203.0.113.10:53  udp | allow new
         0  10.0.0.10:40001 > 203.0.113.10:53  udp | allow new
         0  10.0.0.10:40002 > 203.0.113.10:53  udp | deny table-full
         1  203.0.113.10:53 > 10.0.0.10:40000  udp | allow established
         # The second has run out, the first has not.
         31 10.0.0.10:40002 > 203.0.113.10:53  udp | allow new
         31 10.0.0.10:40003 > 203.0.113.10:53  udp | deny table-full",
    );
    assert_eq!(story.connections(), 2);
    // D42: an interface's own allowance, and what is untracked does not need it (D46).
    let rules =
        "i ingress tcp 80 from 0.0.0.0/0\n i egress all to 0.0.0.0/0\n j egress all to 0.0.0.0/0";
    Story::with(&policy(rules), |settings| {
        settings.defaults.allowance = Some(1)
    })
    .trace(
        "0 10.0.0.10:40000 > 203.0.113.10:53   udp   | allow new
         0 10.0.0.10:40001 > 203.0.113.10:53   udp   | deny table-full
         0 10.0.0.20:40001 > 203.0.113.10:53   udp   | allow new
         0 203.0.113.10:40000 > 10.0.0.10:80   tcp S | allow untracked",
    );
}
