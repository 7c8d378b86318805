//! Tables. All rows are in the page; the script sorts, searches and folds them, and without it they are simply there.

use maud::{Markup, html};

use crate::data::{Cell, Column, Table};
use crate::words::{bytes, grouped};

/// How many rows are shown before somebody asks for all, on wide screens and on narrow ones.
const FOLD: usize = 15;
const FOLD_NARROW: usize = 6;

/// A table with a button in the head of each column. Columns in which nothing stands are left out.
pub(super) fn table(table: &Table) -> Markup {
    let columns: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(index, _)| {
            table
                .rows
                .iter()
                .any(|row| !row.get(*index).is_none_or(is_vacant))
        })
        .collect();
    html! {
        div.block {
            div.block-head {
                h3 { (table.title) }
                p.count {}
            }
            @if table.rows.is_empty() {
                p.empty { (table.empty) }
            } @else {
                label.sort-by { "Sort by"
                    select { @for (place, (_, column)) in columns.iter().enumerate() { option value=(place) { (column.name) } } }
                }
                div.scroll {
                    table.cards data-fold=(FOLD) data-fold-narrow=(FOLD_NARROW) aria-label=(table.title) {
                        thead { tr { @for (_, column) in &columns { (head(column)) } } }
                        tbody { @for row in &table.rows { (self::row(&columns, row)) } }
                    }
                }
                button.more type="button" hidden {}
            }
            @if !table.left_out.is_empty() { p.left-out { (table.left_out) } }
        }
    }
}

/// Whether nothing stands in a cell.
fn is_vacant(cell: &Cell) -> bool {
    match cell {
        Cell::Text(text) | Cell::Code(text) => text.is_empty(),
        Cell::Below(text, small) => text.is_empty() && small.is_empty(),
        Cell::Marks(marks) => marks.is_empty(),
        Cell::Lines(lines) => lines.is_empty(),
        Cell::Count(_) | Cell::Bytes(_) => false,
    }
}

fn head(column: &Column) -> Markup {
    html! {
        th.number[column.is_number] scope="col" { button type="button" { (column.name) } }
    }
}

fn row(columns: &[(usize, &Column)], cells: &[Cell]) -> Markup {
    html! {
        tr { @for (index, column) in columns { @if let Some(cell) = cells.get(*index) { (self::cell(column, cell)) } } }
    }
}

fn cell(column: &Column, cell: &Cell) -> Markup {
    let name = &column.name;
    match cell {
        Cell::Count(count) => html! {
            td.number data-name=(name) data-value=(count) { div { (grouped(*count)) } }
        },
        Cell::Bytes(count) => html! {
            td.number data-name=(name) data-value=(count) { div { (bytes(*count)) } }
        },
        Cell::Code(text) => html! {
            td.code.vacant[is_vacant(cell)] data-name=(name) { div { (text) } }
        },
        Cell::Text(text) => html! {
            td.vacant[is_vacant(cell)] data-name=(name) { div { (text) } }
        },
        Cell::Below(text, small) => html! {
            td data-name=(name) { div { (text) @if !small.is_empty() { " " span.small { (small) } } } }
        },
        Cell::Marks(marks) => html! {
            td.vacant[is_vacant(cell)] data-name=(name) {
                div { @for (tone, text) in marks { span class={ "mark " (tone.name()) } { (text) } " " } }
            }
        },
        Cell::Lines(lines) => html! {
            td.vacant[is_vacant(cell)] data-name=(name) { ul { @for line in lines { li { (line) } } } }
        },
    }
}
