//! Managed prefix lists (A26, B30).

use std::collections::BTreeSet;

use ipnet::IpNet;
use secgroup_model::{Family, PrefixList};

use super::Faults;
use crate::State;

pub(super) fn check(state: &State, faults: &mut Faults) {
    for list in state.inventory.prefix_lists.values() {
        check_versions(list, faults);
    }
    for id in state.prefix_lists.keys() {
        faults.unless(state.inventory.prefix_lists.contains_key(id), || {
            format!("there is a state of {id}, which does not exist")
        });
    }
}

/// The last version is the current one, and each holds ranges of the list's family once. Only the current one has to fit: a
/// list may be made smaller than it once was.
fn check_versions(list: &PrefixList, faults: &mut Faults) {
    let id = &list.id;
    let last = list.versions.keys().next_back();
    faults.unless(last == Some(&list.version), || {
        format!(
            "{id} is at version {}, but its last one is {last:?}",
            list.version
        )
    });
    let (count, room) = (list.entries().len(), list.max_entries);
    faults.unless(
        u32::try_from(count).is_ok_and(|count| count <= room),
        || format!("{id} has {count} entries, but room for {room}"),
    );
    for (version, entries) in &list.versions {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let cidr = entry.cidr;
            let family = match cidr {
                IpNet::V4(_) => Family::V4,
                IpNet::V6(_) => Family::V6,
            };
            faults.unless(family == list.family, || {
                format!("{id}, version {version}: {cidr} is not {}", list.family)
            });
            faults.unless(cidr == cidr.trunc(), || {
                format!("{id}, version {version}: {cidr} has host bits")
            });
            faults.unless(seen.insert(cidr), || {
                format!("{id}, version {version}: {cidr} is there twice")
            });
        }
    }
}
