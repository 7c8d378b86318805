//! Opens closed links again, and hands events on.
//!
//! One thread that waits: for workers that lost a device or panicked, for word that devices changed, and, while a link is
//! closed, for [`RETRY`] to pass. It opens devices itself, so a slow one delays no frame.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};
use secgroup_packet::InterfaceIndex;

use crate::control::Control;
use crate::events::Event;

/// How often a closed link is tried without any sign that its devices are back: the watch that should give the sign may miss one.
const RETRY: Duration = Duration::from_secs(2);

/// What the supervisor is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A shard lost a device for good, and closed its others.
    Lost {
        interface: InterfaceIndex,
        /// At which opening.
        epoch: u64,
        reason: String,
        /// Whether to try again.
        comes_back: bool,
    },
    /// A worker panicked, and with it everything it had is gone.
    Panicked {
        worker: u16,
        message: String,
        rest: Duration,
    },
    /// It is back, without links.
    Restarted { worker: u16 },
    /// Devices appeared or changed.
    DevicesChanged,
    /// A link is closed: there is something to wait for.
    Closed,
    /// The end.
    Stop,
}

/// The supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) control: Arc<Control>,
    pub(crate) notices: Receiver<Notice>,
    pub(crate) events: Receiver<Event>,
}

impl Supervisor {
    /// Waits, and does what is to be done, until it is asked to stop.
    pub(crate) fn run(self) {
        let mut next_try: Option<Instant> = None;
        loop {
            next_try = match (self.control.waits(), next_try) {
                (false, _) => None,
                (true, Some(soon)) => Some(soon),
                (true, None) => Some(Instant::now() + RETRY),
            };
            let retry = next_try.map_or_else(never, at);
            select! {
                recv(self.events) -> event => {
                    if let Ok(event) = event {
                        self.control.hub.tell(&event);
                    }
                }
                recv(self.notices) -> notice => match notice {
                    Ok(Notice::Stop) | Err(_) => break,
                    Ok(notice) => self.heed(notice),
                },
                recv(retry) -> _ => {
                    next_try = None;
                    self.control.open_closed();
                }
            }
        }
        for event in self.events.try_iter() {
            self.control.hub.tell(&event);
        }
    }

    fn heed(&self, notice: Notice) {
        match notice {
            Notice::Lost {
                interface,
                epoch,
                reason,
                comes_back,
            } => {
                self.control.lost(interface, epoch, &reason, comes_back);
            }
            Notice::Panicked {
                worker,
                message,
                rest,
            } => {
                let rests = rest;
                self.control.hub.tell(&Event::WorkerPanicked {
                    worker,
                    message,
                    rests,
                });
                self.control.worker_left(worker);
            }
            Notice::Restarted { worker } => {
                self.control.hub.tell(&Event::WorkerRestarted { worker });
                self.control.worker_came_back(worker);
            }
            Notice::DevicesChanged => {
                self.control.devices_looked_at();
                self.control.open_closed();
            }
            Notice::Closed | Notice::Stop => {}
        }
    }
}
