#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod addresses;
mod attached;
mod change;
mod difference;
mod explain;
mod flow;
mod lint;
mod mismatch;
mod narrow;
mod open_ports;
mod place;
#[cfg(test)]
mod tests;
mod tracking;
mod traffic_set;
mod why;
mod words;

pub use crate::change::{Change, RemovedRule, RuleOf};
pub use crate::difference::{Class, Difference, PeerSet, PlaceDifference, SettingChange, diff};
pub use crate::explain::{
    AnswerPlace, AnswerReport, ConnectionLine, ConnectionReport, Considered, ConsideredGroup,
    Explained, Explainer, Explanation, FailsOn, Judgement, Malformed, Outcome, PacketReport,
    Ruling, Scene, World, explain_malformed, explain_packet, explain_unjudged, judge, typed,
};
pub use crate::flow::{Flow, FlowError};
pub use crate::lint::{Code, Finding, Level, lint};
pub use crate::narrow::{Admitted, MOST_RULES, Narrowing, narrowed};
pub use crate::open_ports::{USUAL, open_ports};
pub use crate::place::{ExplainError, places};
pub use crate::tracking::{Needed, Tracking, opens};
pub use crate::why::why_denied;
