//! A replay by several workers, whose outcome is that of one.
//!
//! ```text
//!              whichever worker is free           in order         each worker     whichever      in order
//!   captures ──► read ──► look at the records ──► sequence ──┬──► judge ──┬──────► write lines ──► commit ──► report
//!                block    parse, select, steer    clock,     └──► judge ──┘
//!                  ▲                              policy,
//!                  └───────────────────────────── fragments ◄────── recycled blocks ◄──────────────┘
//! ```
//!
//! Connections are divided between the workers ([`Steer`]), so each engine sees all that it has to know to decide as the one
//! engine would. What no worker can know by itself it is told by the [`Sequencer`], the one step before judging that
//! takes blocks in order: the clock, which is the latest time of *all* packets; where the policy changes; where fragments go.
//! Nothing is copied: a block is the memory that the capture was read into, and goes from hand to hand.
//!
//! # One outcome
//!
//! What cannot be divided is a bound on everything together: which connection has to give way in a full table depends on all connections. So
//! [`Commit`] looks, block by block and before anything of it leaves, whether a bound could have been reached, and if so the replay is given up
//! there; [`run`](crate::run::run) starts again with one worker and writes on where this one stopped. Every check errs on that side.
//!
//! # Memory and ends
//!
//! A fixed number of blocks goes round, so memory is bounded whatever the captures' size. A worker blocks on nothing but the lack of all
//! work, and the block that everyone waits for is always with one who works on it. When the captures end, or the replay does, the last block goes through
//! the stages like any other and every worker ends behind it; a worker that panics sends the others home.

mod block;
mod captures;
mod commit;
mod sequence;
mod steer;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use secgroup_datapath::{Datapath, Settings, Tally};
use secgroup_packet::Timestamp;

use self::block::{Block, Epoch, Finished, Outcome};
use self::captures::Captures;
use self::commit::{Commit, Early, Gather};
use self::sequence::Sequencer;
use self::steer::Steer;
use self::worker::{Message, Worker, share_of};
use crate::output::Outputs;
use crate::run::{Found, Input, Position, ReplayError};
use crate::summary::Summary;
use crate::workers::Choice;

pub(crate) use self::block::Alone;
pub(crate) use self::steer::MAX_WORKERS;

/// Blocks that go round, for each worker: one to read, one to judge, and some that wait for a worker who is busy.
const BLOCKS_EACH: usize = 4;

/// The main thread tells how far it is when it has done so many things with blocks.
const TELL_EVERY: u32 = 8;

/// What becomes of a replay by several workers.
#[derive(Debug)]
pub(crate) enum Outcomes {
    /// It is done.
    Found(Box<Found>),
    /// Behind so many packets it cannot go on: one worker has to.
    Alone(u64, Alone),
}

/// Replays with `workers` workers, the calling thread among them.
pub(crate) fn run(
    input: &Input,
    workers: usize,
    outputs: &mut Outputs,
    progress: &mut dyn FnMut(Position),
) -> Result<Outcomes, ReplayError> {
    let (shared, mut inboxes) = Shared::new(input, workers, outputs)?;
    let first = inboxes.pop();
    let engines = std::thread::scope(|scope| {
        let others: Vec<_> = (1..)
            .zip(inboxes)
            .map(|(me, inbox)| {
                let shared = &shared;
                scope.spawn(move || shared.work(me, inbox, &mut || {}))
            })
            .collect();
        let mut steps = 0_u32;
        let mut told = || {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(TELL_EVERY) {
                progress(shared.position());
            }
        };
        let mut engines: Vec<_> = first
            .map(|inbox| shared.work(0, inbox, &mut told))
            .into_iter()
            .collect();
        for other in others {
            match other.join() {
                Ok(engine) => engines.push(engine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        engines
    });
    shared.end(engines)
}

/// What all workers share. Locks are held for a block at a time. Under that of `commit` those of `gather` and `outcomes` are taken, under
/// that of `sequencer` that of `epoch`; never the other way round.
struct Shared<'o> {
    workers: usize,
    engine: Settings,
    /// The first policy: a worker may start when the latest is another already.
    first: Arc<Epoch>,
    steer: Steer,
    captures: Mutex<Captures>,
    sequencer: Mutex<Sequencer>,
    epoch: Mutex<Arc<Epoch>>,
    gather: Mutex<Gather>,
    commit: Mutex<Commit<'o>>,
    outcomes: Mutex<Vec<Outcome>>,
    /// Blocks to be read into.
    free: (Sender<Block>, Receiver<Block>),
    /// Blocks whose lines are to be written.
    unwritten: (Sender<Finished>, Receiver<Finished>),
    inboxes: Vec<Sender<Message>>,
    writes_lines: bool,
    stop: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl<'o> Shared<'o> {
    fn new(
        input: &Input,
        workers: usize,
        outputs: &'o mut Outputs,
    ) -> Result<(Self, Vec<Receiver<Message>>), ReplayError> {
        let writes_lines = outputs.lines.is_some();
        let sequencer = Sequencer::new(input, writes_lines)?;
        let policies = input.changes.iter().map(|change| &*change.policy);
        let policies = policies.chain([&*input.policy]);
        let engine = &input.settings.engine;
        let blocks = BLOCKS_EACH * workers;
        let free = bounded(blocks);
        for _ in 0..blocks {
            // There is room for all of them.
            let _ = free.0.send(Block::new(input.sharing.block_len));
        }
        let (inboxes, receivers) = (0..workers).map(|_| unbounded()).unzip();
        let shared = Self {
            workers,
            engine: share_of(engine, workers),
            first: Arc::clone(sequencer.epoch()),
            steer: Steer::new(workers, &input.settings, policies),
            captures: Mutex::new(Captures::new(
                input.captures.clone(),
                input.sharing.block_len,
            )),
            epoch: Mutex::new(Arc::clone(sequencer.epoch())),
            sequencer: Mutex::new(sequencer),
            gather: Mutex::default(),
            commit: Mutex::new(Commit {
                summary: Summary::new(Arc::clone(&input.policy), &input.changes),
                outputs,
                captures: Vec::new(),
                capacity: [engine.capacity, engine.capacity_v6],
                ended: None,
            }),
            outcomes: Mutex::default(),
            free,
            unwritten: bounded(blocks),
            inboxes,
            writes_lines,
            stop: AtomicBool::new(false),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        Ok((shared, receivers))
    }

    /// What a thread does. A panic ends the others, too.
    fn work(&self, me: u8, inbox: Receiver<Message>, told: &mut dyn FnMut()) -> Datapath {
        let _alarm = Alarm(self);
        Worker::new(self, me, inbox).run(told)
    }

    fn send_home(&self) {
        for inbox in &self.inboxes {
            let _ = inbox.send(Message::End);
        }
    }

    /// An engine that has seen nothing yet.
    fn fresh_engine(&self) -> Datapath {
        let snapshot = Arc::clone(&self.first.snapshot);
        Datapath::new(self.engine.clone(), snapshot, Timestamp::ZERO)
    }

    fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&locked(&self.epoch))
    }

    fn position(&self) -> Position {
        Position {
            packets: self.packets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Fills a block; `false` where there are no more.
    fn read(&self, block: &mut Block) -> bool {
        let stop = self.stop.load(Ordering::Relaxed);
        locked(&self.captures).read(block, stop)
    }

    /// Takes a block that was looked at, and hands out those whose turn it is.
    fn sequence(&self, block: Block) {
        let mut sequencer = locked(&self.sequencer);
        sequencer.put(block);
        while let Some(block) = sequencer.take(&self.steer) {
            if block.segments.len() > 1 {
                *locked(&self.epoch) = Arc::clone(sequencer.epoch());
            }
            let is_last = block.is_last;
            let block = Arc::new(block);
            for inbox in &self.inboxes {
                // Its worker lives as long as this does.
                let _ = inbox.send(Message::Judge(Arc::clone(&block)));
            }
            if is_last {
                self.send_home();
            }
        }
    }

    fn fresh_outcome(&self) -> Outcome {
        locked(&self.outcomes).pop().unwrap_or_default()
    }

    /// A worker is through with its part of a block.
    fn finish(&self, by: u8, block: Arc<Block>, outcome: Outcome) {
        let whole = locked(&self.gather).part(by, block, outcome, self.workers);
        let Some(finished) = whole else { return };
        if self.writes_lines {
            // There is room for every block.
            let _ = self.unwritten.0.send(finished);
        } else {
            self.written(finished);
        }
    }

    /// A block is ready to leave: it does when all before it have.
    fn written(&self, finished: Finished) {
        locked(&self.gather).put(finished);
        loop {
            let mut commit = match self.commit.try_lock() {
                Ok(commit) => commit,
                // Whoever holds it looks again when it is free.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            while let Some(mut finished) = self.next_finished() {
                commit.block(&mut finished);
                self.stop.store(commit.ended.is_some(), Ordering::Relaxed);
                let packets = commit.summary.packets();
                self.packets.store(packets, Ordering::Relaxed);
                self.recycle(finished);
            }
            drop(commit);
            if !locked(&self.gather).is_next_ready() {
                return;
            }
        }
    }

    fn next_finished(&self) -> Option<Finished> {
        locked(&self.gather).take()
    }

    fn recycle(&self, finished: Finished) {
        let Finished { block, outcomes } = finished;
        self.bytes.store(block.bytes_read, Ordering::Relaxed);
        locked(&self.outcomes).extend(outcomes.into_iter().map(|mut outcome| {
            outcome.clear();
            outcome
        }));
        // There is room for all of them.
        let _ = self.free.0.send(block);
    }

    /// Puts together what the workers found.
    fn end(self, engines: Vec<Datapath>) -> Result<Outcomes, ReplayError> {
        let commit = self
            .commit
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match commit.ended {
            Some(Early::Alone(reason)) => {
                return Ok(Outcomes::Alone(commit.summary.packets(), reason));
            }
            Some(Early::Failed(error)) => return Err(error),
            None => {}
        }
        let sequencer = self
            .sequencer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tally = Tally::default();
        let mut tracked = 0;
        for mut engine in engines {
            tally += engine.tally();
            engine.tick(sequencer.clock());
            tracked += engine.connections().count() as u64;
        }
        Ok(Outcomes::Found(Box::new(Found {
            summary: commit.summary,
            captures: commit.captures,
            registry: sequencer.registry().clone(),
            tally,
            tracked,
            flow_log: None,
            survey: None,
            choice: Choice::default(),
        })))
    }
}

/// Sends everyone home when its thread panics, so that nobody waits for it.
struct Alarm<'a, 'o>(&'a Shared<'o>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.0.stop.store(true, Ordering::Relaxed);
        self.0.send_home();
    }
}

/// The lock, also where a thread panicked that held it: the panic is on its way to whoever started this.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
