#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod datapath;
mod decide;
mod exempt;
mod lane;
mod reason;
mod settings;
mod snapshot;
mod tally;

pub use secgroup_conntrack::{
    Connection, FRAGMENT_LIFE, Lifetimes, Pool, State, Stats as TableStats, Timeouts,
};

pub use crate::datapath::{Crossing, Datapath};
pub use crate::decide::Excerpt;
pub use crate::reason::{Action, Reason, Verdict};
pub use crate::settings::{Settings, TcpMode};
pub use crate::snapshot::{AlwaysTrack, Interface, Snapshot};
pub use crate::tally::{Count, Tally};
