//! A worker: links, an engine of its own, and the loop that carries frames between them.
//!
//! # Which ports are asked
//!
//! A port is *hot* while it gives frames, and asked once in every turn. One that gave none is not asked again before `epoll` names it: with
//! a hundred links of which one is busy, a turn costs what the busy one costs. While anything is hot, `epoll` is looked at every
//! [`LOOK_EVERY`] turns, so nobody waits for long. With `busy_poll` every port is asked in every turn and nothing sleeps.
//!
//! A port that gave frames for many turns in a row is off `epoll`'s list until it gives none: it is asked anyway, and for a list with it the kernel would do
//! a wake-up's work for each frame, on the CPU that brings them. That is a tenth of what a flood of small frames costs.
//!
//! # What is bounded
//!
//! A turn takes the commands that are there, at most [`PARCELS`] parcels, and one burst of each hot port. Whatever a port does, the
//! others get their turn, and a command waits for one turn.
//!
//! A device that fails does not keep the worker busy: one that is down is left alone for a second, one that fails again and again for longer
//! and longer, up to that, and one that is gone is closed and reported.

mod burst;
mod carry;
mod commands;
mod forward;
mod link;
mod report;
mod reporter;
mod unfinished;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use secgroup_datapath::{Datapath, Settings, Snapshot};
use secgroup_io::live::{PacketId, QueueVerdict};
use secgroup_packet::{InterfaceIndex, Steering, Timestamp};

pub(crate) use self::link::{LinkSpec, add, queue_of};
pub(crate) use self::report::{LinkReport, Report};

use self::burst::{Burst, Judge};
use self::forward::Errors;
use self::link::{Gate, Link};
use self::reporter::Reporter;
use crate::Observers;
use crate::events::{Event, Hub};
use crate::handoff::{Inbox, Mesh, Outbox, Side};
use crate::mailbox::{Command, Waker};
use crate::meter::Meter;
use crate::owner::Owners;
use crate::settings::Ticking;
use crate::supervisor::Notice;

/// Turns between two looks at `epoll` while something is hot.
const LOOK_EVERY: u64 = 8;
/// Parcels that are opened in one turn.
const PARCELS: usize = 16;
/// Places of the connection table that a sweep looks at when there is nothing else to do.
const IDLE_SWEEP: usize = 4096;
/// Connections that have run out are found by nobody: there is no hurry to clear them.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Marks the waker among the descriptors.
const WAKER: u64 = u64::MAX;
/// Descriptors that one look can name; the others are named by the next.
const EVENTS: usize = 64;

/// What a worker is made of, again after each panic.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) index: u16,
    pub(crate) engine: Settings,
    pub(crate) busy_poll: bool,
    pub(crate) clock: Ticking,
    pub(crate) commands: Receiver<Command>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) inbox: Inbox,
    pub(crate) notices: Sender<Notice>,
    pub(crate) events: Sender<Event>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) observers: Option<Observers>,
    pub(crate) metered: bool,
}

/// How a turn went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There was something to do.
    Busy,
    /// There was not.
    Idle,
    /// The worker was asked to stop, and closed everything.
    Stopped,
}

/// Which device: the place of its link, and its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    place: usize,
    side: Side,
}

/// A worker.
pub(crate) struct Worker {
    parts: Parts,
    judge: Judge,
    /// By place; a place that a link left is taken again.
    links: Vec<Option<Link>>,
    epoll: OwnedFd,
    named: Vec<epoll::Event>,
    hot: Vec<Token>,
    /// The other list of hot ports: the one being asked.
    asked: Vec<Token>,
    /// Ports that are left alone for a while.
    resting: usize,
    buffers: Burst<'static>,
    settled: Vec<(PacketId, QueueVerdict)>,
    errors: Errors,
    turns: u64,
    busy_turns: u64,
    frames: u64,
    late: u64,
}

impl Worker {
    /// A worker without links, under the policy of `snapshot`. Windows of grace begin now.
    ///
    /// # Errors
    /// The kernel has no more file descriptors for us.
    pub(crate) fn new(parts: Parts, snapshot: Arc<Snapshot>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = epoll::EventData::new_u64(WAKER);
        epoll::add(&epoll, parts.waker.fd(), waker, epoll::EventFlags::IN)?;
        let now = parts.clock.now();
        let datagrams = parts.engine.fragment_capacity;
        let judge = Judge {
            datapath: Datapath::new(parts.engine.clone(), snapshot, now),
            outbox: Outbox::new(parts.index, Arc::clone(&parts.mesh), parts.inbox.clone()),
            owners: Owners::new(Steering::new(parts.engine.seed), datagrams),
            reporter: Reporter::new(parts.events.clone(), Arc::clone(&parts.hub), now),
            observer: parts.observers.as_ref().map(|all| all.of(parts.index)),
            meter: parts.metered.then(Meter::default),
            verify: parts.engine.verify_checksums,
            now,
            handed_over: 0,
            handoff_full: 0,
        };
        Ok(Self {
            parts,
            judge,
            links: Vec::new(),
            epoll,
            named: Vec::with_capacity(EVENTS),
            hot: Vec::new(),
            asked: Vec::new(),
            resting: 0,
            buffers: Burst::new(),
            settled: Vec::new(),
            errors: Errors::default(),
            turns: 0,
            busy_turns: 0,
            frames: 0,
            late: 0,
        })
    }

    /// Works until it is asked to stop.
    ///
    /// # Errors
    /// `epoll` failed, which it has no reason to.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        loop {
            match self.turn()? {
                Turn::Stopped => return Ok(()),
                Turn::Busy if self.turns.is_multiple_of(LOOK_EVERY) => {
                    self.look(Some(Duration::ZERO))?;
                }
                Turn::Busy => {}
                Turn::Idle if self.parts.busy_poll => std::hint::spin_loop(),
                Turn::Idle => self.sleep()?,
            }
        }
    }

    /// One turn, as the README of this crate lists it. Never waits.
    pub(crate) fn turn(&mut self) -> io::Result<Turn> {
        self.judge.now = self.parts.clock.now();
        self.turns += 1;
        let before = self.frames;
        let mut busy = false;
        while let Ok(command) = self.parts.commands.try_recv() {
            busy = true;
            if self.obey(command)? == Turn::Stopped {
                return Ok(Turn::Stopped);
            }
        }
        if self.resting > 0 {
            self.rouse()?;
        }
        busy |= self.open_parcels();
        busy |= self.ask_ports()?;
        self.judge.outbox.flush();
        busy |= self.sweep(self.frames - before);
        self.busy_turns += u64::from(busy);
        if !busy && let Some(observer) = &mut self.judge.observer {
            observer.idle();
        }
        Ok(if busy { Turn::Busy } else { Turn::Idle })
    }

    fn open_parcels(&mut self) -> bool {
        for opened in 0..PARCELS {
            let Some(parcel) = self.judge.outbox.take() else {
                return opened > 0;
            };
            self.carry_parcel(&parcel);
            self.judge.outbox.give_back(parcel);
        }
        true
    }

    fn ask_ports(&mut self) -> io::Result<bool> {
        if self.parts.busy_poll {
            self.heat_all();
        }
        std::mem::swap(&mut self.hot, &mut self.asked);
        let mut busy = false;
        for index in 0..self.asked.len() {
            let token = self.asked[index];
            if let Some(gate) = self.gate(token) {
                gate.is_hot = false;
            }
            if self.carry(token)? {
                busy = true;
                self.heat(token);
                if self.gate(token).is_some_and(Gate::gives) {
                    self.let_name(token, false)?;
                }
            } else if self.gate(token).is_some_and(Gate::gives_nothing) {
                self.let_name(token, true)?;
            }
        }
        self.asked.clear();
        Ok(busy)
    }

    /// Clears connections that have run out: as many places as frames came, and more when none did. Whether there were any.
    fn sweep(&mut self, frames: u64) -> bool {
        let datapath = &mut self.judge.datapath;
        if frames > 0 {
            datapath.sweep(usize::try_from(frames).unwrap_or(usize::MAX));
            return true;
        }
        if datapath.next_due().is_none_or(|due| due > self.judge.now) {
            return false;
        }
        datapath.tick(self.judge.now);
        datapath.sweep(IDLE_SWEEP) > 0
    }

    /// Sleeps until there is something to do.
    fn sleep(&mut self) -> io::Result<()> {
        let waker = Arc::clone(&self.parts.waker);
        waker.lie_down();
        let nothing = self.parts.commands.is_empty() && self.judge.outbox.is_empty();
        let looked = if nothing {
            self.look(self.until_due())
        } else {
            Ok(())
        };
        waker.get_up();
        looked
    }

    /// How long it may sleep; `None` for as long as nobody comes.
    fn until_due(&self) -> Option<Duration> {
        let now = self.judge.now;
        let due = self.judge.datapath.next_due();
        let sweep = due.map(|due| due.saturating_since(now).max(SWEEP_EVERY));
        let rouse = self
            .earliest_rouse()
            .map(|until| until.saturating_since(now));
        [sweep, rouse].into_iter().flatten().min()
    }

    fn earliest_rouse(&self) -> Option<Timestamp> {
        if self.resting == 0 {
            return None;
        }
        let devices = self
            .links
            .iter()
            .flatten()
            .filter_map(|link| link.devices.as_ref());
        let gates = devices.flat_map(|devices| devices.gates);
        gates.filter_map(|gate| gate.rests_until).min()
    }

    /// Waits for descriptors, and marks the ports whose they are as hot.
    pub(crate) fn look(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        self.named.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.named),
            timeout.as_ref(),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for index in 0..self.named.len() {
            match self.named[index].data.u64() {
                WAKER => self.parts.waker.calm(),
                data => self.heat(Token::from_data(data)),
            }
        }
        Ok(())
    }

    /// The engine, for tests.
    #[cfg(test)]
    pub(crate) const fn engine(&self) -> &Datapath {
        &self.judge.datapath
    }

    fn link(&mut self, interface: InterfaceIndex) -> Option<(usize, &mut Link)> {
        let mut places = self.links.iter_mut().enumerate();
        places.find_map(|(place, link)| {
            let link = link.as_mut()?;
            (link.spec.interface == interface).then_some((place, link))
        })
    }

    fn gate(&mut self, token: Token) -> Option<&mut Gate> {
        let link = self.links.get_mut(token.place)?.as_mut()?;
        Some(&mut link.devices.as_mut()?.gates[token.side as usize])
    }

    /// Asks a port in the next turn.
    fn heat(&mut self, token: Token) {
        if let Some(gate) = self.gate(token)
            && gate.is_watched
            && !gate.is_hot
        {
            gate.is_hot = true;
            self.hot.push(token);
        }
    }

    fn heat_all(&mut self) {
        for place in 0..self.links.len() {
            for side in [Side::First, Side::Second] {
                self.heat(Token { place, side });
            }
        }
    }
}

impl Token {
    fn data(self) -> epoll::EventData {
        epoll::EventData::new_u64((self.place as u64) << 1 | self.side as u64)
    }

    fn from_data(data: u64) -> Self {
        Self {
            place: usize::try_from(data >> 1).unwrap_or(usize::MAX),
            side: if data & 1 == 0 {
                Side::First
            } else {
                Side::Second
            },
        }
    }
}

#[cfg(test)]
mod tests;
