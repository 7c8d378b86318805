//! Every cell of the TCP state table (semantics D55), for either end and either direction.

use std::time::Duration;

use secgroup_conntrack::{Config, Lifetimes, Opening, Passage, State, Step, Table, TcpClass};
use secgroup_packet::{Direction, L4, Protocol, TcpFlags, Timestamp};

use crate::support::{Cell, TCP_STATES, UDP, cell, column, follow, key4, name, tcp, timeout};

#[test]
fn every_segment_in_every_state_does_what_the_table_says() {
    for (state, ..) in TCP_STATES {
        for originator in Direction::BOTH {
            for sender in Direction::BOTH {
                for bits in 0..=u8::MAX {
                    check(state, originator, sender, TcpFlags(bits));
                }
            }
        }
    }
}

fn check(state: State, originator: Direction, sender: Direction, flags: TcpFlags) {
    let case = format!(
        "{} {originator} opened, {sender} sends {flags:?}",
        name(state)
    );
    let mut table = Table::new(Config {
        capacity: 1,
        capacity_v6: 0,
        seed: 1,
    });
    let key = key4(1, Protocol::TCP, 1);
    let hash = table.hash(&key);
    let start = Timestamp::from_secs(1_000);
    let timeouts = Lifetimes::default();
    let opening = Opening {
        originator,
        state,
        rule: 7,
        sender: originator,
        len: 60,
    };
    let handle = table
        .insert(&key, hash, opening, start, &timeouts, None)
        .unwrap();
    let before = table.connection(handle);
    assert_eq!(
        before.expires,
        start.saturating_add(timeout(state)),
        "{case}"
    );

    let now = start.saturating_add(Duration::from_secs(5));
    let passage = Passage {
        sender,
        l4: &tcp(flags),
        len: 1_500,
    };
    let step = follow(&mut table, &key, passage, now, &timeouts);

    let after = table.connection(handle);
    let (next, renews) = match cell(state, sender == originator, flags) {
        Cell::Invalid => {
            assert_eq!((step, after), (Step::Invalid, before), "{case}");
            return;
        }
        Cell::Reopen => {
            assert_eq!(
                (step, after),
                (Step::Reopen { held: handle }, before),
                "{case}"
            );
            return;
        }
        Cell::Pass { next, renews } => (next, renews),
    };
    let mut expected = before;
    expected.state = next;
    if renews {
        expected.expires = now.saturating_add(timeout(next));
    }
    expected.packets[sender as usize] += 1;
    expected.bytes[sender as usize] += 1_500;
    let rule = expected.rule;
    assert_eq!((step, after), (Step::Pass { rule }, expected), "{case}");
}

#[test]
fn flags_fall_into_classes_whatever_the_other_bits_say() {
    use TcpClass::{Ack, Fin, Invalid, Rst, Syn, SynAck};
    for bits in 0..=u8::MAX {
        let expected =
            column(TcpFlags(bits)).map_or(Invalid, |at| [Syn, SynAck, Ack, Fin, Rst][at]);
        assert_eq!(TcpClass::from(TcpFlags(bits)), expected, "{bits:#x}");
    }
}

#[test]
fn a_tcp_connection_is_continued_by_tcp_only() {
    let mut table = Table::new(Config {
        capacity: 1,
        capacity_v6: 0,
        seed: 1,
    });
    let key = key4(1, Protocol::TCP, 1);
    let (hash, now, timeouts) = (table.hash(&key), Timestamp::ZERO, Lifetimes::default());
    let state = State::Established;
    let (originator, sender) = (Direction::Egress, Direction::Egress);
    let opening = Opening {
        originator,
        state,
        rule: 7,
        sender,
        len: 60,
    };
    table
        .insert(&key, hash, opening, now, &timeouts, None)
        .unwrap();
    for l4 in [L4::Other, L4::LaterFragment, UDP] {
        let passage = Passage {
            sender,
            l4: &l4,
            len: 60,
        };
        let step = follow(&mut table, &key, passage, now, &timeouts);
        assert_eq!(step, Step::Invalid);
    }
}
