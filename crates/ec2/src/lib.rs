#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod associations;
mod edit;
pub mod flow_logs;
pub mod groups;
pub mod instances;
pub mod interfaces;
pub mod invariants;
pub mod peerings;
pub mod places;
pub mod prefix_lists;
pub mod ranges;
mod record;
pub mod rules;
mod site;
mod spelled;
pub mod stacks;
mod state;
pub mod subnets;
pub mod tags;
pub mod tokens;
pub mod vpcs;

pub use crate::edit::{Changes, Edit};
pub use crate::flow_logs::FlowLog;
pub use crate::record::{Journal, Record, Visitor, visit_tables};
pub use crate::site::{Caller, Site};
pub use crate::state::{
    Attachment, Instance, InstanceState, PeeringCode, PeeringDetails, PrefixListCode,
    PrefixListState, Stack, State, Token, TokenKey, VpcSettings,
};
