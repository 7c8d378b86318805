#![deny(unsafe_code)] // All of it is in `cpu` and `pages`, and nothing there can be got wrong by a caller.
#![doc = include_str!("../README.md")]

mod connection;
mod cpu;
mod due;
mod fragments;
mod half_open;
mod hash;
mod line;
mod pages;
mod pool;
mod probe;
mod slots;
mod state;
mod store;
mod table;
mod tcp;

pub use crate::connection::{Connection, Opening};
pub use crate::fragments::{FRAGMENT_LIFE, FragmentKey, FragmentSlot, FragmentStep, FragmentTable};
pub use crate::hash::FlowHash;
pub use crate::pool::Pool;
pub use crate::probe::Probe;
pub use crate::state::{Lifetimes, State, Timeouts};
pub use crate::store::Handle;
pub use crate::table::{Config, Full, Passage, Stats, Step, Table};
pub use crate::tcp::TcpClass;
