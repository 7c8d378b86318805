//! Plain tables: columns, a rule under the head, no boxes.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
pub(crate) use secgroup_report::words::{bytes, counted, grouped};

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
