//! Tags (E50, E58).

use std::borrow::Cow;

use secgroup_ec2::tags::{self, Resource, TagPattern};
use secgroup_model::{ModelError, Tags};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Params, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateTags", Action::Write(create)),
    ("DeleteTags", Action::Write(delete)),
    ("DescribeTags", Action::Read(describe)),
];

/// What `DescribeTags` can be filtered by (E24).
const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "tag", "value"];

/// A tag, and what it is on.
struct Tag<'a> {
    resource: &'a Resource,
    key: &'a str,
    value: &'a str,
    /// Itself alone, for the filters by key.
    alone: Tags,
}

impl Filterable for Tag<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "key" => vec![self.key.into()],
            "resource-id" => vec![self.resource.id().into()],
            "resource-type" => vec![self.resource.kind().into()],
            "value" => vec![self.value.into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.alone)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let resources = resources(call.params)?;
    let tags = call.params.tags()?;
    if tags.is_empty() {
        return Err(call.params.missing("Tag"));
    }
    tags::create(call.edit, call.caller, &resources, &tags)?;
    Ok(Xml::done())
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let resources = resources(call.params)?;
    let mut patterns = Vec::new();
    for tag in call.params.items("Tag") {
        patterns.push(TagPattern {
            key: tag
                .text("Key")
                .ok_or_else(|| tag.missing("Key"))?
                .to_owned(),
            value: tag.text("Value").map(str::to_owned),
        });
    }
    let patterns = call.params.has("Tag").then_some(patterns.as_slice());
    tags::delete(call.edit, call.caller, &resources, patterns)?;
    Ok(Xml::done())
}

fn resources(params: &Params) -> Result<Vec<Resource>, ModelError> {
    let resources = params.ids("ResourceId", Resource::parse)?;
    if resources.is_empty() {
        return Err(params.missing("ResourceId"));
    }
    Ok(resources)
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, None)?;
    let tagged = tags::tagged(call.state, &call.caller.account, call.now);
    let mut chosen: Vec<_> = tagged
        .iter()
        .flat_map(|(resource, tags)| tags.iter().map(move |(key, value)| (resource, key, value)))
        .map(|(resource, key, value)| Tag {
            resource,
            key,
            value,
            alone: Tags::from([(key.clone(), value.clone())]),
        })
        .filter(|tag| filters.matches(tag))
        .collect();
    chosen.sort_by_cached_key(place);
    let mut xml = Xml::new();
    page.write(&mut xml, "tagSet", chosen, place, |xml, tag| {
        xml.text("resourceId", tag.resource.id());
        xml.text("resourceType", tag.resource.kind());
        xml.text("key", tag.key);
        xml.text("value", tag.value);
    });
    Ok(xml)
}

/// Where a tag stands in the list: by resource, then by key. Ids have no spaces.
fn place(tag: &Tag<'_>) -> String {
    format!("{} {}", tag.resource.id(), tag.key)
}

#[cfg(test)]
mod tests;
