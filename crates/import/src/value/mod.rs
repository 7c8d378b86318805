//! What a template means once its intrinsic functions have been worked out.
//!
//! A [`Value`] remembers where it was written, so a fault can point at the property although the
//! text came from a parameter. What cannot be known without a running stack is not guessed: it is
//! [`Unresolved`], with the reason, and whoever uses it decides whether that is an error. A fault
//! that was already reported leaves [`ValueKind::Invalid`] behind, about which nobody speaks again.

mod cidr;
mod condition;
mod evaluate;
mod function;
mod functions;
mod parameter;
mod substitute;
#[cfg(test)]
mod tests;
mod unresolved;

use std::rc::Rc;

pub(crate) use self::condition::Truth;
pub(crate) use self::evaluate::{Context, Evaluator, Exports};
pub(crate) use self::parameter::Parameter;
pub(crate) use self::unresolved::{Cause, Unresolved};
use crate::node::{Kind, Node};
use crate::source::Span;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: ValueKind,
    pub(crate) span: Span,
}

/// What a [`Value`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// `null`.
    Null,
    /// Text, number or truth value: the property decides (F5).
    Text(Rc<str>),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(Vec<Field>),
    /// A resource of a template, or one of its attributes.
    Resource(Reference),
    /// `AWS::NoValue`: as if the property had not been written.
    NoValue,
    /// Not known without a running stack.
    Unresolved(Rc<Unresolved>),
    /// Wrong, and reported.
    Invalid,
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) key: Rc<str>,
    pub(crate) key_span: Span,
    pub(crate) value: Value,
}

/// `Ref` of a resource, or `Fn::GetAtt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Which of the templates that are loaded together.
    pub(crate) template: usize,
    /// The logical id.
    pub(crate) logical: Rc<str>,
    /// Its type, such as `AWS::EC2::SecurityGroup`.
    pub(crate) kind: Rc<str>,
    /// The attribute; `None` for `Ref`.
    pub(crate) attribute: Option<Rc<str>>,
}

impl Reference {
    /// Whether it is an id, and so one word: `Ref` of a resource, or one of the attributes that say the same.
    pub(crate) fn is_id(&self) -> bool {
        self.attribute
            .as_deref()
            .is_none_or(|name| name == "Id" || name.ends_with("Id"))
    }

    /// As a template would name it: `Group`, `Group.GroupId`.
    pub(crate) fn written(&self) -> String {
        match &self.attribute {
            Some(attribute) => format!("{}.{attribute}", self.logical),
            None => self.logical.to_string(),
        }
    }
}

impl Value {
    /// A value of this kind.
    pub(crate) const fn new(kind: ValueKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// A text.
    pub(crate) fn text(text: &str, span: Span) -> Self {
        Self::new(ValueKind::Text(text.into()), span)
    }

    /// Something wrong that was reported.
    pub(crate) const fn invalid(span: Span) -> Self {
        Self::new(ValueKind::Invalid, span)
    }

    /// A tree without functions, as in a dump, taken by its word.
    pub(crate) fn literal(node: &Node) -> Self {
        let kind = match &node.kind {
            Kind::Null => ValueKind::Null,
            Kind::Scalar(scalar) => ValueKind::Text(scalar.text.as_ref().into()),
            Kind::Sequence(items) => ValueKind::List(items.iter().map(Self::literal).collect()),
            Kind::Mapping(entries) => {
                let field = |entry: &crate::node::Entry| Field {
                    key: entry.key.as_ref().into(),
                    key_span: entry.key_span,
                    value: Self::literal(&entry.value),
                };
                ValueKind::Map(entries.iter().map(field).collect())
            }
        };
        Self::new(kind, node.span)
    }

    /// The same value, as written at `span`.
    pub(crate) fn at(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// How many values it is made of.
    fn count(&self) -> usize {
        match &self.kind {
            ValueKind::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            ValueKind::Map(fields) => {
                1 + fields
                    .iter()
                    .map(|field| field.value.count())
                    .sum::<usize>()
            }
            _ => 1,
        }
    }

    /// What it is, with an article, for messages.
    pub(crate) const fn describe(&self) -> &'static str {
        match &self.kind {
            ValueKind::Null => "null",
            ValueKind::Text(_) => "text",
            ValueKind::List(_) => "a list",
            ValueKind::Map(_) => "a mapping",
            ValueKind::Resource(_) => "a reference to a resource",
            ValueKind::NoValue => "no value",
            ValueKind::Unresolved(_) => "a value that is not known",
            ValueKind::Invalid => "an invalid value",
        }
    }
}
