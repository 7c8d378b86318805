//! How many workers, and how they work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use secgroup_datapath::Settings;
use secgroup_packet::Timestamp;

use crate::Observers;

/// Settings of a runtime.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// How many workers; 1 to 64.
    pub workers: u16,
    /// The CPU of each worker, in their order and round again; none for wherever the kernel likes.
    pub pin: Vec<usize>,
    /// Never sleep: a core for every worker, and the lowest latency.
    pub busy_poll: bool,
    /// The engine of each worker. Capacities are those of one worker. Its seed is also that of the steering
    /// function, `Steering::new(engine.seed)`, for kernels that are given the same.
    pub engine: Settings,
    /// Frames that may wait in the channel from one worker to another; beyond, they are dropped and counted.
    /// A frame longer than 2 KiB counts as several. At least 1.
    pub handoff: usize,
    /// Where the time comes from.
    pub clock: Clock,
    /// Who is shown every verdict; nobody by default.
    pub observers: Option<Observers>,
    /// Time bursts, and tell connections that begin apart: [`Metered`](crate::Metered).
    pub metered: bool,
}

impl RuntimeSettings {
    /// Most workers.
    pub const MAX_WORKERS: u16 = 64;
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            pin: Vec::new(),
            busy_poll: false,
            engine: Settings::default(),
            handoff: 4096,
            clock: Clock::System,
            observers: None,
            metered: false,
        }
    }
}

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The host's: wall-clock time at the start, monotonic from there on.
    #[default]
    System,
    /// Set by hand, in nanoseconds since 1970; for tests and rehearsals. Nobody wakes when it is set: a worker that
    /// sleeps sees the new time when something else wakes it.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands still at `start` until it is set.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, Arc<AtomicU64>) {
        let hand = Arc::new(AtomicU64::new(start.as_nanos()));
        (Self::Manual(Arc::clone(&hand)), hand)
    }

    /// Starts it: one for all workers, so that they agree.
    pub(crate) fn start(&self) -> Ticking {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Ticking::System {
                    start: Timestamp::ZERO.saturating_add(since_epoch),
                    started: Instant::now(),
                }
            }
            Self::Manual(hand) => Ticking::Manual(Arc::clone(hand)),
        }
    }
}

/// A clock that was started.
#[derive(Debug, Clone)]
pub(crate) enum Ticking {
    System { start: Timestamp, started: Instant },
    Manual(Arc<AtomicU64>),
}

impl Ticking {
    /// The time now; never falls, unless it is set by hand.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System { start, started } => start.saturating_add(started.elapsed()),
            Self::Manual(hand) => Timestamp::from_nanos(hand.load(Ordering::Acquire)),
        }
    }
}
