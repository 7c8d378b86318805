//! What lies over a view: the help, all there is to say about a row, a question.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use crate::app::{App, KEYS, connections};
use crate::table::printable;
use crate::theme::Theme;
use crate::units::cells;
use crate::views::Cut;

/// The widest a box is.
const WIDEST: u16 = 76;

/// What keys do.
pub(super) fn help(frame: &mut Frame<'_>, theme: Theme, area: Rect) {
    let lines = KEYS.into_iter().map(|(key, what)| {
        let key = Span::styled(format!("{key:12}"), theme.key());
        Line::from(vec![key, Span::raw(what)])
    });
    show(frame, "keys", lines.collect(), area);
}

/// All there is to say about the chosen row: its cells, those that there is no room for among them, and more.
pub(super) fn details(frame: &mut Frame<'_>, app: &App, theme: Theme, area: Rect) {
    let Some(row) = app.chosen() else {
        return;
    };
    let titles = app.view.columns().iter().map(|column| column.title);
    let cells = titles.zip(row.cells.iter().map(|cell| cell.text.clone()));
    let more = row.details.iter();
    let more = more.map(|(name, text)| (*name, printable(text)));
    let lines = cells.chain(more).map(|(name, text)| {
        let name = Span::styled(format!("{name:14} "), theme.key());
        Line::from(vec![name, Span::raw(text)])
    });
    show(frame, app.view.title(), lines.collect(), area);
}

/// Whether connections are to be forgotten.
pub(super) fn confirm(frame: &mut Frame<'_>, cut: &Cut, count: u64, theme: Theme, area: Rect) {
    let mut lines = vec![
        Line::styled(format!("Forget {}?", connections(count)), theme.alarm()),
        Line::from(printable(&cut.what)),
    ];
    if count > 1 {
        lines.push(Line::from("Several fit: these ends, and others like them."));
    }
    lines.push(Line::from(
        "The next packet is judged by the rules as they are now.",
    ));
    lines.push(Line::from("y forgets, any other key does not."));
    show(frame, "forget", lines, area);
}

/// A box in the middle, as large as what is in it, and no larger than the view.
fn show(frame: &mut Frame<'_>, title: &'static str, lines: Vec<Line<'static>>, area: Rect) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    let width = cells(widest + 2).min(WIDEST).min(area.width);
    let inner = usize::from(width.saturating_sub(2)).max(1);
    let wrapped: usize = lines
        .iter()
        .map(|line| line.width().div_ceil(inner).max(1))
        .sum();
    let height = cells(wrapped + 2).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let text = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .block(Block::bordered().title(title));
    frame.render_widget(Clear, place);
    frame.render_widget(text, place);
}
