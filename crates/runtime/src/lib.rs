#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod link;
mod settings;
mod status;

pub use crate::link::{Attached, LinkSettings, Open, OpenError, Sees, Shard};
pub use crate::settings::{Clock, RuntimeSettings};
pub use crate::status::{LinkState, LinkStatus, PortStatus, Published, Status, WorkerStatus};
