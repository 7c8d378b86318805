//! What would become of one packet, and why.

use std::sync::Arc;

use secgroup_control::{Defaults, Lowering, Registry};
use secgroup_datapath::{Crossing, Datapath, Settings, Snapshot, Verdict};
use secgroup_model::{Inventory, NetworkInterface};
use secgroup_packet::{Direction, Frame, InterfaceIndex, LinkType, Timestamp};
use secgroup_policy::Query;
use serde::Serialize;

use crate::attached::attached_rules;
use crate::change::Change;
use crate::flow::Flow;
use crate::mismatch::{Field, Mismatch};
use crate::place::{ExplainError, places};
use crate::tracking::Tracking;
use crate::why::why_denied;

/// Room for connections and fragments: one packet needs no table of a million.
const ROOM: u32 = 16;

/// The verdict on one packet at one interface, and all that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The interface.
    pub interface: String,
    /// The direction.
    pub direction: &'static str,
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// The rule that admits the packet.
    pub rule: Option<String>,
    /// That rule's group.
    pub group: Option<String>,
    /// Why it is denied, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether its flow is tracked; only where it is allowed by a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Every rule of the attached groups in this direction, in order.
    pub considered: Vec<Considered>,
    /// What would turn the verdict.
    pub change: Change,
}

/// One rule that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Considered {
    /// The rule.
    pub rule: String,
    /// Its group.
    pub group: String,
    /// What it allows.
    pub allows: String,
    /// Its description.
    pub description: Option<String>,
    /// Whether it admits the packet.
    pub matches: bool,
    /// The fields on which it fails.
    pub fails_on: Vec<Field>,
}

/// Explains what becomes of the first packet of `flow` at `interface` (an id or an address; every
/// one that it crosses where `None`), in `direction` (the one that its addresses say where `None`).
/// The verdict is the engine's own, with nothing in its tables.
///
/// # Errors
/// Where there is no such interface, the packet is neither from nor to it and no direction is
/// given, or none is named and the packet crosses none.
pub fn explain(
    inventory: &Inventory,
    interface: Option<&str>,
    direction: Option<Direction>,
    flow: &Flow,
    (settings, defaults): (&Settings, &Defaults),
) -> Result<Vec<Explanation>, ExplainError> {
    let places = places(inventory, interface, direction, flow.addresses())?;
    let mut lowering = Lowering::new(defaults.clone());
    let engine = Engine {
        snapshot: Arc::new(lowering.lower(inventory)),
        registry: lowering.registry(),
        settings: Settings {
            capacity: ROOM,
            capacity_v6: ROOM,
            fragment_capacity: ROOM,
            ..settings.clone()
        },
    };
    Ok(places
        .into_iter()
        .map(|(at, direction)| {
            let verdict = engine.verdict(at, direction, flow);
            explanation(inventory, at, direction, flow, verdict, (&engine, defaults))
        })
        .collect())
}

/// The engine, and what its numbers stand for.
struct Engine<'a> {
    snapshot: Arc<Snapshot>,
    registry: &'a Registry,
    settings: Settings,
}

impl Engine<'_> {
    /// The verdict of an engine that has seen nothing before.
    fn verdict(&self, at: &NetworkInterface, direction: Direction, flow: &Flow) -> Verdict {
        let mut datapath = Datapath::new(
            self.settings.clone(),
            Arc::clone(&self.snapshot),
            Timestamp::ZERO,
        );
        let packet = flow.packet();
        let frame = Frame {
            link: LinkType::RawIp,
            data: &[],
            wire_len: packet.ip_len,
        };
        datapath.one(&Crossing {
            frame,
            packet,
            // The lowering has numbered every interface of the inventory.
            interface: self
                .registry
                .interface_index(&at.id)
                .unwrap_or(InterfaceIndex(u32::MAX)),
            direction,
            at: Timestamp::ZERO,
        })
    }
}

fn explanation(
    inventory: &Inventory,
    interface: &NetworkInterface,
    direction: Direction,
    flow: &Flow,
    verdict: Verdict,
    (engine, defaults): (&Engine<'_>, &Defaults),
) -> Explanation {
    let packet = flow.packet();
    let query = Query::of(&packet, direction);
    let rule = verdict.rule.and_then(|number| engine.registry.rule(number));
    let why = why_denied(inventory, &interface.id, &query, verdict.reason);
    let always = &defaults.always_track;
    Explanation {
        interface: interface.id.to_string(),
        direction: direction.as_str(),
        verdict: verdict.action().as_str(),
        reason: verdict.reason.as_str(),
        rule: rule.map(|rule| rule.rule.id.to_string()),
        group: rule.map(|rule| rule.group.to_string()),
        why: (!why.is_empty()).then_some(why),
        tracking: rule.map(|_| Tracking::of(inventory, interface, &packet, direction, always)),
        considered: considered(inventory, interface, &query),
        change: Change::turning(inventory, interface, &query, verdict),
    }
}

fn considered(
    inventory: &Inventory,
    interface: &NetworkInterface,
    query: &Query,
) -> Vec<Considered> {
    attached_rules(inventory, interface, query.direction)
        .map(|(group, rule)| {
            let mismatch = Mismatch::of(inventory, group, &rule.spec, query);
            Considered {
                rule: rule.id.to_string(),
                group: group.id.to_string(),
                allows: rule.spec.to_string(),
                description: rule.description.clone(),
                matches: mismatch.is_match(),
                fails_on: mismatch.fields().to_vec(),
            }
        })
        .collect()
}
