//! The connection table: what a packet does to the connection it continues, and how one opens.
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
//! # No room
//!
//! A new connection needs a place in its family's table and in the allowance of its interface,
//! where that has one. Before anyone is turned away, what has run out is cleared: bucket by bucket,
//! those that have waited longest first (see `due`), until there is room or nothing is left that
//! has run out. So "full" means live connections and nothing else, exactly, and a flood into a full
//! table pays one compare to learn that nothing has run out. Then the oldest half-open connection
//! gives way (see `half_open`); where there is none, [`Full`].
//!
//! The one other way to be full: all 128 places that the hash of a key points to are taken although
//! the table is not full. Without the seed nobody can bring that about (see `slots`), and it is
//! counted apart.

use std::sync::Arc;

use secgroup_packet::{
    Direction, Family, FlowKey, InterfaceIndex, L4, Packet, TcpFlags, Timestamp,
};
use thiserror::Error;

use crate::half_open::Interfaces;
use crate::hash::{FlowHash, Seed};
use crate::line::Body;
use crate::slots::BUCKET;
use crate::store::{Handle, Store};
use crate::tcp::{self, Move, TcpClass};
use crate::{Connection, Lifetimes, Opening, Pool, Probe, State};

/// Packets that each end of a UDP flow has sent when it becomes a stream: the second request and
/// its answer (semantics D32).
const STREAM_PACKETS: u32 = 2;

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

/// What a packet means for the connection it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It continues the connection, and was counted.
    Pass {
        /// The number of the rule that admitted the connection.
        rule: u32,
    },
    /// The connection is over and the packet would open the next one with the same key: the rules
    /// decide (D40).
    Reopen {
        /// Where it is, until the next one takes its place.
        held: Handle,
    },
    /// No end of the connection can have sent it in this state.
    Invalid,
    /// It continues no live connection.
    Unknown {
        /// One with the same key that has run out and was not swept.
        held: Option<Handle>,
    },
}

/// A packet, as far as it concerns the connection it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// The direction in which it crosses: which end sent it.
    pub sender: Direction,
    /// The fields of its upper-layer header.
    pub l4: &'a L4,
    /// The length of the IP packet, in bytes.
    pub len: u32,
}

/// Whether a packet leaves its connection in the state it is in, and renews its time.
#[inline(always)]
fn only_renewed(body: &Body, passage: &Passage<'_>) -> bool {
    let flags = match passage.l4 {
        L4::Tcp { flags, .. } => *flags,
        _ => TcpFlags::default(), // No TCP segment has none.
    };
    tcp::only_renews(body.state, passage.sender == body.originator, flags)
        || (body.state == State::Udp && !has_sent_twice(body, passage.sender.reverse()))
}

/// Whether one end of a UDP flow has sent what makes it a stream, once the other has, too.
#[inline]
fn has_sent_twice(body: &Body, end: Direction) -> bool {
    body.packets[end as usize] >= STREAM_PACKETS
}

/// Where a packet moves its connection.
#[inline(always)]
fn movement(body: &Body, passage: &Passage<'_>) -> Move {
    match (body.state, passage.l4) {
        (State::Udp | State::UdpStream | State::Icmp | State::Other, _) => Move::Renew,
        (state, L4::Tcp { flags, .. }) => {
            let by_originator = passage.sender == body.originator;
            tcp::advance(state, by_originator, TcpClass::from(*flags))
        }
        _ => Move::Invalid,
    }
}

/// There is no room for a new connection, and none that has to give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection table is full: raise its capacity or the interface's allowance")]
pub struct Full;

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

    /// What a packet does to the connection that its probe found.
    ///
    /// Nearly every packet carries on, or acknowledges, what is established, and is done where its line was prefetched. Every other goes the
    /// long way from the start, which would find the same.
    #[inline(always)]
    pub fn follow(
        &mut self,
        probe: &Probe,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        if let Some(body) = self.store.aimed(probe)
            && body.expires >= now.as_nanos()
            && only_renewed(body, passage)
        {
            let expires = lifetimes.end(body.state, now).as_nanos();
            if expires >= body.expires {
                body.count(passage.sender, passage.len);
                body.expires = expires;
                return Step::Pass { rule: body.rule };
            }
        }
        self.follow_slowly(probe, passage, now, lifetimes)
    }

    /// The long way, which is everything but a short cut.
    #[inline(never)]
    fn follow_slowly(
        &mut self,
        probe: &Probe,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        match self.find(probe) {
            Some(handle) if self.is_live(handle, now) => {
                self.advance(handle, passage, now, lifetimes)
            }
            held => Step::Unknown { held },
        }
    }

    /// What a packet does to this connection, which is alive.
    ///
    /// A packet that passes is counted and moves the connection on; otherwise nothing changes.
    pub fn advance(
        &mut self,
        handle: Handle,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        let Passage { sender, len, .. } = *passage;
        let body = self.store.body_mut(handle);
        let movement = movement(body, passage);
        let (before, rule) = (body.state, body.rule);
        match movement {
            Move::Invalid => return Step::Invalid,
            Move::Reopen => return Step::Reopen { held: handle },
            Move::Keep => {
                body.count(sender, len);
                return Step::Pass { rule };
            }
            Move::Renew => {}
            Move::To(after) => body.state = after,
        }
        body.count(sender, len);
        if before == State::Udp && Direction::BOTH.iter().all(|&end| has_sent_twice(body, end)) {
            body.state = State::UdpStream;
        }
        let after = body.state;
        let expires = lifetimes.end(after, now).as_nanos();
        let is_shorter = expires < body.expires;
        body.expires = expires;
        if is_shorter {
            self.store.shortened(handle);
        }
        if before.is_half_open() && !after.is_half_open() {
            self.interfaces.completed(&mut self.store, handle);
        }
        Step::Pass { rule }
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

    /// Opens a connection; `hash` is the key's, by [`hash`](Self::hash). One with the same key that
    /// is still there is replaced (D40). `allowance` is how many connections the key's interface
    /// may have, of both families.
    ///
    /// Where there is no room, the oldest half-open TCP connection of the same interface gives way;
    /// where the table of the key's family is full and the interface has none in it, that of the
    /// lowest-numbered interface which has one.
    ///
    /// # Errors
    ///
    /// [`Full`] where nothing gives way. No live connection was touched then.
    pub fn insert(
        &mut self,
        key: &FlowKey,
        hash: FlowHash,
        opening: Opening,
        now: Timestamp,
        lifetimes: &Lifetimes,
        allowance: Option<u32>,
    ) -> Result<Handle, Full> {
        let (probe, found) = (Probe::with_hash(key, hash), self.store.find(key, hash));
        self.open(&probe, found, opening, now, lifetimes, allowance)
    }

    /// The same for the packet of a burst: `found` is what [`find`](Self::find) said of its probe, and nothing has changed since.
    ///
    /// # Errors
    ///
    /// [`Full`] where nothing gives way, or the packet belongs to no connection.
    pub fn open(
        &mut self,
        probe: &Probe,
        found: Option<Handle>,
        opening: Opening,
        now: Timestamp,
        lifetimes: &Lifetimes,
        allowance: Option<u32>,
    ) -> Result<Handle, Full> {
        let family = probe.family().ok_or(Full)?;
        let mut prior = found;
        if let Some(old) = found
            && !self.is_live(old, now)
        {
            self.remove_run_out(old);
            prior = None;
        }
        let room = Room {
            family,
            interface: probe.interface(),
            allowance,
            replaced: u32::from(prior.is_some()),
        };
        // A place first, so that nobody gives way to one that then has none.
        let place = match prior {
            Some(_) => None,
            None => Some(self.place(family, probe.hash(), now)?),
        };
        if room.lacks_place(self) || room.lacks_allowance(self) {
            self.make_room(&room, now)
                .inspect_err(|Full| self.stats.full += 1)?;
        }
        let place = match place {
            Some(place) => place,
            None => {
                prior.inspect(|&prior| self.remove(prior)); // Unless it was the one that gave way.
                self.place(family, probe.hash(), now)?
            }
        };
        let mut body = Body::new(probe.protocol());
        body.state = opening.state;
        body.originator = opening.originator;
        body.rule = opening.rule;
        body.expires = lifetimes.end(opening.state, now).as_nanos();
        body.count(opening.sender, opening.len);
        self.store.take(place, probe, body);
        self.interfaces.join(&mut self.store, place);
        Ok(place)
    }

    /// Whether [`insert`](Self::insert) of this key would find room, as far as that can be told without
    /// making any: what may have run out, and what is half-open, counts as room. For explanations.
    #[must_use]
    pub fn has_room(
        &self,
        key: &FlowKey,
        hash: FlowHash,
        now: Timestamp,
        allowance: Option<u32>,
    ) -> bool {
        let room = Room {
            family: family(key),
            interface: key.interface(),
            allowance,
            replaced: u32::from(self.lookup(key, hash, now).is_some()),
        };
        let is_due = |family| self.store.earliest_due(family, now.as_nanos()).is_some();
        let own = |family| self.interfaces.oldest_of(room.interface, family);
        let gives_way = |family| own(family).or_else(|| self.interfaces.oldest_of_any(family));
        let is_own_open = self.interfaces.oldest(room.interface).is_some();
        let allowed = || is_own_open || Family::BOTH.into_iter().any(is_due);
        let placed = || is_due(room.family) || gives_way(room.family).is_some();
        (!room.lacks_allowance(self) || allowed()) && (!room.lacks_place(self) || placed())
    }

    /// Takes back a connection as it was told of before, with its state, its counters and the time it has left.
    ///
    /// # Errors
    ///
    /// [`Full`] where there is no room, or its key is there already: what is there is newer. Nothing gives way
    /// to the past.
    pub fn restore(&mut self, connection: &Connection, now: Timestamp) -> Result<Handle, Full> {
        let Connection { key, .. } = connection;
        let hash = self.hash(key);
        let family = family(key);
        let is_full = self.len(family) >= self.capacity(family);
        if is_full || self.store.find(key, hash).is_some() {
            return Err(Full);
        }
        let place = self.place(family, hash, now)?;
        let mut body = Body::new(key.protocol());
        body.state = connection.state;
        body.originator = connection.originator;
        body.rule = connection.rule;
        body.expires = connection.expires.as_nanos();
        body.packets = connection.packets;
        body.bytes = connection.bytes;
        self.store.take(place, &Probe::with_hash(key, hash), body);
        self.interfaces.join(&mut self.store, place);
        Ok(place)
    }

    /// Ends a connection.
    pub fn remove(&mut self, handle: Handle) {
        if self.store.is_taken(handle) {
            self.interfaces.leave(&mut self.store, handle);
            self.store.free_up(handle);
        }
    }

    /// Ends the connections that `keep` says no to; how many there were. Walks the whole table.
    pub fn retain(&mut self, mut keep: impl FnMut(&Connection) -> bool) -> u32 {
        let mut ended = 0;
        for family in Family::BOTH {
            for slot in 0..self.store.places(family) {
                let handle = Handle::new(family, slot);
                if self.store.is_taken(handle) && !keep(&self.store.connection(handle)) {
                    self.remove(handle);
                    ended += 1;
                }
            }
        }
        ended
    }

    /// Counts the connections of an interface in `pool`, too: from now on its allowance is that of all
    /// tables which share the pool.
    pub fn share(&mut self, interface: InterfaceIndex, pool: Arc<Pool>) {
        self.interfaces.share(interface, pool);
    }

    /// Ends all connections of an interface; how many there were.
    pub fn remove_interface(&mut self, interface: InterfaceIndex) -> u32 {
        let held = self.interfaces.connections(interface);
        for family in Family::BOTH {
            for slot in 0..self.store.places(family) {
                if self.interfaces.connections(interface) == 0 {
                    break;
                }
                let handle = Handle::new(family, slot);
                if self.store.is_taken(handle) && self.store.interface(handle) == interface {
                    self.remove(handle);
                }
            }
        }
        self.interfaces.forget(interface);
        held
    }

    /// Clears connections that have run out, going on where the last call left off; how many.
    ///
    /// Looks at `budget` places, rounded up to a whole bucket of 64, and once round the table at
    /// most; a bucket in which nothing can have run out costs one. The less often it comes round,
    /// the more it finds at a time and the less each costs: a connection that has run out is no
    /// longer found by anyone and only occupies its place.
    pub fn sweep(&mut self, now: Timestamp, budget: usize) -> usize {
        let is_due = |family| self.store.earliest_due(family, now.as_nanos()).is_some();
        if !Family::BOTH.into_iter().any(is_due) {
            return 0; // One compare a family, instead of one a bucket.
        }
        let [v4, v6] = Family::BOTH.map(|family| self.store.buckets(family));
        let mut spent = 0;
        let mut found = 0;
        for _ in 0..v4 + v6 {
            if spent >= budget {
                break;
            }
            let (family, bucket) = match self.hand.checked_sub(v4) {
                None => (Family::V4, self.hand),
                Some(bucket) => (Family::V6, bucket),
            };
            self.hand = (self.hand + 1) % (v4 + v6);
            if self.store.is_due(family, bucket, now.as_nanos()) {
                found += self.clear(family, bucket, now);
                spent += BUCKET;
            } else {
                spent += 1;
            }
        }
        found
    }

    /// No connection runs out before this; `None` where there are none. Often too early, never too late.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let bounds = Family::BOTH.map(|family| self.store.next_due(family));
        let earliest = bounds.into_iter().flatten().min();
        earliest.map(Timestamp::from_nanos)
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

    /// A free place among those that `hash` points to.
    fn place(&mut self, family: Family, hash: FlowHash, now: Timestamp) -> Result<Handle, Full> {
        if let Some(place) = self.store.vacant(family, hash) {
            return Ok(place);
        }
        for bucket in self.store.neighbourhood(family, hash) {
            self.clear(family, bucket, now);
        }
        self.store
            .vacant(family, hash)
            .ok_or(Full)
            .inspect_err(|Full| self.stats.crowded += 1)
    }

    /// Sees to it that a connection can be added, at the cost of a half-open one if need be.
    #[inline(never)]
    fn make_room(&mut self, room: &Room, now: Timestamp) -> Result<(), Full> {
        while room.lacks_allowance(self)
            && (self.clear_earliest(Family::V4, now) || self.clear_earliest(Family::V6, now))
        {
        }
        while room.lacks_place(self) && self.clear_earliest(room.family, now) {}
        // All that is in the way now is live.
        let victim = match (room.lacks_place(self), room.lacks_allowance(self)) {
            (false, false) => None,
            (false, true) => Some(self.interfaces.oldest(room.interface).ok_or(Full)?),
            (true, own_only) => {
                let own = self.interfaces.oldest_of(room.interface, room.family);
                let any = || self.interfaces.oldest_of_any(room.family);
                let victim = if own_only { own } else { own.or_else(any) };
                Some(victim.ok_or(Full)?)
            }
        };
        if let Some(victim) = victim {
            self.remove(victim);
            self.stats.gave_way += 1;
        }
        if let Some(next) = self.interfaces.oldest(room.interface) {
            self.store.prefetch_place(next); // The next to give way, if this is a flood.
        }
        Ok(())
    }

    /// Clears what has run out in the bucket that has waited longest; `false` where there is none.
    fn clear_earliest(&mut self, family: Family, now: Timestamp) -> bool {
        let Some(bucket) = self.store.earliest_due(family, now.as_nanos()) else {
            return false;
        };
        self.clear(family, bucket, now);
        true
    }

    /// Clears what has run out in a bucket; how much.
    fn clear(&mut self, family: Family, bucket: usize, now: Timestamp) -> usize {
        let mut found = 0;
        for handle in self.store.run_out(family, bucket, now.as_nanos()) {
            self.remove_run_out(handle);
            found += 1;
        }
        found
    }

    fn remove_run_out(&mut self, handle: Handle) {
        self.stats.ran_out_in[self.store.body(handle).state as usize] += 1;
        self.remove(handle);
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

/// What a new connection needs room in.
struct Room {
    family: Family,
    interface: InterfaceIndex,
    allowance: Option<u32>,
    /// Connections that make room by being replaced: one or none.
    replaced: u32,
}

impl Room {
    const fn lacks_place(&self, table: &Table) -> bool {
        table.len(self.family) - self.replaced >= table.capacity(self.family)
    }

    fn lacks_allowance(&self, table: &Table) -> bool {
        let held = || {
            let connections = table.interfaces.against_allowance(self.interface);
            connections.saturating_sub(self.replaced)
        };
        self.allowance.is_some_and(|allowance| held() >= allowance)
    }
}

const fn family(key: &FlowKey) -> Family {
    match key {
        FlowKey::V4(_) => Family::V4,
        FlowKey::V6(_) => Family::V6,
    }
}

#[cfg(test)]
mod tests;
