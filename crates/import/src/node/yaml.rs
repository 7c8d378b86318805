//! YAML, as far as CloudFormation reads it: one document, local tags, anchors and aliases, no
//! merge keys.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::builder::{Builder, Fault};
use super::{Kind, Node};
use crate::diagnostic::Draft;
use crate::source::{SourceId, Span};

/// Where the types of YAML itself live.
const YAML_NAMESPACE: &str = "tag:yaml.org,2002:";

/// Reads a YAML text.
pub(super) fn parse(source: SourceId, text: &str) -> Result<Node, Vec<Draft>> {
    let mut options = granit_parser::options! {
        // Our own bound on depth (`DEPTH_MAX`) is lower and says what it means.
        flow_nesting_limit: 255,
        block_nesting_limit: 255,
    };
    options.set_emit_comments(false);
    let skipped = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut builder = Builder::default();
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(&text[skipped..], options) {
        let (event, place) =
            next.map_err(|error| vec![scan_fault(source, text, skipped, &error)])?;
        let mut range = place.byte_range().unwrap_or(0..0);
        if let Some(tag) = place.tag_start().and_then(|mark| mark.byte_offset()) {
            range.start = range.start.min(tag);
        }
        let span = Span::new(source, range.start + skipped..range.end + skipped);
        if let Event::DocumentStart(..) = event {
            documents += 1;
            if documents > 1 {
                let fault = Draft::error(span, "the file holds more than one YAML document");
                return Err(vec![fault.help("keep one template per file")]);
            }
        }
        step(&mut builder, event, span).map_err(|fault| vec![*fault])?;
    }
    let end = Span::new(source, 0..0);
    builder
        .finish()?
        .ok_or_else(|| vec![Draft::error(end, "the file is empty")])
}

/// What one event does.
fn step(builder: &mut Builder, event: Event<'_>, span: Span) -> Result<(), Fault> {
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let tag = tag.as_deref();
            let plain = style == ScalarStyle::Plain;
            let null =
                plain && tag.is_none() && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
            let null = null || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("null"));
            let node = if null {
                Node {
                    kind: Kind::Null,
                    tag: None,
                    span,
                }
            } else {
                // `!!str 22` is text as much as `"22"` is.
                let plain = plain && !tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                Node::scalar(&text, plain, local_tag(tag, span)?, span)
            };
            builder.scalar(node, anchor)
        }
        Event::SequenceStart(_, anchor, tag) => {
            builder.open_sequence(span, local_tag(tag.as_deref(), span)?, anchor)
        }
        Event::MappingStart(_, anchor, tag) => {
            builder.open_mapping(span, local_tag(tag.as_deref(), span)?, anchor)
        }
        Event::SequenceEnd | Event::MappingEnd => builder.close(span),
        Event::Alias(anchor) => builder.alias(anchor, span),
        // The stream, its one document, comments and what later versions of the parser may add.
        _ => Ok(()),
    }
}

/// `Ref` for `!Ref`; nothing for the tags of YAML itself, which add nothing here.
fn local_tag(tag: Option<&Tag>, span: Span) -> Result<Option<Box<str>>, Fault> {
    let Some(tag) = tag else { return Ok(None) };
    if let Some(suffix) = tag.suffix_in_namespace(YAML_NAMESPACE) {
        return match &*suffix {
            "binary" | "omap" | "pairs" | "set" | "timestamp" => {
                let message = format!("CloudFormation does not know the YAML type `!!{suffix}`");
                Err(Draft::error(span, message).into())
            }
            _ => Ok(None),
        };
    }
    // The non-specific tag `!` only says that the value is not to be guessed at.
    let suffix = Some(tag.suffix()).filter(|suffix| !matches!(*suffix, "" | "!"));
    Ok(suffix.map(Into::into))
}

fn scan_fault(source: SourceId, text: &str, skipped: usize, error: &ScanError) -> Draft {
    let start = error
        .marker()
        .byte_offset()
        .unwrap_or(text.len())
        .saturating_add(skipped);
    let start = start.min(text.len());
    let width = text.get(start..).and_then(|rest| rest.chars().next());
    let width = width.filter(|&c| c != '\n').map_or(0, char::len_utf8);
    let message = error.info();
    let draft = Draft::error(
        Span::new(source, start..start + width),
        format!("not YAML: {message}"),
    );
    // The parser points at the value that a tab interrupts, or at the tab.
    let lines = text.get(start..).unwrap_or("").lines().take(2);
    let mut indents = lines.map(|line| &line[..line.len() - line.trim_start().len()]);
    if indents.any(|indent| indent.contains('\t')) {
        return draft.help("indent with spaces");
    }
    draft
}
