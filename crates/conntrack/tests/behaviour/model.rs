//! Random use of a small table against a list of connections that is searched from end to end.
//!
//! After every step both must have said the same and hold the same live connections, with every
//! field the same: so also who gave way, and when the table was full.

use std::time::Duration;

use proptest::prelude::*;
use secgroup_conntrack::{
    Config, Connection, Full, Handle, Lifetimes, Opening, Passage, Probe, State, Step, Table,
};
use secgroup_packet::{Direction, Family, FlowKey, InterfaceIndex, L4, Protocol, Timestamp};

use crate::support::{Cell, UDP, aimed, cell, flags, key4, key6, tcp, timeout};

/// The list, in the order in which they were made.
struct Model {
    connections: Vec<Connection>,
    capacity: [usize; 2],
}

fn family(key: &FlowKey) -> usize {
    usize::from(matches!(key, FlowKey::V6(_)))
}

impl Model {
    fn run_out(&mut self, now: Timestamp) -> usize {
        let before = self.connections.len();
        self.connections
            .retain(|connection| connection.expires >= now);
        before - self.connections.len()
    }

    fn find(&mut self, key: &FlowKey) -> Option<&mut Connection> {
        self.connections
            .iter_mut()
            .find(|connection| connection.key == *key)
    }

    fn count(&self, which: impl Fn(&FlowKey) -> bool) -> usize {
        self.connections
            .iter()
            .filter(|connection| which(&connection.key))
            .count()
    }

    /// The oldest half-open connection that a condition holds for.
    fn oldest(&self, which: impl Fn(&FlowKey) -> bool) -> Option<FlowKey> {
        let half_open = [State::SynSent, State::SynSent2, State::SynRecv];
        self.connections
            .iter()
            .find(|connection| half_open.contains(&connection.state) && which(&connection.key))
            .map(|connection| connection.key)
    }

    /// Step 10 of the decision text, over connections that are all live.
    fn insert(
        &mut self,
        key: FlowKey,
        opening: Opening,
        now: Timestamp,
        allowance: Option<u32>,
    ) -> Result<(), Full> {
        let replaced = usize::from(self.find(&key).is_some());
        let own = |other: &FlowKey| other.interface() == key.interface();
        let same = |other: &FlowKey| family(other) == family(&key);
        let table_full = self.count(same) - replaced >= self.capacity[family(&key)];
        let over = allowance.is_some_and(|most| self.count(own) - replaced >= most as usize);
        // One gives way, and only one that makes room wherever there is none.
        let mut victim = None;
        if table_full || over {
            let fits = |other: &FlowKey| (!table_full || same(other)) && (!over || own(other));
            let mut interfaces: Vec<_> = self
                .connections
                .iter()
                .map(|connection| connection.key.interface())
                .collect();
            interfaces.sort();
            let lowest = || {
                interfaces.iter().find_map(|interface| {
                    self.oldest(|other| other.interface() == *interface && fits(other))
                })
            };
            let own = self.oldest(|other| own(other) && fits(other));
            victim = Some(own.or_else(lowest).ok_or(Full)?);
        }
        self.connections
            .retain(|other| Some(other.key) != victim && other.key != key);
        let mut connection = Connection {
            key,
            originator: opening.originator,
            state: opening.state,
            expires: now.saturating_add(timeout(opening.state)),
            rule: opening.rule,
            packets: [0; 2],
            bytes: [0; 2],
        };
        connection.packets[opening.sender as usize] = 1;
        connection.bytes[opening.sender as usize] = u64::from(opening.len);
        self.connections.push(connection);
        Ok(())
    }

    /// `held` is where the table has it, which is no business of the model's.
    fn advance(
        &mut self,
        key: &FlowKey,
        held: Handle,
        Passage { sender, l4, len }: Passage<'_>,
        now: Timestamp,
    ) -> Step {
        let connection = self.find(key).unwrap();
        let by_originator = sender == connection.originator;
        let (next, renews) = match (connection.state, l4) {
            (State::Udp, _) => {
                let mut after = connection.packets;
                after[sender as usize] += 1;
                let is_stream = after[0] >= 2 && after[1] >= 2;
                (
                    if is_stream {
                        State::UdpStream
                    } else {
                        State::Udp
                    },
                    true,
                )
            }
            (state @ (State::UdpStream | State::Icmp | State::Other), _) => (state, true),
            (state, L4::Tcp { flags, .. }) => match cell(state, by_originator, *flags) {
                Cell::Invalid => return Step::Invalid,
                Cell::Reopen => return Step::Reopen { held },
                Cell::Pass { next, renews } => (next, renews),
            },
            _ => return Step::Invalid,
        };
        connection.state = next;
        connection.packets[sender as usize] += 1;
        connection.bytes[sender as usize] += u64::from(len);
        if renews {
            connection.expires = now.saturating_add(timeout(next));
        }
        Step::Pass {
            rule: connection.rule,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Packet {
        key: usize,
        sender: Direction,
        flags: &'static str,
        state: State,
    },
    Insert {
        key: usize,
        sender: Direction,
        state: State,
    },
    Remove {
        key: usize,
    },
    RemoveInterface(u32),
    Sweep(usize),
    Wait(Duration),
}

/// Few keys, so that they meet: three interfaces, both families, TCP, UDP, ping and GRE.
fn keys() -> Vec<FlowKey> {
    let mut keys = Vec::new();
    for interface in [5, 2, 9] {
        for port in 0..4 {
            keys.push(key4(interface, Protocol::TCP, port));
            keys.push(key6(interface, Protocol::TCP, port));
        }
        keys.push(key4(interface, Protocol::UDP, 1));
        keys.push(key6(interface, Protocol::UDP, 1));
        keys.push(key4(interface, Protocol::ICMP, 1));
        keys.push(key6(interface, Protocol(47), 0));
    }
    keys
}

/// The state that a connection of this key is opened in; for TCP, the one given.
fn opening_state(key: &FlowKey, state: State) -> State {
    match key.protocol() {
        Protocol::TCP => state,
        Protocol::UDP => State::Udp,
        Protocol::ICMP => State::Icmp,
        _ => State::Other,
    }
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let key = 0..keys().len();
    let sender = prop::sample::select(&Direction::BOTH[..]);
    // What a packet may open a connection in; a SYN far more often than a pick-up.
    let state = prop_oneof![
        6 => Just(State::SynSent),
        1 => Just(State::SynRecv),
        1 => Just(State::Established),
        1 => Just(State::FinWaitOriginator),
        1 => Just(State::Close),
    ];
    let letters = prop::sample::select(&["S", "SA", "A", "FA", "R", "SF"][..]);
    let packet = (key.clone(), sender.clone(), letters, state.clone()).prop_map(
        |(key, sender, flags, state)| Action::Packet {
            key,
            sender,
            flags,
            state,
        },
    );
    let insert = (key.clone(), sender, state).prop_map(|(key, sender, state)| Action::Insert {
        key,
        sender,
        state,
    });
    let action = prop_oneof![
        20 => packet,
        4 => insert,
        1 => key.prop_map(|key| Action::Remove { key }),
        1 => prop::sample::select(&[2, 5, 9, 7][..]).prop_map(Action::RemoveInterface),
        2 => (0..300_usize).prop_map(Action::Sweep),
        3 => (0..100_u64).prop_map(|secs| Action::Wait(Duration::from_secs(secs))),
        2 => Just(Action::Wait(Duration::from_nanos(1))),
        1 => Just(Action::Wait(Duration::from_secs(120))),
    ];
    prop::collection::vec(action, 1..120)
}

/// Both side by side.
struct Pair {
    table: Table,
    model: Model,
    now: Timestamp,
    allowance: Option<u32>,
    /// What was seen of each key some steps ago: what a burst knows when the packet's turn comes.
    probes: Vec<(FlowKey, Probe)>,
}

impl Pair {
    fn new(capacity: [u32; 2], allowance: Option<u32>, seed: u64) -> Self {
        let [v4, v6] = capacity;
        Self {
            table: Table::new(Config {
                capacity: v4,
                capacity_v6: v6,
                seed,
            }),
            model: Model {
                connections: Vec::new(),
                capacity: capacity.map(|most| most as usize),
            },
            now: Timestamp::from_secs(1_000_000),
            allowance,
            probes: Vec::new(),
        }
    }

    fn act(&mut self, action: Action, keys: &[FlowKey]) -> Result<(), TestCaseError> {
        self.model.run_out(self.now);
        self.probe(keys)?;
        match action {
            Action::Packet {
                key,
                sender,
                flags: letters,
                state,
            } => {
                let key = keys[key];
                let l4 = match key.protocol() {
                    Protocol::TCP => tcp(flags(letters)),
                    Protocol::UDP => UDP,
                    _ => L4::Other,
                };
                let found = self.table.lookup(&key, self.table.hash(&key), self.now);
                prop_assert_eq!(found.is_some(), self.model.find(&key).is_some());
                let passage = Passage {
                    sender,
                    l4: &l4,
                    len: 40,
                };
                // By a probe of long ago, whose hint may mean anybody now, where there is one.
                let old = self.probes.iter().find(|(of, _)| *of == key);
                let probe = old.map_or_else(|| aimed(&self.table, &key), |(_, probe)| *probe);
                let timeouts = Lifetimes::default();
                let step = self.table.follow(&probe, &passage, self.now, &timeouts);
                let Some(held) = found else {
                    prop_assert!(matches!(step, Step::Unknown { .. }), "{:?}", step);
                    return self.insert(key, sender, state);
                };
                prop_assert_eq!(step, self.model.advance(&key, held, passage, self.now));
                if matches!(step, Step::Reopen { .. }) {
                    self.insert(key, sender, State::SynSent)?;
                }
            }
            Action::Insert { key, sender, state } => self.insert(keys[key], sender, state)?,
            Action::Remove { key } => {
                let key = &keys[key];
                if let Some(handle) = self.table.lookup(key, self.table.hash(key), self.now) {
                    self.table.remove(handle);
                }
                self.model
                    .connections
                    .retain(|connection| connection.key != *key);
            }
            Action::RemoveInterface(interface) => {
                let interface = InterfaceIndex(interface);
                self.table.sweep(self.now, usize::MAX);
                let count = self.model.count(|key| key.interface() == interface);
                prop_assert_eq!(self.table.remove_interface(interface) as usize, count);
                self.model
                    .connections
                    .retain(|other| other.key.interface() != interface);
            }
            Action::Sweep(budget) => {
                self.table.sweep(self.now, budget);
            }
            Action::Wait(time) => self.now = self.now.saturating_add(time),
        }
        Ok(())
    }

    /// A probe finds what a look-up finds, however long ago it was aimed.
    fn probe(&mut self, keys: &[FlowKey]) -> Result<(), TestCaseError> {
        for (key, probe) in &self.probes {
            let found = self.table.lookup(key, probe.hash(), self.now);
            let held = self.table.find(probe);
            let live = held.filter(|&handle| self.table.is_live(handle, self.now));
            prop_assert_eq!(live, found);
        }
        if self.probes.len() > 3 * keys.len() {
            self.probes.clear();
        }
        self.probes
            .extend(keys.iter().map(|key| (*key, aimed(&self.table, key))));
        Ok(())
    }

    fn insert(
        &mut self,
        key: FlowKey,
        sender: Direction,
        state: State,
    ) -> Result<(), TestCaseError> {
        // A SYN/ACK picked up in the middle was sent by the responder.
        let originator = if state == State::SynRecv {
            sender.reverse()
        } else {
            sender
        };
        let state = opening_state(&key, state);
        let opening = Opening {
            originator,
            state,
            rule: 3,
            sender,
            len: 70,
        };
        let (hash, timeouts) = (self.table.hash(&key), Lifetimes::default());
        let got = self
            .table
            .insert(&key, hash, opening, self.now, &timeouts, self.allowance);
        let expected = self.model.insert(key, opening, self.now, self.allowance);
        prop_assert_eq!(got.map(|_| ()), expected);
        Ok(())
    }

    /// The live connections of both, in an order.
    fn compare(&mut self) -> Result<(), TestCaseError> {
        self.model.run_out(self.now);
        let mut expected = self.model.connections.clone();
        let mut got: Vec<_> = self
            .table
            .iter()
            .filter(|connection| connection.expires >= self.now)
            .collect();
        let order = |connection: &Connection| format!("{:?}", connection.key);
        expected.sort_by_key(order);
        got.sort_by_key(order);
        prop_assert_eq!(got, expected);
        for key in keys() {
            let found = self.table.lookup(&key, self.table.hash(&key), self.now);
            prop_assert_eq!(found.is_some(), self.model.find(&key).is_some());
        }
        let held: u32 = Family::BOTH
            .iter()
            .map(|&family| self.table.len(family))
            .sum();
        let by_interface: u32 = [2, 5, 9]
            .map(|i| self.table.len_of(InterfaceIndex(i)))
            .iter()
            .sum();
        prop_assert_eq!(held, by_interface);
        prop_assert_eq!(held as usize, self.table.iter().count());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_table_does_what_a_list_does(
        capacity in [0..8_u32, 0..8_u32],
        allowance in prop::option::of(0..8_u32),
        seed: u64,
        actions in actions(),
    ) {
        let keys = keys();
        let mut pair = Pair::new(capacity, allowance, seed);
        for action in actions {
            pair.act(action, &keys)?;
            pair.compare()?;
        }
        // In the end everything runs out, and a sweep finds all of it.
        pair.now = pair.now.saturating_add(Duration::from_secs(1_000_000));
        let held = Family::BOTH.map(|family| pair.table.len(family) as usize);
        prop_assert_eq!(pair.table.sweep(pair.now, usize::MAX), held[0] + held[1]);
        prop_assert!(pair.table.is_empty());
    }
}
