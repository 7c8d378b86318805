//! Which node is a call of an intrinsic function: `!Join […]`, `Fn::Join: […]`.

use crate::node::{Entry, Node};
use crate::source::Span;

/// The intrinsic functions (F10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Ref,
    GetAtt,
    Sub,
    Join,
    If,
    Select,
    Split,
    FindInMap,
    ImportValue,
    Cidr,
    GetAZs,
    Base64,
    Length,
    Equals,
    And,
    Or,
    Not,
    Condition,
}

impl Function {
    /// By its short name.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Ref" => Self::Ref,
            "GetAtt" => Self::GetAtt,
            "Sub" => Self::Sub,
            "Join" => Self::Join,
            "If" => Self::If,
            "Select" => Self::Select,
            "Split" => Self::Split,
            "FindInMap" => Self::FindInMap,
            "ImportValue" => Self::ImportValue,
            "Cidr" => Self::Cidr,
            "GetAZs" => Self::GetAZs,
            "Base64" => Self::Base64,
            "Length" => Self::Length,
            "Equals" => Self::Equals,
            "And" => Self::And,
            "Or" => Self::Or,
            "Not" => Self::Not,
            "Condition" => Self::Condition,
            _ => return None,
        })
    }

    /// As the long form writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ref => "Ref",
            Self::GetAtt => "Fn::GetAtt",
            Self::Sub => "Fn::Sub",
            Self::Join => "Fn::Join",
            Self::If => "Fn::If",
            Self::Select => "Fn::Select",
            Self::Split => "Fn::Split",
            Self::FindInMap => "Fn::FindInMap",
            Self::ImportValue => "Fn::ImportValue",
            Self::Cidr => "Fn::Cidr",
            Self::GetAZs => "Fn::GetAZs",
            Self::Base64 => "Fn::Base64",
            Self::Length => "Fn::Length",
            Self::Equals => "Fn::Equals",
            Self::And => "Fn::And",
            Self::Or => "Fn::Or",
            Self::Not => "Fn::Not",
            Self::Condition => "Condition",
        }
    }

    /// Whether it answers true or false, and stands only in conditions.
    pub(super) const fn is_logical(self) -> bool {
        matches!(
            self,
            Self::Equals | Self::And | Self::Or | Self::Not | Self::Condition
        )
    }
}

/// A call: which function, and what it is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'n> {
    pub(super) function: Function,
    pub(super) argument: &'n Node,
    /// The tag of `argument` is the function itself (`!Join […]`).
    pub(super) short: bool,
    /// The whole call.
    pub(super) span: Span,
}

/// What a node is, as far as functions go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'n> {
    /// Not a call.
    Plain,
    /// A call of a function that we know.
    Call(Call<'n>),
    /// A call of a function that needs CloudFormation itself, or that does not exist.
    Unknown { name: &'n str, span: Span },
    /// A function beside other keys.
    Crowded { name: &'n str, span: Span },
}

/// Looks at a node.
pub(super) fn form(node: &Node) -> Form<'_> {
    if let Some(tag) = &node.tag {
        return match Function::named(tag) {
            Some(function) => Form::Call(Call {
                function,
                argument: node,
                short: true,
                span: node.span,
            }),
            None => Form::Unknown {
                name: tag,
                span: node.span,
            },
        };
    }
    long_form(node)
}

/// Looks at a node without its tag: a short call may be given a long one
/// (`!GetAZs {Ref: AWS::Region}`).
pub(super) fn long_form(node: &Node) -> Form<'_> {
    let entries = node.entries();
    let Some(entry) = entries.iter().find(|entry| is_call(entry)) else {
        return Form::Plain;
    };
    let name: &str = &entry.key;
    if name.starts_with("Fn::ForEach") {
        return Form::Unknown {
            name,
            span: entry.key_span,
        };
    }
    if entries.len() > 1 {
        return Form::Crowded {
            name,
            span: entry.key_span,
        };
    }
    match Function::named(name.strip_prefix("Fn::").unwrap_or(name)) {
        Some(function) if function.name() == name => Form::Call(Call {
            function,
            argument: &entry.value,
            short: false,
            span: node.span,
        }),
        _ => Form::Unknown {
            name,
            span: entry.key_span,
        },
    }
}

/// `Condition` is a call only where a condition is due, and there it is asked for by name.
fn is_call(entry: &Entry) -> bool {
    &*entry.key == "Ref" || entry.key.starts_with("Fn::")
}

/// A node where a condition is due: `Condition: Name` is a call there.
pub(super) fn condition_form(node: &Node) -> Form<'_> {
    match node.entries() {
        [entry] if node.tag.is_none() && &*entry.key == "Condition" => Form::Call(Call {
            function: Function::Condition,
            argument: &entry.value,
            short: false,
            span: node.span,
        }),
        _ => form(node),
    }
}
