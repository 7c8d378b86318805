//! The live backends against the real kernel, in network namespaces made for the purpose.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

mod af_packet;
mod af_xdp;
mod device;
mod host_rules;
mod judge;
mod nfqueue;
mod pnet;
mod pump;
mod rehearsal;
mod routes;
mod shield;
mod support;
mod tap;
