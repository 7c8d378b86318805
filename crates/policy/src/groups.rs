//! Rules whose peer is a group, by group.
//!
//! They are matched by identity (semantics C6): the directory says which groups an address is in,
//! and each group that some rule refers to has its own row. Who is in a group is not known here, so
//! that a member may come and go without a recompile (C8).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::key::LANES;
use crate::row::{NO_RULE, RowRef, Rows};
use crate::{Directory, GroupNumber, Query, key};

/// The group rules of one direction and family.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    /// The lowest group rule of each lane: the directory is asked only where it could lower the
    /// answer.
    pub(crate) lowest: [u32; LANES],
    /// The rows of the groups that are referred to.
    pub(crate) rows: HashMap<GroupNumber, RowRef, RandomState>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            lowest: [NO_RULE; LANES],
            rows: HashMap::default(),
        }
    }
}

impl Groups {
    /// The lower of `found` and the first rule for a group that the peer is in.
    #[inline]
    pub(crate) fn first_rule(
        &self,
        query: &Query,
        key: u32,
        found: u32,
        rows: &Rows,
        directory: &Directory,
    ) -> u32 {
        // Equal only where both are "no rule": a rule has one peer.
        if found <= self.lowest[key::lane(key)] {
            return found;
        }
        let mut found = found;
        directory.for_each_group(query.peer, |group| {
            if let Some(&row) = self.rows.get(&group) {
                found = found.min(rows.first_rule(row, key));
            }
        });
        found
    }

    /// Heap memory, in bytes: a pair and a control byte for each bucket of the map, of which seven
    /// eighths may be used.
    pub(crate) fn memory_bytes(&self) -> usize {
        let buckets = (self.rows.capacity() * 8).div_ceil(7);
        buckets * (size_of::<(GroupNumber, RowRef)>() + 1)
    }
}
