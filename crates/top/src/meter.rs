//! Rates, out of counters that only grow: what each grew by between two samples, in the time between them.
//!
//! A counter that is smaller than before began anew (a worker came back after a panic), and a daemon with another start is another daemon: neither makes a rate.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use secgroup_daemon::protocol::{InterfaceReport, PortReport, StatusDocument};
use secgroup_packet::Direction;

use crate::sample::Sample;
use crate::units::count;

/// Samples that are kept of each interface: what fits the widest terminal.
pub(crate) const HISTORY: usize = 240;

/// A second's worth of something.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Rate {
    /// Packets a second.
    pub(crate) packets: f64,
    /// Bytes a second.
    pub(crate) bytes: f64,
}

/// What an interface does in a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct InterfaceRates {
    /// Allowed, by direction.
    pub(crate) allowed: [Rate; 2],
    /// Denied, both ways.
    pub(crate) denied: Rate,
    /// Frames lost at its devices.
    pub(crate) lost: f64,
}

/// Why packets passed or did not, by interface, direction and reason.
type Reason = (String, Direction, String);

/// All rates, and those of the last minutes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    before: Option<Sample>,
    interfaces: HashMap<String, InterfaceRates>,
    reasons: HashMap<Reason, Rate>,
    /// By group and rule.
    rules: HashMap<(String, String), Rate>,
    history: HashMap<String, VecDeque<InterfaceRates>>,
}

impl Meter {
    /// Takes a sample in. The first one, and the first of another daemon, have no rates.
    pub(crate) fn take(&mut self, sample: &Sample) {
        let before = self.before.replace(sample.clone());
        let Some(before) = before.filter(|before| is_same(&before.status, &sample.status)) else {
            *self = Self {
                before: self.before.take(),
                ..Self::default()
            };
            return;
        };
        let elapsed = sample.at.saturating_sub(before.at);
        if elapsed.is_zero() {
            return;
        }
        self.measure(&before, sample, elapsed);
        self.remember();
    }

    fn measure(&mut self, before: &Sample, now: &Sample, elapsed: Duration) {
        let per_second =
            |before: u64, now: u64| count(now.saturating_sub(before)) / elapsed.as_secs_f64();
        let counted = reasons(&before.status);
        self.reasons.clear();
        for (reason, [packets, bytes]) in reasons(&now.status) {
            let [packets_before, bytes_before] = counted.get(&reason).copied().unwrap_or_default();
            let rate = Rate {
                packets: per_second(packets_before, packets),
                bytes: per_second(bytes_before, bytes),
            };
            self.reasons.insert(reason, rate);
        }
        self.interfaces.clear();
        for interface in &now.status.interfaces {
            let former = before.status.interfaces.iter();
            let former = former.filter(|former| former.id == interface.id);
            let lost_before: u64 = former.map(lost).sum();
            let rates = InterfaceRates {
                lost: per_second(lost_before, lost(interface)),
                ..self.verdicts(interface)
            };
            self.interfaces.insert(interface.name.clone(), rates);
        }
        let passed: HashMap<_, _> = before.rules.rules.iter().map(by_rule).collect();
        self.rules.clear();
        for (rule, [packets, bytes]) in now.rules.rules.iter().map(by_rule) {
            // A rule that is new in the list may have passed any number before: nobody knows when.
            let Some([packets_before, bytes_before]) = passed.get(&rule).copied() else {
                continue;
            };
            let rate = Rate {
                packets: per_second(packets_before, packets),
                bytes: per_second(bytes_before, bytes),
            };
            self.rules.insert(rule, rate);
        }
    }

    /// The rates of an interface, out of those of its reasons.
    fn verdicts(&self, interface: &InterfaceReport) -> InterfaceRates {
        let mut rates = InterfaceRates::default();
        for verdict in &interface.verdicts {
            let rate = self.reason(&interface.name, verdict.direction, &verdict.reason);
            let sum = if verdict.verdict == "allow" {
                &mut rates.allowed[verdict.direction as usize]
            } else {
                &mut rates.denied
            };
            sum.packets += rate.packets;
            sum.bytes += rate.bytes;
        }
        rates
    }

    fn remember(&mut self) {
        self.history
            .retain(|name, _| self.interfaces.contains_key(name));
        for (name, rates) in &self.interfaces {
            let history = self.history.entry(name.clone()).or_default();
            if history.len() >= HISTORY {
                history.pop_front();
            }
            history.push_back(*rates);
        }
    }

    /// What an interface does.
    pub(crate) fn interface(&self, name: &str) -> InterfaceRates {
        self.interfaces.get(name).copied().unwrap_or_default()
    }

    /// What an interface did lately, the last sample last.
    pub(crate) fn history(&self, name: &str) -> impl Iterator<Item = &InterfaceRates> {
        self.history.get(name).into_iter().flatten()
    }

    /// Packets of one direction and reason.
    pub(crate) fn reason(&self, interface: &str, direction: Direction, reason: &str) -> Rate {
        let key = (interface.to_owned(), direction, reason.to_owned());
        self.reasons.get(&key).copied().unwrap_or_default()
    }

    /// What passes by a rule.
    pub(crate) fn rule(&self, group: &str, id: &str) -> Rate {
        let key = (group.to_owned(), id.to_owned());
        self.rules.get(&key).copied().unwrap_or_default()
    }
}

fn is_same(a: &StatusDocument, b: &StatusDocument) -> bool {
    (a.pid, a.started_at) == (b.pid, b.started_at)
}

fn reasons(status: &StatusDocument) -> HashMap<Reason, [u64; 2]> {
    let interfaces = status.interfaces.iter();
    let verdicts = interfaces.flat_map(|interface| {
        let verdicts = interface.verdicts.iter();
        verdicts.map(|verdict| {
            let reason = verdict.reason.clone();
            let key = (interface.name.clone(), verdict.direction, reason);
            (key, [verdict.packets, verdict.bytes])
        })
    });
    verdicts.collect()
}

fn by_rule(rule: &secgroup_daemon::protocol::RuleLine) -> ((String, String), [u64; 2]) {
    let key = (rule.group.clone(), rule.id.clone());
    (key, [rule.packets, rule.bytes])
}

/// Frames that never got to a verdict, or were allowed and did not leave.
pub(crate) fn lost(interface: &InterfaceReport) -> u64 {
    let of_port = |port: &PortReport| {
        [
            port.ring_drops,
            port.not_sent,
            port.truncated,
            port.vlan_drops,
            port.offload_drops,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    };
    let ports = interface.ports.iter().map(of_port);
    ports.fold(interface.oversize, u64::saturating_add)
}

#[cfg(test)]
mod tests;
