//! What captures say about a policy, for people.

use std::fmt::Write;

use secgroup_replay::{AuditReport, Finding, RuleAudit, Volume};

use crate::render::captures;
use crate::render::table::{bytes, counted, grouped, indented, number, table};

/// The whole of `secgroup audit`.
pub(crate) fn audit(report: &AuditReport) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = captures::read(&mut text, &report.captures);
    let _ = captures::warnings(&mut text, &report.warnings);
    let _ = rules(&mut text, report);
    let _ = open(&mut text, report);
    let _ = denied(&mut text, report);
    let _ = suggestion(&mut text, report);
    text
}

fn rules(text: &mut String, report: &AuditReport) -> std::fmt::Result {
    let mut rows = table(&["packets", "bytes", "rule", "allows", "finding", "narrower"]);
    for rule in &report.rules {
        let mut proposed = rule.proposed.iter();
        let mut row = used(rule.volume);
        row.extend([
            rule.rule.as_str().into(),
            format!("{} {}", rule.direction, rule.allows).into(),
            finding(rule).into(),
            proposed.next().map_or("", String::as_str).into(),
        ]);
        rows.add_row(row);
        for more in proposed {
            rows.add_row(["", "", "", "", "", more]);
        }
    }
    writeln!(
        text,
        "\nRules by group (packets of the connections they admitted, too)"
    )?;
    text.push_str(&indented(&rows));
    let kept = report
        .rules
        .iter()
        .filter_map(|rule| Some((&rule.rule, rule.because.as_ref()?)));
    for (rule, because) in kept {
        writeln!(text, "  {rule} is kept wide: {because}")?;
    }
    Ok(())
}

fn finding(rule: &RuleAudit) -> &'static str {
    match rule.finding {
        Finding::Unused => "never used",
        Finding::AnswersOnly => "answers only",
        Finding::Wider => "wider than seen",
        Finding::AsSeen => "as seen",
        Finding::Kept => "kept wide",
    }
}

fn open(text: &mut String, report: &AuditReport) -> std::fmt::Result {
    if report.open.is_empty() {
        return Ok(());
    }
    let mut rows = table(&["packets", "bytes", "rule", "open to everybody"]);
    for rule in &report.open {
        let mut row = used(rule.volume);
        row.extend([rule.rule.as_str().into(), rule.beyond.join(", ").into()]);
        rows.add_row(row);
    }
    writeln!(text, "\nOpen to everybody beyond the usual (--usual)")?;
    text.push_str(&indented(&rows));
    Ok(())
}

fn denied(text: &mut String, report: &AuditReport) -> std::fmt::Result {
    if report.denied.is_empty() {
        return Ok(());
    }
    let mut rows = table(&[
        "packets",
        "bytes",
        "at",
        "peer",
        "asked for",
        "looks legitimate",
        "why",
    ]);
    for service in &report.denied {
        let mut row = used(service.volume);
        row.extend([
            format!("{} {}", service.interface, service.direction).into(),
            service.peer.as_str().into(),
            service.traffic.as_str().into(),
            service.looks.join(", ").into(),
            service.why.as_str().into(),
        ]);
        rows.add_row(row);
    }
    let all = grouped(report.denied_service_count);
    let shown = report.denied.len();
    writeln!(
        text,
        "\nDenied, and perhaps needed ({shown} of {all} that no rule allows)"
    )?;
    text.push_str(&indented(&rows));
    Ok(())
}

fn suggestion(text: &mut String, report: &AuditReport) -> std::fmt::Result {
    let found = &report.suggestion;
    let after = counted(found.rules_after, "rule");
    let before = grouped(found.rules_before);
    let said = match &found.problem {
        None => "gives every packet the verdict that it has".to_owned(),
        Some(problem) => format!("is not exact: {problem}"),
    };
    writeln!(
        text,
        "\nThe narrowest policy ({after} instead of {before}): replayed, it {said}."
    )?;
    if found.now_tracked.packets > 0 {
        let packets = counted(found.now_tracked.packets, "packet");
        writeln!(
            text,
            "{packets} of untracked flows would be tracked under it."
        )?;
    }
    Ok(())
}

fn used(volume: Volume) -> Vec<comfy_table::Cell> {
    vec![number(grouped(volume.packets)), number(bytes(volume.bytes))]
}
