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
    interfaces: Vec<[[Count; Reason::COUNT]; 2]>,
    rules: Vec<Count>,
}

impl Tally {
    /// Counters for `interfaces` interfaces and `rules` rules; what lies beyond is added at its first count.
    pub(crate) fn reserve(&mut self, interfaces: usize, rules: usize) {
        if self.interfaces.len() < interfaces {
            self.interfaces.resize(interfaces, Default::default());
        }
        if self.rules.len() < rules {
            self.rules.resize(rules, Count::default());
        }
    }

    /// Counts one packet of `bytes` bytes.
    #[inline]
    pub(crate) fn count(
        &mut self,
        interface: InterfaceIndex,
        direction: Direction,
        verdict: Verdict,
        bytes: u32,
    ) {
        let index = interface.0 as usize;
        if index >= self.interfaces.len() {
            self.interfaces.resize(index + 1, Default::default());
        }
        self.interfaces[index][direction as usize][verdict.reason as usize].add(bytes);
        if let Some(RuleNumber(rule)) = verdict.rule {
            let rule = rule as usize;
            if rule >= self.rules.len() {
                self.rules.resize(rule + 1, Count::default());
            }
            self.rules[rule].add(bytes);
        }
    }

    /// What crossed `interface` in `direction` and ended with `reason`.
    #[must_use]
    pub fn of(&self, interface: InterfaceIndex, direction: Direction, reason: Reason) -> Count {
        self.interfaces
            .get(interface.0 as usize)
            .map_or_else(Count::default, |counts| {
                counts[direction as usize][reason as usize]
            })
    }

    /// What passed by `rule`: packets that it admitted, and those of connections that it admitted.
    #[must_use]
    pub fn of_rule(&self, RuleNumber(rule): RuleNumber) -> Count {
        self.rules.get(rule as usize).copied().unwrap_or_default()
    }
}
