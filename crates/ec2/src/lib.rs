#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod edit;
pub mod groups;
mod record;
mod site;
mod state;
pub mod vpcs;

pub use crate::edit::{Changes, Edit};
pub use crate::record::{Journal, Record, Visitor, visit_tables};
pub use crate::site::{Caller, Site};
pub use crate::state::{
    Attachment, FlowLog, Instance, InstanceState, PeeringDetails, PrefixListState, Stack, State,
    Token, TokenKey,
};
