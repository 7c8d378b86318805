//! Who holds how much, and whose half-open connection is the oldest (semantics D42 to D45).
//!
//! Where there is no room for a new connection, the oldest TCP connection whose handshake is not
//! complete gives way. The half-open connections of an interface are one list, of both families, in
//! the order in which they were made. The links of the list lie in the connections' own lines, so
//! it needs no memory beside the table's, has no bound but the table's, and joining, leaving and
//! finding the oldest take a fixed number of steps.
//!
//! One step is fixed only on average: where just one family's table is full, it is the oldest *of
//! that family* that must give way. So each list keeps the first of each family, and where that one
//! leaves, walks on to the next of its family. It walks past every connection of the other family
//! once at most, so over the life of a list the walk is no longer than the list.
//!
//! Interfaces are few and come and go seldom: their records are a sorted array. Only an interface
//! more than [`RESERVED`] makes it grow.

use std::sync::Arc;

use secgroup_packet::{Family, InterfaceIndex};

use crate::Pool;
use crate::store::{Handle, Store};

/// Interfaces that there is room for from the start: more than one host has today (an instance has
/// 15 at most).
const RESERVED: usize = 1024;

/// A link to a connection, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link(u32);

impl Link {
    const NONE: Self = Self(u32::MAX);

    const fn to(handle: Handle) -> Self {
        Self(handle.to_bits())
    }

    const fn get(self) -> Option<Handle> {
        if self.0 == u32::MAX {
            None
        } else {
            Some(Handle::from_bits(self.0))
        }
    }
}

/// The neighbours of a half-open connection in its interface's list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links {
    older: Link,
    newer: Link,
}

impl Links {
    pub(crate) const NONE: Self = Self {
        older: Link::NONE,
        newer: Link::NONE,
    };
}

/// What is known of one interface.
#[derive(Debug)]
struct Record {
    interface: InterfaceIndex,
    /// Connections held, of both families.
    connections: u32,
    oldest: Link,
    newest: Link,
    /// The oldest of each family.
    oldest_of: [Link; 2],
    /// Where connections are counted that other tables hold, too.
    pool: Option<Arc<Pool>>,
}

/// All interfaces that ever held a connection and were not removed, in order.
#[derive(Debug)]
pub(crate) struct Interfaces(Vec<Record>);

impl Interfaces {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(RESERVED))
    }

    /// Connections of an interface, of both families.
    pub(crate) fn connections(&self, interface: InterfaceIndex) -> u32 {
        self.position(interface)
            .map_or(0, |at| self.0[at].connections)
    }

    /// Connections that count against the allowance of an interface: those that other tables hold, too.
    pub(crate) fn against_allowance(&self, interface: InterfaceIndex) -> u32 {
        self.position(interface).map_or(0, |at| {
            let record = &self.0[at];
            let shared = record.pool.as_deref().map(Pool::connections);
            shared.unwrap_or(record.connections)
        })
    }

    /// From now on the interface counts in `pool`.
    pub(crate) fn share(&mut self, interface: InterfaceIndex, pool: Arc<Pool>) {
        let record = self.record_or_new(interface);
        pool.add(record.connections);
        if let Some(former) = record.pool.replace(pool) {
            former.take(record.connections);
        }
    }

    /// Forgets an interface that holds nothing any more.
    pub(crate) fn forget(&mut self, interface: InterfaceIndex) {
        if let Ok(at) = self.position(interface) {
            debug_assert_eq!(self.0[at].connections, 0, "the interface holds nothing");
            self.0.remove(at);
        }
    }

    /// A connection was put in the store.
    pub(crate) fn join(&mut self, store: &mut Store, handle: Handle) {
        let interface = store.interface(handle);
        let record = self.record_or_new(interface);
        record.connections += 1;
        if let Some(pool) = &record.pool {
            pool.add(1);
        }
        if store.body(handle).state.is_half_open() {
            record.append(store, handle);
        }
    }

    /// A connection is about to be taken from the store.
    pub(crate) fn leave(&mut self, store: &mut Store, handle: Handle) {
        let half_open = store.body(handle).state.is_half_open();
        if let Some(record) = self.record(store.interface(handle)) {
            record.connections -= 1;
            if let Some(pool) = &record.pool {
                pool.take(1);
            }
            if half_open {
                record.unlink(store, handle);
            }
        }
    }

    /// A connection is half open no more.
    pub(crate) fn completed(&mut self, store: &mut Store, handle: Handle) {
        if let Some(record) = self.record(store.interface(handle)) {
            record.unlink(store, handle);
        }
    }

    /// The oldest half-open connection of an interface.
    pub(crate) fn oldest(&self, interface: InterfaceIndex) -> Option<Handle> {
        self.0[self.position(interface).ok()?].oldest.get()
    }

    /// The oldest half-open connection of an interface in one family.
    pub(crate) fn oldest_of(&self, interface: InterfaceIndex, family: Family) -> Option<Handle> {
        self.0[self.position(interface).ok()?].oldest_of[family as usize].get()
    }

    /// The oldest half-open connection, in one family, of the lowest-numbered interface that has
    /// one.
    pub(crate) fn oldest_of_any(&self, family: Family) -> Option<Handle> {
        self.0
            .iter()
            .find_map(|record| record.oldest_of[family as usize].get())
    }

    fn record_or_new(&mut self, interface: InterfaceIndex) -> &mut Record {
        let at = self.position(interface).unwrap_or_else(|at| {
            self.0.insert(at, Record::new(interface));
            at
        });
        &mut self.0[at]
    }

    fn record(&mut self, interface: InterfaceIndex) -> Option<&mut Record> {
        let at = self.position(interface).ok()?;
        self.0.get_mut(at)
    }

    fn position(&self, interface: InterfaceIndex) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&interface, |record| record.interface)
    }
}

impl Drop for Record {
    /// A table that goes, as with a worker that failed, takes its connections out of the count.
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.take(self.connections);
        }
    }
}

impl Record {
    const fn new(interface: InterfaceIndex) -> Self {
        let (oldest, newest, oldest_of) = (Link::NONE, Link::NONE, [Link::NONE; 2]);
        Self {
            interface,
            connections: 0,
            oldest,
            newest,
            oldest_of,
            pool: None,
        }
    }

    fn append(&mut self, store: &mut Store, handle: Handle) {
        let link = Link::to(handle);
        store.body_mut(handle).links = Links {
            older: self.newest,
            newer: Link::NONE,
        };
        match self.newest.get() {
            Some(newest) => store.body_mut(newest).links.newer = link,
            None => self.oldest = link,
        }
        self.newest = link;
        let first = &mut self.oldest_of[handle.family() as usize];
        if *first == Link::NONE {
            *first = link;
        }
    }

    fn unlink(&mut self, store: &mut Store, handle: Handle) {
        let Links { older, newer } = store.body(handle).links;
        let family = handle.family();
        if self.oldest_of[family as usize] == Link::to(handle) {
            let mut next = newer;
            while let Some(other) = next.get()
                && other.family() != family
            {
                next = store.body(other).links.newer;
            }
            self.oldest_of[family as usize] = next;
        }
        match older.get() {
            Some(older) => store.body_mut(older).links.newer = newer,
            None => self.oldest = newer,
        }
        match newer.get() {
            Some(newer) => store.body_mut(newer).links.older = older,
            None => self.newest = older,
        }
    }
}
