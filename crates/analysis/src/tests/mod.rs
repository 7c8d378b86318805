//! What the crate says, held against the engine, the reference evaluator and the documents.

mod difference;
mod explain;
mod flow;
mod lint;
mod lint_properties;
mod narrow;
mod open_ports;
mod paths;
mod properties;
mod proposed;
mod random;
mod tracking;
mod why;
mod world;
