#![deny(unsafe_code)] // All of it is in `cpu`, and nothing there can be got wrong by a caller.
#![doc = include_str!("../README.md")]

mod connection;
mod cpu;
mod due;
mod fragments;
mod half_open;
mod hash;
mod line;
mod pool;
mod slots;
mod state;
mod store;
mod table;
mod tcp;

pub use crate::connection::{Connection, Opening};
pub use crate::fragments::{FragmentKey, FragmentSlot, FragmentStep, FragmentTable};
pub use crate::hash::FlowHash;
pub use crate::pool::Pool;
pub use crate::state::{State, Timeouts};
pub use crate::store::Handle;
pub use crate::table::{Config, Full, Stats, Step, Table};
pub use crate::tcp::TcpClass;
