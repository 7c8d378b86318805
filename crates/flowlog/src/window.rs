//! One aggregation interval of one flow log: who talked in it, and how much of it has no record.
//!
//! Windows lie at multiples of their length since 1970, so that those of all hosts agree. A packet counts in the window that is open when it is told of.
//! The number of flows is bounded by whoever owns the window; what does not fit is counted per interface, and a SKIPDATA record answers for it (G16).

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use secgroup_datapath::Verdict;
use secgroup_packet::InterfaceIndex;

use crate::observation::{Flow, Sums, Told};

/// An open window.
#[derive(Debug)]
pub(crate) struct Window {
    /// Second at which it begins, and the one at which the next begins.
    pub(crate) begins: u64,
    pub(crate) ends: u64,
    flows: HashMap<(Flow, Told), Kept, RandomState>,
    /// Interfaces that something was seen of.
    busy: BTreeMap<InterfaceIndex, Seen>,
}

/// What is kept of a flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) sums: Sums,
    /// What was decided about its first packet.
    pub(crate) verdict: Verdict,
}

/// What was seen of an interface.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Packets that have no record.
    pub(crate) skipped: u64,
}

impl Window {
    /// The window of `length` seconds in which second `now` is.
    pub(crate) fn around(now: u64, length: u64) -> Self {
        let begins = now - now % length;
        Self {
            begins,
            ends: begins.saturating_add(length),
            flows: HashMap::default(),
            busy: BTreeMap::new(),
        }
    }

    /// Traffic was there, whether or not it is recorded.
    pub(crate) fn notice(&mut self, interface: InterfaceIndex) {
        self.busy.entry(interface).or_default();
    }

    /// `packets` of an interface will have no record.
    pub(crate) fn skip(&mut self, interface: InterfaceIndex, packets: u64) {
        self.busy.entry(interface).or_default().skipped += packets;
    }

    /// Counts packets of a flow. `room` is how many flows more there may be; it is one less where this is a new one. Whether there was room.
    pub(crate) fn count(
        &mut self,
        flow: Flow,
        told: Told,
        verdict: Verdict,
        sums: &Sums,
        room: &mut usize,
    ) -> bool {
        match self.flows.entry((flow, told)) {
            Entry::Occupied(mut known) => known.get_mut().sums.add(sums),
            Entry::Vacant(_) if *room == 0 => return false,
            Entry::Vacant(new) => {
                *room -= 1;
                new.insert(Kept {
                    sums: *sums,
                    verdict,
                });
            }
        }
        true
    }

    /// What was seen of an interface; `None` for nothing.
    pub(crate) fn seen(&self, interface: InterfaceIndex) -> Option<Seen> {
        self.busy.get(&interface).copied()
    }

    /// How many flows there are.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// The flows, earliest first; those of one moment in an order that does not depend on chance. How many there are is how much room there is again.
    pub(crate) fn take_flows(&mut self) -> Vec<(Flow, Kept)> {
        let flows = std::mem::take(&mut self.flows).into_iter();
        let mut flows: Vec<_> = flows.map(|((flow, _), kept)| (flow, kept)).collect();
        flows.sort_unstable_by_key(|(flow, kept)| {
            let Flow {
                interface,
                direction,
                addresses,
                protocol,
                ports,
            } = *flow;
            let told = (
                kept.verdict.reason,
                kept.verdict.rule.map(|rule| rule.get()),
            );
            (
                kept.sums.first,
                interface.0,
                direction as u8,
                (addresses.src(), addresses.dst()),
                (protocol, ports, told),
            )
        });
        flows
    }
}
