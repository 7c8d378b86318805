//! From what is to be shown to cells of a screen of any size.
//!
//! ```text
//! secgroup 0.1.0  up 2 h 3 min  policy 7, 12 rules            how the daemon is, or that it is gone
//! 1 Overview  2 Flows  3 Denials  4 Rules   /filter           which view
//! PROTO LOCAL        REMOTE             STATE      v bit/s    a table, with the chosen row
//! ...
//! q quit  ? help  / filter  s sort                            what can be done, or what came of it
//! ```

mod bars;
mod list;
mod overview;
mod popup;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::{App, Mode};
use crate::theme::Theme;
use crate::views::View;

/// The smallest screen on which anything is worth showing.
const LEAST: (u16, u16) = (20, 5);

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = "make me larger";
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let [header, tabs, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(bars::header(app, theme, header.width), header);
    frame.render_widget(bars::tabs(app, theme, tabs.width), tabs);
    draw_body(frame, app, theme, body);
    frame.render_widget(bars::footer(app, theme, footer.width), footer);
    match &app.mode {
        Mode::Browse | Mode::Filter => {}
        Mode::Help => popup::help(frame, theme, body),
        Mode::Details => popup::details(frame, app, theme, body),
        Mode::Confirm(cut, count) => popup::confirm(frame, cut, *count, theme, body),
    }
}

fn draw_body(frame: &mut Frame<'_>, app: &App, theme: Theme, area: Rect) {
    if app.shown().is_none() {
        frame.render_widget(Paragraph::new("asking ..."), area);
    } else if app.view == View::Overview {
        overview::draw(frame, app, theme, area);
    } else {
        list::draw(frame, app, theme, area);
    }
}

/// Words that are said as far as there is room, the first ones first, with two blanks between them.
fn as_fits(words: Vec<Span<'static>>, width: u16) -> Line<'static> {
    const GAP: usize = 2;
    let mut line = Line::default();
    for word in words {
        let gap = if line.spans.is_empty() { 0 } else { GAP };
        if line.width() + gap + word.width() > usize::from(width) {
            continue;
        }
        if gap > 0 {
            line.push_span(" ".repeat(gap));
        }
        line.push_span(word);
    }
    line
}

#[cfg(test)]
mod tests;
