//! What became of a packet, and on what grounds: as data, before it is put into words.
//!
//! An explanation is more text than thought. Finding the field on which a rule fails takes some nanoseconds; writing down what the rule allows takes
//! hundreds, and the change that would turn the verdict is half a page of YAML. So these are two steps: [`judge`](super::judge) finds out, and
//! what it found points into the policy (which rule, which field, which end of a connection); [`Judgement::told`] says it, where a person or a
//! program is there to read it. Nothing is found out in the second step, and nothing is spelled in the first.

use secgroup_control::RegisteredRule;
use secgroup_datapath::{Action, Verdict};
use secgroup_model::NetworkInterface;
use secgroup_packet::{Direction, Packet};

use super::connection::Around;
use super::considered::AskedGroup;
use super::document::{
    AnswerPlace, AnswerReport, Explained, Explanation, FailsOn, Outcome, PacketReport,
};
use super::exemption::Exemption;
use crate::change::Turning;
use crate::flow::Flow;
use crate::tracking::Basis;
use crate::why::Why;

/// What becomes of a packet, and on what grounds.
#[derive(Debug, Clone)]
pub struct Judgement<'a> {
    /// The packet.
    pub packet: Packet,
    /// What becomes of it.
    pub verdict: Outcome,
    /// Where it is judged, in its order.
    pub places: Vec<Ruling<'a>>,
    pub(super) answer: Option<Answer<'a>>,
}

/// What becomes of a packet at one interface, and on what grounds.
#[derive(Debug, Clone)]
pub struct Ruling<'a> {
    /// The interface.
    pub interface: &'a NetworkInterface,
    /// The direction.
    pub direction: Direction,
    /// The engine's verdict.
    pub verdict: Verdict,
    /// The rule that admits the packet, or admitted its connection.
    pub rule: Option<&'a RegisteredRule>,
    pub(super) why: Option<Why<'a>>,
    pub(super) exemption: Option<Exemption>,
    pub(super) connection: Around<'a>,
    pub(super) tracking: Option<Basis<'a>>,
    pub(super) groups: Vec<AskedGroup<'a>>,
    pub(super) change: Turning<'a>,
}

/// The answer to a packet that passes, and what becomes of it where it is judged.
#[derive(Debug, Clone)]
pub(super) struct Answer<'a> {
    pub(super) packet: Packet,
    pub(super) places: Vec<AnswerRuling<'a>>,
}

/// What becomes of an answer at one interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerRuling<'a> {
    pub(super) interface: &'a NetworkInterface,
    pub(super) direction: Direction,
    pub(super) verdict: Verdict,
    pub(super) rule: Option<&'a RegisteredRule>,
}

impl Judgement<'_> {
    /// The same in words.
    #[must_use]
    pub fn told(&self) -> Explained {
        let is_unjudged = self.verdict == Outcome::None;
        Explained {
            packet: PacketReport::of(&self.packet),
            verdict: self.verdict,
            note: is_unjudged
                .then(|| "it crosses no interface of the policy, so nothing judges it".to_owned()),
            places: self.places.iter().map(Ruling::told).collect(),
            answer: self.answer.as_ref().map(Answer::told),
        }
    }
}

impl Ruling<'_> {
    /// The field on which each rule of the interface's groups fails, in the order of groups and rules; `None` where one matches.
    pub fn fields(&self) -> impl Iterator<Item = Option<FailsOn>> + '_ {
        self.groups.iter().flat_map(AskedGroup::fields)
    }

    fn told(&self) -> Explanation {
        let Self {
            direction, verdict, ..
        } = *self;
        Explanation {
            interface: self.interface.id.to_string(),
            direction,
            verdict: verdict.action().into(),
            reason: verdict.reason,
            rule: self.rule.map(|rule| rule.rule.id.to_string()),
            group: self.rule.map(|rule| rule.group.to_string()),
            why: self.why.as_ref().map(Why::to_string),
            exemption: self.exemption.as_ref().map(Exemption::to_string),
            connection: self.connection.told(),
            tracking: self.tracking.as_ref().map(Basis::told),
            groups: self.groups.iter().map(AskedGroup::told).collect(),
            change: self.change.told(),
        }
    }
}

impl Answer<'_> {
    fn told(&self) -> AnswerReport {
        let mut places = self.places.iter();
        let is_denied = places.any(|place| place.verdict.action() != Action::Allow);
        AnswerReport {
            flow: Flow::of(&self.packet).to_string(),
            verdict: if is_denied {
                Outcome::Deny
            } else {
                Outcome::Allow
            },
            places: self.places.iter().map(AnswerRuling::told).collect(),
        }
    }
}

impl AnswerRuling<'_> {
    fn told(&self) -> AnswerPlace {
        AnswerPlace {
            interface: self.interface.id.to_string(),
            direction: self.direction,
            verdict: self.verdict.action().into(),
            reason: self.verdict.reason,
            rule: self.rule.map(|rule| rule.rule.id.to_string()),
        }
    }
}
