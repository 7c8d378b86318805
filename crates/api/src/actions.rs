//! Every action of the protocol, by topic, and the one table of them.
//!
//! An action reads its parameters, calls one operation of `secgroup-ec2` (or looks into the state), and writes the members of its
//! answer. It does not check rights, dry runs and unknown parameters: [`call`](crate::call) does.

mod associations;
mod flow_logs;
mod groups;
mod instances;
mod interfaces;
mod peerings;
mod places;
mod prefix_lists;
mod rules;
mod stale;
mod sts;
mod subnets;
mod tags;
mod vpcs;

use secgroup_model::ModelError;

use crate::{Read, Write, Xml};

/// What is done for an action.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// It looks.
    Read(fn(&Read<'_>) -> Result<Xml, ModelError>),
    /// It changes.
    Write(fn(&mut Write<'_, '_>) -> Result<Xml, ModelError>),
}

/// Actions of one topic, by name.
type Table = &'static [(&'static str, Action)];

/// All topics.
const TOPICS: &[Table] = &[
    associations::ACTIONS,
    flow_logs::ACTIONS,
    groups::ACTIONS,
    instances::ACTIONS,
    interfaces::ACTIONS,
    peerings::ACTIONS,
    places::ACTIONS,
    prefix_lists::ACTIONS,
    rules::ACTIONS,
    stale::ACTIONS,
    sts::ACTIONS,
    subnets::ACTIONS,
    tags::ACTIONS,
    vpcs::ACTIONS,
];

/// What is done for the action of this name; `None` where there is none such.
#[must_use]
pub fn action(name: &str) -> Option<Action> {
    actions()
        .find(|(known, _)| *known == name)
        .map(|(_, action)| action)
}

/// Every action.
pub fn actions() -> impl Iterator<Item = (&'static str, Action)> {
    TOPICS.iter().flat_map(|topic| topic.iter().copied())
}
