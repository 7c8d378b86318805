//! What is true of every state, whatever was called: the judge of operations, imports and stores.
//!
//! Operations keep the state consistent and check what they are asked; nothing here is asked of them twice while they run. But a
//! document that a person wrote and a file that a disk kept are somebody else's word, so both are checked before they are
//! believed; and the property tests of all operations ask here after each call. So a sentence of this module is true of EC2
//! itself, of every state that can be reached by calls, not only of tidy ones:
//!
//! - a record stands under its own id, and every reference points at something, or is a rule whose reference may be stale (B28);
//! - nothing is there twice: rules of a group (A34), ids of rules and attachments, names of groups in a VPC (B4), addresses of a
//!   VPC;
//! - what is told in two places is told alike: an interface's instance and its attachment, a peering connection's state and its details;
//! - what has to be there is: a default group in each VPC (B8), a group on each interface (B11).
//!
//! How *much* there may be is not asked: quotas change, and what was created under a larger one stays.

mod groups;
mod instances;
mod interfaces;
mod keys;
mod networks;
mod prefix_lists;

use crate::State;

/// What is wrong with `state`, one sentence each, naming what is at fault; nothing for a sound one.
#[must_use]
pub fn check(state: &State) -> Vec<String> {
    let mut faults = Faults::default();
    keys::check(state, &mut faults);
    networks::check(state, &mut faults);
    prefix_lists::check(state, &mut faults);
    groups::check(state, &mut faults);
    interfaces::check(state, &mut faults);
    instances::check(state, &mut faults);
    faults.0
}

/// What was found so far.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    /// Notes `fault` unless something `holds`.
    fn unless(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }
}

#[cfg(test)]
mod tests;
