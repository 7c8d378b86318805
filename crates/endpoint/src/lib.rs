#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod counters;
mod random;
mod service;

pub use crate::counters::{Count, Counters};
pub use crate::random::{NoRandomness, Random};
pub use crate::service::{Enforce, Nobody, Service, ServiceError, Storage};
