#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod control;
mod crew;
mod events;
mod filter;
mod handoff;
mod link;
mod mailbox;
mod meter;
mod observe;
mod oversize;
mod owner;
mod rate;
mod runtime;
mod settings;
mod status;
mod supervisor;
#[cfg(test)]
mod testing;
mod thread;
mod worker;

pub use crate::events::{Admitted, DENIED_PER_SECOND, Denied, Event};
pub use crate::filter::FlowFilter;
pub use crate::link::{Attached, LinkSettings, Open, OpenError, Sees, Shard};
pub use crate::meter::{BurstTimes, Census, Kind, Metered, SAMPLE_EVERY};
pub use crate::observe::{Observe, Observers};
pub use crate::runtime::{AttachError, Runtime, StartError};
pub use crate::settings::{Clock, RuntimeSettings};
pub use crate::status::{LinkState, LinkStatus, PortStatus, Published, Status, WorkerStatus};
