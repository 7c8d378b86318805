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

mod excerpt;
mod opening;
mod untracked;

use std::collections::VecDeque;
use std::sync::Arc;

use secgroup_conntrack::{
    Config, Connection, FragmentKey, FragmentStep, FragmentTable, Full, Handle, Opening, Passage,
    Pool, Probe, Step, Table,
};
use secgroup_packet::{
    Direction, Family, FlowKey, Fragment, InterfaceIndex, L4, Packet, Protocol, Timestamp,
};
use secgroup_policy::{Query, RuleNumber};

pub use self::excerpt::Excerpt;
use self::opening::Opens;
use self::untracked::untracked;
use crate::exempt::{Exemption, exemption};
use crate::lane::{InForce, Lane};
use crate::{Crossing, Interface, Reason, Settings, Snapshot, Verdict};

/// Stands for the protocol of an IPv6 datagram in pieces, of which only the first piece says the protocol for sure
/// (RFC 8200 section 4.5 identifies the datagram without it).
const IPV6_FRAGMENT: Protocol = Protocol(44);

/// How many former policies are remembered: enough for a script that edits rules one by one, and bounded.
const FORMER_MAX: usize = 8;

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

    /// Makes room for what is remembered of each of `interfaces` interfaces.
    pub(crate) fn reserve(&mut self, interfaces: usize) {
        if self.link_local.len() < interfaces {
            self.link_local
                .resize(interfaces, LinkLocalSecond::default());
        }
    }

    /// The first look at a packet: for which connection it looks.
    #[inline(always)]
    pub(crate) fn probe(&self, crossing: &Crossing<'_>, probe: &mut Probe) {
        let Crossing {
            packet,
            interface,
            direction,
            ..
        } = crossing;
        self.connections
            .probe(packet, *interface, *direction, probe);
    }

    /// The second: where that seems to lie.
    #[inline(always)]
    pub(crate) fn aim(&self, probe: &mut Probe) {
        self.connections.aim(probe);
    }

    /// Both looks at a packet that comes alone.
    pub(crate) fn aimed(&self, crossing: &Crossing<'_>) -> Probe {
        let mut probe = Probe::NONE;
        self.probe(crossing, &mut probe);
        self.aim(&mut probe);
        probe
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
    #[inline(always)]
    pub(crate) fn decide(
        &mut self,
        policy: &InForce,
        crossing: &Crossing<'_>,
        probe: &Probe,
    ) -> Verdict {
        let Crossing {
            packet, direction, ..
        } = crossing;
        self.clock = self.clock.max(crossing.at);
        let Some(lane) = policy.lane(crossing.interface) else {
            return Verdict::deny(Reason::NoRule); // An interface that no policy knows has no rules.
        };
        // 2. What security groups never filter. 3. Source/destination check. 4. Fragments.
        if (packet.fragment.is_some() || !lane.is_plain(packet, *direction))
            && let Some(verdict) = self.special(policy, lane, crossing, probe)
        {
            return verdict;
        }
        self.whole(&policy.snapshot, lane, crossing, probe)
    }

    /// Steps 2 to 4, for a packet that may be decided by one of them; `None` where it is not.
    #[inline(never)]
    fn special(
        &mut self,
        policy: &InForce,
        lane: &Lane,
        crossing: &Crossing<'_>,
        probe: &Probe,
    ) -> Option<Verdict> {
        let Crossing {
            packet,
            interface: index,
            direction,
            ..
        } = crossing;
        let snapshot = &policy.snapshot;
        let interface = snapshot.interface(*index)?;
        if interface.exemptions
            && let Some(exemption) = exemption(interface, packet, *direction)
        {
            return Some(self.exempt(exemption, *index, interface));
        }
        if interface.source_dest_check && is_spoofed(interface, packet, *direction) {
            return Some(Verdict::deny(Reason::Spoofed));
        }
        packet
            .fragment
            .map(|fragment| self.fragment(snapshot, lane, crossing, fragment, probe))
    }

    /// Steps 5 to 10, for a packet with an upper-layer header.
    #[inline(always)]
    fn whole(
        &mut self,
        snapshot: &Snapshot,
        lane: &Lane,
        crossing: &Crossing<'_>,
        probe: &Probe,
    ) -> Verdict {
        let passage = Passage {
            sender: crossing.direction,
            l4: &crossing.packet.l4,
            len: crossing.packet.ip_len,
        };
        // 5. Connection table first.
        let step = self
            .connections
            .follow(probe, &passage, self.clock, &lane.lifetimes);
        match step {
            // A connection of an earlier run may outlive its rule, which then nobody knows.
            Step::Pass { rule } => Verdict {
                reason: Reason::Established,
                rule: RuleNumber::known(rule),
            },
            Step::Invalid => Verdict::deny(Reason::InvalidState),
            // One that ran out, or is closed and opened again, keeps its entry until step 10 replaces it.
            Step::Reopen { held } => self.first(snapshot, crossing, probe, Some(held)),
            Step::Unknown { held } => self.first(snapshot, crossing, probe, held),
        }
    }

    /// Steps 6 to 10, for a packet that continues no connection; `found` is what the table holds of its key nevertheless.
    #[inline(never)]
    fn first(
        &mut self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        probe: &Probe,
        found: Option<Handle>,
    ) -> Verdict {
        let packet = &crossing.packet;
        let Some(interface) = snapshot.interface(crossing.interface) else {
            return Verdict::deny(Reason::NoRule);
        };
        // 6. ICMP errors about a tracked connection.
        if self.settings.icmp_related
            && packet.is_icmp_error()
            && let Some(handle) = self.related(crossing)
        {
            return Verdict {
                reason: Reason::Related,
                rule: RuleNumber::known(self.connections.rule(handle)),
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
        let (originator, state) = match self.opening(snapshot, crossing, interface) {
            Opens::Connection(originator, state) => (originator, state),
            Opens::Nothing => return Verdict::allow(Reason::New, rule),
            Opens::Useless => return Verdict::allow(Reason::Untracked, rule),
            Opens::Invalid => return Verdict::deny(Reason::InvalidState),
        };
        // 10. Establish.
        let opening = Opening {
            originator,
            state,
            rule: rule.get(),
            sender: crossing.direction,
            len: packet.ip_len,
        };
        let Interface {
            lifetimes,
            allowance,
            ..
        } = interface;
        let opened = self
            .connections
            .open(probe, found, opening, self.clock, lifetimes, *allowance);
        match opened {
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
        lane: &Lane,
        crossing: &Crossing<'_>,
        fragment: Fragment,
        probe: &Probe,
    ) -> Verdict {
        let denied = Verdict::deny(Reason::Fragment);
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
                let verdict = self.whole(snapshot, lane, crossing, probe);
                self.fragments.record(slot, verdict);
                verdict
            }
            FragmentStep::Overlap | FragmentStep::Full => denied,
        }
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
