//! The rules in force, and what passes by each.

use secgroup_daemon::protocol::RuleLine;
use secgroup_report::words::grouped;

use crate::meter::{Meter, Rate};
use crate::sample::Sample;
use crate::table::{Cell, Column, Row, Shape, Sorting, Tone, column};
use crate::units::{count, scaled};
use crate::views::way;

pub(super) const COLUMNS: &[Column] = &[
    column("PACKETS", 0, Shape::Number),
    column("pkt/s", 0, Shape::Number),
    column("bit/s", 3, Shape::Number),
    column("WAY", 2, Shape::Word),
    column("ALLOWS", 0, Shape::Text(24)),
    column("GROUP", 3, Shape::Text(8)),
    column("RULE", 1, Shape::Text(12)),
    column("DESCRIPTION", 4, Shape::Text(12)),
];

pub(super) const SORTING: Sorting = Sorting {
    column: 0,
    descending: true,
};

pub(super) fn rows(sample: &Sample, meter: &Meter) -> Vec<Row> {
    let rules = sample.rules.rules.iter();
    rules
        .map(|rule| row(rule, meter.rule(&rule.group, &rule.id)))
        .collect()
}

fn row(rule: &RuleLine, rate: Rate) -> Row {
    let number = |rate: f64| Cell::number(scaled(rate), rate);
    let description = rule.description.as_deref().unwrap_or("");
    let tone = if rule.packets == 0 {
        Tone::Faint
    } else {
        Tone::Plain
    };
    let mut details = vec![
        ("group", format!("{} ({})", rule.group, rule.group_name)),
        ("bytes", grouped(rule.bytes)),
    ];
    if rule.packets == 0 {
        let unused = "nothing passed by it since the start";
        details.push(("unused", unused.to_owned()));
    }
    Row {
        id: format!("{} {}", rule.group, rule.id),
        cells: vec![
            Cell::number(grouped(rule.packets), count(rule.packets)).tone(tone),
            number(rate.packets),
            number(rate.bytes * 8.0),
            Cell::text(way(rule.direction)),
            Cell::text(&rule.allows).tone(tone),
            Cell::text(&rule.group_name),
            Cell::text(&rule.id),
            Cell::text(description),
        ],
        details,
    }
}
