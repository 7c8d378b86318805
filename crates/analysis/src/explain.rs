//! What would become of a packet, or became of it, and why.
//!
//! The engine decides, and nothing here does: a [`Scene`] is a packet at an interface with the verdict that the engine gave and the
//! connection before and after it. From there the policy is read again, slowly and in the words of the model, to say which rules
//! were in question and on what each of them failed. Both are held against each other, and against the reference evaluator, by
//! the tests.
//!
//! Scenes come from three places: an engine that has seen nothing ([`Explainer`]: a packet that was typed), a replay that has come to a
//! packet of a capture, and a worker of a daemon that hands out an [`Excerpt`] of its table. None of them is disturbed.

mod connection;
mod considered;
mod document;
mod exemption;
mod packet;

use std::sync::Arc;

use secgroup_control::{Defaults, Lowering, Registry};
use secgroup_datapath::{
    Action, Connection, Crossing, Datapath, Excerpt, Interface, Reason, Settings, Verdict,
};
use secgroup_model::{Inventory, NetworkInterface};
use secgroup_packet::{Direction, Frame, InterfaceIndex, L4, LinkType, Packet, Timestamp};
use secgroup_policy::Query;

pub use self::document::{
    AnswerPlace, AnswerReport, ConnectionLine, ConnectionReport, Considered, ConsideredGroup,
    Explained, Explanation, FailsOn, Outcome, PacketReport,
};
use crate::change::Change;
use crate::flow::{Flow, flag_names};
use crate::place::{ExplainError, places};
use crate::tracking::Tracking;
use crate::why::why_denied;

#[cfg(test)]
pub(crate) use self::considered::fails_on;

/// Room for connections and fragments: one packet needs no table of a million.
const ROOM: u32 = 16;

/// A policy, and what the numbers of the engine stand for in it.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// The policy that the engine goes by.
    pub inventory: &'a Inventory,
    /// What it was lowered with.
    pub registry: &'a Registry,
}

/// A packet at one interface, and what the engine made of it.
#[derive(Debug)]
pub struct Scene<'a> {
    crossing: Crossing<'a>,
    before: Option<Connection>,
    verdict: Verdict,
    /// The engine after the packet: what an answer would meet.
    after: Excerpt,
}

impl<'a> Scene<'a> {
    /// Tries what `excerpt` makes of a packet: the one that it was cut out for.
    #[must_use]
    pub fn tried(mut excerpt: Excerpt, crossing: Crossing<'a>) -> Self {
        let before = excerpt.connection(&crossing);
        let verdict = excerpt.one(&crossing);
        Self {
            crossing,
            before,
            verdict,
            after: excerpt,
        }
    }

    /// A packet that was judged: its connection before, its verdict, and an excerpt for it of the engine after.
    #[must_use]
    pub const fn judged(
        crossing: Crossing<'a>,
        before: Option<Connection>,
        verdict: Verdict,
        after: Excerpt,
    ) -> Self {
        Self {
            crossing,
            before,
            verdict,
            after,
        }
    }

    /// Whether the packet belongs to, or is about, a connection that was there before it.
    #[must_use]
    pub const fn has_connection(&self) -> bool {
        self.before.is_some()
    }
}

/// A frame that contradicts itself, at an interface that it would have crossed.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// The interface.
    pub interface: String,
    /// The direction.
    pub direction: Direction,
    /// What is wrong with it.
    pub detail: String,
}

/// Explains single packets under one policy, by an engine with nothing in its tables.
#[derive(Debug)]
pub struct Explainer<'a> {
    inventory: &'a Inventory,
    lowering: Lowering,
    datapath: Datapath,
}

impl<'a> Explainer<'a> {
    /// Compiles the policy: the costly part, once for any number of packets.
    #[must_use]
    pub fn new(inventory: &'a Inventory, settings: &Settings, defaults: &Defaults) -> Self {
        let mut lowering = Lowering::new(defaults.clone());
        let snapshot = Arc::new(lowering.lower(inventory));
        let settings = Settings {
            capacity: ROOM,
            capacity_v6: ROOM,
            fragment_capacity: ROOM,
            ..settings.clone()
        };
        Self {
            inventory,
            lowering,
            datapath: Datapath::new(settings, snapshot, Timestamp::ZERO),
        }
    }

    /// Explains what becomes of a packet of `flow` at `interface` (an id or an address; every one that it crosses where
    /// `None`), in `direction` (the one that its addresses say where `None`).
    ///
    /// # Errors
    /// Where there is no such interface, the packet is neither from nor to it and no direction is
    /// given, or none is named and the packet crosses none.
    pub fn explain(
        &self,
        interface: Option<&str>,
        direction: Option<Direction>,
        flow: &Flow,
    ) -> Result<Explained, ExplainError> {
        let places = places(self.inventory, interface, direction, flow.addresses())?;
        let world = World {
            inventory: self.inventory,
            registry: self.lowering.registry(),
        };
        let packet = flow.packet();
        let scenes = places.into_iter().filter_map(|(at, direction)| {
            // The lowering has numbered every interface of the inventory.
            let interface = world.registry.interface_index(&at.id)?;
            let crossing = typed(packet, interface, direction);
            Some(Scene::tried(self.datapath.excerpt(&crossing), crossing))
        });
        Ok(explain_packet(world, &packet, scenes.collect()))
    }
}

/// A packet that was typed, at an interface: there is no frame to it.
#[must_use]
pub const fn typed(
    packet: Packet,
    interface: InterfaceIndex,
    direction: Direction,
) -> Crossing<'static> {
    let frame = Frame {
        link: LinkType::RawIp,
        data: &[],
        wire_len: packet.ip_len,
    };
    Crossing {
        frame,
        packet,
        interface,
        direction,
        at: Timestamp::ZERO,
    }
}

/// Explains a packet where it was judged; egress first, as it crosses interfaces (C1).
#[must_use]
pub fn explain_packet(world: World<'_>, packet: &Packet, mut scenes: Vec<Scene<'_>>) -> Explained {
    let places: Vec<_> = scenes
        .iter()
        .filter_map(|scene| world.explanation(scene))
        .collect();
    let passes = scenes
        .iter()
        .all(|scene| scene.verdict.action() == Action::Allow);
    let answer = passes
        .then(|| packet::answer(packet))
        .flatten()
        .filter(|_| !scenes.is_empty())
        .map(|answer| world.answer(&answer, &mut scenes));
    let verdict = match (scenes.is_empty(), passes) {
        (true, _) => Outcome::None,
        (false, true) => Outcome::Allow,
        (false, false) => Outcome::Deny,
    };
    Explained {
        packet: PacketReport::of(packet),
        verdict,
        note: scenes
            .is_empty()
            .then(|| "it crosses no interface of the policy, so nothing judges it".to_owned()),
        places,
        answer,
    }
}

/// Explains a frame that nothing judges, and says what it is instead.
#[must_use]
pub fn explain_unjudged(what: String) -> Explained {
    Explained {
        packet: PacketReport {
            flow: what,
            ..PacketReport::default()
        },
        verdict: Outcome::None,
        note: Some("security groups judge IP packets, and this is none".to_owned()),
        places: Vec::new(),
        answer: None,
    }
}

/// Explains a frame that contradicts itself (step 1).
#[must_use]
pub fn explain_malformed(packet: PacketReport, at: Vec<Malformed>) -> Explained {
    let places = at.into_iter().map(|malformed| Explanation {
        interface: malformed.interface,
        direction: malformed.direction,
        verdict: Outcome::Deny,
        reason: Reason::Malformed,
        rule: None,
        group: None,
        why: Some(malformed.detail),
        exemption: None,
        connection: ConnectionReport::default(),
        tracking: None,
        groups: Vec::new(),
        change: Change::none(
            "a packet that contradicts itself is dropped before any rule is asked; its sender \
                 would have to send a valid one",
        ),
    });
    Explained {
        packet,
        verdict: Outcome::Deny,
        note: None,
        places: places.collect(),
        answer: None,
    }
}

impl<'a> World<'a> {
    fn explanation(self, scene: &Scene<'_>) -> Option<Explanation> {
        let Scene {
            crossing,
            before,
            verdict,
            after,
        } = scene;
        let interface = self.interface(crossing.interface)?;
        let lowered = after.snapshot().interface(crossing.interface);
        let (packet, direction, reason) = (&crossing.packet, crossing.direction, verdict.reason);
        let query = Query::of(packet, direction);
        let rule = verdict.rule.and_then(|number| self.registry.rule(number));
        let is_exempt = matches!(reason, Reason::Exempt | Reason::LinkLocalExceeded);
        let now = after.now();
        let line = |connection: &Connection| connection::line(connection, self.registry, now);
        let change = Change::turning(self.inventory, interface, &query, *verdict, before.as_ref());
        Some(Explanation {
            interface: interface.id.to_string(),
            direction,
            verdict: verdict.action().into(),
            reason,
            rule: rule.map(|rule| rule.rule.id.to_string()),
            group: rule.map(|rule| rule.group.to_string()),
            why: self.why(interface, scene, &query),
            exemption: lowered
                .filter(|_| is_exempt)
                .map(|lowered| exemption::exemption(lowered, packet, direction)),
            connection: ConnectionReport {
                before: before.as_ref().map(line),
                after: after.connection(crossing).as_ref().map(line),
            },
            tracking: lowered.and_then(|lowered| self.tracking(interface, lowered, scene)),
            groups: considered::groups(self.inventory, interface, &query),
            change,
        })
    }

    /// Why it is denied. Where a connection says so, its state does.
    fn why(self, interface: &NetworkInterface, scene: &Scene<'_>, query: &Query) -> Option<String> {
        let Scene {
            crossing, before, ..
        } = scene;
        let reason = scene.verdict.reason;
        if let (Reason::InvalidState, Some(connection), L4::Tcp { flags, .. }) =
            (reason, before, crossing.packet.l4)
        {
            let sender = if connection.originator == crossing.direction {
                "the end that opened the connection"
            } else {
                "the end that was called"
            };
            return Some(format!(
                "a segment with {} from {sender} does not fit the connection, which is in the \
                 state {}",
                flag_names(flags),
                connection.state
            ));
        }
        let why = why_denied(self.inventory, &interface.id, query, reason);
        (!why.is_empty()).then_some(why)
    }

    /// Whether the flow is tracked; `None` where the decision ended before that was asked.
    fn tracking(
        self,
        interface: &NetworkInterface,
        lowered: &Interface,
        scene: &Scene<'_>,
    ) -> Option<Tracking> {
        let crossing = &scene.crossing;
        let by_rules = || {
            let always = &lowered.always_track;
            let (packet, direction) = (&crossing.packet, crossing.direction);
            Tracking::of(self.inventory, interface, packet, direction, always)
        };
        match scene.verdict.reason {
            Reason::Established | Reason::Related => Some(Tracking::of_connection()),
            Reason::InvalidState if scene.before.is_some() => Some(Tracking::of_connection()),
            Reason::New | Reason::TableFull | Reason::InvalidState => Some(by_rules()),
            Reason::Untracked => Some(match by_rules() {
                untracked @ Tracking { tracked: false, .. } => untracked,
                tracked => tracked.of_useless_answer(),
            }),
            Reason::Exempt
            | Reason::NoRule
            | Reason::Malformed
            | Reason::Fragment
            | Reason::Spoofed
            | Reason::LinkLocalExceeded => None,
        }
    }

    /// What becomes of the answer, at the same interfaces the other way round.
    fn answer(self, answer: &Packet, scenes: &mut [Scene<'_>]) -> AnswerReport {
        let places: Vec<_> = scenes
            .iter_mut()
            .rev()
            .filter_map(|scene| {
                let direction = scene.crossing.direction.reverse();
                let mut crossing = typed(*answer, scene.crossing.interface, direction);
                crossing.at = scene.crossing.at;
                let verdict = scene.after.one(&crossing);
                let rule = verdict.rule.and_then(|number| self.registry.rule(number));
                Some(AnswerPlace {
                    interface: self.interface(crossing.interface)?.id.to_string(),
                    direction,
                    verdict: verdict.action().into(),
                    reason: verdict.reason,
                    rule: rule.map(|rule| rule.rule.id.to_string()),
                })
            })
            .collect();
        let is_denied = places.iter().any(|place| place.verdict != Outcome::Allow);
        AnswerReport {
            flow: Flow::of(answer).to_string(),
            verdict: if is_denied {
                Outcome::Deny
            } else {
                Outcome::Allow
            },
            places,
        }
    }

    fn interface(self, index: InterfaceIndex) -> Option<&'a NetworkInterface> {
        self.inventory
            .interfaces
            .get(self.registry.interface(index)?)
    }
}
