//! Connections packet by packet: what each does, the state it leaves, and the seconds left then.
//!
//! A line is `time end flags: step state left`. `o` is the end that sends the first packet, `r` the
//! other. `reopens` means that the rules then admitted it, as a new connection of its sender;
//! `gone` that no connection was found. Numbers in brackets are those of the scenario collection.

use std::time::Duration;

use secgroup_conntrack::{Config, Lifetimes, Opening, Passage, State, Step, Table};
use secgroup_packet::{Direction, FlowKey, Protocol, TcpFlags, Timestamp};

use crate::support::{flags, follow, key4, key6, name, tcp};

/// Plays a trace with the first sender on either side of the interface and in both families.
fn play(trace: &str) {
    for originator in Direction::BOTH {
        play_once(trace, originator, &key4(1, Protocol::TCP, 40_000));
        play_once(trace, originator, &key6(1, Protocol::TCP, 40_000));
    }
}

fn play_once(trace: &str, first: Direction, key: &FlowKey) {
    let mut table = Table::new(Config {
        capacity: 4,
        capacity_v6: 4,
        seed: 3,
    });
    for line in trace.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (packet, expected) = line.split_once(": ").expect("packet: outcome");
        let words: Vec<_> = packet.split_whitespace().collect();
        let &[time, end, letters] = words.as_slice() else {
            panic!("time end flags: {line}")
        };
        let seconds: f64 = time.parse().expect("a time");
        let now = Timestamp::from_secs(10_000).saturating_add(Duration::from_secs_f64(seconds));
        let sender = if end == "o" { first } else { first.reverse() };
        let outcome = send(&mut table, key, sender, flags(letters), now);
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(
            outcome,
            expected.join(" "),
            "in the line `{line}` of{trace}"
        );
    }
}

fn send(
    table: &mut Table,
    key: &FlowKey,
    sender: Direction,
    flags: TcpFlags,
    now: Timestamp,
) -> String {
    let (hash, timeouts) = (table.hash(key), Lifetimes::default());
    let passage = Passage {
        sender,
        l4: &tcp(flags),
        len: 60,
    };
    let step = match follow(table, key, passage, now, &timeouts) {
        Step::Pass { .. } => "pass",
        Step::Reopen { .. } => "reopens",
        Step::Invalid => "invalid",
        Step::Unknown { .. } if flags.is_opening() => "opens",
        Step::Unknown { .. } => return "gone".to_owned(),
    };
    if ["opens", "reopens"].contains(&step) {
        let opening = Opening {
            originator: sender,
            state: State::SynSent,
            rule: 1,
            sender,
            len: 60,
        };
        table
            .insert(key, hash, opening, now, &timeouts, None)
            .expect("there is room");
    }
    let handle = table.lookup(key, hash, now).expect("it is there now");
    let connection = table.connection(handle);
    let left = connection.expires.saturating_since(now).as_secs_f64();
    format!("{step} {} {left}", name(connection.state))
}

#[test]
fn a_whole_life_closed_by_the_originator() {
    // [45]
    play(
        "
        0        o S  : opens SYN_SENT 120
        0.5      r SA : pass SYN_RECV 60
        1        o A  : pass ESTABLISHED 432000
        2        o AP : pass ESTABLISHED 432000
        3        r A  : pass ESTABLISHED 432000
        4        r AP : pass ESTABLISHED 432000
        5        o FA : pass FIN_WAIT(o) 120
        6        r A  : pass CLOSE_WAIT(o) 60
        7        r FA : pass LAST_ACK 30
        8        o A  : pass TIME_WAIT 120
        127      o A  : pass TIME_WAIT 120
        247      r A  : pass TIME_WAIT 120
        367.5    r A  : gone
    ",
    );
}

#[test]
fn a_whole_life_closed_by_the_responder() {
    play(
        "
        0        o S  : opens SYN_SENT 120
        0.5      r SA : pass SYN_RECV 60
        1        o A  : pass ESTABLISHED 432000
        2        r FA : pass FIN_WAIT(r) 120
        3        r A  : pass FIN_WAIT(r) 120
        4        o A  : pass CLOSE_WAIT(r) 60
        5        o FA : pass LAST_ACK 30
        6        o FA : pass LAST_ACK 30
        7        r A  : pass TIME_WAIT 120
    ",
    );
}

#[test]
fn both_ends_close_at_once() {
    // RFC 9293 figure 13.
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r SA : pass SYN_RECV 60
        0        o A  : pass ESTABLISHED 432000
        1        o FA : pass FIN_WAIT(o) 120
        1        r FA : pass LAST_ACK 30
        2        o A  : pass TIME_WAIT 120
        2        r A  : pass TIME_WAIT 120
    ",
    );
}

#[test]
fn both_ends_open_at_once() {
    // RFC 9293 figure 8. [53]
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r S  : pass SYN_SENT2 120
        2        o SA : pass SYN_RECV 60
        3        r SA : pass SYN_RECV 59
        4        o A  : pass ESTABLISHED 432000
        4        r A  : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn a_handshake_split_in_four_or_five() {
    // [53]: the responder acknowledges and synchronises in two segments, or only synchronises.
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r A  : pass SYN_SENT 119
        2        r S  : pass SYN_SENT2 120
        3        o SA : pass SYN_RECV 60
        4        r A  : pass SYN_RECV 60
        5        o AP : pass ESTABLISHED 432000
    ",
    );
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r S  : pass SYN_SENT2 120
        2        o SA : pass SYN_RECV 60
        3        r A  : pass SYN_RECV 60
        4        o AP : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn a_syn_that_nobody_answers_does_not_hold_an_entry() {
    // [51]
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        o S  : pass SYN_SENT 119
        3        o S  : pass SYN_SENT 117
        60       o S  : pass SYN_SENT 60
        120      o S  : pass SYN_SENT 0
        120.5    o S  : opens SYN_SENT 120
        239      o S  : pass SYN_SENT 1.5
    ",
    );
}

#[test]
fn a_handshake_slower_than_its_timeout() {
    // [47]
    play(
        "
        0        o S  : opens SYN_SENT 120
        119      r SA : pass SYN_RECV 60
        179      o A  : pass ESTABLISHED 432000
    ",
    );
    play(
        "
        0        o S  : opens SYN_SENT 120
        121      r SA : gone
    ",
    );
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r SA : pass SYN_RECV 60
        2        r SA : pass SYN_RECV 59
        61.5     o A  : gone
    ",
    );
}

#[test]
fn a_challenge_ack_from_an_older_connection() {
    // [40]
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r A  : pass SYN_SENT 119
        2        o R  : pass CLOSE 10
        3        o S  : reopens SYN_SENT 120
        4        r SA : pass SYN_RECV 60
        5        o A  : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn a_syn_ack_from_an_older_connection() {
    // [41]
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r SA : pass SYN_RECV 60
        2        o S  : pass SYN_RECV 59
        3        r SA : pass SYN_RECV 58
        4        o A  : pass ESTABLISHED 432000
    ",
    );
    play(
        "
        0        o S  : opens SYN_SENT 120
        1        r SA : pass SYN_RECV 60
        2        o R  : pass CLOSE 10
        3        o S  : reopens SYN_SENT 120
        4        r SA : pass SYN_RECV 60
        5        o A  : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn a_new_connection_over_an_established_one() {
    // [42, 46]: RFC 5961 section 4; the peer that lost its state resets the other.
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r SA : pass SYN_RECV 60
        0        o A  : pass ESTABLISHED 432000
        10       o S  : pass ESTABLISHED 431990
        11       r A  : pass ESTABLISHED 432000
        12       o R  : pass CLOSE 10
        12.5     o S  : reopens SYN_SENT 120
        13       r SA : pass SYN_RECV 60
        14       o A  : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn a_reset_and_then_more_data() {
    // [49]: a reset that the peer did not take is no reason to cut what still flows ...
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r SA : pass SYN_RECV 60
        0        o A  : pass ESTABLISHED 432000
        10       r RA : pass CLOSE 10
        15       o A  : pass CLOSE 10
        24       r A  : pass CLOSE 10
        30       r R  : pass CLOSE 10
        35       o FA : pass CLOSE 10
        45.5     o A  : gone
    ",
    );
    // ... and one that it took is over in 10 s.
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r R  : pass CLOSE 10
        10       r SA : pass CLOSE 0
        10.5     o A  : gone
    ",
    );
}

#[test]
fn either_end_opens_the_next_connection() {
    // [46], D40.
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r SA : pass SYN_RECV 60
        0        o A  : pass ESTABLISHED 432000
        1        r FA : pass FIN_WAIT(r) 120
        1        o FA : pass LAST_ACK 30
        1        r A  : pass TIME_WAIT 120
        2        r S  : reopens SYN_SENT 120
        3        o SA : pass SYN_RECV 60
        4        r A  : pass ESTABLISHED 432000
        5        o A  : pass ESTABLISHED 432000
    ",
    );
}

#[test]
fn half_closed_for_as_long_as_it_takes() {
    play(
        "
        0        o S  : opens SYN_SENT 120
        0        r SA : pass SYN_RECV 60
        0        o A  : pass ESTABLISHED 432000
        1        o FA : pass FIN_WAIT(o) 120
        2        r AP : pass CLOSE_WAIT(o) 60
        60       r AP : pass CLOSE_WAIT(o) 60
        61       o A  : pass CLOSE_WAIT(o) 60
        120      r AP : pass CLOSE_WAIT(o) 60
        179      o A  : pass CLOSE_WAIT(o) 60
        180      o FA : pass CLOSE_WAIT(o) 60
        200      r FA : pass LAST_ACK 30
        201      o A  : pass TIME_WAIT 120
    ",
    );
}

#[test]
fn what_no_end_can_have_sent() {
    // [55]: also in the middle of a connection.
    play(
        "
        0        o S   : opens SYN_SENT 120
        1        o SA  : invalid SYN_SENT 119
        1        o A   : invalid SYN_SENT 119
        1        r FA  : invalid SYN_SENT 119
        1        r SA  : pass SYN_RECV 60
        2        o SF  : invalid SYN_RECV 59
        2        o A   : pass ESTABLISHED 432000
        3        o -   : invalid ESTABLISHED 431999
        3        o F   : invalid ESTABLISHED 431999
        3        o FPU : invalid ESTABLISHED 431999
        3        r SR  : invalid ESTABLISHED 431999
        3        o SA  : invalid ESTABLISHED 431999
        3        r SA  : pass ESTABLISHED 431999
        4        o SEC : pass ESTABLISHED 431998
    ",
    );
}
