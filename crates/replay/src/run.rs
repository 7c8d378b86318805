//! Whole captures through a session, with policy changes on the way.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use secgroup_flowlog::DeliveryError;
use secgroup_io::{Batch, Capture, CaptureError, CaptureWriter, Record, WriteError};
use secgroup_model::{Inventory, VpcId};
use secgroup_packet::Timestamp;

use crate::flow_log::{FlowLog, FlowLogPlan};
use crate::output::{LineWriter, Outputs};
use crate::report::{CaptureReport, FlowLogReport, Report};
use crate::select::Ambiguous;
use crate::session::{Burst, Session, SessionSettings};
use crate::summary::Summary;

/// What to replay.
pub struct Plan {
    /// The captures, read one after the other as one stream; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// The policy at the start.
    pub policy: Inventory,
    /// Later policies, in any order.
    pub changes: Vec<Change>,
    /// How to judge.
    pub settings: SessionSettings,
    /// Where verdict lines go.
    pub verdicts: Option<Box<dyn Write + Send>>,
    /// Where packets go that every interface allows.
    pub write_allowed: Option<PathBuf>,
    /// Where packets go that one denies.
    pub write_denied: Option<PathBuf>,
    /// The flow log that is written.
    pub flow_log: Option<FlowLogPlan>,
    /// How many denied five-tuples the report lists.
    pub top: usize,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("captures", &self.captures)
            .finish_non_exhaustive()
    }
}

/// A policy that comes into force during the replay.
#[derive(Debug, Clone)]
pub struct Change {
    /// How long after the first packet.
    pub after: Duration,
    /// The files it was read from, for the report.
    pub files: Vec<String>,
    /// The policy.
    pub policy: Inventory,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Packets read.
    pub packets: u64,
    /// Bytes read of all captures, as they lie.
    pub bytes: u64,
}

/// Why a replay could not be done. A damaged capture is no such reason: the report says so.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// An address does not tell which interface a packet crosses.
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// A capture cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Verdict lines cannot be written.
    #[error("cannot write verdicts: {0}")]
    Verdicts(#[source] std::io::Error),
    /// The flow log cannot be written.
    #[error("flow log: {0}")]
    FlowLog(#[from] DeliveryError),
    /// The writer of verdict lines gave up before; `finish` says why.
    #[error("the writer of verdicts stopped")]
    VerdictsStopped,
}

/// Replays, telling `progress` from time to time how far it is.
///
/// # Errors
/// Where the policy is ambiguous or an output cannot be written.
pub fn run(plan: Plan, progress: &mut dyn FnMut(Position)) -> Result<Report, ReplayError> {
    let started = Instant::now();
    let outputs = Outputs {
        lines: plan.verdicts.map(LineWriter::new),
        allowed: plan
            .write_allowed
            .as_deref()
            .map(CaptureWriter::create)
            .transpose()?,
        denied: plan
            .write_denied
            .as_deref()
            .map(CaptureWriter::create)
            .transpose()?,
    };
    let flow_log = plan.flow_log.map(FlowLog::new);
    let mut replay = Replay::new(plan.policy, plan.changes, plan.settings, outputs, flow_log)?;
    let mut reports = Vec::with_capacity(plan.captures.len());
    let mut bytes_before = 0;
    for path in &plan.captures {
        let mut opened = Capture::open(path);
        let mut told = |packets, capture: &Capture| {
            progress(Position {
                packets,
                bytes: bytes_before + capture.bytes_read(),
            });
        };
        if plan.captures.len() > 1
            && let (Ok(capture), Some(writer)) = (&opened, &mut replay.outputs.lines)
        {
            writer.lines.of_capture(capture.name());
        }
        let outcome = match &mut opened {
            Ok(capture) => replay.capture(capture, &mut told),
            Err(_) => Ok(None),
        };
        let error = match outcome {
            Ok(error) => error,
            Err(ReplayError::VerdictsStopped) => break,
            Err(error) => return Err(error),
        };
        let report = match opened {
            Ok(capture) => {
                bytes_before += capture.bytes_read();
                let (file, packets) = (capture.name().to_owned(), capture.packets());
                let said = capture.warnings().iter();
                replay
                    .summary
                    .warn(said.map(|said| format!("{file}: {said}")));
                CaptureReport {
                    file,
                    packets,
                    error: error.map(|error| error.to_string()),
                }
            }
            Err(error) => {
                let file = path.display().to_string();
                CaptureReport {
                    file,
                    packets: 0,
                    error: Some(error.to_string()),
                }
            }
        };
        reports.push(report);
    }
    replay.outputs.finish()?;
    let flow_log = replay
        .flow_log
        .map(|flow_log| flow_log.finish(&replay.session))
        .transpose()?;
    let elapsed = started.elapsed();
    let mut report = replay
        .summary
        .report(&replay.session, reports, elapsed, plan.top);
    report.flow_log = flow_log.as_ref().map(FlowLogReport::from);
    Ok(report)
}

/// A replay under way.
struct Replay {
    session: Session,
    /// Changes still to come, the next one last.
    changes: Vec<(usize, Change)>,
    /// The time of the first packet; set when it is seen.
    start: Option<Timestamp>,
    summary: Summary,
    outputs: Outputs,
    flow_log: Option<FlowLog>,
    vpc: Option<VpcId>,
}

impl Replay {
    fn new(
        policy: Inventory,
        mut changes: Vec<Change>,
        settings: SessionSettings,
        outputs: Outputs,
        flow_log: Option<FlowLog>,
    ) -> Result<Self, ReplayError> {
        let vpc = settings.vpc.clone();
        changes.sort_by_key(|change| change.after);
        let session = Session::new(settings, &policy, Timestamp::ZERO)?;
        let summary = Summary::new(policy, &changes);
        let changes = changes.into_iter().enumerate().rev().collect();
        Ok(Self {
            session,
            changes,
            start: None,
            summary,
            outputs,
            flow_log,
            vpc,
        })
    }

    /// One capture to its end. What it ended with, where that was not its end, is returned as a value: the rest goes on.
    fn capture(
        &mut self,
        capture: &mut Capture,
        told: &mut dyn FnMut(u64, &Capture),
    ) -> Result<Option<CaptureError>, ReplayError> {
        let mut buffers = Burst::default();
        let mut batches = 0_u32;
        loop {
            let mut burst = buffers.recycle();
            match capture.next_batch(secgroup_io::BATCH_MAX) {
                Ok(Some(batch)) => self.batch(batch, &mut burst)?,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            }
            buffers = burst.recycle();
            batches = batches.wrapping_add(1);
            if batches.is_multiple_of(64) {
                told(self.summary.packets(), capture);
            }
        }
    }

    /// One batch, cut where the policy changes.
    fn batch<'a>(&mut self, batch: Batch<'a>, burst: &mut Burst<'a>) -> Result<(), ReplayError> {
        let mut records = batch.iter().peekable();
        while let Some(next) = records.peek() {
            self.begin(next)?;
            let until = self.next_change();
            let in_force = |record: &Record<'_>| until.is_none_or(|until| record.time < until);
            let part = std::iter::from_fn(|| records.next_if(in_force));
            self.session.judge(part, burst);
            if let Some(flow_log) = &mut self.flow_log {
                flow_log.take(&self.session, burst);
            }
            self.summary.take(&self.session, burst, &mut self.outputs)?;
        }
        Ok(())
    }

    /// Starts the clock with the first packet, and makes the changes that are due at `next`.
    fn begin(&mut self, next: &Record<'_>) -> Result<(), ReplayError> {
        if self.start.is_none() {
            self.start = Some(next.time);
            self.session.start_at(next.time);
            self.log_flows(next.time)?;
        }
        while let Some(due) = self.next_change().filter(|due| *due <= next.time) {
            let Some((index, change)) = self.changes.pop() else {
                break;
            };
            // When it was due, not when the next packet happens to come: windows of grace begin there.
            self.session.change(&change.policy, due)?;
            self.summary.changed(index, change.policy);
            self.log_flows(due)?;
        }
        Ok(())
    }

    /// From `at` on, the flow log has the interfaces of the policy that came into force last.
    fn log_flows(&mut self, at: Timestamp) -> Result<(), ReplayError> {
        if let Some(flow_log) = &mut self.flow_log {
            let policy = self.summary.policy();
            flow_log.configure(&self.session, policy, self.vpc.as_ref(), at)?;
        }
        Ok(())
    }

    /// When the next change is due.
    fn next_change(&self) -> Option<Timestamp> {
        let (_, change) = self.changes.last()?;
        Some(self.start?.saturating_add(change.after))
    }
}
