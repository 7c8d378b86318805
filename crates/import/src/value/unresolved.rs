//! Values that only a running stack has, and how the user can supply them.

use std::rc::Rc;

use super::Reference;
use crate::source::Span;

/// A value that is not known, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unresolved {
    /// Why it is not known.
    pub(crate) cause: Cause,
    /// What stands for it where it does not matter: `{KeyName}`.
    pub(crate) placeholder: Rc<str>,
}

/// Why a value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A parameter has neither a default nor a given value.
    Parameter { name: Rc<str>, declared: Span },
    /// The default of a parameter is a name in the Parameter Store.
    Stored { name: Rc<str>, declared: Span },
    /// An import has no given value.
    Import { name: Rc<str> },
    /// An attribute that a resource gets when it is made.
    Resource(Reference),
    /// `{{resolve:…}}`.
    Dynamic { text: Rc<str> },
}

impl Unresolved {
    /// For a cause, standing for itself.
    pub(crate) fn new(cause: Cause) -> Self {
        let placeholder = match &cause {
            Cause::Parameter { name, .. } | Cause::Stored { name, .. } | Cause::Import { name } => {
                format!("{{{name}}}")
            }
            Cause::Resource(reference) => reference.written(),
            Cause::Dynamic { .. } => "{resolve}".to_owned(),
        };
        Self {
            cause,
            placeholder: placeholder.into(),
        }
    }
}

impl Cause {
    /// What the value depends on, to follow "depends on".
    pub(crate) fn on(&self) -> String {
        match self {
            Self::Parameter { name, .. } => {
                format!("parameter `{name}`, which has no default and was given no value")
            }
            Self::Stored { name, .. } => {
                format!("parameter `{name}`, whose value is kept in the SSM Parameter Store")
            }
            Self::Import { name } => format!("the import `{name}`, which was given no value"),
            Self::Resource(reference) => {
                let written = reference.written();
                let kind = &reference.kind;
                format!("`{written}` ({kind}), which only a running stack knows")
            }
            Self::Dynamic { text } => format!("the dynamic reference `{text}`"),
        }
    }

    /// How the user can supply it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Parameter { name, .. } | Self::Stored { name, .. } => {
                format!("give it a value: `--parameter {name}=VALUE`")
            }
            Self::Import { name } => format!("give it a value: `--import-value {name}=VALUE`"),
            Self::Resource(reference) => {
                format!(
                    "give it a value: `--parameter {}=VALUE`",
                    reference.written()
                )
            }
            Self::Dynamic { .. } => {
                "make it a parameter of the template, and give that a value".to_owned()
            }
        }
    }

    /// Where the user should also look.
    pub(crate) const fn declared(&self) -> Option<Span> {
        match self {
            Self::Parameter { declared, .. } | Self::Stored { declared, .. } => Some(*declared),
            Self::Import { .. } | Self::Resource(_) | Self::Dynamic { .. } => None,
        }
    }
}
