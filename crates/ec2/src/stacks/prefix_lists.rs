//! Managed prefix lists of a stack. A change of entries makes a new version (B30), so what does not change is not touched.

use secgroup_model::{
    ErrorCode, ModelError, PrefixList, PrefixListChange, PrefixListEntry, PrefixListId, RawEntry,
    RawPrefixList,
};

use super::changes::{Detail, Kind};
use super::work::{Work, checked, retag};
use crate::PrefixListCode;
use crate::prefix_lists::{self, CreatePrefixList};

/// Makes the lists.
pub(super) fn make(work: &mut Work<'_, '_>) {
    for list in work.wanted.prefix_lists.values() {
        let outcome = make_list(work, list);
        work.settle(list.id.as_str(), list.origin.as_ref(), outcome);
    }
}

fn make_list(work: &mut Work<'_, '_>, wanted: &PrefixList) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    if let Some(id) = work.kept(logical).map(PrefixListId::new) {
        let mut details = modify(work, &id, wanted)?;
        if let Some(list) = work.edit.get_mut::<PrefixList>(&id) {
            details.extend(retag(&mut list.tags, &wanted.tags)?);
        }
        work.modified(logical, Kind::PrefixList, id.as_str(), details);
        return Ok(());
    }
    let request = CreatePrefixList {
        list: RawPrefixList {
            name: Some(wanted.name.clone()),
            family: Some(wanted.family.to_string()),
            max_entries: Some(wanted.max_entries.into()),
            entries: wanted.entries().iter().map(raw).collect(),
        },
        tags: checked(&wanted.tags)?,
        token: None,
    };
    let id = prefix_lists::create(work.edit, work.caller, request)?;
    let mut details = vec![Detail::plus(format!("name {}", wanted.name))];
    details.extend(
        wanted
            .entries()
            .iter()
            .map(|entry| Detail::plus(shown(entry))),
    );
    work.made(logical, Kind::PrefixList, id.as_str(), details);
    Ok(())
}

/// Changes name, size and entries. Size and entries are two changes (B30), the one that makes room first.
fn modify(
    work: &mut Work<'_, '_>,
    id: &PrefixListId,
    wanted: &PrefixList,
) -> Result<Vec<Detail>, ModelError> {
    let present = prefix_lists::known(work.edit.state(), work.caller, id)?.clone();
    let mut details = Vec::new();
    if present.name != wanted.name {
        details.push(Detail::becomes("name", &present.name, &wanted.name));
        let change = PrefixListChange {
            name: Some(wanted.name.clone()),
            ..PrefixListChange::default()
        };
        prefix_lists::modify(work.edit, work.caller, id, change)?;
    }
    if present.max_entries < wanted.max_entries {
        details.push(resize(work, id, &present, wanted)?);
    }
    details.extend(replace_entries(work, id, &present, wanted)?);
    if present.max_entries > wanted.max_entries {
        details.push(resize(work, id, &present, wanted)?);
    }
    Ok(details)
}

/// Changes the size. That a group has no room for a greater one is a state of a list, but an error of a stack (B22).
fn resize(
    work: &mut Work<'_, '_>,
    id: &PrefixListId,
    present: &PrefixList,
    wanted: &PrefixList,
) -> Result<Detail, ModelError> {
    let change = PrefixListChange {
        max_entries: Some(wanted.max_entries.into()),
        ..PrefixListChange::default()
    };
    prefix_lists::modify(work.edit, work.caller, id, change)?;
    let (code, message) = prefix_lists::state_of(work.edit.state(), id);
    if code == PrefixListCode::ModifyFailed {
        let message =
            message.unwrap_or("The maximum number of rules per security group has been reached.");
        return Err(
            ModelError::new(ErrorCode::RulesPerSecurityGroupLimitExceeded, message)
                .with_help("a group with a rule for the list has no room for one of this size"),
        );
    }
    Ok(Detail::becomes(
        "room for entries",
        present.max_entries,
        wanted.max_entries,
    ))
}

fn replace_entries(
    work: &mut Work<'_, '_>,
    id: &PrefixListId,
    present: &PrefixList,
    wanted: &PrefixList,
) -> Result<Vec<Detail>, ModelError> {
    let (old, new) = (present.entries(), wanted.entries());
    let gone: Vec<&PrefixListEntry> = old.iter().filter(|entry| !new.contains(entry)).collect();
    let added: Vec<&PrefixListEntry> = new.iter().filter(|entry| !old.contains(entry)).collect();
    if gone.is_empty() && added.is_empty() {
        return Ok(Vec::new());
    }
    let change = PrefixListChange {
        current_version: Some(present.version),
        add: added.iter().map(|entry| raw(entry)).collect(),
        remove: gone.iter().map(|entry| entry.cidr.to_string()).collect(),
        ..PrefixListChange::default()
    };
    prefix_lists::modify(work.edit, work.caller, id, change)?;
    let gone = gone.into_iter().map(|entry| Detail::minus(shown(entry)));
    let added = added.into_iter().map(|entry| Detail::plus(shown(entry)));
    Ok(gone.chain(added).collect())
}

fn raw(entry: &PrefixListEntry) -> RawEntry {
    RawEntry {
        cidr: entry.cidr.to_string(),
        description: entry.description.clone(),
    }
}

fn shown(entry: &PrefixListEntry) -> String {
    let said = entry.description.as_ref();
    let said = said.map_or_else(String::new, |text| format!(" “{text}”"));
    format!("{}{said}", entry.cidr)
}
