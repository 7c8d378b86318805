//! What the crate does, seen from outside.
//!
//! | module | |
//! |---|---|
//! | `tcp_states` | every cell of the TCP state table |
//! | `traces` | TCP connections packet by packet |
//! | `lifetimes` | how long a connection lives |
//! | `keeping` | what is restored, ended on request, counted together |
//! | `room` | what gives way when there is no room |
//! | `model` | random use against a list of connections |
//! | `fill` | tables filled to the last place, and churned |
//! | `fragments` | random fragments against a map of bytes |

#![allow(clippy::unwrap_used, clippy::panic)] // A failing helper is how a test speaks.

mod fill;
mod fragments;
mod keeping;
mod lifetimes;
mod model;
mod room;
mod support;
mod tcp_states;
mod traces;
