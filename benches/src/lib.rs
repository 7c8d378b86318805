#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod captures;
pub mod check;
pub mod flows;
pub mod frames;
pub mod harness;
pub mod naive;
pub mod policy;
pub mod rules;
