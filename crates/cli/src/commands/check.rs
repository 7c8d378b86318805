//! `secgroup check`.

use std::io::{IsTerminal, stderr};

use secgroup_analysis::{Finding, Level, lint};
use secgroup_import::{Diagnostic, load, render as render_diagnostics};
use secgroup_model::{Direction, Inventory, Quotas, Rule, SecurityGroup};
use serde::Serialize;

use crate::args::{Check, QuotaPreset};
use crate::{Failure, Outcome, policy, render, say};

/// Groups, and what was found, in the shape in which `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    /// What is to be said about the files themselves.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The groups, by id.
    pub(crate) groups: Vec<GroupReport>,
    /// The findings, what matters most first.
    pub(crate) findings: Vec<Finding>,
}

/// One group as a table of rules.
#[derive(Debug, Serialize)]
pub(crate) struct GroupReport {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) vpc: Option<String>,
    /// The interfaces that have it.
    pub(crate) interfaces: Vec<String>,
    pub(crate) rules: Vec<RuleRow>,
}

/// One rule.
#[derive(Debug, Serialize)]
pub(crate) struct RuleRow {
    pub(crate) rule: String,
    pub(crate) direction: &'static str,
    pub(crate) traffic: String,
    pub(crate) peer: String,
    pub(crate) description: Option<String>,
}

/// Loads the files, shows the groups, prints the findings.
pub(crate) fn run(args: &Check) -> Result<Outcome, Failure> {
    let import = load(&args.files, &policy::options(&args.reading));
    let loaded = !import.has_errors();
    let mut inventory = import.inventory;
    if loaded {
        policy::attach(&mut inventory, &args.attaching)?;
    }
    let findings = if loaded {
        lint(&inventory, &quotas(args.quotas))
    } else {
        Vec::new()
    };
    let report = CheckReport {
        groups: if loaded {
            groups(&inventory)
        } else {
            Vec::new()
        },
        diagnostics: import.diagnostics,
        findings,
    };
    if args.json {
        say::show_json(&report)?;
    } else {
        let color = stderr().is_terminal();
        let diagnostics = render_diagnostics(&report.diagnostics, &import.sources, color);
        say::tell(&diagnostics);
        say::show(&render::findings(&report, loaded))?;
    }
    let has_errors = report
        .findings
        .iter()
        .any(|finding| finding.level == Level::Error);
    Ok(match (loaded, has_errors) {
        (false, _) => Outcome::BadInput,
        (true, true) => Outcome::CheckFailed,
        (true, false) => Outcome::Done,
    })
}

fn quotas(preset: QuotaPreset) -> Quotas {
    match preset {
        QuotaPreset::Today => Quotas::today(),
        QuotaPreset::Vpc2019 => Quotas::vpc_2019(),
        QuotaPreset::Vpc2012 => Quotas::vpc_2012(),
        QuotaPreset::Classic2012 => Quotas::classic_2012(),
    }
}

fn groups(inventory: &Inventory) -> Vec<GroupReport> {
    let report = |group: &SecurityGroup| GroupReport {
        id: group.id.to_string(),
        name: group.name.clone(),
        description: group.description.clone(),
        vpc: group.vpc.as_ref().map(ToString::to_string),
        interfaces: inventory
            .interfaces
            .values()
            .filter(|interface| interface.groups.contains(&group.id))
            .map(|interface| interface.id.to_string())
            .collect(),
        rules: Direction::BOTH
            .into_iter()
            .flat_map(|direction| group.rules_of(direction).map(row))
            .collect(),
    };
    inventory.groups.values().map(report).collect()
}

fn row(rule: &Rule) -> RuleRow {
    RuleRow {
        rule: rule.id.to_string(),
        direction: rule.spec.direction.as_str(),
        traffic: rule.spec.traffic.to_string(),
        peer: rule.spec.peer.to_string(),
        description: rule.description.clone(),
    }
}
