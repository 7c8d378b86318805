//! Prefix lists, and the entries that were printed apart from them.

use std::collections::btree_map::Entry;

use secgroup_model::{Inventory, PrefixList, PrefixListEntry, PrefixListId, parse_cidr};

use super::{differs, once};
use crate::collect::{Collected, FoundEntries};
use crate::common::model_error;
use crate::diagnostic::{Draft, Sink};

/// Puts lists and entries together.
pub(super) fn merge(collected: &mut Collected, inventory: &mut Inventory, sink: &Sink<'_>) {
    let lists = std::mem::take(&mut collected.prefix_lists);
    let lists = once(lists, "prefix list", |list| list.id.clone(), same, sink);
    let spans: std::collections::BTreeMap<_, _> = lists
        .iter()
        .map(|(id, (_, span))| (id.clone(), *span))
        .collect();
    inventory.prefix_lists = lists
        .into_iter()
        .map(|(id, (list, _))| (id, list))
        .collect();
    // Those that say of which list they are come first: what is left may then be clear.
    let mut entries = std::mem::take(&mut collected.entries);
    entries.sort_by_key(|found| found.list.is_none());
    for found in entries {
        if let Some(id) = owner(&found, inventory, sink)
            && let Some(list) = inventory.prefix_lists.get_mut(&id)
        {
            add(list, found, sink);
        }
    }
    for (id, list) in &inventory.prefix_lists {
        if !list.versions.contains_key(&list.version) {
            let span = spans[id];
            let message =
                format!("the entries of prefix list {id} are not known: it matches nothing");
            let help = format!(
                "load them too: `aws ec2 get-managed-prefix-list-entries --prefix-list-id {id} \
                 > {id}.json`"
            );
            sink.push(Draft::warning(span, message).help(help));
        }
    }
}

fn same(a: &PrefixList, b: &PrefixList) -> bool {
    (&a.name, &a.owner, a.family, a.version) == (&b.name, &b.owner, b.family, b.version)
        && (a.versions == b.versions || a.versions.is_empty() || b.versions.is_empty())
}

/// The list that entries belong to.
fn owner(found: &FoundEntries, inventory: &Inventory, sink: &Sink<'_>) -> Option<PrefixListId> {
    if let Some(id) = &found.list {
        if inventory.prefix_lists.contains_key(id) {
            return Some(id.clone());
        }
        let message = format!("these are entries of prefix list {id}, which no file describes");
        let help = "load the output of `aws ec2 describe-managed-prefix-lists` too";
        sink.push(Draft::error(found.span, message).help(help));
        return None;
    }
    let lacking: Vec<_> = inventory
        .prefix_lists
        .values()
        .filter(|list| !list.versions.contains_key(&list.version))
        .map(|list| list.id.clone())
        .collect();
    if let [only] = &lacking[..] {
        return Some(only.clone());
    }
    let message = if lacking.is_empty() {
        "these are entries of a prefix list, but no list lacks entries".to_owned()
    } else {
        let ids: Vec<_> = lacking.iter().map(PrefixListId::as_str).collect();
        format!(
            "of which prefix list are these entries: {}?",
            ids.join(", ")
        )
    };
    let help = "name the file after the list, `pl-....json`, or add `\"PrefixListId\": \"pl-...\"` \
                at its top";
    sink.push(Draft::error(found.span, message).help(help));
    None
}

fn add(list: &mut PrefixList, found: FoundEntries, sink: &Sink<'_>) {
    let version = found.version.unwrap_or(list.version);
    let mut entries = Vec::with_capacity(found.entries.len());
    for (cidr, description, span) in found.entries {
        match parse_cidr(&cidr, list.family) {
            Ok((cidr, _)) => entries.push(PrefixListEntry { cidr, description }),
            Err(error) => sink.push(model_error(error, span)),
        }
    }
    match list.versions.entry(version) {
        Entry::Vacant(vacant) => {
            vacant.insert(entries);
        }
        Entry::Occupied(known) if *known.get() != entries => {
            let id = &list.id;
            sink.push(differs(
                "the content of prefix list",
                id,
                found.span,
                found.span,
            ));
        }
        Entry::Occupied(_) => {}
    }
}
