//! Managed prefix lists (E49).

use std::borrow::Cow;

use secgroup_ec2::prefix_lists::{self, CreatePrefixList};
use secgroup_ec2::{Site, State};
use secgroup_model::{
    ModelError, PrefixList, PrefixListChange, PrefixListId, RawEntry, RawPrefixList, Tags,
};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Params, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateManagedPrefixList", Action::Write(create)),
    ("DeleteManagedPrefixList", Action::Write(delete)),
    ("DescribeManagedPrefixLists", Action::Read(describe)),
    ("DescribePrefixLists", Action::Read(describe_services)),
    (
        "GetManagedPrefixListAssociations",
        Action::Read(associations),
    ),
    ("GetManagedPrefixListEntries", Action::Read(entries)),
    ("ModifyManagedPrefixList", Action::Write(modify)),
    ("RestoreManagedPrefixListVersion", Action::Write(restore)),
];

/// What `DescribeManagedPrefixLists` can be filtered by (E24).
const FILTERS: &[&str] = &["owner-id", "prefix-list-id", "prefix-list-name", "tag"];
/// What `DescribePrefixLists` can be filtered by.
const SERVICE_FILTERS: &[&str] = &["prefix-list-id", "prefix-list-name"];

impl Filterable for PrefixList {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "owner-id" => vec![self.owner.as_str().into()],
            "prefix-list-id" => vec![self.id.as_str().into()],
            "prefix-list-name" => vec![self.name.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let text = |name| params.text(name).map(str::to_owned);
    let request = CreatePrefixList {
        list: RawPrefixList {
            name: text("PrefixListName"),
            family: text("AddressFamily"),
            max_entries: params.integer("MaxEntries")?,
            entries: raw_entries(params, "Entry")?,
        },
        tags: params.tag_specifications("prefix-list")?,
        token: params.client_token("CreateManagedPrefixList")?,
    };
    let id = prefix_lists::create(call.edit, call.caller, request)?;
    one(call, &id)
}

fn modify(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id("PrefixListId", PrefixListId::parse)?;
    let mut remove = Vec::new();
    for entry in params.items("RemoveEntry") {
        remove.push(entry.required("Cidr")?.to_owned());
    }
    let change = PrefixListChange {
        current_version: params.integer("CurrentVersion")?,
        name: params.text("PrefixListName").map(str::to_owned),
        max_entries: params.integer("MaxEntries")?,
        add: raw_entries(params, "AddEntry")?,
        remove,
    };
    prefix_lists::modify(call.edit, call.caller, &id, change)?;
    one(call, &id)
}

fn raw_entries(params: &Params, name: &str) -> Result<Vec<RawEntry>, ModelError> {
    params
        .items(name)
        .map(|entry| {
            Ok(RawEntry {
                cidr: entry.required("Cidr")?.to_owned(),
                description: entry.text("Description").map(str::to_owned),
            })
        })
        .collect()
}

fn restore(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let version = |name| {
        let version = params.integer(name)?;
        version.ok_or_else(|| params.missing(name))
    };
    let id = params.id("PrefixListId", PrefixListId::parse)?;
    let (previous, current) = (version("PreviousVersion")?, version("CurrentVersion")?);
    prefix_lists::restore(call.edit, call.caller, &id, previous, current)?;
    one(call, &id)
}

/// The answer has the list as it was.
fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("PrefixListId", PrefixListId::parse)?;
    let list = prefix_lists::delete(call.edit, call.caller, &id)?;
    let mut xml = Xml::new();
    xml.element("prefixList", |xml| {
        write(xml, call.edit.site(), &list, ("delete-complete", None));
    });
    Ok(xml)
}

fn one(call: &Write<'_, '_>, id: &PrefixListId) -> Result<Xml, ModelError> {
    let state = call.edit.state();
    let list = prefix_lists::known(state, call.caller, id)?;
    let mut xml = Xml::new();
    xml.element("prefixList", |xml| {
        write(xml, call.edit.site(), list, progress(state, id));
    });
    Ok(xml)
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let (chosen, page) = choose(call, FILTERS)?;
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "prefixListSet",
        chosen,
        |list| list.id.to_string(),
        |xml, list| write(xml, call.site, list, progress(call.state, &list.id)),
    );
    Ok(xml)
}

/// The lists of AWS services, in the older form.
fn describe_services(call: &Read<'_>) -> Result<Xml, ModelError> {
    let (chosen, page) = choose(call, SERVICE_FILTERS)?;
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "prefixListSet",
        chosen
            .into_iter()
            .filter(|list| prefix_lists::is_of_aws(list)),
        |list| list.id.to_string(),
        |xml, list| {
            xml.text("prefixListId", &list.id);
            xml.text("prefixListName", &list.name);
            xml.texts("cidrSet", list.entries().iter().map(|entry| entry.cidr));
        },
    );
    Ok(xml)
}

/// The lists that the caller sees, by ids and filters, and the page that is asked for.
fn choose<'a>(
    call: &Read<'a>,
    known_filters: &[&str],
) -> Result<(Vec<&'a PrefixList>, Page), ModelError> {
    let ids = call.params.ids("PrefixListId", PrefixListId::parse)?;
    let filters = Filters::read(call.params, known_filters)?;
    let page = Page::read(call.params, 1..=100, None)?;
    for id in &ids {
        prefix_lists::known(call.state, call.caller, id)?;
    }
    let lists = prefix_lists::visible(call.state, &call.caller.account)
        .filter(|list| ids.is_empty() || ids.contains(&list.id))
        .filter(|list| filters.matches(*list));
    Ok((lists.collect(), page))
}

fn entries(call: &Read<'_>) -> Result<Xml, ModelError> {
    let id = call.params.id("PrefixListId", PrefixListId::parse)?;
    let version = call.params.integer("TargetVersion")?;
    let page = Page::read(call.params, 1..=100, None)?;
    let list = prefix_lists::known(call.state, call.caller, &id)?;
    let entries = prefix_lists::entries(list, version)?.iter().enumerate();
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "entrySet",
        entries,
        |(place, _)| format!("{place:08}"),
        |xml, (_, entry)| {
            xml.text("cidr", entry.cidr);
            xml.optional("description", entry.description.as_ref());
        },
    );
    Ok(xml)
}

fn associations(call: &Read<'_>) -> Result<Xml, ModelError> {
    let id = call.params.id("PrefixListId", PrefixListId::parse)?;
    let page = Page::read(call.params, 5..=255, None)?;
    prefix_lists::known(call.state, call.caller, &id)?;
    let account = &call.caller.account;
    let groups = prefix_lists::associations(call.state, &id).into_iter();
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "prefixListAssociationSet",
        // Everybody may refer to a list of AWS; nobody learns of others who do.
        groups.filter(|(_, owner)| *owner == account),
        |(group, _)| group.to_string(),
        |xml, (group, owner)| {
            xml.text("resourceId", group);
            xml.text("resourceOwner", owner);
        },
    );
    Ok(xml)
}

/// What the last change came to, and why.
fn progress<'a>(state: &'a State, id: &PrefixListId) -> (&'static str, Option<&'a str>) {
    let (code, message) = prefix_lists::state_of(state, id);
    (code.as_str(), message)
}

fn write(xml: &mut Xml, site: &Site, list: &PrefixList, progress: (&str, Option<&str>)) {
    xml.text("prefixListId", &list.id);
    xml.text("addressFamily", list.family);
    xml.text("state", progress.0);
    xml.optional("stateMessage", progress.1);
    xml.text("prefixListArn", list.id.arn(&site.region, &list.owner));
    xml.text("prefixListName", &list.name);
    xml.text("maxEntries", list.max_entries);
    xml.text("version", list.version);
    xml.tags(&list.tags);
    xml.text("ownerId", &list.owner);
}

#[cfg(test)]
mod tests;
