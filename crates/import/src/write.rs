//! An inventory as a CloudFormation template: what [`load_texts`](crate::load_texts) makes of it is
//! the same policy again.
//!
//! Whatever the inventory describes becomes a resource, and references to it `!Ref`; what it only
//! names stays a literal id. Logical ids are the ids where those are letters and digits, and their
//! letters and digits otherwise. Rules between groups are resources of their own: two groups that
//! name each other in embedded rules would be a circle, which CloudFormation refuses. A group
//! without egress rules gets one that nothing matches, for without any CloudFormation would allow
//! everything out (F4).
//!
//! A template has no word for some of what dumps say: MAC addresses, the account of what it makes,
//! versions of prefix lists, rules' ids and tags. Those are lost.

mod group;
mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use secgroup_model::{Inventory, Tags};

use crate::template::DEFAULT_VPC;

/// `inventory` as a template in YAML, under these lines of comment.
#[must_use]
pub fn write_template(inventory: &Inventory, comment: &[String]) -> String {
    let mut writer = Writer {
        inventory,
        names: Names::of(inventory),
        text: String::new(),
    };
    for line in comment {
        writer.line(0, &format!("# {}", line.replace(['\n', '\r'], " ")));
    }
    writer.line(0, "AWSTemplateFormatVersion: \"2010-09-09\"");
    writer.line(0, "Resources:");
    let empty = writer.text.len();
    writer.networks();
    writer.groups();
    writer.interfaces();
    if writer.text.len() == empty {
        writer.text.truncate(empty - "\n".len());
        writer.text.push_str(" {}\n");
    }
    writer.text
}

/// A template under construction.
struct Writer<'a> {
    inventory: &'a Inventory,
    names: Names,
    text: String,
}

impl Writer<'_> {
    /// A line, indented by `depth` steps.
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:width$}{text}", "", width = depth * 2);
    }

    /// The head of a resource; its properties come next, at depth 3.
    fn resource(&mut self, name: &str, kind: &str) {
        self.line(1, &format!("{name}:"));
        self.line(2, &format!("Type: AWS::EC2::{kind}"));
        self.line(2, "Properties:");
    }

    fn property(&mut self, key: &str, value: &str) {
        self.line(3, &format!("{key}: {value}"));
    }

    fn tags(&mut self, tags: &Tags) {
        if !tags.is_empty() {
            self.line(3, "Tags:");
        }
        for (key, value) in tags {
            self.line(4, &format!("- Key: {}", quoted(key)));
            self.line(5, &format!("Value: {}", quoted(value)));
        }
    }

    /// `VpcId`, but of the default VPC, which a template does not name.
    fn vpc(&mut self, vpc: Option<&secgroup_model::VpcId>) {
        let named = vpc.filter(|vpc| vpc.as_str() != DEFAULT_VPC);
        if let Some(vpc) = named {
            let reference = self.names.reference(Kind::Vpc, vpc.as_str());
            self.property("VpcId", &reference);
        }
    }
}

/// What has a logical id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Vpc,
    Subnet,
    List,
    Group,
    Interface,
    Peering,
}

/// The logical ids of everything that is described.
#[derive(Debug, Default)]
struct Names {
    known: BTreeMap<(Kind, String), String>,
    taken: BTreeSet<String>,
}

impl Names {
    fn of(inventory: &Inventory) -> Self {
        let mut all: Vec<(Kind, &str)> = Vec::new();
        all.extend(inventory.vpcs.keys().map(|id| (Kind::Vpc, id.as_str())));
        all.extend(
            inventory
                .subnets
                .keys()
                .map(|id| (Kind::Subnet, id.as_str())),
        );
        let lists = inventory.prefix_lists.keys();
        all.extend(lists.map(|id| (Kind::List, id.as_str())));
        all.extend(inventory.groups.keys().map(|id| (Kind::Group, id.as_str())));
        let interfaces = inventory.interfaces.keys();
        all.extend(interfaces.map(|id| (Kind::Interface, id.as_str())));
        let peerings = inventory.peerings.keys();
        all.extend(peerings.map(|id| (Kind::Peering, id.as_str())));
        // Those that are logical ids already keep theirs, whatever the others are made into.
        all.sort_by_key(|(_, id)| !is_logical(id));
        let mut names = Self::default();
        for (kind, id) in all {
            let logical = names.new_name(id);
            names.known.insert((kind, id.to_owned()), logical);
        }
        names
    }

    /// A logical id like `text` that nothing has.
    fn new_name(&mut self, text: &str) -> String {
        let mut base: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        if base.is_empty() {
            base.push_str("Resource");
        }
        let numbered = (2_u32..).map(|number| format!("{base}x{number}"));
        let mut free = std::iter::once(base.clone()).chain(numbered);
        let name = free.find(|name| !self.taken.contains(name)).unwrap_or(base);
        self.taken.insert(name.clone());
        name
    }

    /// The logical id of what is described.
    fn logical(&self, kind: Kind, id: &str) -> Option<String> {
        self.known.get(&(kind, id.to_owned())).cloned()
    }

    /// A reference to what is described, or the literal id of what is not.
    fn reference(&self, kind: Kind, id: &str) -> String {
        match self.logical(kind, id) {
            // What `Ref` gives of a group depends on its VPC in EC2-Classic's times.
            Some(logical) if kind == Kind::Group => format!("!GetAtt {logical}.GroupId"),
            Some(logical) if kind == Kind::List => format!("!GetAtt {logical}.PrefixListId"),
            Some(logical) => format!("!Ref {logical}"),
            None => quoted(id),
        }
    }
}

fn is_logical(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `text` as a YAML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
