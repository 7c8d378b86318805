//! What there is to say about a policy file: one [`Diagnostic`] per fault, with its place.
//!
//! A load collects diagnostics and goes on: the user hears of every fault of every file at once.
//! Inside the crate a diagnostic is a [`Draft`] with byte spans; when the load ends, drafts become
//! plain [`Diagnostic`]s with lines and columns, sorted by file and place.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::source::{Location, Sources, Span};

/// Diagnostics kept of one load: nobody reads more, and a hostile file could make millions.
const DIAGNOSTICS_MAX: usize = 10_000;

/// Guesses made per load: each one compares with every name there is.
const GUESSES_MAX: usize = 500;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy cannot be used as it is.
    Error,
    /// The policy can be used, but perhaps does not say what was meant.
    Warning,
    /// Something to know.
    Note,
}

/// One fault, or one thing to know, with its place. Plain data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The error code of EC2, where EC2 would refuse the value with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// Where; `None` for what has no place in a file, such as a parameter nobody declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What to write beside the place itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Other places that matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What would be right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

/// Another place that matters to a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Label {
    /// Where.
    pub location: Location,
    /// Why it matters.
    pub text: String,
}

/// A diagnostic in the making: places are still spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    severity: Severity,
    code: Option<String>,
    message: String,
    span: Option<Span>,
    label: Option<String>,
    labels: Vec<(Span, String)>,
    help: Vec<String>,
}

impl Draft {
    fn new(severity: Severity, span: Option<Span>, message: String) -> Self {
        Self {
            severity,
            code: None,
            message,
            span,
            label: None,
            labels: vec![],
            help: vec![],
        }
    }

    /// An error at a place.
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(span), message.into())
    }

    /// A warning at a place.
    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(span), message.into())
    }

    /// A note at a place.
    pub(crate) fn note(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, Some(span), message.into())
    }

    /// A diagnostic of no file.
    pub(crate) fn placeless(severity: Severity, message: impl Into<String>) -> Self {
        Self::new(severity, None, message.into())
    }

    /// With the code of EC2.
    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With a word beside the place itself.
    pub(crate) fn here(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// With another place.
    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// With what would be right.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// With what would be right, where that is known.
    pub(crate) fn maybe_help(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }

    fn finish(self, sources: &Sources) -> Diagnostic {
        let place = |(span, text)| {
            Some(Label {
                location: sources.location(span)?,
                text,
            })
        };
        Diagnostic {
            severity: self.severity,
            code: self.code,
            message: self.message,
            location: self.span.and_then(|span| sources.location(span)),
            label: self.label,
            labels: self.labels.into_iter().filter_map(place).collect(),
            help: self.help,
        }
    }
}

/// Where diagnostics go while a load runs. Shared by reference: every part of the load may speak.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    /// The texts that spans refer to.
    pub(crate) sources: &'a Sources,
    drafts: RefCell<Vec<Draft>>,
    dropped: Cell<usize>,
    /// Guesses at what was meant, so far.
    guesses: Cell<usize>,
    /// What was warned of, so that a parameter in fifty places is one warning.
    mentioned: RefCell<HashSet<String>>,
}

impl<'a> Sink<'a> {
    /// An empty sink.
    pub(crate) fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            drafts: RefCell::default(),
            dropped: Cell::new(0),
            guesses: Cell::new(0),
            mentioned: RefCell::default(),
        }
    }

    /// Whether nobody asked about this before.
    pub(crate) fn first_mention(&self, subject: &str) -> bool {
        self.mentioned.borrow_mut().insert(subject.to_owned())
    }

    /// A guess at what `text` was meant to be, as a help.
    pub(crate) fn did_you_mean<'c>(
        &self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        self.guesses.set(self.guesses.get() + 1);
        if self.guesses.get() > GUESSES_MAX {
            return None;
        }
        nearest(text, candidates).map(|known| format!("did you mean `{known}`?"))
    }

    /// Takes a diagnostic; the same one twice (a value used in two places) counts once.
    pub(crate) fn push(&self, draft: Draft) {
        let mut drafts = self.drafts.borrow_mut();
        if drafts.len() < DIAGNOSTICS_MAX {
            drafts.push(draft);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    /// Everything that was said, in the order of files and places.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut drafts = self.drafts.into_inner();
        drafts.sort_by_key(|draft| draft.span);
        drafts.dedup();
        let dropped = self.dropped.get();
        if dropped > 0 {
            let message = format!("{dropped} more diagnostics are not shown");
            drafts.push(Draft::placeless(Severity::Note, message));
        }
        drafts
            .into_iter()
            .map(|draft| draft.finish(self.sources))
            .collect()
    }
}

/// The candidate that `text` was probably meant to be, for other readers of files as well.
#[must_use]
pub fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Below this likeness (0 to 1) a guess confuses more than it helps; `CidrIP` and `CidrIp`
    /// are equal but for case, `Ingres` and `Ingress` 0.86 alike.
    const LIKENESS_MIN: f64 = 0.75;
    /// Longer names, and more of them, are not looked at: the work grows with both lengths.
    const LENGTH_MAX: usize = 64;
    const CANDIDATES_MAX: usize = 1000;
    if text.len() > LENGTH_MAX {
        return None;
    }
    let text = text.to_ascii_lowercase();
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|known| known.len().abs_diff(text.len()) * 4 <= known.len().max(text.len()))
        .map(|known| {
            (
                strsim::normalized_damerau_levenshtein(&text, &known.to_ascii_lowercase()),
                known,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, known)| known)
}
