//! An explanation, for people.

use std::fmt::Write;

use secgroup_analysis::{
    AnswerReport, Change, ConnectionLine, ConsideredGroup, Explained, Explanation, FailsOn,
    PacketReport, Tracking,
};
use secgroup_packet::Direction;

use crate::render::status::lasting;
use crate::render::table::{counted, indented, table};

/// The packet and its verdict, then place by place what led to it and what would turn it, and the answer.
pub(crate) fn explained(explained: &Explained) -> String {
    let mut text = headline(&explained.packet, explained.verdict.as_str());
    if let Some(note) = &explained.note {
        put(&mut text, format_args!("  {note}\n"));
    }
    for place in &explained.places {
        text.push('\n');
        text.push_str(&explanation(place));
    }
    if let Some(answer) = &explained.answer {
        text.push('\n');
        returning(&mut text, answer);
    }
    text
}

fn headline(packet: &PacketReport, verdict: &str) -> String {
    let number = packet.number.map(|number| format!("packet {number}, "));
    let fragment = match packet.fragment_offset {
        Some(offset) => format!(" (fragment at {offset})"),
        None => String::new(),
    };
    let number = number.unwrap_or_default();
    format!("{number}{}{fragment}: {verdict}\n", packet.flow)
}

/// What became of the packet at one interface.
fn explanation(place: &Explanation) -> String {
    let mut text = String::new();
    verdict(&mut text, place);
    connection(&mut text, place);
    if let Some(tracking) = &place.tracking {
        tracked(&mut text, tracking);
    }
    for group in &place.groups {
        considered(&mut text, group, place.direction);
    }
    change(&mut text, &place.change);
    text
}

fn verdict(text: &mut String, place: &Explanation) {
    let by = match (&place.rule, &place.group) {
        (Some(rule), Some(group)) => format!(" by {rule} of {group}"),
        _ => String::new(),
    };
    let (interface, direction) = (&place.interface, place.direction);
    let (verdict, reason) = (place.verdict.as_str(), place.reason);
    put(
        text,
        format_args!("{interface} {direction}: {verdict} ({reason}){by}\n"),
    );
    if let Some(why) = &place.why {
        put(text, format_args!("  {why}\n"));
    }
    if let Some(exemption) = &place.exemption {
        put(text, format_args!("  exempt: {exemption}\n"));
    }
}

fn connection(text: &mut String, place: &Explanation) {
    let report = &place.connection;
    match (&report.before, &report.after) {
        (None, None) => {}
        (Some(before), after) => {
            put(text, format_args!("  connection: {}\n", line(before)));
            match after {
                Some(after) if after.state != before.state => {
                    put(text, format_args!("  afterwards: {}\n", line(after)));
                }
                Some(_) => {}
                None => text.push_str("  afterwards: none\n"),
            }
        }
        (None, Some(after)) => put(
            text,
            format_args!("  opens a connection: {}\n", line(after)),
        ),
    }
}

/// `tcp 10.0.1.10:22 < 203.0.113.7:40000, established, ...`: the arrow points away from who opened it.
fn line(connection: &ConnectionLine) -> String {
    let arrow = match connection.opened {
        Direction::Egress => '>',
        Direction::Ingress => '<',
    };
    let (protocol, local, remote) = (&connection.protocol, &connection.local, &connection.remote);
    let ingress = counted(connection.ingress_packets, "packet");
    format!(
        "{protocol} {local} {arrow} {remote}, {}, {ingress} in, {} out, expires in {}",
        connection.state,
        connection.egress_packets,
        lasting(connection.expires_in_seconds)
    )
}

fn tracked(text: &mut String, tracking: &Tracking) {
    let word = if tracking.tracked {
        "tracked"
    } else {
        "not tracked"
    };
    put(text, format_args!("  {word}: {}\n", tracking.because));
    for needed in &tracking.needs {
        let rule = needed.rule.as_deref().unwrap_or("no rule");
        put(
            text,
            format_args!("    untracked needs {}: {rule}\n", needed.needs),
        );
    }
}

/// The rules of a group: those of the packet's direction one by one, the others in a line.
fn considered(text: &mut String, group: &ConsideredGroup, direction: Direction) {
    let name = match &group.name {
        None => " (the policy does not have it)".to_owned(),
        Some(name) if *name == group.group => String::new(),
        Some(name) => format!(" ({name})"),
    };
    put(text, format_args!("\n  {}{name}\n", group.group));
    let mut rows = table(&["rule", "allows", "outcome", "description"]);
    for rule in group
        .rules
        .iter()
        .filter(|rule| rule.direction == direction)
    {
        let outcome = match rule.fails_on {
            None => "matches".to_owned(),
            Some(field) => format!("fails on {}", FailsOn::as_str(field)),
        };
        let description = rule.description.as_deref().unwrap_or_default();
        rows.add_row([rule.rule.as_str(), &rule.allows, &outcome, description]);
    }
    if rows.row_iter().next().is_some() {
        text.push_str(&indented(&rows));
    }
    let opposite = direction.reverse();
    let others = group.rules.iter().filter(|rule| rule.direction == opposite);
    let count = others.count();
    if count > 0 || group.rules.is_empty() {
        let rules = counted(count as u64, &format!("{opposite} rule"));
        let said = if group.rules.is_empty() {
            "no rules".to_owned()
        } else {
            format!("{rules}: fails on direction")
        };
        put(text, format_args!("  {said}\n"));
    }
}

fn change(text: &mut String, change: &Change) {
    match change {
        Change::Add {
            group,
            direction,
            allows,
            cloudformation,
            commands,
        } => {
            put(
                text,
                format_args!("\nTo allow it, add to {group}: {direction} {allows}\n"),
            );
            spelled(text, "add under Resources", cloudformation, commands);
        }
        Change::Remove {
            rules,
            cloudformation,
            commands,
        } => {
            let rules: Vec<_> = rules.iter().map(|rule| rule.rule.as_str()).collect();
            put(
                text,
                format_args!("\nTo deny it, remove {}\n", rules.join(" and ")),
            );
            spelled(text, "change", cloudformation, commands);
        }
        Change::None { because } => {
            put(text, format_args!("\nNo rule would change it: {because}\n"));
        }
    }
}

/// A change as it is made in a template and by the AWS CLI.
fn spelled(text: &mut String, what: &str, cloudformation: &str, commands: &[String]) {
    put(text, format_args!("  in a template, {what}:\n"));
    for line in cloudformation.lines() {
        put(text, format_args!("    {line}\n"));
    }
    text.push_str("  or with the AWS CLI:\n");
    for command in commands {
        put(text, format_args!("    {command}\n"));
    }
}

fn returning(text: &mut String, answer: &AnswerReport) {
    put(
        text,
        format_args!("Its answer, {}: {}\n", answer.flow, answer.verdict.as_str()),
    );
    for place in &answer.places {
        let (interface, direction) = (&place.interface, place.direction);
        let (verdict, reason) = (place.verdict.as_str(), place.reason);
        let by = place.rule.as_ref().map(|rule| format!(" by {rule}"));
        let by = by.unwrap_or_default();
        put(
            text,
            format_args!("  {interface} {direction}: {verdict} ({reason}){by}\n"),
        );
    }
}

/// Writing to a string does not fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}
