#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod captures;
pub mod check;
pub mod harness;
pub mod naive;
pub mod rules;

// What `secgroup bench` measures with, too.
pub use secgroup_bench::line;
pub use secgroup_bench::workload::{flows, frames, policy};
