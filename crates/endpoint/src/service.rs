//! What becomes of a call: the one owner of the state.
//!
//! ```text
//!  write lock ──► edit ──► commit ──► store ──► enforce ──► answer ──► unlock
//!                  │                   │
//!                  └─ error, dry run   └─ cannot write: taken back, `Unavailable`
//! ```
//!
//! Everything between the locks happens in order, for one call at a time. Reads go on together, between writes.

use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use secgroup_api::{
    Action, Answer, Params, Read, Service as Spelling, Write, Xml, actions, dispatch_read,
    dispatch_write,
};
use secgroup_ec2::{Caller, Changes, Edit, Record, Site, State, Visitor, visit_tables, vpcs};
use secgroup_model::{ErrorCode, ModelError};
use secgroup_store::StoreError;

use crate::counters::Counters;
use crate::random::{NoRandomness, Random};
use crate::storage::Storage;

/// What an answer has still to wait for, and other calls have not.
pub type Settle = Option<Box<dyn FnOnce()>>;

/// Whoever puts changes in force: the data plane.
pub trait Enforce: Send + Sync {
    /// Puts `changes` in force, of which `state` is the outcome: the answer to the client waits for it, and then for what is answered here. Called for one
    /// change at a time, in the order in which they happened, while nobody else sees the state; so it must not call the [`Service`] again.
    fn enforce(&self, state: &State, changes: &Changes) -> Settle;
}

/// An endpoint without a data plane.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Enforce for Nobody {
    fn enforce(&self, _: &State, _: &Changes) -> Settle {
        None
    }
}

/// Why there is no service, or why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Ids cannot be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What was asked for cannot be.
    #[error(transparent)]
    Refused(#[from] ModelError),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no store that could be copied.
    #[error("nothing is kept on disk (--ephemeral): there is no store to copy")]
    NoStore,
}

/// The state, and what is done with it.
pub struct Service {
    state: RwLock<State>,
    site: Site,
    storage: Storage,
    enforce: Box<dyn Enforce>,
    random: Random,
    counters: Counters,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("site", &self.site)
            .field("storage", &self.storage)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Opens what is stored. Each account of `site` that has no VPC gets a default one, with subnets and a default group (B8). Nothing is enforced
    /// until [`enforced_by`](Self::enforced_by).
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn open(mut storage: Storage, site: Site) -> Result<Self, ServiceError> {
        let service = Self {
            state: RwLock::new(storage.take()),
            site,
            storage,
            enforce: Box::new(Nobody),
            random: Random::new()?,
            counters: Counters::default(),
        };
        service.edit(|edit| {
            for account in &edit.site().accounts {
                let has_vpc = |edit: &Edit<'_>| {
                    let mut vpcs = edit.inventory().vpcs.values();
                    vpcs.any(|vpc| vpc.owner == *account)
                };
                if !has_vpc(edit) {
                    vpcs::create_default_vpc(edit, account);
                }
            }
            Ok(())
        })?;
        Ok(service)
    }

    /// From now on, changes are put in force by `enforce`. What there is already, it learns by [`read`](Self::read).
    #[must_use]
    pub fn enforced_by(mut self, enforce: Box<dyn Enforce>) -> Self {
        self.enforce = enforce;
        self
    }

    /// Where and for whom.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// How often what was called.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The source of ids.
    #[must_use]
    pub const fn random(&self) -> &Random {
        &self.random
    }

    /// Looks at the state. Changes wait meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state as a call would: on disk and in force when this returns, or not at all.
    ///
    /// # Errors
    /// That of `change`, or the store cannot write.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut Edit<'_>) -> Result<T, ModelError>,
    ) -> Result<T, ServiceError> {
        // After a panic the state is sound: an edit that is dropped takes itself back.
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut random = || self.random.bits();
        let mut edit = Edit::new(&mut state, &self.site, Timestamp::now(), &mut random);
        let done = change(&mut edit)?;
        let changes = edit.commit();
        if changes.is_empty() {
            return Ok(done);
        }
        if let Err(error) = self.storage.commit(&state, &changes) {
            changes.take_back(&mut state);
            return Err(error.into());
        }
        let settle = self.enforce.enforce(&state, &changes);
        drop(state);
        if let Some(settle) = settle {
            settle();
        }
        Ok(done)
    }

    /// Puts `new` in the place of the whole state, as one change.
    ///
    /// # Errors
    /// The store cannot write.
    pub fn replace(&self, new: &State) -> Result<(), ServiceError> {
        self.edit(|edit| {
            let Ok(()) = visit_tables(&mut Replace { edit, new });
            Ok(())
        })
    }

    /// Copies the store, as it is between two changes, to a new file.
    ///
    /// # Errors
    /// There is no store, or the file cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), ServiceError> {
        let store = self.storage.store().ok_or(ServiceError::NoStore)?;
        Ok(store.backup(to)?)
    }

    /// Does what `params` asks for, for `caller`, whose right to speak has been checked, and spells the answer as the service does that was
    /// asked.
    #[must_use]
    pub fn call(
        &self,
        caller: &Caller,
        params: &Params,
        spelling: Spelling,
        request_id: &str,
    ) -> Answer {
        let (name, outcome) = match known_action(params) {
            Ok((name, action)) => (name, self.dispatch(action, caller, params)),
            Err(error) => (Counters::NO_ACTION, Err(error)),
        };
        let answer = match outcome {
            Ok(members) => spelling.success(name, params.text("Version"), request_id, members),
            Err(error) => spelling.error(&error, request_id),
        };
        let code = answer.code.map_or(Counters::OK, ErrorCode::as_str);
        self.counters.count(name, code);
        answer
    }

    fn dispatch(
        &self,
        action: Action,
        caller: &Caller,
        params: &Params,
    ) -> Result<Xml, ModelError> {
        match action {
            Action::Read(act) => self.read(|state| {
                let call = Read {
                    state,
                    site: &self.site,
                    caller,
                    params,
                    now: Timestamp::now(),
                };
                dispatch_read(act, &call)
            }),
            Action::Write(act) => self
                .edit(|edit| {
                    let mut call = Write {
                        edit,
                        caller,
                        params,
                    };
                    dispatch_write(act, &mut call)
                })
                .map_err(as_answered),
        }
    }
}

/// Makes every table what it is in another state.
struct Replace<'e, 's> {
    edit: &'e mut Edit<'s>,
    new: &'e State,
}

impl Visitor for Replace<'_, '_> {
    type Error = std::convert::Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Self::Error> {
        let new = R::table(self.new);
        let old = R::table(self.edit.state());
        let gone: Vec<_> = old
            .keys()
            .filter(|key| !new.contains_key(key))
            .cloned()
            .collect();
        for key in &gone {
            self.edit.remove::<R>(key);
        }
        for (key, record) in new {
            self.edit.put(key.clone(), record.clone());
        }
        Ok(())
    }
}

/// What a client is told of it: not what lies behind.
fn as_answered(error: ServiceError) -> ModelError {
    match error {
        ServiceError::Refused(error) => error,
        error => {
            tracing::error!(%error, "a change was taken back");
            ModelError::new(
                ErrorCode::Unavailable,
                "The service cannot write its state at the moment. Please try again.",
            )
        }
    }
}

/// The action that a request names (E5).
fn known_action(params: &Params) -> Result<(&'static str, Action), ModelError> {
    let name = params.text("Action").filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Err(ModelError::new(
            ErrorCode::MissingAction,
            "The request must contain the parameter Action",
        ));
    };
    let mut known = actions();
    known.find(|(known, _)| *known == name).ok_or_else(|| {
        let shown: String = name.escape_debug().take(255).collect();
        ModelError::new(
            ErrorCode::InvalidAction,
            format!("The action {shown} is not valid for this web service."),
        )
    })
}

#[cfg(test)]
mod tests;
