#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod connections;
mod exempt;
mod fragments;
mod oracle;
mod outcome;
mod read;
mod rules;
mod settings;
mod tcp;
#[cfg(test)]
mod tests;

pub use crate::oracle::{ConnectionReport, Oracle};
pub use crate::outcome::{AllowReason, DenyReason, Judgement, Outcome, UnjudgedReason};
pub use crate::read::{Addresses, LinkKind, addresses};
pub use crate::settings::{AlwaysTrack, InterfaceSettings, Settings, Timeouts};
