#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod attach;
mod lower;
mod registry;

pub use crate::attach::{AttachError, Attachment};
pub use crate::lower::{Defaults, Lowering, Touched};
pub use crate::registry::{RegisteredRule, Registry};
