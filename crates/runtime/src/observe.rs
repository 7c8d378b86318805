//! Whoever is shown every verdict, beside those who are told of some: flow logs, which have to know all of them.
//!
//! An observer is a worker's own and runs on its thread, between the verdicts of a burst and the sending of what they allow. What it costs, every packet
//! pays: it must not wait, and not allocate in steady state. Where there is none, a worker looks at one `Option` per burst.

use std::fmt;
use std::sync::Arc;

use secgroup_datapath::{Crossing, Verdict};

/// Somebody who is shown every verdict of one worker.
pub trait Observe: fmt::Debug + Send {
    /// A burst was judged: one verdict per crossing, in order. Frames that contradict themselves are not among them.
    fn burst(&mut self, crossings: &[Crossing<'_>], verdicts: &[Verdict]);

    /// The worker has nothing to do at the moment.
    fn idle(&mut self);
}

/// Makes the observer of each worker, by its number; again for a worker that comes back after a panic.
#[derive(Clone)]
pub struct Observers(Arc<dyn Fn(u16) -> Box<dyn Observe> + Send + Sync>);

impl Observers {
    /// With this function.
    pub fn new(make: impl Fn(u16) -> Box<dyn Observe> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    pub(crate) fn of(&self, worker: u16) -> Box<dyn Observe> {
        (self.0)(worker)
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").finish_non_exhaustive()
    }
}
