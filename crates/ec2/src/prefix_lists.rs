//! Managed prefix lists (semantics B18, B22, B23, B30, B31).
//!
//! What a list is, and what a change of it may be, is the model's. Here stand who may change it, and that a list that groups refer to
//! grows only where each of them has room: otherwise the call succeeds, the list stays as it was, and its state tells why (B22).

use std::collections::BTreeMap;

use secgroup_model::{
    AccountId, ErrorCode, GroupId, ModelError, PrefixList, PrefixListChange, PrefixListEntry,
    PrefixListId, RawPrefixList, Tags,
};

use crate::tokens::{ClientToken, once};
use crate::{Caller, Edit, PrefixListCode, PrefixListState, State};

/// The owner of the lists of AWS services, which everybody sees and nobody changes.
const AWS: &str = "AWS";

/// What `CreateManagedPrefixList` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePrefixList {
    /// The list as it was typed.
    pub list: RawPrefixList,
    /// Its tags.
    pub tags: Tags,
    /// What makes the same call create once.
    pub token: Option<ClientToken>,
}

/// Creates a list in its first version.
///
/// # Errors
/// What is wrong with the list (B30), or `ResourceCountExceeded` (B23).
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreatePrefixList,
) -> Result<PrefixListId, ModelError> {
    let CreatePrefixList { list, tags, token } = request;
    let created = once(edit, caller, token.as_ref(), |edit| {
        let id = edit.fresh::<PrefixList>(PrefixListId::from_random);
        let quotas = &edit.site().quotas;
        let (mut list, _) = list
            .parse(id.clone(), caller.account.clone(), &quotas.prefix_lists)
            .map_err(ModelError::first)?;
        quotas.check_prefix_lists(edit.inventory(), &list)?;
        list.tags = tags;
        edit.put(id.clone(), list);
        settle(edit, &id, PrefixListCode::CreateComplete, None);
        Ok(vec![id.to_string()])
    })?;
    let id = PrefixListId::new(created.first().map_or("", String::as_str));
    known(edit.state(), caller, &id)?; // What the token stands for may have been deleted since.
    Ok(id)
}

/// Changes name, size or entries.
///
/// # Errors
/// `InvalidPrefixListID.NotFound`, `OperationNotPermitted` for a list of AWS, or what is wrong with the change (B30). That groups have no
/// room is not an error, but a state (B22).
pub fn modify(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &PrefixListId,
    change: PrefixListChange,
) -> Result<(), ModelError> {
    let before = known_own(edit.state(), caller, id)?;
    let (name, size) = (before.name.clone(), before.max_entries);
    let quotas = &edit.site().quotas;
    let list = own_mut(edit, id)?;
    list.modify(change, &quotas.prefix_lists)
        .map_err(ModelError::first)?;
    let wanted = list.max_entries;
    if wanted > size {
        list.max_entries = size;
        if let Err(full) = edit.inventory().check_resize(id, wanted, quotas) {
            own_mut(edit, id)?.name = name;
            let why = Some(full.message);
            settle(edit, id, PrefixListCode::ModifyFailed, why);
            return Ok(());
        }
        own_mut(edit, id)?.max_entries = wanted;
    }
    settle(edit, id, PrefixListCode::ModifyComplete, None);
    Ok(())
}

/// Makes the entries of a former version those of a new one (B31).
///
/// # Errors
/// `InvalidPrefixListID.NotFound`, `OperationNotPermitted` for a list of AWS, `PrefixListVersionMismatch`, `InvalidParameterValue` for a
/// version that is not on record, `PrefixListMaxEntriesExceeded`.
pub fn restore(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &PrefixListId,
    previous: u64,
    current: u64,
) -> Result<(), ModelError> {
    known_own(edit.state(), caller, id)?;
    let quotas = &edit.site().quotas.prefix_lists;
    own_mut(edit, id)?.restore(previous, current, quotas)?;
    settle(edit, id, PrefixListCode::RestoreComplete, None);
    Ok(())
}

/// Deletes a list, and answers with it.
///
/// # Errors
/// `InvalidPrefixListID.NotFound`, `OperationNotPermitted` for a list of AWS, or `DependencyViolation` while a rule refers to it (B31).
pub fn delete(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &PrefixListId,
) -> Result<PrefixList, ModelError> {
    known_own(edit.state(), caller, id)?;
    edit.inventory().check_prefix_list_deletion(id)?;
    edit.remove::<PrefixListState>(id);
    edit.remove::<PrefixList>(id).ok_or_else(|| unknown(id))
}

/// Every list that the caller sees, in the order of ids: the account's own, and those of AWS.
pub fn visible<'a>(state: &'a State, account: &AccountId) -> impl Iterator<Item = &'a PrefixList> {
    let lists = state.inventory.prefix_lists.values();
    lists.filter(move |list| list.owner == *account || is_of_aws(list))
}

/// Whether it is the list of an AWS service.
#[must_use]
pub fn is_of_aws(list: &PrefixList) -> bool {
    list.owner.as_str() == AWS
}

/// The list of this id, if the caller sees it.
///
/// # Errors
/// `InvalidPrefixListID.NotFound` (E63).
pub fn known<'a>(
    state: &'a State,
    caller: &Caller,
    id: &PrefixListId,
) -> Result<&'a PrefixList, ModelError> {
    let list = state.inventory.prefix_lists.get(id);
    list.filter(|list| list.owner == caller.account || is_of_aws(list))
        .ok_or_else(|| unknown(id))
}

/// The entries of a version; of the current one for `None`.
///
/// # Errors
/// `InvalidParameterValue` for a version that is not on record.
pub fn entries(list: &PrefixList, version: Option<u64>) -> Result<&[PrefixListEntry], ModelError> {
    let version = version.unwrap_or(list.version);
    let entries = list.versions.get(&version).map(Vec::as_slice);
    entries.ok_or_else(|| {
        ModelError::value(format!("The prefix list has no version {version}"))
            .with_help(format!("the current version is {}", list.version))
    })
}

/// Who refers to a list: the groups and their accounts (B31).
#[must_use]
pub fn associations<'a>(
    state: &'a State,
    id: &PrefixListId,
) -> BTreeMap<&'a GroupId, &'a AccountId> {
    let references = state.inventory.prefix_list_references(id);
    references
        .map(|(group, _)| (&group.id, &group.owner))
        .collect()
}

/// What the last change of a list came to. One that no call made is complete.
#[must_use]
pub fn state_of<'a>(state: &'a State, id: &PrefixListId) -> (PrefixListCode, Option<&'a str>) {
    match state.prefix_lists.get(id) {
        Some(state) => (state.code, state.message.as_deref()),
        None => (PrefixListCode::CreateComplete, None),
    }
}

fn settle(edit: &mut Edit<'_>, id: &PrefixListId, code: PrefixListCode, message: Option<String>) {
    edit.put(id.clone(), PrefixListState { code, message });
}

/// The same, if the caller may change it.
fn known_own<'a>(
    state: &'a State,
    caller: &Caller,
    id: &PrefixListId,
) -> Result<&'a PrefixList, ModelError> {
    let list = known(state, caller, id)?;
    if is_of_aws(list) {
        return Err(ModelError::new(
            ErrorCode::OperationNotPermitted,
            format!("The prefix list '{id}' is managed by AWS and cannot be changed"),
        ));
    }
    Ok(list)
}

fn own_mut<'e>(
    edit: &'e mut Edit<'_>,
    id: &PrefixListId,
) -> Result<&'e mut PrefixList, ModelError> {
    edit.get_mut::<PrefixList>(id).ok_or_else(|| unknown(id))
}

/// E63.
fn unknown(id: &PrefixListId) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidPrefixListIdNotFound,
        format!("The prefix list ID '{id}' does not exist"),
    )
}
