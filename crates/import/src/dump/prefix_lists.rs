//! `describe-managed-prefix-lists`, `get-managed-prefix-list-entries`, and `describe-prefix-lists`
//! of AWS's own lists.

use std::collections::BTreeMap;
use std::path::Path;

use secgroup_model::{AccountId, Family, PrefixList, PrefixListEntry, PrefixListId, parse_cidr};

use super::{Page, text};
use crate::collect::{Collected, Found, FoundEntries, origin};
use crate::common::{model_error, tags};
use crate::diagnostic::{Draft, Sink};
use crate::node::{Entry, Node};
use crate::reader::{Need, Object};
use crate::source::{Sources, Span};
use crate::value::{Value, ValueKind};

/// Takes down a list. Its entries are printed by another command.
pub(super) fn read_list(object: &Object<'_, '_>, page: &Page<'_>, collected: &mut Collected) {
    let Some((id, span)) = object.required_text("PrefixListId", Need::Rule) else {
        return;
    };
    let cidrs = cidrs(object);
    let family = family(object, &cidrs);
    let max = object
        .integer("MaxEntries", Need::Rule)
        .map(|(count, _)| count);
    let version = object
        .integer("Version", Need::Rule)
        .map(|(version, _)| version);
    let Some(family) = family else { return };
    if object.failed() {
        return;
    }
    let version = version
        .and_then(|version| u64::try_from(version).ok())
        .unwrap_or(1);
    // AWS's own lists have no size of their own; what they weigh in a quota the model knows (B18).
    let max = max.and_then(|count| u32::try_from(count).ok());
    let max = max.unwrap_or_else(|| u32::try_from(cidrs.len()).unwrap_or(u32::MAX));
    let mut versions = BTreeMap::new();
    if !cidrs.is_empty() {
        let entry = |(net, _): (ipnet::IpNet, Span)| PrefixListEntry {
            cidr: net,
            description: None,
        };
        versions.insert(version, cidrs.into_iter().map(entry).collect());
    }
    let name = text(object, "PrefixListName").unwrap_or_else(|| id.to_string());
    let owner = text(object, "OwnerId").unwrap_or_else(|| {
        let aws = name.starts_with("com.amazonaws.");
        if aws {
            "AWS".to_owned()
        } else {
            page.account.to_owned()
        }
    });
    let list = PrefixList {
        id: PrefixListId::new(&id),
        name,
        owner: AccountId::new(&owner),
        family,
        max_entries: max,
        version,
        versions,
        tags: tags(object, "Tags"),
        origin: origin(object.sink.sources, span),
    };
    collected.prefix_lists.push(Found { thing: list, span });
}

/// `Cidrs`, which `describe-prefix-lists` prints.
fn cidrs(object: &Object<'_, '_>) -> Vec<(ipnet::IpNet, Span)> {
    let items = object.list("Cidrs", Need::Rule).into_iter();
    let texts =
        items.filter_map(|(at, item)| object.as_text(&format!("Cidrs[{at}]"), item, Need::Rule));
    texts
        .filter_map(|(text, span)| {
            let family = if text.contains(':') {
                Family::V6
            } else {
                Family::V4
            };
            match parse_cidr(&text, family) {
                Ok((net, _)) => Some((net, span)),
                Err(error) => {
                    object.fail(model_error(error, span));
                    None
                }
            }
        })
        .collect()
}

/// `AddressFamily`, or that of the entries.
fn family(object: &Object<'_, '_>, cidrs: &[(ipnet::IpNet, Span)]) -> Option<Family> {
    match object.text("AddressFamily", Need::Rule) {
        Some((text, _)) if text.eq_ignore_ascii_case("ipv4") => Some(Family::V4),
        Some((text, _)) if text.eq_ignore_ascii_case("ipv6") => Some(Family::V6),
        Some((text, span)) => {
            let draft = Draft::error(span, format!("there is no address family `{text}`"));
            object.fail(draft.help("IPv4 or IPv6"));
            None
        }
        None => Some(match cidrs.first() {
            Some((ipnet::IpNet::V6(_), _)) => Family::V6,
            _ => Family::V4,
        }),
    }
}

/// Takes down the entries of a list: of the one that the file names (`PrefixListId` at the top, or
/// the file's own name), or of one that the merge must find.
pub(super) fn read_entries(
    root: &Node,
    entry: &Entry,
    page: &Page<'_>,
    sink: &Sink<'_>,
    collected: &mut Collected,
) {
    let mut entries = Vec::new();
    for (at, item) in super::items(root, &entry.key, sink).iter().enumerate() {
        let value = Value::literal(item);
        let ValueKind::Map(fields) = &value.kind else {
            let message = format!(
                "`Entries[{at}]` must be an object, not {}",
                value.describe()
            );
            sink.push(Draft::error(item.span, message));
            continue;
        };
        let object = Object::of_dump(fields, item.span, format!("entry {at}"), sink);
        let description = text(&object, "Description");
        if let Some((cidr, span)) = object.required_text("Cidr", Need::Rule) {
            entries.push((cidr.to_string(), description, span));
        }
    }
    let list = page.prefix_list.map(str::to_owned);
    let list = list.or_else(|| list_of_file(sink.sources, entry.key_span));
    let version = root
        .get("Version")
        .and_then(Node::text)
        .and_then(|text| text.parse().ok());
    let list = list.map(|id| PrefixListId::new(&id));
    collected.entries.push(FoundEntries {
        list,
        entries,
        version,
        span: entry.key_span,
    });
}

/// The list after which a file is named: `pl-0123456789abcdef0.json`, `entries-pl-1a2b3c4d.json`.
fn list_of_file(sources: &Sources, span: Span) -> Option<String> {
    let stem = Path::new(sources.name(span.source)).file_stem()?.to_str()?;
    let start = stem.match_indices("pl-").map(|(at, _)| at).find(|&at| {
        let before = stem[..at].chars().next_back();
        !before.is_some_and(char::is_alphanumeric)
    })?;
    let rest = &stem[start + 3..];
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    (end > 0).then(|| format!("pl-{}", &rest[..end]))
}
