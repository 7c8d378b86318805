#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod config;
pub mod control;
pub mod policy;
pub mod protocol;
pub mod trust;
mod way;
pub mod logs;
pub mod privileges;
pub mod saved;
pub mod service;
