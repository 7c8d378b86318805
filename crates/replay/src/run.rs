//! Whole captures, from a plan to a report: by one worker or by several, with one outcome.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secgroup_flowlog::{DeliveryError, LogStatus};
use secgroup_io::WriteError;
use secgroup_model::Inventory;

use crate::flow_log::FlowLogPlan;
use crate::one;
use crate::output::Outputs;
use crate::parallel::{self, Outcomes};
use crate::report::{CaptureReport, FlowLogReport, Report};
use crate::select::Ambiguous;
use crate::session::SessionSettings;
use crate::summary::{Engine, Summary};
use crate::survey::{DENIED_FLOWS, Survey};
use crate::workers::Choice;

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
    /// Where all packets go, with what was decided about each as a comment (pcapng); one worker writes them.
    pub annotate: Option<PathBuf>,
    /// The flow log that is written; one worker writes it.
    pub flow_log: Option<FlowLogPlan>,
    /// Whether a picture is to be drawn: the report then has a survey. One worker makes it.
    pub survey: bool,
    /// How many denied five-tuples the report lists.
    pub top: usize,
    /// How the work is shared. The outcome is the same.
    pub sharing: Sharing,
}

impl Plan {
    /// Captures under one policy by the defaults: nothing is written, and the report lists ten denied five-tuples.
    #[must_use]
    pub fn new(captures: Vec<PathBuf>, policy: Inventory) -> Self {
        Self {
            captures,
            policy,
            changes: Vec::new(),
            settings: SessionSettings::default(),
            verdicts: None,
            write_allowed: None,
            write_denied: None,
            annotate: None,
            flow_log: None,
            survey: false,
            top: 10,
            sharing: Sharing::default(),
        }
    }
}

/// How several threads share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// How many there are, 64 at most; `None` for as many as are worth it.
    pub workers: Option<NonZeroUsize>,
    /// How many bytes are read at a time where there are several. Tests want many boundaries.
    pub block_len: usize,
}

impl Default for Sharing {
    /// As many workers as are worth it, and blocks of which all that is known about fits the second-level cache.
    fn default() -> Self {
        Self {
            workers: None,
            block_len: 256 * 1024,
        }
    }
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
    pub policy: Arc<Inventory>,
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
    /// What several workers cannot know for sure, and the captures cannot be read again by one.
    #[error(
        "behind packet {packets} {reason}, which only one worker decides for sure, and the capture cannot be read a second \
         time; use --workers 1"
    )]
    OneWorker {
        /// How many packets were replayed by then.
        packets: u64,
        /// What they cannot know.
        reason: &'static str,
    },
    /// The writer of verdict lines gave up before; `finish` says why.
    #[error("the writer of verdicts stopped")]
    VerdictsStopped,
}

/// What is replayed, for as often as it takes.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) captures: Vec<PathBuf>,
    pub(crate) policy: Arc<Inventory>,
    /// In the order of their moments.
    pub(crate) changes: Vec<Change>,
    pub(crate) settings: SessionSettings,
    pub(crate) sharing: Sharing,
    pub(crate) flow_log: Option<FlowLogPlan>,
    pub(crate) annotate: Option<PathBuf>,
    pub(crate) survey: bool,
}

/// Replays, telling `progress` from time to time how far it is.
///
/// # Errors
/// Where the policy is ambiguous or an output cannot be written.
pub fn run(plan: Plan, progress: &mut dyn FnMut(Position)) -> Result<Report, ReplayError> {
    let started = Instant::now();
    let (allowed, denied) = (plan.write_allowed.as_deref(), plan.write_denied.as_deref());
    let mut outputs = Outputs::open(plan.verdicts, allowed, denied)?;
    let mut input = Input {
        captures: plan.captures,
        policy: Arc::new(plan.policy),
        changes: plan.changes,
        settings: plan.settings,
        sharing: plan.sharing,
        flow_log: plan.flow_log,
        annotate: plan.annotate,
        survey: plan.survey,
    };
    input.changes.sort_by_key(|change| change.after);
    let choice = Choice::of(&input);
    let found = replay(&input, choice, &mut outputs, progress);
    // What was written stays, whatever came then.
    let finished = outputs.finish();
    let found = match found {
        Err(ReplayError::VerdictsStopped) => return Err(stopped(finished)),
        found => found?,
    };
    finished?;
    Ok(found.report(started.elapsed(), plan.top))
}

/// Replays with as many workers as were chosen, and with one where that turns out to be too many.
fn replay(
    input: &Input,
    mut choice: Choice,
    outputs: &mut Outputs,
    progress: &mut dyn FnMut(Position),
) -> Result<Found, ReplayError> {
    if choice.workers > 1 {
        match parallel::run(input, choice.workers, outputs, progress)? {
            Outcomes::Found(found) => return Ok(Found { choice, ..*found }),
            Outcomes::Alone(packets, reason) if choice.can_read_again => {
                outputs.written = packets;
                choice.fall_back(packets, reason);
            }
            Outcomes::Alone(packets, reason) => {
                let reason = reason.as_str();
                return Err(ReplayError::OneWorker { packets, reason });
            }
        }
    }
    one::run(input, outputs, progress).map(|found| Found { choice, ..found })
}

/// The error of a writer that gave up.
fn stopped(finished: Result<(), ReplayError>) -> ReplayError {
    finished.err().unwrap_or(ReplayError::VerdictsStopped)
}

/// What a replay found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) summary: Summary,
    pub(crate) captures: Vec<CaptureReport>,
    pub(crate) registry: secgroup_control::Registry,
    pub(crate) tally: secgroup_datapath::Tally,
    /// Connections tracked at the end.
    pub(crate) tracked: u64,
    pub(crate) flow_log: Option<LogStatus>,
    pub(crate) survey: Option<Box<Survey>>,
    pub(crate) choice: Choice,
}

impl Found {
    fn report(self, elapsed: Duration, top: usize) -> Report {
        let engine = Engine {
            registry: &self.registry,
            tally: &self.tally,
            tracked: self.tracked,
        };
        // A picture has more rows than a screen.
        let listed = match self.survey {
            Some(_) => top.max(DENIED_FLOWS),
            None => top,
        };
        let mut report = self.summary.report(&engine, self.captures, elapsed, listed);
        let mut survey = self.survey;
        if let Some(survey) = &mut survey {
            survey.denied_flows.clone_from(&report.denied_flows);
            survey.denied_flows.truncate(DENIED_FLOWS);
        }
        report.denied_flows.truncate(top);
        Report {
            workers: self.choice.workers,
            one_worker_because: self.choice.why_one,
            flow_log: self.flow_log.as_ref().map(FlowLogReport::from),
            survey,
            ..report
        }
    }
}
