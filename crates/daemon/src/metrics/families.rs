//! Which families there are, but for those of [traffic](super::traffic).

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use secgroup_datapath::State;
use secgroup_endpoint::Count;
use secgroup_runtime::{BurstTimes, Census, Kind, Metered, SAMPLE_EVERY};

use super::rules::RuleTable;
use super::sheet::{Labels, Sheet};
use super::{Measured, traffic};
use crate::protocol::FlowState;

/// A firewall at one moment, its endpoint with it.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) measured: Measured,
    pub(super) rules: RuleTable,
    pub(super) census: Census,
    /// Who was turned away at the gate of the live page, where it has one.
    pub(super) refusals: Option<Vec<Count>>,
}

/// The calls of an endpoint that enforces nothing.
#[derive(Debug)]
pub(super) struct Calls {
    /// When it started, in seconds since 1970.
    pub(super) started_at: u64,
    pub(super) counts: Vec<Count>,
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        process(&mut sheet, self.measured.document.started_at)?;
        self.write(&mut sheet)
    }
}

impl Collector for Calls {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        process(&mut sheet, self.started_at)?;
        api(&mut sheet, &self.counts)
    }
}

/// What every process tells.
fn process(sheet: &mut Sheet<'_>, started_at: u64) -> fmt::Result {
    let version = env!("CARGO_PKG_VERSION");
    sheet.info(
        "build",
        "The version of the program.",
        [("version", version)],
    )?;
    sheet.gauges(
        "start_time",
        Some(&Unit::Seconds),
        "When the process started, since 1970.",
        [([], started_at)],
    )
}

impl Families {
    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        self.policy(sheet)?;
        api(sheet, &self.measured.calls)?;
        if let Some(refusals) = &self.refusals {
            gate(sheet, refusals)?;
        }
        self.flow_logs(sheet)?;
        traffic::workers(sheet, &self.measured)?;
        if self.measured.workers.iter().any(|worker| worker.stuck) {
            return Ok(()); // Sums would lack its part.
        }
        traffic::interfaces(sheet, &self.measured.document.interfaces)?;
        self.rules.write(sheet)?;
        self.connections(sheet)?;
        self.bursts(sheet)
    }

    fn policy(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let Measured {
            document, timing, ..
        } = &self.measured;
        let seconds = Unit::Seconds;
        let policy = &document.policy;
        sheet.gauges(
            "policy_generation",
            None,
            "Policies that were in force since the start.",
            [([], policy.generation)],
        )?;
        sheet.gauges(
            "policy_rules",
            None,
            "Rules that are attached to an interface of the policy.",
            [([], policy.rules)],
        )?;
        sheet.gauges(
            "policy_loaded_time",
            Some(&seconds),
            "When the policy files were read, since 1970.",
            [([], policy.loaded_at)],
        )?;
        let reloads = [
            ("ok", document.reloads.ok),
            ("refused", document.reloads.refused),
        ];
        let reloads = reloads.map(|(outcome, count)| ([("outcome", outcome)], count));
        sheet.counters(
            "reloads",
            None,
            "Reloads of configuration and policy.",
            reloads,
        )?;
        let refused = u64::from(self.measured.last_reload_failed);
        sheet.gauges(
            "reload_refused",
            None,
            "1 while the last reload is one that was refused.",
            [([], refused)],
        )?;
        sheet.counters(
            "policy_changes",
            None,
            "Policies compiled and published since the start.",
            [([], timing.changes)],
        )?;
        sheet.counters(
            "policy_compile",
            Some(&seconds),
            "Time to compile them.",
            [([], timing.compile.as_secs_f64())],
        )?;
        sheet.counters(
            "policy_publish",
            Some(&seconds),
            "Time from there until the last worker went by them.",
            [([], timing.publish.as_secs_f64())],
        )
    }

    fn flow_logs(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let logs = &self.measured.document.flow_logs;
        let of = |count: fn(&crate::protocol::FlowLogReport) -> u64| {
            logs.iter()
                .map(move |log| ([("flow_log", log.id.as_str())], count(log)))
        };
        sheet.gauges(
            "flow_log_flows",
            None,
            "Flows of which a record is being made.",
            of(|log| log.flows),
        )?;
        sheet.counters(
            "flow_log_records",
            None,
            "Records in finished files.",
            of(|log| log.records),
        )?;
        sheet.counters(
            "flow_log_files",
            None,
            "Finished files.",
            of(|log| log.files),
        )?;
        sheet.counters(
            "flow_log_skipped_packets",
            None,
            "Packets that SKIPDATA records stand for.",
            of(|log| log.packets_skipped),
        )?;
        sheet.counters(
            "flow_log_lost_records",
            None,
            "Records that could not be written.",
            of(|log| log.records_lost),
        )?;
        sheet.gauges(
            "flow_log_failing",
            None,
            "1 while files cannot be written.",
            of(|log| u64::from(log.failure.is_some())),
        )?;
        sheet.counters(
            "flow_log_lost_packets",
            None,
            "Packets that flow logs know nothing of, because workers could not tell of them in time.",
            [([], self.measured.document.flow_log_packets_lost)],
        )
    }

    /// What is [`Metered`], and where connections stand.
    fn connections(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let begun = |kind: Kind| {
            let of = |worker: &Metered| worker.begun[kind as usize];
            self.metered().map(of).sum::<u64>()
        };
        let begun = Kind::ALL.map(|kind| ([("protocol", kind.as_str())], begun(kind)));
        sheet.counters(
            "connections_begun",
            None,
            "Connections admitted as new.",
            begun,
        )?;
        let expired = by_state(|state| {
            let workers = self.measured.workers.iter();
            workers.map(|w| w.table.ran_out_in[state as usize]).sum()
        });
        sheet.counters(
            "connections_expired",
            None,
            "Connections whose time ran out, by the state that they were in.",
            expired,
        )?;
        sheet.gauges(
            "connections_in_state",
            None,
            "Connections tracked, counted at most every 10 s.",
            by_state(|state| self.census.of(state)),
        )
    }

    fn bursts(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let mut times = BurstTimes::default();
        for worker in self.metered() {
            times += worker.bursts;
        }
        let bounds = BurstTimes::BOUNDS.iter().copied().map(seconds);
        let bounds = bounds.chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(times.buckets).collect();
        let help = format!(
            "How long workers took to judge a burst of frames; one of {SAMPLE_EVERY} is timed."
        );
        sheet.histogram("burst_duration", &help, seconds(times.nanos), &buckets)
    }

    fn metered(&self) -> impl Iterator<Item = &Metered> {
        self.measured.workers.iter().map(|worker| &worker.metered)
    }
}

/// Exact up to 104 days.
#[allow(
    clippy::cast_precision_loss,
    reason = "what is lost is below a nanosecond in 104 days"
)]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// What is counted by state, under the names that people see, with the protocol whose states they are.
fn by_state(count: impl Fn(State) -> u64) -> [(Labels<'static, 2>, u64); FlowState::ALL.len()] {
    FlowState::ALL.map(|state| {
        let states = state.states();
        let kind = states.first().copied().map_or(Kind::Other, Kind::in_state);
        let labels = [("protocol", kind.as_str()), ("state", state.as_str())];
        (labels, states.iter().copied().map(&count).sum())
    })
}

fn api(sheet: &mut Sheet<'_>, calls: &[Count]) -> fmt::Result {
    let rows = calls.iter().map(|count| {
        (
            [("action", count.action), ("code", count.code)],
            count.calls,
        )
    });
    sheet.counters(
        "api_calls",
        None,
        "Calls of the EC2 endpoint; action '-' for requests that name none that there is.",
        rows,
    )
}

fn gate(sheet: &mut Sheet<'_>, refusals: &[Count]) -> fmt::Result {
    let rows = refusals.iter();
    sheet.counters(
        "page_refusals",
        None,
        "Requests for data of the live page that were refused, by what is wrong with their signature.",
        rows.map(|count| ([("code", count.code)], count.calls)),
    )
}

/// The share of `part` in `whole`; 0 of nothing.
pub(super) fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        0.0
    } else {
        f64::from(part) / f64::from(whole)
    }
}
