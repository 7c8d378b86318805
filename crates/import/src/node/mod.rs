//! YAML and JSON as one tree in which every value knows where it was written.
//!
//! CloudFormation reads `22`, `"22"` and `tcp` alike as text and decides by the property what it
//! should be; so a scalar here is its text, and whether it was quoted. YAML 1.1's `yes`, `010` and
//! `12:30` are therefore nothing special, and an account id keeps its leading zeros. Duplicate
//! keys are errors: the last one silently winning is how a firewall rule gets lost.
//!
//! Input is hostile until shown otherwise. Size, depth and the number of nodes are bounded;
//! an alias counts as many nodes as what it stands for ("billion laughs").

mod builder;
mod json;
#[cfg(test)]
mod tests;
mod yaml;

use crate::diagnostic::{Draft, Sink};
use crate::source::{SourceId, Span};

/// Bytes of one file. 2,500 groups with 120 rules each (B15), indented, are some 150 MB.
pub(crate) const SOURCE_BYTES_MAX: usize = 256 << 20;

/// Nesting of mappings and sequences. Templates nest some 15 deep; the tree is walked recursively.
const DEPTH_MAX: usize = 128;

/// Nodes of one file, aliases expanded: a dump of that size has some 6 million.
const NODES_MAX: usize = 8_000_000;

/// A value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// What it is.
    pub(crate) kind: Kind,
    /// A local tag such as `!Ref`, without the exclamation mark.
    pub(crate) tag: Option<Box<str>>,
    /// Where it was written, tag included.
    pub(crate) span: Span,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// Text, number or truth value.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order written, no key twice.
    Mapping(Vec<Entry>),
}

/// Text, and whether it could be a number or truth value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: Box<str>,
    /// Not quoted, so a JSON number, `true` or `false`, or a plain scalar of YAML.
    pub(crate) plain: bool,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key, if this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    /// The entries, if this is a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The text, if this is a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// What it is, with an article, for messages.
    pub(crate) const fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Scalar(Scalar { plain: true, .. }) => "a scalar",
            Kind::Scalar(_) => "a string",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }
}

/// Reads a source. Faults go to `sink`; `None` if nothing can be made of the text.
///
/// A text that begins with `{` or `[` is JSON, unless it only makes sense as YAML (whose flow
/// style begins so too) and is not named `.json`.
pub(crate) fn parse(source: SourceId, sink: &Sink<'_>) -> Option<Node> {
    let text = sink.sources.text(source);
    let content = text.trim_start_matches('\u{feff}').trim_start();
    if !content.starts_with(['{', '[']) {
        return accept(yaml::parse(source, text), sink);
    }
    match json::parse(source, text) {
        Ok(node) => Some(node),
        Err(fault) => {
            let named_json = sink
                .sources
                .name(source)
                .to_ascii_lowercase()
                .ends_with(".json");
            if !named_json && let Ok(node) = yaml::parse(source, text) {
                return Some(node);
            }
            accept(Err(fault), sink)
        }
    }
}

fn accept(result: Result<Node, Vec<Draft>>, sink: &Sink<'_>) -> Option<Node> {
    match result {
        Ok(node) => Some(node),
        Err(drafts) => {
            for draft in drafts {
                sink.push(draft);
            }
            None
        }
    }
}
