//! An audit as a page.

use secgroup_replay::{AuditReport, DeniedService, Finding, OpenRule, RuleAudit, Volume};
use secgroup_report::{Block, Cell, Column, Figure, Page, Section, Table, Tone};

use super::{Made, at_most, captured, figure, made_by, section, traffic};
use crate::render::table::{bytes, counted, grouped};

/// Most narrower rules that are shown of one.
const NARROWER: usize = 8;

/// The page of an audit.
pub(crate) fn audit(report: &AuditReport, made: &Made) -> Page {
    let survey = &report.survey;
    let sections = vec![
        rules(report),
        open(report),
        denied(report),
        traffic::over_time(survey, &[]),
        traffic::conversations(survey),
        traffic::connections(survey),
        made.section(
            &report.captures,
            vec![("Narrowest policy".to_owned(), suggestion(report))],
        ),
    ];
    let files: Vec<_> = made
        .policies
        .iter()
        .flat_map(|(_, files)| files.clone())
        .collect();
    let errors = report
        .captures
        .iter()
        .filter_map(|capture| capture.error.clone());
    Page {
        title: format!("Audit of {}", at_most(3, &files).join(", ")),
        lead: format!(
            "What {} of {} say about the policy. What was not seen in them is not known to be needed: record long enough.",
            counted(report.packets, "packet"),
            captured(&report.captures)
        ),
        made_by: made_by(),
        warnings: errors.chain(report.warnings.iter().cloned()).collect(),
        figures: figures(report),
        sections,
    }
}

fn figures(report: &AuditReport) -> Vec<Figure> {
    let of = |finding: Finding| {
        report
            .rules
            .iter()
            .filter(move |rule| rule.finding == finding)
            .count() as u64
    };
    let warn = |count: u64| if count > 0 { Tone::Warn } else { Tone::Plain };
    let (unused, wider) = (
        of(Finding::Unused) + of(Finding::AnswersOnly),
        of(Finding::Wider),
    );
    let open = report.open.len() as u64;
    let denied = report.denied.len() as u64;
    let before = grouped(report.suggestion.rules_before);
    vec![
        figure(
            "Rules",
            report.rules.len() as u64,
            "of groups that interfaces have".to_owned(),
            Tone::Plain,
        ),
        figure(
            "Never used",
            unused,
            "or for answers only".to_owned(),
            warn(unused),
        ),
        figure(
            "Wider than seen",
            wider,
            "narrower ones would do".to_owned(),
            warn(wider),
        ),
        figure(
            "Open to everybody",
            open,
            "beyond the usual".to_owned(),
            warn(open),
        ),
        figure(
            "Denied, perhaps needed",
            denied,
            format!(
                "of {} denied",
                counted(report.denied_service_count, "service")
            ),
            if denied > 0 { Tone::Deny } else { Tone::Plain },
        ),
        figure(
            "Rules that would do",
            report.suggestion.rules_after,
            format!("instead of {before}"),
            Tone::Plain,
        ),
    ]
}

fn used(volume: Volume) -> [Cell; 2] {
    [Cell::Count(volume.packets), Cell::Bytes(volume.bytes)]
}

fn rules(report: &AuditReport) -> Section {
    let row = |rule: &RuleAudit| {
        let mut row = Vec::from(used(rule.volume));
        row.extend([
            Cell::Below(rule.rule.clone(), format!("group {}", rule.group_name)),
            Cell::Text(format!("{} {}", rule.direction, rule.allows)),
            Cell::Text(rule.description.clone().unwrap_or_default()),
            Cell::Marks(vec![finding(rule.finding)]),
            Cell::Lines(match &rule.because {
                Some(because) if rule.proposed.is_empty() => vec![because.clone()],
                _ => at_most(NARROWER, &rule.proposed),
            }),
        ]);
        row
    };
    let table = Table {
        title: "Each rule".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("Rule"),
            Column::text("Allows"),
            Column::text("Description"),
            Column::text("Finding"),
            Column::text("Would do, or why it stays"),
        ],
        rows: report.rules.iter().map(row).collect(),
        empty: "No interface of the policy has a group with a rule.".to_owned(),
        left_out: String::new(),
    };
    let note = "Every rule of the groups that interfaces have, with the packets that it admitted and those of connections that it admitted.";
    section("rules", "Rules", note, vec![Block::Table(table)])
}

fn finding(finding: Finding) -> (Tone, String) {
    let (tone, words) = match finding {
        Finding::Unused => (Tone::Warn, "never used"),
        Finding::AnswersOnly => (Tone::Warn, "answers only"),
        Finding::Wider => (Tone::Warn, "wider than seen"),
        Finding::AsSeen => (Tone::Allow, "as seen"),
        Finding::Kept => (Tone::Plain, "kept wide"),
    };
    (tone, words.to_owned())
}

fn open(report: &AuditReport) -> Section {
    let row = |rule: &OpenRule| {
        let mut row = Vec::from(used(rule.volume));
        row.extend([
            Cell::Below(rule.rule.clone(), format!("group {}", rule.group)),
            Cell::Lines(rule.beyond.clone()),
        ]);
        row
    };
    let table = Table {
        title: "Rules".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("Rule"),
            Column::text("What is open beyond the usual"),
        ],
        rows: report.open.iter().map(row).collect(),
        empty: "Nothing is open to everybody beyond the usual.".to_owned(),
        left_out: String::new(),
    };
    let note = "Usual are the web, ping and path-MTU messages, and what --usual names.";
    section("open", "Open to everybody", note, vec![Block::Table(table)])
}

fn denied(report: &AuditReport) -> Section {
    let row = |service: &DeniedService| {
        let mut row = Vec::from(used(service.volume));
        row.extend([
            Cell::Below(service.interface.clone(), service.direction.to_owned()),
            Cell::Code(service.peer.clone()),
            Cell::Text(service.traffic.clone()),
            Cell::Lines(service.looks.clone()),
            Cell::Text(service.why.clone()),
        ]);
        row
    };
    let more = report
        .denied_service_count
        .saturating_sub(report.denied.len() as u64);
    let left_out = match more {
        0 => String::new(),
        more => format!(
            "{} that no rule allows were asked for by strangers, once, or are beyond --top.",
            counted(more, "service")
        ),
    };
    let table = Table {
        title: "Services".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("At"),
            Column::text("Peer"),
            Column::text("Asked for"),
            Column::text("Looks legitimate"),
            Column::text("Why it was denied"),
        ],
        rows: report.denied.iter().map(row).collect(),
        empty: "No denial looks wrong.".to_owned(),
        left_out,
    };
    section(
        "denied",
        "Denied, and perhaps needed",
        "",
        vec![Block::Table(table)],
    )
}

/// What became of the narrower policy.
fn suggestion(report: &AuditReport) -> Vec<String> {
    let found = &report.suggestion;
    let mut said = vec![match &found.problem {
        None => "replayed, it gives every packet the verdict that it has".to_owned(),
        Some(problem) => format!("it is not exact: {problem}"),
    }];
    if found.now_tracked.packets > 0 {
        let volume = found.now_tracked;
        said.push(format!(
            "{} of untracked flows ({}) would be tracked under it",
            counted(volume.packets, "packet"),
            bytes(volume.bytes)
        ));
    }
    said
}
