//! The TCP table of the decision text, read from that text, cell by cell and from both sides.

use std::time::Duration;

use super::world::{Policy, World};

const TEXT: &str = include_str!("../../../datapath/README.md");

/// The flags of the columns.
const COLUMNS: [&str; 5] = ["S", "SA", "A", "FA", "R"];

/// One row of the table: a state, its timeout, who sends, and a cell for each class of flags.
#[derive(Debug)]
struct Row {
    state: String,
    timeout: Duration,
    sender: String,
    cells: Vec<String>,
}

/// The rows of the table between the chapters on TCP states and on what is malformed.
fn rows() -> Vec<Row> {
    let chapter = TEXT
        .split("## TCP states")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let lines = chapter.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        // A row without a state goes on with the one above.
        let (state, timeout) = match words[0].split_once(" (") {
            None => (
                rows.last().unwrap().state.clone(),
                rows.last().unwrap().timeout,
            ),
            Some((state, timeout)) => {
                let timeout = timeout.trim_end_matches(')').parse().unwrap_or(432_000);
                (state.to_owned(), Duration::from_secs(timeout))
            }
        };
        let cells = words[2..].iter().map(|&cell| cell.to_owned()).collect();
        rows.push(Row {
            state,
            timeout,
            sender: words[1].to_owned(),
            cells,
        });
    }
    rows
}

/// Which end sends a packet: the originator or the responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Originator,
    Responder,
}
use Who::{Originator, Responder};

/// A connection between 10.0.0.5:1000 and 192.0.2.1:2000.
struct Connection {
    world: World,
    /// Whether the interface's own end opens it.
    outbound: bool,
}

impl Connection {
    fn send(&mut self, who: Who, flags: &str) -> &'static str {
        let packet = if (who == Originator) == self.outbound {
            format!("out tcp {flags} 10.0.0.5:1000 > 192.0.2.1:2000")
        } else {
            format!("in tcp {flags} 192.0.2.1:2000 > 10.0.0.5:1000")
        };
        self.world.sees(&packet)
    }

    fn state(&self) -> &'static str {
        self.world.states()[0]
    }

    fn remaining(&self) -> Duration {
        self.world.oracle.connections()[0].remaining
    }
}

/// A connection in `state`, where its first FIN matters with that of `first_fin`. Both directions
/// have a rule for the connection, so a reopened one is `new`.
fn connection(outbound: bool, state: &str, first_fin: Who) -> Connection {
    let policy = Policy::of(&[
        "in tcp 0-65535 192.0.2.1/32",
        "out tcp 0-65535 192.0.2.1/32",
    ]);
    let mut connection = Connection {
        world: World::new(&policy),
        outbound,
    };
    let second_fin = if first_fin == Originator {
        Responder
    } else {
        Originator
    };
    let open = [(Originator, "S"), (Responder, "SA"), (Originator, "A")];
    let close = [(first_fin, "FA"), (second_fin, "FA"), (first_fin, "A")];
    let steps: Vec<(Who, &str)> = match state {
        "SYN_SENT" => open[..1].to_vec(),
        "SYN_SENT2" => vec![(Originator, "S"), (Responder, "S")],
        "SYN_RECV" => open[..2].to_vec(),
        "ESTABLISHED" => open.to_vec(),
        "FIN_WAIT" => [&open[..], &close[..1]].concat(),
        "CLOSE_WAIT" => [&open[..], &close[..1], &[(second_fin, "A")]].concat(),
        "LAST_ACK" => [&open[..], &close[..2]].concat(),
        "TIME_WAIT" => [&open[..], &close[..]].concat(),
        "CLOSE" => vec![(Originator, "S"), (Responder, "R")],
        _ => panic!("no state {state}"),
    };
    for (number, (who, flags)) in steps.into_iter().enumerate() {
        let expected = if number == 0 { "new" } else { "established" };
        assert_eq!(
            connection.send(who, flags),
            expected,
            "on the way to {state}"
        );
    }
    assert_eq!(connection.state(), state);
    connection
}

/// All senders that a row speaks of, with the sender of the first FIN.
fn senders(row: &Row) -> Vec<(Who, Who)> {
    match row.sender.as_str() {
        "originator" => vec![(Originator, Originator)],
        "responder" => vec![(Responder, Originator)],
        "the FIN's sender" | "the first FIN's sender" => {
            vec![(Originator, Originator), (Responder, Responder)]
        }
        "the other end" => vec![(Originator, Responder), (Responder, Originator)],
        "either" => vec![
            (Originator, Originator),
            (Originator, Responder),
            (Responder, Originator),
            (Responder, Responder),
        ],
        other => panic!("no sender {other}"),
    }
}

#[test]
fn d55_every_cell_of_the_table() {
    let rows = rows();
    assert_eq!(rows.len(), 15);
    let timeout_of = |state: &str| {
        rows.iter()
            .find(|row| row.state == state)
            .map(|row| row.timeout)
            .unwrap()
    };
    for row in &rows {
        assert_eq!(row.cells.len(), COLUMNS.len(), "{row:?}");
        for (cell, flags) in row.cells.iter().zip(COLUMNS) {
            for (who, first_fin) in senders(row) {
                for outbound in [false, true] {
                    let place = format!("{} {who:?} {flags} outbound={outbound}", row.state);
                    let mut connection = connection(outbound, &row.state, first_fin);
                    assert_eq!(connection.remaining(), row.timeout, "{place}");
                    connection.world.wait(1.0);
                    let rest = row.timeout - Duration::from_secs(1);
                    let (reason, state, remaining) = match cell.as_str() {
                        "=" => ("established", row.state.as_str(), row.timeout),
                        "~" => ("established", row.state.as_str(), rest),
                        "!" => ("invalid-state", row.state.as_str(), rest),
                        "+" => ("new", "SYN_SENT", timeout_of("SYN_SENT")),
                        next => {
                            let next = next.trim_end_matches("(o)").trim_end_matches("(r)");
                            ("established", next, timeout_of(next))
                        }
                    };
                    assert_eq!(connection.send(who, flags), reason, "{place}");
                    assert_eq!(connection.state(), state, "{place}");
                    if reason != "invalid-state" {
                        assert_eq!(connection.remaining(), remaining, "{place}");
                    }
                }
            }
        }
    }
}

#[test]
fn d55_invalid_flags_are_invalid_in_every_state() {
    for row in rows() {
        for flags in [
            "-", "F", "SF", "SR", "SFA", "SRA", "FR", "FRA", "SFRA", "FUP", "P",
        ] {
            for who in [Originator, Responder] {
                let mut connection = connection(true, &row.state, Originator);
                connection.world.wait(1.0);
                let place = format!("{} {who:?} {flags}", row.state);
                assert_eq!(connection.send(who, flags), "invalid-state", "{place}");
                assert_eq!(connection.state(), row.state, "{place}");
                let rest = row.timeout - Duration::from_secs(1);
                assert_eq!(connection.remaining(), rest, "{place}");
            }
        }
    }
}

#[test]
fn d55_flags_that_are_not_looked_at() {
    let mut connection = connection(true, "SYN_SENT", Originator);
    for (who, flags, state) in [
        (Originator, "SEC", "SYN_SENT"),
        (Responder, "SAE", "SYN_RECV"),
        (Originator, "APU", "ESTABLISHED"),
        (Responder, "FAPU", "FIN_WAIT"),
        (Originator, "RA", "CLOSE"),
    ] {
        assert_eq!(connection.send(who, flags), "established", "{flags}");
        assert_eq!(connection.state(), state, "{flags}");
    }
}

#[test]
fn d55_the_first_fin_is_remembered() {
    // The FIN_WAIT that the table calls (o) and (r) differ by whom an ACK moves on.
    for (first, second) in [(Originator, Responder), (Responder, Originator)] {
        let mut connection = connection(true, "FIN_WAIT", first);
        assert_eq!(connection.send(first, "A"), "established");
        assert_eq!(connection.state(), "FIN_WAIT");
        assert_eq!(connection.send(second, "A"), "established");
        assert_eq!(connection.state(), "CLOSE_WAIT");
        assert_eq!(connection.send(first, "FA"), "established");
        assert_eq!(connection.state(), "CLOSE_WAIT");
        assert_eq!(connection.send(second, "FA"), "established");
        assert_eq!(connection.state(), "LAST_ACK");
    }
}
