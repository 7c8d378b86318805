//! Tables. All rows are in the page; the script sorts, searches and folds them, and without it they are simply there.

use maud::{Markup, html};

use crate::data::{Cell, Column, Table};
use crate::words::{bytes, grouped};

/// How many rows are shown before somebody asks for all.
const FOLD: usize = 15;

/// A table with a button in the head of each column.
pub(super) fn table(table: &Table) -> Markup {
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
                    select { @for (index, column) in table.columns.iter().enumerate() { option value=(index) { (column.name) } } }
                }
                div.scroll {
                    table.cards data-fold=(FOLD) aria-label=(table.title) {
                        thead { tr { @for column in &table.columns { (head(column)) } } }
                        tbody { @for row in &table.rows { (self::row(&table.columns, row)) } }
                    }
                }
                button.more type="button" hidden {}
            }
            @if !table.left_out.is_empty() { p.left-out { (table.left_out) } }
        }
    }
}

fn head(column: &Column) -> Markup {
    html! {
        th.number[column.is_number] scope="col" { button type="button" { (column.name) } }
    }
}

fn row(columns: &[Column], cells: &[Cell]) -> Markup {
    html! {
        tr { @for (column, cell) in columns.iter().zip(cells) { (self::cell(column, cell)) } }
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
            td.code.vacant[text.is_empty()] data-name=(name) { div { (text) } }
        },
        Cell::Text(text) => html! {
            td.vacant[text.is_empty()] data-name=(name) { div { (text) } }
        },
        Cell::Below(text, small) => html! {
            td data-name=(name) { div { (text) @if !small.is_empty() { " " span.small { (small) } } } }
        },
        Cell::Marks(marks) => html! {
            td.vacant[marks.is_empty()] data-name=(name) {
                div { @for (tone, text) in marks { span class={ "mark " (tone.name()) } { (text) } " " } }
            }
        },
        Cell::Lines(lines) => html! {
            td.vacant[lines.is_empty()] data-name=(name) { ul { @for line in lines { li { (line) } } } }
        },
    }
}
