//! What two policies would do differently, for people.

use std::fmt::Write;

use ipnet::IpNet;
use secgroup_analysis::{Class, Difference, PeerSet, PlaceDifference};
use secgroup_replay::{ChangedFlow, ComparisonReport, Told, Volume};

use crate::commands::DiffReport;
use crate::render::captures;
use crate::render::replay::{FiveTuple, five_tuple};
use crate::render::table::{bytes, counted, grouped, indented, number, table};

/// Most addresses, exceptions, rules or interfaces that one cell names.
const NAMED: usize = 4;

/// What may have become of a class of new flows, in words, and where a place has those of it.
pub(crate) type Kind = (&'static str, fn(&PlaceDifference) -> &[Class]);

/// Each, in the order in which they are shown.
pub(crate) const KINDS: [Kind; 4] = [
    ("newly allowed", |place| &place.newly_allowed),
    ("newly denied", |place| &place.newly_denied),
    ("now tracked", |place| &place.now_tracked),
    ("now untracked", |place| &place.now_untracked),
];

/// The whole of `secgroup diff`.
pub(crate) fn difference(report: &DiffReport, top: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = interfaces(&mut text, report);
    for place in &report.difference.places {
        let _ = one_place(&mut text, place, top);
    }
    let _ = settings(&mut text, report);
    if let Some(captures) = &report.captures {
        let _ = on_captures(&mut text, captures);
    }
    let _ = end(&mut text, report);
    text
}

fn interfaces(text: &mut String, report: &DiffReport) -> std::fmt::Result {
    let found = &report.difference;
    let before = text.len();
    if !found.vanished.is_empty() {
        writeln!(text, "Only in OLD: {}", listed(&found.vanished))?;
    }
    if !found.appeared.is_empty() {
        writeln!(text, "Only in NEW: {}", listed(&found.appeared))?;
    }
    if !found.renamed.is_empty() {
        writeln!(text, "Taken for the same: {}", listed(&renamed(found)))?;
    }
    if text.len() > before {
        text.push('\n');
    }
    Ok(())
}

fn one_place(text: &mut String, place: &PlaceDifference, top: usize) -> std::fmt::Result {
    write!(text, "{}", listed(&place.at))?;
    if let Some(groups) = groups(place) {
        write!(text, " ({groups})")?;
    }
    writeln!(text)?;
    let mut rows = table(&["", "direction", "traffic", "peer", "by rule"]);
    let all = KINDS
        .into_iter()
        .flat_map(|(kind, of)| of(place).iter().map(move |class| (kind, class)));
    for (kind, class) in all.clone().take(top) {
        rows.add_row(row(kind, class));
    }
    text.push_str(&indented(&rows));
    let more = all.count().saturating_sub(top);
    if more > 0 {
        writeln!(text, "  and {more} more (--top, --json)")?;
    }
    text.push('\n');
    Ok(())
}

fn row(kind: &str, class: &Class) -> [String; 5] {
    let preposition = if class.direction == "ingress" {
        "from"
    } else {
        "to"
    };
    [
        kind.to_owned(),
        class.direction.to_owned(),
        listed(&class.traffic),
        format!("{preposition} {}", listed(&peers(class))),
        listed(&rules(class)),
    ]
}

/// What the groups of a place have to do with its difference, where that is not plain.
pub(crate) fn groups(place: &PlaceDifference) -> Option<String> {
    if place.idle_group {
        return Some("a group that no interface has".to_owned());
    }
    if place.old_groups == place.new_groups {
        return None;
    }
    let [old, new] = [&place.old_groups, &place.new_groups].map(|groups| groups.join(", "));
    Some(format!("groups were {old}, are {new}"))
}

/// Interfaces that are taken for the same: `eni-1 as eni-2`.
pub(crate) fn renamed(difference: &Difference) -> Vec<String> {
    let pairs = difference.renamed.iter();
    pairs.map(|(old, new)| format!("{old} as {new}")).collect()
}

/// Each peer of a class in words.
pub(crate) fn peers(class: &Class) -> Vec<String> {
    class.peers.iter().map(peer).collect()
}

/// The rules of a class by their ids.
pub(crate) fn rules(class: &Class) -> Vec<String> {
    let rules = class.rules.iter();
    rules.map(|rule| rule.rule.to_string()).collect()
}

/// `10.0.0.0/8 except 10.1.0.0/16`, `sg-1 (web: 10.0.1.10)`.
fn peer(set: &PeerSet) -> String {
    let mut text = set.peer.clone();
    // A range says itself what it stands for.
    if set.peer.parse::<IpNet>().is_err() {
        let addresses: Vec<_> = set.addresses.iter().map(address).collect();
        let name = set.name.as_ref().map(|name| format!("{name}: "));
        let _ = write!(
            text,
            " ({}{})",
            name.unwrap_or_default(),
            listed(&addresses)
        );
    }
    if !set.except.is_empty() {
        let except: Vec<_> = set.except.iter().map(peer).collect();
        let _ = write!(text, " except {}", listed(&except));
    }
    text
}

/// A host without its length: nobody says `/32`.
fn address(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// The first of `words`, and how many more there are.
fn listed(words: &[String]) -> String {
    let named = words[..words.len().min(NAMED)].join(", ");
    match words.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn settings(text: &mut String, report: &DiffReport) -> std::fmt::Result {
    let settings = &report.difference.settings;
    if settings.is_empty() {
        return Ok(());
    }
    writeln!(text, "Beside the rules")?;
    let mut rows = table(&["interface", "what", "old", "new"]);
    for change in settings {
        rows.add_row([&change.interface, change.setting, &change.old, &change.new]);
    }
    text.push_str(&indented(&rows));
    let mut effects: Vec<_> = settings.iter().map(|c| (c.setting, c.effect)).collect();
    effects.dedup();
    effects.sort_unstable();
    effects.dedup();
    for (setting, effect) in effects {
        writeln!(text, "  {setting}: {effect}")?;
    }
    text.push('\n');
    Ok(())
}

fn on_captures(text: &mut String, found: &ComparisonReport) -> std::fmt::Result {
    captures::read(text, &found.captures)?;
    captures::warnings(text, &found.warnings)?;
    if found.changed_flow_count == 0 {
        return writeln!(text, "No flow of the captures changes its verdict.\n");
    }
    let mut rows = table(&["", "packets", "bytes", "at", "flow", "old", "new"]);
    for flow in &found.changed_flows {
        rows.add_row(flow_row(flow));
    }
    let (shown, all) = (found.changed_flows.len(), found.changed_flow_count);
    writeln!(
        text,
        "\nFlows whose verdict changes ({shown} of {})",
        grouped(all)
    )?;
    text.push_str(&indented(&rows));
    writeln!(
        text,
        "  newly denied: {}; newly allowed: {}\n",
        volume(found.newly_denied),
        volume(found.newly_allowed)
    )
}

fn flow_row(flow: &ChangedFlow) -> Vec<comfy_table::Cell> {
    let (denied, allowed) = (flow.newly_denied, flow.newly_allowed);
    let kind = match (denied.packets, allowed.packets) {
        (_, 0) => "newly denied",
        (0, _) => "newly allowed",
        _ => "both",
    };
    let place = flow.interface.as_deref().unwrap_or("(none known)");
    vec![
        kind.into(),
        number(grouped(denied.packets + allowed.packets)),
        number(bytes(denied.bytes + allowed.bytes)),
        format!("{place} {}", flow.direction.unwrap_or("-")).into(),
        changed_tuple(flow).into(),
        told(flow.old.as_ref()).into(),
        told(flow.new.as_ref()).into(),
    ]
}

/// The first packet of a flow that differs, as text.
pub(crate) fn changed_tuple(flow: &ChangedFlow) -> String {
    five_tuple(&FiveTuple {
        protocol: flow.protocol.as_deref().unwrap_or("malformed"),
        src: flow.src.as_deref().unwrap_or("?"),
        dst: flow.dst.as_deref().unwrap_or("?"),
        ports: flow.sport.zip(flow.dport),
        icmp: flow.icmp_type.zip(flow.icmp_code),
    })
}

/// `allow (new) by Web.Ingress[0]`, `deny (no-rule): …`.
pub(crate) fn told(told: Option<&Told>) -> String {
    let Some(told) = told else {
        return "crosses no interface".to_owned();
    };
    let mut text = format!("{} ({})", told.verdict, told.reason);
    if let Some(rule) = &told.rule {
        let _ = write!(text, " by {rule}");
    }
    if !told.why.is_empty() {
        let _ = write!(text, ": {}", told.why);
    }
    text
}

fn volume(volume: Volume) -> String {
    format!(
        "{}, {}",
        counted(volume.packets, "packet"),
        bytes(volume.bytes)
    )
}

fn end(text: &mut String, report: &DiffReport) -> std::fmt::Result {
    if !report.differs {
        return writeln!(text, "No difference.");
    }
    let count = |of: fn(&PlaceDifference) -> &Vec<Class>| {
        let classes = report.difference.places.iter().map(|place| of(place).len());
        classes.sum::<usize>()
    };
    writeln!(
        text,
        "Classes of new flows: {} newly allowed, {} newly denied, {} now tracked, {} now untracked",
        count(|place| &place.newly_allowed),
        count(|place| &place.newly_denied),
        count(|place| &place.now_tracked),
        count(|place| &place.now_untracked),
    )
}
