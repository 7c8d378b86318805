//! How many workers, and how they work.

use secgroup_datapath::Settings;
use secgroup_packet::Timestamp;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Settings of a runtime.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// How many workers; 1 to 64.
    pub workers: u16,
    /// The CPU of each worker, in their order and round again; none for wherever the kernel likes.
    pub pin: Vec<usize>,
    /// Never sleep: a core for every worker, and the lowest latency.
    pub busy_poll: bool,
    /// The engine of each worker. Capacities are those of one worker.
    pub engine: Settings,
    /// Frames that may wait in the channel from one worker to another; beyond, they are dropped and counted.
    pub handoff: usize,
    /// Where the time comes from.
    pub clock: Clock,
}

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The host's: wall-clock time at the start, monotonic from there on.
    #[default]
    System,
    /// Set by hand, in nanoseconds since 1970; for tests and rehearsals.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands still at `start` until it is set.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(start.as_nanos()));
        (Self::Manual(Arc::clone(&hand)), hand)
    }
}
