//! Interfaces, and of the chosen one why packets pass or not, and how it was in the last minutes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use super::list;
use crate::app::{App, Shown};
use crate::meter::InterfaceRates;
use crate::table::{Cell, Column, GAP, Row, Shape, Tone, cut, fit, padded};
use crate::theme::Theme;
use crate::units::{cells, scaled};
use crate::views::verdict_lines;

/// Lines of one course over time, its name and its picture, at least.
const COURSE: u16 = 3;

const VERDICTS: [Column; 5] = [
    column("WAY", 0, Shape::Word),
    column("VERDICT", 1, Shape::Word),
    column("REASON", 0, Shape::Word),
    column("pkt/s", 0, Shape::Number),
    column("PACKETS", 0, Shape::Number),
];

const fn column(title: &'static str, rank: u8, shape: Shape) -> Column {
    Column { title, rank, shape }
}

pub(super) fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme, area: Rect) {
    // The interfaces have a third of the screen at least, and what they need where there is room.
    let interfaces = cells(app.rows().len().max(1) + 1);
    let most = (area.height / 3).max(4).min(area.height);
    let [top, rest] =
        Layout::vertical([Constraint::Length(interfaces.min(most)), Constraint::Min(0)])
            .areas(area);
    list::draw(frame, app, theme, top);
    if let (Some(row), Some(shown)) = (app.chosen(), app.shown()) {
        draw_chosen(frame, shown, &row.id, theme, rest);
    }
}

fn draw_chosen(frame: &mut Frame<'_>, shown: &Shown, name: &str, theme: Theme, area: Rect) {
    let courses = courses(name, shown);
    let interfaces = &shown.sample.status.interfaces;
    let Some(interface) = interfaces.iter().find(|interface| interface.name == name) else {
        return;
    };
    let verdicts = verdict_lines(interface, &shown.meter);
    let room = area.height.saturating_sub(1);
    // Reasons come first; as many pictures as are worth looking at share what is left.
    let wanted = cells(verdicts.len().max(1) + 1).min(room);
    let pictures = ((room - wanted) / COURSE).min(cells(courses.len()));
    let each = (room - wanted) / pictures.max(1);
    let heights = [
        Constraint::Length(1),
        Constraint::Length(wanted),
        Constraint::Min(0),
    ];
    let [head, table, below] = Layout::vertical(heights).areas(area);
    let text = cut(&format!("── {name} "), area.width);
    frame.render_widget(Line::styled(text, theme.title()), head);
    draw_verdicts(frame, verdicts, theme, table);
    for (place, course) in (0..pictures).zip(courses) {
        let picture = Rect {
            y: below.y + place * each,
            height: each,
            ..below
        };
        course.draw(frame, theme, picture);
    }
}

fn draw_verdicts(frame: &mut Frame<'_>, verdicts: Vec<[Cell; 5]>, theme: Theme, area: Rect) {
    let rows: Vec<Row> = verdicts
        .into_iter()
        .map(|cells| Row {
            id: String::new(),
            cells: cells.into(),
            details: Vec::new(),
        })
        .collect();
    let widths = fit(&VERDICTS, &rows, area.width);
    let gap = " ".repeat(GAP.into());
    let titles = widths.iter().map(|&(place, width)| {
        let Column { title, shape, .. } = VERDICTS[place];
        padded(title, shape, width)
    });
    let mut lines = vec![Line::styled(
        titles.collect::<Vec<_>>().join(&gap),
        theme.title(),
    )];
    lines.extend(rows.iter().map(|row| {
        let mut line = Line::default();
        for &(place, width) in &widths {
            let cell = &row.cells[place];
            let text = padded(&cell.text, VERDICTS[place].shape, width);
            line.push_span(Span::styled(text, theme.tone(cell.tone)));
            line.push_span(gap.clone());
        }
        line
    }));
    if rows.is_empty() {
        lines.push(Line::from("no packet crossed it yet"));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Something over time.
struct Course {
    title: &'static str,
    tone: Tone,
    values: Vec<f64>,
}

fn courses(name: &str, shown: &Shown) -> [Course; 3] {
    let values = |of: fn(&InterfaceRates) -> f64| shown.meter.history(name).map(of).collect();
    [
        Course {
            title: "in, bit/s",
            tone: Tone::Good,
            values: values(|rates| rates.allowed[0].bytes * 8.0),
        },
        Course {
            title: "out, bit/s",
            tone: Tone::Good,
            values: values(|rates| rates.allowed[1].bytes * 8.0),
        },
        Course {
            title: "denied, packets/s",
            tone: Tone::Bad,
            values: values(|rates| rates.denied.packets),
        },
    ]
}

impl Course {
    /// A line that says what it is, now and at most, and the picture below, the present at its right end.
    fn draw(&self, frame: &mut Frame<'_>, theme: Theme, area: Rect) {
        let [head, picture] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        let from = self.values.len().saturating_sub(picture.width.into());
        let values = &self.values[from..];
        let most = values.iter().copied().fold(0.0, f64::max);
        let now = values.last().copied().unwrap_or_default();
        let text = format!("{}: {}, at most {}", self.title, scaled(now), scaled(most));
        frame.render_widget(Line::styled(cut(&text, area.width), theme.key()), head);
        let style: Style = theme.tone(self.tone);
        let sparkline = Sparkline::default()
            .style(style)
            .data(heights(values, most));
        let width = cells(values.len());
        let right = Rect {
            x: picture.x + picture.width.saturating_sub(width),
            width: width.min(picture.width),
            ..picture
        };
        frame.render_widget(sparkline, right);
    }
}

/// Rates as heights: a rate may be a fraction, and a bar is not.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 1000 fits"
)]
fn heights(values: &[f64], most: f64) -> Vec<u64> {
    const TOP: f64 = 1000.0;
    if most <= 0.0 {
        return vec![0; values.len()];
    }
    let height = |value: &f64| (value / most * TOP).clamp(0.0, TOP).round() as u64;
    values.iter().map(height).collect()
}
