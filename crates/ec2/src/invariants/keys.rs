//! Every record stands under its own id, and every key can be written down and read back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;

use super::Faults;
use crate::{Record, State, Visitor, visit_tables};

pub(super) fn check(state: &State, faults: &mut Faults) {
    match visit_tables(&mut Texts { state, faults }) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let inventory = &state.inventory;
    own_ids(faults, &inventory.vpcs, |vpc| &vpc.id);
    own_ids(faults, &inventory.subnets, |subnet| &subnet.id);
    own_ids(faults, &inventory.peerings, |peering| &peering.id);
    own_ids(faults, &inventory.prefix_lists, |list| &list.id);
    own_ids(faults, &inventory.groups, |group| &group.id);
    own_ids(faults, &inventory.interfaces, |interface| &interface.id);
    own_ids(faults, &state.instances, |instance| &instance.id);
    own_ids(faults, &state.flow_logs, |log| &log.id);
}

fn own_ids<K: Ord + Display, R>(
    faults: &mut Faults,
    table: &BTreeMap<K, R>,
    id: impl Fn(&R) -> &K,
) {
    for (key, record) in table {
        let id = id(record);
        faults.unless(id == key, || format!("{id} is kept under the id {key}"));
    }
}

/// Keys whose text is not theirs alone would be lost in a store.
struct Texts<'a> {
    state: &'a State,
    faults: &'a mut Faults,
}

impl Visitor for Texts<'_> {
    type Error = Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Infallible> {
        for key in R::table(self.state).keys() {
            let text = R::key_text(key);
            self.faults
                .unless(R::parse_key(&text).as_ref() == Some(key), || {
                    format!("{}: the key {text:?} cannot be read back", R::TABLE)
                });
        }
        Ok(())
    }
}
