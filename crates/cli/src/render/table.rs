//! Plain tables: columns, a rule under the head, no boxes.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
pub(crate) use secgroup_daemon::words::{counted, grouped};

/// A table with these columns.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        // Whoever reads a file or a pipe wraps lines for himself.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    table
}

/// A cell aligned to the right: a number.
pub(crate) fn number(text: impl Into<String>) -> Cell {
    Cell::new(text.into()).set_alignment(CellAlignment::Right)
}

/// The table as text, indented by two, without trailing blanks.
pub(crate) fn indented(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(format!(" {line}").trim_end());
        text.push('\n');
    }
    text
}

/// A rate in the largest unit: `999`, `1.5 k`, `3.3 M`.
pub(crate) fn rounded(rate: f64) -> String {
    if rate >= 1e6 {
        format!("{:.1} M", rate / 1e6)
    } else if rate >= 1e3 {
        format!("{:.1} k", rate / 1e3)
    } else {
        format!("{rate:.0}")
    }
}

/// Bytes in the largest unit that leaves a whole digit: `999 B`, `1.5 kB`, `2.0 GB` (powers of
/// 1000).
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut scaled = number;
    let mut unit = 0;
    while scaled >= 1_000_000 && unit + 1 < UNITS.len() {
        scaled /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", scaled / 1000, scaled % 1000 / 100, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_unit() {
        let shown: Vec<_> = [0, 999, 1000, 1_550, 2_000_000, u64::MAX].map(bytes).into();
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.0 kB", "1.5 kB", "2.0 MB", "18.4 EB"]
        );
    }
}
