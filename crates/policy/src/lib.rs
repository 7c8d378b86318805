#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod directory;
mod rule;

pub use crate::directory::Directory;
pub use crate::rule::{GroupNumber, IcmpMatch, Peer, Rule, RuleNumber, Traffic};
