//! Cases learnt from the test suites of other firewalls, as packet traces through the whole of a replay session. The
//! numbers are those of the project's list of scenarios; where a source's own verdict differs from the semantics of
//! security groups, ours follows the semantics, and the test says so.
//!
//! Topology: O is the outside host 203.0.113.10 / 2001:db8:1::10, I the protected interface 10.0.0.10 / 2001:db8::10, J a
//! second one, 10.0.0.20. "D" is the default policy: no ingress, all egress.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test speaks by failing, as the test does"
)]

mod encapsulation;
mod flow_log;
mod fragments;
mod groups;
mod icmp;
mod room;
mod runs;
mod support;
mod survey;
mod tcp;
mod tcp_lifetimes;
mod udp;
mod workers;
