//! Extending the row of an outer range by the rules of an inner one: written out, or linked.
//!
//! Written out, a lookup needs one row; linked, it may need each row of the chain, but the outer
//! row is stored once. The rule is a budget, so that memory stays in proportion to what was put in:
//! - a source may use twice its own cells, spread over the ranges that it is laid on;
//! - each range may use [`CELLS_PER_RANGE`] more;
//! - what is left of a common pool, a sixteenth at a time. Small rule sets never exhaust it, so
//!   theirs are all written out.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::row::RowRef;
use crate::row::build::{RowsBuilder, merge};

/// Cells (8 bytes each) that each range may use: as much as a link takes.
const CELLS_PER_RANGE: usize = 2;

/// Cells that the pool starts with: 16 KiB, half of a first-level cache.
const POOL_CELLS_MIN: usize = 2048;

/// The largest part of the pool that one row may take: 1/16, so that it is never taken by a few.
const POOL_SHARE: usize = 16;

/// How many cells may be read in order to write one: bounds the time.
const WORK_PER_CELL: usize = 4;

/// Extends rows within a budget.
pub(super) struct Chain<'a> {
    rows: &'a mut RowsBuilder,
    /// The row of each source.
    own: &'a [RowRef],
    /// On how many ranges each source is laid.
    uses: Vec<usize>,
    /// Cells left in the pool.
    pool: usize,
    /// What was extended before: the entries of a prefix list repeat the same question.
    known: HashMap<(RowRef, usize), RowRef, RandomState>,
}

impl<'a> Chain<'a> {
    /// `laid` names the source of each range.
    pub(super) fn new(
        rows: &'a mut RowsBuilder,
        own: &'a [RowRef],
        laid: impl Iterator<Item = usize>,
    ) -> Self {
        let mut uses = vec![0; own.len()];
        let mut ranges = 0;
        for source in laid {
            uses[source] += 1;
            ranges += 1;
        }
        let pool = POOL_CELLS_MIN + ranges / 2;
        Self {
            rows,
            own,
            uses,
            pool,
            known: HashMap::default(),
        }
    }

    /// The row for packets that have the rules of `outer` and of `source`.
    pub(super) fn extend(&mut self, outer: RowRef, source: usize) -> RowRef {
        let own = self.own[source];
        if outer == RowRef::EMPTY || own == RowRef::EMPTY || own == outer {
            return if own == RowRef::EMPTY { outer } else { own };
        }
        if let Some(&row) = self.known.get(&(outer, source)) {
            return row;
        }
        let row = self
            .write_out(outer, source)
            .or_else(|| self.rows.link(own, outer))
            // No room for more rows: the source's rules do not count here (they fail closed).
            .unwrap_or(outer);
        self.known.insert((outer, source), row);
        row
    }

    /// `None` where that goes beyond the budget.
    fn write_out(&mut self, outer: RowRef, source: usize) -> Option<RowRef> {
        let rows = self.rows.rows();
        let (a, b) = (rows.cells(outer), rows.cells(self.own[source]));
        let spare = self.pool / POOL_SHARE;
        let budget = CELLS_PER_RANGE + 2 * b.len() / self.uses[source].max(1) + spare;
        if a.len() + b.len() > budget.saturating_mul(WORK_PER_CELL) {
            return None;
        }
        let merged = merge(a, b);
        if merged.len() > budget {
            return None;
        }
        self.pool -= spare.min(merged.len());
        let row = self.rows.row(&merged)?;
        // In front of a link, the cells are merged and the link goes on as before.
        self.rows
            .outer(outer)
            .map_or(Some(row), |further| self.rows.link(row, further))
    }
}
