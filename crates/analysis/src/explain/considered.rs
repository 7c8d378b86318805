//! Each group and rule that was considered, and the one field on which a rule failed.

use secgroup_model::{
    GroupId, Inventory, NetworkInterface, Peer, Rule, RuleSpec, SecurityGroup, Traffic,
};
use secgroup_packet::Direction;
use secgroup_policy::Query;

use super::document::{Considered, ConsideredGroup, FailsOn};
use crate::mismatch::{peer_matches, ports_match, protocol_matches};

/// A group of the interface that was asked about a packet.
#[derive(Debug, Clone)]
pub(super) struct AskedGroup<'a> {
    id: &'a GroupId,
    /// `None` where the policy does not have it.
    group: Option<&'a SecurityGroup>,
    /// What each of its rules failed on, in their order.
    fails_on: Vec<Option<FailsOn>>,
}

impl<'a> AskedGroup<'a> {
    /// The groups of `interface`, in the order in which they are attached, asked about all their rules.
    pub(super) fn all(
        inventory: &'a Inventory,
        interface: &'a NetworkInterface,
        query: &Query,
    ) -> Vec<Self> {
        let groups = interface.groups.iter();
        let asked = groups.map(|id| {
            let group = inventory.groups.get(id);
            let rules = group.into_iter().flat_map(|group| {
                let rules = group.rules.iter();
                rules.map(|rule| fails_on(inventory, group, &rule.spec, query))
            });
            Self {
                id,
                group,
                fails_on: rules.collect(),
            }
        });
        asked.collect()
    }

    /// What each of its rules failed on.
    pub(super) fn fields(&self) -> impl Iterator<Item = Option<FailsOn>> + '_ {
        self.fails_on.iter().copied()
    }

    pub(super) fn told(&self) -> ConsideredGroup {
        let rules = self.group.into_iter().flat_map(|group| &group.rules);
        let considered = rules.zip(self.fields());
        ConsideredGroup {
            group: self.id.to_string(),
            name: self.group.map(|group| group.name.clone()),
            rules: considered
                .map(|(rule, fails_on)| told(rule, fails_on))
                .collect(),
        }
    }
}

fn told(rule: &Rule, fails_on: Option<FailsOn>) -> Considered {
    Considered {
        rule: rule.id.to_string(),
        direction: rule.spec.direction,
        allows: rule.spec.to_string(),
        description: rule.description.clone(),
        matches: fails_on.is_none(),
        fails_on,
    }
}

/// The first field of `rule` of `group` that does not fit what `query` asks.
pub(crate) fn fails_on(
    inventory: &Inventory,
    group: &SecurityGroup,
    rule: &RuleSpec,
    query: &Query,
) -> Option<FailsOn> {
    if rule.direction != query.direction {
        Some(FailsOn::Direction)
    } else if is_other_family(inventory, rule, query) {
        Some(FailsOn::Family)
    } else if !protocol_matches(rule.traffic, query) {
        Some(FailsOn::Protocol)
    } else if !ports_match(rule.traffic, query.selector) {
        Some(match rule.traffic {
            Traffic::Icmp(_) | Traffic::Icmpv6(_) => FailsOn::Type,
            _ => FailsOn::Port,
        })
    } else if !peer_matches(inventory, group, &rule.peer, query.peer) {
        Some(match query.direction {
            Direction::Ingress => FailsOn::Source,
            Direction::Egress => FailsOn::Destination,
        })
    } else {
        None
    }
}

/// Ranges and lists are of one family, and so are the two ICMPs (A19, A26); a group is of both (C14).
fn is_other_family(inventory: &Inventory, rule: &RuleSpec, query: &Query) -> bool {
    let of_peer = match &rule.peer {
        Peer::PrefixList(id) => inventory.prefix_lists.get(id).map(|list| list.family),
        peer => peer.family(),
    };
    let families = [of_peer, rule.traffic.family()];
    families
        .into_iter()
        .flatten()
        .any(|family| family != query.family())
}
