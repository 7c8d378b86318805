//! The live backends against the real kernel, in network namespaces made for the purpose.

mod host_rules;
mod judge;
mod nfqueue;
mod pump;
mod rehearsal;
mod tap;
