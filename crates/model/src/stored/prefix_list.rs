//! Managed prefix lists, with the versions that are on record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{range, stored_as, tag_list};
use crate::{AccountId, Family, PrefixList, PrefixListEntry, PrefixListId, Tags};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredList {
    prefix_list_id: PrefixListId,
    prefix_list_name: String,
    owner_id: AccountId,
    address_family: String,
    max_entries: u32,
    version: u64,
    versions: Vec<StoredVersion>,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredVersion {
    version: u64,
    entries: Vec<StoredEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredEntry {
    cidr: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

stored_as! { PrefixList => StoredList; }

impl From<&PrefixList> for StoredList {
    fn from(list: &PrefixList) -> Self {
        let entry = |entry: &PrefixListEntry| StoredEntry {
            cidr: entry.cidr.to_string(),
            description: entry.description.clone(),
        };
        let versions = list.versions.iter();
        Self {
            prefix_list_id: list.id.clone(),
            prefix_list_name: list.name.clone(),
            owner_id: list.owner.clone(),
            address_family: list.family.to_string(),
            max_entries: list.max_entries,
            version: list.version,
            versions: versions
                .map(|(&version, entries)| StoredVersion {
                    version,
                    entries: entries.iter().map(entry).collect(),
                })
                .collect(),
            tags: list.tags.clone(),
        }
    }
}

impl TryFrom<StoredList> for PrefixList {
    type Error = String;

    fn try_from(stored: StoredList) -> Result<Self, String> {
        let family = Family::BOTH
            .into_iter()
            .find(|family| family.to_string() == stored.address_family)
            .ok_or_else(|| format!("`{}` is neither IPv4 nor IPv6", stored.address_family))?;
        let mut versions = BTreeMap::new();
        for StoredVersion { version, entries } in stored.versions {
            let entries = entries
                .into_iter()
                .map(StoredEntry::parse)
                .collect::<Result<_, _>>()?;
            if versions.insert(version, entries).is_some() {
                return Err(format!("version {version} is there twice"));
            }
        }
        Ok(Self {
            id: stored.prefix_list_id,
            name: stored.prefix_list_name,
            owner: stored.owner_id,
            family,
            max_entries: stored.max_entries,
            version: stored.version,
            versions,
            tags: stored.tags,
            origin: None,
        })
    }
}

impl StoredEntry {
    fn parse(self) -> Result<PrefixListEntry, String> {
        Ok(PrefixListEntry {
            cidr: range(&self.cidr)?,
            description: self.description,
        })
    }
}
