//! `AWS::EC2::PrefixList` (B30).

use secgroup_model::{Part, PrefixListId, PrefixListQuotas, RawEntry, RawPrefixList};

use super::convert::{Item, Scope};
use crate::collect::{Collected, Found, report};
use crate::common::tags;
use crate::reader::Need;

/// Takes down a list: its entries are as good as rules.
pub(super) fn convert(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let name = object.text("PrefixListName", Need::Shown);
    let family = object.text("AddressFamily", Need::Rule);
    let max = object.integer("MaxEntries", Need::Rule);
    let mut entries = Vec::new();
    let mut spans = Vec::new();
    for (at, value) in object.list("Entries", Need::Rule) {
        let what = format!("entry {at} of {}", object.what);
        let Some(entry) = object.inner(&format!("Entries[{at}]"), value, what) else {
            continue;
        };
        entry.check_keys(&["Cidr", "Description"]);
        let cidr = entry.required_text("Cidr", Need::Rule);
        let description = entry.text("Description", Need::Shown);
        object.inherit(&entry);
        if let Some((cidr, span)) = cidr {
            let description = description.map(|(text, _)| text.to_string());
            entries.push(RawEntry {
                cidr: cidr.to_string(),
                description,
            });
            spans.push(span);
        }
    }
    let tags = tags(&object, "Tags");
    if object.failed() {
        return;
    }
    let raw = RawPrefixList {
        name: name.as_ref().map(|(text, _)| text.to_string()),
        family: family.as_ref().map(|(text, _)| text.to_string()),
        max_entries: max.map(|(count, _)| count),
        entries,
    };
    let id = PrefixListId::new(&item.id);
    match raw.parse(id, scope.account(), &PrefixListQuotas::default()) {
        Ok((mut list, _)) => {
            list.tags = tags;
            list.origin = scope.origin(item.span);
            collected.prefix_lists.push(Found {
                thing: list,
                span: item.span,
            });
        }
        Err(errors) => report(errors, object.sink, |part| match part {
            Part::Entry(at) => spans.get(at).copied().unwrap_or(item.span),
            Part::MaxEntries => max.map_or(item.span, |(_, span)| span),
            Part::Name => name.as_ref().map_or(item.span, |(_, span)| *span),
            _ => item.span,
        }),
    }
}
