//! How the rest of the process talks to a worker.
//!
//! A worker has one bounded channel for [`Command`]s and one [`Waker`], which those who hand over frames use as well. It takes
//! commands between two bursts and answers each by a channel of its own, so the caller knows when it is in force.
//!
//! # Sleeping without missing anything
//!
//! ```text
//! worker                               sender
//! sleeping = true                      push into the channel
//! fence                                fence
//! channels empty? then epoll_wait      sleeping? then write the eventfd
//! ```
//!
//! Of the two looks at least one sees what the other did (the fences order them), so either the worker does not go to sleep or it
//! is woken. A worker that is awake costs a sender one load.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use secgroup_datapath::{Connection, Excerpt, Snapshot};
use secgroup_io::live::Settle;
use secgroup_packet::{Direction, InterfaceIndex, Packet};

use crate::worker::{LinkSpec, Report};
use crate::{Attached, Census, FlowFilter};

/// How long a worker may take to answer before it counts as stuck: it answers between two bursts, of microseconds each.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Commands that may wait; callers wait for their answers, so there are about as many as callers.
const WAITING: usize = 64;

/// What a worker can be asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take a shard of a link, still closed.
    Install {
        spec: Arc<LinkSpec>,
        shard: u16,
        audit: bool,
        done: Sender<()>,
    },
    /// Give up a link; its connections stay.
    Uninstall {
        interface: InterfaceIndex,
        done: Sender<()>,
    },
    /// Settle packets of another shard's queue by this.
    Settler {
        interface: InterfaceIndex,
        from: u16,
        epoch: u64,
        settler: Box<dyn Settle>,
    },
    /// Take the devices of a shard, without listening to them yet; whether the worker has the shard.
    Open {
        interface: InterfaceIndex,
        epoch: u64,
        devices: Attached,
        done: Sender<bool>,
    },
    /// Listen: all shards are open.
    Listen {
        interface: InterfaceIndex,
        epoch: u64,
    },
    /// Close the devices of a shard.
    Close {
        interface: InterfaceIndex,
        done: Sender<()>,
    },
    /// Enforce the verdicts of a shard from the next burst on, or only count them. Its devices stay as they are.
    Audit {
        interface: InterfaceIndex,
        audit: bool,
        done: Sender<()>,
    },
    /// Put a policy in force.
    Publish {
        snapshot: Arc<Snapshot>,
        done: Sender<()>,
    },
    /// Say how it is going.
    Report { reply: Sender<Report> },
    /// Look at a piece of the connection table.
    Visit { visit: Visit, reply: Sender<Piece> },
    /// Hand out a copy of what a decision about this packet looks at.
    Excerpt {
        packet: Packet,
        interface: InterfaceIndex,
        direction: Direction,
        reply: Sender<Excerpt>,
    },
    /// Count the connections in a piece of the table, from this place on.
    Census {
        from: usize,
        reply: Sender<CensusPiece>,
    },
    /// Take connections back.
    Restore {
        connections: Vec<Connection>,
        reply: Sender<u64>,
    },
    /// Try devices that were down again.
    Retry,
    /// Close all devices, then say which connections there are, and end.
    Stop { reply: Sender<Vec<Connection>> },
}

/// A piece of the connection table to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    /// Where it begins.
    pub(crate) from: usize,
    /// What is looked for.
    pub(crate) filter: FlowFilter,
    /// How many of them to send back.
    pub(crate) limit: usize,
    /// Whether to end them.
    pub(crate) remove: bool,
}

/// What was found in it.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// The connections, up to the limit.
    pub(crate) connections: Vec<Connection>,
    /// How many there were.
    pub(crate) matched: u64,
    /// Where the next piece begins.
    pub(crate) next: Option<usize>,
}

/// Connections in a piece of the table, by state.
#[derive(Debug, Default)]
pub(crate) struct CensusPiece {
    /// How many, by [`State`](secgroup_datapath::State).
    pub(crate) counts: Census,
    /// Where the next piece begins.
    pub(crate) next: Option<usize>,
}

/// Wakes a worker that sleeps.
#[derive(Debug)]
pub(crate) struct Waker {
    event: OwnedFd,
    sleeping: AtomicBool,
}

impl Waker {
    fn new() -> io::Result<Self> {
        Ok(Self {
            event: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            sleeping: AtomicBool::new(false),
        })
    }

    /// After something was pushed: the worker will see it.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::Relaxed) {
            // It fails only where the counter is at its limit, and then the worker is awake.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    /// The worker means to sleep. It has to look at its channels once more before it does.
    pub(crate) fn lie_down(&self) {
        self.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The worker is awake.
    pub(crate) fn get_up(&self) {
        self.sleeping.store(false, Ordering::Relaxed);
    }

    /// Takes back what [`wake`](Self::wake) wrote.
    pub(crate) fn calm(&self) {
        // It fails only where there is nothing to take back.
        let _ = rustix::io::read(&self.event, &mut [0_u8; 8]);
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// A worker's mailbox, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    sender: Sender<Command>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// A mailbox, and the worker's end of it.
    pub(crate) fn new() -> io::Result<(Self, Receiver<Command>)> {
        let (sender, receiver) = bounded(WAITING);
        let waker = Arc::new(Waker::new()?);
        Ok((Self { sender, waker }, receiver))
    }

    pub(crate) const fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Sends a command; `false` where the worker is stuck or gone.
    pub(crate) fn send(&self, command: Command) -> bool {
        let sent = self.sender.send_timeout(command, PATIENCE).is_ok();
        self.waker.wake();
        sent
    }

    /// Sends a command that may be lost where too many wait.
    pub(crate) fn try_send(&self, command: Command) {
        let _ = self.sender.try_send(command);
        self.waker.wake();
    }

    /// Asks the worker to stop, without waiting even for room in the mailbox.
    pub(crate) fn ask_to_stop(&self) -> Receiver<Vec<Connection>> {
        let (reply, answer) = bounded(1);
        self.try_send(Command::Stop { reply });
        answer
    }

    /// Sends a command that is answered; the answer comes by the channel, unless the worker fails before.
    pub(crate) fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Receiver<T> {
        let (reply, answer) = bounded(1);
        self.send(command(reply));
        answer
    }

    /// Sends a command and waits for its answer; `None` where the worker is stuck, failed or is resting.
    pub(crate) fn answer<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Option<T> {
        self.ask(command).recv_timeout(PATIENCE).ok()
    }
}
