#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod annotate;
mod audit;
mod captures;
mod compare;
mod decided;
mod denied;
mod examined;
mod flow_log;
mod lines;
mod lockstep;
mod look;
mod one;
mod output;
mod parallel;
mod policies;
mod report;
mod run;
mod select;
mod session;
mod summary;
mod survey;
mod usage;
mod workers;

pub use crate::audit::{
    Audit, AuditReport, DeniedService, Finding, OpenRule, RuleAudit, SuggestionReport, audit,
};
pub use crate::compare::{
    ChangedFlow, Comparison, ComparisonReport, OverTime, Told, Turned, compare,
};
pub use crate::decided::Judged;
pub use crate::examined::{Examination, ExamineError, examine};
pub use crate::flow_log::FlowLogPlan;
pub use crate::look::Kind;
pub use crate::report::{
    CaptureReport, ChangeReport, DeniedFlowReport, Fates, FlowLogReport, InterfaceReport, Report,
    RuleReport, VerdictReport, Volume,
};
pub use crate::run::{Change, Plan, Position, ReplayError, Sharing, run};
pub use crate::select::{Ambiguous, Crossed, Selector};
pub use crate::session::{Burst, Seen, Session, SessionSettings};
pub use crate::survey::{Allowed, Conversation, Moment, Survey, WideRule};
