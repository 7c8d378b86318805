//! Everything that is counted over a replay, and the report made of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use secgroup_analysis::why_denied;
use secgroup_control::Registry;
use secgroup_datapath::{Action, Count, Reason, Tally};
use secgroup_model::{GroupId, Inventory, RuleSpec};
use secgroup_packet::{Direction, InterfaceIndex, L4, Packet, Timestamp};
use secgroup_policy::{Query, RuleNumber};

use crate::decided::{Decided, Fate, Judged, Sums};
use crate::denied::{Denials, DeniedFlow, DeniedFlows, Ports};
use crate::look::Kind;
use crate::output::Outputs;
use crate::report::{
    CaptureReport, ChangeReport, DeniedFlowReport, InterfaceReport, Report, RuleReport,
    VerdictReport, Volume,
};
use crate::run::{Change, ReplayError};
use crate::session::{Burst, Session};

/// Most warnings that a report holds; more would say no more.
const WARNINGS: usize = 100;

/// The counters of a replay beside those of the engine.
#[derive(Debug)]
pub(crate) struct Summary {
    sums: Sums,
    denied: DeniedFlows,
    first: Option<Timestamp>,
    /// The policies that were in force, in order.
    policies: Vec<Arc<Inventory>>,
    changes: Vec<ChangeReport>,
    warnings: Vec<String>,
    /// Warnings that found no room.
    unsaid: usize,
}

/// What the engine counted, of one worker or of all together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) tally: &'a Tally,
    /// Connections still tracked at the end.
    pub(crate) tracked: u64,
}

impl Summary {
    pub(crate) fn new(policy: Arc<Inventory>, changes: &[Change]) -> Self {
        Self {
            sums: Sums::default(),
            denied: DeniedFlows::default(),
            first: None,
            policies: vec![policy],
            changes: changes
                .iter()
                .map(|change| ChangeReport {
                    after_seconds: change.after.as_secs_f64(),
                    files: change.files.clone(),
                    first_packet: None,
                })
                .collect(),
            warnings: Vec::new(),
            unsaid: 0,
        }
    }

    /// How many packets were read.
    pub(crate) const fn packets(&self) -> u64 {
        self.sums.total.packets
    }

    /// Notes that the policy `policy`, the change number `index`, is in force from the packet `first_packet` on.
    pub(crate) fn changed(&mut self, index: usize, policy: Arc<Inventory>, first_packet: u64) {
        self.policies.push(policy);
        if let Some(change) = self.changes.get_mut(index) {
            change.first_packet = Some(first_packet);
        }
    }

    /// The policy that came into force last.
    pub(crate) fn policy(&self) -> &Inventory {
        // There is one from the start, and none is taken out.
        &self.policies[self.policies.len() - 1]
    }

    pub(crate) fn warn(&mut self, mut warnings: impl Iterator<Item = String>) {
        let room = WARNINGS.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.by_ref().take(room));
        self.unsaid += warnings.count();
    }

    /// The first packet is of this time.
    pub(crate) fn begin(&mut self, first: Timestamp) {
        self.first.get_or_insert(first);
    }

    /// Counts a burst and writes it out.
    pub(crate) fn take(
        &mut self,
        session: &Session,
        burst: &Burst<'_>,
        outputs: &mut Outputs,
    ) -> Result<(), ReplayError> {
        let is_written = outputs.are_wanted();
        for seen in burst.seen() {
            let decided = burst.with_verdicts(seen);
            let fate = decided.fate();
            self.sums.read(&seen.record);
            self.sums.fate(fate, seen.record.wire_len);
            if fate == Fate::Judged(Action::Deny) {
                self.denied(&decided);
            }
            if is_written {
                let number = self.packets();
                outputs.line(number, &decided, session.registry());
                outputs.packet(number, &seen.record, fate)?;
            }
        }
        outputs.pass_on()
    }

    /// Counts what is counted in any order.
    pub(crate) fn add(&mut self, sums: Sums) {
        self.sums += sums;
    }

    #[cold]
    fn denied(&mut self, decided: &Decided<'_>) {
        match decided.kind {
            Kind::Ip(packet) => {
                for judged in decided.judged() {
                    self.deny(self.packets(), packet, &judged);
                }
            }
            _ => {
                let wire_len = decided.record.wire_len;
                self.sums.malformed(decided.crossed, wire_len);
            }
        }
    }

    /// Lists the verdict on the packet `number` among the denied flows, if it is one.
    pub(crate) fn deny(&mut self, number: u64, packet: &Packet, judged: &Judged) {
        if let (Action::Deny, Some(interface), Some(direction)) =
            (judged.verdict.action(), judged.interface, judged.direction)
        {
            let flow = DeniedFlow {
                interface,
                direction,
                addresses: packet.addresses,
                protocol: packet.protocol,
                ports: Ports::of(packet.l4),
                reason: judged.verdict.reason,
            };
            let policy = self.policies.len() - 1;
            self.denied.count(flow, packet, number, policy);
        }
    }

    /// The report.
    pub(crate) fn report(
        self,
        engine: &Engine<'_>,
        captures: Vec<CaptureReport>,
        elapsed: Duration,
        top: usize,
    ) -> Report {
        let interfaces = self.interfaces(engine);
        let (rules, unused_rules) = self.rules(engine);
        let seconds = elapsed.as_secs_f64();
        let span = self.first.map_or(Duration::ZERO, |first| {
            self.sums.latest.saturating_since(first)
        });
        let mut warnings = self.warnings.clone();
        if self.unsaid > 0 {
            warnings.push(format!("{} more warnings are not shown", self.unsaid));
        }
        if self.denied.unlisted.packets > 0 {
            warnings.push(format!(
                "{} denied packets belong to five-tuples beyond the first {}; they are counted but not listed",
                self.denied.unlisted.packets,
                DeniedFlows::LIMIT
            ));
        }
        Report {
            captures,
            total: self.sums.total,
            packets: self.sums.fates,
            capture_seconds: span.as_secs_f64(),
            elapsed_seconds: seconds,
            // Counts below 2^53 are exact.
            packets_per_second: if seconds > 0.0 {
                self.sums.total.packets as f64 / seconds
            } else {
                0.0
            },
            workers: 1,
            one_worker_because: None,
            verdicts: verdicts(|reason| {
                interfaces
                    .iter()
                    .flat_map(|interface| &interface.verdicts)
                    .filter(|verdict| verdict.reason == reason.as_str())
                    .fold(Volume::default(), |sum, verdict| sum.plus(verdict.volume))
            }),
            interfaces,
            rules,
            unused_rules,
            denied_flow_count: self.denied.len() as u64,
            denied_flows: self
                .denied
                .top(top)
                .iter()
                .map(|(flow, denials)| self.denied_flow(engine, flow, denials))
                .collect(),
            tracked_connections: engine.tracked,
            changes: self.changes,
            flow_log: None,
            survey: None,
            warnings,
        }
    }

    fn interfaces(&self, engine: &Engine<'_>) -> Vec<InterfaceReport> {
        let Engine {
            registry, tally, ..
        } = *engine;
        let mut reports = Vec::new();
        for index in (0..).take(registry.interface_count()).map(InterfaceIndex) {
            let name = registry.interface(index).map(ToString::to_string);
            for direction in Direction::BOTH {
                let verdicts = verdicts(|reason| Volume::from(tally.of(index, direction, reason)));
                let direction = Some(direction.as_str());
                reports.push(InterfaceReport::new(name.clone(), direction, verdicts));
            }
        }
        let nobodys = verdicts(|reason| match reason {
            Reason::Malformed => Volume::from(self.sums.nobodys),
            _ => Volume::default(),
        });
        if !nobodys.is_empty() {
            reports.push(InterfaceReport::new(None, None, nobodys));
        }
        reports
    }

    /// Rules that packets passed by, and rules of the latest policy's attached groups that none did.
    fn rules(&self, engine: &Engine<'_>) -> (Vec<RuleReport>, Vec<RuleReport>) {
        let Engine {
            registry, tally, ..
        } = *engine;
        let in_force: HashSet<_> = self
            .policies
            .last()
            .into_iter()
            .flat_map(|policy| attached_rules(policy))
            .collect();
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for number in (0..registry.rule_count()).map(RuleNumber::new) {
            let Some(registered) = registry.rule(number) else {
                continue;
            };
            let volume = Volume::from(tally.of_rule(number));
            let group = self
                .policies
                .iter()
                .rev()
                .find_map(|p| p.groups.get(&registered.group));
            let report = RuleReport {
                rule: registered.rule.id.to_string(),
                group: registered.group.to_string(),
                group_name: group.map(|group| group.name.clone()),
                direction: registered.rule.spec.direction.as_str(),
                allows: registered.rule.spec.to_string(),
                description: registered.rule.description.clone(),
                volume,
            };
            if volume.packets > 0 {
                used.push(report);
            } else if in_force.contains(&(&registered.group, &registered.rule.spec)) {
                unused.push(report);
            }
        }
        used.sort_by_key(|rule| std::cmp::Reverse(rule.volume.packets));
        (used, unused)
    }

    fn denied_flow(
        &self,
        engine: &Engine<'_>,
        flow: &DeniedFlow,
        denials: &Denials,
    ) -> DeniedFlowReport {
        let interface = engine.registry.interface(flow.interface);
        let (sport, dport, icmp_type, icmp_code) = match flow.ports {
            Ports::Both(sport, dport) => (Some(sport), Some(dport), None, None),
            Ports::Icmp(kind, code) => (None, None, Some(kind), Some(code)),
            Ports::None => (None, None, None, None),
        };
        let query = Query::of(&denials.packet, flow.direction);
        let policy = &self.policies[denials.policy];
        DeniedFlowReport {
            interface: interface.map(ToString::to_string).unwrap_or_default(),
            direction: flow.direction.as_str(),
            src: flow.addresses.src().to_string(),
            dst: flow.addresses.dst().to_string(),
            protocol: flow.protocol.to_string(),
            sport,
            dport,
            icmp_type,
            icmp_code,
            reason: flow.reason.as_str(),
            volume: Volume::from(denials.count),
            first_packet: denials.first,
            why: match (denials.packet.l4, flow.reason, interface) {
                // Rules are asked about the first fragment only: its fate is that of all others (D52).
                (L4::LaterFragment, Reason::NoRule, _) => {
                    "its datagram's first fragment was denied".to_owned()
                }
                (_, _, Some(interface)) => why_denied(policy, interface, &query, flow.reason),
                (_, _, None) => String::new(),
            },
        }
    }
}

/// The rules of all groups that an interface has.
fn attached_rules(policy: &Inventory) -> impl Iterator<Item = (&GroupId, &RuleSpec)> {
    let attached: HashSet<_> = policy
        .interfaces
        .values()
        .flat_map(|interface| &interface.groups)
        .collect();
    let groups = attached.into_iter().filter_map(|id| policy.groups.get(id));
    groups.flat_map(|group| group.rules.iter().map(|rule| (&group.id, &rule.spec)))
}

/// One entry per reason that has packets.
fn verdicts(of: impl Fn(Reason) -> Volume) -> Vec<VerdictReport> {
    Reason::ALL
        .into_iter()
        .map(|reason| VerdictReport {
            verdict: reason.action().as_str(),
            reason: reason.as_str(),
            volume: of(reason),
        })
        .filter(|verdict| verdict.volume.packets > 0)
        .collect()
}

impl InterfaceReport {
    fn new(
        interface: Option<String>,
        direction: Option<&'static str>,
        verdicts: Vec<VerdictReport>,
    ) -> Self {
        let sum = |action: Action| {
            verdicts
                .iter()
                .filter(|verdict| verdict.verdict == action.as_str())
                .fold(Volume::default(), |sum, verdict| sum.plus(verdict.volume))
        };
        let (allowed, denied) = (sum(Action::Allow), sum(Action::Deny));
        Self {
            interface,
            direction,
            allowed,
            denied,
            verdicts,
        }
    }
}

impl Volume {
    pub(crate) const fn add(&mut self, bytes: u32) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl From<Count> for Volume {
    fn from(Count { packets, bytes }: Count) -> Self {
        Self { packets, bytes }
    }
}
