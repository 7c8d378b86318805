//! What one decision looks at, cut out of a datapath.
//!
//! To say what would become of a packet, the engine itself must decide it; but it must not move a connection on, renew a timeout, use up an
//! allowance or count anything while real packets go by the same table. So the little that a decision about this packet reads is copied into
//! an engine of its own: the connection of its key and the one that it quotes, the clock, the windows of grace, former policies, the second
//! of the link-local allowance, and whether there is room for another connection. The policy is shared, not copied.
//!
//! Fragments are not copied: an excerpt judges a first fragment as a whole packet, and knows the first of no later one.

use std::sync::Arc;

use secgroup_conntrack::{Config, Connection, FragmentTable, Table};
use secgroup_packet::{Family, FlowKey, Timestamp};

use super::Engine;
use crate::lane::InForce;
use crate::{Crossing, Settings, Snapshot, Verdict};

/// Connections that an excerpt has room for: the packet's, the one that it quotes, the one that it opens, and that of its answer. All are of its
/// family.
const ROOM: u32 = 4;

/// An engine that knows what one packet concerns, and nothing else. What it decides touches nobody.
#[derive(Debug)]
pub struct Excerpt {
    policy: InForce,
    engine: Engine,
}

impl Excerpt {
    pub(crate) fn new(engine: &Engine, policy: &InForce, crossing: &Crossing<'_>) -> Self {
        let found = engine.concerned(crossing);
        // Where there is no room for more, the table is exactly as large as what is there.
        let capacity = if engine.has_room(&policy.snapshot, crossing) {
            ROOM
        } else {
            u32::from(found[0].is_some())
        };
        let mut excerpt = engine.empty(crossing.packet.family(), capacity);
        for connection in found.iter().flatten() {
            excerpt.restore(connection);
        }
        Self {
            policy: policy.clone(),
            engine: excerpt,
        }
    }

    /// Decides a packet, by the same steps as every packet, and remembers it: an answer can be tried next.
    pub fn one(&mut self, crossing: &Crossing<'_>) -> Verdict {
        let probe = self.engine.aimed(crossing);
        self.engine.decide(&self.policy, crossing, &probe)
    }

    /// The live connection that a packet belongs to, or that it quotes a packet of.
    #[must_use]
    pub fn connection(&self, crossing: &Crossing<'_>) -> Option<Connection> {
        self.engine.concerned(crossing).into_iter().flatten().next()
    }

    /// The policy that it decides by.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.policy.snapshot
    }

    /// The settings that it decides by, but for the sizes of its tables.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.engine.settings
    }

    /// The latest time that the engine it was cut from, or itself, has seen.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.engine.clock
    }
}

impl Engine {
    /// The live connections that a packet concerns: its own, and the one that it quotes.
    fn concerned(&self, crossing: &Crossing<'_>) -> [Option<Connection>; 2] {
        let Crossing {
            frame,
            packet,
            interface,
            direction,
            ..
        } = crossing;
        let quoted = packet.quoted_flow_key(frame, *interface, *direction);
        let quoted = quoted.and_then(|key| self.live(&key, crossing.at));
        [self.own(crossing), quoted]
    }

    /// The live connection that a packet belongs to.
    pub(crate) fn own(&self, crossing: &Crossing<'_>) -> Option<Connection> {
        let Crossing { packet, .. } = crossing;
        let key = packet.flow_key(crossing.interface, crossing.direction)?;
        self.live(&key, crossing.at)
    }

    fn live(&self, key: &FlowKey, at: Timestamp) -> Option<Connection> {
        let hash = self.connections.hash(key);
        let now = self.clock.max(at);
        let handle = self.connections.lookup(key, hash, now)?;
        Some(self.connections.connection(handle))
    }

    /// Whether a connection that the packet opens would find room.
    fn has_room(&self, snapshot: &Snapshot, crossing: &Crossing<'_>) -> bool {
        let Crossing {
            packet, direction, ..
        } = crossing;
        let Some(key) = packet.flow_key(crossing.interface, *direction) else {
            return true;
        };
        let hash = self.connections.hash(&key);
        let interface = snapshot.interface(crossing.interface);
        let allowance = interface.and_then(|interface| interface.allowance);
        let now = self.clock.max(crossing.at);
        self.connections.has_room(&key, hash, now, allowance)
    }

    /// The same engine with room for so many connections of this family, and nothing in its tables.
    fn empty(&self, family: Family, capacity: u32) -> Self {
        let [capacity, capacity_v6] = match family {
            Family::V4 => [capacity, 0],
            Family::V6 => [0, capacity],
        };
        let settings = Settings {
            capacity,
            capacity_v6,
            fragment_capacity: ROOM,
            ..self.settings.clone()
        };
        Self {
            connections: Table::new(Config {
                capacity,
                capacity_v6,
                seed: settings.seed,
            }),
            fragments: FragmentTable::new(ROOM, settings.seed),
            settings,
            link_local: self.link_local.clone(),
            clock: self.clock,
            started: self.started,
            former: self.former.clone(),
        }
    }
}
