#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]
// A test that asks for an impossible packet must stop with a message, at the line that asked.
#![allow(
    clippy::panic,
    reason = "a dev-only crate: a panic is how a test helper reports misuse"
)]

pub mod allocations;
pub mod browser;
pub mod capture;
pub mod checksum;
pub mod frame;
pub mod netns;
pub mod process;
pub mod rng;
pub mod station;
pub mod tools;
pub mod trace;
pub mod wait;
