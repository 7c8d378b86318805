//! Where the state is kept: in a store on disk, or nowhere.

use std::path::Path;

use secgroup_ec2::{Changes, State};
use secgroup_store::{Store, StoreError};

/// Where the state is kept.
#[derive(Debug)]
pub enum Storage {
    /// In memory: gone when the program ends.
    Memory,
    /// On disk: the store, and what it held when it was opened.
    Disk {
        /// The store.
        store: Box<Store>,
        /// What it held.
        held: Option<Box<State>>,
    },
}

impl Storage {
    /// Opens the store at `path`, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or holds what cannot be.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (store, held) = Store::open(path)?;
        Ok(Self::Disk {
            store: Box::new(store),
            held: held.map(Box::new),
        })
    }

    /// What was held, once.
    pub(crate) fn take(&mut self) -> State {
        match self {
            Self::Memory => State::default(),
            Self::Disk { held, .. } => held.take().map(|held| *held).unwrap_or_default(),
        }
    }

    /// Keeps `changes`, of which `state` is the outcome.
    pub(crate) fn commit(&self, state: &State, changes: &Changes) -> Result<(), StoreError> {
        match self {
            Self::Memory => Ok(()),
            Self::Disk { store, .. } => store.commit(state, changes),
        }
    }

    /// The store, where there is one.
    pub(crate) fn store(&self) -> Option<&Store> {
        match self {
            Self::Memory => None,
            Self::Disk { store, .. } => Some(store),
        }
    }
}
