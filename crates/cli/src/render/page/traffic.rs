//! What a survey shows, of a replay and of an audit alike: traffic over time, who talks to whom, connections.

use std::collections::BTreeMap;

use secgroup_datapath::Action;
use secgroup_replay::{Conversation, Fates, Moment, Survey, Volume};
use secgroup_report::{
    Block, Cell, Chart, Column, Limit, Matrix, Pair, Section, Series, Shape, Table, Tone,
};

use super::{clock, section, table};
use crate::render::table::grouped;

/// Most parties that a matrix has; more would not be read.
const PARTIES: usize = 12;

/// Most interfaces with a line of their own.
const LINES: usize = 5;

/// Traffic over time by verdict. `changes` are moments at which the policy changed.
pub(super) fn over_time(survey: &Survey, changes: &[(f64, String)]) -> Section {
    let note = format!(
        "From {} on. A packet is denied if one interface that it crosses denies it.",
        clock(survey.start_nanos)
    );
    let chart = |title: &str, unit: &str, series: Vec<Series>| Chart {
        title: title.to_owned(),
        unit: unit.to_owned(),
        seconds: survey.seconds,
        shape: Shape::Stacked,
        series,
        limit: None,
        moments: changes.to_vec(),
    };
    let mut blocks = vec![
        Block::Chart(chart(
            "Packets",
            "packets",
            fates(survey, |volume| volume.packets),
        )),
        Block::Chart(chart(
            "Bytes",
            "bytes",
            fates(survey, |volume| volume.bytes),
        )),
    ];
    let denied = denied(survey);
    if !denied.is_empty() {
        blocks.push(Block::Chart(chart("Denials by reason", "denials", denied)));
    }
    section("traffic", "Traffic over time", &note, blocks)
}

fn fates(survey: &Survey, of: fn(Volume) -> u64) -> Vec<Series> {
    type Part = fn(&Fates) -> Volume;
    let parts: [(&str, Tone, Part); 4] = [
        ("allowed", Tone::Allow, |fates| fates.allowed),
        ("denied", Tone::Deny, |fates| fates.denied),
        ("no known interface", Tone::Other, |fates| {
            fates.no_interface
        }),
        ("not IP", Tone::Series(2), |fates| fates.not_ip),
    ];
    let series = parts.into_iter().map(|(name, tone, part)| {
        series(name, tone, survey, |moment| Some(of(part(&moment.packets))))
    });
    // Those that say nothing are left out, but the two that everybody looks for.
    let is_told = |(index, series): &(usize, Series)| *index < 2 || sum(series) > 0;
    series
        .enumerate()
        .filter(is_told)
        .map(|(_, series)| series)
        .collect()
}

/// Reasons for denials, the most frequent first.
fn denied(survey: &Survey) -> Vec<Series> {
    let Some(first) = survey.moments.first() else {
        return Vec::new();
    };
    let reasons = first.reasons(Action::Deny).enumerate();
    let mut all: Vec<_> = reasons
        .map(|(place, (reason, _))| {
            series(reason.as_str(), Tone::Plain, survey, |moment| {
                moment
                    .reasons(Action::Deny)
                    .nth(place)
                    .map(|(_, count)| count)
            })
        })
        .filter(|series| sum(series) > 0)
        .collect();
    all.sort_by_key(|series| std::cmp::Reverse(sum(series)));
    for (place, series) in (0..).zip(&mut all) {
        series.tone = if place == 0 {
            Tone::Deny
        } else {
            Tone::Series(place)
        };
    }
    all
}

fn series(name: &str, tone: Tone, survey: &Survey, of: impl Fn(&Moment) -> Option<u64>) -> Series {
    Series {
        name: name.to_owned(),
        tone,
        values: survey.moments.iter().map(of).collect(),
    }
}

fn sum(series: &Series) -> u64 {
    series.values.iter().flatten().sum()
}

/// Connections over time against what interfaces may have.
pub(super) fn connections(survey: &Survey) -> Section {
    let mut lines: Vec<_> = (0..survey.interfaces.len())
        .map(|place| {
            let interface = &survey.interfaces[place];
            let of = |moment: &Moment| moment.connections.get(place).copied().map(u64::from);
            (
                series(&interface.interface, Tone::Plain, survey, of),
                interface.allowance,
            )
        })
        .filter(|(series, _)| peak(series) > 0)
        .collect();
    lines.sort_by_key(|(series, _)| std::cmp::Reverse(peak(series)));
    let with_any = lines.len();
    lines.truncate(LINES);
    let limit = limit(&lines);
    let all = series("all interfaces", Tone::Other, survey, |moment| {
        moment.tracked
    });
    let mut shown: Vec<_> = lines.into_iter().map(|(series, _)| series).collect();
    for (place, series) in (0..).zip(&mut shown) {
        series.tone = Tone::Series(place);
    }
    if with_any != 1 {
        // First, so that it lies below the others.
        shown.insert(0, all);
    }
    let mut note = format!(
        "Tracked connections at the end of each stretch; untracked flows hold none. At most {} at once, and room for {} (both address families).",
        grouped(most_connections(survey)),
        grouped(survey.capacity)
    );
    match &limit {
        Some(limit) => note.push_str(&format!(" An interface may have {}.", grouped(limit.value))),
        None => note.push_str(" No interface has an allowance of its own that these come near."),
    }
    if with_any > LINES {
        note.push_str(&format!(
            " {} more interfaces had connections.",
            with_any - LINES
        ));
    }
    let chart = Chart {
        title: "Tracked connections".to_owned(),
        unit: "connections".to_owned(),
        seconds: survey.seconds,
        shape: Shape::Lines,
        series: shown,
        limit,
        moments: Vec::new(),
    };
    section(
        "connections",
        "Connections",
        &note,
        vec![Block::Chart(chart)],
    )
}

/// The allowance of the interface that comes nearest to it, unless all are so far from it that nothing but it could be seen.
fn limit(lines: &[(Series, Option<u32>)]) -> Option<Limit> {
    let lowest = lines.iter().filter_map(|(_, allowance)| *allowance).min()?;
    let most = lines.iter().map(|(series, _)| peak(series)).max()?;
    let value = u64::from(lowest);
    (value <= most.saturating_mul(20)).then(|| Limit {
        name: "allowance of an interface".to_owned(),
        value,
    })
}

fn peak(series: &Series) -> u64 {
    series.values.iter().flatten().copied().max().unwrap_or(0)
}

/// The most connections that there were at once.
pub(super) fn most_connections(survey: &Survey) -> u64 {
    survey
        .moments
        .iter()
        .filter_map(|moment| moment.tracked)
        .max()
        .unwrap_or(0)
}

/// Who talks to whom.
pub(super) fn conversations(survey: &Survey) -> Section {
    let note = "Ends by the groups of their interface, or by the kind of their address where no interface of the policy has it. Packets by \
                their source and destination; malformed ones are not among them.";
    let blocks = if survey.conversations.is_empty() {
        vec![Block::Note("No packet was judged.".to_owned())]
    } else {
        vec![
            Block::Matrix(matrix(&survey.conversations)),
            Block::Table(conversations_table(&survey.conversations)),
        ]
    };
    section("who", "Who talks to whom", note, blocks)
}

fn matrix(all: &[Conversation]) -> Matrix {
    let mut packets: BTreeMap<&str, u64> = BTreeMap::new();
    for one in all {
        for party in [&one.from, &one.to] {
            *packets.entry(party).or_default() += one.allowed.packets + one.denied.packets;
        }
    }
    let mut parties: Vec<_> = packets.into_iter().collect();
    parties.sort_by_key(|(name, packets)| (std::cmp::Reverse(*packets), *name));
    let are_more = parties.len() > PARTIES;
    let mut names: Vec<_> = parties
        .iter()
        .take(PARTIES)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if are_more {
        names.push("all others".to_owned());
    }
    let place = |name: &str| {
        names
            .iter()
            .position(|known| known == name)
            .unwrap_or(names.len() - 1)
    };
    let mut pairs = vec![vec![Pair::default(); names.len()]; names.len()];
    for one in all {
        let pair = &mut pairs[place(&one.from)][place(&one.to)];
        pair.allowed += one.allowed.packets;
        pair.denied += one.denied.packets;
    }
    // Who never sends, or never receives, needs no row, or column.
    let is_silent = |pair: &Pair| *pair == Pair::default();
    let receives: Vec<_> = (0..names.len())
        .map(|at| !pairs.iter().all(|row| is_silent(&row[at])))
        .collect();
    let (rows, pairs): (Vec<_>, Vec<Vec<Pair>>) = names
        .iter()
        .cloned()
        .zip(pairs)
        .filter(|(_, row)| !row.iter().all(is_silent))
        .map(|(name, row)| (name, of_those(row, &receives)))
        .unzip();
    Matrix {
        title: "Packets from group to group".to_owned(),
        rows,
        columns: of_those(names, &receives),
        pairs,
    }
}

fn of_those<T>(all: Vec<T>, wanted: &[bool]) -> Vec<T> {
    let both = all.into_iter().zip(wanted);
    both.filter(|(_, wanted)| **wanted)
        .map(|(one, _)| one)
        .collect()
}

fn conversations_table(all: &[Conversation]) -> Table {
    let row = |one: &Conversation| {
        vec![
            Cell::Text(one.from.clone()),
            Cell::Text(one.to.clone()),
            Cell::Count(one.allowed.packets),
            Cell::Bytes(one.allowed.bytes),
            Cell::Count(one.denied.packets),
            Cell::Count(one.opened),
        ]
    };
    let columns = vec![
        Column::text("From"),
        Column::text("To"),
        Column::number("Allowed"),
        Column::number("Bytes allowed"),
        Column::number("Denied"),
        Column::number("Connections opened"),
    ];
    table("The same as a list", columns, all.iter().map(row), "")
}
