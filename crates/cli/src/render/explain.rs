//! One explanation, for people.

use std::fmt::Write;

use secgroup_analysis::{Change, Explanation, Field};

use crate::render::table::{indented, table};

/// The verdict, what led to it, and what would turn it.
pub(crate) fn explanation(explanation: &Explanation) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = verdict(&mut text, explanation);
    let _ = rules(&mut text, explanation);
    let _ = change(&mut text, explanation);
    text
}

fn verdict(text: &mut String, explanation: &Explanation) -> std::fmt::Result {
    let Explanation {
        interface,
        direction,
        verdict,
        reason,
        ..
    } = explanation;
    let by = match (&explanation.rule, &explanation.group) {
        (Some(rule), Some(group)) => format!(" by {rule} of {group}"),
        _ => String::new(),
    };
    writeln!(text, "{interface} {direction}: {verdict} ({reason}){by}")?;
    if let Some(why) = &explanation.why {
        writeln!(text, "  {why}")?;
    }
    if let Some(tracking) = &explanation.tracking {
        let tracked = if tracking.tracked {
            "tracked"
        } else {
            "not tracked"
        };
        writeln!(text, "  {tracked}: {}", tracking.because)?;
    }
    Ok(())
}

fn rules(text: &mut String, explanation: &Explanation) -> std::fmt::Result {
    if explanation.considered.is_empty() {
        return writeln!(text, "\n  There are no {} rules.", explanation.direction);
    }
    let mut rows = table(&["rule", "allows", "outcome", "description"]);
    for rule in &explanation.considered {
        let fields: Vec<_> = rule
            .fails_on
            .iter()
            .map(|field| Field::as_str(*field))
            .collect();
        let outcome = if rule.matches {
            "matches".to_owned()
        } else {
            format!("fails on {}", fields.join(", "))
        };
        let description = rule.description.as_deref().unwrap_or_default();
        rows.add_row([rule.rule.as_str(), &rule.allows, &outcome, description]);
    }
    writeln!(text, "\nRules considered")?;
    text.push_str(&indented(&rows));
    Ok(())
}

fn change(text: &mut String, explanation: &Explanation) -> std::fmt::Result {
    writeln!(text)?;
    match &explanation.change {
        Change::Add { group, rule } => {
            let direction = rule.direction;
            writeln!(text, "To allow it, add to {group}: {direction} {rule}")?;
        }
        Change::Remove { rules } => {
            let rules: Vec<_> = rules.iter().map(|rule| rule.rule.as_str()).collect();
            writeln!(text, "To deny it, remove {}", rules.join(" and "))?;
        }
        Change::None { because } => writeln!(text, "No rule would change it: {because}")?,
    }
    Ok(())
}
