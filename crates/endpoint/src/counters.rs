//! How often what was called, and how it ended.
//!
//! Both names come from the program, never from a request, so the table cannot grow beyond actions times codes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Calls by action and outcome, since the start.
#[derive(Debug, Default)]
pub struct Counters {
    calls: RwLock<BTreeMap<Row, AtomicU64>>,
}

/// Action and outcome.
type Row = (&'static str, &'static str);

/// Calls of one action that ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The action; `-` where none was named, or one that there is not.
    pub action: &'static str,
    /// The error code, or `ok`.
    pub code: &'static str,
    /// How many.
    pub calls: u64,
}

impl Counters {
    /// The action of requests that name none that there is.
    pub const NO_ACTION: &str = "-";
    /// The code of calls that succeeded.
    pub const OK: &str = "ok";

    /// One more.
    pub(crate) fn count(&self, action: &'static str, code: &'static str) {
        let row = (action, code);
        let add = |count: &AtomicU64| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let known = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(&row) {
            return add(count);
        }
        drop(known);
        let mut calls = self.calls.write().unwrap_or_else(PoisonError::into_inner);
        add(calls.entry(row).or_default());
    }

    /// What was counted, in order.
    #[must_use]
    pub fn read(&self) -> Vec<Count> {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        let counts = calls.iter().map(|(&(action, code), calls)| Count {
            action,
            code,
            calls: calls.load(Ordering::Relaxed),
        });
        counts.collect()
    }
}
