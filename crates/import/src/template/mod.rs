//! CloudFormation templates (F1 to F10).
//!
//! A [`Template`] is the tree with its sections found; [`convert`] turns the resources that a
//! policy is made of into what the merge takes. Resources of other types are skipped: their values
//! are never worked out, so nothing about them can fail.

mod convert;
mod group;
mod ids;
mod interface;
mod network;
mod prefix_list;
mod rule;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use self::convert::{DEFAULT_VPC, convert, find_absent};
pub(crate) use self::ids::{Absent, Names};
pub(crate) use self::schema::attribute_property;
use crate::diagnostic::{Draft, Sink};
use crate::node::{Entry, Kind, Node};
use crate::source::Span;

/// The sections of a template.
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// Transforms that leave the resources of EC2 as they are.
const HARMLESS_TRANSFORMS: [&str; 4] = [
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-2020-07-23",
    "AWS::Serverless-2016-10-31",
];

/// A template, its sections found.
#[derive(Debug)]
pub(crate) struct Template<'n> {
    /// Its place among the templates of the load.
    pub(crate) index: usize,
    /// The name of its stack, if nothing else is said: what tells it from other templates, written
    /// as stacks may be named.
    pub(crate) stack: String,
    root: &'n Node,
    parameters: BTreeMap<&'n str, &'n Entry>,
    conditions: BTreeMap<&'n str, &'n Entry>,
    resources: BTreeMap<&'n str, Resource<'n>>,
}

/// A resource as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'n> {
    /// The logical id.
    pub(crate) name: &'n str,
    /// Where that stands.
    pub(crate) name_span: Span,
    /// Its type.
    pub(crate) kind: &'n str,
    /// Its condition, if it has one.
    pub(crate) condition: Option<&'n Node>,
    properties: Option<&'n Node>,
}

impl<'n> Resource<'n> {
    /// A property as written.
    pub(crate) fn property(&self, name: &str) -> Option<&'n Node> {
        self.properties?.get(name)
    }
}

impl<'n> Template<'n> {
    /// Whether a tree is meant to be a template.
    pub(crate) fn is_template(root: &Node) -> bool {
        ["Resources", "AWSTemplateFormatVersion"]
            .iter()
            .any(|key| root.get(key).is_some())
    }

    /// Finds the sections.
    pub(crate) fn new(index: usize, stem: &str, root: &'n Node, sink: &Sink<'_>) -> Self {
        check_sections(root, sink);
        Self {
            index,
            stack: stack_name(stem),
            root,
            parameters: section(root, "Parameters", sink),
            conditions: section(root, "Conditions", sink),
            resources: resources(root, sink),
        }
    }

    /// A declared parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'n Entry> {
        self.parameters.get(name).copied()
    }

    /// All declared parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'n Entry> {
        self.parameters.values().copied()
    }

    /// A condition.
    pub(crate) fn condition(&self, name: &str) -> Option<&'n Entry> {
        self.conditions.get(name).copied()
    }

    /// The names of the conditions.
    pub(crate) fn condition_names(&self) -> impl Iterator<Item = &'n str> {
        self.conditions.keys().copied()
    }

    /// A resource, whether its condition holds or not.
    pub(crate) fn resource(&self, name: &str) -> Option<&Resource<'n>> {
        self.resources.get(name)
    }

    /// All resources, in the order of their names.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource<'n>> {
        self.resources.values()
    }

    /// The names of the resources.
    pub(crate) fn resource_names(&self) -> impl Iterator<Item = &'n str> {
        self.resources.keys().copied()
    }

    /// The names of the resources that a policy is made of.
    pub(crate) fn modelled_names(&self) -> impl Iterator<Item = &'n str> {
        let modelled = |resource: &&Resource<'n>| schema::Type::named(resource.kind).is_some();
        self.resources
            .values()
            .filter(modelled)
            .map(|resource| resource.name)
    }

    /// Everything that `Ref` may name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'n str> {
        self.parameters.keys().chain(self.resources.keys()).copied()
    }

    /// The `Mappings` section.
    pub(crate) fn mappings(&self) -> Option<&'n Node> {
        self.root.get("Mappings")
    }

    /// Name and value of each export, as written.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (&'n Node, &'n Node)> {
        let outputs = self.root.get("Outputs").map_or(&[][..], Node::entries);
        outputs.iter().filter_map(|output| {
            Some((
                output.value.get("Export")?.get("Name")?,
                output.value.get("Value")?,
            ))
        })
    }
}

/// Letters, digits and hyphens, as CloudFormation has it.
fn stack_name(stem: &str) -> String {
    /// Characters of the name of a stack.
    const STACK_NAME_MAX: usize = 128;
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    stem.chars().take(STACK_NAME_MAX).map(allowed).collect()
}

fn check_sections(root: &Node, sink: &Sink<'_>) {
    for entry in root.entries() {
        if entry.key.starts_with("Fn::") {
            let message = format!("`{}` is worked out by CloudFormation itself", entry.key);
            sink.push(Draft::error(entry.key_span, message).here("not supported"));
        } else if &*entry.key == "Transform" {
            check_transforms(&entry.value, sink);
        } else if !SECTIONS.contains(&&*entry.key) {
            let message = format!("a template has no section `{}`", entry.key);
            let meant = sink.did_you_mean(&entry.key, SECTIONS);
            let draft = Draft::warning(entry.key_span, message).here("ignored");
            sink.push(draft.maybe_help(meant));
        }
    }
}

fn check_transforms(node: &Node, sink: &Sink<'_>) {
    let list = match &node.kind {
        Kind::Sequence(items) => &items[..],
        _ => std::slice::from_ref(node),
    };
    for item in list {
        let name = item
            .text()
            .or_else(|| item.get("Name").and_then(Node::text));
        let name = name.unwrap_or("a macro");
        if !HARMLESS_TRANSFORMS.contains(&name) {
            let message = format!("`{name}` may rewrite this template; it is read as it stands");
            let help = "load the processed template: `aws cloudformation get-template \
                        --template-stage Processed`";
            sink.push(Draft::warning(item.span, message).help(help));
        }
    }
}

/// The entries of a section by name.
fn section<'n>(root: &'n Node, name: &str, sink: &Sink<'_>) -> BTreeMap<&'n str, &'n Entry> {
    let Some(node) = root.get(name) else {
        return BTreeMap::new();
    };
    if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
        let message = format!("`{name}` must be a mapping, not {}", node.describe());
        sink.push(Draft::error(node.span, message));
    }
    node.entries()
        .iter()
        .map(|entry| (&*entry.key, entry))
        .collect()
}

fn resources<'n>(root: &'n Node, sink: &Sink<'_>) -> BTreeMap<&'n str, Resource<'n>> {
    if root.get("Resources").is_none() {
        let span = root.span;
        let start = Span {
            end: span.start,
            ..span
        };
        sink.push(Draft::error(start, "the template has no `Resources`"));
    }
    let mut resources = BTreeMap::new();
    for (name, entry) in section(root, "Resources", sink) {
        if name.starts_with("Fn::") {
            let message = format!("`{name}` is worked out by CloudFormation itself");
            sink.push(Draft::error(entry.key_span, message).here("not supported"));
            continue;
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = format!("CloudFormation would refuse the resource name `{name}`");
            let draft = Draft::warning(entry.key_span, message);
            sink.push(draft.help("use letters and digits only"));
        }
        let Some(kind) = entry.value.get("Type").and_then(Node::text) else {
            let draft = Draft::error(entry.key_span, format!("resource `{name}` has no `Type`"));
            sink.push(draft.help("such as `Type: AWS::EC2::SecurityGroup`"));
            continue;
        };
        if let Some(node) = entry.value.get("Type")
            && let Some(tag) = &node.tag
        {
            let message = format!("`!{tag}` is no function of CloudFormation");
            let help = "what it stands for is skipped; load what the tool that expands it makes";
            sink.push(Draft::warning(node.span, message).help(help));
            continue;
        }
        schema::check_kind(kind, &entry.value, sink);
        let properties = entry
            .value
            .get("Properties")
            .filter(|node| node.kind != Kind::Null);
        resources.insert(
            name,
            Resource {
                name,
                name_span: entry.key_span,
                kind,
                condition: entry.value.get("Condition"),
                properties,
            },
        );
    }
    resources
}
