//! Interfaces: what each carries, and why the rest does not pass.

use secgroup_daemon::protocol::{InterfaceReport, InterfaceState, VerdictReport};
use secgroup_report::words::grouped;

use crate::meter::{InterfaceRates, Meter, lost};
use crate::sample::Sample;
use crate::table::{Cell, Column, Row, Shape, Sorting, Tone, column};
use crate::units::{count, scaled};
use crate::views::way;

pub(super) const COLUMNS: &[Column] = &[
    column("INTERFACE", 0, Shape::Text(8)),
    column("STATE", 2, Shape::Word),
    column("IN bit/s", 0, Shape::Number),
    column("pkt/s", 3, Shape::Number),
    column("OUT bit/s", 0, Shape::Number),
    column("pkt/s", 3, Shape::Number),
    column("DENIED/s", 1, Shape::Number),
    column("CONNECTIONS", 2, Shape::Number),
    column("LOST/s", 4, Shape::Number),
];

pub(super) const SORTING: Sorting = Sorting {
    column: 0,
    descending: false,
};

/// Of the connections that an interface may have, where somebody should look: in percent.
const NEARLY_ALL: u64 = 80;

pub(super) fn rows(sample: &Sample, meter: &Meter) -> Vec<Row> {
    let interfaces = sample.status.interfaces.iter();
    interfaces
        .map(|interface| row(interface, &meter.interface(&interface.name)))
        .collect()
}

fn row(interface: &InterfaceReport, rates: &InterfaceRates) -> Row {
    let [ingress, egress] = rates.allowed;
    let number = |rate: f64| Cell::number(scaled(rate), rate);
    let alarming = |rate: f64, tone| {
        let tone = if rate > 0.0 { tone } else { Tone::Plain };
        number(rate).tone(tone)
    };
    Row {
        id: interface.name.clone(),
        cells: vec![
            Cell::text(&interface.name),
            state(interface),
            number(ingress.bytes * 8.0),
            number(ingress.packets),
            number(egress.bytes * 8.0),
            number(egress.packets),
            alarming(rates.denied.packets, Tone::Bad),
            connections(interface),
            alarming(rates.lost, Tone::Warning),
        ],
        details: details(interface),
    }
}

fn state(interface: &InterfaceReport) -> Cell {
    match interface.state {
        InterfaceState::Closed => Cell::text("closed").tone(Tone::Bad),
        InterfaceState::Open if interface.audit => Cell::text("audit").tone(Tone::Warning),
        InterfaceState::Open => Cell::text("open").tone(Tone::Good),
    }
}

fn connections(interface: &InterfaceReport) -> Cell {
    let tracked = u64::from(interface.connections);
    let Some(allowance) = interface.allowance else {
        return Cell::number(grouped(tracked), count(tracked));
    };
    let allowance = u64::from(allowance);
    let is_nearly_all = tracked * 100 >= allowance * NEARLY_ALL;
    let tone = if is_nearly_all {
        Tone::Warning
    } else {
        Tone::Plain
    };
    let text = format!("{} of {}", grouped(tracked), grouped(allowance));
    Cell::number(text, count(tracked)).tone(tone)
}

fn details(interface: &InterfaceReport) -> Vec<(&'static str, String)> {
    let workers: Vec<_> = interface.workers.iter().map(u16::to_string).collect();
    let mut details = vec![
        ("network interface", interface.id.clone()),
        ("mode", interface.mode.clone()),
        ("workers", workers.join(", ")),
    ];
    if let Some(why) = &interface.why {
        details.push(("closed because", why.clone()));
    }
    for port in &interface.ports {
        let (side, device, backend) = (&port.side, &port.device, &port.backend);
        let text = format!(
            "{side} {device}, {backend}: {} received, {} sent",
            grouped(port.received),
            grouped(port.sent)
        );
        details.push(("device", text));
    }
    details.push(("frames lost", grouped(lost(interface))));
    details
}

/// Why an interface's packets passed or not, those with most packets a second first: direction, reason, rate, total.
pub(crate) fn verdict_lines(interface: &InterfaceReport, meter: &Meter) -> Vec<[Cell; 5]> {
    let rate = |verdict: &VerdictReport| {
        let rate = meter.reason(&interface.name, verdict.direction, &verdict.reason);
        rate.packets
    };
    let mut verdicts: Vec<_> = interface.verdicts.iter().collect();
    verdicts.sort_by(|a, b| {
        let faster = rate(b).total_cmp(&rate(a));
        faster.then_with(|| b.packets.cmp(&a.packets))
    });
    let line = |verdict: &VerdictReport| {
        let tone = if verdict.verdict == "allow" {
            Tone::Good
        } else {
            Tone::Bad
        };
        [
            Cell::text(way(verdict.direction)),
            Cell::text(&verdict.verdict).tone(tone),
            Cell::text(&verdict.reason),
            Cell::number(scaled(rate(verdict)), rate(verdict)),
            Cell::number(grouped(verdict.packets), count(verdict.packets)),
        ]
    };
    verdicts.into_iter().map(line).collect()
}
