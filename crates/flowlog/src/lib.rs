#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod datagrams;
mod deliver;
mod encode;
mod feed;
mod field;
mod interface;
mod log;
mod logger;
mod observation;
mod recorder;
mod row;
mod watch;
mod window;

pub use crate::deliver::{DeliveryError, Destination, Encoding, Folder, Layout};
pub use crate::feed::Feed;
pub use crate::field::Format;
pub use crate::interface::Interface;
pub use crate::log::{LogSettings, LogStatus, Scope, Traffic};
pub use crate::logger::{Logger, LoggerStatus, SharedRuleNames};
pub use crate::observation::{Flow, Observation, Sums};
pub use crate::recorder::{FLOWS_MAX, Recorder};
pub use crate::row::RuleNames;
pub use crate::watch::{By, Conversation, Look, OVER_MAX, Passing, Volume, WATCHED_MAX, Watched};
