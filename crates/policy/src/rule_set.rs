//! A compiled list of rules.

use secgroup_packet::{Direction, Family, Protocol};

use crate::{Directory, Peer, Query, Rule, RuleNumber, Selector, Traffic};

/// The rules of one interface, both directions, compiled. Immutable: a change compiles another.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Box<[Rule]>,
}

impl RuleSet {
    /// Compiles a list of rules. The order of the list decides which of several matching rules is the answer.
    #[must_use]
    pub fn compile(rules: &[Rule]) -> Self {
        Self {
            rules: rules.into(),
        }
    }

    /// The first rule, in list order, that allows the packet; `None` where none does (semantics C3).
    #[must_use]
    pub fn matches(&self, query: &Query, directory: &Directory) -> Option<RuleNumber> {
        self.rules
            .iter()
            .find(|rule| rule_matches(rule, query, directory))
            .map(|rule| rule.number)
    }

    /// [`RuleSet::matches`] for each of `queries`, into the same place of `answers`; stops with the shorter of the two.
    pub fn match_burst(
        &self,
        queries: &[Query],
        directory: &Directory,
        answers: &mut [Option<RuleNumber>],
    ) {
        for (query, answer) in queries.iter().zip(answers) {
            *answer = self.matches(query, directory);
        }
    }

    /// Whether some rule permits `port` of TCP or UDP from or to *every* address of the family (semantics D8 b).
    #[must_use]
    pub fn open(
        &self,
        direction: Direction,
        family: Family,
        protocol: Protocol,
        port: u16,
    ) -> bool {
        self.open_ranges(direction, family, protocol)
            .any(|range| range.contains(port))
    }

    /// Whether one rule permits *all* ports of TCP or UDP from or to every address of the family (semantics D8 c, D10).
    #[must_use]
    pub fn open_all(&self, direction: Direction, family: Family, protocol: Protocol) -> bool {
        use secgroup_packet::PortRange;
        self.open_ranges(direction, family, protocol)
            .any(|range| range == PortRange::ALL)
    }

    /// How many rules were compiled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules: nothing passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn open_ranges(
        &self,
        direction: Direction,
        family: Family,
        protocol: Protocol,
    ) -> impl Iterator<Item = secgroup_packet::PortRange> {
        self.rules.iter().filter_map(move |rule| {
            let Peer::Cidr(net) = rule.peer else {
                return None;
            };
            if rule.direction != direction
                || net.prefix_len() != 0
                || Family::of(net.addr()) != family
            {
                return None;
            }
            match (rule.traffic, protocol) {
                (Traffic::All, Protocol::TCP | Protocol::UDP) => {
                    Some(secgroup_packet::PortRange::ALL)
                }
                (Traffic::Tcp(range), Protocol::TCP) => Some(range),
                (Traffic::Udp(range), Protocol::UDP) => Some(range),
                _ => None,
            }
        })
    }
}

fn rule_matches(rule: &Rule, query: &Query, directory: &Directory) -> bool {
    let family = query.family();
    let traffic = match (rule.traffic, query.selector) {
        (Traffic::All, _) => true,
        (Traffic::Tcp(range), Selector::Port(port)) => {
            query.protocol == Protocol::TCP && range.contains(port)
        }
        (Traffic::Udp(range), Selector::Port(port)) => {
            query.protocol == Protocol::UDP && range.contains(port)
        }
        (Traffic::Icmp(icmp), Selector::Icmp { kind, code }) => {
            query.protocol == Protocol::ICMP && family == Family::V4 && icmp.matches(kind, code)
        }
        (Traffic::Icmpv6(icmp), Selector::Icmp { kind, code }) => {
            query.protocol == Protocol::ICMPV6 && family == Family::V6 && icmp.matches(kind, code)
        }
        (Traffic::Other(protocol), _) => query.protocol == protocol,
        _ => false,
    };
    traffic
        && rule.direction == query.direction
        && match &rule.peer {
            Peer::Cidr(net) => net.contains(&query.peer),
            Peer::Prefixes(nets) => nets.iter().any(|net| net.contains(&query.peer)),
            Peer::Group(group) => directory.contains(query.peer, *group),
        }
}
