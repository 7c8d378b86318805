//! An engine, the frames that come, and a clock: what a worker does with a burst, without its devices.
//!
//! The frames lie in memory one after the other and are taken round and round. A burst is parsed, decided, and followed by a sweep as large as the burst, so that
//! what runs out is cleared at the rate at which packets come.

use std::time::Duration;

use secgroup_datapath::{Crossing, Datapath, Reason, Verdict};
use secgroup_packet::{Direction, Frame, InterfaceIndex, Packet, Reading, Timestamp};

use crate::workload::frames::{Frames, direction};
use crate::workload::policy::START;

/// The one interface, whose address every frame has at one of its ends.
pub const INTERFACE: InterfaceIndex = InterfaceIndex(0);

/// Nothing runs out while packets follow each other at this distance.
pub const STILL: Duration = Duration::from_nanos(100);

/// The engine and what is before it.
#[derive(Debug)]
pub struct Line<'a> {
    datapath: Datapath,
    frames: &'a Frames,
    at: usize,
    now: Timestamp,
    gap: Duration,
    crossings: Vec<Crossing<'a>>,
    verdicts: Vec<Verdict>,
}

impl<'a> Line<'a> {
    /// Frames for an engine; the clock goes on by `gap` with each.
    #[must_use]
    pub fn new(datapath: Datapath, frames: &'a Frames, gap: Duration) -> Self {
        Self {
            datapath,
            frames,
            at: 0,
            now: START,
            gap,
            crossings: Vec::with_capacity(Datapath::BURST),
            verdicts: Vec::with_capacity(Datapath::BURST),
        }
    }

    /// The same, some time later.
    #[must_use]
    pub const fn starting_at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// The same engine and clock before other frames.
    #[must_use]
    pub fn with(self, frames: &Frames) -> Line<'_> {
        Line::new(self.datapath, frames, self.gap).starting_at(self.now)
    }

    /// The engine alone.
    #[must_use]
    pub fn into_datapath(self) -> Datapath {
        self.datapath
    }

    /// The engine.
    pub const fn datapath(&mut self) -> &mut Datapath {
        &mut self.datapath
    }

    /// What the clock shows.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The burst that was parsed last.
    pub(crate) fn crossings(&self) -> &[Crossing<'a>] {
        &self.crossings
    }

    /// The burst that was decided last, and its verdicts.
    #[must_use]
    pub fn decided(&self) -> (&[Crossing<'a>], &[Verdict]) {
        (&self.crossings, &self.verdicts)
    }

    /// Parses the next `burst` frames, and nothing else.
    #[inline]
    pub fn parse(&mut self, burst: usize) -> &[Crossing<'a>] {
        if self.at + burst > self.frames.len() {
            self.at = 0;
        }
        let until = self.frames.len().min(self.at + burst);
        self.crossings.clear();
        for index in self.at..until {
            self.now = self.now.saturating_add(self.gap);
            take(self.frames.frame(index), self.now, &mut self.crossings);
        }
        self.at = until;
        &self.crossings
    }

    /// Parses the next `burst` frames, decides them, and sweeps.
    #[inline]
    pub fn burst(&mut self, burst: usize) -> &[Verdict] {
        self.parse(burst);
        self.verdicts.clear();
        match self.crossings.as_slice() {
            [single] => self.verdicts.push(self.datapath.one(single)),
            many => self.datapath.burst(many, &mut self.verdicts),
        }
        self.datapath.sweep(burst);
        &self.verdicts
    }

    /// All frames once, one at a time.
    pub fn through(&mut self) {
        self.through_in(1);
    }

    /// All frames once, in bursts and what is left of one.
    pub(crate) fn through_in(&mut self, burst: usize) {
        for _ in 0..self.frames.len() / burst {
            self.burst(burst);
        }
        let rest = self.frames.len() % burst;
        if rest > 0 {
            self.burst(rest);
        }
    }

    /// Packets that ended with `reason`, and packets in all.
    #[must_use]
    pub fn tally(&self, reason: Reason) -> (u64, u64) {
        let of = |reason: Reason| {
            let each = Direction::BOTH.iter();
            let tally = self.datapath.tally();
            each.map(|way| tally.of(INTERFACE, *way, reason).packets)
                .sum::<u64>()
        };
        (of(reason), Reason::ALL.into_iter().map(of).sum())
    }
}

/// Appends a frame of this workload as the engine takes it, unless it is none: read where it will stay, as a worker reads it.
#[inline]
pub fn take<'a>(frame: Frame<'a>, at: Timestamp, crossings: &mut Vec<Crossing<'a>>) {
    crossings.push(Crossing {
        frame,
        packet: Packet::BLANK,
        interface: INTERFACE,
        direction: direction(frame.data),
        at,
    });
    let reading = crossings
        .last_mut()
        .map(|place| frame.read(&mut place.packet));
    if reading != Some(Reading::Ip) {
        crossings.pop();
    }
}
