//! What the callers of a runtime and its supervisor share: which links there are, where their shards lie, and how to reach workers.
//!
//! Three locks, each for one thing, taken in this order and never on the way of a packet:
//!
//! | lock | held while |
//! |---|---|
//! | `changes` | links are attached, detached, opened or closed: one at a time, however slow a device is |
//! | `publishing` | a policy is brought into force: one at a time |
//! | `links`, `policy` | something is looked up or noted; nobody waits for anything inside |
//!
//! A link is opened and closed as a whole. Each opening has a number, its *epoch*, so that what belongs to an earlier one (a frame
//! on its way between two workers, a lost device) is told apart.

mod connections;
mod links;
mod opening;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use secgroup_datapath::{Connection, Snapshot};
use secgroup_packet::{InterfaceIndex, Steering};

use crate::crew::Crew;
use crate::events::{Event, Hub};
use crate::mailbox::{Command, Mailbox, PATIENCE};
use crate::settings::Ticking;
use crate::supervisor::Notice;
use crate::worker::LinkSpec;
use crate::{LinkSettings, LinkState, Published};

/// What is shared.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) mailboxes: Vec<Mailbox>,
    /// By worker.
    pub(crate) panics: Vec<AtomicU64>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Ticking,
    pub(crate) steering: Steering,
    changes: Mutex<()>,
    publishing: Mutex<()>,
    links: Mutex<Links>,
    policy: Mutex<Arc<Snapshot>>,
    notices: Sender<Notice>,
    /// The supervisor has yet to look at devices.
    devices_changed: AtomicBool,
    stopped: AtomicBool,
}

/// The links there are.
#[derive(Debug, Default)]
struct Links {
    attached: BTreeMap<InterfaceIndex, Attachment>,
    /// Connections of interfaces that no link carries, for when one does.
    parked: BTreeMap<InterfaceIndex, Vec<Connection>>,
    /// Openings so far.
    epochs: u64,
    /// Workers that panicked and are not back yet.
    away: BTreeSet<u16>,
}

/// One link.
#[derive(Debug)]
struct Attachment {
    settings: LinkSettings,
    spec: Arc<LinkSpec>,
    /// The opening that its devices are of.
    epoch: u64,
    state: LinkState,
    /// Whether it is opened again when it is closed.
    comes_back: bool,
    was_open: bool,
}

impl Control {
    /// For this crew, whose engines have the seed `seed`.
    pub(crate) fn new(crew: &Crew, seed: u64, snapshot: Arc<Snapshot>) -> Self {
        Self {
            mailboxes: crew.mailboxes.clone(),
            panics: crew.mailboxes.iter().map(|_| AtomicU64::new(0)).collect(),
            hub: Arc::clone(&crew.hub),
            clock: crew.clock.clone(),
            steering: Steering::new(seed),
            changes: Mutex::default(),
            publishing: Mutex::default(),
            links: Mutex::default(),
            policy: Mutex::new(snapshot),
            notices: crew.notices.clone(),
            devices_changed: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.policy))
    }

    /// Brings a policy into force on every worker.
    pub(crate) fn publish(&self, snapshot: &Arc<Snapshot>) -> Published {
        let _one_at_a_time = lock(&self.publishing);
        let started = Instant::now();
        *lock(&self.policy) = Arc::clone(snapshot);
        let answers = self.ask_all(|done| Command::Publish {
            snapshot: Arc::clone(snapshot),
            done,
        });
        let late = self.await_all((0..).zip(answers).collect(), "put a policy in force");
        let took = started.elapsed();
        let parked = &mut lock(&self.links).parked;
        parked.retain(|interface, _| snapshot.interface(*interface).is_some());
        Published {
            generation: snapshot.generation,
            took,
            late,
        }
    }

    /// Asks every worker the same, without waiting for answers.
    fn ask_all<T>(&self, command: impl Fn(Sender<T>) -> Command) -> Vec<Receiver<T>> {
        self.mailboxes
            .iter()
            .map(|mailbox| mailbox.ask(&command))
            .collect()
    }

    /// Waits until these workers have done what they were `asked` to, within the time for one; how many have not.
    fn await_all(&self, answers: Vec<(u16, Receiver<()>)>, asked: &'static str) -> u16 {
        let (workers, answers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let mut late = 0;
        for (worker, answer) in workers.into_iter().zip(self.gather(answers)) {
            if answer.is_none() {
                late += 1;
                self.tell_stuck(worker, asked);
            }
        }
        late
    }

    /// The answers, in the order of workers, as far as they come within the time for one.
    fn gather<T>(&self, answers: Vec<Receiver<T>>) -> Vec<Option<T>> {
        let deadline = Instant::now() + PATIENCE;
        let gathered = answers
            .into_iter()
            .map(|answer| answer.recv_deadline(deadline).ok());
        gathered.collect()
    }

    /// Devices changed: the supervisor looks, once however often it is said, and workers ask those that were down.
    pub(crate) fn devices_changed(&self) {
        if !self.devices_changed.swap(true, Ordering::AcqRel) {
            let _ = self.notices.send(Notice::DevicesChanged);
        }
        for mailbox in &self.mailboxes {
            mailbox.try_send(Command::Retry);
        }
    }

    /// The supervisor is about to look.
    pub(crate) fn devices_looked_at(&self) {
        self.devices_changed.store(false, Ordering::Release);
    }

    /// Closes all devices and ends all workers that answer by then; the connections that they had.
    pub(crate) fn stop(&self, deadline: Instant) -> Stopped {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return Stopped::default();
        }
        let answers: Vec<_> = self.mailboxes.iter().map(Mailbox::ask_to_stop).collect();
        let mut stopped = Stopped::default();
        for (worker, answer) in (0..).zip(answers) {
            match answer.recv_deadline(deadline) {
                Ok(connections) => {
                    stopped.connections.extend(connections);
                    stopped.ended.push(worker);
                }
                Err(_) => self.tell_stuck(worker, "stop"),
            }
        }
        stopped.connections.extend(self.parked());
        let _ = self.notices.send(Notice::Stop);
        stopped
    }

    /// Whether everything is to end: nothing is opened any more.
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn tell_stuck(&self, worker: u16, asked: &'static str) {
        tracing::warn!(
            worker,
            "the worker did not answer when it was asked to {asked}"
        );
        self.hub.tell(&Event::WorkerStuck { worker, asked });
    }

    fn mailbox(&self, worker: u16) -> Option<&Mailbox> {
        self.mailboxes.get(usize::from(worker))
    }
}

/// What a stopped runtime leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    pub(crate) connections: Vec<Connection>,
    /// Workers that ended; the others are stuck.
    pub(crate) ended: Vec<u16>,
}

/// Nothing panics while it holds one of these locks half way through a change; and if it did, the rest is still true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
