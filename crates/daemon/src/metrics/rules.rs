//! What passed by which rule, in a bounded number of series.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use prometheus_client::registry::Unit;

use super::RuleHits;
use super::sheet::Sheet;

/// Which rules have series of their own. One that has keeps it: a counter that goes and comes is a new one.
#[derive(Debug)]
pub(super) struct RuleSeats {
    most: usize,
    /// By the ids of rule and group.
    taken: BTreeSet<(String, String)>,
}

/// What passed by rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RuleTable {
    /// By the ids of rule and group: packets and bytes.
    pub(super) rows: BTreeMap<(String, String), (u64, u64)>,
    /// By all the others.
    pub(super) others: (u64, u64),
    /// How many those are.
    pub(super) other_rules: u64,
}

impl RuleSeats {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            taken: BTreeSet::new(),
        }
    }

    /// Gives seats to those that come first, while there are some.
    pub(super) fn place(&mut self, rules: &[RuleHits]) -> RuleTable {
        let mut table = RuleTable::default();
        for hits in rules {
            let seat = hits.names.as_ref().filter(|names| self.seat(names));
            let sum = match seat {
                // A rule that was changed has two numbers and one id.
                Some(names) => table.rows.entry(names.clone()).or_default(),
                None => {
                    table.other_rules += 1;
                    &mut table.others
                }
            };
            sum.0 += hits.packets;
            sum.1 += hits.bytes;
        }
        table
    }

    fn seat(&mut self, names: &(String, String)) -> bool {
        if self.taken.contains(names) {
            return true;
        }
        let is_free = self.taken.len() < self.most;
        if is_free {
            self.taken.insert(names.clone());
        }
        is_free
    }
}

impl RuleTable {
    /// Writes the families of rules.
    pub(super) fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let of = |count: fn(&(u64, u64)) -> u64| {
            let rows = self.rows.iter();
            rows.map(move |((rule, group), counts)| {
                (
                    [("rule", rule.as_str()), ("group", group.as_str())],
                    count(counts),
                )
            })
        };
        let bytes = Unit::Bytes;
        sheet.counters(
            "rule_packets",
            None,
            "Packets that passed by a rule.",
            of(|counts| counts.0),
        )?;
        sheet.counters(
            "rule",
            Some(&bytes),
            "Bytes of IP packets that passed by a rule.",
            of(|counts| counts.1),
        )?;
        let (packets, sum) = self.others;
        sheet.counters(
            "other_rules_packets",
            None,
            "Packets that passed by rules without series of their own (metrics.rules).",
            [([], packets)],
        )?;
        sheet.counters(
            "other_rules",
            Some(&bytes),
            "Bytes of IP packets that passed by rules without series of their own.",
            [([], sum)],
        )?;
        sheet.gauges(
            "other_rules_hit",
            None,
            "Rules that were hit and have no series of their own.",
            [([], self.other_rules)],
        )
    }
}
