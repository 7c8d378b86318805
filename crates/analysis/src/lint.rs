//! What is wrong with a policy, risky in it, or of no use.
//!
//! | code | level | what |
//! |---|---|---|
//! | `open-admin-port` | error | the world may reach a port for administration or a database |
//! | `open-everything` | error | the world may reach every port |
//! | `quota-exceeded` | error | more than EC2 would accept (B15 to B21) |
//! | `stale-reference` | error | the rule names a group that its VPC cannot reach (any more) (B28) |
//! | `dangling-reference` | warning | the rule or interface names a group or prefix list that the files do not hold |
//! | `never-matches` | warning | no packet can match the rule (A19) |
//! | `redundant-rule` | warning | another rule of the same group covers it |
//! | `quota-nearly-used` | warning | 80 % or more of a quota is used |
//! | `overlapping-groups` | note | a rule is covered by a rule of another group on the same interface |
//! | `unattached-group` | note | no interface has the group |
//! | `untracked-flows` | note | these flows are not tracked: they end at once when their rules change (D15) |

mod exposure;
mod quotas;
mod redundancy;
mod references;
mod untracked;

use secgroup_model::{Inventory, Origin, Quotas, Rule, SecurityGroup};
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

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind it is.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
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
    fn new(level: Level, code: &'static str, message: String) -> Self {
        Self {
            level,
            code,
            message,
            help: None,
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

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

fn place(origin: &Origin) -> String {
    format!("{}:{}:{}", origin.file, origin.line, origin.column)
}

/// Every finding about `inventory`, held against `quotas`; what matters most comes first, then by group.
#[must_use]
pub fn lint(inventory: &Inventory, quotas: &Quotas) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in inventory.groups.values() {
        exposure::look_at(group, &mut findings);
        redundancy::within(group, &mut findings);
        references::look_at(inventory, group, &mut findings);
        quotas::of_group(inventory, quotas, group, &mut findings);
    }
    references::attachments(inventory, &mut findings);
    redundancy::across(inventory, &mut findings);
    quotas::of_inventory(inventory, quotas, &mut findings);
    untracked::look_at(inventory, &mut findings);
    findings.sort_by(|a, b| (a.level, &a.group).cmp(&(b.level, &b.group)));
    findings
}
