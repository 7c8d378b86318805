//! Flows: those that pass, tracked or not, by their rates; and connections that are idle.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use secgroup_daemon::protocol::{
    FlowLine, FlowQuery, FlowState, TrafficLine, TrafficOrder, TrafficPage, parse_protocol,
};
use secgroup_packet::Direction;
use secgroup_report::words::grouped;

use crate::sample::Sample;
use crate::table::{Cell, Column, Row, Shape, Sorting, Tone, column};
use crate::units::{bits, count, scaled};
use crate::views::{end, way};

pub(super) const COLUMNS: &[Column] = &[
    column("PROTO", 1, Shape::Word),
    column("LOCAL", 0, Shape::Text(9)),
    column("REMOTE", 0, Shape::Text(12)),
    column("STATE", 2, Shape::Word),
    column("bit/s", 0, Shape::Number),
    column("pkt/s", 1, Shape::Number),
    column("IN bit/s", 4, Shape::Number),
    column("OUT bit/s", 4, Shape::Number),
    column("RULE", 3, Shape::Text(10)),
    column("INTERFACE", 5, Shape::Text(6)),
];

/// The column of packets: sorted by it, flows with most packets are asked for, and not those with most bytes.
const PACKETS: usize = 5;

pub(super) const SORTING: Sorting = Sorting {
    column: 4,
    descending: true,
};

/// By what the daemon is to choose flows where rows are sorted by this column.
pub(crate) const fn order_of(column: usize) -> TrafficOrder {
    match column {
        PACKETS => TrafficOrder::Packets,
        _ => TrafficOrder::Bytes,
    }
}

/// What tells flows apart, as far as both lists of them say it.
type Ends<'a> = (&'a str, &'a str, IpAddr, Option<u16>, IpAddr, Option<u16>);

pub(super) fn rows(sample: &Sample) -> Vec<Row> {
    let traffic = &sample.traffic;
    let passing: HashSet<Ends<'_>> = traffic.highest.iter().map(ends_of_traffic).collect();
    let connections = sample.connections.flows.iter();
    let known: HashMap<Ends<'_>, &FlowLine> = connections
        .clone()
        .map(|flow| (ends_of(flow), flow))
        .collect();
    let moving = traffic.highest.iter().map(|line| {
        let connection = known.get(&ends_of_traffic(line)).copied();
        moving(line, traffic, connection)
    });
    let idle = connections.filter(|flow| !passing.contains(&ends_of(flow)));
    moving.chain(idle.map(idle_row)).collect()
}

fn ends_of_traffic(line: &TrafficLine) -> Ends<'_> {
    (
        &line.interface,
        &line.protocol,
        line.local,
        line.local_port,
        line.remote,
        line.remote_port,
    )
}

fn ends_of(flow: &FlowLine) -> Ends<'_> {
    (
        &flow.interface,
        &flow.protocol,
        flow.local,
        flow.local_port,
        flow.remote,
        flow.remote_port,
    )
}

/// What a row is of; tracked connections that differ by their ICMP identifier alone are one row while they pass, as they are watched.
fn id((interface, protocol, local, local_port, remote, remote_port): Ends<'_>) -> String {
    let (local, remote) = (end(local, local_port), end(remote, remote_port));
    format!("{interface} {protocol} {local} {remote}")
}

fn moving(line: &TrafficLine, page: &TrafficPage, connection: Option<&FlowLine>) -> Row {
    let seconds = count(page.over_milliseconds) / 1e3;
    let rate = |amount: f64| {
        if seconds > 0.0 { amount / seconds } else { 0.0 }
    };
    let inward = rate(bits(line.ingress_bytes));
    let outward = rate(bits(line.egress_bytes));
    let packets = rate(count(
        line.ingress_packets.saturating_add(line.egress_packets),
    ));
    let rule = line.ingress_rule.as_ref().or(line.egress_rule.as_ref());
    let (state, tone) = match (line.tracked, line.state) {
        (false, _) => ("untracked", Tone::Warning),
        (true, Some(state)) => (state.as_str(), Tone::Good),
        (true, None) => ("closed", Tone::Faint),
    };
    let number = |rate: f64| Cell::number(scaled(rate), rate);
    let mut details = Vec::new();
    match (&line.ingress_rule, &line.egress_rule) {
        (Some(ingress), Some(egress)) if ingress != egress => {
            details.push(("rule in", ingress.clone()));
            details.push(("rule out", egress.clone()));
        }
        _ => details.push(("rule", rule.cloned().unwrap_or_else(|| "-".to_owned()))),
    }
    match connection {
        Some(flow) => details.extend(totals(flow)),
        None if !line.tracked => {
            let why =
                "rules allow both directions of it, so it needs no state: it ends with its rule";
            details.push(("untracked", why.to_owned()));
        }
        None => {}
    }
    Row {
        id: id(ends_of_traffic(line)),
        cells: vec![
            Cell::text(&line.protocol),
            Cell::text(end(line.local, line.local_port)),
            Cell::text(end(line.remote, line.remote_port)),
            Cell::text(state).tone(tone),
            number(inward + outward),
            number(packets),
            number(inward),
            number(outward),
            Cell::text(rule.map_or("-", String::as_str)),
            Cell::text(&line.interface),
        ],
        details,
    }
}

/// A connection that nothing passes on at the moment.
fn idle_row(flow: &FlowLine) -> Row {
    let zero = || Cell::number("0", 0.0).tone(Tone::Faint);
    let mut details = vec![(
        "rule",
        flow.rule
            .clone()
            .unwrap_or_else(|| "that which admitted it is no more".to_owned()),
    )];
    details.extend(totals(flow));
    let icmp = flow.icmp_id.map(|id| format!(" id {id}"));
    Row {
        id: id(ends_of(flow)) + &icmp.unwrap_or_default(),
        cells: vec![
            Cell::text(&flow.protocol),
            Cell::text(end(flow.local, flow.local_port)),
            Cell::text(end(flow.remote, flow.remote_port)),
            Cell::text(flow.state.as_str()).tone(tone_of(flow.state)),
            zero(),
            zero(),
            zero(),
            zero(),
            Cell::text(flow.rule.as_deref().unwrap_or("-")),
            Cell::text(&flow.interface),
        ],
        details,
    }
}

const fn tone_of(state: FlowState) -> Tone {
    match state {
        FlowState::SynSent | FlowState::SynSent2 => Tone::Warning,
        _ => Tone::Plain,
    }
}

fn totals(flow: &FlowLine) -> Vec<(&'static str, String)> {
    let volume = |packets, bytes| format!("{} packets, {} bytes", grouped(packets), grouped(bytes));
    let opener = match flow.opened {
        Direction::Ingress => "the other end",
        Direction::Egress => "the interface's end",
    };
    vec![
        ("opened by", format!("{opener} ({})", way(flow.opened))),
        (
            "in, in all",
            volume(flow.ingress_packets, flow.ingress_bytes),
        ),
        (
            "out, in all",
            volume(flow.egress_packets, flow.egress_bytes),
        ),
        (
            "forgotten in",
            format!("{} s without a packet", grouped(flow.expires_in_seconds)),
        ),
    ]
}

/// A connection to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Which, as the daemon is asked.
    pub(crate) filter: FlowQuery,
    /// Which, for a person.
    pub(crate) what: String,
}

/// How to ask for the connection of row `id`; an error says why it has none.
///
/// A query names one address and one port: the other end's address, and the higher port, which is that of whoever opened it and no other connection's.
pub(crate) fn cut(sample: &Sample, id: &str) -> Result<Cut, String> {
    let of_row = |ends| self::id(ends) == id || id.starts_with(&(self::id(ends) + " id "));
    let mut traffic = sample.traffic.highest.iter();
    if traffic.any(|line| !line.tracked && of_row(ends_of_traffic(line))) {
        let why = "it is untracked: no state keeps it, only its rules; revoke one to end it";
        return Err(why.to_owned());
    }
    let mut traffic = sample.traffic.highest.iter().map(ends_of_traffic);
    let mut connections = sample.connections.flows.iter().map(ends_of);
    let found = traffic
        .find(|ends| of_row(*ends))
        .or_else(|| connections.find(|ends| of_row(*ends)));
    let (interface, protocol, local, local_port, remote, remote_port) =
        found.ok_or("it is gone already")?;
    let what = format!(
        "{protocol} {} and {} at {interface}",
        end(local, local_port),
        end(remote, remote_port)
    );
    let filter = FlowQuery {
        interface: Some(interface.to_owned()),
        address: Some(remote.into()),
        port: local_port.max(remote_port),
        protocol: parse_protocol(protocol).ok(),
        state: None,
    };
    Ok(Cut { filter, what })
}
