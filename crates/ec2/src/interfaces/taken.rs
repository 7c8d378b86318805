//! What interfaces have already: how many an account has, which addresses, MAC addresses and attachment ids there are.
//!
//! It is read off the state, once for a call that makes interfaces, however many it makes: a launch of five hundred instances looks at each interface
//! once, and not once for each of the five hundred. It only grows. Whoever fails to make an interface has to end, or to read it anew: what it took is
//! taken still.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{AttachmentId, ErrorCode, MacAddress, ModelError, Subnet, SubnetId};

use super::room::Room;
use crate::{Caller, Edit};

/// An account has at most this many interfaces: the quota that EC2 begins with.
const INTERFACES_MAX: usize = 5_000;

/// What is taken.
pub(crate) struct Taken {
    /// Interfaces of the caller.
    own: usize,
    macs: BTreeSet<MacAddress>,
    attachments: BTreeSet<AttachmentId>,
    rooms: BTreeMap<SubnetId, Room>,
}

impl Taken {
    /// What is taken now, for `caller`.
    pub(crate) fn of(edit: &Edit<'_>, caller: &Caller) -> Self {
        let state = edit.state();
        let interfaces = || seen(&state.inventory.interfaces);
        let own =
            interfaces().filter(|(id, _)| state.owner_of_interface(id) == Some(&caller.account));
        Self {
            own: own.count(),
            macs: interfaces()
                .filter_map(|(_, interface)| interface.mac)
                .collect(),
            attachments: seen(&state.attachments)
                .map(|(_, attachment)| attachment.id.clone())
                .collect(),
            rooms: BTreeMap::new(),
        }
    }

    /// One more interface of the caller.
    ///
    /// # Errors
    /// `NetworkInterfaceLimitExceeded`.
    pub(super) fn one_more(&mut self) -> Result<(), ModelError> {
        if self.own < INTERFACES_MAX {
            self.own += 1;
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::NetworkInterfaceLimitExceeded,
            "The maximum number of network interfaces has been reached.",
        )
        .with_help(format!("an account has at most {INTERFACES_MAX}")))
    }

    /// The room that there is in a subnet.
    pub(super) fn room(&mut self, edit: &Edit<'_>, subnet: &Subnet) -> &mut Room {
        match self.rooms.entry(subnet.id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Room::of(edit.inventory(), subnet)),
        }
    }

    /// A locally administered unicast address, 02:… or 06:…, that no interface has (E60).
    pub(super) fn fresh_mac(&mut self, edit: &mut Edit<'_>) -> MacAddress {
        loop {
            let [_, _, a, b, c, d, e, f] = edit.random().to_be_bytes();
            let mac = MacAddress([0x02 | a & 0x04, b, c, d, e, f]);
            if self.macs.insert(mac) {
                return mac;
            }
        }
    }

    /// An id that no attachment has: attachments stand under their interfaces.
    pub(super) fn fresh_attachment(&mut self, edit: &mut Edit<'_>) -> AttachmentId {
        loop {
            let id = AttachmentId::from_random(edit.random());
            if self.attachments.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// All records of a table, one by one.
pub(super) fn seen<K, V>(table: &BTreeMap<K, V>) -> impl Iterator<Item = (&K, &V)> {
    table.iter().inspect(|_| work::one())
}

/// How much is looked at, for tests: nothing else tells one look at everything from five hundred.
pub(crate) mod work {
    #[cfg(test)]
    thread_local! {
        static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    /// Something was looked at.
    #[inline]
    pub(in crate::interfaces) fn one() {
        #[cfg(test)]
        LOOKS.set(LOOKS.get() + 1);
    }

    /// How much was looked at by this thread so far.
    #[cfg(test)]
    pub(crate) fn so_far() -> u64 {
        LOOKS.get()
    }
}
