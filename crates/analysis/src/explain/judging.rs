//! Finding out what became of a packet, and on what grounds: the engine's verdict, and the policy read once more, slowly, for what led to it.

use secgroup_datapath::{Action, Interface, Reason};
use secgroup_model::NetworkInterface;
use secgroup_packet::{InterfaceIndex, L4, Packet};
use secgroup_policy::Query;

use super::connection::Around;
use super::considered::AskedGroup;
use super::document::Outcome;
use super::exemption::Exemption;
use super::judgement::{Answer, AnswerRuling, Judgement, Ruling};
use super::{Scene, World, packet, typed};
use crate::change::Turning;
use crate::tracking::Basis;
use crate::why::Why;

/// Finds out what became of a packet where it was judged, and on what grounds; egress first, as it crosses interfaces (C1).
#[must_use]
pub fn judge<'a>(world: World<'a>, packet: &Packet, mut scenes: Vec<Scene<'_>>) -> Judgement<'a> {
    let places = scenes.iter().filter_map(|scene| world.ruling(scene));
    let places = places.collect();
    let passes = scenes
        .iter()
        .all(|scene| scene.verdict.action() == Action::Allow);
    let answer = passes
        .then(|| packet::answer(packet))
        .flatten()
        .filter(|_| !scenes.is_empty())
        .map(|answer| world.answer(answer, &mut scenes));
    let verdict = match (scenes.is_empty(), passes) {
        (true, _) => Outcome::None,
        (false, true) => Outcome::Allow,
        (false, false) => Outcome::Deny,
    };
    Judgement {
        packet: *packet,
        verdict,
        places,
        answer,
    }
}

impl<'a> World<'a> {
    fn ruling(self, scene: &Scene<'_>) -> Option<Ruling<'a>> {
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
        let is_exempt = matches!(reason, Reason::Exempt | Reason::LinkLocalExceeded);
        Some(Ruling {
            interface,
            direction,
            verdict: *verdict,
            rule: verdict.rule.and_then(|number| self.registry.rule(number)),
            why: self.why(interface, scene, &query),
            exemption: lowered
                .filter(|_| is_exempt)
                .map(|lowered| Exemption::of(lowered, packet, direction)),
            connection: Around {
                before: *before,
                after: after.connection(crossing),
                now: after.now(),
                registry: self.registry,
            },
            tracking: lowered.and_then(|lowered| self.tracking(interface, lowered, scene)),
            groups: AskedGroup::all(self.inventory, interface, &query),
            change: Turning::of(self.inventory, interface, &query, *verdict, before.as_ref()),
        })
    }

    /// Why it is denied. Where a connection says so, its state does.
    fn why(
        self,
        interface: &NetworkInterface,
        scene: &Scene<'_>,
        query: &Query,
    ) -> Option<Why<'a>> {
        let Scene {
            crossing, before, ..
        } = scene;
        let reason = scene.verdict.reason;
        if let (Reason::InvalidState, Some(connection), L4::Tcp { flags, .. }) =
            (reason, before, crossing.packet.l4)
        {
            return Some(Why::Segment {
                flags,
                by_opener: connection.originator == crossing.direction,
                state: connection.state,
            });
        }
        Why::of(self.inventory, &interface.id, query, reason)
    }

    /// Whether the flow is tracked; `None` where the decision ended before that was asked.
    fn tracking(
        self,
        interface: &'a NetworkInterface,
        lowered: &Interface,
        scene: &Scene<'_>,
    ) -> Option<Basis<'a>> {
        let crossing = &scene.crossing;
        let by_rules = || {
            let always = &lowered.always_track;
            let (packet, direction) = (&crossing.packet, crossing.direction);
            Basis::of(self.inventory, interface, packet, direction, always)
        };
        match scene.verdict.reason {
            Reason::Established | Reason::Related => Some(Basis::Connection),
            Reason::InvalidState if scene.before.is_some() => Some(Basis::Connection),
            Reason::New | Reason::TableFull | Reason::InvalidState => Some(by_rules()),
            Reason::Untracked => Some(by_rules().of_untracked()),
            Reason::Exempt
            | Reason::NoRule
            | Reason::Malformed
            | Reason::Fragment
            | Reason::Spoofed
            | Reason::LinkLocalExceeded => None,
        }
    }

    /// What becomes of the answer, at the same interfaces the other way round.
    fn answer(self, answer: Packet, scenes: &mut [Scene<'_>]) -> Answer<'a> {
        let places = scenes.iter_mut().rev().filter_map(|scene| {
            let direction = scene.crossing.direction.reverse();
            let mut crossing = typed(answer, scene.crossing.interface, direction);
            crossing.at = scene.crossing.at;
            let verdict = scene.after.one(&crossing);
            Some(AnswerRuling {
                interface: self.interface(crossing.interface)?,
                direction,
                verdict,
                rule: verdict.rule.and_then(|number| self.registry.rule(number)),
            })
        });
        Answer {
            places: places.collect(),
            packet: answer,
        }
    }

    fn interface(self, index: InterfaceIndex) -> Option<&'a NetworkInterface> {
        self.inventory
            .interfaces
            .get(self.registry.interface(index)?)
    }
}
