//! A state with a default VPC, and stacks deployed into it.

use std::fmt::Write as _;

use jiff::Timestamp;
use secgroup_import::{Options, load_texts};
use secgroup_model::{AccountId, Inventory, PeeringStatus};

use super::super::{Action, ChangeSet, Deployment, Fault, delete, deploy};
use crate::{Caller, Edit, InstanceState, Site, Stack, State, invariants, vpcs};

/// The account that deploys.
pub(super) const ACCOUNT: &str = "123456789012";

pub(super) struct Bench {
    pub(super) state: State,
    pub(super) site: Site,
    pub(super) caller: Caller,
    seed: u64,
}

impl Bench {
    /// An account with a default VPC.
    pub(super) fn new() -> Self {
        let account = AccountId::new(ACCOUNT);
        let mut bench = Self {
            state: State::default(),
            site: Site::new("us-east-1", vec![account.clone()]),
            caller: Caller {
                account: account.clone(),
                key: "AKIA".into(),
                may_write: true,
            },
            seed: 0,
        };
        bench.edit(|edit| drop(vpcs::create_default_vpc(edit, &account)));
        bench
    }

    /// Changes the state as a call would.
    pub(super) fn edit<T>(&mut self, change: impl FnOnce(&mut Edit<'_>) -> T) -> T {
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            // Digits that do not begin alike, as those of real ids.
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let now = Timestamp::from_second(1_735_689_600).unwrap();
        let mut edit = Edit::new(&mut self.state, &self.site, now, &mut random);
        let done = change(&mut edit);
        drop(edit.commit());
        done
    }

    /// Deploys a template, or tells what is wrong with it and changes nothing.
    pub(super) fn try_deploy(
        &mut self,
        name: &str,
        template: &str,
    ) -> Result<ChangeSet, Vec<Fault>> {
        let (wanted, partial_groups) = imported(name, template);
        let deployment = Deployment {
            name,
            template,
            wanted: &wanted,
            partial_groups: &partial_groups,
        };
        self.attempt(|edit, caller| deploy(edit, caller, &deployment))
    }

    /// Deletes a stack, or tells why not and changes nothing.
    pub(super) fn try_delete(&mut self, name: &str) -> Result<ChangeSet, Vec<Fault>> {
        self.attempt(|edit, caller| delete(edit, caller, name))
    }

    fn attempt(
        &mut self,
        change: impl FnOnce(&mut Edit<'_>, &Caller) -> Result<ChangeSet, Vec<Fault>>,
    ) -> Result<ChangeSet, Vec<Fault>> {
        let before = self.state.clone();
        let caller = self.caller.clone();
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let now = Timestamp::from_second(1_735_689_600).unwrap();
        let mut edit = Edit::new(&mut self.state, &self.site, now, &mut random);
        let done = change(&mut edit, &caller);
        match &done {
            Ok(_) => drop(edit.commit()),
            Err(faults) => {
                drop(edit);
                assert!(!faults.is_empty());
                assert!(
                    self.state == before,
                    "a refused deployment changed something"
                );
            }
        }
        assert_eq!(invariants::check(&self.state), [""; 0]);
        done
    }

    /// The state without what EC2 still lists for some time after its end: terminated instances, deleted connections.
    pub(super) fn forget_ended(&self) -> State {
        let mut state = self.state.clone();
        state
            .instances
            .retain(|_, instance| instance.state != InstanceState::Terminated);
        let peerings = &mut state.inventory.peerings;
        peerings.retain(|_, peering| peering.status != PeeringStatus::Gone);
        state.peerings.retain(|id, _| peerings.contains_key(id));
        state
    }

    /// Deploys what has to be right.
    #[track_caller]
    pub(super) fn deploy(&mut self, name: &str, template: &str) -> ChangeSet {
        self.try_deploy(name, template)
            .unwrap_or_else(|faults| panic!("{template}\n{faults:#?}"))
    }

    /// What is wrong with a template: `resource line code: message`.
    #[track_caller]
    pub(super) fn refused(&mut self, name: &str, template: &str) -> Vec<String> {
        match self.try_deploy(name, template) {
            Ok(changes) => panic!("{template}\nwas deployed: {}", told(&changes)),
            Err(faults) => faults.iter().map(fault).collect(),
        }
    }

    /// The id of a resource.
    #[track_caller]
    pub(super) fn id(&self, stack: &str, logical: &str) -> String {
        let stack = self.stack(stack);
        let id = stack.resources.get(logical);
        id.unwrap_or_else(|| panic!("no {logical}: {:?}", stack.resources))
            .clone()
    }

    #[track_caller]
    pub(super) fn stack(&self, name: &str) -> &Stack {
        &self.state.stacks[&(self.caller.account.clone(), name.to_owned())]
    }
}

fn imported(
    name: &str,
    template: &str,
) -> (
    Inventory,
    std::collections::BTreeSet<secgroup_model::GroupId>,
) {
    let options = Options {
        account: ACCOUNT.to_owned(),
        stack_name: Some(name.to_owned()),
        rest_is_known: true,
        ..Options::default()
    };
    let import = load_texts(&[("stack.yaml", template)], &options);
    assert!(
        !import.has_errors(),
        "{template}\n{:#?}",
        import.diagnostics
    );
    (import.inventory, import.partial_groups)
}

/// A fault in one line.
pub(super) fn fault(fault: &Fault) -> String {
    let mut text = fault.resource.clone().unwrap_or_default();
    if let Some(place) = &fault.place {
        let _ = write!(text, " {}", place.line);
    }
    let _ = write!(text, " {}: {}", fault.error.code(), fault.error.message);
    text
}

/// Changes as lines: `+ Web security group: + name web, + tcp 80 from 0.0.0.0/0`.
pub(super) fn told(changes: &ChangeSet) -> String {
    let mut text = String::new();
    for change in &changes.changes {
        let sign = match change.action {
            Action::Add => "+",
            Action::Modify => "~",
            Action::Replace => "±",
            Action::Remove => "-",
        };
        let _ = write!(text, "{sign} {} {}", change.resource, change.kind.noun());
        for detail in &change.details {
            let sign = serde_json::to_value(detail.sign).unwrap();
            let _ = write!(text, "; {} {}", sign.as_str().unwrap(), detail.what);
        }
        if let Some(reason) = &change.reason {
            let _ = write!(text, " ({})", reason.split_once(' ').unwrap().1);
        }
        text.push('\n');
    }
    text
}

/// A template with these resources.
pub(super) fn template(resources: &str) -> String {
    let indented: String = resources
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    format!("Resources:\n{indented}")
}
