//! From a list of rules to rows and tables.
//!
//! Rules with equal peers are gathered into a [`Source`]: one row, laid over every range of the
//! peer. A prefix list is such a peer however many rules share it, so that the work is in rules +
//! prefix list entries, never their product. Per direction and family:
//! 1. each source's rules become a row (`row_of`);
//! 2. all ranges are sorted, outer before inner, and walked once with a stack of those that are
//!    open (`Layout`);
//! 3. at each range, the row of the range around it is extended by the sources that have this range
//!    (`chain::Chain`).
//!
//! # Limits
//! Indices are 28 bits for rules and 26 to 27 bits for rows and cells. Beyond that, and no policy
//! comes near, a rule is left out: it fails closed.

mod chain;
mod layout;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use ipnet::IpNet;
use secgroup_packet::{Direction, Family};

use crate::groups::Groups;
use crate::key::{lane, spans};
use crate::open::Open;
use crate::row::build::{RowsBuilder, merge};
use crate::row::{Cell, RULES_MAX, RowRef};
use crate::rule_set::Side;
use crate::{GroupNumber, Peer, Rule, Traffic};

/// A rule's place in the list, and what it covers.
type Numbered = (u32, Traffic);

/// Ranges of addresses with the same rules.
struct Source<'a> {
    ranges: &'a [IpNet],
    rules: Vec<Numbered>,
}

/// The rules of one direction, by peer.
#[derive(Default)]
struct Sources<'a> {
    ranges: Vec<Source<'a>>,
    groups: HashMap<GroupNumber, Vec<Numbered>, RandomState>,
}

/// Compiles the rules of one direction.
pub(crate) fn side(rules: &[Rule], direction: Direction, rows: &mut RowsBuilder) -> Side {
    let sources = Sources::of(rules, direction);
    let of_direction = || rules.iter().filter(|rule| rule.direction == direction);
    Side {
        v4: layout::table(&sources.ranges, Family::V4, rows),
        v6: layout::table(&sources.ranges, Family::V6, rows),
        groups: Family::BOTH.map(|family| groups(&sources.groups, family, rows)),
        open: Family::BOTH.map(|family| Open::new(of_direction(), family)),
    }
}

impl<'a> Sources<'a> {
    fn of(rules: &'a [Rule], direction: Direction) -> Self {
        let mut sources = Self::default();
        // A list that many rules share is usually one allocation: comparing contents for each rule
        // would be rules x entries.
        let mut by_address = HashMap::<*const [IpNet], usize, RandomState>::default();
        let mut by_content = HashMap::<&[IpNet], usize, RandomState>::default();
        for (index, rule) in (0..).zip(rules.iter().take(RULES_MAX)) {
            if rule.direction != direction {
                continue;
            }
            let ranges = match &rule.peer {
                Peer::Cidr(net) => std::slice::from_ref(net),
                Peer::Prefixes(nets) => &**nets,
                Peer::Group(group) => {
                    sources
                        .groups
                        .entry(*group)
                        .or_default()
                        .push((index, rule.traffic));
                    continue;
                }
            };
            let at = *by_address
                .entry(std::ptr::from_ref(ranges))
                .or_insert_with(|| {
                    *by_content.entry(ranges).or_insert_with(|| {
                        sources.ranges.push(Source {
                            ranges,
                            rules: Vec::new(),
                        });
                        sources.ranges.len() - 1
                    })
                });
            sources.ranges[at].rules.push((index, rule.traffic));
        }
        sources
    }
}

/// Rows by group, for one family (C14: a group peer matches both).
fn groups(
    sources: &HashMap<GroupNumber, Vec<Numbered>, RandomState>,
    family: Family,
    rows: &mut RowsBuilder,
) -> Groups {
    let mut groups = Groups::default();
    for (&group, rules) in sources {
        let Some(row) = rows.row(&row_of(rules, family)) else {
            continue;
        };
        if row == RowRef::EMPTY {
            continue;
        }
        groups.rows.insert(group, row);
        for &(index, traffic) in rules {
            for (first, last) in spans(traffic, family) {
                for lowest in &mut groups.lowest[lane(first)..=lane(last)] {
                    *lowest = index.min(*lowest);
                }
            }
        }
    }
    groups.rows.shrink_to_fit();
    groups
}

/// The first rule for each key, by halves.
fn row_of(rules: &[Numbered], family: Family) -> Vec<Cell> {
    match *rules {
        [] => Vec::new(),
        [(index, traffic)] => spans(traffic, family)
            .map(|span| Cell::new(span, index))
            .collect(),
        _ => {
            let (a, b) = rules.split_at(rules.len() / 2);
            merge(&row_of(a, family), &row_of(b, family))
        }
    }
}
