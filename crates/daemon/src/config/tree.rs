//! Places in a parsed file: where a key, its value or the table around it stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of the file, or where it would be.
///
/// Walking on to a key that is not there stays where it is: what is to be said about a default is said about the table
/// that could have changed it.
#[derive(Debug, Clone)]
pub(crate) struct Place<'t> {
    span: Range<usize>,
    node: Node<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Node<'t> {
    Table(&'t DeTable<'t>),
    Value(&'t DeValue<'t>),
    Absent,
}

impl<'t> Place<'t> {
    /// The whole file.
    pub(crate) fn of(document: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            // Not the whole text: what is missing is missing at its top.
            span: 0..0,
            node: Node::Table(document.get_ref()),
        }
    }

    /// Its bytes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of a key.
    pub(crate) fn key(&self, key: &str) -> Self {
        let value = self.table().and_then(|table| table.get(key));
        self.step(value)
    }

    /// A value of a list.
    pub(crate) fn item(&self, index: usize) -> Self {
        let list = match self.node {
            Node::Value(DeValue::Array(list)) => Some(list),
            _ => None,
        };
        self.step(list.and_then(|list| list.get(index)))
    }

    /// The bytes of a key itself; those of the table where it is not there.
    pub(crate) fn name(&self, key: &str) -> Range<usize> {
        self.table()
            .and_then(|table| table.get_key_value(key))
            .map_or_else(|| self.span(), |(key, _)| key.span())
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table().is_some_and(|table| table.contains_key(key))
    }

    fn table(&self) -> Option<&'t DeTable<'t>> {
        match self.node {
            Node::Table(table) | Node::Value(DeValue::Table(table)) => Some(table),
            _ => None,
        }
    }

    fn step(&self, value: Option<&'t Spanned<DeValue<'t>>>) -> Self {
        match value {
            Some(value) => Self {
                span: value.span(),
                node: Node::Value(value.get_ref()),
            },
            None => Self {
                span: self.span(),
                node: Node::Absent,
            },
        }
    }
}
