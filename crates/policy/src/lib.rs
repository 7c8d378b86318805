#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod directory;
mod query;
mod rule;
mod rule_set;

pub use crate::directory::Directory;
pub use crate::query::{Query, Selector};
pub use crate::rule::{GroupNumber, IcmpMatch, Peer, Rule, RuleNumber, Traffic};
pub use crate::rule_set::RuleSet;
