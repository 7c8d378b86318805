//! What a picture of a replay is drawn from, beside what is counted anyway: traffic over time, connections against the allowance, who
//! talks to whom, and how much of each rule was used.
//!
//! Memory is bounded whatever the captures' length: time is cut into a fixed number of stretches (`buckets`), parties, flows and rows have
//! limits, and what is beyond them is counted. Bursts are cut where a stretch ends, so that the connections of that moment can be counted;
//! the verdicts are those that they would be anyhow.

mod buckets;
mod parties;

use secgroup_analysis::{Narrowing, USUAL, narrowed, open_ports};
use secgroup_datapath::{Action, Reason};
use secgroup_model::Inventory;
use secgroup_packet::{Family, InterfaceIndex, Timestamp};
use secgroup_policy::RuleNumber;

pub(crate) use self::buckets::{Buckets, Stretch};
use self::parties::Parties;
use crate::decided::{Decided, Fate};
use crate::look::Kind;
use crate::report::{DeniedFlowReport, Fates, RuleReport, Volume};
use crate::session::{Burst, Session};
use crate::usage::Usage;

/// Most interfaces whose connections are told apart: those with the lowest numbers, which is the order of their ids.
const INTERFACES: usize = 1024;

/// Most denied flows of which a picture has rows.
pub(crate) const DENIED_FLOWS: usize = 1000;

/// What a picture is drawn from.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// When the first packet came: nanoseconds since the epoch.
    pub start_nanos: u64,
    /// How long each of `moments` is, in seconds.
    pub seconds: f64,
    /// Stretches of time, one after the other.
    pub moments: Vec<Moment>,
    /// How many tracked connections there is room for, of both families.
    pub capacity: u64,
    /// The interfaces that `Moment::connections` are of, in the same order.
    pub interfaces: Vec<Allowed>,
    /// Who talks to whom, most packets first.
    pub conversations: Vec<Conversation>,
    /// Rules that admitted something less than they allow, or open unusual ports to everybody.
    pub wide: Vec<WideRule>,
    /// Denied flows, most packets first: many more than the report lists, but not without end.
    pub denied_flows: Vec<DeniedFlowReport>,
}

/// What happened in a stretch of time.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// What became of packets.
    pub packets: Fates,
    /// Verdicts by reason, in the order of [`Reason::ALL`].
    pub verdicts: [u64; Reason::COUNT],
    /// Tracked connections at its end; `None` where no packet came.
    pub tracked: Option<u64>,
    /// The same for each interface.
    pub connections: Vec<u32>,
}

/// An interface, and what it may have.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// Its id.
    pub interface: String,
    /// How many connections it may have at once.
    pub allowance: Option<u32>,
}

/// What went from one party to another.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Who sent: groups, or a kind of addresses.
    pub from: String,
    /// Who was to receive.
    pub to: String,
    /// Packets that every interface allowed.
    pub allowed: Volume,
    /// Packets that one denied.
    pub denied: Volume,
    /// Tracked connections that the sender opened.
    pub opened: u64,
}

/// A rule that allows more than was seen.
#[derive(Debug, Clone)]
pub struct WideRule {
    group: String,
    direction: &'static str,
    allows: String,
    /// Rules that would have admitted what was seen; none where it cannot be narrower.
    pub narrower: Vec<String>,
    /// What it opens to everybody beyond the usual.
    pub open: Vec<String>,
}

impl Survey {
    /// What is to be said of a rule, if anything is.
    #[must_use]
    pub fn wide(&self, rule: &RuleReport) -> Option<&WideRule> {
        self.wide.iter().find(|wide| {
            wide.group == rule.group
                && wide.direction == rule.direction
                && wide.allows == rule.allows
        })
    }
}

impl Stretch for Moment {
    fn join(&mut self, next: Self) {
        self.packets = self.packets.plus(next.packets);
        for (sum, more) in self.verdicts.iter_mut().zip(next.verdicts) {
            *sum += more;
        }
        // How many there are at the end.
        if next.tracked.is_some() {
            self.tracked = next.tracked;
            self.connections = next.connections;
        }
    }
}

/// A survey under way.
#[derive(Debug)]
pub(crate) struct Surveyor {
    /// There is none before the first packet.
    buckets: Option<Buckets<Moment>>,
    /// The time that the stretch was looked up for that is counted in.
    now: Timestamp,
    parties: Parties,
    usage: Usage,
    packets: u64,
}

impl Surveyor {
    pub(crate) fn new() -> Self {
        Self {
            buckets: None,
            now: Timestamp::ZERO,
            parties: Parties::new(),
            usage: Usage::default(),
            packets: 0,
        }
    }

    /// The policy in force from now on.
    pub(crate) fn configure(&mut self, session: &Session, policy: &Inventory) {
        self.parties.configure(policy, session.registry());
    }

    /// The next packet is of this time: until when packets may be judged in one go, behind which connections are to be counted.
    pub(crate) fn until(&mut self, session: &mut Session, next: Timestamp) -> Option<Timestamp> {
        let buckets = self.buckets.get_or_insert_with(|| {
            self.now = next;
            Buckets::new(next)
        });
        let end = buckets.end_of(self.now)?;
        if next < end {
            return Some(end);
        }
        self.count_connections(session);
        self.now = next;
        let buckets = self.buckets.as_mut()?;
        // What is looked up last says how long stretches are.
        buckets.at(next);
        buckets.end_of(next)
    }

    /// Takes in a burst, whose packets come before the time that `until` said. A packet that is late counts as of now.
    pub(crate) fn take(&mut self, burst: &Burst<'_>) {
        let Some(buckets) = &mut self.buckets else {
            return;
        };
        let moment = buckets.at(self.now);
        for seen in burst.seen() {
            self.packets += 1;
            let decided = burst.with_verdicts(seen);
            let fate = decided.fate();
            moment.count(&decided, fate);
            self.parties.take(&decided, fate);
            if let Kind::Ip(packet) = &seen.kind {
                for judged in decided.judged() {
                    self.usage.note(packet, &judged, self.packets);
                }
            }
        }
    }

    /// Everything that was found.
    pub(crate) fn finish(mut self, session: &mut Session) -> (Survey, Usage) {
        self.count_connections(session);
        let capacity = Family::BOTH.map(|family| u64::from(session.datapath().capacity(family)));
        let mut survey = Survey {
            capacity: capacity.into_iter().sum(),
            interfaces: allowed(session),
            wide: wide(session, &self.usage),
            conversations: self.parties.conversations(),
            ..Survey::default()
        };
        if let Some(buckets) = self.buckets {
            survey.start_nanos = buckets.start().as_nanos();
            survey.seconds = buckets.width().as_secs_f64();
            survey.moments = buckets.into_stretches();
        }
        (survey, self.usage)
    }

    /// The connections there are at the end of the stretch.
    fn count_connections(&mut self, session: &mut Session) {
        let Some(buckets) = &mut self.buckets else {
            return;
        };
        session.forget_expired();
        let engine = session.datapath();
        let moment = buckets.at(self.now);
        let held = Family::BOTH.map(|family| u64::from(engine.held(family)));
        moment.tracked = Some(held.into_iter().sum());
        let interfaces = surveyed(session).map(|index| session.datapath().connections_of(index));
        moment.connections = interfaces.collect();
    }
}

impl Moment {
    fn count(&mut self, decided: &Decided<'_>, fate: Fate) {
        self.packets.count(fate, decided.record.wire_len);
        for judged in decided.judged() {
            self.verdicts[judged.verdict.reason as usize] += 1;
        }
    }

    /// Verdicts by reason, of those with this action.
    pub fn reasons(&self, action: Action) -> impl Iterator<Item = (Reason, u64)> + use<'_> {
        let all = Reason::ALL.into_iter().zip(self.verdicts);
        all.filter(move |(reason, _)| reason.action() == action)
    }
}

/// The interfaces whose connections are told apart.
fn surveyed(session: &Session) -> impl Iterator<Item = InterfaceIndex> + use<> {
    let count = session.registry().interface_count().min(INTERFACES);
    (0..).take(count).map(InterfaceIndex)
}

fn allowed(session: &Session) -> Vec<Allowed> {
    let snapshot = session.datapath().snapshot();
    let interfaces = surveyed(session).map(|index| Allowed {
        interface: session
            .registry()
            .interface(index)
            .map(ToString::to_string)
            .unwrap_or_default(),
        allowance: snapshot
            .interface(index)
            .and_then(|interface| interface.allowance),
    });
    interfaces.collect()
}

fn wide(session: &Session, usage: &Usage) -> Vec<WideRule> {
    let registry = session.registry();
    let mut found = Vec::new();
    for number in (0..registry.rule_count()).map(RuleNumber::new) {
        let Some(known) = registry.rule(number) else {
            continue;
        };
        let spec = &known.rule.spec;
        let narrower = usage
            .admitted(number)
            .map(|seen| narrowed(spec, seen, Narrowing::Both));
        let narrower = narrower
            .filter(|rules| *rules != [spec.clone()])
            .unwrap_or_default();
        let open = open_ports(spec, &USUAL);
        if !narrower.is_empty() || !open.is_empty() {
            found.push(WideRule {
                group: known.group.to_string(),
                direction: spec.direction.as_str(),
                allows: spec.to_string(),
                narrower: narrower.iter().map(ToString::to_string).collect(),
                open,
            });
        }
    }
    found
}
