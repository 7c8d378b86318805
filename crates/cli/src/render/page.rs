//! What was found, as a page for a browser (`--report`): the same numbers as on the terminal and in JSON, with more rows and with pictures.

mod audit;
mod difference;
mod replay;
mod traffic;

use jiff::Timestamp;
use secgroup_replay::{CaptureReport, Volume};
use secgroup_report::{Block, Cell, Column, Figure, Section, Table, Tone};

pub(crate) use self::audit::audit;
pub(crate) use self::difference::difference;
pub(crate) use self::replay::replay;
use crate::render::table::{bytes, counted, grouped};

/// What was done to find it: for the last section of a page, so that somebody can do it again.
pub(crate) struct Made {
    /// What was typed.
    pub(crate) command: String,
    /// What it was judged by: names with the files they were read from.
    pub(crate) policies: Vec<(String, Vec<String>)>,
}

impl Made {
    /// By the command that is running, with these policies.
    pub(crate) fn now(policies: Vec<(String, Vec<String>)>) -> Self {
        let words = std::env::args_os().skip(1);
        let words = words.map(|word| quoted(&word.to_string_lossy()));
        let mut command = "secgroup".to_owned();
        for word in words {
            command.push(' ');
            command.push_str(&word);
        }
        Self { command, policies }
    }

    /// All files of policies, the first three by name.
    fn files(&self) -> String {
        let files = self.policies.iter().flat_map(|(_, files)| files.clone());
        at_most(3, &files.collect::<Vec<_>>()).join(", ")
    }

    /// The section that tells it.
    fn section(&self, captures: &[CaptureReport], facts: Vec<(String, Vec<String>)>) -> Section {
        let mut all = vec![
            ("Command".to_owned(), vec![self.command.clone()]),
            ("Version".to_owned(), vec![made_by()]),
        ];
        all.extend(self.policies.clone());
        all.extend(facts);
        let mut blocks = vec![Block::Facts(all)];
        if !captures.is_empty() {
            blocks.push(Block::Table(captures_table(captures)));
        }
        section("about", "How this was made", "", blocks)
    }
}

/// The program and its version.
fn made_by() -> String {
    concat!("secgroup ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn captures_table(captures: &[CaptureReport]) -> Table {
    let row = |capture: &CaptureReport| {
        let ended = match &capture.error {
            None => Vec::new(),
            Some(error) => vec![(Tone::Deny, error.clone())],
        };
        vec![
            Cell::Code(capture.file.clone()),
            Cell::Count(capture.packets),
            Cell::Marks(ended),
        ]
    };
    let columns = vec![
        Column::text("File"),
        Column::number("Packets"),
        Column::text("Ended early"),
    ];
    table("Captures", columns, captures.iter().map(row), "")
}

/// What a reader has to know first: captures that ended in an error, and what else was found to warn of.
fn warnings(captures: &[CaptureReport], found: &[String]) -> Vec<String> {
    let errors = captures.iter().filter_map(|capture| capture.error.as_ref());
    errors.chain(found).cloned().collect()
}

/// `web-server.pcap`, `web-server.pcap and 2 more captures`.
fn captured(captures: &[CaptureReport]) -> String {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    match captures {
        [] => "no capture".to_owned(),
        [only] => name(&only.file),
        [first, more @ ..] => {
            format!(
                "{} and {}",
                name(&first.file),
                counted(more.len() as u64, "more capture")
            )
        }
    }
}

/// A moment on the clock: `2024-05-18 02:40:00 UTC`.
fn clock(nanos: u64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(
        |_| "unknown".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn figure(name: &str, value: u64, beside: String, tone: Tone) -> Figure {
    Figure {
        name: name.to_owned(),
        value: grouped(value),
        beside,
        tone,
    }
}

/// `12.3 %, 4.5 MB`.
fn share(part: Volume, of: Volume) -> String {
    format!("{}, {}", percent(part, of), bytes(part.bytes))
}

/// `12.3 %`, of the packets.
fn percent(part: Volume, of: Volume) -> String {
    let all = of.packets.max(1);
    let tenths = (u128::from(part.packets) * 1000 + u128::from(all) / 2) / u128::from(all);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A table that says `empty` where it has no rows.
fn table(
    title: &str,
    columns: Vec<Column>,
    rows: impl IntoIterator<Item = Vec<Cell>>,
    empty: &str,
) -> Table {
    Table {
        title: title.to_owned(),
        columns,
        rows: rows.into_iter().collect(),
        empty: empty.to_owned(),
        left_out: String::new(),
    }
}

/// Columns for a [`volume`], and for these texts.
fn volume_and<const N: usize>(texts: [&str; N]) -> Vec<Column> {
    let volume = ["Packets", "Bytes"].map(Column::number);
    volume.into_iter().chain(texts.map(Column::text)).collect()
}

fn volume(volume: Volume) -> [Cell; 2] {
    [Cell::Count(volume.packets), Cell::Bytes(volume.bytes)]
}

/// Which rows a table of flows has no room for.
const FEWER_PACKETS: &str = ", with fewer packets";

/// How many rows a table has no room for, and which: `Not listed: 12 more flows, with fewer packets.` Nothing where it has them all.
fn left_out(more: u64, noun: &str, which: &str) -> String {
    match more {
        0 => String::new(),
        more => format!("Not listed: {}{which}.", counted(more, noun)),
    }
}

fn section(id: &str, title: &str, note: &str, blocks: Vec<Block>) -> Section {
    Section {
        id: id.to_owned(),
        title: title.to_owned(),
        note: note.to_owned(),
        blocks,
    }
}

/// The first few lines, and how many more there are.
fn at_most(most: usize, lines: &[String]) -> Vec<String> {
    let mut shown: Vec<_> = lines.iter().take(most).cloned().collect();
    if lines.len() > most {
        shown.push(format!("and {} more", lines.len() - most));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        assert_eq!(quoted("--policy=a/b.yaml"), "--policy=a/b.yaml");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn shares_are_rounded() {
        let volume = |packets| Volume {
            packets,
            bytes: 1000,
        };
        assert_eq!(share(volume(1), volume(3)), "33.3 %, 1.0 kB");
        assert_eq!(share(volume(0), volume(0)), "0.0 %, 1.0 kB");
        assert_eq!(share(volume(u64::MAX), volume(u64::MAX)), "100.0 %, 1.0 kB");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let said = [0, 1, 1234].map(|more| left_out(more, "more flow", FEWER_PACKETS));
        let expected = [
            "",
            "Not listed: 1 more flow, with fewer packets.",
            "Not listed: 1,234 more flows, with fewer packets.",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_moment_has_a_date() {
        assert_eq!(clock(1_716_000_000_000_000_000), "2024-05-18 02:40:00 UTC");
        assert_eq!(clock(u64::MAX), "2554-07-21 23:34:33 UTC");
    }
}
