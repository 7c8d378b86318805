//! Diagnostics as people read them: the line in question, quoted, as rustc does.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Location, Sources};

/// Bytes of a line that are shown on each side of a place: dumps are often one long line.
const CONTEXT_BYTES: usize = 160;

/// Lines between two places of one file that are still shown in one snippet.
const GAP_LINES_MAX: u32 = 2000;

/// The diagnostics as text for a terminal, one after the other with an empty line between;
/// `color` adds ANSI colours. `sources` are those of the same load.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push('\n');
    }
    text
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut title = level.primary_title(&diagnostic.message);
    if let Some(code) = &diagnostic.code {
        title = title.id(code);
    }
    let mut group = Group::with_title(title);
    if let Some(location) = &diagnostic.location {
        for window in windows(diagnostic, location, sources) {
            group = match window.origin() {
                Some(origin) => group.element(origin).element(window.snippet()),
                None => group.element(window.snippet().path(&*window.head.file)),
            };
        }
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    group
}

/// A stretch of one source with the places in it.
struct Window<'a> {
    text: &'a str,
    range: Range<usize>,
    /// The place that the heading names.
    head: &'a Location,
    /// The first line of the stretch.
    line: u32,
    places: Vec<(&'a Location, Option<&'a str>, bool)>,
}

impl<'a> Window<'a> {
    fn new(sources: &'a Sources, location: &'a Location) -> Self {
        let text = sources.text(location.source);
        let range = excerpt(text, location);
        Self {
            text,
            range,
            head: location,
            line: location.line,
            places: vec![],
        }
    }

    /// Takes a place in, if it is near enough to be shown in one piece.
    fn add(&mut self, location: &'a Location, label: Option<&'a str>, primary: bool) -> bool {
        let near = location.source == self.head.source
            && location.line.abs_diff(self.head.line) <= GAP_LINES_MAX;
        let other = excerpt(self.text, location);
        let whole_lines = self.starts_line(self.range.start) && self.starts_line(other.start);
        let inside = self.range.start <= location.start && location.end <= self.range.end;
        if !self.places.is_empty() && !(near && (whole_lines || inside)) {
            return false;
        }
        if !inside {
            self.range = self.range.start.min(other.start)..self.range.end.max(other.end);
            self.line = self.line.min(location.line);
        }
        self.places.push((location, label, primary));
        true
    }

    fn starts_line(&self, offset: usize) -> bool {
        offset == 0 || self.text.as_bytes().get(offset - 1) == Some(&b'\n')
    }

    /// The heading, where the snippet cannot tell the column: it begins inside of a long line.
    fn origin(&self) -> Option<Origin<'a>> {
        let origin = Origin::path(&*self.head.file)
            .line(self.head.line as usize)
            .char_column(self.head.column as usize);
        (!self.starts_line(self.range.start)).then_some(origin)
    }

    fn snippet(&self) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mut snippet = Snippet::source(&self.text[self.range.clone()])
            .line_start(self.line as usize)
            .fold(true);
        for (location, label, primary) in &self.places {
            let kind = if *primary {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let place = first_line(self.text, location);
            let within =
                |offset: usize| offset.clamp(self.range.start, self.range.end) - self.range.start;
            let span = within(place.start)..within(place.end);
            snippet = snippet.annotation(kind.span(span).label(*label));
        }
        snippet
    }
}

/// The places of a diagnostic, gathered into as few stretches as can be shown well.
fn windows<'a>(
    diagnostic: &'a Diagnostic,
    location: &'a Location,
    sources: &'a Sources,
) -> Vec<Window<'a>> {
    let mut first = Window::new(sources, location);
    first.add(location, diagnostic.label.as_deref(), true);
    let mut windows = vec![first];
    for label in &diagnostic.labels {
        let text = Some(label.text.as_str());
        if !windows
            .iter_mut()
            .any(|window| window.add(&label.location, text, false))
        {
            let mut window = Window::new(sources, &label.location);
            window.add(&label.location, text, false);
            windows.push(window);
        }
    }
    windows
}

/// The line (or lines) of a place, or a part of it where the line is very long.
fn excerpt(text: &str, location: &Location) -> Range<usize> {
    let Range { start, end } = first_line(text, location);
    let from = floor_boundary(text, start.saturating_sub(CONTEXT_BYTES));
    let line_start = text[from..start].rfind('\n').map(|at| from + at + 1);
    let from = line_start.unwrap_or(from);
    let shown = end.min(floor_boundary(text, start + 2 * CONTEXT_BYTES));
    let until = floor_boundary(text, shown + CONTEXT_BYTES);
    let until = text[shown..until]
        .find(['\r', '\n'])
        .map_or(until, |at| shown + at);
    from..until
}

/// The part of a place that lies in its first line: enough to find it by.
fn first_line(text: &str, location: &Location) -> Range<usize> {
    let start = floor_boundary(text, location.start);
    let end = floor_boundary(text, location.end).max(start);
    let end = text[start..end]
        .find(['\r', '\n'])
        .map_or(end, |at| start + at);
    start..end
}

/// The largest character boundary that is not above `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
