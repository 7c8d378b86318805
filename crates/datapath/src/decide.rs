//! The way of a packet, on one page: [`Engine::decide`] and [`Engine::whole`].
//!
//! ```text
//!   exemption ──► allow exempt                                 a few compares
//!   spoofed ────► deny                                         a few compares
//!   fragment ───► the verdict of its first                     one probe, fragments only
//!   connection ─► allow established │ deny invalid-state       one prefetched line: nearly every packet ends here
//!   related ────► allow related                                one probe, ICMP errors only
//!   rules ──────► deny no-rule                                 class look-ups
//!   untracked ──► allow untracked                              four bits
//!   establish ──► allow new │ deny invalid-state, table-full   one insert
//! ```

mod opening;
mod untracked;

use std::collections::VecDeque;
use std::sync::Arc;

use secgroup_conntrack::{
    Config, Connection, FlowHash, FragmentKey, FragmentStep, FragmentTable, Full, Handle, Opening,
    Pool, State, Step, Table,
};
use secgroup_packet::{
    Direction, Family, FlowKey, InterfaceIndex, L4, Packet, Protocol, Timestamp,
};
use secgroup_policy::{Query, RuleNumber};

use self::opening::Opens;
use self::untracked::untracked;
use crate::exempt::{Exemption, exemption};
use crate::{Crossing, Interface, Reason, Settings, Snapshot, Verdict};

/// Stands for the protocol of an IPv6 datagram in pieces, of which only the first piece says the protocol for sure
/// (RFC 8200 section 4.5 identifies the datagram without it).
const IPV6_FRAGMENT: Protocol = Protocol(44);

/// How many former policies are remembered: enough for a script that edits rules one by one, and bounded.
const FORMER_MAX: usize = 8;

/// The connection key of a crossing and its hash; `None` for what belongs to no connection.
pub(crate) type Key = Option<(FlowKey, FlowHash)>;

/// What the decision remembers from packet to packet.
#[derive(Debug)]
pub(crate) struct Engine {
    settings: Settings,
    connections: Table,
    fragments: FragmentTable<Verdict>,
    link_local: Vec<LinkLocalSecond>,
    /// The latest time seen: a clock that steps back is held here.
    clock: Timestamp,
    started: Timestamp,
    /// Policies that were in force until a moment ago, and when each ended; the latest last.
    former: VecDeque<(Timestamp, Arc<Snapshot>)>,
}

impl Engine {
    pub(crate) fn new(settings: Settings, start: Timestamp) -> Self {
        Self {
            connections: Table::new(Config {
                capacity: settings.capacity,
                capacity_v6: settings.capacity_v6,
                seed: settings.seed,
            }),
            fragments: FragmentTable::new(settings.fragment_capacity, settings.seed),
            settings,
            link_local: Vec::new(),
            clock: start,
            started: start,
            former: VecDeque::with_capacity(FORMER_MAX),
        }
    }

    pub(crate) fn start_at(&mut self, start: Timestamp) {
        self.clock = start;
        self.started = start;
    }

    /// A policy change: connections stay, those of interfaces that are gone do not, and the policy that ends is remembered.
    pub(crate) fn policy_changes(
        &mut self,
        before: Arc<Snapshot>,
        after: &Snapshot,
        now: Timestamp,
    ) {
        self.clock = self.clock.max(now);
        for (index, interface) in (0..).map(InterfaceIndex).zip(&before.interfaces) {
            if interface.is_some() && after.interface(index).is_none() {
                self.connections.remove_interface(index);
                self.fragments.remove_interface(index);
                if let Some(second) = self.link_local.get_mut(index.0 as usize) {
                    *second = LinkLocalSecond::default();
                }
            }
        }
        if self.former.len() == FORMER_MAX {
            self.former.pop_front();
        }
        self.former.push_back((self.clock, before));
    }

    pub(crate) fn reserve(&mut self, interfaces: usize) {
        if self.link_local.len() < interfaces {
            self.link_local
                .resize(interfaces, LinkLocalSecond::default());
        }
    }

    #[inline]
    pub(crate) fn key(&self, crossing: &Crossing<'_>) -> Key {
        let key = crossing
            .packet
            .flow_key(crossing.interface, crossing.direction)?;
        Some((key, self.connections.hash(&key)))
    }

    #[inline]
    pub(crate) fn prefetch(&self, key: &Key) {
        if let Some((flow, hash)) = key {
            self.connections.prefetch(flow, *hash);
        }
    }

    pub(crate) fn sweep(&mut self, budget: usize) -> usize {
        self.connections.sweep(self.clock, budget)
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        self.connections
            .iter()
            .filter(|connection| connection.expires >= self.clock)
    }

    pub(crate) fn visit(
        &self,
        from: usize,
        places: usize,
        mut see: impl FnMut(&Connection),
    ) -> Option<usize> {
        self.connections.visit(from, places, |connection| {
            if connection.expires >= self.clock {
                see(connection);
            }
        })
    }

    /// Connections are the table's business; this is the way to it for all but packets.
    pub(crate) const fn table(&self) -> &Table {
        &self.connections
    }

    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.clock = self.clock.max(now);
    }

    pub(crate) fn restore(&mut self, connection: &Connection) -> bool {
        let is_live = connection.expires >= self.clock;
        is_live && self.connections.restore(connection, self.clock).is_ok()
    }

    pub(crate) fn remove(&mut self, key: &FlowKey) -> bool {
        let hash = self.connections.hash(key);
        let found = self.connections.lookup(key, hash, self.clock);
        found
            .inspect(|&handle| self.connections.remove(handle))
            .is_some()
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Connection) -> bool) -> u32 {
        self.connections.retain(keep)
    }

    pub(crate) fn share(&mut self, interface: InterfaceIndex, pool: Arc<Pool>) {
        self.connections.share(interface, pool);
    }

    /// The decision, in strict order (see the crate's text). Step 1, *malformed*, lies behind us: there is a packet.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        key: Key,
    ) -> Verdict {
        let Crossing {
            packet,
            interface: index,
            direction,
            ..
        } = crossing;
        self.clock = self.clock.max(crossing.at);
        let Some(interface) = snapshot.interface(*index) else {
            return Verdict::deny(Reason::NoRule); // An interface that no policy knows has no rules.
        };
        // 2. What security groups never filter.
        if interface.exemptions
            && let Some(exemption) = exemption(interface, packet, *direction)
        {
            return self.exempt(exemption, *index, interface);
        }
        // 3. Source/destination check.
        if interface.source_dest_check && is_spoofed(interface, packet, *direction) {
            return Verdict::deny(Reason::Spoofed);
        }
        // 4. Fragments.
        if packet.fragment.is_some() {
            return self.fragment(snapshot, crossing, interface, key);
        }
        self.whole(snapshot, crossing, interface, key)
    }

    /// Steps 5 to 10, for a packet with an upper-layer header.
    #[inline]
    fn whole(
        &mut self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        interface: &Interface,
        key: Key,
    ) -> Verdict {
        let packet = &crossing.packet;
        // 5. Connection table first. A closed connection that is opened again keeps its entry until step 10 replaces it.
        if let Some((flow, hash)) = &key
            && let Some(handle) = self.connections.lookup(flow, *hash, self.clock)
        {
            match self.advance(handle, crossing, interface) {
                Step::Pass => {
                    let rule = self.rule_of(handle);
                    return Verdict {
                        reason: Reason::Established,
                        rule,
                    };
                }
                Step::Invalid => return Verdict::deny(Reason::InvalidState),
                Step::Reopen => {}
            }
        }
        // 6. ICMP errors about a tracked connection.
        if self.settings.icmp_related
            && packet.is_icmp_error()
            && let Some(handle) = self.related(crossing)
        {
            let rule = self.rule_of(handle);
            return Verdict {
                reason: Reason::Related,
                rule,
            };
        }
        // 7. The union of the allow rules.
        let query = Query::of(packet, crossing.direction);
        let Some(rule) = interface.rules.matches(&query, &snapshot.directory) else {
            return Verdict::deny(Reason::NoRule);
        };
        // 8. Tracked or untracked.
        if untracked(interface, packet, crossing.direction).in_any_role() {
            return Verdict::allow(Reason::Untracked, rule);
        }
        // 9. What opens a connection, and in which state.
        let (key, originator, state) = match self.opening(snapshot, crossing, interface, key) {
            Opens::Connection(key, originator, state) => (key, originator, state),
            Opens::Nothing => return Verdict::allow(Reason::New, rule),
            Opens::Useless => return Verdict::allow(Reason::Untracked, rule),
            Opens::Invalid => return Verdict::deny(Reason::InvalidState),
        };
        // 10. Establish.
        match self.establish(crossing, interface, key, originator, state, rule) {
            Ok(_) => Verdict::allow(Reason::New, rule),
            Err(Full) => Verdict::deny(Reason::TableFull),
        }
    }

    /// Step 2: allowed, unless it is one service packet too many in this second (C20).
    #[cold]
    fn exempt(&mut self, how: Exemption, index: InterfaceIndex, interface: &Interface) -> Verdict {
        let exempt = Verdict {
            reason: Reason::Exempt,
            rule: None,
        };
        match (how, interface.link_local_pps) {
            (Exemption::Service, Some(limit)) => {
                let Some(second) = self.link_local.get_mut(index.0 as usize) else {
                    return exempt;
                };
                if second.admits(self.clock, limit) {
                    exempt
                } else {
                    Verdict::deny(Reason::LinkLocalExceeded)
                }
            }
            _ => exempt,
        }
    }

    /// Step 4: a later fragment has the verdict of its first; a first is decided like a whole packet and put on record.
    #[cold]
    fn fragment(
        &mut self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        interface: &Interface,
        key: Key,
    ) -> Verdict {
        let denied = Verdict::deny(Reason::Fragment);
        let Some(fragment) = crossing.packet.fragment else {
            return denied;
        };
        let datagram = FragmentKey {
            interface: crossing.interface,
            direction: crossing.direction,
            addresses: crossing.packet.addresses,
            protocol: match crossing.packet.family() {
                Family::V4 => crossing.packet.protocol,
                Family::V6 => IPV6_FRAGMENT,
            },
            id: fragment.id,
        };
        if crossing.packet.l4 == L4::LaterFragment {
            return self
                .fragments
                .later(&datagram, fragment, self.clock)
                .unwrap_or(denied);
        }
        match self.fragments.first(&datagram, fragment, self.clock) {
            FragmentStep::Fresh(slot) => {
                let verdict = self.whole(snapshot, crossing, interface, key);
                self.fragments.record(slot, verdict);
                verdict
            }
            FragmentStep::Overlap | FragmentStep::Full => denied,
        }
    }

    /// Step 5: the packet's effect on the connection it belongs to.
    #[inline]
    fn advance(&mut self, handle: Handle, crossing: &Crossing<'_>, interface: &Interface) -> Step {
        let Crossing {
            packet, direction, ..
        } = crossing;
        let bytes = packet.ip_len;
        self.connections.advance(
            handle,
            *direction,
            &packet.l4,
            bytes,
            self.clock,
            &interface.timeouts,
        )
    }

    /// The rule that admitted a connection; `None` for one of an earlier run whose rule is gone.
    #[inline]
    fn rule_of(&self, handle: Handle) -> Option<RuleNumber> {
        let rule = self.connections.rule(handle);
        (rule != Connection::NO_RULE).then_some(RuleNumber(rule))
    }

    /// Step 6: the live connection that an ICMP error quotes a packet of (D48, D49).
    #[cold]
    fn related(&mut self, crossing: &Crossing<'_>) -> Option<Handle> {
        let Crossing {
            frame,
            packet,
            interface,
            direction,
            ..
        } = crossing;
        let key = packet.quoted_flow_key(frame, *interface, *direction)?;
        let hash = self.connections.hash(&key);
        self.connections.lookup(&key, hash, self.clock)
    }

    fn establish(
        &mut self,
        crossing: &Crossing<'_>,
        interface: &Interface,
        (key, hash): (FlowKey, FlowHash),
        originator: Direction,
        state: State,
        RuleNumber(rule): RuleNumber,
    ) -> Result<Handle, Full> {
        let opening = Opening {
            originator,
            state,
            rule,
            sender: crossing.direction,
            len: crossing.packet.ip_len,
        };
        let Interface {
            timeouts,
            allowance,
            ..
        } = interface;
        self.connections
            .insert(&key, hash, opening, self.clock, timeouts, *allowance)
    }
}

/// Packets to link-local services in the current second.
#[derive(Debug, Clone, Copy, Default)]
struct LinkLocalSecond {
    second: u64,
    packets: u32,
}

impl LinkLocalSecond {
    fn admits(&mut self, now: Timestamp, limit: u32) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        if self.second != second {
            *self = Self { second, packets: 0 };
        }
        self.packets = self.packets.saturating_add(1);
        self.packets <= limit
    }
}

/// Step 3. Multicast and broadcast belong to no interface, so a destination of that kind says nothing.
#[inline]
fn is_spoofed(interface: &Interface, packet: &Packet, direction: Direction) -> bool {
    match direction {
        Direction::Egress => !interface.owns(packet.src()),
        Direction::Ingress => {
            let dst = packet.dst();
            let to_many = match dst {
                std::net::IpAddr::V4(dst) => dst.is_multicast() || dst.is_broadcast(),
                std::net::IpAddr::V6(dst) => dst.is_multicast(),
            };
            !to_many && !interface.owns(dst)
        }
    }
}
