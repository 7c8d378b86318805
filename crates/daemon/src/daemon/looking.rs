//! What those who look on are told: the rules in force with what passed by them, and what passes now.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use secgroup_datapath::{Count, Crossing};
use secgroup_flowlog::{By, Conversation, Look, Passing, Watched};
use secgroup_model::{Inventory, Rule, SecurityGroup};
use secgroup_packet::{
    AddressPair, Direction, Frame, L4, LinkType, Packet, Protocol, TcpFlags, Timestamp,
};
use secgroup_policy::RuleNumber;
use secgroup_runtime::{Runtime, Status};

use super::names;
use super::state::State;
use crate::protocol::{
    FlowState, RuleLine, RulePage, RulesRequest, TrafficLine, TrafficOrder, TrafficPage,
    TrafficRequest,
};

/// How long workers are asked for states of connections: a thousand answers take a fraction of it.
const ASKED_WITHIN: Duration = Duration::from_millis(500);

/// The rules of groups that are attached to an interface here, and what `status` says of them.
pub(super) fn rules(
    state: &State,
    inventory: &Inventory,
    status: &Status,
    request: &RulesRequest,
) -> RulePage {
    let bound = state.bindings.ids();
    let interfaces = bound.iter().filter_map(|id| inventory.interfaces.get(id));
    let attached: BTreeSet<_> = interfaces.flat_map(|interface| &interface.groups).collect();
    let groups = attached
        .into_iter()
        .filter_map(|id| inventory.groups.get(id));
    let mut rules: Vec<RuleLine> = groups
        .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
        .map(|(group, rule)| rule_line(group, rule, passed_by(state, status, group, rule)))
        .collect();
    let matched = rules.len() as u64;
    rules.sort_by(|a, b| (Reverse(a.packets), &a.id).cmp(&(Reverse(b.packets), &b.id)));
    rules.truncate(request.limit as usize);
    RulePage {
        generation: status.generation,
        matched,
        rules,
    }
}

fn passed_by(state: &State, status: &Status, group: &SecurityGroup, rule: &Rule) -> Count {
    let registry = state.lowering.registry();
    let number = registry.rule_number(&group.id, &rule.spec);
    let counted = number.and_then(|number| status.rules.get(number.get() as usize));
    counted.copied().unwrap_or_default()
}

fn rule_line(group: &SecurityGroup, rule: &Rule, passed: Count) -> RuleLine {
    RuleLine {
        id: rule.id.to_string(),
        group: group.id.to_string(),
        group_name: group.name.clone(),
        direction: rule.spec.direction,
        allows: rule.spec.to_string(),
        description: rule.description.clone(),
        packets: passed.packets,
        bytes: passed.bytes,
    }
}

/// What a request asks of whoever watches.
pub(super) fn look(request: &TrafficRequest) -> Look {
    Look {
        limit: request.limit as usize,
        by: match request.by {
            TrafficOrder::Packets => By::Packets,
            TrafficOrder::Bytes => By::Bytes,
        },
        over: request.over_seconds.into(),
    }
}

/// The state of each flow's connection, asked of its worker, which that disturbs no longer than a packet does. A worker that does not answer ends the asking.
pub(super) fn connection_states(runtime: &Runtime, passing: &Passing) -> Vec<Option<FlowState>> {
    let deadline = Instant::now() + ASKED_WITHIN;
    let states = passing.highest.iter().map(|watched| {
        let is_time = Instant::now() < deadline;
        is_time
            .then(|| connection_state(runtime, watched))
            .flatten()
    });
    states.collect()
}

/// What passes, in the words of people.
pub(super) fn traffic(
    state: &State,
    passing: &Passing,
    connections: &[Option<FlowState>],
) -> TrafficPage {
    let flows = passing.highest.iter().zip(connections);
    let lines = flows.map(|(watched, connection)| traffic_line(state, watched, *connection));
    TrafficPage {
        over_milliseconds: u64::try_from(passing.over.as_millis()).unwrap_or(u64::MAX),
        flows: passing.flows as u64,
        highest: lines.collect(),
        packets_untold: passing.packets_untold,
    }
}

fn traffic_line(state: &State, watched: &Watched, connection: Option<FlowState>) -> TrafficLine {
    let Conversation {
        interface,
        protocol,
        local,
        remote,
        ports: [local_port, remote_port],
    } = watched.conversation;
    let has_ports = matches!(protocol, Protocol::TCP | Protocol::UDP);
    let rule = |number: Option<RuleNumber>| {
        let name = names::rule(state.lowering.registry(), number?.get());
        name.map(str::to_owned)
    };
    let [ingress, egress] = watched.volumes;
    let [ingress_rule, egress_rule] = watched.rules.map(rule);
    TrafficLine {
        interface: state.interface_name(interface),
        protocol: protocol.to_string(),
        local,
        local_port: has_ports.then_some(local_port),
        remote,
        remote_port: has_ports.then_some(remote_port),
        tracked: watched.is_tracked,
        state: connection,
        ingress_rule,
        egress_rule,
        ingress_packets: ingress.packets,
        ingress_bytes: ingress.bytes,
        egress_packets: egress.packets,
        egress_bytes: egress.bytes,
    }
}

/// The state of a tracked flow's connection; `None` where there is none any more.
fn connection_state(runtime: &Runtime, watched: &Watched) -> Option<FlowState> {
    if !watched.is_tracked {
        return None;
    }
    let Conversation {
        interface,
        protocol,
        local,
        remote,
        ports: [dport, sport],
    } = watched.conversation;
    let l4 = match protocol {
        Protocol::TCP => L4::Tcp {
            sport,
            dport,
            flags: TcpFlags::ACK,
        },
        Protocol::UDP => L4::Udp { sport, dport },
        // Its identifier is not watched, and its connections have one state.
        Protocol::ICMP | Protocol::ICMPV6 => return Some(FlowState::Icmp),
        _ => L4::Other,
    };
    let crossing = Crossing {
        frame: Frame {
            link: LinkType::RawIp,
            data: &[],
            wire_len: 0,
        },
        packet: Packet {
            addresses: between(remote, local)?,
            protocol,
            l4,
            fragment: None,
            hop_limit: 64,
            ip_len: 0,
            l3_offset: 0,
            l4_offset: 0,
        },
        interface,
        direction: Direction::Ingress,
        at: Timestamp::ZERO,
    };
    let excerpt = runtime.excerpt(crossing.packet, interface, Direction::Ingress)?;
    let connection = excerpt.connection(&crossing)?;
    Some(connection.state.into())
}

fn between(source: IpAddr, destination: IpAddr) -> Option<AddressPair> {
    match (source, destination) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Some(AddressPair::V4 { src, dst }),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Some(AddressPair::V6 { src, dst }),
        _ => None,
    }
}
