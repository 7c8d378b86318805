//! A shard of a link, as the worker sees it that owns it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use secgroup_datapath::Pool;
use secgroup_io::live::{PacketId, PortDrops, Queue, QueueVerdict, Receiver, Settle, Transmitted};
use secgroup_packet::{InterfaceIndex, Timestamp};

use crate::handoff::Side;
use crate::rate::Bucket;
use crate::{Attached, PortStatus};

/// ICMP errors a second, and at once, that a shard sends about packets that are too large. One is enough for a sender to learn; this is
/// for many senders.
const ERRORS_PER_SECOND: u32 = 100;
/// How long a device that is down is left alone, unless somebody says that devices changed.
const REST: Duration = Duration::from_secs(1);
/// The same after the second of several errors in a row; it doubles with each more, up to [`REST`].
const FIRST_REST: Duration = Duration::from_millis(10);

/// A port that gave frames in so many turns in a row is expected to give more: `epoll` need not name it.
const STEADY: u8 = 64;

/// What is the same for all shards of a link.
#[derive(Debug)]
pub(crate) struct LinkSpec {
    pub(crate) interface: InterfaceIndex,
    pub(crate) ethertypes: Vec<u16>,
    /// The worker of each shard.
    pub(crate) workers: Vec<u16>,
    /// Where the shards count their connections together; `None` for a link of one shard.
    pub(crate) pool: Option<Arc<Pool>>,
}

impl LinkSpec {
    /// How many shards.
    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.workers.len()).unwrap_or(u16::MAX)
    }
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) spec: Arc<LinkSpec>,
    pub(crate) shard: u16,
    /// Verdicts are only counted.
    pub(crate) audit: bool,
    /// Which opening of the devices this is; frames that were handed over in another are not for it.
    pub(crate) epoch: u64,
    pub(crate) devices: Option<Devices>,
    /// By other shard: how to settle the packets of its queue, and the opening that holds for.
    pub(crate) settlers: Vec<Option<(u64, Box<dyn Settle>)>>,
    pub(crate) counts: Counts,
    pub(crate) errors: Bucket,
}

/// What a shard counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) not_ip_passed: u64,
    pub(crate) not_ip_dropped: u64,
    pub(crate) oversize: u64,
    pub(crate) oversize_told: u64,
    pub(crate) sides: [SideCounts; 2],
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SideCounts {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) not_sent: u64,
    /// What devices that are closed by now had lost.
    lost: PortDrops,
}

impl SideCounts {
    pub(crate) fn transmitted(&mut self, done: Transmitted) {
        self.sent += u64::from(done.sent);
        self.not_sent += u64::from(done.lost());
    }
}

/// The open devices of a shard.
#[derive(Debug)]
pub(crate) struct Devices {
    pub(crate) attached: Attached,
    /// By [`Side`].
    pub(crate) gates: [Gate; 2],
}

/// Whether one of the devices is listened to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gate {
    /// It is listened to: asked whenever it may have frames.
    pub(crate) is_watched: bool,
    /// Its descriptor is in the worker's epoll.
    pub(crate) is_named: bool,
    /// Turns in a row in which it gave frames, as far as they can be counted.
    steady_turns: u8,
    /// It is on the list of those that are asked in the next turn.
    pub(crate) is_hot: bool,
    /// Its device is down.
    pub(crate) is_down: bool,
    /// It has no more frames, ever.
    pub(crate) is_at_end: bool,
    /// Until when it is left alone after an error.
    pub(crate) rests_until: Option<Timestamp>,
    /// Errors in a row.
    errors: u32,
}

impl Gate {
    /// It gave `frames`: none do not show that its device is up.
    pub(crate) const fn works(&mut self, frames: usize) {
        self.errors = 0;
        if frames > 0 {
            self.is_down = false;
        }
    }

    /// It gave frames in this turn; whether it has done so for so long that `epoll` need no longer name it: for each frame the kernel would do a wake-up's
    /// work, on the CPU that brings it.
    pub(crate) const fn gives(&mut self) -> bool {
        self.steady_turns = self.steady_turns.saturating_add(1);
        self.is_named && self.steady_turns >= STEADY
    }

    /// It gave none; whether `epoll` has to name it again.
    pub(crate) const fn gives_nothing(&mut self) -> bool {
        self.steady_turns = 0;
        self.is_watched && !self.is_named
    }

    /// It is down: for a while nobody asks.
    pub(crate) fn goes_down(&mut self, now: Timestamp) {
        self.is_down = true;
        self.rests_until = Some(now.saturating_add(REST));
    }

    /// It failed. The first time may be the last; one that goes on failing must not keep the worker busy.
    pub(crate) fn fails(&mut self, now: Timestamp) {
        self.errors = self.errors.saturating_add(1);
        if self.errors > 1 {
            let doubled = FIRST_REST * (1 << (self.errors - 2).min(7));
            self.rests_until = Some(now.saturating_add(doubled.min(REST)));
        }
    }
}

impl Link {
    /// A shard without devices.
    pub(crate) fn new(spec: Arc<LinkSpec>, shard: u16, audit: bool, now: Timestamp) -> Self {
        Self {
            settlers: spec.workers.iter().map(|_| None).collect(),
            spec,
            shard,
            audit,
            epoch: 0,
            devices: None,
            counts: Counts::default(),
            errors: Bucket::new(ERRORS_PER_SECOND, ERRORS_PER_SECOND, now),
        }
    }

    /// Takes the devices out; what they lost stays counted.
    pub(crate) fn take_devices(&mut self) -> Option<Devices> {
        let mut devices = self.devices.take()?;
        for (side, counts) in [Side::First, Side::Second]
            .into_iter()
            .zip(&mut self.counts.sides)
        {
            if let Some(receiver) = devices.receiver_mut(side) {
                add(&mut counts.lost, receiver.drops());
            }
        }
        Some(devices)
    }

    /// The state of its ports.
    pub(crate) fn ports(&mut self) -> Vec<PortStatus> {
        let Some(devices) = &mut self.devices else {
            return Vec::new();
        };
        let mut ports = Vec::with_capacity(2);
        for (side, counts) in [Side::First, Side::Second]
            .into_iter()
            .zip(&self.counts.sides)
        {
            let name = devices.name(side);
            let down = devices.gates[side as usize].is_down;
            let Some(receiver) = devices.receiver_mut(side) else {
                continue;
            };
            let mut drops = counts.lost;
            add(&mut drops, receiver.drops());
            ports.push(PortStatus {
                side: name,
                backend: receiver.backend(),
                down,
                received: counts.received,
                sent: counts.sent,
                not_sent: counts.not_sent,
                drops,
            });
        }
        ports
    }

    /// Settles packets of the queue of shard `from`, which received them: `own` where that is this one, as a fragment may come
    /// back from the shard that sees all pieces of its datagram.
    pub(crate) fn settle(
        &mut self,
        from: u16,
        own: &mut dyn Queue,
        verdicts: &[(PacketId, QueueVerdict)],
    ) -> io::Result<()> {
        if from == self.shard {
            return own.settle(verdicts);
        }
        let epoch = self.epoch;
        match self.settlers.get_mut(usize::from(from)) {
            Some(Some((opening, settler))) if *opening == epoch => settler.settle(verdicts),
            _ => Err(io::Error::other(format!(
                "shard {from} gave no way to settle its packets"
            ))),
        }
    }
}

/// Adds what was lost.
pub(crate) const fn add(sum: &mut PortDrops, more: PortDrops) {
    sum.ring += more.ring;
    sum.truncated += more.truncated;
    sum.vlan += more.vlan;
    sum.offload += more.offload;
}

impl Devices {
    pub(crate) fn new(attached: Attached) -> Self {
        Self {
            attached,
            gates: [Gate::default(); 2],
        }
    }

    /// Where one hears what comes from `side`.
    pub(crate) fn receiver_mut(&mut self, side: Side) -> Option<&mut dyn Receiver> {
        match (&mut self.attached, side) {
            (Attached::Inline { inside, .. }, Side::First) => Some(inside.as_mut()),
            (Attached::Inline { outside, .. }, Side::Second) => Some(outside.as_mut()),
            (Attached::Host(queue), Side::First) => Some(queue.as_mut()),
            (Attached::Watch { receiver, .. }, Side::First) => Some(receiver.as_mut()),
            (Attached::Host(_) | Attached::Watch { .. }, Side::Second) => None,
        }
    }

    /// The same, to look at.
    pub(crate) fn receiver(&self, side: Side) -> Option<&dyn Receiver> {
        match (&self.attached, side) {
            (Attached::Inline { inside, .. }, Side::First) => Some(inside.as_ref()),
            (Attached::Inline { outside, .. }, Side::Second) => Some(outside.as_ref()),
            (Attached::Host(queue), Side::First) => Some(queue.as_ref()),
            (Attached::Watch { receiver, .. }, Side::First) => Some(receiver.as_ref()),
            (Attached::Host(_) | Attached::Watch { .. }, Side::Second) => None,
        }
    }

    /// What people call this side.
    pub(crate) const fn name(&self, side: Side) -> &'static str {
        match (&self.attached, side) {
            (Attached::Inline { .. }, Side::First) => "inside",
            (Attached::Inline { .. }, Side::Second) => "outside",
            (Attached::Host(_), _) => "queue",
            (Attached::Watch { .. }, _) => "watch",
        }
    }

    /// Whether no side will ever have another frame.
    pub(crate) fn are_at_end(&self) -> bool {
        [Side::First, Side::Second]
            .into_iter()
            .all(|side| self.receiver(side).is_none() || self.gates[side as usize].is_at_end)
    }
}

/// The queue, where there is one.
pub(crate) fn queue_of(attached: &Attached) -> Option<&dyn Queue> {
    match attached {
        Attached::Host(queue) => Some(queue.as_ref()),
        Attached::Inline { .. } | Attached::Watch { .. } => None,
    }
}
