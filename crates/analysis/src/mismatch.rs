//! On which fields a rule fails, rule by rule, in the words of the model. Slow and exact; the engine never comes here.

use std::fmt;
use std::net::IpAddr;

use secgroup_model::{Inventory, Peer, Protocol, RuleSpec, SecurityGroup, Traffic};
use secgroup_policy::{Query, Selector};
use serde::Serialize;

/// A field of a rule, the nearest first: a rule for the right port and the wrong peer says more about a denied packet than one for
/// everybody and another port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The other end.
    Peer,
    /// Port range, or ICMP type and code.
    Port,
    /// The protocol.
    Protocol,
    /// Ingress or egress.
    Direction,
}

impl Field {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Peer => "peer",
            Self::Protocol => "protocol",
            Self::Direction => "direction",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The fields on which a rule failed, nearest first; none where it matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mismatch {
    fields: Vec<Field>,
}

impl Mismatch {
    /// How `rule` of `group` fails to match what `query` asks.
    #[must_use]
    pub fn of(
        inventory: &Inventory,
        group: &SecurityGroup,
        rule: &RuleSpec,
        query: &Query,
    ) -> Self {
        let mut fields = Vec::new();
        if !protocol_matches(rule.traffic, query) {
            fields.push(Field::Protocol);
        } else if !ports_match(rule.traffic, query.selector) {
            fields.push(Field::Port);
        }
        if !peer_matches(inventory, group, &rule.peer, query.peer) {
            fields.push(Field::Peer);
        }
        if rule.direction != query.direction {
            fields.push(Field::Direction);
        }
        fields.sort_unstable();
        Self { fields }
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether the rule matches.
    #[must_use]
    pub const fn is_match(&self) -> bool {
        self.fields.is_empty()
    }

    /// How far off the rule is: fewer fields first, then the nearer fields.
    #[must_use]
    pub fn distance(&self) -> impl Ord + use<> {
        (self.fields.len(), self.fields.clone())
    }
}

/// `port`, `protocol and peer`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|field| field.as_str()).collect();
        f.write_str(&names.join(" and "))
    }
}

/// ICMP rules cover ICMP of their own family only; `-1` covers everything (semantics A11, A19).
fn protocol_matches(traffic: Traffic, query: &Query) -> bool {
    match traffic.protocol() {
        None => true,
        Some(protocol @ (Protocol::ICMP | Protocol::ICMPV6)) => {
            protocol == query.protocol && matches!(query.selector, Selector::Icmp { .. })
        }
        Some(protocol) => protocol == query.protocol,
    }
}

fn ports_match(traffic: Traffic, selector: Selector) -> bool {
    match (traffic, selector) {
        (Traffic::Tcp(ports) | Traffic::Udp(ports), Selector::Port(port)) => ports.contains(port),
        (Traffic::Icmp(messages) | Traffic::Icmpv6(messages), Selector::Icmp { kind, code }) => {
            messages.covers(kind, code)
        }
        (Traffic::All | Traffic::Other(_), _) => true,
        _ => false,
    }
}

/// Semantics C5 to C8, A26, B28.
fn peer_matches(inventory: &Inventory, from: &SecurityGroup, peer: &Peer, address: IpAddr) -> bool {
    match peer {
        Peer::Cidr(range) => range.contains(&address),
        Peer::PrefixList(id) => inventory.prefix_lists.get(id).is_some_and(|list| {
            list.entries()
                .iter()
                .any(|entry| entry.cidr.contains(&address))
        }),
        Peer::Group(reference) => {
            inventory.reach(from, reference).is_allowed()
                && inventory.interfaces.values().any(|member| {
                    member.groups.contains(&reference.group)
                        && (member.addresses.contains(&address)
                            || member
                                .prefixes
                                .iter()
                                .any(|prefix| prefix.contains(&address)))
                })
        }
    }
}
