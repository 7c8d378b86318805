//! What the numbers of the data plane are called: interfaces by their ids, rules by theirs.

use std::collections::HashMap;

use secgroup_control::Registry;
use secgroup_model::NetworkInterfaceId;
use secgroup_packet::InterfaceIndex;
use secgroup_policy::RuleNumber;

/// Names and numbers, both ways.
pub(super) struct Names<'a> {
    registry: &'a Registry,
    rules: HashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    /// Those of everything that was ever in force.
    pub(super) fn new(registry: &'a Registry) -> Self {
        let rule = |number| {
            Some((
                registry.rule(RuleNumber::new(number))?.rule.id.as_str(),
                number,
            ))
        };
        Self {
            registry,
            rules: (0..registry.rule_count()).filter_map(rule).collect(),
        }
    }

    pub(super) fn interface(&self, index: InterfaceIndex) -> Option<String> {
        Some(self.registry.interface(index)?.as_str().to_owned())
    }

    pub(super) fn interface_named(&self, name: &str) -> Option<InterfaceIndex> {
        self.registry
            .interface_index(&NetworkInterfaceId::new(name))
    }

    pub(super) fn rule(&self, number: u32) -> Option<String> {
        rule(self.registry, number).map(str::to_owned)
    }

    pub(super) fn rule_named(&self, name: &str) -> Option<u32> {
        self.rules.get(name).copied()
    }
}

/// The id of a rule.
pub(super) fn rule(registry: &Registry, number: u32) -> Option<&str> {
    Some(registry.rule(RuleNumber::new(number))?.rule.id.as_str())
}
