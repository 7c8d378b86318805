//! Why there are no figures.

use thiserror::Error;

/// Why nothing was measured.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// The engine is wrong, or the reference is.
    #[error(transparent)]
    Disagreement(#[from] Box<Disagreement>),
    /// Packets did not end as those that are measured must.
    #[error(
        "of {packets} packets that were measured as {expected} only {found} were: what was measured is not what it is called, so there are no figures; please report it"
    )]
    OtherReason {
        /// The reason that all should have.
        expected: &'static str,
        /// Packets that were measured.
        packets: u64,
        /// Those that had it.
        found: u64,
    },
    /// A number of the plan is not in its range.
    #[error("{what} must be {least} to {most}, not {found}")]
    Range {
        /// Of what.
        what: &'static str,
        /// The least that is possible.
        least: u32,
        /// The most.
        most: u32,
        /// What was asked for.
        found: u32,
    },
    /// The machine has less memory than the workload takes.
    #[error(
        "{what} would take about {needed_mb} MB, and {available_mb} MB of memory are available; lower --flows, --workers or --size"
    )]
    Memory {
        /// What is too large.
        what: String,
        /// What it would take, in millions of bytes.
        needed_mb: u64,
        /// What there is, likewise.
        available_mb: u64,
    },
    /// Workers that share a CPU measure the scheduler.
    #[error(
        "{workers} workers need as many CPUs, and this process may use {cpus}; lower --workers, or give it more (see taskset)"
    )]
    Cpus {
        /// How many were asked for.
        workers: u16,
        /// How many CPUs there are for us.
        cpus: usize,
    },
    /// A thread could not be started, or ended before its time.
    #[error("a worker's thread failed: {0}")]
    Thread(String),
}

/// The engine and the reference evaluator answer differently.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the engine and the reference evaluator disagree about packet {packet} in bursts of {burst}: the engine says '{engine}', the reference '{reference}'. \
     Figures of wrong verdicts are worth nothing, so there are none; please report it"
)]
pub struct Disagreement {
    /// Which packet of the set it was, counted from 1.
    pub packet: usize,
    /// Packets in a burst.
    pub burst: usize,
    /// Reason and rule of the engine.
    pub engine: String,
    /// Reason and rule of the reference.
    pub reference: String,
}
