//! One change of the state, all or nothing.
//!
//! An edit borrows the state and changes it in place, but first notes each record as it was. What is not committed is taken back
//! when the edit is dropped: after an error, a dry run or a panic the state is what it was. That costs what a call touches, not
//! what there is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secgroup_model::Inventory;

use crate::record::{Journal, Record, Visitor, visit_tables};
use crate::{Site, State};

/// A change of the state that is under way. Reads see it; nobody else does until it is committed.
pub struct Edit<'a> {
    state: &'a mut State,
    site: &'a Site,
    now: Timestamp,
    random: &'a mut dyn FnMut() -> u64,
    journal: Journal,
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit")
            .field("now", &self.now)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

impl<'a> Edit<'a> {
    /// Begins a change at `now`. `random` gives 64 bits that nobody can guess each time it is asked: ids are made of them.
    pub fn new(
        state: &'a mut State,
        site: &'a Site,
        now: Timestamp,
        random: &'a mut dyn FnMut() -> u64,
    ) -> Self {
        Self {
            state,
            site,
            now,
            random,
            journal: Journal::default(),
        }
    }

    /// The state with the changes so far.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.state
    }

    /// What security groups depend on, with the changes so far.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.state.inventory
    }

    /// What all calls share.
    #[must_use]
    pub const fn site(&self) -> &'a Site {
        self.site
    }

    /// The time of the call.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// 64 bits that nobody can guess.
    pub fn random(&mut self) -> u64 {
        (self.random)()
    }

    /// A key that no record of this kind has, made of random bits: `edit.fresh::<SecurityGroup>(GroupId::from_random)`.
    pub fn fresh<R: Record>(&mut self, make: impl Fn(u64) -> R::Key) -> R::Key {
        loop {
            let key = make(self.random());
            if !R::table(self.state).contains_key(&key) {
                return key;
            }
        }
    }

    /// A record.
    #[must_use]
    pub fn get<R: Record>(&self, key: &R::Key) -> Option<&R> {
        R::table(self.state).get(key)
    }

    /// A record, to be changed.
    pub fn get_mut<R: Record>(&mut self, key: &R::Key) -> Option<&mut R> {
        self.note::<R>(key);
        R::table_mut(self.state).get_mut(key)
    }

    /// Adds a record, or puts it in the place of the one with this key.
    pub fn put<R: Record>(&mut self, key: R::Key, record: R) {
        self.note::<R>(&key);
        R::table_mut(self.state).insert(key, record);
    }

    /// Takes a record away and answers with it.
    pub fn remove<R: Record>(&mut self, key: &R::Key) -> Option<R> {
        self.note::<R>(key);
        R::table_mut(self.state).remove(key)
    }

    /// Keeps the changes, and says which records are new, other or gone. What was changed back is not among them.
    #[must_use]
    pub fn commit(mut self) -> Changes {
        let journal = std::mem::take(&mut self.journal);
        let mut keep = Keep {
            state: self.state,
            changes: Changes { journal },
        };
        match visit_tables(&mut keep) {
            Ok(()) => keep.changes,
            Err(never) => match never {},
        }
    }

    /// Notes how a record was, if that was not done before.
    fn note<R: Record>(&mut self, key: &R::Key) {
        let journal = R::journal_mut(&mut self.journal);
        if !journal.contains_key(key) {
            journal.insert(key.clone(), R::table(self.state).get(key).cloned());
        }
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        let mut back = TakeBack {
            state: self.state,
            journal: &mut self.journal,
        };
        match visit_tables(&mut back) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}

/// Puts every noted record back.
struct TakeBack<'a> {
    state: &'a mut State,
    journal: &'a mut Journal,
}

impl Visitor for TakeBack<'_> {
    type Error = std::convert::Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Self::Error> {
        for (key, before) in std::mem::take(R::journal_mut(self.journal)) {
            match before {
                Some(record) => R::table_mut(self.state).insert(key, record),
                None => R::table_mut(self.state).remove(&key),
            };
        }
        Ok(())
    }
}

/// Drops from the journal what is as it was.
struct Keep<'a> {
    state: &'a State,
    changes: Changes,
}

impl Visitor for Keep<'_> {
    type Error = std::convert::Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Self::Error> {
        let table = R::table(self.state);
        R::journal_mut(&mut self.changes.journal)
            .retain(|key, before| before.as_ref() != table.get(key));
        Ok(())
    }
}

/// Which records a committed edit changed, and how they were before.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    journal: Journal,
}

impl Changes {
    /// Records of one kind that are new, other or gone: the key, and the record as it was (`None` for a new one). How it
    /// is now stands in the state.
    pub fn of<R: Record>(&self) -> impl Iterator<Item = (&R::Key, Option<&R>)> {
        R::journal(&self.journal)
            .iter()
            .map(|(key, before)| (key, before.as_ref()))
    }

    /// The keys alone.
    #[must_use]
    pub fn keys<R: Record>(&self) -> BTreeSet<R::Key> {
        R::journal(&self.journal).keys().cloned().collect()
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        struct IsEmpty<'a>(&'a Changes);
        impl Visitor for IsEmpty<'_> {
            type Error = ();
            fn visit<R: Record>(&mut self) -> Result<(), ()> {
                if R::journal(&self.0.journal).is_empty() {
                    Ok(())
                } else {
                    Err(())
                }
            }
        }
        visit_tables(&mut IsEmpty(self)).is_ok()
    }

    /// Takes these changes back in `state`, which must be as the edit left it: what the store could not write never happened.
    pub fn take_back(mut self, state: &mut State) {
        let mut back = TakeBack {
            state,
            journal: &mut self.journal,
        };
        match visit_tables(&mut back) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests;
