//! The intrinsic functions that take values and make values.

use super::function::{Call, Function};
use super::{Cause, Evaluator, Unresolved, Value, ValueKind};
use crate::diagnostic::Draft;
use crate::node::{Kind, Node};
use crate::source::Span;

/// The zones that stand for those of a Region, whose number and names only AWS knows.
const ZONES: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];

/// A value that was asked for, or what the call comes to without it.
type Arg<T> = Result<T, Value>;

impl Evaluator<'_> {
    /// A call with arguments of the wrong number or kind.
    pub(super) fn misused(&self, call: Call<'_>, takes: &str) -> Value {
        let message = format!("`{}` takes {takes}", call.function.name());
        self.error(Draft::error(call.span, message), call.span)
    }

    /// The arguments as a list of nodes.
    fn items<'n>(&self, call: Call<'n>, takes: &str) -> Arg<&'n [Node]> {
        match &call.argument.kind {
            Kind::Sequence(items) => Ok(items),
            _ => Err(self.misused(call, takes)),
        }
    }

    /// A value as text.
    pub(super) fn as_text(&self, value: Value, call: Call<'_>) -> Arg<std::rc::Rc<str>> {
        match value.kind {
            ValueKind::Text(text) => Ok(text),
            ValueKind::Invalid => Err(Value::invalid(call.span)),
            ValueKind::Unresolved(_) => Err(value.at(call.span)),
            ValueKind::Resource(reference) => Err(unknown(Cause::Resource(reference), call.span)),
            _ => {
                let (name, found) = (call.function.name(), value.describe());
                let message = format!("`{name}` expects text here, found {found}");
                Err(self.error(Draft::error(value.span, message), call.span))
            }
        }
    }

    /// A value as a list.
    fn as_list(&self, value: Value, call: Call<'_>) -> Arg<Vec<Value>> {
        match value.kind {
            ValueKind::List(items) => Ok(items),
            ValueKind::Invalid => Err(Value::invalid(call.span)),
            ValueKind::Unresolved(_) => Err(value.at(call.span)),
            ValueKind::Resource(reference) => Err(unknown(Cause::Resource(reference), call.span)),
            _ => {
                let (name, found) = (call.function.name(), value.describe());
                let message = format!("`{name}` expects a list here, found {found}");
                Err(self.error(Draft::error(value.span, message), call.span))
            }
        }
    }

    /// `Fn::Join: [separator, [part, …]]`.
    pub(super) fn join(&self, call: Call<'_>) -> Value {
        const TAKES: &str = "[separator, [part, ...]]";
        self.try_join(call, TAKES).unwrap_or_else(|value| value)
    }

    fn try_join(&self, call: Call<'_>, takes: &str) -> Arg<Value> {
        let [separator, parts] = self.items(call, takes)? else {
            return Err(self.misused(call, takes));
        };
        let Some(separator) = separator
            .text()
            .or_else(|| (separator.kind == Kind::Null).then_some(""))
        else {
            return Err(self.misused(call, takes));
        };
        let parts = self.as_list(self.eval(parts), call)?;
        Ok(self.concat(parts, separator, call.span))
    }

    /// `Fn::Split: [separator, text]`.
    pub(super) fn split(&self, call: Call<'_>) -> Value {
        self.try_split(call).unwrap_or_else(|value| value)
    }

    fn try_split(&self, call: Call<'_>) -> Arg<Value> {
        const TAKES: &str = "[separator, text]";
        let [separator, text] = self.items(call, TAKES)? else {
            return Err(self.misused(call, TAKES));
        };
        let Some(separator) = separator.text().filter(|separator| !separator.is_empty()) else {
            return Err(self.misused(call, TAKES));
        };
        let value = self.eval(text);
        if let ValueKind::Resource(reference) = &value.kind
            && reference.is_id()
            && !separator
                .chars()
                .any(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        {
            // No id holds such a separator: templates make a list of one out of an id in this way.
            return Ok(Value::new(ValueKind::List(vec![value]), call.span));
        }
        let text = self.as_text(value, call)?;
        if !self.spend(text.len(), call.span) {
            return Err(Value::invalid(call.span));
        }
        let parts = text
            .split(separator)
            .map(|part| Value::text(part, call.span));
        Ok(Value::new(ValueKind::List(parts.collect()), call.span))
    }

    /// `Fn::Select: [index, list]`.
    pub(super) fn select(&self, call: Call<'_>) -> Value {
        self.try_select(call).unwrap_or_else(|value| value)
    }

    fn try_select(&self, call: Call<'_>) -> Arg<Value> {
        const TAKES: &str = "[index, list]";
        let [index, list] = self.items(call, TAKES)? else {
            return Err(self.misused(call, TAKES));
        };
        let text = self.as_text(self.eval(index), call)?;
        let items = self.as_list(self.eval(list), call)?;
        let Ok(at) = text.trim().parse::<usize>() else {
            let message = format!("`Fn::Select` takes a number from 0, found `{text}`");
            return Err(self.error(Draft::error(index.span, message), call.span));
        };
        let count = items.len();
        match items.into_iter().nth(at) {
            Some(value) => Ok(value.at(call.span)),
            None => {
                let message = format!("`Fn::Select` asks for item {at} of a list of {count}");
                let draft = Draft::error(call.span, message).help("the first item is number 0");
                Err(self.error(draft, call.span))
            }
        }
    }

    /// `Fn::Length: list`, of the language extensions.
    pub(super) fn length(&self, call: Call<'_>) -> Value {
        match self.as_list(self.argument(call), call) {
            Ok(items) => Value::text(&items.len().to_string(), call.span),
            Err(value) => value,
        }
    }

    /// `Fn::GetAZs: region`: placeholders, the same ones wherever they are asked for.
    pub(super) fn zones(&self, call: Call<'_>) -> Value {
        let here = &self.context.options.region;
        let given = self.argument(call);
        let region = match given.kind {
            // `Fn::GetAZs: ""`, and YAML's `!GetAZs` with nothing after it.
            ValueKind::Null => here.as_str().into(),
            _ => match self.as_text(given, call) {
                Ok(text) if text.is_empty() => here.as_str().into(),
                Ok(text) => text,
                Err(value) => return value,
            },
        };
        let zone = |letter: &char| Value::text(&format!("{region}{letter}"), call.span);
        Value::new(ValueKind::List(ZONES.iter().map(zone).collect()), call.span)
    }

    /// `Fn::FindInMap: [map, first key, second key]`, with the default of the language extensions.
    pub(super) fn find_in_map(&self, call: Call<'_>) -> Value {
        self.try_find_in_map(call).unwrap_or_else(|value| value)
    }

    fn try_find_in_map(&self, call: Call<'_>) -> Arg<Value> {
        const TAKES: &str = "[map, first key, second key]";
        let items = self.items(call, TAKES)?;
        let ([map, first, second] | [map, first, second, _]) = items else {
            return Err(self.misused(call, TAKES));
        };
        let default = items.get(3).and_then(|options| options.get("DefaultValue"));
        let mut found = self.template.mappings();
        for (node, what) in [
            (map, "mapping"),
            (first, "first key"),
            (second, "second key"),
        ] {
            let key = self.as_text(self.eval(node), call)?;
            let level = found;
            // The keys are looked through one by one.
            if !self.spend(level.map_or(0, |level| level.entries().len()), node.span) {
                return Err(Value::invalid(call.span));
            }
            found = level.and_then(|level| level.get(&key));
            if found.is_none() {
                if let Some(default) = default {
                    return Ok(self.eval(default));
                }
                let known = level
                    .map_or(&[][..], Node::entries)
                    .iter()
                    .map(|entry| &*entry.key);
                let help = self.sink().did_you_mean(&key, known);
                let message = format!("there is no {what} `{key}` to find");
                let draft = Draft::error(node.span, message).maybe_help(help);
                return Err(self.error(draft, call.span));
            }
        }
        let found = found.map(|node| self.eval(node).at(call.span));
        found.ok_or_else(|| Value::invalid(call.span))
    }

    /// `Fn::ImportValue: name`: a given value, or what another template of the load exports.
    pub(super) fn import_value(&self, call: Call<'_>) -> Value {
        debug_assert_eq!(call.function, Function::ImportValue);
        let name = match self.as_text(self.argument(call), call) {
            Ok(name) => name,
            Err(value) => return value,
        };
        if let Some(given) = self.context.options.import_values.get(&*name) {
            self.context.used.borrow_mut().insert(name.to_string());
            return Value::text(given, call.span);
        }
        match self.context.exports.get(&*name) {
            Some(value) => self.copied(value.clone().at(call.span)),
            None => unknown(Cause::Import { name }, call.span),
        }
    }
}

/// A value that is not known.
fn unknown(cause: Cause, span: Span) -> Value {
    Value::new(ValueKind::Unresolved(Unresolved::new(cause).into()), span)
}
