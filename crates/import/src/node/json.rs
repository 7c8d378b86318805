//! JSON, strictly after RFC 8259, but for raw control characters in strings, which CloudFormation
//! lets pass and so do we.
//!
//! The tokens come from `jsonc-parser`; the grammar is here, because here faults can say which
//! bracket stays open and trees stay within bounds.

use jsonc_parser::errors::ParseError;
use jsonc_parser::tokens::Token;
use jsonc_parser::{Scanner, ScannerOptions};

use super::builder::{Builder, Fault};
use super::{Kind, Node};
use crate::diagnostic::Draft;
use crate::source::{SourceId, Span};

/// No liberties with the tokens: what passes here must mean the same to every other reader.
const STRICT: ScannerOptions = ScannerOptions {
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value; `]` too where a list has just begun.
    Value { first: bool },
    /// A key; `}` too where an object has just begun.
    Key { first: bool },
    /// `:`.
    Colon,
    /// `,` or the end of the innermost list or object.
    More,
    /// Nothing: the one value of the text is complete.
    End,
}

/// Reads a JSON text.
pub(super) fn parse(source: SourceId, text: &str) -> Result<Node, Vec<Draft>> {
    let skipped = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut reader = Reader {
        scanner: Scanner::new(&text[skipped..], &STRICT),
        source,
        skipped,
        builder: Builder::default(),
    };
    reader.read().map_err(|fault| vec![*fault])?;
    let end = Span::new(source, text.len()..text.len());
    reader
        .builder
        .finish()?
        .ok_or_else(|| vec![Draft::error(end, "the file is empty")])
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    source: SourceId,
    /// Bytes of the byte-order mark, which the scanner does not see.
    skipped: usize,
    builder: Builder,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Fault> {
        let mut expect = Expect::Value { first: false };
        loop {
            let token = self
                .scanner
                .scan()
                .map_err(|error| self.scan_fault(&error))?;
            let span = self.span(self.scanner.token_start()..self.scanner.token_end());
            let Some(token) = token else {
                return self.end(expect, span);
            };
            expect = self.step(expect, &token, span)?;
        }
    }

    /// What one token does.
    fn step(&mut self, expect: Expect, token: &Token<'_>, span: Span) -> Result<Expect, Fault> {
        match (expect, token) {
            (Expect::Value { first: true }, Token::CloseBracket)
            | (Expect::Key { first: true }, Token::CloseBrace) => self.close(span),
            (Expect::More, Token::CloseBracket | Token::CloseBrace) => {
                let object = *token == Token::CloseBrace;
                match self.builder.innermost() {
                    Some((_, is_object)) if is_object == object => self.close(span),
                    _ => Err(self.unexpected(expect, token, span)),
                }
            }
            (Expect::More, Token::Comma) => Ok(match self.builder.innermost() {
                Some((_, true)) => Expect::Key { first: false },
                _ => Expect::Value { first: false },
            }),
            (Expect::Key { .. }, Token::String(text)) => {
                self.builder
                    .scalar(Node::scalar(text, false, None, span), 0)?;
                Ok(Expect::Colon)
            }
            (Expect::Colon, Token::Colon) => Ok(Expect::Value { first: false }),
            (Expect::Value { .. }, _) => self.value(expect, token, span),
            _ => Err(self.unexpected(expect, token, span)),
        }
    }

    fn value(&mut self, expect: Expect, token: &Token<'_>, span: Span) -> Result<Expect, Fault> {
        let node = match token {
            Token::OpenBrace => {
                self.builder.open_mapping(span, None, 0)?;
                return Ok(Expect::Key { first: true });
            }
            Token::OpenBracket => {
                self.builder.open_sequence(span, None, 0)?;
                return Ok(Expect::Value { first: true });
            }
            Token::String(text) => Node::scalar(text, false, None, span),
            Token::Number(text) => Node::scalar(text, true, None, span),
            Token::Boolean(truth) => {
                Node::scalar(if *truth { "true" } else { "false" }, true, None, span)
            }
            Token::Null => Node {
                kind: Kind::Null,
                tag: None,
                span,
            },
            _ => return Err(self.unexpected(expect, token, span)),
        };
        self.builder.scalar(node, 0)?;
        Ok(self.after_value())
    }

    fn close(&mut self, span: Span) -> Result<Expect, Fault> {
        self.builder.close(span)?;
        Ok(self.after_value())
    }

    fn after_value(&self) -> Expect {
        if self.builder.innermost().is_some() {
            Expect::More
        } else {
            Expect::End
        }
    }

    fn end(&self, expect: Expect, span: Span) -> Result<(), Fault> {
        if expect == Expect::End {
            return Ok(());
        }
        Err(match self.builder.innermost() {
            Some((opened, object)) => {
                let (what, close) = if object {
                    ("object", '}')
                } else {
                    ("list", ']')
                };
                let opened = Span {
                    end: opened.start + 1,
                    ..opened
                };
                Draft::error(span, format!("the file ends before this {what} is closed"))
                    .here(format!("`{close}` expected"))
                    .label(opened, "opened here")
            }
            None => Draft::error(span, "the file is empty"),
        }
        .into())
    }

    fn unexpected(&self, expect: Expect, token: &Token<'_>, span: Span) -> Fault {
        let object = self.builder.innermost().is_some_and(|(_, object)| object);
        let wanted = match expect {
            Expect::Value { .. } => "a value",
            Expect::Key { first: true } => "a key in double quotes or `}`",
            Expect::Key { first: false } => "a key in double quotes",
            Expect::Colon => "`:`",
            Expect::More if object => "`,` or `}`",
            Expect::More => "`,` or `]`",
            Expect::End => "the end of the file",
        };
        let fault = Draft::error(
            span,
            format!("{wanted} expected, found {}", describe(token)),
        );
        let closes = matches!(token, Token::CloseBrace | Token::CloseBracket);
        let fault = match (expect, token) {
            (_, Token::CommentLine(_) | Token::CommentBlock(_)) => {
                fault.help("JSON has no comments; templates may keep them in `Metadata`")
            }
            (Expect::Value { .. } | Expect::Key { .. }, _) if closes => {
                fault.help("remove the comma before it")
            }
            _ => fault,
        };
        fault.into()
    }

    fn scan_fault(&self, error: &ParseError) -> Fault {
        let range = error.range();
        let message = error.kind().to_string();
        let mut message = message.trim_end_matches('.').to_owned();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Draft::error(self.span(range.start..range.end), message).into()
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(
            self.source,
            range.start + self.skipped..range.end + self.skipped,
        )
    }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::String(_) => "a string".to_owned(),
        Token::Number(text) | Token::Word(text) => format!("`{}`", shorten(text)),
        Token::CommentLine(_) | Token::CommentBlock(_) => "a comment".to_owned(),
        other => format!("`{}`", other.as_str()),
    }
}

/// The first characters of a text that may be of any length.
fn shorten(text: &str) -> String {
    /// Enough to recognise a word by.
    const SHOWN_CHARACTERS: usize = 40;
    text.chars().take(SHOWN_CHARACTERS).collect()
}
