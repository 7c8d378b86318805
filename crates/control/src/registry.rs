//! Which number stands for what, for as long as the process runs.

use std::collections::HashMap;

use secgroup_model::{GroupId, NetworkInterfaceId, Rule, RuleSpec};
use secgroup_packet::InterfaceIndex;
use secgroup_policy::{GroupNumber, RuleNumber};

/// Numbers for interfaces, groups and rules: given once, never reused.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    interfaces: Numbering<NetworkInterfaceId>,
    groups: Numbering<GroupId>,
    rules: HashMap<(GroupId, RuleSpec), RuleNumber>,
    registered: Vec<RegisteredRule>,
}

/// What a rule number stands for: the rule as it was when last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredRule {
    /// The group it belongs to.
    pub group: GroupId,
    /// The rule.
    pub rule: Rule,
}

impl Registry {
    /// The number of an interface; a new one where it was never seen.
    pub(crate) fn number_interface(&mut self, id: &NetworkInterfaceId) -> InterfaceIndex {
        InterfaceIndex(self.interfaces.number(id))
    }

    /// The number of a group; a new one where it was never seen.
    pub(crate) fn number_group(&mut self, id: &GroupId) -> GroupNumber {
        GroupNumber(self.groups.number(id))
    }

    /// The number of a rule: its group and what it allows are its identity (semantics A34), not its
    /// id or description.
    pub(crate) fn number_rule(&mut self, group: &GroupId, rule: &Rule) -> RuleNumber {
        let registered = RegisteredRule {
            group: group.clone(),
            rule: rule.clone(),
        };
        let next = RuleNumber::new(count(self.registered.len()));
        match self.rules.entry((group.clone(), rule.spec.clone())) {
            std::collections::hash_map::Entry::Occupied(known) => {
                self.registered[known.get().get() as usize] = registered;
                *known.get()
            }
            std::collections::hash_map::Entry::Vacant(new) => {
                self.registered.push(registered);
                *new.insert(next)
            }
        }
    }

    /// The interface behind a number.
    #[must_use]
    pub fn interface(&self, index: InterfaceIndex) -> Option<&NetworkInterfaceId> {
        self.interfaces.names.get(index.0 as usize)
    }

    /// The number of an interface that was seen before.
    #[must_use]
    pub fn interface_index(&self, id: &NetworkInterfaceId) -> Option<InterfaceIndex> {
        self.interfaces.numbers.get(id).copied().map(InterfaceIndex)
    }

    /// The rule behind a number.
    #[must_use]
    pub fn rule(&self, number: RuleNumber) -> Option<&RegisteredRule> {
        self.registered.get(number.get() as usize)
    }

    /// The number of a rule that was seen before.
    #[must_use]
    pub fn rule_number(&self, group: &GroupId, spec: &RuleSpec) -> Option<RuleNumber> {
        self.rules.get(&(group.clone(), spec.clone())).copied()
    }

    /// How many interface numbers were given.
    #[must_use]
    pub const fn interface_count(&self) -> usize {
        self.interfaces.names.len()
    }

    /// How many rule numbers were given.
    #[must_use]
    pub fn rule_count(&self) -> u32 {
        count(self.registered.len())
    }
}

/// Names and the numbers they were given, in order.
#[derive(Debug, Clone)]
struct Numbering<T> {
    names: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Numbering<T> {
    fn number(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = count(self.names.len());
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

/// A count of things in memory as a number. Four billion of them do not fit into memory, so it
/// never saturates.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
