//! `Fn::Sub`: text with `${Name}`, `${Resource.Attribute}`, `${Variable}` and `${!Literal}`.

use super::function::Call;
use super::{Evaluator, Field, Value, ValueKind};
use crate::diagnostic::Draft;
use crate::node::Kind;
use crate::source::Span;

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'t> {
    /// As it stands.
    Text(&'t str),
    /// What `${…}` names.
    Name(&'t str),
}

impl Evaluator<'_> {
    /// `Fn::Sub: text`, `Fn::Sub: [text, {variable: value, …}]`.
    pub(super) fn substitute(&self, call: Call<'_>) -> Value {
        let (text, variables) = match &call.argument.kind {
            Kind::Scalar(scalar) => (&scalar.text, vec![]),
            Kind::Sequence(items) => match &items[..] {
                [text, variables] if matches!(variables.kind, Kind::Mapping(_)) => {
                    let (Kind::Scalar(scalar), ValueKind::Map(fields)) =
                        (&text.kind, self.eval(variables).kind)
                    else {
                        return self.misused(call, "text, or [text, {variable: value, ...}]");
                    };
                    (&scalar.text, fields)
                }
                _ => return self.misused(call, "text, or [text, {variable: value, ...}]"),
            },
            Kind::Null | Kind::Mapping(_) => {
                return self.misused(call, "text, or [text, {variable: value, ...}]");
            }
        };
        let pieces = pieces(text);
        let mut places = Places {
            source: self.sink().sources.slice(call.span),
            from: 0,
        };
        // A lone `${Name}` is the same as a `Ref`: what it names stays what it is.
        if let [Piece::Name(name)] = pieces[..] {
            return self.variable(name, &variables, places.next(name, call.span));
        }
        let value = |piece| match piece {
            Piece::Text(text) => Value::text(text, call.span),
            Piece::Name(name) => self.variable(name, &variables, places.next(name, call.span)),
        };
        let parts = pieces.into_iter().map(value).collect();
        self.concat(parts, "", call.span)
    }

    /// What `${name}` stands for.
    fn variable(&self, name: &str, variables: &[Field], span: Span) -> Value {
        if !self.spend(variables.len(), span) {
            return Value::invalid(span);
        }
        if let Some(field) = variables.iter().find(|field| &*field.key == name) {
            return self.copied(field.value.clone());
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:".contains(&b))
        {
            let message = format!("`${{{name}}}` names no parameter or resource");
            let help = format!("write `${{!{name}}}` for the text itself");
            return self.error(Draft::error(span, message).help(help), span);
        }
        match name.split_once('.') {
            Some((logical, attribute)) => self.attribute(logical, attribute, span),
            None => self.name(name, span),
        }
    }
}

/// Finds the `${…}` of a text in its source, one after the other.
struct Places<'s> {
    source: &'s str,
    from: usize,
}

impl Places<'_> {
    /// Where the next `${name}` is written; the whole where it cannot be told, as in a text with
    /// escapes or folded lines.
    fn next(&mut self, name: &str, whole: Span) -> Span {
        let written = format!("${{{name}}}");
        let rest = &self.source[self.from..];
        let Some(at) = rest.find(&written) else {
            self.from = self.source.len();
            return whole;
        };
        let start = whole.range().start + self.from + at;
        self.from += at + written.len();
        Span::new(whole.source, start..start + written.len())
    }
}

/// Takes a text apart. A `${` that never closes is text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${")
        && let Some((inside, remainder)) = after.split_once('}')
    {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        match inside.strip_prefix('!') {
            // `${!b}` says `${b}`: all but the exclamation mark.
            Some(_) => pieces.extend([Piece::Text("${"), Piece::Text(&after[1..=inside.len()])]),
            None => pieces.push(Piece::Name(inside)),
        }
        rest = remainder;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_text() {
        use Piece::{Name, Text};
        assert_eq!(pieces(""), []);
        assert_eq!(pieces("plain"), [Text("plain")]);
        assert_eq!(pieces("${A}"), [Name("A")]);
        assert_eq!(
            pieces("x${A.B}y${AWS::Region}"),
            [Text("x"), Name("A.B"), Text("y"), Name("AWS::Region"),]
        );
        assert_eq!(
            pieces("a ${!b} c"),
            [Text("a "), Text("${"), Text("b}"), Text(" c")]
        );
        assert_eq!(pieces("a ${b"), [Text("a ${b")]);
        assert_eq!(pieces("$x $$ {}"), [Text("$x $$ {}")]);
    }
}
