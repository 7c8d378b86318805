//! A table, scrolled to the chosen row.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::App;
use crate::table::{Column, GAP, Row, Shape, Sorting, fit, padded};
use crate::theme::Theme;

/// The table of the view.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme, area: Rect) {
    let columns = app.view.columns();
    let rows = app.rows();
    let widths = fit(columns, rows, area.width);
    let mut lines = vec![title(columns, &widths, app.list().sorting, theme)];
    let visible = usize::from(area.height.saturating_sub(1));
    let chosen = app.chosen_place();
    let first = first_shown(chosen, visible, rows.len());
    for (place, row) in rows.iter().enumerate().skip(first).take(visible) {
        let mut line = line(row, columns, &widths, theme);
        if place == chosen {
            line = line.style(theme.chosen());
        }
        lines.push(line);
    }
    if rows.is_empty() {
        lines.push(Line::from(nothing(app)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The first row on the screen: the chosen one stays near the middle, and no line is left empty.
fn first_shown(chosen: usize, visible: usize, rows: usize) -> usize {
    chosen
        .saturating_sub(visible / 2)
        .min(rows.saturating_sub(visible))
}

/// Titles; an arrow says by which one rows are sorted, and which way.
fn title(
    columns: &[Column],
    widths: &[(usize, u16)],
    sorting: Sorting,
    theme: Theme,
) -> Line<'static> {
    let arrow = if sorting.descending { "▼" } else { "▲" };
    let texts = widths.iter().map(|&(place, width)| {
        let Column { title, shape, .. } = columns[place];
        let text = match (place == sorting.column, shape) {
            (false, _) => title.to_owned(),
            (true, Shape::Number) => format!("{arrow}{title}"),
            (true, _) => format!("{title}{arrow}"),
        };
        padded(&text, shape, width)
    });
    let gap = " ".repeat(GAP.into());
    Line::styled(texts.collect::<Vec<_>>().join(&gap), theme.title())
}

fn line(row: &Row, columns: &[Column], widths: &[(usize, u16)], theme: Theme) -> Line<'static> {
    let mut line = Line::default();
    for &(place, width) in widths {
        if !line.spans.is_empty() {
            line.push_span(" ".repeat(GAP.into()));
        }
        if let Some(cell) = row.cells.get(place) {
            let text = padded(&cell.text, columns[place].shape, width);
            line.push_span(Span::styled(text, theme.tone(cell.tone)));
        }
    }
    line
}

fn nothing(app: &App) -> String {
    match app.filtered_out {
        0 => app.view.nothing().to_owned(),
        _ => "nothing fits the filter; Esc takes it away".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_is_on_the_screen() {
        for rows in [0_usize, 1, 9, 10, 11, 500] {
            for visible in [1, 2, 7, 10] {
                for chosen in 0..rows {
                    let first = first_shown(chosen, visible, rows);
                    let shown = first..first + visible;
                    assert!(shown.contains(&chosen), "{chosen} of {rows} on {visible}");
                    assert!(first == 0 || first + visible <= rows, "empty lines");
                }
            }
        }
    }
}
