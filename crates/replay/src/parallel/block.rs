//! A block of records on its way through the stages, and what is known of it by then.

use std::sync::Arc;

use secgroup_datapath::{Snapshot, Verdict};
use secgroup_model::Inventory;
use secgroup_packet::Timestamp;

use crate::captures::Ended;
use crate::decided::{Decided, Fate, Sums};
use crate::look::{Kind, Lookout};
use crate::parallel::steer::{NOBODY, Steer};
use crate::run::ReplayError;
use crate::select::Crossed;

/// One policy in force, as workers need it.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) lookout: Lookout,
    pub(super) snapshot: Arc<Snapshot>,
    /// What numbers stood for then; empty where no lines are written.
    pub(super) registry: secgroup_control::Registry,
}

/// Records of a block that are judged by one policy.
#[derive(Debug)]
pub(super) struct Segment {
    /// The first of them; they end where the next segment begins.
    pub(super) from: usize,
    pub(super) epoch: Arc<Epoch>,
    /// The clock before the first of them.
    pub(super) clock: Timestamp,
    /// The change that begins the segment, and its position among all.
    pub(super) change: Option<(usize, Arc<Inventory>)>,
}

/// One record, looked at.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) kind: Kind,
    pub(super) crossed: Crossed,
    /// The latest time among the records of the block up to this one that cross something: what the block adds to the clock.
    pub(super) clock: Timestamp,
}

/// Why the outcome might depend on how many workers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// The connection table is full, or may be.
    TableFull,
    /// More datagrams in pieces at once than a table follows.
    FragmentsFull,
    /// Pieces of two datagrams with one identification belong to two workers.
    FragmentsMixed,
    /// A link-local service complains about a connection of another worker.
    Service,
}

impl Alone {
    /// What happened, to be said behind "behind packet 5".
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TableFull => "the connection table may be full",
            Self::FragmentsFull => "there may be more datagrams in pieces than are followed",
            Self::FragmentsMixed => "pieces of two datagrams have one identification",
            Self::Service => "a link-local service complains about a connection to somebody else",
        }
    }
}

/// Records with all that is known of them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) records: secgroup_io::Block,
    /// Position among all blocks.
    pub(super) sequence: u64,
    /// There is nothing behind it.
    pub(super) is_last: bool,
    /// The capture that it is of, where there are several.
    pub(super) label: Option<Arc<str>>,
    /// Captures that ended before its first record.
    pub(super) ended: Vec<Ended>,
    /// Bytes read of all captures by then.
    pub(super) bytes_read: u64,

    /// One for each record.
    pub(super) looks: Vec<Look>,
    /// The worker that judges each, or [`NOBODY`].
    pub(super) shards: Vec<u8>,
    /// Fragments: whose they are, only those before them tell.
    pub(super) fragments: Vec<u32>,
    /// What can be counted without a verdict.
    pub(super) sums: Sums,
    pub(super) looked_with: Option<Arc<Epoch>>,
    pub(super) alone: Option<Alone>,

    /// The number of the first record, over all captures.
    pub(super) first_number: u64,
    /// The time of the first packet of all, if it is in here.
    pub(super) begins: Option<Timestamp>,
    pub(super) segments: Vec<Segment>,
    /// What the replay ends with behind the last record, if not with the end of the captures.
    pub(super) failed: Option<ReplayError>,

    /// Its verdict lines, once they are written.
    pub(super) text: String,
}

impl Block {
    pub(super) fn new(len: usize) -> Self {
        Self {
            records: secgroup_io::Block::new(len),
            sequence: 0,
            is_last: false,
            label: None,
            ended: Vec::new(),
            bytes_read: 0,
            looks: Vec::new(),
            shards: Vec::new(),
            fragments: Vec::new(),
            sums: Sums::default(),
            looked_with: None,
            alone: None,
            first_number: 1,
            begins: None,
            segments: Vec::new(),
            failed: None,
            text: String::new(),
        }
    }

    /// Forgets everything but its memory.
    pub(super) fn recycle(&mut self) {
        self.records.clear();
        self.is_last = false;
        self.label = None;
        self.ended.clear();
        self.looks.clear();
        self.looked_with = None;
        self.begins = None;
        self.segments.clear();
        self.failed = None;
        self.text.clear();
    }

    /// Looks at every record under `epoch`.
    pub(super) fn look(&mut self, epoch: &Arc<Epoch>, steer: &Steer) {
        self.look_afresh();
        self.look_at(0..self.records.len(), epoch, steer);
        self.looked_with = Some(Arc::clone(epoch));
    }

    /// Looks at every record again, under the policy of its segment.
    pub(super) fn look_by_segments(&mut self, steer: &Steer) {
        self.look_afresh();
        let segments = std::mem::take(&mut self.segments);
        let ends = segments.iter().skip(1).map(|segment| segment.from);
        for (segment, end) in segments.iter().zip(ends.chain([self.records.len()])) {
            self.look_at(segment.from..end, &segment.epoch, steer);
        }
        self.segments = segments;
    }

    fn look_afresh(&mut self) {
        self.looks.clear();
        self.shards.clear();
        self.fragments.clear();
        self.sums = Sums::default();
        self.alone = None;
    }

    fn look_at(&mut self, range: std::ops::Range<usize>, epoch: &Epoch, steer: &Steer) {
        let Self {
            records,
            looks,
            shards,
            fragments,
            sums,
            alone,
            ..
        } = self;
        let mut clock = looks.last().map_or(Timestamp::ZERO, |look| look.clock);
        for (index, record) in records.iter().enumerate().take(range.end).skip(range.start) {
            sums.read(&record);
            epoch.lookout.look(&record, |kind, crossed| {
                if matches!(kind, Kind::Ip(_)) && crossed != Crossed::default() {
                    clock = clock.max(record.time);
                }
                looks.push(Look {
                    kind,
                    crossed,
                    clock,
                });
            });
            let Some(look) = looks.last() else { continue };
            let shard = match &look.kind {
                Kind::Ip(_) if look.crossed == Crossed::default() => {
                    sums.fate(Fate::NoInterface, record.wire_len);
                    NOBODY
                }
                Kind::Ip(packet) if packet.fragment.is_some() => {
                    fragments.push(u32::try_from(index).unwrap_or(u32::MAX));
                    NOBODY
                }
                Kind::Ip(packet) => match steer.packet(packet, &record, look.crossed) {
                    Ok(shard) => shard,
                    Err(reason) => {
                        *alone = Some(reason);
                        NOBODY
                    }
                },
                Kind::Malformed(_) => 0,
                Kind::NotIp(_) | Kind::UnsupportedLink(_) => {
                    sums.fate(Fate::NotIp, record.wire_len);
                    NOBODY
                }
            };
            shards.push(shard);
        }
    }
}

/// What one worker made of a block.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Of its packets in order, one for each interface that one crosses.
    pub(super) verdicts: Vec<Verdict>,
    /// Denied packets: the position in the block, and that of the first verdict.
    pub(super) denied: Vec<(u32, u32)>,
    pub(super) sums: Sums,
    /// The most connections it held at any time, by family; perhaps a few less.
    pub(super) held: [u32; 2],
    /// Whether it turned a connection away, or made one give way.
    pub(super) refused: bool,
}

impl Outcome {
    pub(super) fn clear(&mut self) {
        self.verdicts.clear();
        self.denied.clear();
        self.sums = Sums::default();
        self.held = [0; 2];
        self.refused = false;
    }
}

/// A block that every worker is through with.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) block: Block,
    /// By worker.
    pub(super) outcomes: Vec<Outcome>,
}

impl Finished {
    /// Shows `see` every record with its number, its verdicts and the segment that it lies in.
    pub(super) fn each<E>(
        &self,
        mut see: impl FnMut(u64, &Decided<'_>, &Segment) -> Result<(), E>,
    ) -> Result<(), E> {
        let block = &self.block;
        let mut used = vec![0; self.outcomes.len()];
        let mut segments = block.segments.iter().peekable();
        let Some(mut segment) = segments.next() else {
            return Ok(());
        };
        for (index, (record, look)) in block.records.iter().zip(&block.looks).enumerate() {
            while let Some(next) = segments.next_if(|next| next.from <= index) {
                segment = next;
            }
            let shard = usize::from(block.shards[index]);
            let verdicts = match (&look.kind, self.outcomes.get(shard)) {
                (Kind::Ip(_), Some(outcome)) => {
                    let from = used[shard];
                    used[shard] += look.crossed.count();
                    &outcome.verdicts[from..used[shard]]
                }
                _ => &[],
            };
            let decided = Decided {
                record,
                kind: &look.kind,
                crossed: look.crossed,
                verdicts,
            };
            see(block.first_number + index as u64, &decided, segment)?;
        }
        Ok(())
    }
}
