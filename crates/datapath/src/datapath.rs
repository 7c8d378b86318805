//! The shell around the decision: bursts, policy swaps, counters.
//!
//! A burst goes through three stages: the key of each packet is hashed and its tags asked for; the tags are compared and the line that looks
//! right is asked for; then each packet is decided in order, so that a SYN and its answer in one burst see each other exactly as they would one at
//! a time. A stage holds as many packets as memory takes requests at once: more would only push each other out of the nearest cache.
//!
//! One `Datapath` has one owner and no locks. The policy is a snapshot behind an `Arc`, swapped between packets; the
//! connection table, the fragment table and the counters are the owner's alone.

use std::sync::Arc;

use secgroup_conntrack::{Connection, Pool, Probe, Stats};
use secgroup_packet::{Direction, Family, FlowKey, Frame, InterfaceIndex, Packet, Timestamp};

use crate::decide::{Engine, Excerpt};
use crate::lane::InForce;
use crate::{Reason, Settings, Snapshot, Tally, Verdict};

/// One packet at one interface in one direction: what a verdict is about.
#[derive(Debug, Clone, Copy)]
pub struct Crossing<'a> {
    /// The frame, for what the parsed packet leaves in it (a quoted packet).
    pub frame: Frame<'a>,
    /// What the frame says.
    pub packet: Packet,
    /// The interface.
    pub interface: InterfaceIndex,
    /// The direction.
    pub direction: Direction,
    /// When.
    pub at: Timestamp,
}

/// How many packets go through the stages together: as many requests as a core of today keeps open to memory, and as fit
/// its first cache with all that belongs to them.
const STAGE: usize = 32;

/// The packet filter: a policy, the connections it let through, and the counters.
#[derive(Debug)]
pub struct Datapath {
    policy: InForce,
    engine: Engine,
    tally: Tally,
    /// Of the packets that are in the stages.
    probes: Box<[Probe; STAGE]>,
}

impl Datapath {
    /// Most crossings in one burst; more are taken in several.
    pub const BURST: usize = 256;

    /// A datapath that starts at `start` with no connections.
    #[must_use]
    pub fn new(settings: Settings, snapshot: Arc<Snapshot>, start: Timestamp) -> Self {
        let mut datapath = Self {
            engine: Engine::new(settings, start),
            policy: InForce::new(Arc::default()),
            tally: Tally::default(),
            probes: Box::new([Probe::NONE; STAGE]),
        };
        datapath.put_in_force(snapshot);
        datapath
    }

    /// Sets the start of the clock and of the start-grace window, where it was not known at first. Only before the first packet.
    pub fn start_at(&mut self, start: Timestamp) {
        self.engine.start_at(start);
    }

    /// Swaps in another policy at `now`. No entry is touched (D20 to D24), but those of interfaces that are gone (D27).
    pub fn swap(&mut self, snapshot: Arc<Snapshot>, now: Timestamp) {
        self.engine
            .policy_changes(Arc::clone(&self.policy.snapshot), &snapshot, now);
        self.put_in_force(snapshot);
    }

    /// Decides a burst in order: `verdicts` receives one verdict per crossing.
    pub fn burst(&mut self, crossings: &[Crossing<'_>], verdicts: &mut Vec<Verdict>) {
        for burst in crossings.chunks(STAGE) {
            self.look(burst);
            self.judge(burst, verdicts);
        }
    }

    /// The stages before the decision: for which connection each packet looks, and where that seems to lie.
    #[inline(never)] // A function of its own, as is the next: each has the registers to itself.
    fn look(&mut self, burst: &[Crossing<'_>]) {
        let Self { engine, probes, .. } = self;
        for (crossing, probe) in burst.iter().zip(probes.iter_mut()) {
            engine.probe(crossing, probe);
        }
        for probe in probes.iter_mut().take(burst.len()) {
            engine.aim(probe);
        }
    }

    /// The decision, in order.
    #[inline(never)]
    fn judge(&mut self, burst: &[Crossing<'_>], verdicts: &mut Vec<Verdict>) {
        let Self {
            policy,
            engine,
            tally,
            probes,
        } = self;
        let judged = burst.iter().zip(probes.iter());
        verdicts
            .extend(judged.map(|(crossing, probe)| judge(engine, policy, tally, crossing, probe)));
    }

    /// Decides one packet.
    pub fn one(&mut self, crossing: &Crossing<'_>) -> Verdict {
        let Self {
            policy,
            engine,
            tally,
            ..
        } = self;
        let probe = engine.aimed(crossing);
        judge(engine, policy, tally, crossing, &probe)
    }

    /// All that a decision about `crossing` looks at, copied: what becomes of the packet can be tried without touching a connection or
    /// a counter here. Takes microseconds, whatever the size of the table.
    #[must_use]
    pub fn excerpt(&self, crossing: &Crossing<'_>) -> Excerpt {
        Excerpt::new(&self.engine, &self.policy, crossing)
    }

    /// Counts a frame that could not be parsed (step 1) and was at `interface`.
    pub fn malformed(
        &mut self,
        interface: InterfaceIndex,
        direction: Direction,
        bytes: u32,
    ) -> Verdict {
        let verdict = Verdict::deny(Reason::Malformed);
        self.tally.count(interface, direction, verdict, bytes);
        verdict
    }

    /// Drops connections whose time has run out, looking at no more than `budget` entries; how many it dropped.
    pub fn sweep(&mut self, budget: usize) -> usize {
        self.engine.sweep(budget)
    }

    /// The counters.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The policy in force.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.policy.snapshot
    }

    /// The live connection that a packet belongs to.
    #[must_use]
    pub fn connection(&self, crossing: &Crossing<'_>) -> Option<Connection> {
        self.engine.own(crossing)
    }

    /// The live connections, in no order.
    pub fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        self.engine.connections()
    }

    /// Shows `see` the live connections in `places` places of the table from `from` on (0 to begin with); returns where to go
    /// on, or `None` at the end. For a walk in pieces with packets in between.
    pub fn visit(&self, from: usize, places: usize, see: impl FnMut(&Connection)) -> Option<usize> {
        self.engine.visit(from, places, see)
    }

    /// Takes back a connection of an earlier run, unless its time has run out, its interface is unknown, there is no room,
    /// or one of its key is there; whether it did.
    pub fn restore(&mut self, connection: &Connection) -> bool {
        let interface = connection.key.interface();
        self.snapshot().interface(interface).is_some() && self.engine.restore(connection)
    }

    /// Ends a connection, whatever the rules say; whether there was one.
    pub fn remove(&mut self, key: &FlowKey) -> bool {
        self.engine.remove(key)
    }

    /// Ends the connections that `keep` says no to; how many there were.
    pub fn retain(&mut self, keep: impl FnMut(&Connection) -> bool) -> u32 {
        self.engine.retain(keep)
    }

    /// Counts the connections of `interface` in `pool`, too: its allowance is that of all datapaths which share the pool.
    pub fn share_allowance(&mut self, interface: InterfaceIndex, pool: Arc<Pool>) {
        self.engine.share(interface, pool);
    }

    /// Connections of an interface, with those that have run out and were not swept.
    #[must_use]
    pub fn connections_of(&self, interface: InterfaceIndex) -> u32 {
        self.engine.table().len_of(interface)
    }

    /// Connections of a family, likewise.
    #[must_use]
    pub const fn held(&self, family: Family) -> u32 {
        self.engine.table().len(family)
    }

    /// How many connections of a family there is room for.
    #[must_use]
    pub const fn capacity(&self, family: Family) -> u32 {
        self.engine.table().capacity(family)
    }

    /// Memory of the connection table of a family, in bytes; fixed with the capacity.
    #[must_use]
    pub fn table_bytes(&self, family: Family) -> usize {
        self.engine.table().memory_bytes(family)
    }

    /// What the connection table has done so far.
    #[must_use]
    pub const fn table_stats(&self) -> Stats {
        self.engine.table().stats()
    }

    /// No connection runs out before this; `None` where there are none. A sweep before it finds nothing.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.engine.table().next_due()
    }

    /// The clock goes on although no packet came: what has run out by `now` can be swept.
    pub fn tick(&mut self, now: Timestamp) {
        self.engine.tick(now);
    }

    fn put_in_force(&mut self, snapshot: Arc<Snapshot>) {
        let (interfaces, rules) = (snapshot.interfaces.len(), snapshot.rules as usize);
        self.tally.reserve(interfaces, rules);
        self.engine.reserve(interfaces);
        self.policy = InForce::new(snapshot);
    }
}

/// Decides and counts: nothing leaves uncounted.
#[inline(always)]
fn judge(
    engine: &mut Engine,
    policy: &InForce,
    tally: &mut Tally,
    crossing: &Crossing<'_>,
    probe: &Probe,
) -> Verdict {
    let verdict = engine.decide(policy, crossing, probe);
    tally.count(
        crossing.interface,
        crossing.direction,
        verdict,
        crossing.packet.ip_len,
    );
    verdict
}
