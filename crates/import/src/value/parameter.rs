//! Parameters of a template: declared types, defaults, given values and what they may be.

use std::rc::Rc;

use super::{Cause, Unresolved, Value, ValueKind};
use crate::diagnostic::{Draft, Sink};
use crate::node::{Entry, Kind, Node};
use crate::source::Span;

/// Bytes that the compiled form of an `AllowedPattern` may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A declared parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter<'n> {
    name: &'n str,
    name_span: Span,
    body: &'n Node,
}

impl<'n> Parameter<'n> {
    /// From its entry under `Parameters`.
    pub(crate) fn new(entry: &'n Entry) -> Self {
        Self {
            name: &entry.key,
            name_span: entry.key_span,
            body: &entry.value,
        }
    }

    fn kind(&self) -> &'n str {
        self.body
            .get("Type")
            .and_then(Node::text)
            .unwrap_or("String")
    }

    /// Whether the value is looked up by its name in the SSM Parameter Store.
    fn is_stored(&self) -> bool {
        self.kind().starts_with("AWS::SSM::Parameter::Value<")
    }

    fn is_list(&self) -> bool {
        let kind = self.kind();
        let inner = kind
            .strip_prefix("AWS::SSM::Parameter::Value<")
            .unwrap_or(kind);
        inner.starts_with("List<") || inner.starts_with("CommaDelimitedList")
    }

    /// Its value: the given one, or its default.
    pub(super) fn value(&self, given: Option<&str>, span: Span, sink: &Sink<'_>) -> Value {
        if let Some(given) = given {
            return self.typed(given, span);
        }
        let declared = self.name_span;
        let name: Rc<str> = self.name.into();
        let cause = match self.body.get("Default") {
            None => Cause::Parameter { name, declared },
            // The default of such a parameter is not its value but where the value is kept.
            Some(_) if self.is_stored() => Cause::Stored { name, declared },
            Some(default) => {
                let Some(text) = default.text() else {
                    let message = format!("the default of parameter `{name}` must be a string");
                    let found = format!("this is {}", default.describe());
                    sink.push(Draft::error(default.span, message).here(found));
                    return Value::invalid(span);
                };
                return self.typed(text, span);
            }
        };
        Value::new(ValueKind::Unresolved(Unresolved::new(cause).into()), span)
    }

    fn typed(&self, text: &str, span: Span) -> Value {
        if !self.is_list() {
            return Value::text(text, span);
        }
        let items = text.split(',').map(|item| Value::text(item.trim(), span));
        Value::new(
            ValueKind::List(if text.is_empty() {
                vec![]
            } else {
                items.collect()
            }),
            span,
        )
    }

    /// Warns of a given value that CloudFormation would not take.
    pub(crate) fn check(&self, given: &str, sink: &Sink<'_>) {
        let items: Vec<&str> = if self.is_list() {
            given.split(',').map(str::trim).collect()
        } else {
            vec![given]
        };
        for item in items {
            if let Some((rule, fault)) = self.fault(item) {
                let constraint = self.body.get("ConstraintDescription").and_then(Node::text);
                let message = format!("parameter `{}` does not allow `{item}`", self.name);
                let draft = Draft::warning(rule.span, message).here(fault);
                sink.push(draft.maybe_help(constraint.map(str::to_owned)));
            }
        }
    }

    /// The constraint that a value breaks, and how.
    fn fault(&self, item: &str) -> Option<(&'n Node, String)> {
        if let Some(allowed) = self.body.get("AllowedValues")
            && let Kind::Sequence(values) = &allowed.kind
            && !values.iter().any(|value| value.text() == Some(item))
        {
            return Some((allowed, "one of these is allowed".to_owned()));
        }
        if let Some(pattern) = self.body.get("AllowedPattern")
            && let Some(text) = pattern.text()
            && matches(text, item) == Some(false)
        {
            return Some((pattern, "it must match this".to_owned()));
        }
        let length = item.chars().count();
        let limits = [
            (
                "MinLength",
                length as f64,
                f64::ge as fn(&f64, &f64) -> bool,
                "characters at least",
            ),
            ("MaxLength", length as f64, f64::le, "characters at most"),
            (
                "MinValue",
                item.parse().unwrap_or(f64::NAN),
                f64::ge,
                "at least",
            ),
            (
                "MaxValue",
                item.parse().unwrap_or(f64::NAN),
                f64::le,
                "at most",
            ),
        ];
        limits.into_iter().find_map(|(key, value, holds, words)| {
            let rule = self.body.get(key)?;
            let limit: f64 = rule.text()?.parse().ok()?;
            (!holds(&value, &limit)).then(|| (rule, format!("{limit} {words}")))
        })
    }
}

/// Whether the whole of a value matches a pattern. `None` where the pattern is one of Java's that
/// our engine, which cannot be made to run for ever, does not know (look-around, back references).
fn matches(pattern: &str, value: &str) -> Option<bool> {
    let whole = format!("^(?:{pattern})$");
    let compiled = regex_lite::RegexBuilder::new(&whole)
        .size_limit(PATTERN_BYTES_MAX)
        .build();
    compiled.ok().map(|compiled| compiled.is_match(value))
}
