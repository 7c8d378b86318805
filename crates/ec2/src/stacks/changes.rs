//! What a deployment does, in words people use: data for a table, for JSON, and for whoever compares two plans.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Everything that a deployment changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The stack.
    pub stack: String,
    /// The changes, in the order in which they are made.
    pub changes: Vec<Change>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// Whether what the stack remembers changes: a template may say the same in other words.
    pub template_changed: bool,
}

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// Its logical id.
    pub resource: String,
    /// What it is.
    pub kind: Kind,
    /// Its id; of a new one there is none before it is made, and of one that is replaced it is that of the old one.
    pub id: Option<String>,
    /// What changes about it.
    pub details: Vec<Detail>,
    /// Why, where that is not clear.
    pub reason: Option<String>,
}

/// What is done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new.
    Add,
    /// It is changed in place, and keeps its id.
    Modify,
    /// A new one takes its place, under a new id.
    Replace,
    /// It is deleted.
    Remove,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A VPC.
    #[serde(rename = "VPC")]
    Vpc,
    /// A subnet.
    #[serde(rename = "subnet")]
    Subnet,
    /// A VPC peering connection.
    #[serde(rename = "peering connection")]
    Peering,
    /// A managed prefix list.
    #[serde(rename = "prefix list")]
    PrefixList,
    /// A security group with its rules.
    #[serde(rename = "security group")]
    Group,
    /// A group that may be used in a further VPC.
    #[serde(rename = "VPC association")]
    Association,
    /// An instance.
    #[serde(rename = "instance")]
    Instance,
    /// A network interface.
    #[serde(rename = "network interface")]
    Interface,
    /// A rule of a group that the stack did not make.
    #[serde(rename = "rule")]
    Rule,
}

impl Kind {
    /// What people call it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Vpc => "VPC",
            Self::Subnet => "subnet",
            Self::Peering => "peering connection",
            Self::PrefixList => "prefix list",
            Self::Group => "security group",
            Self::Association => "VPC association",
            Self::Instance => "instance",
            Self::Interface => "network interface",
            Self::Rule => "rule",
        }
    }
}

/// One thing that changes about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Detail {
    /// Whether it comes, goes, or becomes another.
    pub sign: Sign,
    /// What.
    pub what: String,
}

/// Whether something comes, goes, or becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sign {
    /// It comes.
    #[serde(rename = "+")]
    Plus,
    /// It goes.
    #[serde(rename = "-")]
    Minus,
    /// It becomes another.
    #[serde(rename = "~")]
    Tilde,
}

impl Detail {
    /// Something that comes.
    pub(super) fn plus(what: impl Into<String>) -> Self {
        let (sign, what) = (Sign::Plus, what.into());
        Self { sign, what }
    }

    /// Something that goes.
    pub(super) fn minus(what: impl Into<String>) -> Self {
        let (sign, what) = (Sign::Minus, what.into());
        Self { sign, what }
    }

    /// Something that becomes another.
    pub(super) fn becomes(
        what: &str,
        from: impl std::fmt::Display,
        to: impl std::fmt::Display,
    ) -> Self {
        Self {
            sign: Sign::Tilde,
            what: format!("{what}: {from} → {to}"),
        }
    }
}

impl ChangeSet {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.template_changed
    }

    /// 16 hexadecimal digits that are the same for the same changes of the same things: not the ids of what is yet to be made, which
    /// are random.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}
