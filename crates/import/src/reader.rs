//! Reads typed fields out of a mapping, and says what is wrong with the ones that do not fit.
//!
//! Templates and dumps are read with the same words. What differs: in a dump `null` means that
//! there is nothing, in a template it is a fault. Absent fields are `None`; faulty ones are too,
//! but they were reported and [`Object::failed`] remembers it, so that nobody builds half a rule.

use std::cell::Cell;
use std::rc::Rc;

use crate::diagnostic::{Draft, Sink};
use crate::source::Span;
use crate::value::{Cause, Field, Unresolved, Value, ValueKind};

/// What a value that is not known means to whoever asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A rule cannot be without it: an error.
    Rule,
    /// Nothing is decided by it: a warning, and a placeholder.
    Shown,
}

/// A text and where it was written.
pub(crate) type Text = (Rc<str>, Span);

/// A mapping that is being read.
#[derive(Debug)]
pub(crate) struct Object<'v, 's> {
    fields: &'v [Field],
    /// Where what is missing is missed.
    pub(crate) span: Span,
    /// What the mapping is, for messages: "security group `WebServers`".
    pub(crate) what: String,
    pub(crate) sink: &'s Sink<'s>,
    null_is_absent: bool,
    failed: Cell<bool>,
}

impl<'v, 's> Object<'v, 's> {
    /// A mapping of a template.
    pub(crate) fn of_template(
        fields: &'v [Field],
        span: Span,
        what: impl Into<String>,
        sink: &'s Sink<'s>,
    ) -> Self {
        let what = what.into();
        Self {
            fields,
            span,
            what,
            sink,
            null_is_absent: false,
            failed: Cell::new(false),
        }
    }

    /// A mapping of a dump.
    pub(crate) fn of_dump(
        fields: &'v [Field],
        span: Span,
        what: impl Into<String>,
        sink: &'s Sink<'s>,
    ) -> Self {
        Self {
            null_is_absent: true,
            ..Self::of_template(fields, span, what, sink)
        }
    }

    /// A mapping inside of this one, if that is what the value is.
    pub(crate) fn inner<'i>(
        &self,
        key: &str,
        value: &'i Value,
        what: impl Into<String>,
    ) -> Option<Object<'i, 's>> {
        match &value.kind {
            ValueKind::Map(fields) => {
                let object = Object::of_template(fields, value.span, what, self.sink);
                Some(Object {
                    null_is_absent: self.null_is_absent,
                    ..object
                })
            }
            _ => self.wrong(key, value, "a mapping"),
        }
    }

    /// Whether something was wrong so far.
    pub(crate) const fn failed(&self) -> bool {
        self.failed.get()
    }

    /// Takes over the faults of a mapping inside of this one.
    pub(crate) fn inherit(&self, inner: &Object<'_, '_>) {
        self.failed.set(self.failed.get() || inner.failed.get());
    }

    /// Reports a fault.
    pub(crate) fn fail(&self, draft: Draft) {
        self.failed.set(true);
        self.sink.push(draft);
    }

    /// Reports what is a fault where it matters to a rule.
    pub(crate) fn fail_or_say(&self, need: Need, draft: Draft) {
        if need == Need::Rule {
            self.failed.set(true);
        }
        self.sink.push(draft);
    }

    /// Whether a field was written, readable or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        let field = self.fields.iter().find(|field| &*field.key == key);
        field.is_some_and(|field| field.value.kind != ValueKind::NoValue)
    }

    /// The value of a field that is there.
    pub(crate) fn get(&self, key: &str) -> Option<&'v Value> {
        let field = self.fields.iter().find(|field| &*field.key == key)?;
        match field.value.kind {
            ValueKind::NoValue => None,
            ValueKind::Null if self.null_is_absent => None,
            ValueKind::Null => {
                let message = format!("`{key}` is null");
                let help = "give it a value, or leave it out";
                self.fail(Draft::error(field.key_span.to(field.value.span), message).help(help));
                None
            }
            ValueKind::Invalid => {
                self.failed.set(true);
                None
            }
            _ => Some(&field.value),
        }
    }

    /// Where a field was written, or the whole.
    pub(crate) fn place(&self, key: &str) -> Span {
        let field = self.fields.iter().find(|field| &*field.key == key);
        field.map_or(self.span, |field| field.value.span)
    }

    /// A value of the wrong kind. Those that are not known are an error of their own.
    pub(crate) fn wrong<T>(&self, key: &str, value: &Value, wanted: &str) -> Option<T> {
        match &value.kind {
            ValueKind::Invalid => self.failed.set(true),
            ValueKind::Unresolved(unresolved) => self.unknown(&unresolved.cause, value.span),
            ValueKind::Resource(reference) => {
                self.unknown(&Cause::Resource(reference.clone()), value.span);
            }
            _ => {
                let message = format!("`{key}` must be {wanted}, not {}", value.describe());
                self.fail(Draft::error(value.span, message));
            }
        }
        None
    }

    /// Reports that a value which decides something is not known.
    pub(crate) fn unknown(&self, cause: &Cause, span: Span) {
        let message = format!("{} depends on {}", self.what, cause.on());
        let mut draft = Draft::error(span, message).help(cause.help());
        if let Some(declared) = cause.declared() {
            draft = draft.label(declared, "declared here");
        }
        self.fail(draft);
    }

    /// Reports that a value which decides nothing is not known, once per cause. That a resource has
    /// no real id yet is no news: its logical id stands for it.
    pub(crate) fn mention(&self, cause: &Cause, span: Span) {
        let known = matches!(cause, Cause::Resource(_));
        if !known && self.sink.first_mention(&cause.on()) {
            let message = format!("{} depends on {}", self.what, cause.on());
            self.sink
                .push(Draft::warning(span, message).help(cause.help()));
        }
    }

    /// A value as text.
    pub(crate) fn as_text(&self, key: &str, value: &Value, need: Need) -> Option<Text> {
        match (&value.kind, need) {
            (ValueKind::Text(text), _) => Some((text.clone(), value.span)),
            (ValueKind::Unresolved(unresolved), Need::Shown) => {
                self.mention(&unresolved.cause, value.span);
                Some((unresolved.placeholder.clone(), value.span))
            }
            (ValueKind::Resource(reference), Need::Shown) => {
                let unresolved = Unresolved::new(Cause::Resource(reference.clone()));
                Some((unresolved.placeholder, value.span))
            }
            _ => self.wrong(key, value, "a string"),
        }
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, key: &str, need: Need) -> Option<Text> {
        self.get(key)
            .and_then(|value| self.as_text(key, value, need))
    }

    /// A text that is of no use as a placeholder: one that is not known is as if it were not there.
    pub(crate) fn known_text(&self, key: &str) -> Option<Text> {
        let value = self.get(key)?;
        match &value.kind {
            ValueKind::Unresolved(unresolved) => {
                self.mention(&unresolved.cause, value.span);
                None
            }
            ValueKind::Resource(_) => None,
            _ => self.as_text(key, value, Need::Shown),
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(&self, key: &str, need: Need) -> Option<Text> {
        self.required(key)
            .and_then(|value| self.as_text(key, value, need))
    }

    /// A value that must be there.
    pub(crate) fn required(&self, key: &str) -> Option<&'v Value> {
        let failed = self.failed.replace(false);
        let value = self.get(key);
        if value.is_none() && !self.failed.get() {
            self.fail(Draft::error(
                self.span,
                format!("{} lacks `{key}`", self.what),
            ));
        }
        self.failed.set(failed || self.failed.get());
        value
    }

    /// A whole number, if it is there (F5: as number or text).
    pub(crate) fn integer(&self, key: &str, need: Need) -> Option<(i64, Span)> {
        let value = self.get(key)?;
        if let (ValueKind::Unresolved(unresolved), Need::Shown) = (&value.kind, need) {
            self.mention(&unresolved.cause, value.span);
            return None;
        }
        let ValueKind::Text(text) = &value.kind else {
            return self.wrong(key, value, "a whole number");
        };
        let number = whole_number(text);
        if number.is_none() {
            let message = format!("`{key}` must be a whole number, not `{text}`");
            self.fail(Draft::error(value.span, message));
        }
        number.map(|number| (number, value.span))
    }

    /// A truth value, if it is there.
    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        match &value.kind {
            ValueKind::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            ValueKind::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            ValueKind::Text(text) => {
                let message = format!("`{key}` must be true or false, not `{text}`");
                self.fail(Draft::error(value.span, message));
                None
            }
            ValueKind::Unresolved(unresolved) => {
                self.mention(&unresolved.cause, value.span);
                None
            }
            _ => self.wrong(key, value, "true or false"),
        }
    }

    /// The items of a list, with their places in it; `AWS::NoValue` and faulty ones are left out.
    /// Empty where the field is absent.
    pub(crate) fn list(&self, key: &str, need: Need) -> Vec<(usize, &'v Value)> {
        let Some(value) = self.get(key) else {
            return vec![];
        };
        let items = match (&value.kind, need) {
            (ValueKind::List(items), _) => items,
            (ValueKind::Unresolved(unresolved), Need::Shown) => {
                self.mention(&unresolved.cause, value.span);
                return vec![];
            }
            (ValueKind::Map(_), _) => {
                let message = format!("`{key}` must be a list, not a mapping");
                let help = "put `- ` before its first line (JSON: brackets around it)";
                self.fail(Draft::error(value.span, message).help(help));
                return vec![];
            }
            (ValueKind::Resource(reference), _) if reference.attribute.is_none() => {
                let message = format!("`{key}` must be a list, not one reference");
                let help = format!("write it as a list of one: `[!Ref {}]`", reference.logical);
                self.fail(Draft::error(value.span, message).help(help));
                return vec![];
            }
            _ => {
                self.wrong::<()>(key, value, "a list");
                return vec![];
            }
        };
        let present = |(_, item): &(usize, &Value)| match &item.kind {
            ValueKind::NoValue => false,
            ValueKind::Invalid => {
                self.failed.set(true);
                false
            }
            _ => true,
        };
        items.iter().enumerate().filter(present).collect()
    }

    /// Warns of fields that nobody reads and nobody knows.
    pub(crate) fn check_keys(&self, known: &[&str]) {
        for field in self.fields {
            if !known.contains(&&*field.key) {
                unknown_key(self.sink, &self.what, &field.key, field.key_span, known);
            }
        }
    }
}

/// Warns of a key that has no meaning.
pub(crate) fn unknown_key(sink: &Sink<'_>, what: &str, key: &str, span: Span, known: &[&str]) {
    let draft = Draft::warning(span, format!("{what} has no property `{key}`")).here("ignored");
    let meant = sink.did_you_mean(key, known.iter().copied());
    sink.push(draft.maybe_help(meant));
}

/// `22`, `-1`, `22.0`: the forms in which YAML and JSON tools write a whole number.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.split_once('.').map_or(text, |(whole, fraction)| {
        if !fraction.is_empty() && fraction.bytes().all(|b| b == b'0') {
            whole
        } else {
            text
        }
    });
    digits.parse().ok()
}
