//! The connection table of one worker: its parts, how they are looked up, and what can be seen of them.
//!
//! # Terms
//!
//! A connection is *held* from [`insert`](Table::insert) until it is removed, gives way or is found
//! to have run out. It is *live* while the time is not later than its `expires`.
//! [`lookup`](Table::lookup) finds live connections only, the moment they run out;
//! [`len`](Table::len) counts those held.
//!
//! # One owner
//!
//! There is no lock and no atomic: a table belongs to one worker, its only writer. Time is an
//! argument. It should not go backwards: if it does, nothing breaks, but what has run out stays so
//! only if it was seen.
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | `follow` | what a packet does to the connection it continues |
//! | `open` | how a connection opens, and who makes room for it |
//! | `clear` | how connections end |

mod clear;
mod follow;
mod open;

use std::sync::Arc;

use secgroup_packet::{Direction, Family, FlowKey, InterfaceIndex, Packet, Timestamp};

pub use self::follow::{Passage, Step};
pub use self::open::Full;
use crate::half_open::Interfaces;
use crate::hash::{FlowHash, Seed};
use crate::store::{Handle, Store};
use crate::{Connection, Pool, Probe, State};

/// The size of a table, fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// IPv4 connections it holds, 2^28 at most; a larger number is that.
    pub capacity: u32,
    /// IPv6 connections it holds, likewise.
    pub capacity_v6: u32,
    /// The secret of the hash: random, where whoever sends the packets is not to be trusted.
    pub seed: u64,
}

/// Counters of a table since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Half-open connections that gave way to a new one.
    pub gave_way: u64,
    /// Connections cleared after their time had run out, by the [`State`] that they were in.
    pub ran_out_in: [u64; State::ALL.len()],
    /// New connections turned away because the table or an allowance was full.
    pub full: u64,
    /// New connections turned away because the places of their hash were taken though there was
    /// room elsewhere.
    pub crowded: u64,
}

impl Stats {
    /// Connections cleared after their time had run out.
    #[must_use]
    pub fn ran_out(&self) -> u64 {
        self.ran_out_in.iter().sum()
    }
}

/// The connections of one worker.
pub struct Table {
    seed: Seed,
    store: Store,
    interfaces: Interfaces,
    stats: Stats,
    /// The next bucket that [`sweep`](Self::sweep) looks at, over both families.
    hand: usize,
}

impl Table {
    /// An empty table; allocates all that it will ever need.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            seed: Seed::new(config.seed),
            store: Store::new(config.capacity, config.capacity_v6),
            interfaces: Interfaces::new(),
            stats: Stats::default(),
            hand: 0,
        }
    }

    /// The hash of a key in this table.
    #[must_use]
    pub fn hash(&self, key: &FlowKey) -> FlowHash {
        Store::hash(&self.seed, key)
    }

    /// The first step of a look-up (see [`Probe`]): for which connection a packet looks that crosses `interface` in `direction`,
    /// written into `probe`, whatever that was. Asks for the tags that [`aim`](Self::aim) will read.
    #[inline(always)]
    pub fn probe(
        &self,
        packet: &Packet,
        interface: InterfaceIndex,
        direction: Direction,
        probe: &mut Probe,
    ) {
        probe.point(&self.seed, packet, interface, direction);
        self.store.prefetch_tags(probe);
    }

    /// The first step for a key that is at hand.
    #[must_use]
    #[inline]
    pub fn probe_key(&self, key: &FlowKey) -> Probe {
        let probe = Probe::of_key(&self.seed, key);
        self.store.prefetch_tags(&probe);
        probe
    }

    /// The second step: where the connection seems to lie. Asks for what [`find`](Self::find) will read and [`insert`](Self::insert)
    /// write: worth it when other packets of the burst come first.
    #[inline(always)]
    pub fn aim(&self, probe: &mut Probe) {
        self.store.aim(probe);
    }

    /// The last step: the connection that is held, however many others came and went since the first.
    #[must_use]
    #[inline(always)]
    pub fn find(&self, probe: &Probe) -> Option<Handle> {
        self.store.find_probed(probe)
    }

    /// Whether a connection that is held is alive.
    #[must_use]
    #[inline(always)]
    pub fn is_live(&self, handle: Handle, now: Timestamp) -> bool {
        self.store.body(handle).expires >= now.as_nanos()
    }

    /// The live connection with this key; `hash` is the key's, by [`hash`](Self::hash).
    #[must_use]
    pub fn lookup(&self, key: &FlowKey, hash: FlowHash, now: Timestamp) -> Option<Handle> {
        let found = self.store.find(key, hash);
        found.filter(|&handle| self.is_live(handle, now))
    }

    /// The number of the rule that admitted a connection.
    #[must_use]
    #[inline]
    pub fn rule(&self, handle: Handle) -> u32 {
        self.store.body(handle).rule
    }

    /// All that is known of a connection.
    #[must_use]
    pub fn connection(&self, handle: Handle) -> Connection {
        self.store.connection(handle)
    }

    /// Counts the connections of an interface in `pool`, too: from now on its allowance is that of all
    /// tables which share the pool.
    pub fn share(&mut self, interface: InterfaceIndex, pool: Arc<Pool>) {
        self.interfaces.share(interface, pool);
    }

    /// How many connections of a family it holds, with those that ran out and were not cleared.
    #[must_use]
    pub const fn len(&self, family: Family) -> u32 {
        self.store.len(family)
    }

    /// Whether it holds none at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len(Family::V4) == 0 && self.len(Family::V6) == 0
    }

    /// How many connections of an interface it holds, likewise.
    #[must_use]
    pub fn len_of(&self, interface: InterfaceIndex) -> u32 {
        self.interfaces.connections(interface)
    }

    /// Heap memory of a family's connections, in bytes; fixed with the capacity.
    #[must_use]
    pub fn memory_bytes(&self, family: Family) -> usize {
        self.store.memory_bytes(family)
    }

    /// How many connections of a family it has room for.
    #[must_use]
    pub const fn capacity(&self, family: Family) -> u32 {
        self.store.capacity(family)
    }

    /// Every connection it holds, in no order; also those that ran out and were not cleared, which
    /// their [`expires`](Connection::expires) tells.
    pub fn iter(&self) -> impl Iterator<Item = Connection> + '_ {
        self.store
            .handles()
            .map(|handle| self.store.connection(handle))
    }

    /// Shows `see` the connections in `places` places from `from` on (0 to begin with), also those that
    /// ran out; returns where to go on, or `None` at the end. A walk in pieces, between which packets may pass: a
    /// connection that stays where it is is seen once.
    pub fn visit(
        &self,
        from: usize,
        places: usize,
        mut see: impl FnMut(&Connection),
    ) -> Option<usize> {
        let first_v6 = self.store.places(Family::V4);
        let end = first_v6 + self.store.places(Family::V6);
        let until = from.saturating_add(places).min(end);
        for place in from..until {
            let handle = if place < first_v6 {
                Handle::new(Family::V4, place)
            } else {
                Handle::new(Family::V6, place - first_v6)
            };
            if self.store.is_taken(handle) {
                see(&self.store.connection(handle));
            }
        }
        (until < end).then_some(until)
    }

    /// What it has done so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }
}

impl std::fmt::Debug for Table {
    /// In a line: a table is too large to print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("len", &Family::BOTH.map(|family| self.len(family)))
            .field(
                "capacity",
                &Family::BOTH.map(|family| self.capacity(family)),
            )
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
