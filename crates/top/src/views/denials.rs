//! What was denied lately, and why.

use secgroup_daemon::protocol::DenialLine;
use secgroup_report::words::grouped;

use crate::sample::Sample;
use crate::table::{Cell, Column, Row, Shape, Sorting, Tone, column};
use crate::units::{age, count};
use crate::views::{end, way};

pub(super) const COLUMNS: &[Column] = &[
    column("AGO", 1, Shape::Number),
    column("WAY", 2, Shape::Word),
    column("REASON", 1, Shape::Word),
    column("PROTO", 2, Shape::Word),
    column("FROM", 0, Shape::Text(12)),
    column("TO", 0, Shape::Text(12)),
    column("PACKETS", 0, Shape::Number),
    column("INTERFACE", 3, Shape::Text(6)),
];

pub(super) const SORTING: Sorting = Sorting {
    column: 0,
    descending: false,
};

/// Denied within this many seconds, it is still going on.
const LATELY: u64 = 3;

pub(super) fn rows(sample: &Sample) -> Vec<Row> {
    let now = sample.now();
    let flows = sample.denials.flows.iter();
    flows.map(|line| row(line, now)).collect()
}

fn row(line: &DenialLine, now: u64) -> Row {
    let ago = now.saturating_sub(line.last_seen);
    let is_recent = ago <= LATELY;
    let tone = if is_recent { Tone::Bad } else { Tone::Plain };
    let to = match (line.destination, line.icmp) {
        (Some(address), Some([kind, code])) => format!("{address} type {kind}/{code}"),
        (Some(address), None) => end(address, line.destination_port),
        (None, _) => "-".to_owned(),
    };
    let from = line.source.map(|address| address.to_string());
    let from = from.unwrap_or_else(|| "-".to_owned());
    let protocol = line.protocol.as_deref().unwrap_or("-");
    let mut details = vec![
        ("what it means", meaning(&line.reason).to_owned()),
        (
            "first seen",
            format!("{} ago", age(now.saturating_sub(line.first_seen))),
        ),
    ];
    if let Some(flow) = &line.flow {
        details.push(("to know more", format!("secgroup explain --live '{flow}'")));
    }
    Row {
        id: format!(
            "{} {} {} {protocol} {from} {to}",
            line.interface,
            way(line.direction),
            line.reason
        ),
        cells: vec![
            Cell::number(age(ago), count(ago)),
            Cell::text(way(line.direction)),
            Cell::text(&line.reason).tone(tone),
            Cell::text(protocol),
            Cell::text(from),
            Cell::text(to),
            Cell::number(grouped(line.packets), count(line.packets)),
            Cell::text(&line.interface),
        ],
        details,
    }
}

/// A reason in a sentence.
fn meaning(reason: &str) -> &'static str {
    match reason {
        "no-rule" => "no rule allows it",
        "invalid-state" => "no connection accounts for the segment, and only a SYN opens one",
        "malformed" => "the frame is not what its headers say",
        "fragment" => "the first fragment was not seen, or it overlaps another",
        "spoofed" => "neither end is the interface's (source/destination check)",
        "table-full" => "the connection table, or the interface's allowance, is full",
        "link-local-exceeded" => "too many packets a second to link-local services",
        _ => "a reason that this version does not know",
    }
}
