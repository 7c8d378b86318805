//! From peer address to row: the longest-prefix match, flattened.
//!
//! Nested ranges are laid out once, at compile time, into disjoint stretches of the address space,
//! each with the row of the innermost range that covers it. What is left of a lookup is one search
//! among the stretches' ends.

use crate::ranks::{Key, Ranks};
use crate::row::RowRef;

/// The stretches of one direction and address family.
#[derive(Debug, Clone)]
pub(crate) struct Table<A> {
    /// The last address of each stretch but the last one.
    ends: Ranks<A>,
    /// The row of each stretch.
    rows: Box<[RowRef]>,
}

impl<A: Key> Table<A> {
    /// The row of an address.
    #[inline]
    pub(crate) fn row(&self, address: A) -> RowRef {
        self.rows[self.ends.below(address)]
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ends.memory_bytes() + size_of_val(&*self.rows)
    }
}

impl<A: Key> Default for Table<A> {
    /// No rules for any address.
    fn default() -> Self {
        Stretches::default().finish()
    }
}

/// Stretches while they are laid out, in ascending order.
#[derive(Debug)]
pub(crate) struct Stretches<A> {
    ends: Vec<A>,
    rows: Vec<RowRef>,
}

impl<A> Default for Stretches<A> {
    fn default() -> Self {
        Self {
            ends: Vec::new(),
            rows: Vec::new(),
        }
    }
}

impl<A: Key> Stretches<A> {
    /// Goes on with `row` up to and including `end`.
    pub(crate) fn push(&mut self, end: A, row: RowRef) {
        if self.rows.last() == Some(&row) {
            self.ends.pop();
            self.rows.pop();
        }
        self.ends.push(end);
        self.rows.push(row);
    }

    /// The table; what lies behind the last stretch has no rules.
    pub(crate) fn finish(mut self) -> Table<A> {
        if self.ends.last() != Some(&A::LAST) {
            self.push(A::LAST, RowRef::EMPTY);
        }
        self.ends.pop();
        Table {
            ends: Ranks::new(self.ends),
            rows: self.rows.into(),
        }
    }
}
