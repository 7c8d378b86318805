//! Conditions: which branch of `Fn::If`, and whether a resource exists at all.

use std::rc::Rc;

use super::function::{Call, Form, Function, condition_form};
use super::{Cause, Evaluator, Unresolved, Value, ValueKind};
use crate::diagnostic::Draft;
use crate::node::{Kind, Node};
use crate::source::Span;

/// What a condition comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    /// It depends on a value that is not known.
    Unknown(Rc<Unresolved>),
    /// Wrong, and reported.
    Invalid,
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

impl Evaluator<'_> {
    /// A condition of the template, by name.
    pub(crate) fn condition(&self, name: &str, span: Span) -> Truth {
        let Some(entry) = self.template.condition(name) else {
            let known = self.template.condition_names();
            let meant = self.sink().did_you_mean(name, known);
            let message = format!("there is no condition `{name}` in this template");
            self.sink()
                .push(Draft::error(span, message).maybe_help(meant));
            return Truth::Invalid;
        };
        let known = self.conditions.borrow().get(name).cloned();
        match known {
            Some(Some(truth)) => return truth,
            Some(None) => {
                let message = format!("condition `{name}` depends on itself");
                self.sink()
                    .push(Draft::error(span, message).label(entry.key_span, "this one"));
                return Truth::Invalid;
            }
            None => {}
        }
        self.conditions.borrow_mut().insert(name.to_owned(), None);
        let truth = self.truth(&entry.value);
        self.conditions
            .borrow_mut()
            .insert(name.to_owned(), Some(truth.clone()));
        truth
    }

    /// What a node comes to where a condition is due.
    fn truth(&self, node: &Node) -> Truth {
        let call = match condition_form(node) {
            Form::Call(call) if call.function.is_logical() => call,
            Form::Unknown { name, span } => {
                let message = format!("there is no condition function `{name}`");
                self.sink().push(Draft::error(span, message));
                return Truth::Invalid;
            }
            _ => {
                let draft = Draft::error(node.span, "a condition is expected here");
                let help = "one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition";
                self.sink().push(draft.help(help));
                return Truth::Invalid;
            }
        };
        let mut truth = Truth::Invalid;
        self.guard(call.span, |this| {
            truth = this.logical(call);
            Value::invalid(call.span)
        });
        truth
    }

    fn logical(&self, call: Call<'_>) -> Truth {
        if !self.spend(1, call.span) {
            return Truth::Invalid;
        }
        let items = match (&call.argument.kind, call.argument.text()) {
            (_, Some(name)) if call.function == Function::Condition => {
                return self.condition(name, call.span);
            }
            (Kind::Sequence(items), _) => &items[..],
            _ => &[],
        };
        match (call.function, items) {
            (Function::Equals, [left, right]) => Self::equal(&self.eval(left), &self.eval(right)),
            (Function::Not, [one]) => match self.truth(one) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                other => other,
            },
            (Function::And, [_, ..]) => self.any(items, &Truth::False),
            (Function::Or, [_, ..]) => self.any(items, &Truth::True),
            _ => {
                let takes = match call.function {
                    Function::Equals => "a list of two values",
                    Function::Not => "a list of one condition",
                    Function::Condition => "the name of a condition",
                    _ => "a list of conditions",
                };
                let message = format!("`{}` takes {takes}", call.function.name());
                self.sink().push(Draft::error(call.span, message));
                Truth::Invalid
            }
        }
    }

    /// `decisive` if one of the conditions is that, else its opposite. All are looked at, so that
    /// all faults are found; a decisive one settles the matter whatever the unknown ones are.
    fn any(&self, items: &[Node], decisive: &Truth) -> Truth {
        let opposite = if *decisive == Truth::True {
            Truth::False
        } else {
            Truth::True
        };
        let mut outcome = opposite;
        for item in items {
            let truth = self.truth(item);
            outcome = match (&outcome, truth) {
                (Truth::Invalid, _) | (_, Truth::Invalid) => Truth::Invalid,
                (settled, _) if settled == decisive => outcome,
                (_, truth) if truth == *decisive => truth,
                (_, truth @ Truth::Unknown(_)) => truth,
                _ => outcome,
            };
        }
        outcome
    }

    /// `Fn::Equals`: as texts, whatever their form (F5).
    fn equal(left: &Value, right: &Value) -> Truth {
        let unknown = |kind: &ValueKind| match kind {
            ValueKind::Unresolved(unresolved) => Some(unresolved.clone()),
            ValueKind::Resource(reference) => {
                Some(Unresolved::new(Cause::Resource(reference.clone())).into())
            }
            _ => None,
        };
        if left.kind == ValueKind::Invalid || right.kind == ValueKind::Invalid {
            return Truth::Invalid;
        }
        match unknown(&left.kind).or_else(|| unknown(&right.kind)) {
            Some(unresolved) => Truth::Unknown(unresolved),
            None => same(&left.kind, &right.kind).into(),
        }
    }

    /// `Fn::If: [Condition, value if true, value if false]`.
    pub(super) fn choose(&self, call: Call<'_>) -> Value {
        let Kind::Sequence(items) = &call.argument.kind else {
            return self.misused(call, "[condition, value if true, value if false]");
        };
        let [condition, yes, no] = &items[..] else {
            return self.misused(call, "[condition, value if true, value if false]");
        };
        let Some(name) = condition.text() else {
            let message = "`Fn::If` takes the name of a condition first";
            return self.error(Draft::error(condition.span, message), call.span);
        };
        match self.condition(name, condition.span) {
            Truth::True => self.eval(yes),
            Truth::False => self.eval(no),
            Truth::Unknown(unresolved) => Value::new(ValueKind::Unresolved(unresolved), call.span),
            Truth::Invalid => Value::invalid(call.span),
        }
    }
}

/// Equality that does not look at where things were written.
fn same(left: &ValueKind, right: &ValueKind) -> bool {
    match (left, right) {
        (ValueKind::List(left), ValueKind::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(&left.kind, &right.kind))
        }
        (ValueKind::Map(left), ValueKind::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|field| {
                    let other = right.iter().find(|other| other.key == field.key);
                    other.is_some_and(|other| same(&field.value.kind, &other.value.kind))
                })
        }
        (left, right) => left == right,
    }
}
