//! Managed prefix lists (semantics A26, B30, B31).

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{AccountId, Family, Origin, PrefixListId, Tags};

/// A managed prefix list, with its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixList {
    /// Its id.
    pub id: PrefixListId,
    /// Its name.
    pub name: String,
    /// The account that owns it; `AWS` owns the ones of AWS services.
    pub owner: AccountId,
    /// The family of all its entries.
    pub family: Family,
    /// How many entries it may hold: what it weighs in a rule quota (B18).
    pub max_entries: u32,
    /// The current version.
    pub version: u64,
    /// The entries of each version that is known; the current one among them.
    pub versions: BTreeMap<u64, Vec<PrefixListEntry>>,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl PrefixList {
    /// The entries of the current version: what a rule with this peer matches.
    #[must_use]
    pub fn entries(&self) -> &[PrefixListEntry] {
        self.versions.get(&self.version).map_or(&[], Vec::as_slice)
    }
}

/// One entry of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixListEntry {
    /// The range, without host bits.
    pub cidr: IpNet,
    /// Its description.
    pub description: Option<String>,
}
