//! Who follows connections, and what each still has to read.
//!
//! Whoever notices that a connection opened or closed must never wait for a client. So each follower has a bounded queue, and
//! one whose queue is full is dropped on the spot: a stream with holes would look like a stream without.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crossbeam_channel::{Receiver, Sender, bounded};
use secgroup_conntrack::Connection;

use crate::protocol::{FlowEvent, FlowQuery};

/// Events that a follower may be behind: some megabytes.
pub const BEHIND_MAX: usize = 16_384;

/// Everybody who follows connections.
#[derive(Debug, Default)]
pub struct Followers {
    following: Mutex<Vec<Follower>>,
}

/// The events of one follower, who is forgotten when it is dropped.
#[derive(Debug)]
pub struct Following {
    events: Receiver<FlowEvent>,
    _alive: Arc<()>,
}

impl Following {
    /// The events. The channel is cut where its reader was too far behind.
    #[must_use]
    pub const fn events(&self) -> &Receiver<FlowEvent> {
        &self.events
    }
}

#[derive(Debug)]
struct Follower {
    filter: FlowQuery,
    events: Sender<FlowEvent>,
    /// A channel does not say whether anybody still reads it.
    alive: Weak<()>,
}

impl Follower {
    fn is_there(&self) -> bool {
        self.alive.strong_count() > 0
    }
}

impl Followers {
    /// One more, who gets what fits `filter` until he drops it or is too far behind.
    #[must_use]
    pub fn add(&self, filter: FlowQuery) -> Following {
        let (sender, events) = bounded(BEHIND_MAX);
        let alive = Arc::new(());
        self.lock().push(Follower {
            filter,
            events: sender,
            alive: Arc::downgrade(&alive),
        });
        Following {
            events,
            _alive: alive,
        }
    }

    /// Whether nobody follows, so that nobody needs to look for events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut following = self.lock();
        following.retain(Follower::is_there);
        following.is_empty()
    }

    /// Tells those who want to know what became of `connection`, of an interface that goes by any of
    /// `interface_names`; makes the event only if somebody does.
    pub fn tell(
        &self,
        connection: &Connection,
        interface_names: &[&str],
        event: impl FnOnce() -> FlowEvent,
    ) {
        let mut following = self.lock();
        following.retain(Follower::is_there);
        let wants = |follower: &Follower| follower.filter.matches(connection, interface_names);
        if following.iter().any(wants) {
            let event = event();
            // Full or gone: either way there is nobody to tell any more.
            following.retain(|follower| {
                !wants(follower) || follower.events.try_send(event.clone()).is_ok()
            });
        }
    }

    /// The list is whole even where a thread panicked while it held the lock.
    fn lock(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.following
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
