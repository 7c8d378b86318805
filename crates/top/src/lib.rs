#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod app;
mod asking;
mod draw;
mod meter;
mod run;
mod sample;
mod screen;
mod signals;
mod table;
#[cfg(test)]
mod testing;
mod theme;
mod units;
mod views;

pub use crate::run::{Ended, RunError, Settings, run};
pub use crate::sample::{Sample, Sampler};
