#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod config;
pub mod control;
mod daemon;
mod loaded;
pub mod logs;
pub mod metrics;
pub mod page;
pub mod policy;
pub mod privileges;
pub mod protocol;
pub mod saved;
pub mod service;
pub mod trust;
pub mod user;
mod way;

pub use crate::daemon::{Ended, RunError, RunOptions, check, run};
pub use crate::loaded::Loaded;
