//! An audit as a page.

use secgroup_replay::{AuditReport, DeniedService, Finding, OpenRule, RuleAudit};
use secgroup_report::{Block, Cell, Figure, Page, Section, Table, Tone};

use super::{
    Made, at_most, captured, figure, left_out, made_by, section, table, traffic, volume,
    volume_and, warnings,
};
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
    Page {
        title: format!("Audit of {}", made.files()),
        lead: format!(
            "What {} of {} say about the policy. What was not seen in them is not known to be needed: record long enough.",
            counted(report.packets, "packet"),
            captured(&report.captures)
        ),
        made_by: made_by(),
        warnings: warnings(&report.captures, &report.warnings),
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

fn rules(report: &AuditReport) -> Section {
    let row = |rule: &RuleAudit| {
        let mut row = Vec::from(volume(rule.volume));
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
    let columns = volume_and([
        "Rule",
        "Allows",
        "Description",
        "Finding",
        "Would do, or why it stays",
    ]);
    let none = "No interface of the policy has a group with a rule.";
    let table = table("Each rule", columns, report.rules.iter().map(row), none);
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
        let mut row = Vec::from(volume(rule.volume));
        row.extend([
            Cell::Below(rule.rule.clone(), format!("group {}", rule.group)),
            Cell::Lines(rule.beyond.clone()),
        ]);
        row
    };
    let columns = volume_and(["Rule", "What is open beyond the usual"]);
    let none = "Nothing is open to everybody beyond the usual.";
    let table = table("Rules", columns, report.open.iter().map(row), none);
    let note = "Usual are the web, ping and path-MTU messages, and what --usual names.";
    section("open", "Open to everybody", note, vec![Block::Table(table)])
}

fn denied(report: &AuditReport) -> Section {
    let row = |service: &DeniedService| {
        let mut row = Vec::from(volume(service.volume));
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
    let which = " that no rule allows; asked for by strangers, once, or beyond --top";
    let columns = volume_and([
        "At",
        "Peer",
        "Asked for",
        "Looks legitimate",
        "Why it was denied",
    ]);
    let rows = report.denied.iter().map(row);
    let table = Table {
        left_out: left_out(more, "service", which),
        ..table("Services", columns, rows, "No denial looks wrong.")
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
