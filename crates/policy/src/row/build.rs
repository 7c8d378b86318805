//! Making rows: from rules, from two rows, from a row and the one around it.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::{Cell, KEY_MAX, Link, Long, NO_RULE, RowRef, Rows, SHORT_MAX};
use crate::ranks::Ranks;

/// Rows while a rule set is compiled.
#[derive(Debug, Default)]
pub(crate) struct RowsBuilder {
    rows: Rows,
    /// Rows by the hash of their cells. Where two differ and collide, the later is not shared.
    known: HashMap<u64, RowRef, RandomState>,
    /// Links by their two halves.
    links: HashMap<(RowRef, RowRef), RowRef, RandomState>,
    hasher: RandomState,
}

impl RowsBuilder {
    /// The rows so far.
    pub(crate) const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The finished rows.
    pub(crate) fn finish(mut self) -> Rows {
        self.rows.cells.shrink_to_fit();
        self.rows.longs.shrink_to_fit();
        self.rows.links.shrink_to_fit();
        self.rows
    }

    /// The row of these cells, which are disjoint and in ascending order. `None` where there is no
    /// room for more.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Option<RowRef> {
        if cells.is_empty() {
            return Some(RowRef::EMPTY);
        }
        let hash = self.hasher.hash_one(cells);
        if let Some(&row) = self.known.get(&hash)
            && self.rows.cells(row) == cells
        {
            return Some(row);
        }
        let (at, len) = (self.rows.cells.len(), cells.len());
        let row = if len <= SHORT_MAX {
            RowRef::short(at, len)?
        } else {
            let row = RowRef::long(self.rows.longs.len())?;
            let lasts: Vec<u32> = cells[..len - 1].iter().map(|cell| cell.last()).collect();
            let lowest = cells
                .iter()
                .map(|cell| cell.rule())
                .min()
                .unwrap_or(NO_RULE);
            let lasts = Ranks::new(lasts);
            self.rows.longs.push(Long {
                at,
                len,
                lowest,
                lasts,
            });
            row
        };
        self.rows.cells.extend_from_slice(cells);
        self.known.insert(hash, row);
        Some(row)
    }

    /// The row with the cells of `own` (not a link), and `outer` behind them. `None` where there is
    /// no room for more.
    pub(crate) fn link(&mut self, own: RowRef, outer: RowRef) -> Option<RowRef> {
        if let Some(&row) = self.links.get(&(own, outer)) {
            return Some(row);
        }
        let row = RowRef::link(self.rows.links.len())?;
        let outer_lowest = self.rows.lowest_rule(outer);
        self.rows.links.push(Link {
            own,
            outer,
            outer_lowest,
        });
        self.links.insert((own, outer), row);
        Some(row)
    }

    /// What `row` goes on with, where it is a link.
    pub(crate) fn outer(&self, row: RowRef) -> Option<RowRef> {
        match row.kind() {
            Some(super::Kind::Link(number)) => Some(self.rows.links[number].outer),
            _ => None,
        }
    }
}

/// Per key, the lower of the rules of both lists.
pub(crate) fn merge(a: &[Cell], b: &[Cell]) -> Vec<Cell> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a, b);
    let mut from = 0;
    loop {
        (a, b) = (skip_ended(a, from), skip_ended(b, from));
        if a.is_empty() && b.is_empty() {
            return merged;
        }
        let ((rule_a, last_a), (rule_b, last_b)) = (stretch(a, from), stretch(b, from));
        let (rule, last) = (rule_a.min(rule_b), last_a.min(last_b));
        if rule != NO_RULE {
            append(&mut merged, (from, last), rule);
        }
        // Behind the last key of all, every cell has ended.
        from = last + 1;
    }
}

/// The cells that do not end before `from`.
fn skip_ended(cells: &[Cell], from: u32) -> &[Cell] {
    match cells {
        [first, rest @ ..] if first.last() < from => rest,
        _ => cells,
    }
}

/// The rule at `from`, and the last key up to which that is so.
fn stretch(cells: &[Cell], from: u32) -> (u32, u32) {
    match cells.first() {
        Some(cell) if cell.first() <= from => (cell.rule(), cell.last()),
        Some(cell) => (NO_RULE, cell.first() - 1),
        None => (NO_RULE, KEY_MAX),
    }
}

/// Appends a span; widens the last cell where it is the same rule going on.
fn append(cells: &mut Vec<Cell>, (first, last): (u32, u32), rule: u32) {
    match cells.last_mut() {
        Some(cell) if cell.rule() == rule && cell.last() + 1 == first => {
            *cell = Cell::new((cell.first(), last), rule);
        }
        _ => cells.push(Cell::new((first, last), rule)),
    }
}
