//! What would become of one packet, and why.

use std::net::IpAddr;
use std::sync::Arc;

use secgroup_control::{Defaults, Lowering};
use secgroup_datapath::{Crossing, Datapath, Settings};
use secgroup_model::{Inventory, NetworkInterface, NetworkInterfaceId};
use secgroup_packet::{Direction, Frame, LinkType, Timestamp};
use secgroup_policy::Query;
use serde::Serialize;

use crate::change::Change;
use crate::flow::Flow;
use crate::mismatch::{Field, Mismatch};
use crate::tracking::Tracking;
use crate::why::why_denied;

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

/// Why nothing can be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainError {
    /// No such interface.
    UnknownInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The packet crosses no known interface.
    CrossesNothing {
        /// Its source.
        src: IpAddr,
        /// Its destination.
        dst: IpAddr,
    },
}

impl std::fmt::Display for ExplainError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownInterface { name, known } if known.is_empty() => write!(
                f,
                "there is no interface '{name}': the policy has none; give one with --attach GROUP=ADDRESS"
            ),
            Self::UnknownInterface { name, known } => write!(
                f,
                "no interface has the id or address '{name}'; there are: {}",
                known.join(", ")
            ),
            Self::CrossesNothing { src, dst } => write!(
                f,
                "neither {src} nor {dst} is an address of a known interface; name one with --interface, \
                 or give one with --attach GROUP=ADDRESS"
            ),
        }
    }
}

impl std::error::Error for ExplainError {}

/// Explains what becomes of the first packet of `flow` at `interface` (an id or an address; every one that it crosses
/// where `None`), in `direction` (the one that its addresses say where `None`).
///
/// # Errors
/// Where there is no such interface, or none is named and the packet crosses none.
pub fn explain(
    inventory: &Inventory,
    interface: Option<&str>,
    direction: Option<Direction>,
    flow: &Flow,
    (settings, defaults): (&Settings, &Defaults),
) -> Result<Vec<Explanation>, ExplainError> {
    let places = match interface {
        Some(name) => {
            let interface = find(inventory, name)?;
            let direction = direction.unwrap_or_else(|| {
                let is_source = interface.addresses.contains(&flow.addresses().src());
                if is_source {
                    Direction::Egress
                } else {
                    Direction::Ingress
                }
            });
            vec![(interface, direction)]
        }
        None => crossed(inventory, flow, direction)?,
    };
    Ok(places
        .into_iter()
        .map(|(at, direction)| one(inventory, at, direction, flow, settings, defaults))
        .collect())
}

fn find<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a NetworkInterface, ExplainError> {
    let by_address = || {
        let address = name.parse::<IpAddr>().ok()?;
        inventory
            .interfaces
            .values()
            .find(|i| i.addresses.contains(&address))
    };
    inventory
        .interfaces
        .get(name)
        .or_else(by_address)
        .ok_or_else(|| {
            let known = inventory
                .interfaces
                .keys()
                .map(NetworkInterfaceId::to_string)
                .collect();
            ExplainError::UnknownInterface {
                name: name.to_owned(),
                known,
            }
        })
}

/// The interfaces that have the source or the destination, the way they are crossed (C1).
fn crossed<'a>(
    inventory: &'a Inventory,
    flow: &Flow,
    wanted: Option<Direction>,
) -> Result<Vec<(&'a NetworkInterface, Direction)>, ExplainError> {
    let (src, dst) = (flow.addresses().src(), flow.addresses().dst());
    let mut places = Vec::new();
    for (address, direction) in [(src, Direction::Egress), (dst, Direction::Ingress)] {
        let at = inventory.interfaces.values().filter(|i| {
            i.addresses.contains(&address) || i.prefixes.iter().any(|p| p.contains(&address))
        });
        if wanted.is_none_or(|wanted| wanted == direction) {
            places.extend(at.map(|interface| (interface, direction)));
        }
    }
    if places.is_empty() {
        Err(ExplainError::CrossesNothing { src, dst })
    } else {
        Ok(places)
    }
}

/// One interface and direction: the verdict is the engine's own, on an empty connection table.
fn one(
    inventory: &Inventory,
    interface: &NetworkInterface,
    direction: Direction,
    flow: &Flow,
    settings: &Settings,
    defaults: &Defaults,
) -> Explanation {
    let mut lowering = Lowering::new(defaults.clone());
    let snapshot = Arc::new(lowering.lower(inventory));
    // One packet needs no table of a million.
    let small = Settings {
        capacity: 16,
        capacity_v6: 16,
        fragment_capacity: 16,
        ..settings.clone()
    };
    let mut datapath = Datapath::new(small, snapshot, Timestamp::ZERO);
    let packet = flow.packet();
    let registry = lowering.registry();
    let verdict = datapath.one(&Crossing {
        frame: Frame {
            link: LinkType::RawIp,
            data: &[],
            wire_len: packet.ip_len,
        },
        packet,
        // The lowering has just numbered every interface of the inventory.
        interface: registry
            .interface_index(&interface.id)
            .unwrap_or(secgroup_packet::InterfaceIndex(u32::MAX)),
        direction,
        at: Timestamp::ZERO,
    });
    let query = Query::of(&packet, direction);
    let rule = verdict.rule.and_then(|number| registry.rule(number));
    let why = why_denied(inventory, &interface.id, &query, verdict.reason);
    let tracking = rule.map(|_| tracking(inventory, interface, &packet, direction, verdict));
    Explanation {
        interface: interface.id.to_string(),
        direction: direction.as_str(),
        verdict: verdict.action().as_str(),
        reason: verdict.reason.as_str(),
        rule: rule.map(|rule| rule.rule.id.to_string()),
        group: rule.map(|rule| rule.group.to_string()),
        why: (!why.is_empty()).then_some(why),
        tracking,
        considered: considered(inventory, interface, &query),
        change: Change::turning(inventory, interface, &query, verdict),
    }
}

/// What the engine did, with the rules' reason; where the two differ, `always_track` made the difference (D12).
fn tracking(
    inventory: &Inventory,
    interface: &NetworkInterface,
    packet: &secgroup_packet::Packet,
    direction: Direction,
    verdict: secgroup_datapath::Verdict,
) -> Tracking {
    let by_rules = Tracking::by_rules(inventory, interface, packet, direction);
    let tracked = verdict.reason != secgroup_datapath::Reason::Untracked;
    if tracked == by_rules.tracked {
        return by_rules;
    }
    let because = if tracked {
        "the rules would leave it untracked, but flows with this peer are always tracked".to_owned()
    } else {
        "it looks like the answer to a flow that the rules leave untracked".to_owned()
    };
    Tracking { tracked, because }
}

fn considered(
    inventory: &Inventory,
    interface: &NetworkInterface,
    query: &Query,
) -> Vec<Considered> {
    let groups = interface
        .groups
        .iter()
        .filter_map(|id| inventory.groups.get(id));
    groups
        .flat_map(|group| {
            group
                .rules_of(query.direction)
                .map(move |rule| (group, rule))
        })
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
