//! How long a connection lives, to the nanosecond (semantics D5, D29 to D34, D56).

use std::time::Duration;

use secgroup_conntrack::{
    Config, Handle, Lifetimes, Opening, Passage, State, Step, Table, Timeouts,
};
use secgroup_packet::{Direction, Family, FlowKey, L4, Protocol, Timestamp};

use crate::support::{UDP, flags, follow, key4, key6, tcp};

const OUT: Direction = Direction::Egress;
const IN: Direction = Direction::Ingress;
const NANO: Duration = Duration::from_nanos(1);

/// One connection and a clock.
struct Flow {
    table: Table,
    key: FlowKey,
    l4: L4,
    now: Timestamp,
    timeouts: Timeouts,
}

impl Flow {
    /// Opened by a packet going out.
    fn open(key: FlowKey, l4: L4, state: State) -> Self {
        let table = Table::new(Config {
            capacity: 2,
            capacity_v6: 2,
            seed: 9,
        });
        let (now, timeouts) = (Timestamp::from_secs(1), Timeouts::default());
        let mut flow = Self {
            table,
            key,
            l4,
            now,
            timeouts,
        };
        let hash = flow.table.hash(&key);
        let opening = Opening {
            originator: OUT,
            state,
            rule: 1,
            sender: OUT,
            len: 100,
        };
        flow.table
            .insert(&key, hash, opening, now, &Lifetimes::from(&timeouts), None)
            .unwrap();
        flow
    }

    fn find(&self) -> Option<Handle> {
        self.table
            .lookup(&self.key, self.table.hash(&self.key), self.now)
    }

    /// A packet after a while: whether it still finds its connection.
    fn after(&mut self, idle: Duration, sender: Direction) -> bool {
        self.now = self.now.saturating_add(idle);
        let is_there = self.find().is_some();
        let passage = Passage {
            sender,
            l4: &self.l4,
            len: 100,
        };
        let lifetimes = Lifetimes::from(&self.timeouts);
        let step = follow(&mut self.table, &self.key, passage, self.now, &lifetimes);
        match step {
            Step::Pass { .. } => assert!(is_there),
            Step::Unknown { .. } => assert!(!is_there),
            step => panic!("{step:?}"),
        }
        is_there
    }

    fn state(&self) -> State {
        self.table.connection(self.find().unwrap()).state
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// It lives for exactly `secs` without a packet, whoever sends the next.
fn lives_for(open: impl Fn() -> Flow, limit: Duration) {
    for sender in Direction::BOTH {
        assert!(open().after(limit, sender), "at {limit:?}");
        assert!(!open().after(limit + NANO, sender), "just after {limit:?}");
    }
}

#[test]
fn udp_before_and_after_it_is_a_stream() {
    // D58.8: reply at 29 s passes, at 31 s not; after two transactions 179 s passes, 181 s not.
    for key in [key4(1, Protocol::UDP, 53), key6(1, Protocol::UDP, 53)] {
        let query = || Flow::open(key, UDP, State::Udp);
        assert!(query().after(secs(29), IN));
        assert!(!query().after(secs(31), IN));
        lives_for(query, secs(30));
        let transaction = || {
            let mut flow = query();
            assert!(flow.after(secs(1), IN));
            flow
        };
        lives_for(transaction, secs(30)); // D32: one transaction is no stream.
        let two = || {
            let mut flow = transaction();
            assert!(flow.after(secs(1), OUT));
            assert_eq!(flow.state(), State::Udp);
            assert!(flow.after(secs(1), IN));
            assert_eq!(flow.state(), State::UdpStream);
            flow
        };
        assert!(two().after(secs(179), OUT));
        assert!(!two().after(secs(181), OUT));
        lives_for(two, secs(180));
    }
}

#[test]
fn udp_one_way_is_never_a_stream() {
    // Scenario 32.
    let mut flow = Flow::open(key4(1, Protocol::UDP, 53), UDP, State::Udp);
    for _ in 0..10 {
        assert!(flow.after(secs(30), OUT));
    }
    assert_eq!(flow.state(), State::Udp);
    assert!(flow.after(secs(30), IN));
    assert_eq!(flow.state(), State::Udp);
    assert!(!flow.after(secs(31), OUT));
}

#[test]
fn every_packet_renews_in_either_direction() {
    // D33, scenario 33.
    let mut flow = Flow::open(key4(1, Protocol::UDP, 53), UDP, State::Udp);
    for _ in 0..20 {
        assert!(flow.after(secs(15), OUT));
        assert!(flow.after(secs(15), IN));
    }
}

#[test]
fn a_ping_lives_30_s_and_any_other_protocol_600_s() {
    let ping = L4::Icmp {
        kind: 8,
        code: 0,
        id: 1,
    };
    lives_for(
        || Flow::open(key4(1, Protocol::ICMP, 1), ping, State::Icmp),
        secs(30),
    );
    lives_for(
        || Flow::open(key6(1, Protocol::ICMPV6, 1), ping, State::Icmp),
        secs(30),
    );
    // D58.7: GRE within 600 s passes, at 601 s not.
    let gre = || Flow::open(key4(1, Protocol(47), 0), L4::Other, State::Other);
    assert!(gre().after(secs(600), IN));
    assert!(!gre().after(secs(601), IN));
    lives_for(gre, secs(600));
}

#[test]
fn a_timeout_that_changes_holds_from_the_next_packet() {
    // D34.
    let established = || {
        Flow::open(
            key4(1, Protocol::TCP, 1),
            tcp(flags("A")),
            State::Established,
        )
    };
    let mut flow = established();
    flow.timeouts.tcp_established = secs(60);
    assert!(flow.after(secs(432_000), IN), "no packet came yet");
    assert!(flow.after(secs(60), OUT));
    assert!(!flow.after(secs(60) + NANO, OUT));
    let mut flow = established();
    flow.timeouts.tcp_established = Duration::MAX;
    assert!(flow.after(secs(1), IN));
    assert!(
        flow.after(secs(10_000_000_000), IN),
        "the end of time is not passed"
    );
}

#[test]
fn what_has_run_out_is_not_there_swept_or_not() {
    for sweep in [false, true] {
        let mut flow = Flow::open(key4(1, Protocol::UDP, 53), UDP, State::Udp);
        flow.now = flow.now.saturating_add(secs(30) + NANO);
        assert!(flow.find().is_none());
        assert_eq!(flow.table.len(Family::V4), 1);
        if sweep {
            assert_eq!(flow.table.sweep(flow.now, 1024), 1);
            assert_eq!(flow.table.len(Family::V4), 0);
        }
        let hash = flow.table.hash(&flow.key);
        let opening = Opening {
            originator: IN,
            state: State::Udp,
            rule: 2,
            sender: IN,
            len: 9,
        };
        let handle = flow
            .table
            .insert(
                &flow.key,
                hash,
                opening,
                flow.now,
                &Lifetimes::from(&flow.timeouts),
                None,
            )
            .unwrap();
        let fresh = flow.table.connection(handle);
        assert_eq!(
            (fresh.packets, fresh.bytes, fresh.rule),
            ([1, 0], [9, 0], 2)
        );
        assert_eq!(flow.table.len(Family::V4), 1);
        assert_eq!(flow.table.stats().ran_out(), 1);
    }
}
