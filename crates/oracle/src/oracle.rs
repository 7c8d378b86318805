//! The decision, step by step. The numbers are those of the decision text (`secgroup-datapath`'s
//! README); in brackets stand those of the semantics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secgroup_model::{
    Direction, Family, GroupId, Inventory, NetworkInterface, NetworkInterfaceId, Protocol, RuleId,
};

use crate::connections::{self, Connection, Connections, Detail, Key, Limits, sender};
use crate::exempt::{self, Exemption};
use crate::fragments::{Datagram, Fragments};
use crate::outcome::{AllowReason, DenyReason, Judgement, UnjudgedReason};
use crate::read::{LinkKind, Reading, Upper, read};
use crate::rules::{self, Crossing};
use crate::settings::{Settings, nanos};
use crate::tcp::{self, Cell, Class, TcpState};

/// One second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// How many policies that ended are remembered.
const MOST_FORMER: usize = 8;

/// What a TCP segment without a connection may open.
enum Opened {
    /// A connection, by this originator, in this state.
    Connection(tcp::End, TcpState),
    /// The same, if the flow was untracked until the policy changed.
    Middle(tcp::End, TcpState),
    /// Nothing: no segment may have its flags.
    Nothing,
}

/// What the policies of a moment ago made of a flow.
#[derive(PartialEq, Eq)]
enum Before {
    /// They tracked it.
    Tracked,
    /// They did not, and it lives on.
    Untracked,
    /// They did not, and the rule that it was opened by is revoked.
    Cut,
}

/// The reference evaluator.
#[derive(Debug, Clone)]
pub struct Oracle {
    settings: Arc<Settings>,
    inventory: Arc<Inventory>,
    /// Every interface ever seen, in the order of the first inventory that had it, then of its id.
    numbers: BTreeMap<NetworkInterfaceId, usize>,
    /// The latest time seen, in nanoseconds.
    clock: u64,
    /// When it was started.
    started: u64,
    /// The latest policies that ended, and when each did, the latest last.
    former: Vec<(u64, Arc<Inventory>)>,
    connections: Connections,
    fragments: Fragments,
    /// Per interface: the last whole second with packets of link-local services, and their number.
    link_local: BTreeMap<NetworkInterfaceId, (u64, u32)>,
}

/// What is on record of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The interface that it crosses.
    pub interface: NetworkInterfaceId,
    /// Its protocol.
    pub protocol: Protocol,
    /// The interface's own address, and its port where the protocol has ports.
    pub local: (std::net::IpAddr, Option<u16>),
    /// The peer's address, and its port where the protocol has ports.
    pub remote: (std::net::IpAddr, Option<u16>),
    /// The name of its TCP state, `UDP`, `UDP_STREAM`, `ICMP` or `OTHER`.
    pub state: &'static str,
    /// How long it stays if no packet comes.
    pub remaining: Duration,
    /// The rule that admitted it.
    pub rule: (GroupId, RuleId),
}

impl Oracle {
    /// An evaluator of these rules, started at `start` nanoseconds.
    #[must_use]
    pub fn new(inventory: &Inventory, settings: Settings, start: u64) -> Self {
        let mut oracle = Self {
            settings: Arc::new(settings),
            inventory: Arc::new(inventory.clone()),
            numbers: BTreeMap::new(),
            clock: start,
            started: start,
            former: Vec::new(),
            connections: Connections::default(),
            fragments: Fragments::default(),
            link_local: BTreeMap::new(),
        };
        oracle.number_interfaces();
        oracle
    }

    /// Puts another policy in force at `now` nanoseconds. Connections stay as they are (D20 to
    /// D26), but those of an interface that is no more (D27).
    pub fn change(&mut self, inventory: &Inventory, now: u64) {
        self.clock = self.clock.max(now);
        let former = std::mem::replace(&mut self.inventory, Arc::new(inventory.clone()));
        self.former.push((self.clock, former));
        if self.former.len() > MOST_FORMER {
            self.former.remove(0);
        }
        let stays = |interface: &NetworkInterfaceId| inventory.interfaces.contains_key(interface);
        self.connections.keep_interfaces(stays);
        self.fragments.keep_interfaces(stays);
        self.link_local.retain(|interface, _| stays(interface));
        self.number_interfaces();
    }

    /// Gives a number to every interface that has none yet.
    fn number_interfaces(&mut self) {
        for interface in self.inventory.interfaces.keys() {
            let next = self.numbers.len();
            self.numbers.entry(interface.clone()).or_insert(next);
        }
    }

    /// Judges one frame that crosses an interface at `now` nanoseconds.
    ///
    /// `wire_len` is the length of the frame on the wire; a capture may have less of it.
    pub fn judge(
        &mut self,
        link: LinkKind,
        data: &[u8],
        wire_len: u32,
        interface: &NetworkInterfaceId,
        direction: Direction,
        now: u64,
    ) -> Judgement {
        // Not IP, or no interface that is known: nothing to judge.
        let reading = read(link, data, wire_len, self.settings.verify_checksums);
        if reading == Reading::NotIp {
            return Judgement::unjudged(UnjudgedReason::NotIp);
        }
        let inventory = Arc::clone(&self.inventory);
        let Some(interface) = inventory.interfaces.get(interface) else {
            return Judgement::unjudged(UnjudgedReason::NoInterface);
        };

        // Step 1: malformed (D54).
        let Reading::Ip(packet) = reading else {
            return Judgement::deny(DenyReason::Malformed);
        };
        // A clock that steps back is held at the latest time seen.
        self.clock = self.clock.max(now);

        let crossing = Crossing {
            interface,
            direction,
            packet: &packet,
        };

        // Step 2: never filtered (C16 to C20).
        if let Some(judgement) = self.exempt(&crossing) {
            return judgement;
        }
        // Step 3: source/destination check (C12).
        if exempt::is_spoofed(&crossing) {
            return Judgement::deny(DenyReason::Spoofed);
        }
        // Step 4: fragments (D52).
        let Some(piece) = packet.piece else {
            return self.decide(&crossing);
        };
        let datagram = Datagram::of(&crossing, piece.id);
        if piece.offset != 0 {
            return self.fragments.later(&datagram, piece, self.clock);
        }
        if !self.fragments.admits_first(&datagram, self.clock) {
            return Judgement::deny(DenyReason::Fragment);
        }
        let judgement = self.decide(&crossing);
        self.fragments
            .record(datagram, piece, judgement.clone(), self.clock);
        judgement
    }

    /// Step 2: what is never filtered, and how much of it (C16 to C20).
    fn exempt(&mut self, crossing: &Crossing<'_>) -> Option<Judgement> {
        let settings = self.settings.of(&crossing.interface.id);
        if !settings.exemptions {
            return None;
        }
        let exemption = exempt::exemption(&self.inventory, crossing)?;
        if let (Exemption::Service, Some(limit)) = (exemption, settings.link_local_pps) {
            let second = self.clock / SECOND;
            let (in_second, count) = self
                .link_local
                .entry(crossing.interface.id.clone())
                .or_insert((second, 0));
            if *in_second != second {
                (*in_second, *count) = (second, 0);
            }
            *count = count.saturating_add(1);
            if *count > limit {
                return Some(Judgement::deny(DenyReason::LinkLocalExceeded));
            }
        }
        Some(Judgement::allow(AllowReason::Exempt, None))
    }

    /// Steps 5 to 10, for whole packets and first fragments.
    fn decide(&mut self, crossing: &Crossing<'_>) -> Judgement {
        let packet = crossing.packet;
        let addresses = (packet.source, packet.destination);
        let key = Key::of(
            addresses,
            packet.protocol,
            &packet.upper,
            crossing.direction,
        );

        // Step 5: the connection table first (D19).
        if let Some(judgement) = key.and_then(|key| self.continue_connection(crossing, key)) {
            return judgement;
        }
        // Step 6: ICMP errors about a tracked connection (D48, D49).
        if let Some(rule) = self.related(crossing) {
            return Judgement::allow(AllowReason::Related, Some(rule));
        }
        // Step 7: the union of the allow rules (C3, C5).
        let Some(rule) = rules::first_match(&self.inventory, crossing) else {
            return Judgement::deny(DenyReason::NoRule);
        };
        // Step 8: tracked or untracked (D7 to D16). Nobody looks at the TCP state of an untracked
        // flow (D38).
        let always_track = &self.settings.of(&crossing.interface.id).always_track;
        if rules::untracked_roles(&self.inventory, crossing, always_track) != (false, false) {
            return Judgement::allow(AllowReason::Untracked, Some(rule));
        }
        // Step 9: what does the packet open?
        let before = self.before_the_change(crossing);
        let tcp = match packet.upper {
            Upper::Tcp { flags, .. } => match (self.open_tcp(crossing, Class::of(flags)), before) {
                (Opened::Connection(end, state), _) => Some((end, state)),
                (Opened::Middle(end, state), Before::Untracked) => Some((end, state)),
                // D58.2: it passes by the rule that permits it, and is useless.
                (Opened::Middle(..), Before::Cut) => {
                    return Judgement::allow(AllowReason::Untracked, Some(rule));
                }
                (Opened::Middle(..), Before::Tracked) | (Opened::Nothing, _) => {
                    return Judgement::deny(DenyReason::InvalidState);
                }
            },
            Upper::Udp { .. } if before == Before::Cut => {
                return Judgement::allow(AllowReason::Untracked, Some(rule));
            }
            _ => None,
        };
        // A reply without a query, and every unpaired type, opens nothing (D50, D51).
        let opens = match packet.upper {
            Upper::Icmp { kind, code, .. } => {
                matches!(
                    connections::exchange(packet.family(), kind, code),
                    Some((_, false))
                )
            }
            _ => true,
        };
        // Step 10: establish (D42 to D45).
        if let (true, Some(key)) = (opens, key)
            && !self.establish(crossing, key, rule.clone(), tcp)
        {
            return Judgement::deny(DenyReason::TableFull);
        }
        Judgement::allow(AllowReason::New, Some(rule))
    }

    /// Step 5: what the connection of a packet says of it; `None` where there is none, or where
    /// the packet may reopen it.
    fn continue_connection(&mut self, crossing: &Crossing<'_>, key: Key) -> Option<Judgement> {
        let sender = sender(crossing.direction);
        let interface = crossing.interface;
        let settings = Arc::clone(&self.settings);
        let entry = self.connections.live(&interface.id, key, self.clock)?;
        let mut renewed = true;
        if let (Some((originator, state)), Upper::Tcp { flags, .. }) =
            (entry.tcp, crossing.packet.upper)
        {
            match tcp::cell(state, originator, sender, Class::of(flags)) {
                Cell::Invalid => return Some(Judgement::deny(DenyReason::InvalidState)),
                Cell::Reopen => return None,
                Cell::Keep => renewed = false,
                Cell::Renew => {}
                Cell::Go(next) => entry.tcp = Some((originator, next)),
            }
        }
        entry.count(sender);
        if renewed {
            // A changed timeout holds from here on (D33, D34).
            let timeout = timeout(&settings, interface, key, entry);
            entry.expires = self.clock.saturating_add(nanos(timeout));
        }
        Some(Judgement::allow(
            AllowReason::Established,
            Some(entry.rule.clone()),
        ))
    }

    /// Step 6: the rule of the connection that an ICMP error is about.
    fn related(&mut self, crossing: &Crossing<'_>) -> Option<(GroupId, RuleId)> {
        if !self.settings.icmp_related {
            return None;
        }
        let quoted = crossing.packet.quoted?;
        // The error goes to whoever sent the packet that it quotes (D49).
        if crossing.packet.destination != quoted.source {
            return None;
        }
        let addresses = (quoted.source, quoted.destination);
        let opposite = crossing.direction.reverse();
        let key = Key::of(addresses, quoted.protocol, &quoted.upper, opposite)?;
        let entry = self
            .connections
            .live(&crossing.interface.id, key, self.clock)?;
        Some(entry.rule.clone())
    }

    /// Step 9: what a TCP segment without a connection may open (D37, D39).
    fn open_tcp(&self, crossing: &Crossing<'_>, class: Class) -> Opened {
        let sender = sender(crossing.direction);
        let picks_up =
            !self.settings.strict || self.is_within(self.started, self.settings.start_grace);
        let (end, state) = match class {
            Class::Syn => return Opened::Connection(sender, TcpState::SynSent),
            Class::Invalid => return Opened::Nothing,
            Class::SynAck => (sender.other(), TcpState::SynRecv),
            Class::Ack => (sender, TcpState::Established),
            Class::Fin => (sender, TcpState::FinWait(sender)),
            Class::Rst => (sender, TcpState::Close),
        };
        if picks_up {
            Opened::Connection(end, state)
        } else {
            Opened::Middle(end, state)
        }
    }

    /// Whether a window that began at `since` is open. One of zero length is none.
    fn is_within(&self, since: u64, window: Duration) -> bool {
        nanos(window) > 0 && self.clock.saturating_sub(since) <= nanos(window)
    }

    /// What the policies of a moment ago made of the packet's flow (D15, D23, D24).
    fn before_the_change(&self, crossing: &Crossing<'_>) -> Before {
        let mut roles = (false, false);
        for (end, inventory) in &self.former {
            let Some(interface) = inventory.interfaces.get(&crossing.interface.id) else {
                continue;
            };
            if self.is_within(*end, self.settings.change_grace) {
                let then = Crossing {
                    interface,
                    direction: crossing.direction,
                    packet: crossing.packet,
                };
                let always_track = &self.settings.of(&interface.id).always_track;
                let (initiator, responder) = rules::untracked_roles(inventory, &then, always_track);
                roles = (roles.0 || initiator, roles.1 || responder);
            }
        }
        match roles {
            (true, _) => Before::Untracked,
            (false, true) if rules::may_be_opened(&self.inventory, crossing) => Before::Untracked,
            (false, true) => Before::Cut,
            (false, false) => Before::Tracked,
        }
    }

    /// Step 10: puts a connection on record; `false` where there is no room.
    fn establish(
        &mut self,
        crossing: &Crossing<'_>,
        key: Key,
        rule: (GroupId, RuleId),
        tcp: Option<(tcp::End, TcpState)>,
    ) -> bool {
        let interface = crossing.interface;
        let limits = Limits {
            table: match key.family() {
                Family::V4 => self.settings.capacity_v4,
                Family::V6 => self.settings.capacity_v6,
            },
            interface: self.settings.of(&interface.id).allowance,
        };
        let numbers = &self.numbers;
        if !self
            .connections
            .make_room(&interface.id, key, limits, numbers, self.clock)
        {
            return false;
        }
        let serial = self.connections.next_serial();
        let mut entry = Connection {
            rule,
            serial,
            expires: 0,
            from_local: 0,
            from_remote: 0,
            tcp,
        };
        entry.count(sender(crossing.direction));
        let timeout = timeout(&self.settings, interface, key, &entry);
        entry.expires = self.clock.saturating_add(nanos(timeout));
        self.connections.insert(&interface.id, key, entry);
        true
    }

    /// The connections on record, for people who want to know why.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionReport> {
        let report = |(interface, key, entry): (&NetworkInterfaceId, &Key, &Connection)| {
            let (local_port, remote_port) = match key.detail {
                Detail::Ports { local, remote } => (Some(local), Some(remote)),
                Detail::Exchange { .. } | Detail::Nothing => (None, None),
            };
            ConnectionReport {
                interface: interface.clone(),
                protocol: key.protocol,
                local: (key.local, local_port),
                remote: (key.remote, remote_port),
                state: match (entry.tcp, key.protocol, key.detail) {
                    (Some((_, state)), ..) => state.as_str(),
                    (None, Protocol::UDP, _) if entry.is_stream() => "UDP_STREAM",
                    (None, Protocol::UDP, _) => "UDP",
                    (None, _, Detail::Exchange { .. }) => "ICMP",
                    (None, ..) => "OTHER",
                },
                remaining: Duration::from_nanos(entry.expires.saturating_sub(self.clock)),
                rule: entry.rule.clone(),
            }
        };
        self.connections.all(self.clock).map(report).collect()
    }
}

/// How long a connection stays after its last packet (D29, D31, D55, D56).
fn timeout(
    settings: &Settings,
    interface: &NetworkInterface,
    key: Key,
    entry: &Connection,
) -> Duration {
    let fixed = &settings.timeouts;
    let own = settings.of(&interface.id);
    match (entry.tcp, key.detail) {
        (Some((_, state)), _) => match state {
            TcpState::SynSent | TcpState::SynSent2 => fixed.syn_sent,
            TcpState::SynRecv => fixed.syn_recv,
            TcpState::Established => own.tcp_established(interface),
            TcpState::FinWait(_) => fixed.fin_wait,
            TcpState::CloseWait(_) => fixed.close_wait,
            TcpState::LastAck => fixed.last_ack,
            TcpState::TimeWait => fixed.time_wait,
            TcpState::Close => fixed.close,
        },
        (None, Detail::Ports { .. }) if entry.is_stream() => own.udp_stream(interface),
        (None, Detail::Ports { .. }) => own.udp(interface),
        (None, Detail::Exchange { .. }) => fixed.icmp,
        (None, Detail::Nothing) => fixed.other,
    }
}
