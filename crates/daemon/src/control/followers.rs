//! Who follows connections, and what each still has to read.
//!
//! Whoever notices that a connection opened or closed must never wait for a client. So each follower has a bounded queue, and
//! one whose queue is full is dropped on the spot: a stream with holes would look like a stream without.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crossbeam_channel::{Receiver, Sender, bounded};
use secgroup_conntrack::Connection;

use crate::protocol::{FlowEvent, FlowQuery};

/// Events that a follower may be behind: some megabytes.
const BEHIND: usize = 16_384;

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
        let (sender, events) = bounded(BEHIND);
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

#[cfg(test)]
mod tests {
    use secgroup_conntrack::State;
    use secgroup_packet::{Direction, FlowKey, FlowKey4, InterfaceIndex, Protocol, Timestamp};

    use super::*;
    use crate::protocol::FlowLine;

    fn connection(port: u16) -> Connection {
        Connection {
            key: FlowKey::V4(FlowKey4 {
                local: [10, 0, 1, 10].into(),
                remote: [192, 0, 2, 1].into(),
                local_port: port,
                remote_port: 50_000,
                interface: InterfaceIndex(0),
                protocol: Protocol::TCP,
            }),
            originator: Direction::Ingress,
            state: State::Established,
            expires: Timestamp::from_secs(10),
            rule: 0,
            packets: [2, 1],
            bytes: [120, 60],
        }
    }

    fn tell(followers: &Followers, port: u16) -> bool {
        let connection = connection(port);
        let mut made = false;
        followers.tell(&connection, &["web"], || {
            made = true;
            let flow = FlowLine::new(&connection, "web", None, Timestamp::ZERO);
            FlowEvent::Opened { flow }
        });
        made
    }

    #[test]
    fn each_gets_what_he_asked_for() {
        let followers = Followers::default();
        assert!(!tell(&followers, 22), "an event was made for nobody");
        let all = followers.add(FlowQuery::default());
        let ssh = followers.add(FlowQuery {
            port: Some(22),
            ..FlowQuery::default()
        });
        assert!(tell(&followers, 22) && tell(&followers, 443));
        let ports = |following: &Following| {
            let events = following.events().try_iter();
            let ports = events.map(|event| event.flow().local_port);
            ports.flatten().collect::<Vec<_>>()
        };
        assert_eq!(ports(&all), [22, 443]);
        assert_eq!(ports(&ssh), [22]);
        drop(all);
        assert!(!tell(&followers, 443));
        assert!(!followers.is_empty());
        drop(ssh);
        assert!(followers.is_empty());
    }

    #[test]
    fn who_does_not_keep_up_is_cut_off() {
        let followers = Followers::default();
        let slow = followers.add(FlowQuery::default());
        for _ in 0..=BEHIND {
            assert!(tell(&followers, 22));
        }
        assert!(followers.is_empty());
        // What was queued can still be read; then the channel says that it was cut.
        assert_eq!(slow.events().iter().count(), BEHIND);
    }
}
