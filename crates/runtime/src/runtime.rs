//! The handle on a running set of workers.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use secgroup_datapath::{Connection, Excerpt, Snapshot};
use secgroup_packet::{Direction, InterfaceIndex, Packet};

use crate::control::Control;
use crate::crew::Crew;
use crate::events::Event;
use crate::supervisor::Supervisor;
use crate::thread::{Seat, Thread};
use crate::{Census, FlowFilter, LinkSettings, LinkState, Published, RuntimeSettings, Status};

/// Within which time workers have to answer when they are asked to stop: a stop takes less than a second.
const ANSWERS_WITHIN: Duration = Duration::from_millis(800);
/// Within which time, from the same moment, threads have to end.
const ENDS_WITHIN: Duration = Duration::from_millis(900);

/// Running workers. All methods can be called from any thread; when it is dropped, everything stops.
#[derive(Debug)]
pub struct Runtime {
    control: Arc<Control>,
    threads: Mutex<Threads>,
}

/// The threads of a runtime, until it is stopped.
#[derive(Debug, Default)]
struct Threads {
    workers: Vec<Thread>,
    supervisor: Option<Thread>,
}

/// Why a runtime does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Too few, or too many.
    #[error("{0} workers cannot work; there may be 1 to {max}", max = RuntimeSettings::MAX_WORKERS)]
    Workers(u16),
    /// The kernel gives no more threads or file descriptors.
    #[error(
        "workers cannot be started: {0}; raise the limits on threads and open files (ulimit -u, ulimit -n)"
    )]
    Kernel(#[from] io::Error),
}

/// Why a link cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Another link carries the interface.
    #[error("{name}: {other} carries this interface already; detach it first")]
    Duplicate {
        /// The link's name.
        name: String,
        /// The other's.
        other: String,
    },
    /// No shards, or more than workers.
    #[error("{name}: {shards} shards cannot be had with {workers} workers; choose 1 to {workers}")]
    Shards {
        /// The link's name.
        name: String,
        /// How many were asked for.
        shards: u16,
        /// How many there may be.
        workers: u16,
    },
    /// There is no such worker.
    #[error(
        "{name}: there is no worker {worker}; they are numbered from 0, and there are {workers}"
    )]
    Worker {
        /// The link's name.
        name: String,
        /// Which was asked for.
        worker: u16,
        /// How many there are.
        workers: u16,
    },
}

impl Runtime {
    /// Starts workers without links, under the policy of `snapshot`.
    ///
    /// Threads have the capabilities of whoever starts them, so that links can be opened again later.
    ///
    /// # Errors
    /// [`StartError`].
    #[allow(
        clippy::needless_pass_by_value,
        reason = "settings are given, not shown: a start is their end"
    )]
    pub fn start(settings: RuntimeSettings, snapshot: Arc<Snapshot>) -> Result<Self, StartError> {
        if !(1..=RuntimeSettings::MAX_WORKERS).contains(&settings.workers) {
            return Err(StartError::Workers(settings.workers));
        }
        let crew = Crew::new(&settings)?;
        let control = Arc::new(Control::new(&crew, settings.engine.seed, snapshot));
        let runtime = Self {
            control: Arc::clone(&control),
            threads: Mutex::default(),
        };
        for parts in crew.parts {
            let index = parts.index;
            let cpus = settings.pin.len();
            let cpu = (cpus > 0).then(|| settings.pin[usize::from(index) % cpus]);
            let control = Arc::clone(&control);
            let seat = Seat {
                parts,
                control,
                cpu,
            };
            let worker = Thread::spawn(format!("secgroup-{index}"), move || seat.sit())?;
            runtime.threads().workers.push(worker);
        }
        let supervisor = Supervisor {
            control,
            notices: crew.noticed,
            events: crew.happened,
        };
        let supervisor = Thread::spawn("secgroup-super".to_owned(), move || supervisor.run())?;
        runtime.threads().supervisor = Some(supervisor);
        Ok(runtime)
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a link to workers and opens its devices. Where these are missing or refuse, the link is closed and waits: its
    /// [state](crate::LinkStatus::state) and an [`Event`] say why. Connections of the interface that were restored, or were there when it was
    /// last detached, are with its workers before the first frame.
    ///
    /// # Errors
    /// [`AttachError`]; nothing was changed.
    pub fn attach(&self, settings: LinkSettings) -> Result<(), AttachError> {
        self.control.attach(settings)
    }

    /// Closes the devices of a link and takes it from its workers; whether there was one. Other links do not notice. Its connections are
    /// kept for the next link of the interface, for as long as the policy knows the interface (semantics D27).
    pub fn detach(&self, interface: InterfaceIndex) -> bool {
        self.control.detach(interface)
    }

    /// Enforces the verdicts on a link's packets from now on, or with `audit` only counts them, and returns when every worker of the link does; whether
    /// there is such a link. Its devices stay open, and its connections stay. A worker that does not answer in time (an
    /// [`Event::WorkerStuck`] says which) takes the change before its next frame, if it ever comes back.
    pub fn set_audit(&self, interface: InterfaceIndex, audit: bool) -> bool {
        self.control.set_audit(interface, audit)
    }

    /// Brings a policy into force on every worker, between two bursts of each, and returns when it is.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a policy is given away: it is the runtime's from here on"
    )]
    pub fn publish(&self, snapshot: Arc<Snapshot>) -> Published {
        self.control.publish(&snapshot)
    }

    /// Which links there are, and whether they carry frames. Asks no worker, so it can be asked at any time; [`status`](Self::status) says more.
    #[must_use]
    pub fn links(&self) -> Vec<(InterfaceIndex, LinkState)> {
        self.control.states()
    }

    /// Everything that is counted.
    #[must_use]
    pub fn status(&self) -> Status {
        self.control.status()
    }

    /// Up to `limit` of the connections that `filter` means, in no order, and how many there are. Workers are asked in pieces and carry frames
    /// in between: a connection that opens or ends meanwhile may be there or not.
    #[must_use]
    pub fn connections(&self, filter: &FlowFilter, limit: usize) -> (Vec<Connection>, u64) {
        self.control.connections(filter, limit)
    }

    /// How many connections there are in each state. Workers are asked in pieces, as by [`connections`](Self::connections); it takes time in proportion to
    /// their capacity, so it is nothing to ask many times a second.
    #[must_use]
    pub fn census(&self) -> Census {
        self.control.census()
    }

    /// Ends the connections that `filter` means, whatever the rules say; how many there were. Their next packets are judged as those of new ones.
    pub fn delete(&self, filter: &FlowFilter) -> u64 {
        self.control.delete(filter)
    }

    /// What a decision about `packet`, where it crosses `interface` in `direction`, looks at, copied from the worker whose packet it would be: what
    /// becomes of it can be tried there, and no connection or counter moves. `None` where no link carries the interface, or its worker does not
    /// answer within a second.
    #[must_use]
    pub fn excerpt(
        &self,
        packet: Packet,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Option<Excerpt> {
        self.control.excerpt(packet, interface, direction)
    }

    /// Devices appeared, went up, or changed: links that are closed are tried again, and devices that were down asked again.
    pub fn devices_changed(&self) {
        self.control.devices_changed();
    }

    /// All connections, for [`restore`](Self::restore) in another run.
    #[must_use]
    pub fn save(&self) -> Vec<Connection> {
        self.control.save()
    }

    /// Takes back connections of an earlier run; how many. Those whose time has run out, whose interface the policy does not know, or that there is no
    /// room for are left out. Best called before links are attached: connections wait for their link, and no frame is judged without them.
    pub fn restore(&self, connections: Vec<Connection>) -> u64 {
        self.control.restore(connections)
    }

    /// What happens from now on, but for connections. Everybody who asks hears everything; who does not take events off the channel loses those
    /// that it has no room for.
    #[must_use]
    pub fn events(&self) -> Receiver<Event> {
        self.control.hub.listen(false)
    }

    /// As [`events`](Self::events), and of every packet that is admitted as new: for as long as the channel is not dropped.
    #[must_use]
    pub fn follow(&self) -> Receiver<Event> {
        self.control.hub.listen(true)
    }

    /// Closes all devices, then ends all workers; the connections that there were. Takes less than a second, whatever a worker or a device is up to: a
    /// worker that does not answer is left behind, and an [`Event::WorkerStuck`] and a warning say which; so is a supervisor that a device holds
    /// up. Nothing is opened any more: a link that is attached from here on stays closed. Calling it again does nothing.
    pub fn stop(&self) -> Vec<Connection> {
        let begun = Instant::now();
        self.stop_by(begun + ANSWERS_WITHIN, begun + ENDS_WITHIN)
    }

    fn stop_by(&self, answers: Instant, ends: Instant) -> Vec<Connection> {
        let stopped = self.control.stop(answers);
        let Threads {
            workers,
            supervisor,
        } = std::mem::take(&mut *self.threads());
        for (worker, thread) in (0..).zip(workers) {
            // One that did not answer is not waited for.
            if stopped.ended.contains(&worker) {
                thread.join_by(ends);
            }
        }
        if supervisor.is_some_and(|thread| !thread.join_by(ends)) {
            tracing::warn!("a device holds up the supervisor: it is left behind");
        }
        stopped.connections
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
