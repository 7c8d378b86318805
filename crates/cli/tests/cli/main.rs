//! `secgroup` from outside: what is typed, and what comes out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

mod engine;
mod golden;
mod pipes;
mod replay;
mod support;
