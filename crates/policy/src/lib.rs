#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod compile;
mod directory;
mod groups;
mod key;
mod open;
mod query;
mod ranks;
mod row;
mod rule;
mod rule_set;
mod table;

pub use crate::directory::Directory;
pub use crate::query::{Query, Selector};
pub use crate::rule::{GroupNumber, IcmpMatch, Peer, Rule, RuleNumber, Traffic};
pub use crate::rule_set::RuleSet;
