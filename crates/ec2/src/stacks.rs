//! Stacks: what a template asks for, made and kept as one (semantics F1 to F7).
//!
//! A deployment makes what there is like what the template says, all or nothing: it happens within one [`Edit`], by the operations that
//! calls of the API use, so every check and quota of theirs holds. A plan is a deployment that is not committed: what it tells
//! is what would happen, down to the error that would stop it, because it did happen. [`ChangeSet::digest`] tells whether a later
//! deployment does what an earlier plan said.
//!
//! ```text
//!  fates        which resources stay, are new, or are replaced because what changes cannot be changed in place
//!  make way     what is to go gives up what only one can have: names, ranges, addresses
//!  make         VPCs, subnets, peerings, prefix lists, groups, associations, instances, interfaces, rules: first
//!               what others refer to
//!  remove       what the template no longer has, and what was replaced: first what refers to others
//!  mark         tags that say of which stack and logical id a resource is
//! ```
//!
//! References are looked up when they are used, so what named a resource that is replaced names its successor without further ado.
//! A stack only remembers which logical id became which id ([`Stack`]): what was changed or deleted by calls since
//! shows as a difference like any other, and is brought back.
//!
//! What this does not do: CloudFormation makes a replacement's name unique with random digits and cannot replace what has a name of the user's own; here
//! the predecessor gives its name up. A group gets exactly the rules of its template, also where somebody added others by calls; but of
//! a group that the stack did not make, only the stack's own rules are touched.

mod changes;
mod checks;
mod dissolve;
mod fates;
mod fault;
mod groups;
mod instances;
mod interfaces;
mod marks;
mod names;
mod networks;
mod prefix_lists;
mod rules;
pub mod seed;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{AccountId, ErrorCode, GroupId, Inventory, ModelError};

pub use self::changes::{Action, Change, ChangeSet, Detail, Kind, Sign};
pub use self::fault::Fault;
use self::work::Work;
use crate::{Caller, Edit, Stack, State};

/// What a stack is to be.
#[derive(Debug, Clone, Copy)]
pub struct Deployment<'a> {
    /// Its name: letters, digits and hyphens, a letter first, 1 to 128 of them.
    pub name: &'a str,
    /// The template, to be remembered.
    pub template: &'a str,
    /// What the template says; logical ids stand for ids.
    pub wanted: &'a Inventory,
    /// Groups of `wanted` that are somewhere else: the stack adds rules to them.
    pub partial_groups: &'a BTreeSet<GroupId>,
}

/// Makes a stack, or makes it what it is to be now.
///
/// # Errors
/// Everything that is wrong with a resource, with its place in the template; the edit is to be dropped then.
pub fn deploy(
    edit: &mut Edit<'_>,
    caller: &Caller,
    deployment: &Deployment<'_>,
) -> Result<ChangeSet, Vec<Fault>> {
    check_name(deployment.name).map_err(|error| vec![Fault::of_stack(error)])?;
    let key = (caller.account.clone(), deployment.name.to_owned());
    let old = edit.get::<Stack>(&key).cloned();
    let recorded = old.as_ref().map(|stack| &stack.resources);
    let mut work = Work::new(
        edit,
        caller,
        deployment,
        recorded.cloned().unwrap_or_default(),
    );
    checks::check_ids(&mut work)?;
    let fates = fates::decide(&work);
    work.begin(fates);
    for stage in [
        networks::make,
        prefix_lists::make,
        groups::make,
        interfaces::make,
        rules::make,
        dissolve::remove_doomed,
    ] {
        stage(&mut work);
        work.check()?;
    }
    let (resources, mut changes) = work.finish();
    let text_changed = old
        .as_ref()
        .is_none_or(|stack| stack.template != deployment.template || stack.resources != resources);
    changes.template_changed = text_changed;
    let known = old.as_ref().map(|stack| stack.uuid.clone());
    let known = known.filter(|uuid| !uuid.is_empty());
    let is_named = known.is_some();
    let uuid = known.unwrap_or_else(|| marks::uuid(edit));
    marks::mark(edit, caller, deployment.name, &uuid, &resources);
    if text_changed || !is_named {
        let deployed = old.filter(|_| !text_changed).map(|stack| stack.deployed);
        let stack = Stack {
            resources,
            template: deployment.template.to_owned(),
            deployed: deployed.unwrap_or_else(|| edit.now()),
            uuid,
        };
        edit.put(key, stack);
    }
    Ok(changes)
}

/// Removes a stack with everything that it made.
///
/// # Errors
/// There is no such stack, or `DependencyViolation` with what depends: something outside uses a resource of the stack.
pub fn delete(edit: &mut Edit<'_>, caller: &Caller, name: &str) -> Result<ChangeSet, Vec<Fault>> {
    let key = (caller.account.clone(), name.to_owned());
    let Some(stack) = edit.get::<Stack>(&key).cloned() else {
        return Err(vec![Fault::of_stack(unknown_stack(
            edit.state(),
            caller,
            name,
        ))]);
    };
    let nothing = Deployment {
        name,
        template: "",
        wanted: &Inventory::default(),
        partial_groups: &BTreeSet::new(),
    };
    let mut work = Work::new(edit, caller, &nothing, stack.resources);
    work.begin(BTreeMap::new());
    dissolve::remove_doomed(&mut work);
    work.check()?;
    let (_, mut changes) = work.finish();
    changes.template_changed = true;
    edit.remove::<Stack>(&key);
    Ok(changes)
}

/// The stacks of an account, by name.
pub fn list<'a>(
    state: &'a State,
    account: &'a AccountId,
) -> impl Iterator<Item = (&'a str, &'a Stack)> {
    state
        .stacks
        .iter()
        .filter(move |((owner, _), _)| owner == account)
        .map(|((_, name), stack)| (name.as_str(), stack))
}

/// Characters of the name of a stack, as in CloudFormation.
const NAME_MAX: usize = 128;

fn check_name(name: &str) -> Result<(), ModelError> {
    let mut bytes = name.bytes();
    let good = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.len() <= NAME_MAX;
    if good {
        return Ok(());
    }
    let shown: String = name.escape_debug().take(NAME_MAX).collect();
    Err(
        ModelError::value(format!("'{shown}' cannot be the name of a stack")).with_help(format!(
            "letters, digits and hyphens, a letter first, at most {NAME_MAX}"
        )),
    )
}

fn unknown_stack(state: &State, caller: &Caller, name: &str) -> ModelError {
    let known: Vec<_> = list(state, &caller.account).map(|(name, _)| name).collect();
    let shown: String = name.escape_debug().take(NAME_MAX).collect();
    let error = ModelError::new(
        ErrorCode::InvalidParameterValue,
        format!("Stack '{shown}' does not exist"),
    );
    if known.is_empty() {
        error.with_help("there are no stacks")
    } else {
        error.with_help(format!("there are: {}", known.join(", ")))
    }
}

#[cfg(test)]
mod tests;
