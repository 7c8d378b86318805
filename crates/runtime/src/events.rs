//! What happened, for logs and for people who look on.
//!
//! Workers and the supervisor drop [`Event`]s into one bounded channel and never wait: what does not fit is lost and counted. The
//! supervisor hands them on to everybody who listens, each through a bounded channel of their own, so that a slow listener loses
//! events of their own and nobody else's.
//!
//! Denied packets are sampled: every worker tells of [`DENIED_PER_SECOND`] a second, and with the next one how many it kept to itself.
//! New connections are told only while somebody [follows](crate::Runtime::follow): nothing is spent on them otherwise.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use secgroup_datapath::{Reason, Verdict};
use secgroup_packet::{Direction, InterfaceIndex, Packet, Timestamp};

/// Denied packets that each worker tells of in a second, and at once.
pub const DENIED_PER_SECOND: u32 = 10;
/// Events that may wait for one listener.
const WAITING: usize = 4096;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The devices of a link are open: it carries frames.
    LinkOpened {
        /// The interface.
        interface: InterfaceIndex,
        /// The link's name.
        name: String,
        /// It was open before: a device came back, or a worker did.
        again: bool,
    },
    /// A link carries no frames any more, or could not be opened.
    LinkClosed {
        /// The interface.
        interface: InterfaceIndex,
        /// The link's name.
        name: String,
        /// Why, in one line.
        reason: String,
    },
    /// A worker panicked; its links are closed until it is back.
    WorkerPanicked {
        /// Which.
        worker: u16,
        /// What it said.
        message: String,
        /// How long it rests before it starts again.
        rests: Duration,
    },
    /// A worker that panicked is back, without its connections.
    WorkerRestarted {
        /// Which.
        worker: u16,
    },
    /// A worker did not answer in time.
    WorkerStuck {
        /// Which.
        worker: u16,
        /// What it was asked to do.
        asked: &'static str,
    },
    /// A worker runs, but not on the CPU that it should.
    NotPinned {
        /// Which.
        worker: u16,
        /// The CPU.
        cpu: usize,
        /// Why.
        error: String,
    },
    /// A packet was denied, or would have been where the link only counts.
    Denied(Denied),
    /// A connection, or an ICMP message that opens none, was admitted as new. Only while somebody follows.
    Admitted(Admitted),
}

/// A denied packet.
#[derive(Debug, Clone, Copy)]
pub struct Denied {
    /// Where.
    pub interface: InterfaceIndex,
    /// Which way.
    pub direction: Direction,
    /// Why.
    pub reason: Reason,
    /// What it says; `None` where it is malformed.
    pub packet: Option<Packet>,
    /// When.
    pub at: Timestamp,
    /// Denied packets that this worker did not tell of since the last that it told of.
    pub suppressed: u64,
}

/// A packet that was admitted as the first of its connection.
#[derive(Debug, Clone, Copy)]
pub struct Admitted {
    /// Where.
    pub interface: InterfaceIndex,
    /// Which way.
    pub direction: Direction,
    /// What is said about it, and the rule.
    pub verdict: Verdict,
    /// What it says.
    pub packet: Packet,
    /// When.
    pub at: Timestamp,
}

/// Those who listen.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    listeners: Mutex<Vec<Listener>>,
    /// How many of them follow connections.
    followers: AtomicU32,
}

#[derive(Debug)]
struct Listener {
    sender: Sender<Event>,
    follows: bool,
}

impl Hub {
    /// A new listener; one that `follows` hears of connections, too.
    pub(crate) fn listen(&self, follows: bool) -> Receiver<Event> {
        let (sender, receiver) = bounded(WAITING);
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(Listener { sender, follows });
        if follows {
            self.followers.fetch_add(1, Ordering::Relaxed);
        }
        receiver
    }

    /// Whether anybody wants to hear of connections.
    pub(crate) fn is_followed(&self) -> bool {
        self.followers.load(Ordering::Relaxed) > 0
    }

    /// Tells everybody; those who went away are forgotten. Returns how many did not have room for it.
    pub(crate) fn tell(&self, event: &Event) -> u64 {
        let of_connections = matches!(event, Event::Admitted(_));
        let mut lost = 0;
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            if of_connections && !listener.follows {
                return true;
            }
            match listener.sender.try_send(event.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    lost += 1;
                    true
                }
                Err(TrySendError::Disconnected(_)) => {
                    if listener.follows {
                        self.followers.fetch_sub(1, Ordering::Relaxed);
                    }
                    false
                }
            }
        });
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarted(worker: u16) -> Event {
        Event::WorkerRestarted { worker }
    }

    #[test]
    fn everybody_hears_everything_but_connections() {
        let hub = Hub::default();
        let log = hub.listen(false);
        assert!(!hub.is_followed());
        let follower = hub.listen(true);
        assert!(hub.is_followed());
        assert_eq!(hub.tell(&restarted(1)), 0);
        assert_eq!((log.len(), follower.len()), (1, 1));
        drop(follower);
        hub.tell(&restarted(2));
        assert!(!hub.is_followed(), "who went away follows nothing");
        assert_eq!(log.len(), 2);
    }

    #[test]
    fn a_slow_listener_loses_their_own() {
        let hub = Hub::default();
        let (slow, quick) = (hub.listen(false), hub.listen(false));
        let mut lost = 0;
        for _ in 0..WAITING + 10 {
            lost += hub.tell(&restarted(0));
            quick.recv().unwrap();
        }
        assert_eq!(lost, 10);
        assert_eq!(slow.len(), WAITING);
    }
}
