//! A replay as a page.

use secgroup_replay::{
    DeniedFlowReport, InterfaceReport, Report, RuleReport, Survey, VerdictReport,
};
use secgroup_report::{Block, Cell, Column, Figure, Page, Section, Table, Tone, duration};

use super::{Made, at_most, captured, figure, made_by, percent, section, share, traffic};
use crate::render::replay::denied_tuple;
use crate::render::table::{bytes, counted, grouped};

/// Most narrower rules that are shown of one.
const NARROWER: usize = 4;

/// The page of a replay, whose report has a survey.
pub(crate) fn replay(report: &Report, survey: &Survey, made: &Made) -> Page {
    let mut sections = vec![
        traffic::over_time(survey, &changes(report)),
        denied(report, survey),
        rules(report, survey),
        traffic::conversations(survey),
        traffic::connections(survey),
        verdicts(report),
    ];
    sections.push(about(report, made));
    let files: Vec<_> = made
        .policies
        .iter()
        .flat_map(|(_, files)| files.clone())
        .collect();
    Page {
        title: format!("Replay of {}", captured(&report.captures)),
        lead: format!(
            "{} in {} of traffic, judged by the security groups of {}.",
            counted(report.total.packets, "packet"),
            duration(report.capture_seconds),
            at_most(3, &files).join(", ")
        ),
        made_by: made_by(),
        warnings: warnings(report),
        figures: figures(report, survey),
        sections,
    }
}

fn warnings(report: &Report) -> Vec<String> {
    let errors = report
        .captures
        .iter()
        .filter_map(|capture| capture.error.clone());
    errors.chain(report.warnings.iter().cloned()).collect()
}

fn figures(report: &Report, survey: &Survey) -> Vec<Figure> {
    let (fates, total) = (&report.packets, report.total);
    let unjudged = fates.no_interface.plus(fates.not_ip);
    let rules = (report.rules.len() + report.unused_rules.len()) as u64;
    let denied_tone = if fates.denied.packets > 0 {
        Tone::Deny
    } else {
        Tone::Plain
    };
    let flows = counted(report.denied_flow_count, "flow");
    let mut figures = vec![
        figure("Packets", total.packets, bytes(total.bytes), Tone::Plain),
        figure(
            "Allowed",
            fates.allowed.packets,
            share(fates.allowed, total),
            Tone::Allow,
        ),
        figure(
            "Denied",
            fates.denied.packets,
            format!("{}, {flows}", percent(fates.denied, total)),
            denied_tone,
        ),
    ];
    if unjudged.packets > 0 {
        figures.push(figure(
            "Not judged",
            unjudged.packets,
            share(unjudged, total),
            Tone::Plain,
        ));
    }
    figures.push(figure(
        "Rules used",
        report.rules.len() as u64,
        format!("of {}", grouped(rules)),
        Tone::Plain,
    ));
    figures.push(figure(
        "Most connections",
        traffic::most_connections(survey),
        format!("{} at the end", grouped(report.tracked_connections)),
        Tone::Plain,
    ));
    figures
}

/// When the policy changed.
fn changes(report: &Report) -> Vec<(f64, String)> {
    let made = report
        .changes
        .iter()
        .filter(|change| change.first_packet.is_some());
    made.map(|change| {
        (
            change.after_seconds,
            format!("policy: {}", change.files.join(", ")),
        )
    })
    .collect()
}

fn denied(report: &Report, survey: &Survey) -> Section {
    let row = |flow: &DeniedFlowReport| {
        vec![
            Cell::Count(flow.volume.packets),
            Cell::Bytes(flow.volume.bytes),
            Cell::Below(flow.interface.clone(), flow.direction.to_owned()),
            Cell::Code(denied_tuple(flow)),
            Cell::Marks(vec![(Tone::Deny, flow.reason.to_owned())]),
            Cell::Text(flow.why.clone()),
            Cell::Count(flow.first_packet),
        ]
    };
    let more = report
        .denied_flow_count
        .saturating_sub(survey.denied_flows.len() as u64);
    let left_out = match more {
        0 => String::new(),
        more => format!(
            "{} with fewer packets are not listed.",
            counted(more, "more flow")
        ),
    };
    let table = Table {
        title: "Denied flows".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("At"),
            Column::text("Flow"),
            Column::text("Reason"),
            Column::text("Why"),
            Column::number("First packet"),
        ],
        rows: survey.denied_flows.iter().map(row).collect(),
        empty: "Nothing was denied.".to_owned(),
        left_out,
    };
    let note = "Each five-tuple that was denied, where, and the rule that came nearest.";
    section("denied", "Denied", note, vec![Block::Table(table)])
}

fn rules(report: &Report, survey: &Survey) -> Section {
    let used = Table {
        title: "Used".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("Rule"),
            Column::text("Allows"),
            Column::text("Description"),
            Column::text("Look at"),
            Column::text("Would have done"),
        ],
        rows: report
            .rules
            .iter()
            .map(|rule| used_row(rule, survey))
            .collect(),
        empty: "No rule admitted anything.".to_owned(),
        left_out: String::new(),
    };
    let unused = Table {
        title: "Never used".to_owned(),
        columns: vec![
            Column::text("Rule"),
            Column::text("Allows"),
            Column::text("Description"),
            Column::text("Look at"),
        ],
        rows: report
            .unused_rules
            .iter()
            .map(|rule| unused_row(rule, survey))
            .collect(),
        empty: "Every rule of the attached groups admitted something.".to_owned(),
        left_out: String::new(),
    };
    let note = "Packets that a rule admitted, and those of connections that it admitted. A rule is wider than seen where narrower ones would \
                have admitted the same; secgroup audit --suggest writes them, and proves it.";
    section(
        "rules",
        "Rules",
        note,
        vec![Block::Table(used), Block::Table(unused)],
    )
}

fn used_row(rule: &RuleReport, survey: &Survey) -> Vec<Cell> {
    let narrower = survey
        .wide(rule)
        .map(|wide| at_most(NARROWER, &wide.narrower));
    let mut row = vec![
        Cell::Count(rule.volume.packets),
        Cell::Bytes(rule.volume.bytes),
    ];
    row.extend(unused_row(rule, survey));
    row.push(Cell::Lines(narrower.unwrap_or_default()));
    row
}

fn unused_row(rule: &RuleReport, survey: &Survey) -> Vec<Cell> {
    let mut marks = Vec::new();
    if let Some(wide) = survey.wide(rule) {
        if !wide.narrower.is_empty() {
            marks.push((Tone::Warn, "wider than seen".to_owned()));
        }
        if !wide.open.is_empty() {
            marks.push((
                Tone::Warn,
                format!("open to everybody: {}", wide.open.join(", ")),
            ));
        }
    }
    let group = rule.group_name.as_ref().unwrap_or(&rule.group);
    vec![
        Cell::Below(rule.rule.clone(), format!("group {group}")),
        Cell::Text(format!("{} {}", rule.direction, rule.allows)),
        Cell::Text(rule.description.clone().unwrap_or_default()),
        Cell::Marks(marks),
    ]
}

fn verdicts(report: &Report) -> Section {
    let tone = |verdict: &VerdictReport| {
        if verdict.verdict == "allow" {
            Tone::Allow
        } else {
            Tone::Deny
        }
    };
    let reasons = Table {
        title: "By reason".to_owned(),
        columns: vec![
            Column::text("Verdict"),
            Column::text("Reason"),
            Column::number("Packets"),
            Column::number("Bytes"),
        ],
        rows: report
            .verdicts
            .iter()
            .map(|verdict| {
                vec![
                    Cell::Marks(vec![(tone(verdict), verdict.verdict.to_owned())]),
                    Cell::Text(verdict.reason.to_owned()),
                    Cell::Count(verdict.volume.packets),
                    Cell::Bytes(verdict.volume.bytes),
                ]
            })
            .collect(),
        empty: "No packet was judged.".to_owned(),
        left_out: String::new(),
    };
    let seen = report
        .interfaces
        .iter()
        .filter(|interface| !interface.verdicts.is_empty());
    let interfaces = Table {
        title: "By interface".to_owned(),
        columns: vec![
            Column::text("Interface"),
            Column::text("Direction"),
            Column::number("Allowed"),
            Column::number("Denied"),
            Column::text("By reason"),
        ],
        rows: seen.map(interface_row).collect(),
        empty: "No packet crossed an interface of the policy.".to_owned(),
        left_out: String::new(),
    };
    let note = "A packet between two known interfaces has a verdict at each, so these are more than packets.";
    section(
        "verdicts",
        "Verdicts",
        note,
        vec![Block::Table(reasons), Block::Table(interfaces)],
    )
}

fn interface_row(interface: &InterfaceReport) -> Vec<Cell> {
    let reasons = interface.verdicts.iter();
    let reasons: Vec<_> = reasons
        .map(|verdict| format!("{} {}", verdict.reason, grouped(verdict.volume.packets)))
        .collect();
    vec![
        Cell::Text(
            interface
                .interface
                .clone()
                .unwrap_or_else(|| "(none known)".to_owned()),
        ),
        Cell::Text(interface.direction.unwrap_or("-").to_owned()),
        Cell::Count(interface.allowed.packets),
        Cell::Count(interface.denied.packets),
        Cell::Text(reasons.join(", ")),
    ]
}

fn about(report: &Report, made: &Made) -> Section {
    let fates = &report.packets;
    let totals = [
        ("read", report.total),
        ("allowed", fates.allowed),
        ("denied", fates.denied),
        ("no known interface", fates.no_interface),
        ("not IP", fates.not_ip),
    ];
    let totals = totals.map(|(name, volume)| {
        format!(
            "{name}: {}, {}",
            counted(volume.packets, "packet"),
            bytes(volume.bytes)
        )
    });
    made.section(&report.captures, vec![("Totals".to_owned(), totals.into())])
}
