//! A difference between two policies as a page.

use secgroup_analysis::{Class, PlaceDifference};
use secgroup_replay::{ChangedFlow, ComparisonReport, OverTime, Turned};
use secgroup_report::{Block, Cell, Chart, Column, Figure, Page, Section, Series, Table, Tone};

use super::{
    FEWER_PACKETS, Made, at_most, captured, clock, figure, left_out, made_by, section, table,
    warnings,
};
use crate::commands::DiffReport;
use crate::render::difference::{KINDS, changed_tuple, groups, peers, renamed, rules, told};
use crate::render::table::counted;

/// Most ranges, rules or ports that one cell names.
const NAMED: usize = 8;

/// Most classes of which a page has rows.
const CLASSES: usize = 2000;

/// The page of a difference between the policies of these names.
pub(crate) fn difference(report: &DiffReport, (old, new): (&str, &str), made: &Made) -> Page {
    let found = &report.difference;
    let mut sections = vec![classes(report)];
    if !found.settings.is_empty() {
        sections.push(settings(report));
    }
    if let Some(captures) = &report.captures {
        sections.push(flows(captures));
    }
    let read = report
        .captures
        .as_ref()
        .map(|captures| &*captures.captures)
        .unwrap_or_default();
    sections.push(made.section(read, interfaces(report)));
    let lead = match (&report.captures, report.differs) {
        (_, false) => "There is no difference.".to_owned(),
        (None, true) => "By analysis: of all traffic that there may be.".to_owned(),
        (Some(captures), true) => format!(
            "By analysis, of all traffic that there may be; and on the {} of {}.",
            counted(captures.packets, "packet"),
            captured(&captures.captures)
        ),
    };
    let found = report.captures.as_ref();
    let found = found.map(|captures| &*captures.warnings);
    Page {
        title: format!("From {old} to {new}"),
        lead,
        made_by: made_by(),
        warnings: warnings(read, found.unwrap_or_default()),
        figures: figures(report),
        sections,
    }
}

/// Of each of [`KINDS`].
const TONES: [Tone; KINDS.len()] = [Tone::Allow, Tone::Deny, Tone::Plain, Tone::Plain];

fn figures(report: &DiffReport) -> Vec<Figure> {
    let kinds = KINDS.into_iter().zip(TONES);
    let mut figures: Vec<_> = kinds
        .map(|((name, of), tone)| {
            let count = report
                .difference
                .places
                .iter()
                .map(|place| of(place).len() as u64)
                .sum();
            let tone = if count > 0 { tone } else { Tone::Plain };
            figure(
                &capitalised(name),
                count,
                "classes of new flows".to_owned(),
                tone,
            )
        })
        .collect();
    if let Some(captures) = &report.captures {
        let flows = captures.changed_flow_count;
        let packets = captures.newly_denied.packets + captures.newly_allowed.packets;
        let tone = if flows > 0 { Tone::Warn } else { Tone::Plain };
        figures.push(figure(
            "Flows that change",
            flows,
            counted(packets, "packet"),
            tone,
        ));
    }
    figures
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn classes(report: &DiffReport) -> Section {
    let places = report.difference.places.iter();
    let all = places.flat_map(|place| {
        let kinds = KINDS.into_iter().zip(TONES);
        kinds.flat_map(move |((name, of), tone)| {
            let classes = of(place).iter();
            classes.map(move |class| (place, (tone, name.to_owned()), class))
        })
    });
    let mut all: Vec<_> = all.collect();
    let more = all.len().saturating_sub(CLASSES);
    all.truncate(CLASSES);
    let columns = ["What", "At", "Direction", "Traffic", "Peer", "By rule"];
    let rows = all
        .into_iter()
        .map(|(place, kind, class)| class_row(place, kind, class));
    let which = "; --json has them all";
    let table = Table {
        left_out: left_out(more as u64, "more row", which),
        ..table(
            "Classes of new flows",
            columns.map(Column::text).into(),
            rows,
            "The rules of both admit the same.",
        )
    };
    let note = "What the rules admit, compared exactly and not as text: at each interface that both policies have, every kind of new flow whose \
                verdict or tracking differs.";
    section(
        "classes",
        "What may be different",
        note,
        vec![Block::Table(table)],
    )
}

fn class_row(place: &PlaceDifference, kind: (Tone, String), class: &Class) -> Vec<Cell> {
    let groups = groups(place).unwrap_or_default();
    vec![
        Cell::Marks(vec![kind]),
        Cell::Below(at_most(NAMED, &place.at).join(", "), groups),
        Cell::Below(class.direction.to_owned(), class.family.clone()),
        Cell::Lines(at_most(NAMED, &class.traffic)),
        Cell::Lines(at_most(NAMED, &peers(class))),
        Cell::Lines(at_most(NAMED, &rules(class))),
    ]
}

fn settings(report: &DiffReport) -> Section {
    let changes = report.difference.settings.iter();
    let rows = changes.map(|change| {
        vec![
            Cell::Text(change.interface.clone()),
            Cell::Below(change.setting.to_owned(), change.effect.to_owned()),
            Cell::Text(change.old.clone()),
            Cell::Text(change.new.clone()),
        ]
    });
    let columns = ["Interface", "What", "Old", "New"].map(Column::text);
    let table = table("Settings of interfaces", columns.into(), rows, "");
    section(
        "settings",
        "Beside the rules",
        "",
        vec![Block::Table(table)],
    )
}

fn flows(captures: &ComparisonReport) -> Section {
    let mut blocks = Vec::new();
    if captures.changed_flow_count > 0 {
        blocks.push(Block::Chart(over_time(&captures.over_time)));
    }
    let more = captures
        .changed_flow_count
        .saturating_sub(captures.changed_flows.len() as u64);
    let columns = vec![
        Column::text("What"),
        Column::number("Newly denied"),
        Column::number("Newly allowed"),
        Column::text("At"),
        Column::text("Flow"),
        Column::text("Old"),
        Column::text("New"),
    ];
    blocks.push(Block::Table(Table {
        left_out: left_out(more, "more flow", FEWER_PACKETS),
        ..table(
            "Flows whose verdict changes",
            columns,
            captures.changed_flows.iter().map(flow_row),
            "No flow of the captures changes its verdict.",
        )
    }));
    let start = clock(captures.over_time.start_nanos);
    let note = format!(
        "Both policies over the same packets, from {start} on, with the verdicts on the first packet of a flow that differs."
    );
    section("flows", "What was different on captures", &note, blocks)
}

fn over_time(over_time: &OverTime) -> Chart {
    let series = |name: &str, tone: Tone, of: fn(&Turned) -> u64| Series {
        name: name.to_owned(),
        tone,
        values: over_time
            .moments
            .iter()
            .map(|moment| Some(of(moment)))
            .collect(),
    };
    Chart {
        title: "Packets that one policy alone denies".to_owned(),
        unit: "packets".to_owned(),
        seconds: over_time.seconds,
        series: vec![
            series("newly denied", Tone::Deny, |moment| moment.newly_denied),
            series("newly allowed", Tone::Allow, |moment| moment.newly_allowed),
        ],
        ..Chart::default()
    }
}

fn flow_row(flow: &ChangedFlow) -> Vec<Cell> {
    let mut marks = Vec::new();
    if flow.newly_denied.packets > 0 {
        marks.push((Tone::Deny, "newly denied".to_owned()));
    }
    if flow.newly_allowed.packets > 0 {
        marks.push((Tone::Allow, "newly allowed".to_owned()));
    }
    let place = flow.interface.as_deref().unwrap_or("(none known)");
    vec![
        Cell::Marks(marks),
        Cell::Count(flow.newly_denied.packets),
        Cell::Count(flow.newly_allowed.packets),
        Cell::Below(place.to_owned(), flow.direction.unwrap_or("-").to_owned()),
        Cell::Code(changed_tuple(flow)),
        Cell::Text(told(flow.old.as_ref())),
        Cell::Text(told(flow.new.as_ref())),
    ]
}

/// Which interfaces were compared, where that is not all.
fn interfaces(report: &DiffReport) -> Vec<(String, Vec<String>)> {
    let found = &report.difference;
    let facts = [
        ("Interfaces only in the old policy", found.vanished.clone()),
        ("Interfaces only in the new policy", found.appeared.clone()),
        ("Interfaces taken for the same", renamed(found)),
    ];
    let said = facts.into_iter().filter(|(_, names)| !names.is_empty());
    said.map(|(name, names)| (name.to_owned(), names)).collect()
}
