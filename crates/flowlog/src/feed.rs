//! The worker's end: verdicts go in, and nothing that happens to a log is ever waited for.
//!
//! A worker notes observations in a batch of its own, a transfer as one for each way, and moves the batch into a bounded *slot* that it shares
//! with the thread that logs: when there are [`BATCH`] of them, when they are [`OLD`], or when the worker has nothing else to do. The slot has a lock, which the worker only
//! tries: where the other thread has it (for the moment of a swap) the batch grows on. What fits neither into the slot nor into the batch is
//! lost, counted by interface, and answered for by SKIPDATA records.
//!
//! No channel: a send per burst would wake the other thread, which costs more than all the rest. That thread looks by itself, and is woken only when a slot is half full.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;
use secgroup_datapath::{Crossing, Verdict};
use secgroup_packet::{InterfaceIndex, Timestamp};

use crate::observation::Observation;

/// Observations that are moved at once.
const BATCH: usize = 256;
/// Observations of a batch that cannot be moved.
const BATCH_MAX: usize = 4096;
/// Observations of a slot: some 7 MiB.
pub(crate) const SLOT_MAX: usize = 1 << 16;
/// A packet is added to one of so many of the latest, if it belongs there: a transfer has packets both ways.
const LATEST: usize = 2;
/// After this a batch is moved, however small it is.
const OLD: Duration = Duration::from_millis(100);

/// Where a worker leaves what the logging thread takes.
#[derive(Debug, Default)]
pub(crate) struct Slot(pub(crate) Mutex<Left>);

/// What was left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) observations: Vec<Observation>,
    /// Packets of interfaces that there was no room for.
    pub(crate) lost: BTreeMap<InterfaceIndex, u64>,
}

/// What all workers and the logging thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Who wants to know of packets: [`LOGS`], [`WATCHERS`]; nobody where it is 0.
    wanted: AtomicU8,
    /// Packets that were seen and could not be handed over.
    pub(crate) lost: AtomicU64,
}

/// There is a flow log.
pub(crate) const LOGS: u8 = 1;
/// Somebody watches.
pub(crate) const WATCHERS: u8 = 2;

impl Shared {
    /// `who` wants to know of packets from now on, or does not any more.
    pub(crate) fn want(&self, who: u8, wants: bool) {
        if wants {
            self.wanted.fetch_or(who, Ordering::Relaxed);
        } else {
            self.wanted.fetch_and(!who, Ordering::Relaxed);
        }
    }

    #[inline]
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != 0
    }
}

/// One worker's end.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    wake: Sender<()>,
    batch: Vec<Observation>,
    lost: BTreeMap<InterfaceIndex, u64>,
}

impl Feed {
    pub(crate) const fn new(shared: Arc<Shared>, slot: Arc<Slot>, wake: Sender<()>) -> Self {
        Self {
            shared,
            slot,
            wake,
            batch: Vec::new(),
            lost: BTreeMap::new(),
        }
    }

    /// Notes a burst of verdicts. Where there is no log, and nobody watches, this is one load.
    #[inline]
    pub fn burst(&mut self, crossings: &[Crossing<'_>], verdicts: &[Verdict]) {
        if self.shared.is_wanted() {
            self.note(crossings, verdicts);
        }
    }

    fn note(&mut self, crossings: &[Crossing<'_>], verdicts: &[Verdict]) {
        for (crossing, verdict) in crossings.iter().zip(verdicts) {
            let mut latest = self.batch.iter_mut().rev().take(LATEST);
            if latest.any(|latest| latest.take(crossing, *verdict)) {
                continue;
            }
            let Some(observation) = Observation::of(crossing, *verdict) else {
                continue;
            };
            if self.batch.len() < BATCH_MAX {
                self.batch.push(observation);
            } else {
                self.lose(&observation);
            }
        }
        let now = crossings.last().map_or(Timestamp::ZERO, |last| last.at);
        let first = self.batch.first();
        if self.batch.len() >= BATCH
            || first.is_some_and(|first| now.saturating_since(first.sums.first) >= OLD)
        {
            self.hand_over();
        }
    }

    /// There is nothing else to do.
    #[inline]
    pub fn idle(&mut self) {
        if !self.batch.is_empty() {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Ok(mut left) = self.slot.0.try_lock() else {
            return;
        };
        let room = SLOT_MAX - left.observations.len().min(SLOT_MAX);
        let fitting = self.batch.len().min(room);
        left.observations.extend(self.batch.drain(..fitting));
        for (interface, packets) in std::mem::take(&mut self.lost) {
            *left.lost.entry(interface).or_default() += packets;
        }
        let is_filling = left.observations.len() >= SLOT_MAX / 2;
        drop(left);
        if is_filling {
            // It was woken already where this does not fit.
            let _ = self.wake.try_send(());
        }
    }

    #[cold]
    fn lose(&mut self, observation: &Observation) {
        let packets = observation.sums.packets;
        self.shared.lost.fetch_add(packets, Ordering::Relaxed);
        *self.lost.entry(observation.flow.interface).or_default() += packets;
    }
}

/// A worker that ends leaves what it has, and so does one that panicked.
impl Drop for Feed {
    fn drop(&mut self) {
        self.hand_over();
        for observation in std::mem::take(&mut self.batch) {
            self.lose(&observation);
        }
        self.hand_over();
    }
}

#[cfg(test)]
mod tests;
