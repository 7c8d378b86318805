//! One flow log: whose traffic it has, the window that is open, and where records go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secgroup_datapath::Action;
use secgroup_packet::{InterfaceIndex, Timestamp};
use secgroup_policy::RuleNumber;

use crate::deliver::{Delivery, DeliveryError, Destination, Encoding};
use crate::field::Format;
use crate::interface::Interface;
use crate::observation::{Flow, Observation, Sums, Told};
use crate::row::{Row, RuleNames, What};
use crate::window::{Kept, Window};

/// Windows without traffic that have a NODATA record of their own, one after the other; what is longer has one for the rest.
const EMPTY_WINDOWS_MAX: u64 = 1440;

/// What a flow log is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Its id, as it stands in the names of files: `fl-` and 17 digits.
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// Where it is.
    pub region: String,
    /// Whose traffic.
    pub scope: Scope,
    /// Which traffic.
    pub traffic: Traffic,
    /// Which fields.
    pub format: Format,
    /// Seconds that one record covers at most; at least 1.
    pub interval: u32,
    /// Where records go.
    pub destination: Destination,
    /// As what.
    pub encoding: Encoding,
}

/// Whose traffic a flow log has; also that of interfaces to come (G19).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// That of every interface.
    #[default]
    All,
    /// That of interfaces with these ids, or of subnets or VPCs with them.
    Of(BTreeSet<String>),
}

impl Scope {
    /// Whether `interface` is one of those.
    #[must_use]
    pub fn covers(&self, interface: &Interface) -> bool {
        match self {
            Self::All => true,
            Self::Of(ids) => {
                let places = [
                    Some(&interface.id),
                    interface.subnet.as_ref(),
                    interface.vpc.as_ref(),
                ];
                places.into_iter().flatten().any(|id| ids.contains(id))
            }
        }
    }
}

/// Which traffic a flow log has (G19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Traffic {
    /// What was accepted.
    Accepted,
    /// What was rejected.
    Rejected,
    /// Both.
    #[default]
    All,
}

impl Traffic {
    const fn has(self, action: Action) -> bool {
        matches!(
            (self, action),
            (Self::All, _) | (Self::Accepted, Action::Allow) | (Self::Rejected, Action::Deny)
        )
    }
}

/// How a flow log is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStatus {
    /// Its id.
    pub id: String,
    /// Flows in the window that is open.
    pub flows: u64,
    /// Records in finished files, NODATA and SKIPDATA among them.
    pub records: u64,
    /// Files that were finished.
    pub files: u64,
    /// Packets that have no record, because there were too many flows, or more than could be handed over.
    pub packets_skipped: u64,
    /// Records that could not be written.
    pub records_lost: u64,
    /// What is wrong with the destination; `None` where nothing is.
    pub failure: Option<String>,
}

/// A flow log.
pub(crate) struct Log {
    settings: LogSettings,
    /// The interfaces that it covers.
    covered: BTreeMap<InterfaceIndex, Arc<Interface>>,
    window: Window,
    /// The second from which on it watches: no record says anything about what was before.
    since: u64,
    delivery: Delivery,
    packets_skipped: u64,
}

impl Log {
    /// Begins at second `now`.
    pub(crate) fn begin(settings: LogSettings, now: u64, seed: u64) -> Self {
        let mut delivery = Delivery::new(&settings, seed);
        delivery.open_file();
        Self {
            covered: BTreeMap::new(),
            window: Window::around(now, settings.interval.max(1).into()),
            since: now,
            delivery,
            packets_skipped: 0,
            settings,
        }
    }

    pub(crate) const fn settings(&self) -> &LogSettings {
        &self.settings
    }

    /// These are the interfaces from now on.
    pub(crate) fn cover(&mut self, interfaces: &BTreeMap<InterfaceIndex, Arc<Interface>>) {
        let covered = interfaces
            .iter()
            .filter(|(_, interface)| self.settings.scope.covers(interface));
        // One that is gone keeps its name until its last records are written.
        let gone = std::mem::take(&mut self.covered)
            .into_iter()
            .filter(|(index, _)| self.window.seen(*index).is_some());
        self.covered = gone
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .chain(covered.map(|(index, interface)| (*index, Arc::clone(interface))))
            .collect();
    }

    pub(crate) fn covers(&self, interface: InterfaceIndex) -> bool {
        self.covered.contains_key(&interface)
    }

    /// The interfaces that it covers.
    pub(crate) fn covered(&self) -> impl Iterator<Item = InterfaceIndex> + '_ {
        self.covered.keys().copied()
    }

    /// Counts packets of `flow`, which is that of `observation` but for fragments.
    pub(crate) fn observe(&mut self, flow: Flow, observation: &Observation, room: &mut usize) {
        let verdict = observation.verdict;
        self.window.notice(flow.interface);
        if !self.settings.traffic.has(verdict.action()) {
            return;
        }
        let told = if self.settings.format.asks_why() {
            Told::of(verdict)
        } else {
            Told::action_of(verdict)
        };
        // What was told of late counts in the window that is open, and never before it.
        let begins = Timestamp::from_secs(self.window.begins);
        let sums = &Sums {
            first: observation.sums.first.max(begins),
            last: observation.sums.last.max(begins),
            ..observation.sums
        };
        if !self.window.count(flow, told, verdict, sums, room) {
            self.skip(flow.interface, sums.packets);
        }
    }

    /// `packets` of an interface were seen and cannot be recorded.
    pub(crate) fn skip(&mut self, interface: InterfaceIndex, packets: u64) {
        self.window.skip(interface, packets);
        self.packets_skipped += packets;
    }

    /// Closes the window if it is over at second `now`, and files whose time has come. Whether a window was closed.
    pub(crate) fn tick(
        &mut self,
        now: u64,
        interfaces: &BTreeMap<InterfaceIndex, Arc<Interface>>,
        rules: &dyn RuleNames,
        room: &mut usize,
    ) -> bool {
        let is_over = now >= self.window.ends;
        if is_over {
            let until = self.window.ends;
            self.close(until, rules, room);
            self.leave_out_empty(now);
            self.cover(interfaces);
        }
        self.delivery.publish_due(now);
        is_over
    }

    /// Writes the rest, as of second `now`, and finishes the file.
    pub(crate) fn finish(&mut self, now: u64, rules: &dyn RuleNames, room: &mut usize) {
        self.close(now.min(self.window.ends), rules, room);
        self.delivery.publish();
    }

    /// Writes the records of the window, of which `until` is the last second, and opens the next.
    fn close(&mut self, until: u64, rules: &dyn RuleNames, room: &mut usize) {
        let length = u64::from(self.settings.interval.max(1));
        let next = Window::around(self.window.ends, length);
        let mut window = std::mem::replace(&mut self.window, next);
        let begins = window.begins.max(self.since);
        let flows = window.take_flows();
        *room += flows.len();
        self.write_flows(window.begins, &flows, rules);
        drop(flows);
        let unwritten = self.delivery.take_unwritten();
        let covered: Vec<_> = self
            .covered
            .iter()
            .map(|(i, of)| (*i, Arc::clone(of)))
            .collect();
        for (index, interface) in covered {
            let what = match window.seen(index) {
                Some(seen) if seen.skipped > 0 => What::SkipData(begins, until),
                _ if unwritten.contains(&index) => What::SkipData(begins, until),
                Some(_) => continue,
                None if until > begins => What::NoData(begins, until),
                None => continue, // No time was watched.
            };
            self.write(window.begins, index, &interface, what);
        }
    }

    fn write_flows(&mut self, begins: u64, flows: &[(Flow, Kept)], rules: &dyn RuleNames) {
        let asks = self.settings.format.asks_why();
        let mut names: BTreeMap<RuleNumber, Option<(String, String)>> = BTreeMap::new();
        for (flow, kept) in flows {
            let Some(interface) = self.covered.get(&flow.interface).map(Arc::clone) else {
                continue; // Only covered ones are counted.
            };
            let rule = kept.verdict.rule.filter(|_| asks).and_then(|number| {
                let name = names.entry(number).or_insert_with(|| rules.rule(number));
                name.as_ref()
            });
            let what = What::Flow {
                flow,
                sums: &kept.sums,
                verdict: kept.verdict,
                rule: rule.map(|(rule, group)| (rule.as_str(), group.as_str())),
            };
            self.write(begins, flow.interface, &interface, what);
        }
    }

    /// Writes one record of the window that begins at second `begins`.
    fn write(&mut self, begins: u64, index: InterfaceIndex, interface: &Interface, what: What<'_>) {
        let row = Row {
            interface,
            region: &self.settings.region,
            version: self.settings.format.version(),
            what,
        };
        self.delivery.write(begins, index, &row);
    }

    /// Goes on to the window of second `now`; windows in between were empty, and say so.
    fn leave_out_empty(&mut self, now: u64) {
        let length = u64::from(self.settings.interval.max(1));
        let covered: Vec<_> = self
            .covered
            .iter()
            .map(|(i, of)| (*i, Arc::clone(of)))
            .collect();
        let mut single = 0;
        while now >= self.window.ends {
            let begins = self.window.begins;
            let current = now - now % length;
            single += 1;
            let until = if single > EMPTY_WINDOWS_MAX {
                current
            } else {
                self.window.ends
            };
            for (index, interface) in &covered {
                self.write(begins, *index, interface, What::NoData(begins, until));
            }
            self.window = Window::around(until, length);
        }
    }

    pub(crate) fn status(&self) -> LogStatus {
        let delivered = &self.delivery.delivered;
        LogStatus {
            id: self.settings.id.clone(),
            flows: self.window.len() as u64,
            records: delivered.records,
            files: delivered.files,
            packets_skipped: self.packets_skipped,
            records_lost: delivered.records_lost,
            failure: delivered
                .failure
                .as_ref()
                .filter(|_| delivered.is_failing)
                .map(ToString::to_string),
        }
    }

    /// Why something could not be written, the last time that something could not.
    pub(crate) fn take_failure(&mut self) -> Option<DeliveryError> {
        self.delivery.delivered.failure.take()
    }
}
