//! Works out the values of a template.
//!
//! Evaluation is lazy: only what a policy needs is ever looked at, so that a parameter which picks
//! a machine image needs no value. `Fn::If` looks only at the branch that is taken. Attributes of
//! resources lead to properties of other resources; conditions to other conditions. Both may go in
//! circles and both may blow up, hence the bounds on depth and on work.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::function::{Call, Form, Function, form, long_form};
use super::parameter::Parameter;
use super::{Cause, Field, Reference, Unresolved, Value, ValueKind};
use crate::Options;
use crate::diagnostic::{Draft, Sink, nearest};
use crate::node::{Kind, Node};
use crate::source::Span;
use crate::template::Template;

/// Calls within calls, attributes and conditions followed on the way.
const DEPTH_MAX: usize = 256;

/// Values looked at and bytes of text made, per template: far more than the largest one
/// that CloudFormation takes (1 MB) can need.
const WORK_MAX: usize = 1 << 24;

/// What a value costs that is copied as a whole: about as much as that many bytes of text.
const COPY_WORK: usize = 4;

/// What templates export, by name (`Outputs`, `Export`).
pub(crate) type Exports = BTreeMap<String, Value>;

/// What holds for every template of a load.
#[derive(Debug)]
pub(crate) struct Context<'c> {
    pub(crate) options: &'c Options,
    pub(crate) sink: &'c Sink<'c>,
    /// What other templates of the load export.
    pub(crate) exports: &'c Exports,
    /// Names in `options` that were of use to some template.
    pub(crate) used: &'c RefCell<std::collections::BTreeSet<String>>,
}

/// Works out the values of one template.
#[derive(Debug)]
pub(crate) struct Evaluator<'c> {
    pub(super) context: &'c Context<'c>,
    /// The template.
    pub(crate) template: &'c Template<'c>,
    pub(super) conditions: RefCell<BTreeMap<String, Option<super::condition::Truth>>>,
    depth: Cell<usize>,
    work: Cell<usize>,
}

impl<'c> Evaluator<'c> {
    /// For one template.
    pub(crate) const fn new(context: &'c Context<'c>, template: &'c Template<'c>) -> Self {
        Self {
            context,
            template,
            conditions: RefCell::new(BTreeMap::new()),
            depth: Cell::new(0),
            work: Cell::new(0),
        }
    }

    /// Where faults go.
    pub(crate) const fn sink(&self) -> &'c Sink<'c> {
        self.context.sink
    }

    /// The account of the stack.
    pub(crate) fn account(&self) -> &'c str {
        &self.context.options.account
    }

    pub(super) fn error(&self, draft: Draft, span: Span) -> Value {
        self.sink().push(draft);
        Value::invalid(span)
    }

    /// What a node comes to.
    pub(crate) fn eval(&self, node: &Node) -> Value {
        self.eval_as(form(node), node)
    }

    fn eval_as(&self, form: Form<'_>, node: &Node) -> Value {
        match form {
            Form::Plain => self.eval_plain(node),
            Form::Call(call) => self.guard(call.span, |this| this.call(call)).at(call.span),
            Form::Unknown { name, span } => self.unknown_function(name, span),
            Form::Crowded { name, span } => {
                let message = format!("`{name}` must be the only key of its mapping");
                self.error(Draft::error(span, message), span)
            }
        }
    }

    /// A node as if it had no tag: what a short call is given.
    fn eval_plain(&self, node: &Node) -> Value {
        if !self.spend(1, node.span) {
            return Value::invalid(node.span);
        }
        let kind = match &node.kind {
            Kind::Null => ValueKind::Null,
            Kind::Scalar(scalar) => self.literal_text(&scalar.text),
            Kind::Sequence(items) => {
                ValueKind::List(items.iter().map(|item| self.eval(item)).collect())
            }
            Kind::Mapping(entries) => {
                let field = |entry: &crate::node::Entry| Field {
                    key: entry.key.as_ref().into(),
                    key_span: entry.key_span,
                    value: self.eval(&entry.value),
                };
                ValueKind::Map(entries.iter().map(field).collect())
            }
        };
        Value::new(kind, node.span)
    }

    /// A dynamic reference is the one thing that a plain text can hide.
    pub(super) fn literal_text(&self, text: &str) -> ValueKind {
        if text.contains("{{resolve:") {
            let unresolved = Unresolved::new(Cause::Dynamic { text: text.into() });
            return ValueKind::Unresolved(unresolved.into());
        }
        ValueKind::Text(text.into())
    }

    /// What a function is given, worked out.
    pub(super) fn argument(&self, call: Call<'_>) -> Value {
        if call.short {
            self.eval_as(long_form(call.argument), call.argument)
        } else {
            self.eval(call.argument)
        }
    }

    fn call(&self, call: Call<'_>) -> Value {
        match call.function {
            Function::Ref => self.reference(call),
            Function::GetAtt => self.get_att(call),
            Function::Sub => self.substitute(call),
            Function::Join => self.join(call),
            Function::If => self.choose(call),
            Function::Select => self.select(call),
            Function::Split => self.split(call),
            Function::FindInMap => self.find_in_map(call),
            Function::ImportValue => self.import_value(call),
            Function::Cidr => self.cidr(call),
            Function::GetAZs => self.zones(call),
            Function::Length => self.length(call),
            // Only user data is ever encoded, and that is nothing to a policy.
            Function::Base64 => self.argument(call),
            Function::Equals
            | Function::And
            | Function::Or
            | Function::Not
            | Function::Condition => {
                let message = format!("`{}` can only stand in a condition", call.function.name());
                let draft = Draft::error(call.span, message);
                let help = "name it under `Conditions` and use `Fn::If`";
                self.error(draft.help(help), call.span)
            }
        }
    }

    fn unknown_function(&self, name: &str, span: Span) -> Value {
        let bare = name.strip_prefix("Fn::").unwrap_or(name);
        let expanded = ["Transform", "ToJsonString", "GetStackOutput"].contains(&bare)
            || bare.starts_with("ForEach");
        let draft = if expanded {
            let message = format!("`{name}` is worked out by CloudFormation itself");
            let help = "load the processed template: `aws cloudformation get-template \
                        --template-stage Processed`";
            Draft::error(span, message).here("not supported").help(help)
        } else {
            Draft::error(span, format!("there is no function `{name}`"))
        };
        self.error(draft, span)
    }

    /// `Ref`: a parameter, a pseudo parameter or a resource.
    fn reference(&self, call: Call<'_>) -> Value {
        match call.argument.text() {
            Some(name) => self.name(name, call.span),
            None => {
                let message = "`Ref` names a parameter or a resource";
                self.error(Draft::error(call.argument.span, message), call.span)
            }
        }
    }

    /// What a name stands for, at `span`.
    pub(super) fn name(&self, name: &str, span: Span) -> Value {
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self.pseudo(pseudo, span);
        }
        if let Some(entry) = self.template.parameter(name) {
            let given = self.given(name);
            return self.copied(Parameter::new(entry).value(given, span, self.sink()));
        }
        if let Some(resource) = self.template.resource(name) {
            return self.resource_value(resource.name, resource.kind, None, span);
        }
        let known = self.template.names();
        let meant = self.sink().did_you_mean(name, known);
        let message = format!("`{name}` is neither a parameter nor a resource of this template");
        self.error(Draft::error(span, message).maybe_help(meant), span)
    }

    /// A value given on the command line.
    fn given(&self, name: &str) -> Option<&'c str> {
        let value = self.context.options.parameters.get(name)?;
        self.context.used.borrow_mut().insert(name.to_owned());
        Some(value)
    }

    /// The pseudo parameters, without their `AWS::`.
    fn pseudo(&self, name: &str, span: Span) -> Value {
        let options = self.context.options;
        let text = match name {
            "AccountId" => options.account.clone(),
            "Region" => options.region.clone(),
            "Partition" => options.partition().to_owned(),
            "URLSuffix" => options.url_suffix().to_owned(),
            "StackName" => self.stack_name().to_owned(),
            "StackId" => format!(
                "arn:{}:cloudformation:{}:{}:stack/{}/00000000-0000-0000-0000-000000000000",
                options.partition(),
                options.region,
                options.account,
                self.stack_name()
            ),
            "NoValue" => return Value::new(ValueKind::NoValue, span),
            "NotificationARNs" => return Value::new(ValueKind::List(vec![]), span),
            _ => {
                let known = [
                    "AccountId",
                    "NoValue",
                    "NotificationARNs",
                    "Partition",
                    "Region",
                    "StackId",
                    "StackName",
                    "URLSuffix",
                ];
                let meant = nearest(name, known);
                let message = format!("there is no pseudo parameter `AWS::{name}`");
                let help = meant.map(|known| format!("did you mean `AWS::{known}`?"));
                return self.error(Draft::error(span, message).maybe_help(help), span);
            }
        };
        Value::text(&text, span)
    }

    /// `AWS::StackName`.
    pub(crate) fn stack_name(&self) -> &'c str {
        self.context
            .options
            .stack_name
            .as_deref()
            .unwrap_or(&self.template.stack)
    }

    /// `Fn::GetAtt: [Resource, Attribute]`, `!GetAtt Resource.Attribute`.
    fn get_att(&self, call: Call<'_>) -> Value {
        let parts = match &call.argument.kind {
            Kind::Scalar(scalar) => scalar.text.split_once('.').map(|(logical, attribute)| {
                (
                    logical.to_owned(),
                    Value::text(attribute, call.argument.span),
                )
            }),
            Kind::Sequence(items) => match &items[..] {
                [logical, attributes @ ..] if !attributes.is_empty() => {
                    let parts = attributes.iter().map(|part| self.eval(part)).collect();
                    logical
                        .text()
                        .map(|name| (name.to_owned(), self.concat(parts, ".", call.span)))
                }
                _ => None,
            },
            Kind::Null | Kind::Mapping(_) => None,
        };
        let Some((logical, attribute)) = parts else {
            let message = "`Fn::GetAtt` takes a resource and an attribute";
            let draft = Draft::error(call.span, message);
            return self.error(
                draft.help("such as `!GetAtt WebServers.GroupId`"),
                call.span,
            );
        };
        match attribute.kind {
            ValueKind::Text(attribute) => self.attribute(&logical, &attribute, call.span),
            _ => attribute,
        }
    }

    /// An attribute of a resource.
    pub(super) fn attribute(&self, logical: &str, attribute: &str, span: Span) -> Value {
        let Some(resource) = self.template.resource(logical) else {
            let known = self.template.resource_names();
            let meant = self.sink().did_you_mean(logical, known);
            let message = format!("there is no resource `{logical}` in this template");
            return self.error(Draft::error(span, message).maybe_help(meant), span);
        };
        let property = crate::template::attribute_property(resource.kind, attribute);
        if let Some(property) = property
            && let Some(node) = resource.property(property)
        {
            return self.guard(span, |this| this.eval(node)).at(span);
        }
        self.resource_value(resource.name, resource.kind, Some(attribute), span)
    }

    /// A reference, unless the user said what it comes to.
    fn resource_value(
        &self,
        logical: &str,
        kind: &str,
        attribute: Option<&str>,
        span: Span,
    ) -> Value {
        let reference = Reference {
            template: self.template.index,
            logical: logical.into(),
            kind: kind.into(),
            attribute: attribute.map(Into::into),
        };
        match self.given(&reference.written()) {
            Some(given) => Value::text(given, span),
            None => Value::new(ValueKind::Resource(reference), span),
        }
    }

    /// Runs one step deeper, unless that is too deep.
    pub(super) fn guard(&self, span: Span, step: impl FnOnce(&Self) -> Value) -> Value {
        if self.depth.get() >= DEPTH_MAX {
            let message = "this value depends on itself, or on too many others in turn";
            return self.error(Draft::error(span, message), span);
        }
        self.depth.set(self.depth.get() + 1);
        let value = step(self);
        self.depth.set(self.depth.get() - 1);
        value
    }

    /// Whether there is room for this much more work. Says so once where there is not.
    pub(super) fn spend(&self, work: usize, span: Span) -> bool {
        let before = self.work.get();
        self.work.set(before.saturating_add(work));
        let within = self.work.get() <= WORK_MAX;
        if !within && before <= WORK_MAX {
            let message = "the values of this template grow beyond all bounds";
            self.sink()
                .push(Draft::error(span, message).here("given up here"));
        }
        within
    }

    /// A value that was copied from elsewhere: lists may be large, and asked for often.
    pub(super) fn copied(&self, value: Value) -> Value {
        if self.spend(value.count().saturating_mul(COPY_WORK), value.span) {
            value
        } else {
            Value::invalid(value.span)
        }
    }

    /// Text joined from parts. What is not known in one part is not known of the whole.
    pub(super) fn concat(&self, parts: Vec<Value>, separator: &str, span: Span) -> Value {
        let mut text = String::new();
        let mut cause = None;
        let mut first = true;
        for part in parts {
            let piece: Rc<str> = match part.kind {
                ValueKind::Text(piece) => piece,
                ValueKind::NoValue => continue,
                ValueKind::Resource(reference) => {
                    let unresolved = Unresolved::new(Cause::Resource(reference));
                    cause.get_or_insert(unresolved.cause);
                    unresolved.placeholder
                }
                ValueKind::Unresolved(unresolved) => {
                    cause.get_or_insert_with(|| unresolved.cause.clone());
                    unresolved.placeholder.clone()
                }
                ValueKind::Invalid => return Value::invalid(span),
                ValueKind::Null | ValueKind::List(_) | ValueKind::Map(_) => {
                    let message = format!("text expected, found {}", part.describe());
                    return self.error(Draft::error(part.span, message), span);
                }
            };
            if !std::mem::take(&mut first) {
                text.push_str(separator);
            }
            if !self.spend(piece.len() + separator.len() + 1, span) {
                return Value::invalid(span);
            }
            text.push_str(&piece);
        }
        let kind = match cause {
            None => self.literal_text(&text),
            Some(cause) => ValueKind::Unresolved(
                Unresolved {
                    cause,
                    placeholder: text.into(),
                }
                .into(),
            ),
        };
        Value::new(kind, span)
    }
}
