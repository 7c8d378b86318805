//! What comes out, in the order of the capture again: denied flows, written packets, lines, the report.
//!
//! Parts of blocks come in any order from the workers ([`Gather`]); whole blocks leave one by one ([`Commit`]), each as one worker alone would have left it.
//! Where that is not certain, the replay stops before the block, and says why.

use std::collections::BTreeMap;
use std::sync::Arc;

use secgroup_datapath::Verdict;

use crate::decided::Decided;
use crate::look::Kind;
use crate::output::Outputs;
use crate::parallel::block::{Alone, Block, Finished, Outcome};
use crate::report::CaptureReport;
use crate::run::ReplayError;
use crate::summary::Summary;

/// Blocks that are not through.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// The parts that came, by block: each with a share in the block.
    parts: BTreeMap<u64, Vec<(u8, Arc<Block>, Outcome)>>,
    whole: BTreeMap<u64, Finished>,
    next: u64,
}

impl Gather {
    /// Adds the part of worker `by`; the whole block if it was the last of `workers`.
    pub(super) fn part(
        &mut self,
        by: u8,
        block: Arc<Block>,
        outcome: Outcome,
        workers: usize,
    ) -> Option<Finished> {
        let sequence = block.sequence;
        let parts = self.parts.entry(sequence).or_default();
        parts.push((by, block, outcome));
        if parts.len() < workers {
            return None;
        }
        let mut parts = self.parts.remove(&sequence)?;
        parts.sort_by_key(|(by, _, _)| *by);
        let mut whole = None;
        let outcomes = parts.into_iter().map(|(_, block, outcome)| {
            whole = Arc::into_inner(block); // The last one that there is gives the block back.
            outcome
        });
        let outcomes = outcomes.collect();
        whole.map(|block| Finished { block, outcomes })
    }

    /// Adds a block that is ready to leave.
    pub(super) fn put(&mut self, finished: Finished) {
        self.whole.insert(finished.block.sequence, finished);
    }

    /// Whether the block that is to leave next is ready.
    pub(super) fn is_next_ready(&self) -> bool {
        self.whole.contains_key(&self.next)
    }

    /// The block that is to leave next, if it is ready.
    pub(super) fn take(&mut self) -> Option<Finished> {
        let finished = self.whole.remove(&self.next)?;
        self.next += 1;
        Some(finished)
    }
}

/// Where blocks leave.
#[derive(Debug)]
pub(super) struct Commit<'o> {
    pub(super) summary: Summary,
    pub(super) outputs: &'o mut Outputs,
    pub(super) captures: Vec<CaptureReport>,
    /// How many connections one engine holds, by family.
    pub(super) capacity: [u32; 2],
    /// Why the replay ends before the captures do.
    pub(super) ended: Option<Early>,
}

/// Why a replay ends early.
#[derive(Debug)]
pub(super) enum Early {
    /// As one worker would have ended.
    Failed(ReplayError),
    /// One worker has to do it.
    Alone(Alone),
}

impl Commit<'_> {
    /// Lets the next block leave; nothing happens after an early end.
    pub(super) fn block(&mut self, finished: &mut Finished) {
        if self.ended.is_some() {
            return;
        }
        self.ended = match self.why_alone(finished) {
            Some(reason) => Some(Early::Alone(reason)),
            None => self.leave(finished).err().map(Early::Failed),
        };
    }

    /// Whether one engine might have decided otherwise.
    fn why_alone(&self, finished: &Finished) -> Option<Alone> {
        let outcomes = &finished.outcomes;
        let is_full = (0..2).any(|family| {
            let held = outcomes
                .iter()
                .map(|outcome| u64::from(outcome.held[family]));
            let most: u64 = held.sum();
            most > 0 && most >= u64::from(self.capacity[family])
        });
        let has_refused = outcomes.iter().any(|outcome| outcome.refused);
        let full = (is_full || has_refused).then_some(Alone::TableFull);
        finished.block.alone.or(full)
    }

    fn leave(&mut self, finished: &mut Finished) -> Result<(), ReplayError> {
        for ended in finished.block.ended.drain(..) {
            self.summary.warn(ended.warnings.into_iter());
            self.captures.push(ended.report);
        }
        if let Some(first) = finished.block.begins {
            self.summary.begin(first);
        }
        self.summary.add(finished.block.sums);
        for outcome in &finished.outcomes {
            self.summary.add(outcome.sums);
        }
        self.deny(finished);
        let (last, written) = self.write_packets(finished);
        self.outputs.append(lines_until(&finished.block.text, last));
        written?;
        self.outputs.pass_on()?;
        finished.block.failed.take().map_or(Ok(()), Err)
    }

    /// Writes packets to captures; the number of the last one, which is the one that could not be written if one could not.
    fn write_packets(&mut self, finished: &Finished) -> (u64, Result<(), ReplayError>) {
        let mut last = u64::MAX;
        if !self.outputs.wants_packets() {
            return (last, Ok(()));
        }
        let outputs = &mut *self.outputs;
        let written = finished.each(|number, decided, _| {
            outputs
                .packet(number, &decided.record, decided.fate())
                .inspect_err(|_| last = number)
        });
        (last, written)
    }

    /// Lists what was denied, packet by packet in order, each under the policy that was in force.
    fn deny(&mut self, finished: &Finished) {
        let block = &finished.block;
        let mut segments = block.segments.iter().filter_map(|segment| {
            let (index, policy) = segment.change.as_ref()?;
            Some((segment.from, *index, policy))
        });
        let mut next = segments.next();
        let mut change_until = |summary: &mut Summary, record: usize| {
            while let Some((_, index, policy)) = next.filter(|(from, _, _)| *from <= record) {
                let first = block.first_number + next.map_or(0, |(from, _, _)| from as u64);
                summary.changed(index, Arc::clone(policy), first);
                next = segments.next();
            }
        };
        let mut lists: Vec<_> = finished
            .outcomes
            .iter()
            .map(|outcome| (outcome.denied.iter().peekable(), &*outcome.verdicts))
            .collect();
        while let Some((record, verdicts)) = earliest(&mut lists) {
            change_until(&mut self.summary, record);
            let (Some(of), Some(look)) = (block.records.get(record), block.looks.get(record))
            else {
                continue;
            };
            let Kind::Ip(packet) = &look.kind else {
                continue;
            };
            let decided = Decided {
                record: of,
                kind: &look.kind,
                crossed: look.crossed,
                verdicts: &verdicts[..look.crossed.count()],
            };
            let number = block.first_number + record as u64;
            for judged in decided.judged() {
                self.summary.deny(number, packet, &judged);
            }
        }
        change_until(&mut self.summary, usize::MAX);
    }
}

/// One worker's denied packets that are still to be listed, and its verdicts.
type Denied<'a> = (
    std::iter::Peekable<std::slice::Iter<'a, (u32, u32)>>,
    &'a [Verdict],
);

/// The first denied packet of all workers, and the verdicts from its own on.
fn earliest<'a>(lists: &mut [Denied<'a>]) -> Option<(usize, &'a [Verdict])> {
    let (list, verdicts) = lists
        .iter_mut()
        .filter_map(|(list, verdicts)| {
            let record = list.peek()?.0;
            Some((record, list, *verdicts))
        })
        .min_by_key(|(record, _, _)| *record)
        .map(|(_, list, verdicts)| (list, verdicts))?;
    let (record, first) = list.next()?;
    Some((*record as usize, &verdicts[*first as usize..]))
}

/// The lines of packets up to the number `last`.
fn lines_until(lines: &str, last: u64) -> &str {
    if last == u64::MAX {
        return lines;
    }
    let number = |line: &str| {
        let digits = line.strip_prefix("{\"packet\":")?.split(',').next()?;
        digits.parse::<u64>().ok()
    };
    let is_wanted = |line: &&str| number(line).is_some_and(|number| number <= last);
    let len = lines
        .split_inclusive('\n')
        .take_while(is_wanted)
        .map(str::len)
        .sum();
    &lines[..len]
}
