//! Managed prefix lists (semantics A26, B30, B31).
//!
//! A list has a family and a size for its whole content, and a version for each content it ever
//! had: a change of entries makes the next version, a change of name or size does not. A rule
//! always means the current one (A26), and weighs as much as the list may hold, not as much as it
//! holds (B18). Changes are all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::text::MAX_CHARS;
use crate::{
    AccountId, ErrorCode, Family, ModelError, Note, Origin, Part, PrefixListId, PrefixListQuotas,
    Tags, parse_cidr,
};

/// The owner of the lists of AWS services.
const AWS: &str = "AWS";

/// Names that start with this are those of AWS services (B30).
const RESERVED_PREFIX: &str = "com.amazonaws";

/// What a list of an AWS service weighs in a rule quota, by the end of its name (B18).
const WEIGHTS: [(&str, u32); 5] = [
    (".cloudfront.origin-facing", 55),
    (".dynamodb", 1),
    (".s3", 1),
    (".vpc-lattice", 10),
    (".groundstation", 5),
];

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

/// One entry of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixListEntry {
    /// The range, without host bits.
    pub cidr: IpNet,
    /// Its description.
    pub description: Option<String>,
}

/// A list as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawPrefixList {
    /// `PrefixListName`.
    pub name: Option<String>,
    /// `AddressFamily`.
    pub family: Option<String>,
    /// `MaxEntries`.
    pub max_entries: Option<i64>,
    /// `Entries`.
    pub entries: Vec<RawEntry>,
}

/// An entry as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawEntry {
    /// `Cidr`.
    pub cidr: String,
    /// `Description`.
    pub description: Option<String>,
}

/// A change of a list as it was typed: `ModifyManagedPrefixList`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrefixListChange {
    /// `CurrentVersion`, which a change of entries needs.
    pub current_version: Option<u64>,
    /// `PrefixListName`.
    pub name: Option<String>,
    /// `MaxEntries`.
    pub max_entries: Option<i64>,
    /// `AddEntries`.
    pub add: Vec<RawEntry>,
    /// `RemoveEntries`: ranges. Taken away before others are added.
    pub remove: Vec<String>,
}

impl RawPrefixList {
    /// The list in its first version, and what was taken differently from how it was typed.
    ///
    /// # Errors
    /// Every fault (B30), with EC2's code and message.
    pub fn parse(
        self,
        id: PrefixListId,
        owner: AccountId,
        quotas: &PrefixListQuotas,
    ) -> Result<(PrefixList, Vec<Note>), Vec<ModelError>> {
        let mut faults = Faults::default();
        let name =
            faults.keep(required(self.name, "PrefixListName", Part::Name).and_then(parse_name));
        let family = faults.keep(
            required(self.family, "AddressFamily", Part::Whole)
                .and_then(|text| parse_family(&text)),
        );
        let max_entries = faults.keep(
            required(self.max_entries, "MaxEntries", Part::MaxEntries)
                .and_then(|count| parse_max_entries(count, quotas)),
        );
        let mut notes = Vec::new();
        let mut entries = Vec::new();
        if let Some(family) = family {
            faults.add_entries(&mut entries, self.entries, family, &mut notes);
        }
        if let Some(max) = max_entries {
            faults.keep(check_room(&entries, max));
        }
        let (Some(name), Some(family), Some(max_entries)) = (name, family, max_entries) else {
            return Err(faults.0);
        };
        faults.finish()?;
        let list = PrefixList {
            id,
            name,
            owner,
            family,
            max_entries,
            version: FIRST_VERSION,
            versions: BTreeMap::from([(FIRST_VERSION, entries)]),
            tags: Tags::new(),
            origin: None,
        };
        Ok((list, notes))
    }
}

/// The version of a new list (B30).
const FIRST_VERSION: u64 = 1;

impl PrefixList {
    /// The entries of the current version: what a rule with this peer matches.
    #[must_use]
    pub fn entries(&self) -> &[PrefixListEntry] {
        self.versions.get(&self.version).map_or(&[], Vec::as_slice)
    }

    /// What a rule with this peer counts in a quota (B18): its size, or what AWS says of its own
    /// lists.
    #[must_use]
    pub fn weight(&self) -> u32 {
        if self.owner.as_str() != AWS {
            return self.max_entries;
        }
        WEIGHTS
            .iter()
            .find(|(end, _)| self.name.ends_with(end))
            .map_or(self.max_entries, |&(_, weight)| weight)
    }

    /// The list without its entries: all that a quota looks at.
    pub(crate) fn without_entries(&self) -> Self {
        Self {
            id: self.id.clone(),
            name: self.name.clone(),
            owner: self.owner.clone(),
            versions: BTreeMap::new(),
            tags: Tags::new(),
            origin: None,
            ..*self
        }
    }

    /// Changes name, size or entries: size and entries not at once. Whether the groups that refer
    /// to it have room for a greater size is asked before, of
    /// [`Inventory::check_resize`](crate::Inventory::check_resize) (B22).
    ///
    /// # Errors
    /// Every fault (B30); nothing is changed then.
    pub fn modify(
        &mut self,
        change: PrefixListChange,
        quotas: &PrefixListQuotas,
    ) -> Result<Vec<Note>, Vec<ModelError>> {
        let mut faults = Faults::default();
        let changes_entries = !change.add.is_empty() || !change.remove.is_empty();
        if changes_entries && change.max_entries.is_some() {
            faults.0.push(ModelError::new(
                ErrorCode::InvalidParameterCombination,
                "You cannot modify the entries and the maximum entries for the prefix list in \
                 the same request.",
            ));
        }
        if changes_entries {
            faults.keep(
                required(change.current_version, "CurrentVersion", Part::Whole)
                    .and_then(|version| self.check_version(version)),
            );
        }
        let name = change.name.and_then(|name| faults.keep(parse_name(name)));
        let max_entries = change
            .max_entries
            .and_then(|count| faults.keep(parse_max_entries(count, quotas)));
        let mut entries = self.entries().to_vec();
        if let Some(max) = max_entries {
            faults.keep(check_room(&entries, max));
        }
        let mut notes = Vec::new();
        faults.remove_entries(&mut entries, change.remove, self.family);
        faults.add_entries(&mut entries, change.add, self.family, &mut notes);
        if changes_entries {
            faults.keep(check_room(&entries, self.max_entries));
        }
        faults.finish()?;
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.max_entries = max_entries.unwrap_or(self.max_entries);
        if changes_entries {
            self.record(entries, quotas);
        }
        Ok(notes)
    }

    /// Makes the entries of version `previous` those of a new version (B31).
    ///
    /// # Errors
    /// A version that is not on record, a change by somebody else meanwhile, or more entries than
    /// it may hold now.
    pub fn restore(
        &mut self,
        previous: u64,
        current: u64,
        quotas: &PrefixListQuotas,
    ) -> Result<(), ModelError> {
        self.check_version(current)?;
        let entries = self.versions.get(&previous).ok_or_else(|| {
            ModelError::value(format!("The prefix list has no version {previous}"))
        })?;
        check_room(entries, self.max_entries)?;
        self.record(entries.clone(), quotas);
        Ok(())
    }

    /// A new version with these entries. The oldest ones go when there is no room for all (B23).
    fn record(&mut self, entries: Vec<PrefixListEntry>, quotas: &PrefixListQuotas) {
        self.version += 1;
        self.versions.insert(self.version, entries);
        let room = usize::try_from(quotas.versions_per_list)
            .unwrap_or(usize::MAX)
            .max(1);
        while self.versions.len() > room {
            self.versions.pop_first();
        }
    }

    /// B30: whoever changes a list says which version he saw.
    fn check_version(&self, seen: u64) -> Result<(), ModelError> {
        if seen == self.version {
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::PrefixListVersionMismatch,
            "The prefix list has the incorrect version number.",
        )
        .with_help(format!("the current version is {}", self.version)))
    }
}

/// The faults found so far.
#[derive(Default)]
struct Faults(Vec<ModelError>);

impl Faults {
    fn keep<T>(&mut self, outcome: Result<T, ModelError>) -> Option<T> {
        outcome.map_err(|error| self.0.push(error)).ok()
    }

    fn finish(self) -> Result<(), Vec<ModelError>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }

    fn add_entries(
        &mut self,
        entries: &mut Vec<PrefixListEntry>,
        raw: Vec<RawEntry>,
        family: Family,
        notes: &mut Vec<Note>,
    ) {
        let mut present: BTreeSet<IpNet> = entries.iter().map(|entry| entry.cidr).collect();
        for (place, raw) in raw.into_iter().enumerate() {
            match parse_cidr(&raw.cidr, family) {
                Err(error) => self.0.push(error.at(Part::Entry(place))),
                Ok((cidr, _)) if !present.insert(cidr) => self.0.push(
                    ModelError::new(
                        ErrorCode::InvalidPrefixListModification,
                        format!("The entry for CIDR ({cidr}) already exists."),
                    )
                    .at(Part::Entry(place)),
                ),
                Ok((cidr, host_bits)) => {
                    if host_bits {
                        notes.push(Note::HostBitsCleared {
                            place,
                            given: raw.cidr,
                            stored: cidr,
                        });
                    }
                    if let Some(description) =
                        self.keep(parse_entry_description(raw.description, place))
                    {
                        entries.push(PrefixListEntry { cidr, description });
                    }
                }
            }
        }
    }

    fn remove_entries(
        &mut self,
        entries: &mut Vec<PrefixListEntry>,
        raw: Vec<String>,
        family: Family,
    ) {
        let mut gone = BTreeSet::new();
        let present: BTreeSet<IpNet> = entries.iter().map(|entry| entry.cidr).collect();
        for (place, text) in raw.into_iter().enumerate() {
            match parse_cidr(&text, family) {
                Err(error) => self.0.push(error.at(Part::Entry(place))),
                Ok((cidr, _)) if !present.contains(&cidr) || !gone.insert(cidr) => self.0.push(
                    ModelError::new(
                        ErrorCode::InvalidPrefixListModification,
                        format!("The entry for CIDR ({cidr}) does not exist."),
                    )
                    .at(Part::Entry(place)),
                ),
                Ok(_) => {}
            }
        }
        entries.retain(|entry| !gone.contains(&entry.cidr));
    }
}

fn required<T>(value: Option<T>, parameter: &str, part: Part) -> Result<T, ModelError> {
    value.ok_or_else(|| {
        ModelError::new(
            ErrorCode::MissingParameter,
            format!("The request must contain the parameter {parameter}"),
        )
        .at(part)
    })
}

fn parse_name(name: String) -> Result<String, ModelError> {
    let help = if name.is_empty() || name.chars().count() > MAX_CHARS {
        format!("a name has 1 to {MAX_CHARS} characters")
    } else if name.starts_with(RESERVED_PREFIX) {
        format!("names that start with {RESERVED_PREFIX} are those of AWS services")
    } else {
        return Ok(name);
    };
    Err(ModelError::value(format!(
        "Value ({name}) for parameter PrefixListName is invalid."
    ))
    .at(Part::Name)
    .with_help(help))
}

fn parse_family(text: &str) -> Result<Family, ModelError> {
    Family::BOTH
        .into_iter()
        .find(|family| family.to_string() == text)
        .ok_or_else(|| {
            ModelError::value(format!(
                "Value ({text}) for parameter AddressFamily is invalid."
            ))
            .with_help("write IPv4 or IPv6")
        })
}

fn parse_max_entries(count: i64, quotas: &PrefixListQuotas) -> Result<u32, ModelError> {
    u32::try_from(count)
        .ok()
        .filter(|count| (1..=quotas.entries_per_list).contains(count))
        .ok_or_else(|| {
            ModelError::value(format!(
                "Value ({count}) for parameter MaxEntries is invalid."
            ))
            .at(Part::MaxEntries)
            .with_help(format!("write 1 to {}", quotas.entries_per_list))
        })
}

fn parse_entry_description(
    text: Option<String>,
    place: usize,
) -> Result<Option<String>, ModelError> {
    match text {
        Some(text) if text.chars().count() > MAX_CHARS => Err(ModelError::value(format!(
            "Value ({text}) for parameter Description is invalid."
        ))
        .at(Part::Entry(place))
        .with_help(format!("a description has at most {MAX_CHARS} characters"))),
        other => Ok(other.filter(|text| !text.is_empty())),
    }
}

fn check_room(entries: &[PrefixListEntry], max: u32) -> Result<(), ModelError> {
    if u32::try_from(entries.len()).is_ok_and(|count| count <= max) {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::PrefixListMaxEntriesExceeded,
        format!(
            "The prefix list may hold {max} entries, and would have {}",
            entries.len()
        ),
    )
    .at(Part::MaxEntries))
}
