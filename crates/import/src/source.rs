//! The texts that were read, and places in them.

use std::ops::Range;
use std::sync::Arc;

/// Bytes between two character counts of the index: what a column costs to find, at most.
const CHECKPOINT_BYTES: usize = 1024;

/// Which of the [`Sources`] a place lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A range of bytes of one source. Offsets fit 32 bits because texts are bounded far below that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    pub(crate) source: SourceId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The bytes from `range` of `source`; a range beyond 32 bits is cut off there.
    pub(crate) fn new(source: SourceId, range: Range<usize>) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            source,
            start: cut(range.start),
            end: cut(range.end.max(range.start)),
        }
    }

    /// As byte offsets of the text.
    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of `self` to the end of `other`, which is of the same source.
    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            end: self.end.max(other.end),
            ..self
        }
    }
}

/// A place in a file, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Location {
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// Which of the sources it is.
    #[serde(skip)]
    pub source: SourceId,
}

/// Every text of a load, by [`SourceId`]: what [`render`](crate::render) quotes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

/// One text.
#[derive(Debug, Clone)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
    /// Characters before each multiple of [`CHECKPOINT_BYTES`]; dumps are often one long line.
    checkpoints: Vec<u32>,
}

impl Sources {
    /// Takes in a text, under the name that places in it are to have. Places beyond 4 GiB cannot be told.
    pub fn add(&mut self, name: &str, text: &str) -> SourceId {
        let id = SourceId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(Source::new(name, text));
        id
    }

    /// The text of a source; empty for an id of other sources.
    #[must_use]
    pub fn text(&self, id: SourceId) -> &str {
        self.source(id).map_or("", |source| &source.text)
    }

    /// The name of a source, as the user gave it.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.source(id).map_or("", |source| &source.name)
    }

    /// Line and column of a range of bytes; `None` for an id of other sources.
    #[must_use]
    pub fn locate(&self, id: SourceId, range: Range<usize>) -> Option<Location> {
        self.location(Span::new(id, range))
    }

    /// The word at a line and column of a file, both as in [`Location`]; `None` for a file that is none of these.
    #[must_use]
    pub fn find(&self, file: &str, line: u32, column: u32) -> Option<Location> {
        let at = self.list.iter().position(|source| &*source.name == file)?;
        let source = self.list.get(at)?;
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let line_start = usize::try_from(*source.lines.get(line)?).ok()?;
        let rest = source.text.get(line_start..)?;
        let skipped = usize::try_from(column).ok()?.checked_sub(1)?;
        let (before, _) = rest.char_indices().nth(skipped)?;
        let word = rest.get(before..)?;
        let length = word
            .find(|c: char| c.is_whitespace() || ":,{}[]".contains(c))
            .unwrap_or(word.len())
            .max(1);
        let start = line_start + before;
        self.locate(SourceId(u32::try_from(at).ok()?), start..start + length)
    }

    /// The text of a span.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.range()).unwrap_or("")
    }

    /// Line and column of a span.
    pub(crate) fn location(&self, span: Span) -> Option<Location> {
        let source = self.source(span.source)?;
        let (line, column) = source.position(span.range().start);
        Some(Location {
            file: source.name.clone(),
            line,
            column,
            start: span.range().start,
            end: span.range().end,
            source: span.source,
        })
    }

    fn source(&self, id: SourceId) -> Option<&Source> {
        self.list.get(id.0 as usize)
    }
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let mut lines = vec![0];
        let mut checkpoints = Vec::with_capacity(text.len() / CHECKPOINT_BYTES + 1);
        let mut characters = 0;
        for (offset, byte) in text.bytes().enumerate() {
            if offset % CHECKPOINT_BYTES == 0 {
                checkpoints.push(characters);
            }
            characters += u32::from(starts_character(byte));
            if byte == b'\n' {
                lines.push(cut(offset + 1));
            }
        }
        if text.len().is_multiple_of(CHECKPOINT_BYTES) {
            checkpoints.push(characters);
        }
        Self {
            name: name.into(),
            text: text.into(),
            lines,
            checkpoints,
        }
    }

    /// 1-based line and column of a byte.
    fn position(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self
            .lines
            .partition_point(|&start| start as usize <= offset)
            .max(1);
        let start = self.lines[line - 1] as usize;
        let column = self.characters_before(offset) - self.characters_before(start) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), column)
    }

    fn characters_before(&self, offset: usize) -> u32 {
        let block = offset / CHECKPOINT_BYTES;
        let rest = &self.text.as_bytes()[block * CHECKPOINT_BYTES..offset];
        self.checkpoints[block]
            + rest
                .iter()
                .map(|&byte| u32::from(starts_character(byte)))
                .sum::<u32>()
    }
}

/// Whether a byte of UTF-8 is not a continuation of the character before it.
const fn starts_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_found_by_line_and_column() {
        let mut sources = Sources::default();
        sources.add("a", "x");
        let id = sources.add("b", "Resources:\n  \u{e9} Web: {Type: x}\n");
        let word = |line, column| {
            let found = sources.find("b", line, column)?;
            assert_eq!((found.line, found.column, found.source), (line, column, id));
            sources.text(id).get(found.start..found.end)
        };
        assert_eq!(word(2, 5), Some("Web"));
        assert_eq!(word(1, 1), Some("Resources"));
        assert_eq!(word(9, 1), None);
        assert_eq!(word(2, 99), None);
        assert_eq!(sources.find("c", 1, 1), None);
    }

    proptest! {
        /// Against the obvious definition: lines and characters counted from the start.
        #[test]
        fn positions_count_lines_and_characters(text in "[a\u{e9}\u{1f600}\n]{0,3000}") {
            let source = Source::new("x", &text);
            for (offset, _) in text.char_indices().step_by(37).chain([(text.len(), ' ')]) {
                let before = &text[..offset];
                let line = before.matches('\n').count() + 1;
                let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
                let (found_line, found_column) = source.position(offset);
                prop_assert_eq!((found_line as usize, found_column as usize), (line, column));
            }
        }
    }
}
