//! How a connection opens, and who makes room for it.
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

use secgroup_packet::{Family, FlowKey, InterfaceIndex, Timestamp};
use thiserror::Error;

use super::Table;
use crate::hash::FlowHash;
use crate::line::Body;
use crate::{Connection, Handle, Lifetimes, Opening, Probe};

/// There is no room for a new connection, and none that has to give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection table is full: raise its capacity or the interface's allowance")]
pub struct Full;

impl Table {
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
