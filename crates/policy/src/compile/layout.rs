//! Laying nested ranges of addresses out flat.

use std::cmp::Reverse;

use ipnet::IpNet;
use secgroup_packet::Family;

use super::chain::Chain;
use super::{Source, row_of};
use crate::ranks::{KEYS_MAX, Key};
use crate::row::RowRef;
use crate::row::build::RowsBuilder;
use crate::table::{Stretches, Table};

/// How many ranges are laid out: each makes at most two stretches. What is beyond fails closed.
const ENTRIES_MAX: usize = KEYS_MAX / 2;

/// An address as a number.
pub(super) trait Address: Key {
    /// The first address of all.
    const FIRST: Self;

    /// First and last address of a range of this family.
    fn bounds(range: &IpNet) -> Option<(Self, Self)>;

    /// The address before this one, which is not the first of all.
    fn before(self) -> Self;

    /// The address after this one; `None` after the last of all.
    fn after(self) -> Option<Self>;
}

impl Address for u32 {
    const FIRST: Self = 0;

    fn bounds(range: &IpNet) -> Option<(Self, Self)> {
        match range {
            IpNet::V4(net) => Some((net.network().to_bits(), net.broadcast().to_bits())),
            IpNet::V6(_) => None,
        }
    }

    fn before(self) -> Self {
        self - 1
    }

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    const FIRST: Self = 0;

    fn bounds(range: &IpNet) -> Option<(Self, Self)> {
        match range {
            IpNet::V4(_) => None,
            IpNet::V6(net) => Some((net.network().to_bits(), net.broadcast().to_bits())),
        }
    }

    fn before(self) -> Self {
        self - 1
    }

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// A range of a source. Sorts outer ranges before the inner ones that begin with them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<A> {
    first: A,
    last: Reverse<A>,
    source: usize,
}

/// The table of one direction and family.
pub(super) fn table<A: Address>(
    sources: &[Source<'_>],
    family: Family,
    rows: &mut RowsBuilder,
) -> Table<A> {
    let mut entries = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let bounds = source.ranges.iter().filter_map(A::bounds);
        entries.extend(bounds.map(|(first, last)| Entry {
            first,
            last: Reverse(last),
            source: number,
        }));
    }
    entries.sort_unstable();
    entries.dedup();
    entries.truncate(ENTRIES_MAX);

    let own: Vec<RowRef> = sources
        .iter()
        .map(|source| {
            rows.row(&row_of(&source.rules, family))
                .unwrap_or(RowRef::EMPTY)
        })
        .collect();
    let mut chain = Chain::new(rows, &own, entries.iter().map(|entry| entry.source));
    let mut layout = Layout::default();
    for range in entries.chunk_by(|a, b| (a.first, a.last) == (b.first, b.last)) {
        let (first, Reverse(last)) = (range[0].first, range[0].last);
        let outer = layout.enter(first);
        let row = range
            .iter()
            .fold(outer, |row, entry| chain.extend(row, entry.source));
        layout.open.push((last, row));
    }
    layout.finish()
}

/// The walk over the ranges. CIDR ranges nest or are apart; they never overlap otherwise.
struct Layout<A> {
    /// What has been laid out.
    done: Stretches<A>,
    /// Where `done` ends; `None` behind the last address.
    next: Option<A>,
    /// The ranges around the current place, outermost first: last address and row.
    open: Vec<(A, RowRef)>,
}

impl<A: Address> Default for Layout<A> {
    fn default() -> Self {
        Self {
            done: Stretches::default(),
            next: Some(A::FIRST),
            open: Vec::new(),
        }
    }
}

impl<A: Address> Layout<A> {
    /// Goes on to the range that begins with `first`; the answer is the row of the range around it.
    fn enter(&mut self, first: A) -> RowRef {
        while let Some(&(last, row)) = self.open.last()
            && last < first
        {
            self.fill(last, row);
            self.open.pop();
        }
        let outer = self.open.last().map_or(RowRef::EMPTY, |&(_, row)| row);
        if first > A::FIRST {
            self.fill(first.before(), outer);
        }
        outer
    }

    fn finish(mut self) -> Table<A> {
        while let Some((last, row)) = self.open.pop() {
            self.fill(last, row);
        }
        self.done.finish()
    }

    /// Lays out `row` up to `end`, unless that has been done.
    fn fill(&mut self, end: A, row: RowRef) {
        if self.next.is_some_and(|next| next <= end) {
            self.done.push(end, row);
            self.next = end.after();
        }
    }
}
