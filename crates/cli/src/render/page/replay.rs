//! A replay as a page.

use secgroup_replay::{
    DeniedFlowReport, InterfaceReport, Report, RuleReport, Survey, VerdictReport, WideRule,
};
use secgroup_report::words::duration;
use secgroup_report::{Block, Cell, Column, Figure, Page, Section, Table, Tone};

use super::{
    FEWER_PACKETS, Made, at_most, captured, figure, left_out, made_by, percent, section, share,
    table, traffic, volume, volume_and, warnings,
};
use crate::render::replay::denied_tuple;
use crate::render::table::{bytes, counted, grouped};

/// Most narrower rules that are shown of one.
const NARROWER: usize = 4;

/// The page of a replay, whose report has a survey.
pub(crate) fn replay(report: &Report, survey: &Survey, made: &Made) -> Page {
    let sections = vec![
        traffic::over_time(survey, &changes(report)),
        denied(report, survey),
        rules(report, survey),
        traffic::conversations(survey),
        traffic::connections(survey),
        verdicts(report),
        about(report, made),
    ];
    Page {
        title: format!("Replay of {}", captured(&report.captures)),
        lead: format!(
            "{} in {} of traffic, judged by the security groups of {}.",
            counted(report.total.packets, "packet"),
            duration(report.capture_seconds),
            made.files()
        ),
        made_by: made_by(),
        warnings: warnings(&report.captures, &report.warnings),
        figures: figures(report, survey),
        sections,
    }
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
        let mut row = Vec::from(volume(flow.volume));
        row.extend([
            Cell::Below(flow.interface.clone(), flow.direction.to_owned()),
            Cell::Code(denied_tuple(flow)),
            Cell::Marks(vec![(Tone::Deny, flow.reason.to_owned())]),
            Cell::Text(flow.why.clone()),
            Cell::Count(flow.first_packet),
        ]);
        row
    };
    let more = report
        .denied_flow_count
        .saturating_sub(survey.denied_flows.len() as u64);
    let mut columns = volume_and(["At", "Flow", "Reason", "Why"]);
    columns.push(Column::number("First packet"));
    let rows = survey.denied_flows.iter().map(row);
    let table = Table {
        left_out: left_out(more, "more flow", FEWER_PACKETS),
        ..table("Denied flows", columns, rows, "Nothing was denied.")
    };
    let note = "Each five-tuple that was denied, where, and the rule that came nearest.";
    section("denied", "Denied", note, vec![Block::Table(table)])
}

fn rules(report: &Report, survey: &Survey) -> Section {
    let used = table(
        "Used",
        volume_and([
            "Rule",
            "Allows",
            "Description",
            "Look at",
            "Would have done",
        ]),
        report.rules.iter().map(|rule| used_row(rule, survey)),
        "No rule admitted anything.",
    );
    let unused = table(
        "Never used",
        ["Rule", "Allows", "Description", "Look at"]
            .map(Column::text)
            .into(),
        report
            .unused_rules
            .iter()
            .map(|rule| rule_cells(rule, survey.wide(rule)).into()),
        "Every rule of the attached groups admitted something.",
    );
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
    let wide = survey.wide(rule);
    let narrower = wide.map(|wide| at_most(NARROWER, &wide.narrower));
    let mut row = Vec::from(volume(rule.volume));
    row.extend(rule_cells(rule, wide));
    row.push(Cell::Lines(narrower.unwrap_or_default()));
    row
}

/// The rule itself, and what to look at in it if it is `wide`.
fn rule_cells(rule: &RuleReport, wide: Option<&WideRule>) -> [Cell; 4] {
    let mut marks = Vec::new();
    if let Some(wide) = wide {
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
    [
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
    let reason_row = |verdict: &VerdictReport| {
        let mut row = vec![
            Cell::Marks(vec![(tone(verdict), verdict.verdict.to_owned())]),
            Cell::Text(verdict.reason.to_owned()),
        ];
        row.extend(volume(verdict.volume));
        row
    };
    let reasons = table(
        "By reason",
        vec![
            Column::text("Verdict"),
            Column::text("Reason"),
            Column::number("Packets"),
            Column::number("Bytes"),
        ],
        report.verdicts.iter().map(reason_row),
        "No packet was judged.",
    );
    let seen = report
        .interfaces
        .iter()
        .filter(|interface| !interface.verdicts.is_empty());
    let interfaces = table(
        "By interface",
        vec![
            Column::text("Interface"),
            Column::text("Direction"),
            Column::number("Allowed"),
            Column::number("Denied"),
            Column::text("By reason"),
        ],
        seen.map(interface_row),
        "No packet crossed an interface of the policy.",
    );
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
