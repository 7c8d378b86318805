//! One allowance for an interface whose connections lie in several tables.
//!
//! A worker that shares an interface with others has a table of its own, but the interface may have so many connections
//! in all of them together (semantics D42). So the tables of an interface count in one place. Opening and closing a connection are
//! the rare packets; nothing here is touched by an established one.
//!
//! Each table looks before it counts: tables that look at the same moment may together exceed the allowance, by one connection for
//! each of them but the first. What runs out or gives way is cleared by the table that holds it.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many connections an interface has in all tables that share it.
#[derive(Debug, Default)]
pub struct Pool(AtomicU32);

impl Pool {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, connections: u32) {
        self.0.fetch_add(connections, Ordering::Relaxed);
    }

    pub(crate) fn take(&self, connections: u32) {
        self.0.fetch_sub(connections, Ordering::Relaxed);
    }
}
