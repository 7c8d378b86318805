//! TCP: handshakes, resets, closes, strangers' segments (scenarios 38 to 46, 49, 52 to 55, 57).

use crate::support::{D, Story, policy};

/// A handshake from I to O's port 443.
const OPEN: &str = "
    +0 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
    +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA | allow established
    +0 10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established";

#[test]
fn s38_a_reset_closes_and_the_rest_of_the_flow_still_passes() {
    // Sequence numbers are not looked at (D41): any reset closes, and for 10 s what is under way passes.
    for seq in [0, 1_000_000, 42, 3000, 3001] {
        let story = Story::new(D).trace(OPEN).trace(&format!(
            "0 203.0.113.10:443 > 10.0.0.10:40000  tcp R seq {seq}  | allow established"
        ));
        assert_eq!(story.state(), "Close");
        story.trace(
            "1  203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 100   | allow established
             12 203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 100   | deny no-rule",
        );
    }
}

#[test]
fn s39_a_reset_after_a_fin_closes() {
    let story = Story::new(D).trace(OPEN).trace(
        "0 10.0.0.10:40000 > 203.0.113.10:443  tcp FA       | allow established
         0 203.0.113.10:443 > 10.0.0.10:40000  tcp R seq 77 | allow established",
    );
    assert_eq!(story.state(), "Close");
}

#[test]
fn s40_a_challenge_ack_to_a_new_syn() {
    let story = Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp R  | allow established
         +1 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established",
    );
    assert_eq!(story.state(), "Established");
}

#[test]
fn s41_an_old_syn_ack_does_not_poison() {
    let story = Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443  tcp S         | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA ack 99 | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp S         | allow established
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA        | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp A         | allow established",
    );
    assert_eq!(story.state(), "Established");
}

#[test]
fn s42_a_new_syn_on_a_live_tuple() {
    let story = Story::new(D).trace(OPEN).trace(
        "1   10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow established
         1   203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established
         1   10.0.0.10:40000 > 203.0.113.10:443  tcp R  | allow established
         1.5 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
         1.5 203.0.113.10:443 > 10.0.0.10:40000  tcp SA | allow established
         1.5 10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established",
    );
    assert_eq!(story.state(), "Established");
}

#[test]
fn s43_a_retransmission_far_behind_passes() {
    let mut story = Story::new(D).trace(OPEN);
    for segment in 0..46 {
        let seq = 1000 + segment * 1460;
        story = story.trace(&format!(
            "1 203.0.113.10:443 > 10.0.0.10:40000  tcp A seq {seq} len 1460 | allow established"
        ));
    }
    drop(story.trace(
        "2 203.0.113.10:443 > 10.0.0.10:40000  tcp A seq 1000 len 1460 | allow established",
    ));
}

#[test]
fn s44_order_and_windows_are_the_hosts_business() {
    // Out-of-order ACK, retransmission after a missing ACK, FIN exchange with retransmissions, far out of the window.
    let story = Story::new(D).trace(OPEN).trace(
        "1 203.0.113.10:443 > 10.0.0.10:40000  tcp A  seq 2000 ack 900 len 9   | allow established
         1 203.0.113.10:443 > 10.0.0.10:40000  tcp A  seq 1000 ack 800 len 9   | allow established
         1 10.0.0.10:40000 > 203.0.113.10:443  tcp A  seq 900 ack 23140 len 9  | allow established
         2 10.0.0.10:40000 > 203.0.113.10:443  tcp FA seq 909                  | allow established
         3 10.0.0.10:40000 > 203.0.113.10:443  tcp FA seq 909                  | allow established
         3 203.0.113.10:443 > 10.0.0.10:40000  tcp A  seq 3000 ack 910         | allow established
         4 203.0.113.10:443 > 10.0.0.10:40000  tcp FA seq 3000 ack 910         | allow established
         5 203.0.113.10:443 > 10.0.0.10:40000  tcp FA seq 3000 ack 910         | allow established
         5 10.0.0.10:40000 > 203.0.113.10:443  tcp A  seq 910 ack 3001         | allow established",
    );
    assert_eq!(story.state(), "TimeWait");
}

#[test]
fn s46_a_syn_reopens_a_closed_tuple_if_a_rule_still_says_so() {
    let closed = "
        10 10.0.0.10:40000 > 203.0.113.10:443  tcp FA | allow established
        10 203.0.113.10:443 > 10.0.0.10:40000  tcp FA | allow established
        10 10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established";
    let story = Story::new(D).trace(OPEN).trace(closed);
    assert_eq!(story.state(), "TimeWait");
    let story = story.trace("20 10.0.0.10:40000 > 203.0.113.10:443  tcp S | allow new");
    assert_eq!(story.state(), "SynSent");
    // D40: revoked meanwhile; and the other end has no rule for a connection of its own.
    Story::new(D)
        .policy("closed", policy(""))
        .trace(OPEN)
        .trace(closed)
        .trace(
            "11 203.0.113.10:443 > 10.0.0.10:40000  tcp S  | deny no-rule
         12 ! policy closed                            |
         12 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | deny no-rule
         # The old connection's last segments still pass.
         12 203.0.113.10:443 > 10.0.0.10:40000  tcp FA | allow established",
        );
    // The other end may open one where a rule says so.
    let both = "i egress tcp 443 to 203.0.113.0/24\n i ingress tcp 40000 from 203.0.113.0/24";
    let story = Story::new(both).trace(OPEN).trace(closed).trace(
        "20 203.0.113.10:443 > 10.0.0.10:40000  tcp S  | allow new
         20 10.0.0.10:40000 > 203.0.113.10:443  tcp SA | allow established
         20 203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established",
    );
    assert_eq!(story.state(), "Established");
}

#[test]
fn s49_data_after_a_reset_keeps_the_flow_for_its_ten_seconds() {
    Story::new(D).trace(OPEN).trace(
        "1  203.0.113.10:443 > 10.0.0.10:40000  tcp R         | allow established
         9  203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 10 | allow established
         18 10.0.0.10:40000 > 203.0.113.10:443  tcp A         | allow established
         29 10.0.0.10:40000 > 203.0.113.10:443  tcp A         | deny invalid-state",
    );
}

#[test]
fn s52_a_connection_does_not_begin_in_its_middle() {
    for flags in ["A", "PA", "FA", "R", "SA"] {
        let table = |inward: &str, outward: &str| {
            format!(
                "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp {flags} | {inward}
                 +0 10.0.0.10:40000 > 203.0.113.10:443 tcp {flags} | {outward}"
            )
        };
        Story::new(D).trace(&table("deny no-rule", "deny invalid-state"));
        let allowed = "i ingress tcp 22 from 203.0.113.0/24\n i egress tcp 443 to 203.0.113.0/24";
        Story::new(allowed).trace(&table("deny invalid-state", "deny invalid-state"));
        Story::loose(allowed).trace(&table("allow new", "allow new"));
        // Within the window after the start (D39), and one second behind it.
        Story::with(&policy(allowed), |settings| {
            settings.engine.start_grace = crate::support::seconds(60);
        })
        .trace(&table("allow new", "allow new"))
        .trace(&format!(
            "61 203.0.113.10:50000 > 10.0.0.10:22  tcp {flags} | deny invalid-state"
        ));
    }
}

#[test]
fn s53_fast_open_split_handshake_and_simultaneous_open() {
    // TCP fast open: data in the SYN.
    Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443  tcp S len 100  | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA len 100 | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp A          | allow established",
    );
    // Split handshake: ACK, then SYN of the server, SYN/ACK of the client, ACK.
    let split = Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp S  | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp SA | allow established
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp PA | allow established",
    );
    assert_eq!(split.state(), "Established");
    // Simultaneous open: the SYNs cross, each answers with SYN/ACK.
    let crossed = Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443  tcp S  | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp S  | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp SA | allow established
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA | allow established
         +0 10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established",
    );
    assert_eq!(crossed.state(), "Established");
}

#[test]
fn s54_half_of_a_conversation() {
    let server_only = |verdict: &str| {
        format!(
            "+0 203.0.113.10:443 > 10.0.0.10:40000  tcp SA        | {verdict}
             +0 203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 99 | {verdict}
             +0 203.0.113.10:443 > 10.0.0.10:40000  tcp FA        | {verdict}"
        )
    };
    Story::new(D).trace(&server_only("deny no-rule"));
    // Where a rule lets it in and the path is tracked, strict TCP denies it all the same; loose TCP takes it.
    let ingress = "i ingress tcp 0-65535 from 203.0.113.0/24";
    Story::new(ingress).trace(&server_only("deny invalid-state"));
    Story::loose(ingress).trace(
        "+0 203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 99 | allow new
         +0 203.0.113.10:443 > 10.0.0.10:40000  tcp FA        | allow established",
    );
    // An untracked path does not look at state (D38).
    let open = "i ingress tcp 0-65535 from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    Story::new(open).trace(&server_only("allow untracked"));
}

#[test]
fn s55_flags_that_no_segment_may_have() {
    let tracked = "i ingress tcp 22 from 203.0.113.0/24";
    for flags in ["SF", "-", "FPU", "F", "SR", "FRA", "SFRPAU"] {
        let story = Story::loose(tracked).trace(&format!(
            "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp {flags} | deny invalid-state"
        ));
        assert_eq!(story.connections(), 0);
        Story::new(D).trace(OPEN).trace(&format!(
            "1 203.0.113.10:443 > 10.0.0.10:40000  tcp {flags} | deny invalid-state"
        ));
    }
    let syn = secgroup_testkit::frame::tcp("203.0.113.10:40000", "10.0.0.10:22", "S", b"");
    let short = secgroup_testkit::frame::patch_l4(syn.clone(), 12, &[0x40]);
    let long = secgroup_testkit::frame::patch_l4(syn, 12, &[0xf0]);
    Story::loose(tracked).frames(
        "+0 frame short | deny malformed
         +0 frame long  | deny malformed",
        &[("short", short), ("long", long)],
    );
}

#[test]
fn s57_ordinary_conversations_lose_nothing() {
    // Both closes, half close with data the other way, retransmissions, keep-alives, window probes, urgent data.
    Story::new(D).trace(OPEN).trace(
        "1   10.0.0.10:40000 > 203.0.113.10:443  tcp PA len 500  | allow established
         1   203.0.113.10:443 > 10.0.0.10:40000  tcp A           | allow established
         2   203.0.113.10:443 > 10.0.0.10:40000  tcp PAE len 900 | allow established
         2   10.0.0.10:40000 > 203.0.113.10:443  tcp AC          | allow established
         3   10.0.0.10:40000 > 203.0.113.10:443  tcp UA len 1    | allow established
         300 10.0.0.10:40000 > 203.0.113.10:443  tcp A len 1     | allow established
         300 203.0.113.10:443 > 10.0.0.10:40000  tcp A           | allow established
         301 10.0.0.10:40000 > 203.0.113.10:443  tcp FPA len 9   | allow established
         301 203.0.113.10:443 > 10.0.0.10:40000  tcp A           | allow established
         302 203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 900  | allow established
         302 10.0.0.10:40000 > 203.0.113.10:443  tcp A           | allow established
         350 203.0.113.10:443 > 10.0.0.10:40000  tcp PA len 900  | allow established
         351 203.0.113.10:443 > 10.0.0.10:40000  tcp FA          | allow established
         351 10.0.0.10:40000 > 203.0.113.10:443  tcp A           | allow established
         352 203.0.113.10:443 > 10.0.0.10:40000  tcp FA          | allow established
         352 10.0.0.10:40000 > 203.0.113.10:443  tcp A           | allow established",
    );
}
