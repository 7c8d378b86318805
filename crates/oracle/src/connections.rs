//! The connection table: a map from interface and key to entry, and what gives way when it is full.

use std::collections::BTreeMap;
use std::net::IpAddr;

use secgroup_model::{Direction, Family, GroupId, NetworkInterfaceId, Protocol, RuleId};

use crate::read::Upper;
use crate::tcp::{End, TcpState};

/// Which connection a packet belongs to, seen from its interface (D57): both directions of a
/// connection have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The upper-layer protocol.
    pub(crate) protocol: Protocol,
    /// The interface's own address.
    pub(crate) local: IpAddr,
    /// The peer's address.
    pub(crate) remote: IpAddr,
    /// What tells connections between the same addresses apart.
    pub(crate) detail: Detail,
}

/// What tells connections between the same addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// TCP and UDP: the ports.
    Ports {
        /// The interface's own.
        local: u16,
        /// The peer's.
        remote: u16,
    },
    /// ICMP and ICMPv6: which query, by whom, with which identifier (D50).
    Exchange {
        /// The type of the query.
        query: u8,
        /// Who asked. Two hosts may ping each other with the same identifier.
        asker: End,
        /// The identifier.
        id: u16,
    },
    /// Other protocols: nothing does (D5).
    Nothing,
}

/// Query and reply types that pair up by identifier, all with code 0 (D50).
const EXCHANGES_V4: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];
const EXCHANGES_V6: [(u8, u8); 1] = [(128, 129)];

/// The end that sends a packet which crosses in this direction.
pub(crate) const fn sender(direction: Direction) -> End {
    match direction {
        Direction::Egress => End::Local,
        Direction::Ingress => End::Remote,
    }
}

/// The query type of the exchange that an ICMP message belongs to, and whether it is the reply.
pub(crate) fn exchange(family: Family, kind: u8, code: u8) -> Option<(u8, bool)> {
    let pairs = match family {
        Family::V4 => EXCHANGES_V4.as_slice(),
        Family::V6 => EXCHANGES_V6.as_slice(),
    };
    let (query, reply) = *pairs
        .iter()
        .find(|(query, reply)| kind == *query || kind == *reply)?;
    (code == 0).then_some((query, kind == reply))
}

impl Key {
    /// The key of a packet; `None` for unpaired ICMP messages and later fragments, which belong to
    /// no connection.
    pub(crate) fn of(
        (source, destination): (IpAddr, IpAddr),
        protocol: Protocol,
        upper: &Upper,
        direction: Direction,
    ) -> Option<Self> {
        let sender = sender(direction);
        let (local, remote) = match sender {
            End::Local => (source, destination),
            End::Remote => (destination, source),
        };
        let detail = match *upper {
            Upper::Tcp {
                source,
                destination,
                ..
            }
            | Upper::Udp {
                source,
                destination,
            } => match sender {
                End::Local => Detail::Ports {
                    local: source,
                    remote: destination,
                },
                End::Remote => Detail::Ports {
                    local: destination,
                    remote: source,
                },
            },
            Upper::Icmp { kind, code, id } => {
                let (query, is_reply) = exchange(Family::of(source), kind, code)?;
                let asker = if is_reply { sender.other() } else { sender };
                Detail::Exchange { query, asker, id }
            }
            Upper::Other => Detail::Nothing,
            Upper::LaterFragment => return None,
        };
        Some(Self {
            protocol,
            local,
            remote,
            detail,
        })
    }

    /// The address family.
    pub(crate) const fn family(&self) -> Family {
        Family::of(self.local)
    }
}

/// One tracked connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    /// The rule that admitted it.
    pub(crate) rule: (GroupId, RuleId),
    /// Its place among all connections ever made: the age of a half-open one (step 10).
    pub(crate) serial: u64,
    /// The last moment at which it is there, in nanoseconds.
    pub(crate) expires: u64,
    /// How many packets the local end sent.
    pub(crate) from_local: u64,
    /// How many packets the remote end sent.
    pub(crate) from_remote: u64,
    /// TCP: who opened it, and how far it got.
    pub(crate) tcp: Option<(End, TcpState)>,
}

impl Connection {
    /// Counts a packet.
    pub(crate) fn count(&mut self, sender: End) {
        match sender {
            End::Local => self.from_local += 1,
            End::Remote => self.from_remote += 1,
        }
    }

    /// Whether a UDP flow is a stream: more than one transaction was seen (D29, D32).
    pub(crate) fn is_stream(&self) -> bool {
        self.from_local >= 2 && self.from_remote >= 2
    }

    /// Whether it gives way when there is no room.
    fn is_half_open(&self) -> bool {
        self.tcp.is_some_and(|(_, state)| state.is_half_open())
    }
}

/// How many connections fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In the table of the new connection's family.
    pub(crate) table: usize,
    /// At its interface, of both families.
    pub(crate) interface: Option<usize>,
}

/// All connections of all interfaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections {
    entries: BTreeMap<(NetworkInterfaceId, Key), Connection>,
    /// How many connections were ever made.
    made: u64,
}

impl Connections {
    /// The connection with this key, unless its time has run out (step 5).
    pub(crate) fn live(
        &mut self,
        interface: &NetworkInterfaceId,
        key: Key,
        now: u64,
    ) -> Option<&mut Connection> {
        self.entries
            .get_mut(&(interface.clone(), key))
            .filter(|entry| now <= entry.expires)
    }

    /// All live connections, in the order of interface and key.
    pub(crate) fn all(
        &self,
        now: u64,
    ) -> impl Iterator<Item = (&NetworkInterfaceId, &Key, &Connection)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| now <= entry.expires)
            .map(|((interface, key), entry)| (interface, key, entry))
    }

    /// The serial number of the next connection.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Adds a connection, in place of one with the same key.
    pub(crate) fn insert(&mut self, interface: &NetworkInterfaceId, key: Key, entry: Connection) {
        self.entries.insert((interface.clone(), key), entry);
    }

    /// Forgets the connections of every interface that `stays` does not hold for (D27).
    pub(crate) fn keep_interfaces(&mut self, stays: impl Fn(&NetworkInterfaceId) -> bool) {
        self.entries.retain(|(interface, _), _| stays(interface));
    }

    /// Makes room for one more connection (step 10, D42 to D45); `false` where there is none to
    /// be had, and then nothing has changed. `numbers` is the order of the interfaces.
    pub(crate) fn make_room(
        &mut self,
        interface: &NetworkInterfaceId,
        key: Key,
        limits: Limits,
        numbers: &BTreeMap<NetworkInterfaceId, usize>,
        now: u64,
    ) -> bool {
        // Entries whose time has run out are never in the way.
        self.entries.retain(|_, entry| now <= entry.expires);
        if self.entries.contains_key(&(interface.clone(), key)) {
            return true; // It takes the place of the one that it reopens (D40).
        }
        let family = key.family();
        let in_table = self
            .entries
            .keys()
            .filter(|(_, key)| key.family() == family)
            .count();
        let at_interface = self
            .entries
            .keys()
            .filter(|(at, _)| at == interface)
            .count();
        let table_full = in_table >= limits.table;
        let interface_full = limits.interface.is_some_and(|limit| at_interface >= limit);
        if !table_full && !interface_full {
            return true;
        }
        // One connection gives way, and it must make room wherever there is none: one of the same
        // interface before one of another, which are tried by number; the oldest of an interface.
        let victim = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_half_open())
            .filter(|((_, key), _)| !table_full || key.family() == family)
            .filter(|((at, _), _)| !interface_full || at == interface)
            .min_by_key(|((at, _), entry)| {
                (at != interface, numbers.get(at).copied(), entry.serial)
            })
            .map(|(at, _)| at.clone());
        match victim {
            // A limit of 0 leaves no room even then.
            Some(victim) if limits.table > 0 && limits.interface != Some(0) => {
                self.entries.remove(&victim);
                true
            }
            _ => false,
        }
    }
}
