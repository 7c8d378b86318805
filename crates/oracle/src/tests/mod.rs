//! The semantics and the decision text as tests. Rules and packets are written as one would say
//! them (`world`, `frames`); the bytes are made by etherparse, which the oracle does not use.

mod documents;
mod exemptions;
mod fragments;
mod frames;
mod hostile;
mod malformed;
mod related;
mod room;
mod tables;
mod tcp_paths;
mod verdicts;
mod world;
