//! Instances (E44), as far as groups need them: names that own network interfaces.
//!
//! | | |
//! |---|---|
//! | `run` | how a launch is spelled |
//! | `view` | what is said of an instance, and what it is filtered by |
//! | `describe` | lists, and the status that clients wait for |
//! | `attributes` | one attribute at a time |

mod attributes;
mod describe;
mod run;
mod view;

#[cfg(test)]
mod tests;

use secgroup_ec2::instances::{self, StateChange};
use secgroup_ec2::{Caller, Edit, InstanceState};
use secgroup_model::{InstanceId, ModelError};

use super::{Action, Table};
use crate::{Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("RunInstances", Action::Write(run::run)),
    ("DescribeInstances", Action::Read(describe::describe)),
    ("DescribeInstanceStatus", Action::Read(describe::status)),
    ("StartInstances", Action::Write(start)),
    ("StopInstances", Action::Write(stop)),
    ("TerminateInstances", Action::Write(terminate)),
    ("ModifyInstanceAttribute", Action::Write(attributes::modify)),
    (
        "DescribeInstanceAttribute",
        Action::Read(attributes::describe),
    ),
];

const ID: &str = "InstanceId";

/// An operation on the state of instances.
type Act = fn(&mut Edit<'_>, &Caller, &[InstanceId]) -> Result<Vec<StateChange>, ModelError>;

fn start(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    call.params.ignore(&["AdditionalInfo"]);
    change(call, instances::start)
}

fn stop(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    call.params
        .ignore(&["Force", "Hibernate", "SkipOsShutdown"]);
    change(call, instances::stop)
}

fn terminate(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    call.params.ignore(&["Force", "SkipOsShutdown"]);
    change(call, instances::terminate)
}

/// Changes the state of instances, each once, however often it is named.
fn change(call: &mut Write<'_, '_>, act: Act) -> Result<Xml, ModelError> {
    let mut ids = call.params.ids(ID, InstanceId::parse)?;
    if ids.is_empty() {
        return Err(call.params.missing(ID));
    }
    ids.sort_unstable();
    ids.dedup();
    let changes = act(call.edit, call.caller, &ids)?;
    let mut xml = Xml::new();
    xml.list("instancesSet", changes, |xml, change| {
        xml.text("instanceId", change.id);
        write_state(xml, "currentState", change.after);
        write_state(xml, "previousState", change.before);
    });
    Ok(xml)
}

/// A state: its code and its name.
fn write_state(xml: &mut Xml, tag: &str, state: InstanceState) {
    xml.element(tag, |xml| {
        xml.text("code", code(state));
        xml.text("name", name(state));
    });
}

const fn code(state: InstanceState) -> u16 {
    match state {
        InstanceState::Running => 16,
        InstanceState::Terminated => 48,
        InstanceState::Stopped => 80,
    }
}

const fn name(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Running => "running",
        InstanceState::Terminated => "terminated",
        InstanceState::Stopped => "stopped",
    }
}
