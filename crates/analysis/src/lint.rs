//! What is wrong with a policy, risky in it, or of no use.
//!
//! | code | level | what |
//! |---|---|---|
//! | `open-everything` | error | the world may reach every port |
//! | `open-admin-port` | error | the world may reach a port for administration or a database |
//! | `quota-exceeded` | error | more than EC2 would accept (B15 to B23) |
//! | `stale-reference` | error | the rule names a group that is out of reach (B28) |
//! | `dangling-reference` | warning | something is named that the files do not hold |
//! | `never-matches` | warning | no packet can match the rule (A19) |
//! | `redundant-rule` | warning | another rule of the same group covers it |
//! | `quota-nearly-used` | warning | 80 % or more of a quota is used |
//! | `default-group-used` | note | an interface has the default group, and that allows something |
//! | `empty-peer` | note | the rule's group or prefix list has nobody in it now |
//! | `open-icmp` | note | the world may send every ICMP message |
//! | `overlapping-groups` | note | a rule of another group on the same interface covers it |
//! | `unattached-group` | note | no interface has the group |
//! | `untracked-flows` | note | flows that end at once when their rules change (D15) |
//!
//! "The world" is every range of at least a 128th of all addresses (`/0` to `/7`), so that
//! `0.0.0.0/1` and `128.0.0.0/1` are no way round, alone or as an entry of a prefix list; the
//! unique local addresses of IPv6 (`fc00::/7`) are not. That egress is open to the world is what a
//! new group comes with (B10), and no finding.

mod cover;
mod exposure;
mod quotas;
mod redundancy;
mod references;
mod untracked;

use std::fmt;

use secgroup_model::{Inventory, NetworkInterface, Origin, Quotas, Rule, SecurityGroup};
use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To be mended.
    Error,
    /// To be looked at.
    Warning,
    /// To be known.
    Note,
}

impl Level {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What kind a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The world may reach every port.
    OpenEverything,
    /// The world may reach a port for administration or a database.
    OpenAdminPort,
    /// More than EC2 would accept.
    QuotaExceeded,
    /// The rule names a group out of reach.
    StaleReference,
    /// Something that the files do not hold is named.
    DanglingReference,
    /// No packet can match the rule.
    NeverMatches,
    /// Another rule of the group covers it.
    RedundantRule,
    /// 80 % or more of a quota is used.
    QuotaNearlyUsed,
    /// An interface has the default group, which allows something.
    DefaultGroupUsed,
    /// Nobody is in the peer now.
    EmptyPeer,
    /// The world may send every ICMP message.
    OpenIcmp,
    /// A rule of another group on the same interface covers it.
    OverlappingGroups,
    /// No interface has the group.
    UnattachedGroup,
    /// Flows of an interface are not tracked.
    UntrackedFlows,
}

impl Code {
    /// The code as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenEverything => "open-everything",
            Self::OpenAdminPort => "open-admin-port",
            Self::QuotaExceeded => "quota-exceeded",
            Self::StaleReference => "stale-reference",
            Self::DanglingReference => "dangling-reference",
            Self::NeverMatches => "never-matches",
            Self::RedundantRule => "redundant-rule",
            Self::QuotaNearlyUsed => "quota-nearly-used",
            Self::DefaultGroupUsed => "default-group-used",
            Self::EmptyPeer => "empty-peer",
            Self::OpenIcmp => "open-icmp",
            Self::OverlappingGroups => "overlapping-groups",
            Self::UnattachedGroup => "unattached-group",
            Self::UntrackedFlows => "untracked-flows",
        }
    }

    /// How much findings of this kind matter.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::OpenEverything
            | Self::OpenAdminPort
            | Self::QuotaExceeded
            | Self::StaleReference => Level::Error,
            Self::DanglingReference
            | Self::NeverMatches
            | Self::RedundantRule
            | Self::QuotaNearlyUsed => Level::Warning,
            Self::DefaultGroupUsed
            | Self::EmptyPeer
            | Self::OpenIcmp
            | Self::OverlappingGroups
            | Self::UnattachedGroup
            | Self::UntrackedFlows => Level::Note,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind it is.
    pub code: Code,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The group, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The rule, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where that was written: `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Finding {
    fn new(code: Code, message: String, help: impl Into<String>) -> Self {
        Self {
            level: code.level(),
            code,
            message,
            help: help.into(),
            group: None,
            rule: None,
            at: None,
        }
    }

    fn of_group(mut self, group: &SecurityGroup) -> Self {
        self.group = Some(group.id.to_string());
        self.at = group.origin.as_ref().map(place);
        self
    }

    fn of_rule(mut self, group: &SecurityGroup, rule: &Rule) -> Self {
        self = self.of_group(group);
        self.rule = Some(rule.id.to_string());
        self.at = rule.origin.as_ref().map(place).or(self.at);
        self
    }

    fn of_interface(mut self, interface: &NetworkInterface) -> Self {
        self.at = interface.origin.as_ref().map(place);
        self
    }
}

fn place(origin: &Origin) -> String {
    format!("{}:{}:{}", origin.file, origin.line, origin.column)
}

/// Every finding about `inventory`, held against `quotas`: what matters most comes first, then what
/// is about no group, then by group, and of one group in the order of its rules.
#[must_use]
pub fn lint(inventory: &Inventory, quotas: &Quotas) -> Vec<Finding> {
    let mut findings = Vec::new();
    let attached = references::attached(inventory);
    for group in inventory.groups.values() {
        exposure::look_at(inventory, group, &mut findings);
        redundancy::within(inventory, group, &mut findings);
        references::look_at(inventory, group, &attached, &mut findings);
        quotas::of_group(inventory, quotas, group, &mut findings);
    }
    references::of_interfaces(inventory, &mut findings);
    redundancy::across(inventory, &mut findings);
    quotas::of_inventory(inventory, quotas, &mut findings);
    untracked::look_at(inventory, &mut findings);
    // Stable: what was found first stays first.
    findings.sort_by(|a, b| (a.level, &a.group).cmp(&(b.level, &b.group)));
    findings
}
