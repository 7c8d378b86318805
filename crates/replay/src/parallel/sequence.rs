//! The one step that takes blocks in the order of the capture before they are judged: what a block needs to know of those
//! before it. It looks at what a block says of itself, not at its packets, but for fragments and where the policy changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use secgroup_control::Registry;
use secgroup_packet::Timestamp;

use crate::look::Kind;
use crate::parallel::block::{Block, Epoch, Segment};
use crate::parallel::steer::{Router, Steer};
use crate::policies::{Policies, Schedule};
use crate::run::{Input, ReplayError};
use crate::select::Ambiguous;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Sequencer {
    /// The block that comes next, and those that are ready before their turn.
    next: u64,
    waiting: BTreeMap<u64, Block>,
    policies: Policies,
    schedule: Schedule,
    /// The latest policy.
    epoch: Arc<Epoch>,
    /// Whether anybody needs what numbers stand for.
    keeps_registries: bool,
    /// The latest time of all packets that cross something, and of the policy changes.
    clock: Timestamp,
    /// Packets before the next block.
    packets: u64,
    router: Router,
}

impl Sequencer {
    pub(super) fn new(input: &Input, keeps_registries: bool) -> Result<Self, Ambiguous> {
        let mut policies = Policies::new(input.settings.clone());
        let epoch = lower(&mut policies, &input.policy, keeps_registries)?;
        Ok(Self {
            next: 0,
            waiting: BTreeMap::new(),
            policies,
            schedule: Schedule::new(&input.changes),
            epoch,
            keeps_registries,
            clock: Timestamp::ZERO,
            packets: 0,
            router: Router::default(),
        })
    }

    pub(super) const fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    pub(super) const fn clock(&self) -> Timestamp {
        self.clock
    }

    pub(super) const fn registry(&self) -> &Registry {
        self.policies.registry()
    }

    /// Takes a block that was looked at.
    pub(super) fn put(&mut self, block: Block) {
        self.waiting.insert(block.sequence, block);
    }

    /// The next block, if it was put, with all that it needs to be judged.
    pub(super) fn take(&mut self, steer: &Steer) -> Option<Block> {
        let mut block = self.waiting.remove(&self.next)?;
        self.next += 1;
        self.cut(&mut block);
        let is_other = block.segments.len() > 1 || block.failed.is_some();
        let is_stale = |with: &Arc<Epoch>| !Arc::ptr_eq(with, &block.segments[0].epoch);
        if is_other || block.looked_with.as_ref().is_none_or(is_stale) {
            block.look_by_segments(steer);
        }
        self.tell_time(&mut block);
        self.route(&mut block, steer);
        block.first_number = self.packets + 1;
        self.packets += block.records.len() as u64;
        Some(block)
    }

    /// Divides a block where the policy changes: at the first packet that is not before the moment.
    fn cut(&mut self, block: &mut Block) {
        block.segments.push(Segment {
            from: 0,
            epoch: Arc::clone(&self.epoch),
            clock: self.clock,
            change: None,
        });
        if let Some(first) = block.records.get(0)
            && self.schedule.begin(first.time)
        {
            self.clock = first.time;
            block.begins = Some(first.time);
        }
        let latest = block.sums.latest;
        if self.schedule.next_due().is_none_or(|due| due > latest) {
            return;
        }
        for index in 0..block.records.len() {
            let Some(time) = block.records.get(index).map(|record| record.time) else {
                break;
            };
            while let Some((due, position, change)) = self.schedule.take_due(time) {
                match lower(&mut self.policies, &change.policy, self.keeps_registries) {
                    Ok(epoch) => self.epoch = epoch,
                    Err(ambiguous) => {
                        // What comes behind is not judged, as if it had not been read.
                        block.records.truncate(index);
                        block.failed = Some(ReplayError::Ambiguous(ambiguous));
                        return;
                    }
                }
                block.segments.push(Segment {
                    from: index,
                    epoch: Arc::clone(&self.epoch),
                    clock: due,
                    change: Some((position, change.policy)),
                });
            }
        }
    }

    /// Sets the clock at the beginning of each segment, and moves it on.
    fn tell_time(&mut self, block: &mut Block) {
        for segment in &mut block.segments {
            let before = segment
                .from
                .checked_sub(1)
                .and_then(|at| block.looks.get(at));
            let before = before.map_or(Timestamp::ZERO, |look| look.clock);
            // When a change was due, not when the next packet happens to come: windows of grace begin there.
            let due = segment
                .change
                .as_ref()
                .map_or(Timestamp::ZERO, |_| segment.clock);
            self.clock = self.clock.max(before).max(due);
            segment.clock = self.clock;
        }
        let latest = block
            .looks
            .last()
            .map_or(Timestamp::ZERO, |look| look.clock);
        self.clock = self.clock.max(latest);
    }

    /// Finds the workers of fragments.
    fn route(&mut self, block: &mut Block, steer: &Steer) {
        let capacity = self.policies.settings().engine.fragment_capacity;
        for &index in &block.fragments {
            let index = index as usize;
            let (Some(look), Some(record)) = (block.looks.get(index), block.records.get(index))
            else {
                continue;
            };
            let Kind::Ip(packet) = &look.kind else {
                continue;
            };
            let segment = block.segments.iter().rev().find(|s| s.from <= index);
            let clock = segment.map_or(Timestamp::ZERO, |segment| segment.clock);
            let now = clock.max(look.clock);
            let routed = self
                .router
                .route(steer, packet, &record, look.crossed, now, capacity);
            match routed {
                Ok(worker) => block.shards[index] = worker,
                Err(reason) => {
                    block.alone.get_or_insert(reason);
                }
            }
        }
    }
}

fn lower(
    policies: &mut Policies,
    policy: &secgroup_model::Inventory,
    keeps_registry: bool,
) -> Result<Arc<Epoch>, Ambiguous> {
    let (lookout, snapshot) = policies.lower(policy)?;
    let registry = if keeps_registry {
        policies.registry().clone()
    } else {
        Registry::default()
    };
    Ok(Arc::new(Epoch {
        lookout,
        snapshot,
        registry,
    }))
}
