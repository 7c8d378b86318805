//! Groups as tables of rules, and the findings under them.

use std::fmt::Write;

use secgroup_analysis::Level;

use crate::commands::CheckReport;
use crate::render::table::{counted, indented, table};

/// The whole of `secgroup check`.
pub(crate) fn findings(report: &CheckReport, loaded: bool) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = groups(&mut text, report);
    let _ = list(&mut text, report);
    if loaded {
        let _ = summary(&mut text, report);
    }
    text
}

fn groups(text: &mut String, report: &CheckReport) -> std::fmt::Result {
    for group in &report.groups {
        let name = if group.name == group.id {
            String::new()
        } else {
            format!(" ({})", group.name)
        };
        let vpc = group
            .vpc
            .as_ref()
            .map(|vpc| format!(", {vpc}"))
            .unwrap_or_default();
        writeln!(text, "{}{name}{vpc}: {}", group.id, group.description)?;
        if !group.interfaces.is_empty() {
            writeln!(text, "  on {}", group.interfaces.join(", "))?;
        }
        if group.rules.is_empty() {
            writeln!(text, "  no rules: nothing new passes in or out")?;
        } else {
            let mut rows = table(&["direction", "traffic", "peer", "description", "rule"]);
            for rule in &group.rules {
                let description = rule.description.as_deref().unwrap_or_default();
                rows.add_row([
                    rule.direction,
                    &rule.traffic,
                    &rule.peer,
                    description,
                    &rule.rule,
                ]);
            }
            text.push_str(&indented(&rows));
        }
        text.push('\n');
    }
    Ok(())
}

fn list(text: &mut String, report: &CheckReport) -> std::fmt::Result {
    for finding in &report.findings {
        let about = finding.rule.as_ref().or(finding.group.as_ref());
        let about = about.map(|about| format!("{about}: ")).unwrap_or_default();
        writeln!(
            text,
            "{}[{}]: {about}{}",
            finding.level.as_str(),
            finding.code,
            finding.message
        )?;
        if let Some(at) = &finding.at {
            writeln!(text, "  --> {at}")?;
        }
        writeln!(text, "  help: {}", finding.help)?;
    }
    Ok(())
}

fn summary(text: &mut String, report: &CheckReport) -> std::fmt::Result {
    let count = |level| {
        report
            .findings
            .iter()
            .filter(|finding| finding.level == level)
            .count() as u64
    };
    let rules: usize = report.groups.iter().map(|group| group.rules.len()).sum();
    writeln!(
        text,
        "{}, {}: {}, {}, {}",
        counted(report.groups.len() as u64, "group"),
        counted(rules as u64, "rule"),
        counted(count(Level::Error), "error"),
        counted(count(Level::Warning), "warning"),
        counted(count(Level::Note), "note"),
    )
}
