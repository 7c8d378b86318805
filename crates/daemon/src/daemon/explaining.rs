//! What the running firewall would make of a packet, and why.
//!
//! Each interface that the packet crosses is asked at the worker whose packet it would be: that hands out a copy of the few things a decision looks at
//! ([`Excerpt`](secgroup_datapath::Excerpt)), and goes on. Deciding and explaining are done here, with the policy that is in force: whoever
//! calls holds it still.

use secgroup_analysis::{Explained, Flow, Scene, World, explain_packet, places, typed};
use secgroup_model::Inventory;
use secgroup_packet::{Direction, InterfaceIndex, Packet};
use secgroup_runtime::Runtime;

use super::state::State;
use crate::protocol::ExplainRequest;

/// Where the packet is asked about: the interface, its id, and the way it is crossed.
type Place = (InterfaceIndex, String, Direction);

/// Explains the packet of `request` under `policy`, which is in force.
///
/// # Errors
/// In one line, why it cannot be told.
pub(super) fn explain(
    state: &State,
    runtime: &Runtime,
    policy: &Inventory,
    request: &ExplainRequest,
) -> Result<Explained, String> {
    let flow: Flow = request.flow.parse().map_err(|error| format!("{error}"))?;
    let places = enforced(state, policy, &flow, request)?;
    let world = World {
        inventory: policy,
        registry: state.lowering.registry(),
    };
    let mut packet = flow.packet();
    let mut scenes = ask(state, runtime, &places, packet)?;
    if !Flow::says_flags(&request.flow) && scenes.iter().any(Scene::has_connection) {
        packet = flow.continued().packet();
        scenes = ask(state, runtime, &places, packet)?;
    }
    let mut explained = explain_packet(world, &packet, scenes);
    rename(state, &places, &mut explained);
    Ok(explained)
}

/// The interfaces that the packet crosses, of those that are enforced here.
fn enforced(
    state: &State,
    policy: &Inventory,
    flow: &Flow,
    request: &ExplainRequest,
) -> Result<Vec<Place>, String> {
    let interface = request.interface.as_deref();
    // By the name that the configuration gives it, too.
    let bound = interface.and_then(|name| state.bindings.get(name));
    let interface = bound.map(|id| id.as_str()).or(interface);
    let crossed = places(policy, interface, request.direction, flow.addresses());
    let crossed = crossed.map_err(|error| error.to_string())?;
    let here = state.bindings.ids();
    let registry = state.lowering.registry();
    let found: Vec<Place> = crossed
        .into_iter()
        .filter(|(at, _)| here.contains(&at.id))
        .filter_map(|(at, direction)| {
            let index = registry.interface_index(&at.id)?;
            Some((index, at.id.to_string(), direction))
        })
        .collect();
    if found.is_empty() {
        return Err(format!(
            "{flow} crosses no interface that is enforced here; 'secgroup status' lists them, and 'secgroup explain --policy' explains any other"
        ));
    }
    Ok(found)
}

/// Asks the workers.
fn ask(
    state: &State,
    runtime: &Runtime,
    places: &[Place],
    packet: Packet,
) -> Result<Vec<Scene<'static>>, String> {
    let asked = places.iter().map(|(index, _, direction)| {
        let excerpt = runtime.excerpt(packet, *index, *direction);
        let excerpt = excerpt.ok_or_else(|| {
            let name = state.interface_name(*index);
            format!("{name} has no worker that answers; 'secgroup status' may say why")
        })?;
        Ok(Scene::tried(excerpt, typed(packet, *index, *direction)))
    });
    asked.collect()
}

/// Calls interfaces by the names that the configuration gives them, as `secgroup status` does.
fn rename(state: &State, places: &[Place], explained: &mut Explained) {
    let name = |id: &mut String| {
        if let Some((index, ..)) = places.iter().find(|(_, known, _)| known == id) {
            *id = state.interface_name(*index);
        }
    };
    for place in &mut explained.places {
        name(&mut place.interface);
    }
    if let Some(answer) = &mut explained.answer {
        answer
            .places
            .iter_mut()
            .for_each(|place| name(&mut place.interface));
    }
}
