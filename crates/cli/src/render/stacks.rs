//! What a deployment changes, and which stacks there are.

use secgroup_ec2::stacks::{Action, Change, ChangeSet, Sign};
use secgroup_endpoint::stacks::StackListed;

use super::table::{counted, indented, table};

/// A change set as people read it: one line for each resource, with what changes about it below.
pub(crate) fn change_set(changes: &ChangeSet, applied: bool, color: bool) -> String {
    let stack = &changes.stack;
    if changes.changes.is_empty() {
        let unchanged = counted(changes.unchanged as u64, "resource");
        return match (changes.template_changed, applied) {
            (false, _) => format!("Stack {stack} is as the template says ({unchanged}).\n"),
            (true, false) => {
                format!("Stack {stack}: only the template's text changes ({unchanged}).\n")
            }
            (true, true) => {
                format!("Stack {stack}: the template's text was changed ({unchanged}).\n")
            }
        };
    }
    let width = |text: fn(&Change) -> String| {
        let widths = changes
            .changes
            .iter()
            .map(|change| text(change).chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, kinds) = (
        width(|change| clean(&change.resource)),
        width(|change| change.kind.noun().to_owned()),
    );
    let mut text = format!("Stack {stack}:\n\n");
    for change in &changes.changes {
        text.push_str(&line(change, names, kinds, color));
        for detail in &change.details {
            let sign = match detail.sign {
                Sign::Plus => '+',
                Sign::Minus => '-',
                Sign::Tilde => '~',
            };
            text.push_str(&painted(
                color,
                sign,
                &format!("       {sign} {}", clean(&detail.what)),
            ));
            text.push('\n');
        }
    }
    text.push('\n');
    text.push_str(&summary(changes, applied));
    text
}

fn line(change: &Change, names: usize, kinds: usize, color: bool) -> String {
    let (sign, word) = match change.action {
        Action::Add => ('+', ""),
        Action::Modify => ('~', ""),
        Action::Replace => ('±', "replaces "),
        Action::Remove => ('-', ""),
    };
    let id = change
        .id
        .as_ref()
        .map_or_else(String::new, |id| format!("{word}{}", clean(id)));
    let reason = change
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| format!("  {}", clean(reason)));
    let (resource, kind) = (clean(&change.resource), change.kind.noun());
    let line = format!("  {sign}  {resource:names$}  {kind:kinds$}  {id}{reason}");
    format!("{}\n", painted(color, sign, line.trim_end()))
}

fn summary(changes: &ChangeSet, applied: bool) -> String {
    let count = |action: Action| {
        let changes = changes.changes.iter();
        changes.filter(|change| change.action == action).count()
    };
    let words: [(Action, &str, &str); 4] = [
        (Action::Add, "to add", "added"),
        (Action::Modify, "to change", "changed"),
        (Action::Replace, "to replace", "replaced"),
        (Action::Remove, "to remove", "removed"),
    ];
    let mut parts: Vec<String> = words
        .into_iter()
        .filter(|(action, _, _)| count(*action) > 0)
        .map(|(action, planned, done)| {
            format!("{} {}", count(action), if applied { done } else { planned })
        })
        .collect();
    parts.push(format!("{} unchanged", changes.unchanged));
    format!("{}.\n", parts.join(", "))
}

/// Colours as everybody has them: green for what comes, red for what goes, yellow for what changes.
fn painted(color: bool, sign: char, text: &str) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match sign {
        '+' => 32,
        '-' => 31,
        _ => 33,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Text of templates and requests, which may have anything in it, without what terminals obey.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The stacks, and below each what it made.
pub(crate) fn stacks(listed: &[StackListed]) -> String {
    if listed.is_empty() {
        return "There are no stacks.\n".to_owned();
    }
    let mut text = String::new();
    for stack in listed {
        let resources = counted(stack.resources.len() as u64, "resource");
        text.push_str(&format!(
            "{} of account {}, deployed {}: {resources}\n",
            stack.stack, stack.account, stack.deployed
        ));
        let mut rows = table(&["resource", "id"]);
        for (logical, id) in &stack.resources {
            rows.add_row([clean(logical), clean(id)]);
        }
        text.push_str(&indented(&rows));
        text.push('\n');
    }
    text
}
