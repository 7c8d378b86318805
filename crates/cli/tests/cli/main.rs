//! `secgroup` from outside: what is typed, and what comes out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

mod annotate;
mod audit;
mod bench;
mod check;
mod configs;
mod control;
mod diff;
mod engine;
mod explain;
mod golden;
mod manual;
mod outputs;
mod page;
mod pipes;
mod replay;
mod robustness;
mod stacks;
mod support;
mod workers;
