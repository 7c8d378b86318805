#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod document;
mod error;
mod file;
mod schema;
mod store;
mod tables;

pub use crate::document::{ImportError, export, import};
pub use crate::error::StoreError;
pub use crate::store::Store;
