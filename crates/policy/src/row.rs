//! From packet key to the first matching rule, for the packets of one class of peers.
//!
//! # Rows
//! A *row* answers for every [key](crate::key) the lowest index of the rules that cover it: a list
//! of [`Cell`]s, disjoint spans in ascending order, each with its rule. Overlaps are settled when
//! the row is built, so that exactly one cell can hold a key. Equal rows are stored once; so one
//! [`RowRef`] is a class.
//!
//! # Chains
//! The class of a nested range has the rules of every range around it. To write them all out would
//! take (inner ranges) x (cells of the outer row): a thousand single hosts below a `/0` with a
//! thousand ports would be a million cells. So a row may be a *link*: its own cells, and the row
//! around it to go on with. The lookup takes the lower of the two, and does not go on where the
//! outer rows have no lower rule than the one in hand. Short rows are written out (one lookup),
//! long ones linked.
//!
//! # Layout
//! A cell is 64 bits, 18 for each end of its span and 28 for the rule. A [`RowRef`] is 32 bits:
//! position and length of a row of up to [`SHORT_MAX`] cells, or else a number in one of two lists:
//!
//! ```text
//! 31                         5 4     0
//! | position of first cell    | len  |   short, len 1 to 31
//! | number in `longs`, + 1 | 0|    0 |   long; all zero is the empty row
//! | number in `links`, + 1 | 1|    0 |   link
//! ```

use crate::key::{KEY_BITS, KEY_MAX, Span};
use crate::ranks::Ranks;

pub(crate) mod build;

/// No rule; greater than every rule index.
pub(crate) const NO_RULE: u32 = u32::MAX;

/// Bits of a rule index in a cell.
const RULE_BITS: u32 = 64 - 2 * KEY_BITS;

/// How many rules can be told apart (268 million).
pub(crate) const RULES_MAX: usize = (1 << RULE_BITS) - 1;

/// Bits of the length in a row reference.
const LEN_BITS: u32 = 5;

/// The most cells of a row that is searched in place; longer ones have an index.
const SHORT_MAX: usize = (1 << LEN_BITS) - 1;

/// A span of keys and the first rule that covers it. Orders by the first key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell(u64);

impl Cell {
    /// `rule` is below [`RULES_MAX`].
    pub(crate) fn new((first, last): Span, rule: u32) -> Self {
        let keys = u64::from(first) << KEY_BITS | u64::from(last);
        Self(keys << RULE_BITS | u64::from(rule))
    }

    /// The first key.
    fn first(self) -> u32 {
        self.field(RULE_BITS + KEY_BITS, KEY_BITS)
    }

    /// The last key.
    fn last(self) -> u32 {
        self.field(RULE_BITS, KEY_BITS)
    }

    /// The rule.
    pub(crate) fn rule(self) -> u32 {
        self.field(0, RULE_BITS)
    }

    #[expect(clippy::cast_possible_truncation, reason = "`bits` is at most 28")]
    const fn field(self, shift: u32, bits: u32) -> u32 {
        (self.0 >> shift & ((1 << bits) - 1)) as u32
    }

    /// The rule where `key` is in the span, else [`NO_RULE`].
    fn rule_at(self, key: u32) -> u32 {
        if self.first() <= key && key <= self.last() {
            self.rule()
        } else {
            NO_RULE
        }
    }
}

/// A row; equal references are equal rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct RowRef(u32);

/// What a [`RowRef`] says.
enum Kind {
    Short { at: usize, len: usize },
    Long(usize),
    Link(usize),
}

impl RowRef {
    /// The row that has no rule for any key.
    pub(crate) const EMPTY: Self = Self(0);
}

impl RowRef {
    fn short(at: usize, len: usize) -> Option<Self> {
        debug_assert!((1..=SHORT_MAX).contains(&len));
        Self::pack(at, len)
    }

    fn long(number: usize) -> Option<Self> {
        Self::pack((number + 1) << 1, 0)
    }

    fn link(number: usize) -> Option<Self> {
        Self::pack((number + 1) << 1 | 1, 0)
    }

    /// `None` where there is no room in the upper bits.
    fn pack(upper: usize, len: usize) -> Option<Self> {
        let bits = u32::try_from(upper << LEN_BITS | len).ok()?;
        Some(Self(bits))
    }

    /// `None` for the empty row.
    #[inline]
    fn kind(self) -> Option<Kind> {
        let (upper, len) = ((self.0 >> LEN_BITS) as usize, self.0 as usize & SHORT_MAX);
        match (len, upper & 1) {
            (0, 0) => Some(Kind::Long((upper >> 1).checked_sub(1)?)),
            (0, _) => Some(Kind::Link((upper >> 1) - 1)),
            _ => Some(Kind::Short { at: upper, len }),
        }
    }
}

/// All rows of a rule set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    cells: Vec<Cell>,
    longs: Vec<Long>,
    links: Vec<Link>,
}

/// A row with an index.
#[derive(Debug, Clone)]
struct Long {
    at: usize,
    len: usize,
    /// The lowest rule of all cells.
    lowest: u32,
    /// The last key of each cell but the last one.
    lasts: Ranks<u32>,
}

/// A row in front of another.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Short or long.
    own: RowRef,
    /// Any row.
    outer: RowRef,
    /// The lowest rule of `outer` for any key.
    outer_lowest: u32,
}

impl Rows {
    /// The first rule of `row` that covers `key`, or [`NO_RULE`].
    #[inline]
    pub(crate) fn first_rule(&self, row: RowRef, key: u32) -> u32 {
        let mut row = row;
        let mut found = NO_RULE;
        loop {
            match row.kind() {
                None => return found,
                Some(Kind::Short { at, len }) => return found.min(self.in_short(at, len, key)),
                Some(Kind::Long(number)) => return found.min(self.in_long(number, key)),
                Some(Kind::Link(number)) => {
                    let link = self.links[number];
                    found = found.min(self.in_cells(link.own, key));
                    if found < link.outer_lowest {
                        return found;
                    }
                    row = link.outer;
                }
            }
        }
    }

    /// The lowest rule of `row` for any key, or [`NO_RULE`].
    pub(crate) fn lowest_rule(&self, row: RowRef) -> u32 {
        match row.kind() {
            Some(Kind::Link(number)) => {
                let link = self.links[number];
                self.lowest_rule(link.own).min(link.outer_lowest)
            }
            Some(Kind::Long(number)) => self.longs[number].lowest,
            _ => self
                .cells(row)
                .iter()
                .map(|cell| cell.rule())
                .min()
                .unwrap_or(NO_RULE),
        }
    }

    /// The cells of a row that is no link; a link's own cells.
    pub(crate) fn cells(&self, row: RowRef) -> &[Cell] {
        match row.kind() {
            None => &[],
            Some(Kind::Short { at, len }) => &self.cells[at..at + len],
            Some(Kind::Long(number)) => {
                let Long { at, len, .. } = self.longs[number];
                &self.cells[at..at + len]
            }
            // Links do not have links of their own: one step.
            Some(Kind::Link(number)) => self.cells(self.links[number].own),
        }
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.longs.capacity() * size_of::<Long>()
            + self.links.capacity() * size_of::<Link>()
            + self
                .longs
                .iter()
                .map(|long| long.lasts.memory_bytes())
                .sum::<usize>()
    }

    fn in_cells(&self, row: RowRef, key: u32) -> u32 {
        match row.kind() {
            Some(Kind::Short { at, len }) => self.in_short(at, len, key),
            Some(Kind::Long(number)) => self.in_long(number, key),
            None | Some(Kind::Link(_)) => NO_RULE,
        }
    }

    #[inline]
    fn in_short(&self, at: usize, len: usize, key: u32) -> u32 {
        let cells = &self.cells[at..at + len];
        // The last cell that does not begin behind the key is the only one that can hold it.
        let after = cells.partition_point(|cell| cell.first() <= key);
        after
            .checked_sub(1)
            .map_or(NO_RULE, |at| cells[at].rule_at(key))
    }

    fn in_long(&self, number: usize, key: u32) -> u32 {
        let long = &self.longs[number];
        // The first cell that does not end before the key is the only one that can hold it.
        self.cells[long.at + long.lasts.below(key)].rule_at(key)
    }
}
