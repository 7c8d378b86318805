//! What would become of a packet, or became of it, and why.
//!
//! The engine decides, and nothing here does: a [`Scene`] is a packet at an interface with the verdict that the engine gave and the
//! connection before and after it. From there the policy is read again, slowly and in the words of the model, to say which rules
//! were in question and on what each of them failed. Both are held against each other, and against the reference evaluator, by
//! the tests.
//!
//! Scenes come from three places: an engine that has seen nothing ([`Explainer`]: a packet that was typed), a replay that has come to a
//! packet of a capture, and a worker of a daemon that hands out an [`Excerpt`] of its table. None of them is disturbed.
//!
//! What is found out is data first, a [`Judgement`], and becomes the text of an [`Explained`] where a person or a program reads it.

mod connection;
mod considered;
mod document;
mod exemption;
mod judgement;
mod judging;
mod packet;

use std::sync::Arc;

use secgroup_control::{Defaults, Lowering, Registry};
use secgroup_datapath::{Connection, Crossing, Datapath, Excerpt, Reason, Settings, Verdict};
use secgroup_model::Inventory;
use secgroup_packet::{Direction, Frame, InterfaceIndex, LinkType, Packet, Timestamp};

pub use self::document::{
    AnswerPlace, AnswerReport, ConnectionLine, ConnectionReport, Considered, ConsideredGroup,
    Explained, Explanation, FailsOn, Outcome, PacketReport,
};
pub use self::judgement::{Judgement, Ruling};
pub use self::judging::judge;
use crate::change::Change;
use crate::flow::Flow;
use crate::place::{ExplainError, places};

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
        let judgement = self.judge(interface, direction, flow)?;
        Ok(judgement.told())
    }

    /// Finds out what [`explain`](Self::explain) puts into words.
    ///
    /// # Errors
    /// As there.
    pub fn judge(
        &self,
        interface: Option<&str>,
        direction: Option<Direction>,
        flow: &Flow,
    ) -> Result<Judgement<'_>, ExplainError> {
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
        Ok(judge(world, &packet, scenes.collect()))
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

/// Explains a packet where it was judged, in words; egress first, as it crosses interfaces (C1).
#[must_use]
pub fn explain_packet(world: World<'_>, packet: &Packet, scenes: Vec<Scene<'_>>) -> Explained {
    judge(world, packet, scenes).told()
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
