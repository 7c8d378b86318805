//! Which flows of captures would two policies treat differently?
//!
//! What counts is whether a packet is denied: one that crosses an interface of one policy alone is
//! denied by no rule of the other. Packets are told by flow, both directions of a connection
//! together, with the verdicts on the first packet that differs: it is the one that explains the
//! others.

use std::path::PathBuf;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use secgroup_analysis::why_denied;
use secgroup_control::Registry;
use secgroup_datapath::{Action, Count, Reason, Verdict};
use secgroup_model::Inventory;
use secgroup_packet::{AddressPair, Direction, FlowKey, InterfaceIndex, Packet, Protocol};
use secgroup_policy::Query;
use serde::Serialize;

use crate::decided::Judged;
use crate::denied::Ports;
use crate::lockstep::{Lockstep, Pair};
use crate::look::Kind;
use crate::report::{CaptureReport, Volume};
use crate::run::{Position, ReplayError};
use crate::session::{Session, SessionSettings};
use crate::survey::{Buckets, Stretch};

/// Most flows that are remembered, about 40 MiB of them; packets of further ones are only counted.
const FLOWS: usize = 1 << 17;

/// What to compare.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The captures, read one after the other as one stream; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// One policy.
    pub old: &'a Inventory,
    /// The other.
    pub new: &'a Inventory,
    /// How both judge.
    pub settings: SessionSettings,
    /// How many flows are listed.
    pub top: usize,
}

/// What was found, in the shape in which `--json` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonReport {
    /// One entry per capture, in the order given.
    pub captures: Vec<CaptureReport>,
    /// Packets that were read.
    pub packets: u64,
    /// Packets at an interface that the new policy alone denies.
    pub newly_denied: Volume,
    /// Packets at an interface that the old policy alone denies.
    pub newly_allowed: Volume,
    /// How many flows have such packets.
    pub changed_flow_count: u64,
    /// Those with the most of them, most first.
    pub changed_flows: Vec<ChangedFlow>,
    /// What a picture of the difference is drawn from.
    #[serde(skip)]
    pub over_time: OverTime,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Packets that one policy alone denies, over time.
#[derive(Debug, Clone, Default)]
pub struct OverTime {
    /// When the first packet came: nanoseconds since the epoch.
    pub start_nanos: u64,
    /// How long each of `moments` is, in seconds.
    pub seconds: f64,
    /// Stretches of time, one after the other.
    pub moments: Vec<Turned>,
}

/// Packets of a stretch of time that one policy alone denies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turned {
    /// The new one does.
    pub newly_denied: u64,
    /// The old one does.
    pub newly_allowed: u64,
    /// Neither, or both do.
    pub same: u64,
}

impl Stretch for Turned {
    fn join(&mut self, next: Self) {
        self.newly_denied += next.newly_denied;
        self.newly_allowed += next.newly_allowed;
        self.same += next.same;
    }
}

impl Turned {
    const fn count(&mut self, turned: Option<Action>) {
        match turned {
            Some(Action::Deny) => self.newly_denied += 1,
            Some(Action::Allow) => self.newly_allowed += 1,
            None => self.same += 1,
        }
    }
}

impl From<Option<Buckets<Turned>>> for OverTime {
    fn from(buckets: Option<Buckets<Turned>>) -> Self {
        buckets.map_or_else(Self::default, |buckets| Self {
            start_nanos: buckets.start().as_nanos(),
            seconds: buckets.width().as_secs_f64(),
            moments: buckets.into_stretches(),
        })
    }
}

/// A flow with packets that one of the policies alone denies.
#[derive(Debug, Clone, Serialize)]
pub struct ChangedFlow {
    /// Where, by the interface's id in the new policy where it has it.
    pub interface: Option<String>,
    /// Which way the first packet crossed that differs.
    pub direction: Option<&'static str>,
    /// Its source; `null` where the frame does not say.
    pub src: Option<String>,
    /// Its destination.
    pub dst: Option<String>,
    /// Its protocol.
    pub protocol: Option<String>,
    /// Source port, of TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination port, of TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// What the old policy makes of that packet; `null` where it crosses no interface there.
    pub old: Option<Told>,
    /// What the new policy makes of it.
    pub new: Option<Told>,
    /// Packets of the flow, both ways, that the new policy alone denies.
    pub newly_denied: Volume,
    /// Packets of the flow, both ways, that the old policy alone denies.
    pub newly_allowed: Volume,
    /// The number of the first packet that differs.
    pub first_packet: u64,
}

/// One policy's verdict on one packet.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// The rule that admits it.
    pub rule: Option<String>,
    /// Why it is denied, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Compares, telling `progress` from time to time how far it is.
///
/// # Errors
/// Where one of the policies is ambiguous.
pub fn compare(
    plan: &Comparison<'_>,
    progress: &mut dyn FnMut(Position),
) -> Result<ComparisonReport, ReplayError> {
    let mut lockstep = Lockstep::new(&plan.settings, plan.old, plan.new)?;
    let mut flows = Flows::default();
    let mut over_time: Option<Buckets<Turned>> = None;
    let read = lockstep.run(&plan.captures, progress, |_, pair| {
        let time = pair.seen.record.time;
        let buckets = over_time.get_or_insert_with(|| Buckets::new(time));
        buckets.at(time).count(pair.turned());
        if let Some(action) = pair.turned() {
            flows.count(pair, action);
        }
    });
    let mut warnings = read.warnings;
    if flows.unlisted > 0 {
        warnings.push(format!(
            "{} packets that differ belong to flows beyond the first {FLOWS}; they are counted but \
             not listed",
            flows.unlisted
        ));
    }
    let mut changed: Vec<_> = flows.known.into_values().collect();
    changed.sort_unstable_by_key(|flow| {
        let packets = flow.denied.packets + flow.allowed.packets;
        (std::cmp::Reverse(packets), flow.number, flow.direction)
    });
    let count = changed.len() as u64;
    changed.truncate(plan.top);
    Ok(ComparisonReport {
        captures: read.captures,
        packets: read.packets,
        newly_denied: flows.denied.into(),
        newly_allowed: flows.allowed.into(),
        changed_flow_count: count,
        changed_flows: changed
            .iter()
            .map(|flow| flow.report(&lockstep, plan.old, plan.new))
            .collect(),
        over_time: over_time.into(),
        warnings,
    })
}

/// What makes packets one flow.
#[derive(Debug, PartialEq, Eq, Hash)]
enum FlowId {
    /// Those of a connection, at an interface of the new policy or, with `false`, of the old alone.
    Connection(bool, FlowKey),
    /// Those of the same headers, which belong to no connection.
    Headers(
        bool,
        InterfaceIndex,
        Direction,
        AddressPair,
        Protocol,
        Ports,
    ),
    /// Frames that are malformed.
    Malformed(Option<InterfaceIndex>, Option<Direction>),
}

/// What is known of one flow: its first packet that differs, and how many do.
#[derive(Debug)]
struct Changed {
    number: u64,
    packet: Option<Packet>,
    direction: Option<Direction>,
    old: Option<Judged>,
    new: Option<Judged>,
    denied: Count,
    allowed: Count,
}

#[derive(Debug, Default)]
struct Flows {
    known: HashMap<FlowId, Changed, RandomState>,
    denied: Count,
    allowed: Count,
    unlisted: u64,
}

impl Flows {
    fn count(&mut self, pair: &Pair<'_>, action: Action) {
        let packet = match &pair.seen.kind {
            Kind::Ip(packet) => Some(*packet),
            _ => None,
        };
        let bytes = packet.map_or(pair.seen.record.wire_len, |packet| packet.ip_len);
        let one = Count {
            packets: 1,
            bytes: u64::from(bytes),
        };
        *by(action, &mut self.denied, &mut self.allowed) += one;
        let id = id(pair, packet.as_ref());
        if self.known.len() >= FLOWS && !self.known.contains_key(&id) {
            self.unlisted += 1;
            return;
        }
        let flow = self.known.entry(id).or_insert_with(|| Changed {
            number: pair.number,
            packet,
            direction: pair.direction,
            old: pair.old,
            new: pair.new,
            denied: Count::default(),
            allowed: Count::default(),
        });
        *by(action, &mut flow.denied, &mut flow.allowed) += one;
    }
}

fn by<'a>(action: Action, denied: &'a mut Count, allowed: &'a mut Count) -> &'a mut Count {
    match action {
        Action::Deny => denied,
        Action::Allow => allowed,
    }
}

fn id(pair: &Pair<'_>, packet: Option<&Packet>) -> FlowId {
    let judged = pair.new.or(pair.old);
    let interface = judged.and_then(|judged| judged.interface);
    let (Some(packet), Some(interface), Some(way)) = (packet, interface, pair.direction) else {
        return FlowId::Malformed(interface, pair.direction);
    };
    let of_new = pair.new.is_some();
    match packet.flow_key(interface, way) {
        Some(key) => FlowId::Connection(of_new, key),
        None => {
            let ports = Ports::of(packet.l4);
            FlowId::Headers(
                of_new,
                interface,
                way,
                packet.addresses,
                packet.protocol,
                ports,
            )
        }
    }
}

impl Changed {
    fn report(&self, lockstep: &Lockstep, old: &Inventory, new: &Inventory) -> ChangedFlow {
        let name = |judged: Option<Judged>, registry: &Registry| {
            registry
                .interface(judged?.interface?)
                .map(ToString::to_string)
        };
        let interface = name(self.new, lockstep.new.registry())
            .or_else(|| name(self.old, lockstep.old.registry()));
        let (sport, dport, icmp_type, icmp_code) = match self.packet.map(|p| Ports::of(p.l4)) {
            Some(Ports::Both(sport, dport)) => (Some(sport), Some(dport), None, None),
            Some(Ports::Icmp(kind, code)) => (None, None, Some(kind), Some(code)),
            Some(Ports::None) | None => (None, None, None, None),
        };
        ChangedFlow {
            interface,
            direction: self.direction.map(Direction::as_str),
            src: self.packet.map(|packet| packet.addresses.src().to_string()),
            dst: self.packet.map(|packet| packet.addresses.dst().to_string()),
            protocol: self.packet.map(|packet| packet.protocol.to_string()),
            sport,
            dport,
            icmp_type,
            icmp_code,
            old: self.old.map(|judged| self.told(judged, &lockstep.old, old)),
            new: self.new.map(|judged| self.told(judged, &lockstep.new, new)),
            newly_denied: self.denied.into(),
            newly_allowed: self.allowed.into(),
            first_packet: self.number,
        }
    }

    fn told(&self, judged: Judged, session: &Session, policy: &Inventory) -> Told {
        let Verdict { reason, rule } = judged.verdict;
        let registry = session.registry();
        let interface = judged.interface.and_then(|index| registry.interface(index));
        let why = match (interface, self.packet, self.direction) {
            (Some(interface), Some(packet), Some(way)) if reason.action() == Action::Deny => {
                why_denied(policy, interface, &Query::of(&packet, way), reason)
            }
            (None, ..) if reason == Reason::Malformed => "not what its headers say".to_owned(),
            _ => String::new(),
        };
        Told {
            verdict: judged.verdict.action().as_str(),
            reason: reason.as_str(),
            rule: rule
                .and_then(|number| registry.rule(number))
                .map(|known| known.rule.id.to_string()),
            why,
        }
    }
}
