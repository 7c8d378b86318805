//! The smallest change of the rules that would turn a verdict.

use ipnet::IpNet;
use secgroup_datapath::{Action, Reason, Verdict};
use secgroup_model::{
    IcmpMatch, Inventory, NetworkInterface, Peer, PortRange, Protocol, RuleSpec, Traffic,
};
use secgroup_policy::{Query, Selector};
use serde::Serialize;

use crate::mismatch::Mismatch;
use crate::tracking::considered;

/// A change of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Add one rule to a group.
    Add {
        /// The group.
        group: String,
        /// Ingress or egress.
        direction: &'static str,
        /// What the rule allows: this packet's protocol and port, and its other end alone.
        allows: String,
    },
    /// Remove every rule that admits the packet.
    Remove {
        /// Their ids.
        rules: Vec<String>,
    },
    /// No rule would turn it.
    None {
        /// Why not.
        because: String,
    },
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
            (_, Reason::Exempt) => Self::None {
                because: "security groups never filter this traffic".to_owned(),
            },
            (Action::Allow, _) => Self::Remove {
                rules: considered(inventory, interface, query.direction)
                    .filter(|(group, rule)| {
                        Mismatch::of(inventory, group, &rule.spec, query).is_match()
                    })
                    .map(|(_, rule)| rule.id.to_string())
                    .collect(),
            },
            (Action::Deny, Reason::NoRule) => match interface.groups.first() {
                Some(group) => Self::Add {
                    group: group.to_string(),
                    direction: query.direction.as_str(),
                    allows: narrowest(query).to_string(),
                },
                None => Self::None {
                    because: "no group is attached".to_owned(),
                },
            },
            (Action::Deny, reason) => Self::None {
                because: format!("the reason is {reason}, not a missing rule"),
            },
        }
    }
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
    let peer = Peer::Cidr(IpNet::from(query.peer));
    RuleSpec {
        direction: query.direction,
        traffic,
        peer,
    }
}
