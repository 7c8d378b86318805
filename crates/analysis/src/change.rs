//! The smallest change of the rules that would turn a verdict.

use ipnet::IpNet;
use secgroup_datapath::{Action, Reason, Verdict};
use secgroup_model::{
    GroupId, IcmpMatch, Inventory, NetworkInterface, Peer, PortRange, Protocol, RuleId, RuleSpec,
    SecurityGroup, Traffic,
};
use secgroup_policy::{Query, Selector};
use serde::{Serialize, Serializer};

use crate::attached::attached_rules;
use crate::mismatch::Mismatch;

/// A change of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Add one rule.
    Add {
        /// The group: of the interface's, the one that the fewest interfaces have.
        #[serde(serialize_with = "text")]
        group: GroupId,
        /// What the rule allows: this packet's protocol and port, and its other end alone.
        #[serde(flatten, serialize_with = "spec")]
        rule: RuleSpec,
    },
    /// Remove every rule that admits the packet: one alone would leave the others.
    Remove {
        /// The rules.
        rules: Vec<RuleOf>,
    },
    /// No rule would turn it.
    None {
        /// Why not, and what would.
        because: String,
    },
}

/// A rule and the group that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleOf {
    /// The group.
    #[serde(serialize_with = "text")]
    pub group: GroupId,
    /// The rule.
    #[serde(serialize_with = "text")]
    pub rule: RuleId,
}

impl Change {
    /// The change that would turn `verdict` on what `query` asks.
    pub(crate) fn turning(
        inventory: &Inventory,
        interface: &NetworkInterface,
        query: &Query,
        verdict: Verdict,
    ) -> Self {
        match (verdict.action(), verdict.reason) {
            (_, Reason::Exempt) => none("security groups never filter this traffic"),
            (Action::Allow, _) => Self::Remove {
                rules: admitting(inventory, interface, query),
            },
            (_, Reason::NoRule) => match narrowest_group(inventory, interface) {
                Some(group) => Self::Add {
                    group: group.id.clone(),
                    rule: narrowest(query),
                },
                None => none("the interface has no group that the policy defines; attach one"),
            },
            (_, Reason::Spoofed) => none(
                "the source/destination check drops it before any rule is asked; give the \
                 interface the address, or turn its check off",
            ),
            (_, Reason::LinkLocalExceeded) => none(
                "the allowance to link-local services is used up before any rule is asked; \
                 raise it",
            ),
            (_, Reason::TableFull) => {
                none("a rule admits it, but there is no room to track it; make room")
            }
            (_, reason) => none(&format!("the reason is {reason}, not a missing rule")),
        }
    }
}

fn none(because: &str) -> Change {
    Change::None {
        because: because.to_owned(),
    }
}

fn admitting(inventory: &Inventory, interface: &NetworkInterface, query: &Query) -> Vec<RuleOf> {
    attached_rules(inventory, interface, query.direction)
        .filter(|(group, rule)| Mismatch::of(inventory, group, &rule.spec, query).is_match())
        .map(|(group, rule)| RuleOf {
            group: group.id.clone(),
            rule: rule.id.clone(),
        })
        .collect()
}

/// Of the groups of `interface`, the one that the fewest interfaces have; the first of several.
fn narrowest_group<'a>(
    inventory: &'a Inventory,
    interface: &NetworkInterface,
) -> Option<&'a SecurityGroup> {
    let groups = interface
        .groups
        .iter()
        .filter_map(|id| inventory.groups.get(id));
    groups.min_by_key(|group| {
        inventory
            .interfaces
            .values()
            .filter(|other| other.groups.contains(&group.id))
            .count()
    })
}

/// The rule that admits what `query` asks and as little else as a rule can.
fn narrowest(query: &Query) -> RuleSpec {
    let traffic = match (query.protocol, query.selector) {
        (Protocol::TCP, Selector::Port(port)) => Traffic::Tcp(PortRange::single(port)),
        (Protocol::UDP, Selector::Port(port)) => Traffic::Udp(PortRange::single(port)),
        (Protocol::ICMP, Selector::Icmp { kind, code }) => {
            Traffic::Icmp(IcmpMatch::TypeAndCode(kind, code))
        }
        (Protocol::ICMPV6, Selector::Icmp { kind, code }) => {
            Traffic::Icmpv6(IcmpMatch::TypeAndCode(kind, code))
        }
        // ICMP of the other family is in reach of `-1` alone (semantics A19).
        (Protocol::ICMP | Protocol::ICMPV6 | Protocol::TCP | Protocol::UDP, _) => Traffic::All,
        (protocol, _) => Traffic::Other(protocol),
    };
    RuleSpec {
        direction: query.direction,
        traffic,
        peer: Peer::Cidr(IpNet::from(query.peer)),
    }
}

fn text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// `"direction": "ingress", "allows": "tcp 22 from 203.0.113.7/32"`.
fn spec<S: Serializer>(rule: &RuleSpec, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Words {
        direction: &'static str,
        allows: String,
    }
    let words = Words {
        direction: rule.direction.as_str(),
        allows: rule.to_string(),
    };
    words.serialize(serializer)
}
