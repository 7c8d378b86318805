#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod lower;
mod registry;

pub use crate::lower::{Defaults, Lowering};
pub use crate::registry::{RegisteredRule, Registry};
