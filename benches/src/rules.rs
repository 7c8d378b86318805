//! The obvious ways to match rules, to compare with.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use prefix_trie::PrefixMap;
pub use secgroup_bench::workload::rules::*;
use secgroup_packet::Protocol;
use secgroup_policy::{Directory, GroupNumber, Peer, Query, Rule, RuleNumber, Selector, Traffic};

/// Whether a rule's traffic covers a packet, as the rule is written.
fn covers(traffic: Traffic, query: &Query) -> bool {
    match (traffic, query.selector) {
        (Traffic::All, _) => true,
        (Traffic::Tcp(ports), Selector::Port(port)) => {
            query.protocol == Protocol::TCP && ports.contains(port)
        }
        (Traffic::Udp(ports), Selector::Port(port)) => {
            query.protocol == Protocol::UDP && ports.contains(port)
        }
        (Traffic::Icmp(message), Selector::Icmp { kind, code }) => {
            query.protocol == Protocol::ICMP && message.matches(kind, code)
        }
        (Traffic::Other(protocol), _) => query.protocol == protocol,
        _ => false,
    }
}

/// Rule by rule, as they are written. Groups are sets of addresses.
#[derive(Debug, Clone)]
pub struct Linear {
    rules: Vec<Rule>,
    members: HashMap<GroupNumber, HashSet<IpAddr>>,
}

impl Linear {
    /// The rules; `directory` is asked once who is in the groups.
    #[must_use]
    pub fn new(rules: &[Rule], directory: &Directory) -> Self {
        let mut sets = HashMap::<GroupNumber, HashSet<IpAddr>>::new();
        for address in (0..GROUPS * MEMBERS).map(member_address) {
            for group in directory.groups_of(address) {
                sets.entry(group).or_default().insert(address);
            }
        }
        Self {
            rules: rules.to_vec(),
            members: sets,
        }
    }

    /// The first rule that matches.
    #[must_use]
    pub fn matches(&self, query: &Query) -> Option<RuleNumber> {
        let matches = |rule: &&Rule| {
            rule.direction == query.direction
                && covers(rule.traffic, query)
                && match &rule.peer {
                    Peer::Cidr(net) => net.contains(&query.peer),
                    Peer::Prefixes(nets) => nets.iter().any(|net| net.contains(&query.peer)),
                    Peer::Group(group) => self
                        .members
                        .get(group)
                        .is_some_and(|set| set.contains(&query.peer)),
                }
        };
        self.rules.iter().find(matches).map(|rule| rule.number)
    }
}

/// Rules by prefix in a trie: every prefix around the address, then the rules of each.
#[derive(Debug, Clone)]
pub struct Trie {
    prefixes: PrefixMap<Ipv4Net, Vec<(RuleNumber, Traffic)>>,
}

impl Trie {
    /// The ingress rules over IPv4 ranges; others are left out.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut prefixes = PrefixMap::<Ipv4Net, Vec<_>>::new();
        for rule in rules {
            let nets = match &rule.peer {
                Peer::Cidr(net) => std::slice::from_ref(net),
                Peer::Prefixes(nets) => nets,
                Peer::Group(_) => &[],
            };
            for net in nets {
                if let IpNet::V4(net) = net {
                    prefixes
                        .entry(*net)
                        .or_default()
                        .push((rule.number, rule.traffic));
                }
            }
        }
        Self { prefixes }
    }

    /// The first rule that matches.
    #[must_use]
    pub fn matches(&self, query: &Query) -> Option<RuleNumber> {
        let IpAddr::V4(peer) = query.peer else {
            return None;
        };
        self.prefixes
            .cover_values(&Ipv4Net::from(peer))
            .filter_map(|rules| {
                let first = rules.iter().find(|(_, traffic)| covers(*traffic, query));
                first.map(|(number, _)| *number)
            })
            .min()
    }
}
