//! Which network interface of one policy is which of another, and which group.
//!
//! By id; of those that find none, by the `Name` tag; of the rest, by their first address. A dump
//! and a template of the same network share names and addresses, but no ids. A name or address that
//! two of them have says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use secgroup_model::{GroupId, Inventory, NetworkInterface, NetworkInterfaceId};

/// The tag by which people call things.
const NAME: &str = "Name";

/// Things of two policies: those that are in both, and those that are in one.
#[derive(Debug)]
pub(super) struct Pairs<'a, Id> {
    pub(super) both: Vec<(&'a Id, &'a Id)>,
    pub(super) only_old: Vec<&'a Id>,
    pub(super) only_new: Vec<&'a Id>,
}

impl<'a, Id: Ord> Pairs<'a, Id> {
    fn by_id(old: impl Iterator<Item = &'a Id>, new: impl Iterator<Item = &'a Id>) -> Self {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.collect(), new.collect());
        Self {
            both: old
                .iter()
                .filter_map(|id| Some((*id, *new.get(id)?)))
                .collect(),
            only_old: old.difference(&new).copied().collect(),
            only_new: new.difference(&old).copied().collect(),
        }
    }

    /// Pairs what is left by what `old` and `new` say of it, where nothing else says the same.
    fn and_by<K: Ord>(
        mut self,
        old: impl Fn(&Id) -> Option<K>,
        new: impl Fn(&Id) -> Option<K>,
    ) -> Self {
        let (of_old, of_new) = (unique(&self.only_old, old), unique(&self.only_new, new));
        let found: Vec<_> = of_old
            .iter()
            .filter_map(|(key, id)| Some((*id, *of_new.get(key)?)))
            .collect();
        self.only_old
            .retain(|id| found.iter().all(|pair| pair.0 != *id));
        self.only_new
            .retain(|id| found.iter().all(|pair| pair.1 != *id));
        self.both.extend(found);
        self.both.sort_unstable();
        self
    }
}

fn unique<'a, Id, K: Ord>(ids: &[&'a Id], key: impl Fn(&Id) -> Option<K>) -> BTreeMap<K, &'a Id> {
    let mut found: BTreeMap<K, Option<&'a Id>> = BTreeMap::new();
    for id in ids {
        if let Some(key) = key(id) {
            let only = found.entry(key);
            only.and_modify(|id| *id = None).or_insert(Some(id));
        }
    }
    let only = found.into_iter();
    only.filter_map(|(key, id)| Some((key, id?))).collect()
}

/// The interfaces of two policies.
pub(super) fn interfaces<'a>(
    old: &'a Inventory,
    new: &'a Inventory,
) -> Pairs<'a, NetworkInterfaceId> {
    let of = |inventory: &'a Inventory| move |id: &NetworkInterfaceId| inventory.interfaces.get(id);
    let name = |interface: &NetworkInterface| interface.tags.get(NAME).cloned();
    let address =
        |interface: &NetworkInterface| -> Option<IpAddr> { interface.addresses.first().copied() };
    Pairs::by_id(old.interfaces.keys(), new.interfaces.keys())
        .and_by(|id| name(of(old)(id)?), |id| name(of(new)(id)?))
        .and_by(|id| address(of(old)(id)?), |id| address(of(new)(id)?))
}

/// The groups of two policies that no interface has in either.
pub(super) fn idle_groups<'a>(old: &'a Inventory, new: &'a Inventory) -> Pairs<'a, GroupId> {
    let attached: BTreeSet<&GroupId> = [old, new]
        .into_iter()
        .flat_map(|inventory| inventory.interfaces.values())
        .flat_map(|interface| &interface.groups)
        .collect();
    let idle = |inventory: &'a Inventory| {
        let groups = inventory.groups.keys();
        groups
            .filter(|id| !attached.contains(id))
            .collect::<Vec<_>>()
    };
    let name = |inventory: &Inventory, id: &GroupId| {
        let group = inventory.groups.get(id)?;
        Some((group.vpc.clone(), group.name.to_lowercase()))
    };
    Pairs::by_id(idle(old).into_iter(), idle(new).into_iter())
        .and_by(|id| name(old, id), |id| name(new, id))
}
