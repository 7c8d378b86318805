//! One worker: its own engine, and whatever else there is to do.
//!
//! A worker judges the packets of its connections, block by block in the order of the capture; nobody else can. While none waits, it
//! does what any worker can: writes verdict lines, or reads a block and looks at it. So the workers stay busy as long as
//! there is anything to do, however unevenly connections are spread.

use std::ops::Range;
use std::sync::Arc;

use crossbeam_channel::{Receiver, never, select};
use secgroup_datapath::{Action, Crossing, Datapath, Reason, Settings, TableStats, Verdict};
use secgroup_packet::{Family, Timestamp};

use crate::decided::Fate;
use crate::lines::Lines;
use crate::look::Kind;
use crate::parallel::Shared;
use crate::parallel::block::{Block, Finished, Outcome};
use crate::session::count_malformed;

/// Packets in one burst: what they take in memory stays in the first-level cache.
const BURST: usize = 128;

/// What waits for one worker and nobody else.
#[derive(Debug)]
pub(super) enum Message {
    /// A block, of which it judges its part.
    Judge(Arc<Block>),
    /// There is nothing more.
    End,
}

/// See the top of this file.
pub(super) struct Worker<'s, 'o> {
    shared: &'s Shared<'o>,
    me: u8,
    inbox: Receiver<Message>,
    /// Blocks to read into; nothing once the captures are at their end.
    free: Receiver<Block>,
    datapath: Datapath,
    /// The positions of this worker's records in a block.
    mine: Vec<u32>,
    burst: Vec<Crossing<'static>>,
    lines: Lines,
}

impl<'s, 'o> Worker<'s, 'o> {
    pub(super) fn new(shared: &'s Shared<'o>, me: u8, inbox: Receiver<Message>) -> Self {
        Self {
            free: shared.free.1.clone(),
            shared,
            me,
            inbox,
            datapath: shared.fresh_engine(),
            mine: Vec::new(),
            burst: Vec::new(),
            lines: Lines::default(),
        }
    }

    /// Works until there is nothing more; `told` is called from time to time. Returns the engine.
    pub(super) fn run(mut self, told: &mut dyn FnMut()) -> Datapath {
        while self.step() {
            told();
        }
        while let Ok(finished) = self.shared.unwritten.1.try_recv() {
            self.write(finished);
        }
        self.datapath
    }

    /// Does what is most urgent; `false` at the end.
    fn step(&mut self) -> bool {
        if let Ok(message) = self.inbox.try_recv() {
            return self.take(message);
        }
        if let Ok(finished) = self.shared.unwritten.1.try_recv() {
            self.write(finished);
            return true;
        }
        select! {
            recv(self.inbox) -> message => message.is_ok_and(|message| self.take(message)),
            recv(self.shared.unwritten.1) -> finished => {
                if let Ok(finished) = finished {
                    self.write(finished);
                }
                true
            }
            recv(self.free) -> block => {
                match block {
                    Ok(block) => self.read(block),
                    Err(_) => self.free = never(),
                }
                true
            }
        }
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Judge(block) => {
                self.judge(block);
                true
            }
            Message::End => false,
        }
    }

    /// Reads the next block and looks at its records.
    fn read(&mut self, mut block: Block) {
        block.recycle();
        if !self.shared.read(&mut block) {
            self.free = never();
            return;
        }
        block.look(&self.shared.epoch(), &self.shared.steer);
        self.shared.sequence(block);
    }

    /// Judges this worker's part of a block.
    fn judge(&mut self, block: Arc<Block>) {
        let mut outcome = self.shared.fresh_outcome();
        let before = self.datapath.table_stats();
        // Also what has no part in this block counts against what all tables hold together.
        outcome.held = Family::BOTH.map(|family| self.datapath.held(family));
        if let Some(start) = block.begins {
            self.datapath.start_at(start);
        }
        let ends = block.segments.iter().skip(1).map(|segment| segment.from);
        for (segment, end) in block.segments.iter().zip(ends.chain([block.records.len()])) {
            if segment.change.is_some() {
                let snapshot = Arc::clone(&segment.epoch.snapshot);
                self.datapath.swap(snapshot, segment.clock);
            }
            self.records(&block, segment.from..end, segment.clock, &mut outcome);
        }
        outcome.refused = has_refused(before, self.datapath.table_stats());
        self.shared.finish(self.me, block, outcome);
    }

    fn records(
        &mut self,
        block: &Block,
        range: Range<usize>,
        clock: Timestamp,
        outcome: &mut Outcome,
    ) {
        let mut mine = std::mem::take(&mut self.mine);
        gather(&block.shards, range, self.me, &mut mine);
        let mut crossings = recycled(std::mem::take(&mut self.burst));
        for part in mine.chunks(BURST) {
            crossings.clear();
            let held = Family::BOTH.map(|family| self.datapath.held(family));
            let first = outcome.verdicts.len();
            self.cross(block, part, clock, &mut crossings);
            self.datapath.burst(&crossings, &mut outcome.verdicts);
            self.datapath.sweep(crossings.len());
            let opened = account(block, part, first, outcome);
            for (most, held) in outcome.held.iter_mut().zip(held) {
                *most = held.saturating_add(opened).max(*most);
            }
        }
        self.mine = mine;
        self.burst = recycled(crossings);
    }

    /// Lists what the records of a burst cross. Those that cross nothing because they are malformed are counted.
    #[inline]
    fn cross<'b>(
        &mut self,
        block: &'b Block,
        part: &[u32],
        clock: Timestamp,
        crossings: &mut Vec<Crossing<'b>>,
    ) {
        for &index in part {
            let look = &block.looks[index as usize];
            let Some(record) = block.records.get(index as usize) else {
                continue;
            };
            match (&look.kind, record.frame()) {
                (Kind::Ip(packet), Some(frame)) => {
                    for (interface, direction) in look.crossed.places() {
                        crossings.push(Crossing {
                            frame,
                            packet: *packet,
                            interface,
                            direction,
                            at: look.clock.max(clock),
                        });
                    }
                }
                _ => count_malformed(&mut self.datapath, look.crossed, record.wire_len),
            }
        }
    }

    /// Writes the verdict lines of a block.
    fn write(&mut self, mut finished: Finished) {
        match &finished.block.label {
            Some(label) => self.lines.of_capture(label),
            None => self.lines.of_one_capture(),
        }
        let lines = &mut self.lines;
        let done = finished.each(|number, decided, segment| {
            lines.packet(number, decided, &segment.epoch.registry);
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(()) = done;
        self.lines.swap(&mut finished.block.text);
        self.shared.written(finished);
    }
}

/// Counts what became of the records of a burst whose verdicts begin at `first`; how many connections may have been opened.
fn account(block: &Block, part: &[u32], first: usize, outcome: &mut Outcome) -> u32 {
    let Outcome {
        verdicts,
        denied,
        sums,
        ..
    } = outcome;
    let mut at = first;
    let mut opened = 0;
    for &index in part {
        let look = &block.looks[index as usize];
        let wire_len = block.records.get(index as usize).map_or(0, |r| r.wire_len);
        if matches!(look.kind, Kind::Malformed(_)) {
            sums.malformed(look.crossed, wire_len);
            sums.fate(Fate::Judged(Action::Deny), wire_len);
            continue;
        }
        let of_record = &verdicts[at..at + look.crossed.count()];
        opened += of_record.iter().map(opens).sum::<u32>();
        let fate = Fate::of(of_record);
        sums.fate(fate, wire_len);
        if fate == Fate::Judged(Action::Deny) {
            denied.push((index, u32::try_from(at).unwrap_or(u32::MAX)));
        }
        at += of_record.len();
    }
    opened
}

#[inline]
fn opens(verdict: &Verdict) -> u32 {
    u32::from(verdict.reason == Reason::New)
}

/// The positions in `range` that are `me`'s. Without a branch, which half of the time nobody could foresee.
fn gather(shards: &[u8], range: Range<usize>, me: u8, mine: &mut Vec<u32>) {
    mine.clear();
    mine.resize(range.len(), 0);
    let mut count = 0;
    for (index, &shard) in (0_u32..).zip(shards).skip(range.start).take(range.len()) {
        mine[count] = index;
        count += usize::from(shard == me);
    }
    mine.truncate(count);
}

/// The same memory for crossings of another lifetime: collecting a vector's own emptied iterator keeps it (the standard
/// library does so in place).
fn recycled<'b>(mut crossings: Vec<Crossing<'_>>) -> Vec<Crossing<'b>> {
    crossings.clear();
    crossings.into_iter().map_while(|_| None).collect()
}

/// Whether a table was full in any way.
const fn has_refused(before: TableStats, after: TableStats) -> bool {
    before.gave_way != after.gave_way
        || before.full != after.full
        || before.crowded != after.crowded
}

/// The engine of one of `workers`: with room for its share, and some more since no hash divides evenly. A table that is
/// full nevertheless is noticed (see [`has_refused`]).
pub(super) fn share_of(settings: &Settings, workers: usize) -> Settings {
    let workers = u32::try_from(workers).unwrap_or(1).max(1);
    let share = |capacity: u32| (capacity / workers + capacity / (4 * workers) + 256).min(capacity);
    Settings {
        capacity: share(settings.capacity),
        capacity_v6: share(settings.capacity_v6),
        ..settings.clone()
    }
}
