//! What the tests know without the crate: the table of D55 as the decision text prints it, the
//! timeouts of D31, and keys.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use secgroup_conntrack::{Lifetimes, Passage, Probe, State, Step, Table};
use secgroup_packet::{
    FlowKey, FlowKey4, FlowKey6, InterfaceIndex, L4, Protocol, TcpFlags, Timestamp,
};

/// `=` pass and renew; `~` pass, nothing changed; `!` invalid; `+` reopen; else the state that it
/// passes into. By class: S, SA, A, F, R.
const TCP: &str = "
    SYN_SENT    originator   ~            !         !            !            CLOSE
    SYN_SENT    responder    SYN_SENT2    SYN_RECV  ~            !            CLOSE
    SYN_SENT2   originator   ~            SYN_RECV  !            !            CLOSE
    SYN_SENT2   responder    ~            SYN_RECV  ~            !            CLOSE
    SYN_RECV    originator   ~            ~         ESTABLISHED  FIN_WAIT(o)  CLOSE
    SYN_RECV    responder    ~            ~         =            FIN_WAIT(r)  CLOSE
    ESTABLISHED originator   ~            !         =            FIN_WAIT(o)  CLOSE
    ESTABLISHED responder    ~            ~         =            FIN_WAIT(r)  CLOSE
    FIN_WAIT    fin-sender   ~            ~         =            =            CLOSE
    FIN_WAIT    other        ~            ~         CLOSE_WAIT   LAST_ACK     CLOSE
    CLOSE_WAIT  fin-sender   ~            ~         =            =            CLOSE
    CLOSE_WAIT  other        ~            ~         =            LAST_ACK     CLOSE
    LAST_ACK    either       ~            ~         TIME_WAIT    =            CLOSE
    TIME_WAIT   either       +            ~         =            =            CLOSE
    CLOSE       either       +            ~         =            =            =
";

/// A state, its name in the table above and in traces, and its default timeout in seconds.
pub(crate) const TCP_STATES: [(State, &str, u64); 11] = [
    (State::SynSent, "SYN_SENT", 120),
    (State::SynSent2, "SYN_SENT2", 120),
    (State::SynRecv, "SYN_RECV", 60),
    (State::Established, "ESTABLISHED", 432_000),
    (State::FinWaitOriginator, "FIN_WAIT(o)", 120),
    (State::FinWaitResponder, "FIN_WAIT(r)", 120),
    (State::CloseWaitOriginator, "CLOSE_WAIT(o)", 60),
    (State::CloseWaitResponder, "CLOSE_WAIT(r)", 60),
    (State::LastAck, "LAST_ACK", 30),
    (State::TimeWait, "TIME_WAIT", 120),
    (State::Close, "CLOSE", 10),
];

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Pass { next: State, renews: bool },
    Invalid,
    Reopen,
}

pub(crate) fn name(state: State) -> &'static str {
    TCP_STATES
        .iter()
        .find(|entry| entry.0 == state)
        .map_or("not TCP", |entry| entry.1)
}

pub(crate) fn timeout(state: State) -> Duration {
    let secs = match state {
        State::Udp | State::Icmp => 30,
        State::UdpStream => 180,
        State::Other => 600,
        _ => TCP_STATES.iter().find(|entry| entry.0 == state).unwrap().2,
    };
    Duration::from_secs(secs)
}

/// The class of a segment as the column of the table, `None` for invalid flags.
pub(crate) fn column(TcpFlags(flags): TcpFlags) -> Option<usize> {
    let letters: String = [(2, 'S'), (16, 'A'), (1, 'F'), (4, 'R')]
        .into_iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    match letters.as_str() {
        "S" => Some(0),
        "SA" => Some(1),
        "A" => Some(2),
        "AF" => Some(3),
        "R" | "AR" => Some(4),
        _ => None,
    }
}

/// The cell of the table for a segment.
pub(crate) fn cell(state: State, by_originator: bool, flags: TcpFlags) -> Cell {
    let Some(column) = column(flags) else {
        return Cell::Invalid;
    };
    // `FIN_WAIT(o)` is the row `FIN_WAIT`, and whose FIN it was.
    let (row, fin) = match name(state).split_once('(') {
        Some((row, fin)) => (row, Some(fin == "o)")),
        None => (name(state), None),
    };
    let sender = match fin {
        Some(by) if by == by_originator => "fin-sender",
        Some(_) => "other",
        None if by_originator => "originator",
        None => "responder",
    };
    let cells = TCP
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.len() == 7 && words[0] == row && [sender, "either"].contains(&words[1]))
        .unwrap();
    let pass = |next, renews| Cell::Pass { next, renews };
    match cells[2 + column] {
        "!" => Cell::Invalid,
        "+" => Cell::Reopen,
        "~" => pass(state, false),
        "=" => pass(state, true),
        // "FIN_WAIT and CLOSE_WAIT remember whose FIN came first."
        "CLOSE_WAIT" if state == State::FinWaitOriginator => pass(State::CloseWaitOriginator, true),
        "CLOSE_WAIT" => pass(State::CloseWaitResponder, true),
        next => pass(
            TCP_STATES.iter().find(|entry| entry.1 == next).unwrap().0,
            true,
        ),
    }
}

/// Control bits from letters, as in `SA` or `FAP`.
pub(crate) fn flags(letters: &str) -> TcpFlags {
    let bit = |letter| match letter {
        'F' => TcpFlags::FIN,
        'S' => TcpFlags::SYN,
        'R' => TcpFlags::RST,
        'P' => TcpFlags::PSH,
        'A' => TcpFlags::ACK,
        'U' => TcpFlags::URG,
        'E' => TcpFlags(64),
        'C' => TcpFlags(128),
        '-' => TcpFlags(0),
        _ => panic!("no such flag: {letter}"),
    };
    letters
        .chars()
        .fold(TcpFlags(0), |flags, letter| flags.union(bit(letter)))
}

pub(crate) const fn tcp(flags: TcpFlags) -> L4 {
    L4::Tcp {
        sport: 40_000,
        dport: 443,
        flags,
    }
}

pub(crate) const UDP: L4 = L4::Udp {
    sport: 40_000,
    dport: 53,
};

pub(crate) fn key4(interface: u32, protocol: Protocol, port: u16) -> FlowKey {
    FlowKey::V4(FlowKey4 {
        local: Ipv4Addr::new(10, 0, 0, 10),
        remote: Ipv4Addr::new(203, 0, 113, 10),
        local_port: port,
        remote_port: 443,
        interface: InterfaceIndex(interface),
        protocol,
    })
}

pub(crate) fn key6(interface: u32, protocol: Protocol, port: u16) -> FlowKey {
    FlowKey::V6(FlowKey6 {
        local: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10),
        remote: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x10),
        local_port: port,
        remote_port: 443,
        interface: InterfaceIndex(interface),
        protocol,
    })
}

/// The probe of a key as it is now.
pub(crate) fn aimed(table: &Table, key: &FlowKey) -> Probe {
    let mut probe = table.probe_key(key);
    table.aim(&mut probe);
    probe
}

/// What a packet does, as a burst of one goes about it.
pub(crate) fn follow(
    table: &mut Table,
    key: &FlowKey,
    passage: Passage<'_>,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Step {
    let probe = aimed(table, key);
    table.follow(&probe, &passage, now, lifetimes)
}
