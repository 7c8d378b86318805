//! What captures say about a policy: which rules were used and how far, what was denied that should
//! perhaps not be, and the narrowest policy that allows exactly what was allowed.
//!
//! The captures are read several times. The first pass takes down what each rule admitted
//! (`audit/observe.rs`), and narrower rules are made of it. That they admit every packet that the
//! rules admitted follows from how they are made; that the *verdicts* stay does not, for rules that
//! are open to everybody in both directions leave flows untracked (D7 to D11), and narrower ones
//! track them: a segment in the middle of a connection passes untracked and is invalid tracked. So
//! both policies are replayed side by side over the same captures, and a rule at which a verdict
//! turns is kept wider, until none turns (`audit/narrowing.rs`).

mod denied;
mod narrowing;
mod observe;
mod report;

use std::path::PathBuf;

use secgroup_analysis::{Narrowing, open_ports};
use secgroup_model::{Inventory, Traffic};

use self::narrowing::{Narrowed, RuleKey};
use self::observe::Observed;
pub use self::report::{
    AuditReport, DeniedService, Finding, OpenRule, RuleAudit, SuggestionReport,
};
use crate::report::Volume;
use crate::run::{Position, ReplayError};
use crate::session::SessionSettings;

/// What to audit.
pub struct Audit<'a> {
    /// The captures, read one after the other as one stream, several times: files, no pipes.
    pub captures: Vec<PathBuf>,
    /// The policy.
    pub policy: &'a Inventory,
    /// How it judges.
    pub settings: SessionSettings,
    /// What may be open to everybody.
    pub usual: &'a [Traffic],
    /// How many denied services are listed.
    pub top: usize,
    /// The policy as it will be read back by whoever deploys it; what is wrong with it otherwise.
    pub reread: &'a dyn Fn(&Inventory) -> Result<Inventory, String>,
}

impl std::fmt::Debug for Audit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit")
            .field("captures", &self.captures)
            .finish_non_exhaustive()
    }
}

/// Audits, telling `progress` from time to time how far a pass is. The policy that is handed back
/// allows and denies every packet of the captures as the audited one does, where the report says
/// that it is exact.
///
/// # Errors
/// Where the policy is ambiguous.
pub fn audit(
    plan: &Audit<'_>,
    progress: &mut dyn FnMut(Position),
) -> Result<(AuditReport, Inventory), ReplayError> {
    let observed = observe::observe(plan, progress)?;
    let narrowed = narrowing::narrow(plan, &observed, progress)?;
    let rules = rules(plan.policy, &observed, &narrowed);
    let mut warnings = observed.read.warnings.clone();
    if observed.usage.forgot > 0 {
        warnings.push(format!(
            "{} packets belong to more flows than are remembered; rules may be wider for it",
            observed.usage.forgot
        ));
    }
    let after = |inventory: &Inventory| {
        let groups = inventory.groups.values();
        groups.map(|group| group.rules.len() as u64).sum()
    };
    let report = AuditReport {
        captures: observed.read.captures.clone(),
        packets: observed.read.packets,
        open: open_rules(plan, &rules),
        denied_service_count: observed.usage.denied.len() as u64,
        denied: denied::legitimate(plan, &observed),
        suggestion: SuggestionReport {
            exact: narrowed.turned == 0 && narrowed.problem.is_none(),
            problem: narrowed.problem.clone(),
            passes: narrowed.passes,
            rules_before: after(plan.policy),
            rules_after: after(&narrowed.policy),
            now_tracked: Volume::from(narrowed.now_tracked),
        },
        rules,
        survey: observed.survey,
        warnings,
    };
    Ok((report, narrowed.policy))
}

/// Every rule of every attached group, in the order of groups.
fn rules(policy: &Inventory, observed: &Observed, narrowed: &Narrowed) -> Vec<RuleAudit> {
    let mut audits = Vec::new();
    for group in observe::attached_groups(policy) {
        for rule in &group.rules {
            let key: RuleKey = (group.id.clone(), rule.spec.clone());
            let level = narrowed.level_of(&key);
            let volume = observed.hits(&key);
            let proposed = narrowed.rules_for(&key);
            let is_same = proposed == [rule.spec.clone()];
            let overflowed = observed
                .admitted(&key)
                .is_some_and(|seen| seen.overflowed());
            let (finding, because) = match (volume.packets, level) {
                (_, Narrowing::Nothing) => (Finding::Kept, narrowed.why(&key)),
                (0, _) if proposed.is_empty() => (Finding::Unused, None),
                (_, Narrowing::Both) if proposed.is_empty() => (Finding::AnswersOnly, None),
                _ if overflowed => (
                    Finding::Kept,
                    Some("more was seen than can be told apart".to_owned()),
                ),
                _ if is_same => (Finding::AsSeen, None),
                (_, Narrowing::Traffic) => (Finding::Wider, narrowed.why(&key)),
                _ => (Finding::Wider, None),
            };
            audits.push(RuleAudit {
                rule: rule.id.to_string(),
                group: group.id.to_string(),
                group_name: group.name.clone(),
                direction: rule.spec.direction.as_str(),
                allows: rule.spec.to_string(),
                description: rule.description.clone(),
                volume,
                finding,
                proposed: match finding {
                    Finding::Wider => proposed.iter().map(ToString::to_string).collect(),
                    _ => Vec::new(),
                },
                because,
            });
        }
    }
    audits
}

fn open_rules(plan: &Audit<'_>, audits: &[RuleAudit]) -> Vec<OpenRule> {
    let rules = observe::attached_groups(plan.policy).flat_map(|group| &group.rules);
    let open = rules.zip(audits).filter_map(|(rule, audit)| {
        let beyond = open_ports(&rule.spec, plan.usual);
        (!beyond.is_empty()).then(|| OpenRule {
            rule: audit.rule.clone(),
            group: audit.group.clone(),
            beyond,
            volume: audit.volume,
        })
    });
    open.collect()
}
