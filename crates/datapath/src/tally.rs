//! Packets and bytes by verdict, counted in one place from the verdict itself.

use secgroup_packet::{Direction, InterfaceIndex};
use secgroup_policy::RuleNumber;

use crate::{Reason, Verdict};

/// Packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets, header included; of malformed frames, bytes on the wire.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Counters of every verdict that was given.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By interface, direction and reason, in one row: [`place`].
    verdicts: Vec<Count>,
    rules: Vec<Count>,
}

/// Counters of one interface.
const PER_INTERFACE: usize = 2 * Reason::COUNT;

/// Where a verdict is counted.
#[inline]
const fn place(interface: InterfaceIndex, direction: Direction, reason: Reason) -> usize {
    interface.0 as usize * PER_INTERFACE + direction as usize * Reason::COUNT + reason as usize
}

impl Tally {
    /// Counters for `interfaces` interfaces and `rules` rules; what lies beyond is added at its first count.
    pub(crate) fn reserve(&mut self, interfaces: usize, rules: usize) {
        if self.verdicts.len() < interfaces * PER_INTERFACE {
            self.verdicts
                .resize(interfaces * PER_INTERFACE, Count::default());
        }
        if self.rules.len() < rules {
            self.rules.resize(rules, Count::default());
        }
    }

    /// Counts one packet of `bytes` bytes. The engine does it for each verdict; nobody else needs to, but who measures what it costs.
    #[inline]
    pub fn count(
        &mut self,
        interface: InterfaceIndex,
        direction: Direction,
        verdict: Verdict,
        bytes: u32,
    ) {
        counter(
            &mut self.verdicts,
            place(interface, direction, verdict.reason),
        )
        .add(bytes);
        if let Some(rule) = verdict.rule {
            counter(&mut self.rules, rule.get() as usize).add(bytes);
        }
    }

    /// What crossed `interface` in `direction` and ended with `reason`.
    #[must_use]
    pub fn of(&self, interface: InterfaceIndex, direction: Direction, reason: Reason) -> Count {
        let at = place(interface, direction, reason);
        self.verdicts.get(at).copied().unwrap_or_default()
    }

    /// What passed by `rule`: packets that it admitted, and those of connections that it admitted.
    #[must_use]
    pub fn of_rule(&self, rule: RuleNumber) -> Count {
        self.rules
            .get(rule.get() as usize)
            .copied()
            .unwrap_or_default()
    }
}

/// The counter at a place, which is there nearly always.
#[inline]
fn counter(counts: &mut Vec<Count>, at: usize) -> &mut Count {
    if at < counts.len() {
        &mut counts[at]
    } else {
        grown(counts, at)
    }
}

#[cold]
fn grown(counts: &mut Vec<Count>, at: usize) -> &mut Count {
    counts.resize(at + 1, Count::default());
    &mut counts[at]
}

impl std::ops::AddAssign<&Self> for Tally {
    /// Adds what another engine counted of the same interfaces and rules.
    fn add_assign(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.verdicts, &other.verdicts),
            (&mut self.rules, &other.rules),
        ] {
            to.resize(to.len().max(from.len()), Count::default());
            for (to, from) in to.iter_mut().zip(from) {
                *to += *from;
            }
        }
    }
}
