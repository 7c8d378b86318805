#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod audit;
mod compare;
mod denied;
mod flow_log;
mod lines;
mod lockstep;
mod output;
mod report;
mod run;
mod select;
mod session;
mod summary;

pub use crate::audit::{
    Audit, AuditReport, DeniedService, Finding, OpenRule, RuleAudit, SuggestionReport, audit,
};
pub use crate::compare::{ChangedFlow, Comparison, ComparisonReport, Told, compare};
pub use crate::flow_log::FlowLogPlan;
pub use crate::lines::Lines;
pub use crate::report::{
    CaptureReport, ChangeReport, DeniedFlowReport, Fates, FlowLogReport, InterfaceReport, Report,
    RuleReport, VerdictReport, Volume,
};
pub use crate::run::{Change, Plan, Position, ReplayError, run};
pub use crate::select::{Ambiguous, Crossed, Selector};
pub use crate::session::{Burst, Judged, Kind, Seen, Session, SessionSettings};
