//! The smallest change that would turn a verdict ([`Turning`]), and how a person would make it ([`Change`]): in a template, or with the AWS CLI.

mod aws;
mod template;

use ipnet::IpNet;
use secgroup_datapath::{Action, Connection, Reason, Verdict};
use secgroup_model::{
    GroupId, IcmpMatch, Inventory, NetworkInterface, Peer, PortRange, Protocol, Rule, RuleId,
    RuleSpec, SecurityGroup, Traffic,
};
use secgroup_packet::Direction;
use secgroup_policy::{Query, Selector};
use serde::{Deserialize, Serialize, Serializer};

use crate::attached::attached_rules;
use crate::mismatch::Mismatch;
use crate::words;

/// A change of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Add one rule.
    Add {
        /// The group: of the interface's, the one that the fewest interfaces have.
        group: String,
        /// The direction.
        #[serde(with = "words::direction")]
        direction: Direction,
        /// What the rule allows: this packet's protocol and port, and its other end alone.
        allows: String,
        /// Resources to add to a template, in YAML.
        cloudformation: String,
        /// What to type instead.
        commands: Vec<String>,
    },
    /// Remove every rule that admits the packet: one alone would leave the others.
    Remove {
        /// The rules.
        rules: Vec<RemovedRule>,
        /// What to take out of a template, in YAML.
        cloudformation: String,
        /// What to type instead: a command for each group.
        commands: Vec<String>,
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

/// A rule to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedRule {
    /// The group.
    pub group: String,
    /// The rule.
    pub rule: String,
    /// What it allows.
    pub allows: String,
}

impl Change {
    pub(crate) fn none(because: &str) -> Self {
        Self::None {
            because: because.to_owned(),
        }
    }

    fn adding(group: &SecurityGroup, rule: &RuleSpec) -> Self {
        Self::Add {
            group: group.id.to_string(),
            direction: rule.direction,
            allows: rule.to_string(),
            cloudformation: template::adding(group, rule),
            commands: vec![aws::authorize(group, rule)],
        }
    }

    fn removing(rules: &[(&SecurityGroup, &Rule)]) -> Self {
        let removed = |(group, rule): &(&SecurityGroup, &Rule)| RemovedRule {
            group: group.id.to_string(),
            rule: rule.id.to_string(),
            allows: rule.spec.to_string(),
        };
        let by_group: Vec<(&SecurityGroup, Vec<&Rule>)> = rules
            .chunk_by(|(one, _), (other, _)| one.id == other.id)
            .filter_map(|chunk| {
                let (group, _) = chunk.first()?;
                Some((*group, chunk.iter().map(|(_, rule)| *rule).collect()))
            })
            .collect();
        let fragments = by_group
            .iter()
            .map(|(group, rules)| template::removing(group, rules));
        Self::Remove {
            rules: rules.iter().map(removed).collect(),
            cloudformation: fragments.collect(),
            commands: by_group
                .iter()
                .map(|(group, rules)| aws::revoke(group, rules))
                .collect(),
        }
    }
}

/// A change that would turn a verdict, before it is spelled.
#[derive(Debug, Clone)]
pub(crate) enum Turning<'a> {
    /// Add this rule to this group.
    Add(&'a SecurityGroup, RuleSpec),
    /// Remove these rules; they come group by group.
    Remove(Vec<(&'a SecurityGroup, &'a Rule)>),
    /// No rule would turn it, and why not.
    None(&'static str),
}

impl<'a> Turning<'a> {
    /// The change that would turn `verdict` on what `query` asks; `connection` is the one that the packet belongs to, or is about.
    pub(crate) fn of(
        inventory: &'a Inventory,
        interface: &'a NetworkInterface,
        query: &Query,
        verdict: Verdict,
        connection: Option<&Connection>,
    ) -> Self {
        let because = match (verdict.action(), verdict.reason) {
            (_, Reason::Exempt) => "security groups never filter this traffic",
            (_, Reason::Established) => {
                "a tracked connection outlives the rules that admitted it; take these out and cut \
                 it ('secgroup flows --delete' on a running firewall), or wait until it runs out"
            }
            (_, Reason::Related) => {
                "ICMP errors about a tracked connection need no rule; cut that connection, or turn \
                 related errors off ('--no-icmp-related', 'icmp_related = false')"
            }
            (Action::Allow, _) => return Self::Remove(admitting(inventory, interface, query)),
            (_, Reason::NoRule) => match narrowest_group(inventory, interface) {
                Some(group) => return Self::Add(group, narrowest(query)),
                None => "the interface has no group that the policy defines; attach one",
            },
            (_, Reason::Spoofed) => {
                "the source/destination check drops it before any rule is asked; give the \
                 interface the address, or turn its check off"
            }
            (_, Reason::LinkLocalExceeded) => {
                "the allowance to link-local services is used up before any rule is asked; \
                 raise it"
            }
            (_, Reason::TableFull) => {
                "a rule admits it, but there is no room to track it; make room"
            }
            (_, Reason::InvalidState) if connection.is_some() => {
                "its connection says so, and rules are not asked; a segment that fits the state \
                 passes, and so does a SYN when the connection has run out"
            }
            (_, Reason::InvalidState) => {
                "a rule admits it, but only a SYN opens a tracked connection; open the connection \
                 anew, or let any segment open one ('--tcp loose', 'tcp = \"loose\"')"
            }
            (_, Reason::Fragment) => {
                "a later fragment passes with its first alone, in order and without overlap; send \
                 smaller packets, or the whole datagram again"
            }
            (_, Reason::Malformed | Reason::New | Reason::Untracked) => {
                "its headers contradict each other; send a valid packet"
            }
        };
        Self::None(because)
    }

    /// The same as a person would make it.
    pub(crate) fn told(&self) -> Change {
        match self {
            Self::Add(group, rule) => Change::adding(group, rule),
            Self::Remove(rules) => Change::removing(rules),
            Self::None(because) => Change::none(because),
        }
    }
}

fn admitting<'a>(
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    query: &Query,
) -> Vec<(&'a SecurityGroup, &'a Rule)> {
    attached_rules(inventory, interface, query.direction)
        .filter(|(group, rule)| Mismatch::of(inventory, group, &rule.spec, query).is_match())
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
