//! Threads that end in time, and the one of a worker: it outlives the worker's panics.
//!
//! ```text
//!   work ── asked to stop ──► end
//!    ▲ │
//!    │ └── panic ──► everything the worker had is dropped: devices are closed, nothing is forwarded
//!    │                 │
//!    └── restarted ◄── rest (answers, but owns nothing)
//! ```
//!
//! The first panic in a while is followed by a new worker at once. One that comes soon after another costs a rest of 1, 2, 4 ... 30 s:
//! what made it panic is likely to come again, and a host that does nothing but build connection tables helps nobody. The rest is the thread's own; other workers
//! do not notice.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use rustix::thread::{CpuSet, sched_setaffinity};
use secgroup_packet::Timestamp;

use crate::control::Control;
use crate::events::Event;
use crate::mailbox::Command;
use crate::supervisor::Notice;
use crate::worker::{Parts, Report, Worker};

/// Panics further apart than this have nothing to do with each other.
const MEMORY: Duration = Duration::from_secs(300);
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(30);

/// A thread that can be waited for, but not longer than somebody has time.
#[derive(Debug)]
pub(crate) struct Thread {
    thread: JoinHandle<()>,
    /// Nothing ever comes by this channel: it is cut when the thread ends, however it does.
    ended: Receiver<Infallible>,
}

impl Thread {
    /// Starts it.
    ///
    /// # Errors
    /// The kernel gives no more threads.
    pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (alive, ended) = bounded(0);
        let thread = Builder::new().name(name).spawn(move || {
            let _alive = alive;
            run();
        })?;
        Ok(Self { thread, ended })
    }

    /// Waits until it has ended; `false` where it goes on after `deadline`, and is left to itself.
    pub(crate) fn join_by(self, deadline: Instant) -> bool {
        let is_late = self.ended.recv_deadline(deadline) == Err(RecvTimeoutError::Timeout);
        if !is_late {
            // What it panicked of was told.
            let _ = self.thread.join();
        }
        !is_late
    }
}

/// What a worker's thread owns.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) parts: Parts,
    pub(crate) control: Arc<Control>,
    /// The CPU to stay on.
    pub(crate) cpu: Option<usize>,
}

impl Seat {
    /// Works until it is asked to stop.
    pub(crate) fn sit(self) {
        self.pin();
        let mut rests = Rests::default();
        loop {
            let ended = catch_unwind(AssertUnwindSafe(|| self.work()));
            let message = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(payload) => said(payload.as_ref()),
            };
            let index = self.parts.index;
            self.control.panics[usize::from(index)].fetch_add(1, Ordering::Relaxed);
            let now = self.parts.clock.now();
            let rest = rests.after_panic(now);
            self.tell(Notice::Panicked {
                worker: index,
                message,
                rest,
            });
            if self.rest(now.saturating_add(rest)) {
                return;
            }
            self.tell(Notice::Restarted { worker: index });
        }
    }

    fn work(&self) -> io::Result<()> {
        Worker::new(self.parts.clone(), self.control.policy())?.run()
    }

    /// Rests until then; `true` where it was asked to stop.
    fn rest(&self, until: Timestamp) -> bool {
        loop {
            let left = until.saturating_since(self.parts.clock.now());
            if left.is_zero() {
                return false;
            }
            match self.parts.commands.recv_timeout(left) {
                Ok(Command::Stop { reply }) => {
                    let _ = reply.send(Vec::new());
                    return true;
                }
                // Nothing is forwarded, so either is in force; the next worker begins with it.
                Ok(Command::Publish { done, .. } | Command::Audit { done, .. }) => {
                    let _ = done.send(());
                }
                Ok(Command::Report { reply }) => {
                    let generation = self.control.policy().generation;
                    let _ = reply.send(Report::resting(generation));
                }
                // It has no links and no connections, and says so by not answering.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn pin(&self) {
        let Some(cpu) = self.cpu else {
            return;
        };
        let pinned = if cpu < CpuSet::MAX_CPU {
            let mut only = CpuSet::new();
            only.set(cpu);
            sched_setaffinity(None, &only)
        } else {
            Err(rustix::io::Errno::INVAL)
        };
        if let Err(error) = pinned {
            let _ = self.parts.events.try_send(Event::NotPinned {
                worker: self.parts.index,
                cpu,
                error: error.to_string(),
            });
        }
    }

    fn tell(&self, notice: Notice) {
        // The supervisor is gone only when everything stops.
        let _ = self.parts.notices.send(notice);
    }
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}

/// How long to rest after a panic.
#[derive(Debug, Default)]
struct Rests {
    last: Option<Timestamp>,
    /// Panics since then that came soon after another.
    repeated: u32,
}

impl Rests {
    fn after_panic(&mut self, now: Timestamp) -> Duration {
        let is_repeated = self
            .last
            .is_some_and(|last| now.saturating_since(last) < MEMORY);
        self.last = Some(now);
        self.repeated = if is_repeated {
            self.repeated.saturating_add(1)
        } else {
            0
        };
        match self.repeated {
            0 => Duration::ZERO,
            repeated => Duration::from_secs(1 << (repeated - 1).min(5)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_while_panics_come_soon_after_each_other() {
        let mut rests = Rests::default();
        let at = Timestamp::from_secs;
        let seconds: Vec<_> = (0..9)
            .map(|n| rests.after_panic(at(1000 + n * 100)).as_secs())
            .collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(rests.after_panic(at(5000)), Duration::ZERO);
        assert_eq!(rests.after_panic(at(5001)), Duration::from_secs(1));
    }
}
