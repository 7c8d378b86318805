//! A compiled list of rules.
//!
//! A lookup is three steps: peer → row ([`table`](crate::table)), packet → key
//! ([`key`](crate::key)), row and key → first rule ([`row`](crate::row)); then, only where a group
//! rule could still be lower, the same for each group of the peer. Everything is an index of a rule
//! in the list, so that "first in list order" is a minimum; the index becomes a rule number at the
//! very end.

use std::fmt;
use std::net::IpAddr;

use secgroup_packet::{Direction, Family, Protocol};

use crate::groups::Groups;
use crate::open::Open;
use crate::row::build::RowsBuilder;
use crate::row::{RULES_MAX, RowRef, Rows};
use crate::table::Table;
use crate::{Directory, GroupNumber, Query, Rule, RuleNumber, compile, key};

/// Queries that are taken through each step together: their cache misses overlap.
const BATCH: usize = 32;

/// The rules of one interface, both directions, compiled. Immutable: a change compiles another.
#[derive(Clone, Default)]
pub struct RuleSet {
    /// Rule numbers by place in the list.
    numbers: Box<[RuleNumber]>,
    rows: Rows,
    /// By direction.
    sides: [Side; 2],
}

/// The rules of one direction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    pub(crate) v4: Table<u32>,
    pub(crate) v6: Table<u128>,
    /// By family.
    pub(crate) groups: [Groups; 2],
    /// By family.
    pub(crate) open: [Open; 2],
}

impl RuleSet {
    /// Compiles a list of rules. The order of the list decides which of several matching rules is
    /// the answer.
    #[must_use]
    pub fn compile(rules: &[Rule]) -> Self {
        let mut rows = RowsBuilder::default();
        let sides = Direction::BOTH.map(|direction| compile::side(rules, direction, &mut rows));
        let numbers = rules
            .iter()
            .take(RULES_MAX)
            .map(|rule| rule.number)
            .collect();
        Self {
            numbers,
            rows: rows.finish(),
            sides,
        }
    }

    /// The first rule, in list order, that allows the packet; `None` where none does (semantics
    /// C3).
    #[must_use]
    pub fn matches(&self, query: &Query, directory: &Directory) -> Option<RuleNumber> {
        let (key, row) = self.classify(query);
        self.answer(query, key, self.rows.first_rule(row, key), directory)
    }

    /// [`RuleSet::matches`] for each of `queries`, into the same place of `answers`; stops with the
    /// shorter of the two.
    pub fn match_burst(
        &self,
        queries: &[Query],
        directory: &Directory,
        answers: &mut [Option<RuleNumber>],
    ) {
        let mut classes = [(0, RowRef::EMPTY); BATCH];
        for (queries, answers) in queries.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            for (class, query) in classes.iter_mut().zip(queries) {
                *class = self.classify(query);
            }
            for ((query, &(key, row)), answer) in queries.iter().zip(&classes).zip(answers) {
                *answer = self.answer(query, key, self.rows.first_rule(row, key), directory);
            }
        }
    }

    /// Whether some rule permits `port` of TCP or UDP from or to *every* address of the family
    /// (semantics D8 b).
    #[must_use]
    pub fn open(
        &self,
        direction: Direction,
        family: Family,
        protocol: Protocol,
        port: u16,
    ) -> bool {
        self.side(direction).open[family as usize].port(protocol, port)
    }

    /// Whether one rule permits *all* ports of TCP or UDP from or to every address of the family
    /// (semantics D8 c, D10).
    #[must_use]
    pub fn open_all(&self, direction: Direction, family: Family, protocol: Protocol) -> bool {
        self.side(direction).open[family as usize].all(protocol)
    }

    /// The groups that the rules refer to, in ascending order: whose members the answers depend on.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupNumber> {
        let groups = self.sides.iter().flat_map(|side| &side.groups);
        let mut groups: Vec<_> = groups
            .flat_map(|groups| groups.rows.keys().copied())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// How many rules were compiled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are no rules: nothing passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Heap memory that the compiled rules take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let sides = self.sides.iter().map(Side::memory_bytes).sum::<usize>();
        size_of_val(&*self.numbers) + self.rows.memory_bytes() + sides
    }

    const fn side(&self, direction: Direction) -> &Side {
        &self.sides[direction as usize]
    }

    /// The packet's key, and its peer's row.
    #[inline]
    fn classify(&self, query: &Query) -> (u32, RowRef) {
        let side = self.side(query.direction);
        let (family, row) = match query.peer {
            IpAddr::V4(peer) => (Family::V4, side.v4.row(peer.to_bits())),
            IpAddr::V6(peer) => (Family::V6, side.v6.row(peer.to_bits())),
        };
        (key::of(family, query.protocol, query.selector), row)
    }

    /// The answer, once the first rule with a CIDR or prefix list as its peer is known.
    #[inline]
    fn answer(
        &self,
        query: &Query,
        key: u32,
        found: u32,
        directory: &Directory,
    ) -> Option<RuleNumber> {
        let groups = &self.side(query.direction).groups[query.family() as usize];
        let found = groups.first_rule(query, key, found, &self.rows, directory);
        // "No rule" is greater than every index.
        self.numbers.get(found as usize).copied()
    }
}

/// Size only: the compiled form says nothing to a reader.
impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rules, bytes) = (self.len(), self.memory_bytes());
        f.debug_struct("RuleSet")
            .field("rules", &rules)
            .field("bytes", &bytes)
            .finish()
    }
}

impl Side {
    /// Heap memory, in bytes.
    fn memory_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(Groups::memory_bytes).sum();
        let open: usize = self.open.iter().map(Open::memory_bytes).sum();
        self.v4.memory_bytes() + self.v6.memory_bytes() + groups + open
    }
}
