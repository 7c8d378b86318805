//! What an audit found, in the shape in which `--json` prints it.

use serde::Serialize;

use crate::report::{CaptureReport, Volume};
use crate::survey::Survey;

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// One entry per capture, in the order given.
    pub captures: Vec<CaptureReport>,
    /// Packets that were read.
    pub packets: u64,
    /// Every rule of the groups that interfaces have.
    pub rules: Vec<RuleAudit>,
    /// Rules that open more to everybody than is usual.
    pub open: Vec<OpenRule>,
    /// How many services were denied to somebody for want of a rule.
    pub denied_service_count: u64,
    /// Those that look as if somebody needed them, most packets first.
    pub denied: Vec<DeniedService>,
    /// What became of the narrower policy.
    pub suggestion: SuggestionReport,
    /// What a picture of the traffic is drawn from.
    #[serde(skip)]
    pub survey: Survey,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// One rule, and what it was used for.
#[derive(Debug, Clone, Serialize)]
pub struct RuleAudit {
    /// Its id.
    pub rule: String,
    /// Its group.
    pub group: String,
    /// The group's name.
    pub group_name: String,
    /// The direction.
    pub direction: &'static str,
    /// What it allows, in words.
    pub allows: String,
    /// Its description.
    pub description: Option<String>,
    /// Packets that it admitted, and those of connections that it admitted.
    #[serde(flatten)]
    pub volume: Volume,
    /// What is to be said about it.
    pub finding: Finding,
    /// The rules that would do in its place, where it is wider than what was seen.
    pub proposed: Vec<String>,
    /// Why it stays as wide as it does.
    pub because: Option<String>,
}

/// What an audit says about a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It admitted nothing.
    Unused,
    /// It admitted nothing but answers of untracked flows, which need no rule where flows are tracked.
    AnswersOnly,
    /// It allows more than was seen.
    Wider,
    /// It allows what was seen.
    AsSeen,
    /// It allows more than was seen, and has to: otherwise verdicts would change.
    Kept,
}

/// A rule that opens more to everybody than is usual.
#[derive(Debug, Clone, Serialize)]
pub struct OpenRule {
    /// Its id.
    pub rule: String,
    /// Its group.
    pub group: String,
    /// What it opens beyond the usual.
    pub beyond: Vec<String>,
    /// How much it was used.
    #[serde(flatten)]
    pub volume: Volume,
}

/// A service that somebody asked for and no rule allows.
#[derive(Debug, Clone, Serialize)]
pub struct DeniedService {
    /// Where it was denied.
    pub interface: String,
    /// Which way it was asked for.
    pub direction: &'static str,
    /// The other end.
    pub peer: String,
    /// What was asked for: `tcp 5432`.
    pub traffic: String,
    /// How many flows asked.
    pub flows: u64,
    /// How many of them had packets in the other direction.
    pub answered: u64,
    /// Packets that were denied.
    #[serde(flatten)]
    pub volume: Volume,
    /// The first of them.
    pub first_packet: u64,
    /// Why it looks legitimate.
    pub looks: Vec<String>,
    /// The rule that came nearest.
    pub why: String,
}

/// What became of the narrower policy.
#[derive(Debug, Clone, Serialize)]
pub struct SuggestionReport {
    /// Whether every packet of the captures was replayed under it with the verdict that it has under
    /// the policy.
    pub exact: bool,
    /// Why it is not, in words.
    pub problem: Option<String>,
    /// How often the captures were read.
    pub passes: u32,
    /// Rules of the policy.
    pub rules_before: u64,
    /// Rules of the suggestion.
    pub rules_after: u64,
    /// Packets that passed untracked and are tracked now.
    pub now_tracked: Volume,
}
