//! The lines above and below: how the daemon is, which view this is, what keys do.

use ratatui::text::{Line, Span};
use secgroup_daemon::protocol::StatusDocument;
use secgroup_report::words::counted;

use super::as_fits;
use crate::app::{App, Mode};
use crate::table::{Tone, cut, printable};
use crate::theme::Theme;
use crate::units::age;
use crate::views::View;

/// How the daemon is; that it is gone comes before all else.
pub(super) fn header(app: &App, theme: Theme, width: u16) -> Line<'static> {
    if let Some(why) = &app.lost {
        let text = printable(&format!("trying again: {why}"));
        return Line::styled(cut(&text, width), theme.alarm());
    }
    let Some(shown) = app.shown() else {
        return Line::from("secgroup");
    };
    let status = &shown.sample.status;
    let mut words = vec![Span::styled("secgroup", theme.key())];
    if app.is_paused {
        words.push(Span::styled("paused", theme.chosen()));
    }
    words.extend(alarms(status, theme));
    words.extend([
        Span::raw(format!("policy {}", status.policy.generation)),
        Span::raw(counted(shown.sample.rules.matched, "rule")),
        Span::raw(counted(shown.sample.connections.matched, "connection")),
        Span::raw(format!("up {}", age(status.uptime_seconds))),
        Span::raw(format!("pid {}", status.pid)),
        Span::raw(printable(&status.version)),
    ]);
    as_fits(words, width)
}

/// What a person should do something about.
fn alarms(status: &StatusDocument, theme: Theme) -> Vec<Span<'static>> {
    let mut alarms = Vec::new();
    let mut warn = |text: String| {
        alarms.push(Span::styled(text, theme.tone(Tone::Warning)));
    };
    if status.audit {
        warn("audit: nothing is dropped".to_owned());
    }
    if status.policy.last_error.is_some() {
        warn("the last reload was refused".to_owned());
    }
    if !status.warnings.is_empty() {
        warn(counted(status.warnings.len() as u64, "warning"));
    }
    alarms
}

/// The views, the one that is shown, and its filter.
pub(super) fn tabs(app: &App, theme: Theme, width: u16) -> Line<'static> {
    let mut line = Line::default();
    for (view, number) in View::ALL.into_iter().zip(1..) {
        let is_shown = view == app.view;
        // Where there is no room for all titles, the number has to do.
        let is_narrow = width < 44;
        let text = if is_shown || !is_narrow {
            format!(" {number} {} ", view.title())
        } else {
            format!(" {number} ")
        };
        let style = if is_shown {
            theme.chosen()
        } else {
            theme.tone(Tone::Plain)
        };
        line.push_span(Span::styled(text, style));
    }
    let filter = &app.list().filter;
    if app.mode == Mode::Filter || !filter.is_empty() {
        let cursor = if app.mode == Mode::Filter { "_" } else { "" };
        line.push_span(Span::styled(
            format!(" /{}{cursor}", printable(filter)),
            theme.key(),
        ));
        line.push_span(match app.filtered_out {
            0 => String::new(),
            rows => format!(" ({} hidden)", counted(rows as u64, "row")),
        });
    }
    line
}

/// What can be done, or what came of what was done.
pub(super) fn footer(app: &App, theme: Theme, width: u16) -> Line<'static> {
    if let Some(message) = &app.message {
        return Line::styled(cut(&printable(message), width), theme.alarm());
    }
    let keys: &[(&str, &str)] = match app.mode {
        Mode::Browse => &[
            ("q", "quit"),
            ("?", "help"),
            ("Tab", "next view"),
            ("/", "filter"),
            ("s", "sort"),
            ("S", "reverse"),
            ("Enter", "details"),
            ("p", "pause"),
        ],
        Mode::Filter => &[("Enter", "keep"), ("Esc", "no filter")],
        Mode::Help | Mode::Details => &[("any key", "back")],
        Mode::Confirm(..) => &[("y", "forget"), ("any other key", "leave it")],
    };
    let words = keys.iter().map(|(key, what)| format!("{key} {what}"));
    as_fits(words.map(Span::raw).collect(), width)
}
