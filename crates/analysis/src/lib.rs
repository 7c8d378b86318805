#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod change;
mod explain;
mod flow;
mod lint;
mod mismatch;
mod tracking;
mod why;

pub use crate::change::Change;
pub use crate::explain::{Considered, ExplainError, Explanation, explain};
pub use crate::flow::{Flow, FlowError};
pub use crate::lint::{Finding, Level, lint};
pub use crate::mismatch::{Field, Mismatch};
pub use crate::tracking::Tracking;
pub use crate::why::why_denied;
