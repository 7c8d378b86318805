//! Who gives way when there is no room (semantics D42 to D45, step 10 of the decision text), case
//! by case. `model` compares the same at random.

use std::time::Duration;

use secgroup_conntrack::{Config, Full, Lifetimes, Opening, Passage, State, Table};
use secgroup_packet::{Direction, FlowKey, InterfaceIndex, Protocol, Timestamp};

use crate::support::{flags, key4, key6, tcp};

struct Case {
    table: Table,
    now: Timestamp,
    allowance: Option<u32>,
}

impl Case {
    fn new(capacity: u32, capacity_v6: u32, allowance: Option<u32>) -> Self {
        let table = Table::new(Config {
            capacity,
            capacity_v6,
            seed: 5,
        });
        Self {
            table,
            now: Timestamp::from_secs(1),
            allowance,
        }
    }

    fn open(&mut self, key: FlowKey, state: State) -> Result<(), Full> {
        let side = Direction::Ingress;
        let opening = Opening {
            originator: side,
            state,
            rule: 1,
            sender: side,
            len: 60,
        };
        let (hash, timeouts) = (self.table.hash(&key), Lifetimes::default());
        self.table
            .insert(&key, hash, opening, self.now, &timeouts, self.allowance)
            .map(|_| ())
    }

    /// Which ports of these keys are still there.
    fn left(&self, keys: &[FlowKey]) -> Vec<bool> {
        let find = |key| self.table.lookup(key, self.table.hash(key), self.now);
        keys.iter().map(|key| find(key).is_some()).collect()
    }
}

fn v4(interface: u32, port: u16) -> FlowKey {
    key4(interface, Protocol::TCP, port)
}

fn v6(interface: u32, port: u16) -> FlowKey {
    key6(interface, Protocol::TCP, port)
}

#[test]
fn the_oldest_half_open_connection_gives_way_whatever_state_it_is_in() {
    let mut case = Case::new(4, 0, None);
    let keys = [v4(1, 0), v4(1, 1), v4(1, 2), v4(1, 3), v4(1, 4), v4(1, 5)];
    case.open(keys[0], State::Established).unwrap();
    case.open(keys[1], State::SynRecv).unwrap();
    case.open(keys[2], State::SynSent).unwrap();
    case.open(keys[3], State::SynSent).unwrap();
    case.open(keys[4], State::SynSent).unwrap();
    assert_eq!(case.left(&keys), [true, false, true, true, true, false]);
    // What the younger ones do to each other meanwhile does not change who is the oldest.
    let hash = case.table.hash(&keys[2]);
    let handle = case.table.lookup(&keys[2], hash, case.now).unwrap();
    let passage = Passage {
        sender: Direction::Egress,
        l4: &tcp(flags("SA")),
        len: 60,
    };
    case.table
        .advance(handle, &passage, case.now, &Lifetimes::default());
    assert_eq!(case.table.connection(handle).state, State::SynRecv);
    case.open(keys[5], State::Established).unwrap();
    assert_eq!(case.left(&keys), [true, false, false, true, true, true]);
    assert_eq!(case.table.stats().gave_way, 2);
}

#[test]
fn one_that_completed_its_handshake_does_not_give_way() {
    let mut case = Case::new(2, 0, None);
    case.open(v4(1, 0), State::SynRecv).unwrap();
    case.open(v4(1, 1), State::Close).unwrap();
    let hash = case.table.hash(&v4(1, 0));
    let handle = case.table.lookup(&v4(1, 0), hash, case.now).unwrap();
    let passage = Passage {
        sender: Direction::Ingress,
        l4: &tcp(flags("A")),
        len: 60,
    };
    case.table
        .advance(handle, &passage, case.now, &Lifetimes::default());
    assert_eq!(case.open(v4(1, 2), State::SynSent), Err(Full));
    assert_eq!(case.left(&[v4(1, 0), v4(1, 1)]), [true, true]);
    assert_eq!(case.table.stats().full, 1);
}

#[test]
fn where_the_table_is_full_another_interface_may_have_to_give_way() {
    let mut case = Case::new(4, 1, None);
    case.open(v4(8, 0), State::SynSent).unwrap();
    case.open(v4(3, 0), State::SynSent).unwrap();
    case.open(v4(3, 1), State::SynSent).unwrap();
    case.open(v4(5, 0), State::Established).unwrap();
    // IPv6 has a table of its own, full or not.
    case.open(v6(1, 0), State::SynSent).unwrap();
    // Interface 5 has none half open: the lowest that has one in IPv4 is 3, the oldest of all 8.
    case.open(v4(5, 1), State::Established).unwrap();
    assert_eq!(
        case.left(&[v4(8, 0), v4(3, 0), v4(3, 1), v6(1, 0)]),
        [true, false, true, true]
    );
    // Interface 8 has its own.
    case.open(v4(8, 1), State::Established).unwrap();
    assert_eq!(
        case.left(&[v4(8, 0), v4(3, 1), v6(1, 0)]),
        [false, true, true]
    );
}

#[test]
fn where_the_allowance_is_full_only_the_same_interface_gives_way() {
    let mut case = Case::new(10, 10, Some(2));
    case.open(v4(1, 0), State::SynSent).unwrap();
    case.open(v4(2, 0), State::Established).unwrap();
    case.open(v6(2, 0), State::Established).unwrap();
    assert_eq!(case.open(v4(2, 1), State::SynSent), Err(Full));
    assert_eq!(case.left(&[v4(1, 0)]), [true]);
    // Either family counts, and either gives way.
    case.open(v6(1, 1), State::SynSent).unwrap();
    case.open(v6(1, 2), State::Established).unwrap();
    assert_eq!(
        case.left(&[v4(1, 0), v6(1, 1), v6(1, 2)]),
        [false, true, true]
    );
    case.open(v4(1, 3), State::Established).unwrap();
    assert_eq!(
        case.left(&[v6(1, 1), v6(1, 2), v4(1, 3)]),
        [false, true, true]
    );
    assert_eq!(case.table.len_of(InterfaceIndex(1)), 2);
}

#[test]
fn what_has_run_out_is_not_in_the_way() {
    let mut case = Case::new(2, 0, Some(2));
    case.open(v4(1, 0), State::SynSent).unwrap();
    case.now = case.now.saturating_add(Duration::from_secs(115));
    case.open(v4(1, 1), State::Close).unwrap();
    case.now = case.now.saturating_add(Duration::from_secs(5));
    assert_eq!(case.left(&[v4(1, 0), v4(1, 1)]), [true, true]);
    case.now = case.now.saturating_add(Duration::from_nanos(1));
    case.open(v4(1, 2), State::SynSent).unwrap();
    case.now = case.now.saturating_add(Duration::from_secs(5));
    case.open(v4(1, 3), State::SynSent).unwrap();
    assert_eq!(case.left(&[v4(1, 2), v4(1, 3)]), [true, true]);
    assert_eq!(
        (case.table.stats().gave_way, case.table.stats().ran_out()),
        (0, 2)
    );
    let ran_out_in = case.table.stats().ran_out_in;
    assert_eq!(ran_out_in[State::SynSent as usize], 1);
    assert_eq!(ran_out_in[State::Close as usize], 1);
}

#[test]
fn one_that_is_replaced_makes_its_own_room() {
    // D40.
    let mut case = Case::new(1, 0, Some(1));
    case.open(v4(1, 0), State::TimeWait).unwrap();
    assert_eq!(case.open(v4(1, 1), State::SynSent), Err(Full));
    case.open(v4(1, 0), State::SynSent).unwrap();
    assert_eq!(case.table.len_of(InterfaceIndex(1)), 1);
    // Where the allowance was lowered meanwhile there is none, and it stays as it was.
    let mut case = Case::new(3, 0, None);
    case.open(v4(1, 0), State::TimeWait).unwrap();
    case.open(v4(1, 1), State::Established).unwrap();
    case.allowance = Some(1);
    assert_eq!(case.open(v4(1, 0), State::SynSent), Err(Full));
    let hash = case.table.hash(&v4(1, 0));
    let handle = case.table.lookup(&v4(1, 0), hash, case.now).unwrap();
    assert_eq!(case.table.connection(handle).state, State::TimeWait);
}

#[test]
fn removing_an_interface_leaves_the_others() {
    let mut case = Case::new(200, 200, None);
    for port in 0..50 {
        for interface in [4, 6] {
            case.open(v4(interface, port), State::SynSent).unwrap();
            case.open(v6(interface, port), State::Established).unwrap();
        }
    }
    assert_eq!(case.table.remove_interface(InterfaceIndex(4)), 100);
    assert_eq!(case.table.remove_interface(InterfaceIndex(4)), 0);
    assert_eq!(case.table.len_of(InterfaceIndex(6)), 100);
    assert!(
        case.table
            .iter()
            .all(|connection| connection.key.interface() == InterfaceIndex(6))
    );
}
