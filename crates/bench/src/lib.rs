#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod connections;
mod error;
pub mod line;
mod machine;
mod plan;
mod plot;
mod report;
mod rounds;
mod rules;
mod run;
mod stages;
mod sweep;
mod verify;
mod workers;
pub mod workload;

pub use crate::error::{Disagreement, Error};
pub use crate::machine::Machine;
pub use crate::plan::{
    BURST_MAX, FLOWS_MAX, FRAME_MAX, FRAME_MIN, MEMBERS_MAX, Plan, RULES_MAX, Size, SizeError,
    Sweep,
};
pub use crate::plot::plot;
pub use crate::report::{
    Connections, Figure, LeftOut, Report, Rules, Stages, Sweeps, Verified, Workers, Workload,
};
pub use crate::run::{Progress, run};
pub use crate::sweep::{FlowsPoint, FlowsSweep, MembersPoint, RulesPoint};
