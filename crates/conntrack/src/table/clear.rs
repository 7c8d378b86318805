//! How connections end: one, those of an interface, and those whose time has run out.

use secgroup_packet::{Family, InterfaceIndex, Timestamp};

use super::Table;
use crate::slots::BUCKET;
use crate::{Connection, Handle};

impl Table {
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

    /// Clears what has run out in the bucket that has waited longest; `false` where there is none.
    pub(super) fn clear_earliest(&mut self, family: Family, now: Timestamp) -> bool {
        let Some(bucket) = self.store.earliest_due(family, now.as_nanos()) else {
            return false;
        };
        self.clear(family, bucket, now);
        true
    }

    /// Clears what has run out in a bucket; how much.
    pub(super) fn clear(&mut self, family: Family, bucket: usize, now: Timestamp) -> usize {
        let mut found = 0;
        for handle in self.store.run_out(family, bucket, now.as_nanos()) {
            self.remove_run_out(handle);
            found += 1;
        }
        found
    }

    pub(super) fn remove_run_out(&mut self, handle: Handle) {
        self.stats.ran_out_in[self.store.body(handle).state as usize] += 1;
        self.remove(handle);
    }
}
