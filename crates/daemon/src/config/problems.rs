//! Everything there is to say about one file, while it is read.

use std::ops::Range;

use secgroup_import::{Diagnostic, Label, Severity, SourceId, Sources};

/// Diagnostics kept of one file: nobody reads more.
const PROBLEMS_MAX: usize = 1000;

/// What is wrong with a file, so far.
#[derive(Debug)]
pub(crate) struct Problems<'s> {
    sources: &'s Sources,
    source: SourceId,
    list: Vec<Diagnostic>,
    failed: bool,
}

/// One problem, to be described further.
#[derive(Debug)]
pub(crate) struct Problem<'p> {
    sources: &'p Sources,
    source: SourceId,
    diagnostic: &'p mut Diagnostic,
}

impl<'s> Problems<'s> {
    /// None yet.
    pub(crate) const fn new(sources: &'s Sources, source: SourceId) -> Self {
        Self {
            sources,
            source,
            list: Vec::new(),
            failed: false,
        }
    }

    /// Whether something makes the file unusable.
    pub(crate) const fn failed(&self) -> bool {
        self.failed
    }

    /// Something that makes the file unusable: one sentence without full stop.
    pub(crate) fn error(&mut self, at: Range<usize>, message: impl Into<String>) -> Problem<'_> {
        self.failed = true;
        self.add(Severity::Error, at, message.into())
    }

    /// Something that perhaps was not meant.
    pub(crate) fn warning(&mut self, at: Range<usize>, message: impl Into<String>) -> Problem<'_> {
        self.add(Severity::Warning, at, message.into())
    }

    /// All of them in the order of their places, and whether one is an error.
    pub(crate) fn finish(self) -> (Vec<Diagnostic>, bool) {
        let mut list = self.list;
        list.sort_by_key(|problem| {
            problem
                .location
                .as_ref()
                .map(|place| (place.start, place.end))
        });
        (list, self.failed)
    }

    fn add(&mut self, severity: Severity, at: Range<usize>, message: String) -> Problem<'_> {
        // The last one makes room: there always is one to describe further.
        if self.list.len() >= PROBLEMS_MAX {
            self.list.pop();
        }
        self.list.push(Diagnostic {
            severity,
            code: None,
            message,
            location: self.sources.locate(self.source, at),
            label: None,
            labels: Vec::new(),
            help: Vec::new(),
        });
        let last = self.list.len() - 1;
        Problem {
            sources: self.sources,
            source: self.source,
            diagnostic: &mut self.list[last],
        }
    }
}

impl Problem<'_> {
    /// With a word beside the place itself.
    pub(crate) fn here(self, text: impl Into<String>) -> Self {
        self.diagnostic.label = Some(text.into());
        self
    }

    /// With another place.
    pub(crate) fn label(self, at: Range<usize>, text: impl Into<String>) -> Self {
        if let Some(location) = self.sources.locate(self.source, at) {
            let text = text.into();
            self.diagnostic.labels.push(Label { location, text });
        }
        self
    }

    /// With what to write instead.
    pub(crate) fn help(self, text: impl Into<String>) -> Self {
        self.diagnostic.help.push(text.into());
        self
    }

    /// With what to write instead, where that is known.
    pub(crate) fn maybe_help(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }
}
