//! All flow logs of a host or of a replay: what is seen goes to those that it concerns, and time closes their windows.
//!
//! Owned by one thread. It reads no clock: time comes with observations and with [`tick`](Recorder::tick), and one that steps back is held at the latest
//! second seen, as the engine does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use secgroup_packet::{InterfaceIndex, Timestamp};

use crate::datagrams::Datagrams;
use crate::deliver::DeliveryError;
use crate::interface::Interface;
use crate::log::{Log, LogSettings, LogStatus};
use crate::observation::{Flow, Observation};
use crate::row::{RuleNames, seconds};

/// Flows in the open windows of all logs together, unless somebody says otherwise: some 60 MiB.
pub const FLOWS_MAX: usize = 1 << 18;

/// Flow logs.
pub struct Recorder {
    logs: Vec<Log>,
    interfaces: BTreeMap<InterfaceIndex, Arc<Interface>>,
    /// By interface: which logs cover it, by their place.
    covering: Vec<Vec<usize>>,
    datagrams: Datagrams,
    /// How many flows more there may be.
    room: usize,
    /// Distinguishes the names of files of this run.
    seed: u64,
    now: u64,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("logs", &self.status())
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// One without logs, whose windows hold `flows_max` flows together. Names of files differ between runs by `seed`; they are the same
    /// whenever the same is recorded where it is 0.
    #[must_use]
    pub fn new(flows_max: usize, seed: u64) -> Self {
        Self {
            logs: Vec::new(),
            interfaces: BTreeMap::new(),
            covering: Vec::new(),
            datagrams: Datagrams::default(),
            room: flows_max,
            seed,
            now: 0,
        }
    }

    /// These are the logs and the interfaces from `at` on. A log that was there with the same settings goes on; one that is not there any more
    /// writes what it has.
    pub fn configure(
        &mut self,
        logs: &[LogSettings],
        interfaces: BTreeMap<InterfaceIndex, Arc<Interface>>,
        at: Timestamp,
        rules: &dyn RuleNames,
    ) {
        self.tick(at, rules);
        self.interfaces = interfaces;
        let mut before = std::mem::take(&mut self.logs);
        for settings in logs {
            let known = before.iter().position(|log| log.settings() == settings);
            let mut log = match known {
                Some(place) => before.swap_remove(place),
                None => Log::begin(settings.clone(), self.now, self.seed),
            };
            log.cover(&self.interfaces);
            self.logs.push(log);
        }
        for mut log in before {
            log.finish(self.now, rules, &mut self.room);
        }
        self.find_covering();
    }

    /// Takes in what was seen.
    #[inline]
    pub fn observe(&mut self, observation: &Observation, rules: &dyn RuleNames) {
        self.tick(observation.sums.first, rules);
        let flow = self.datagrams.flow_of(observation);
        let Some(covering) = self.covering.get(flow.interface.0 as usize) else {
            return;
        };
        for &place in covering {
            if let Some(log) = self.logs.get_mut(place) {
                log.observe(flow, observation, &mut self.room);
            }
        }
    }

    /// The flow that an observation belongs to: a later fragment has no ports of its own (G21).
    pub(crate) fn flow_of(&mut self, observation: &Observation) -> Flow {
        self.datagrams.flow_of(observation)
    }

    /// `packets` of an interface were seen by somebody who could not tell more.
    pub fn skip(&mut self, interface: InterfaceIndex, packets: u64) {
        for log in self.logs.iter_mut().filter(|log| log.covers(interface)) {
            log.skip(interface, packets);
        }
    }

    /// It is `now`: windows that are over are closed.
    #[inline]
    pub fn tick(&mut self, now: Timestamp, rules: &dyn RuleNames) {
        let now = seconds(now);
        if now > self.now {
            self.pass_to(now, rules);
        }
    }

    fn pass_to(&mut self, now: u64, rules: &dyn RuleNames) {
        self.now = now;
        let mut closed = false;
        for log in &mut self.logs {
            closed |= log.tick(now, &self.interfaces, rules, &mut self.room);
        }
        if closed {
            self.find_covering();
        }
    }

    /// Writes everything that is left and finishes all files.
    ///
    /// # Errors
    /// Why something could not be written.
    pub fn finish(mut self, rules: &dyn RuleNames) -> Result<Vec<LogStatus>, DeliveryError> {
        let status = self.end(rules);
        self.failure().map_or(Ok(status), Err)
    }

    /// The same, for whom a failure is a part of the status.
    pub(crate) fn end(&mut self, rules: &dyn RuleNames) -> Vec<LogStatus> {
        for log in &mut self.logs {
            log.finish(self.now, rules, &mut self.room);
        }
        self.status()
    }

    /// Why something could not be written, once, where somebody would rather end than go on without it.
    pub fn failure(&mut self) -> Option<DeliveryError> {
        self.logs.iter_mut().find_map(Log::take_failure)
    }

    /// How each log is, in their order.
    #[must_use]
    pub fn status(&self) -> Vec<LogStatus> {
        self.logs.iter().map(Log::status).collect()
    }

    /// Whether there are logs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    fn find_covering(&mut self) {
        self.covering.clear();
        for (place, log) in self.logs.iter().enumerate() {
            for InterfaceIndex(index) in log.covered() {
                let index = index as usize;
                if self.covering.len() <= index {
                    self.covering.resize(index + 1, Vec::new());
                }
                self.covering[index].push(place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
