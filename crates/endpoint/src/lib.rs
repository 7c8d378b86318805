#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod admin;
mod counters;
mod folder;
mod keys;
mod random;
mod server;
mod service;
pub mod stacks;
mod storage;

pub use crate::admin::{AdminClient, AdminError};
pub use crate::counters::{Count, Counters};
pub use crate::folder::{FolderError, StateFolder};
pub use crate::keys::{Access, AccessKey, Keyring, Keys, KeysError};
pub use crate::random::{NoRandomness, Random};
pub use crate::server::{
    Asked, Endpoint, Gate, Limits, Options, Page, PageServer, Pages, StartError,
};
pub use crate::service::{Enforce, Nobody, Service, ServiceError, Settle};
pub use crate::storage::Storage;
