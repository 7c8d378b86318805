//! Whether a flow is tracked, and which rules make it so (semantics D7 to D16).

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_datapath::AlwaysTrack;
use secgroup_model::{
    Direction, Family, Inventory, NetworkInterface, Peer, PortRange, Rule, Traffic,
};
use secgroup_packet::{IcmpExchange, L4, Packet, Protocol};
use secgroup_policy::Query;
use serde::{Deserialize, Serialize};

use crate::attached::attached_rules;

/// Whether the flow of a packet is tracked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Whether it is.
    pub tracked: bool,
    /// Why, in words.
    pub because: String,
    /// The two rules that it takes to leave a flow untracked: the one that admits it, then the one that admits every answer. None
    /// where rules have no say in it.
    pub needs: Vec<Needed>,
}

/// A rule that has to be there for a flow to be untracked (D8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// What it has to allow.
    pub needs: String,
    /// The rule that does; `null` where there is none.
    pub rule: Option<String>,
}

/// On what grounds a flow is tracked, or is not.
#[derive(Debug, Clone)]
pub(crate) enum Basis<'a> {
    /// A packet of a connection that is tracked already: the rules are not asked any more (D19, D20, D22).
    Connection,
    /// Neither TCP nor UDP nor ICMP (D13).
    Protocol,
    /// ICMP is never untracked, but only a query of a pair leaves something behind (D13, D50, D51).
    Icmp {
        /// Whether this is one.
        opens: bool,
    },
    /// The rules say so.
    Rules(ByRules<'a>),
    /// What the engine lets pass without state although the rules, where they have a say, would have it tracked (D15, D58).
    UselessAnswer(Option<ByRules<'a>>),
}

/// The rules that leave a flow untracked, as far as they are there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByRules<'a> {
    protocol: Protocol,
    family: Family,
    /// The way in which the flow was opened.
    opened: Direction,
    /// The port that it was opened to.
    port: u16,
    /// Whether the packet opens that flow, or may only be an answer.
    opens: bool,
    /// The one that admits the flow, and the one that admits every answer (D8 b and c).
    rules: [Option<&'a Rule>; 2],
    /// The peer, where flows with it are tracked whatever the rules say (D12).
    always: Option<IpAddr>,
}

/// Where a flow is met: its interface, and the protocol and family of its packets.
struct Place<'a> {
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    protocol: Protocol,
    family: Family,
}

impl<'a> Basis<'a> {
    /// Whether the flow of `packet`, crossing `interface` in `direction`, is tracked (step 8 of the
    /// decision), and why.
    pub(crate) fn of(
        inventory: &'a Inventory,
        interface: &'a NetworkInterface,
        packet: &Packet,
        direction: Direction,
        always: &AlwaysTrack,
    ) -> Self {
        let (sport, dport, only_initiator) = match packet.l4 {
            L4::Tcp {
                sport,
                dport,
                flags,
            } => (sport, dport, flags.is_opening()),
            L4::Udp { sport, dport } => (sport, dport, false),
            L4::Icmp { kind, code, .. } => {
                let exchange = IcmpExchange::of(packet.protocol, kind, code);
                return Self::Icmp {
                    opens: exchange.is_some_and(|exchange| !exchange.is_reply()),
                };
            }
            L4::Other | L4::LaterFragment => return Self::Protocol,
        };
        let place = Place {
            inventory,
            interface,
            protocol: packet.protocol,
            family: packet.family(),
        };
        // The rules that it takes for whoever opened the flow: this end, or the other.
        let initiator = place.rules(direction, dport, true);
        let by = if initiator.leave_untracked() || only_initiator {
            initiator
        } else {
            let responder = place.rules(direction.reverse(), sport, false);
            if responder.leave_untracked() {
                responder
            } else {
                initiator
            }
        };
        let peer = Query::of(packet, direction).peer;
        Self::Rules(ByRules {
            always: (by.leave_untracked() && always.covers(peer)).then_some(peer),
            ..by
        })
    }

    /// What the engine let pass without state: untracked by the rules, or an answer that a former policy lets through.
    pub(crate) const fn of_untracked(self) -> Self {
        match self {
            Self::Rules(by) if by.is_tracked() => Self::UselessAnswer(Some(by)),
            Self::Connection | Self::Protocol | Self::Icmp { .. } => Self::UselessAnswer(None),
            untracked => untracked,
        }
    }

    /// The same in words.
    pub(crate) fn told(&self) -> Tracking {
        let (tracked, because, by) = match self {
            Self::Connection => (
                true,
                "its connection is tracked since it was opened, and stays so until it ends, \
                 whatever becomes of the rules"
                    .to_owned(),
                None,
            ),
            Self::Protocol => (
                true,
                "every protocol but TCP and UDP is always tracked".to_owned(),
                None,
            ),
            Self::Icmp { opens: true } => (true, "ICMP queries are always tracked".to_owned(), None),
            Self::Icmp { opens: false } => (
                true,
                "ICMP is always tracked, but this message opens no exchange: it passes by its rule \
                 alone"
                    .to_owned(),
                None,
            ),
            Self::Rules(by) => (by.is_tracked(), by.because(), Some(by)),
            Self::UselessAnswer(by) => (
                false,
                "it answers a flow that a former policy left untracked, and the rule that opened \
                 it is revoked: it passes by its own rule and leaves nothing behind"
                    .to_owned(),
                by.as_ref(),
            ),
        };
        Tracking {
            tracked,
            because,
            needs: by.map_or_else(Vec::new, ByRules::needs),
        }
    }
}

impl ByRules<'_> {
    /// Whether both rules are there.
    const fn leave_untracked(&self) -> bool {
        matches!(self.rules, [Some(_), Some(_)])
    }

    const fn is_tracked(&self) -> bool {
        !self.leave_untracked() || self.always.is_some()
    }

    fn because(&self) -> String {
        let Self {
            protocol,
            port,
            opened,
            ..
        } = self;
        let everywhere = Peer::anywhere(self.family);
        let untracked = match self.rules {
            [None, _] => {
                return format!(
                    "no {opened} rule for {protocol} port {port} has the peer {everywhere}"
                );
            }
            [Some(_), None] => {
                let opposite = opened.reverse();
                return format!(
                    "no {opposite} rule has the peer {everywhere} and covers all {protocol} ports"
                );
            }
            [Some(admits), Some(answers)] if self.opens => format!(
                "{} admits it from or to everywhere, and {} every answer",
                admits.id, answers.id
            ),
            [Some(admits), Some(answers)] => format!(
                "it may answer a flow to port {port}, which {} admits from or to everywhere, and \
                 {} every answer",
                admits.id, answers.id
            ),
        };
        match self.always {
            None => untracked,
            Some(peer) => format!(
                "the rules would leave it untracked ({untracked}), but flows with {peer} are \
                 always tracked"
            ),
        }
    }

    /// What the two rules have to allow, and which they are.
    fn needs(&self) -> Vec<Needed> {
        let Self { protocol, port, .. } = self;
        let everywhere = Peer::anywhere(self.family);
        let needed = |direction: Direction, rule: Option<&Rule>, words: String| {
            let preposition = match direction {
                Direction::Ingress => "from",
                Direction::Egress => "to",
            };
            Needed {
                needs: format!("{direction} {words} {preposition} {everywhere}"),
                rule: rule.map(|rule| rule.id.to_string()),
            }
        };
        let [admits, answers] = self.rules;
        vec![
            needed(self.opened, admits, format!("{protocol} {port}")),
            needed(
                self.opened.reverse(),
                answers,
                format!("{protocol} 0-65535"),
            ),
        ]
    }
}

impl<'a> Place<'a> {
    /// The rules that leave a flow opened in `direction` to `port` untracked, as far as they are there: one that admits it, one that
    /// admits all its answers (D8 b and c). They may be of different groups (D9).
    fn rules(&self, direction: Direction, port: u16, opens: bool) -> ByRules<'a> {
        ByRules {
            protocol: self.protocol,
            family: self.family,
            opened: direction,
            port,
            opens,
            rules: [
                self.open(direction, PortRange::single(port)),
                self.open(direction.reverse(), PortRange::ALL),
            ],
            always: None,
        }
    }

    fn open(&self, direction: Direction, ports: PortRange) -> Option<&'a Rule> {
        attached_rules(self.inventory, self.interface, direction)
            .map(|(_, rule)| rule)
            .find(|rule| {
                opens(rule, self.protocol, self.family).is_some_and(|open| open.covers(ports))
            })
    }
}

/// The ports of `protocol` that `rule` opens to every address of the family (D8, D10).
#[must_use]
pub fn opens(rule: &Rule, protocol: Protocol, family: Family) -> Option<PortRange> {
    match (&rule.spec.peer, family) {
        (Peer::Cidr(IpNet::V4(range)), Family::V4) if range.prefix_len() == 0 => {}
        (Peer::Cidr(IpNet::V6(range)), Family::V6) if range.prefix_len() == 0 => {}
        _ => return None,
    }
    match (rule.spec.traffic, protocol) {
        (Traffic::All, _) => Some(PortRange::ALL),
        (Traffic::Tcp(ports), Protocol::TCP) | (Traffic::Udp(ports), Protocol::UDP) => Some(ports),
        _ => None,
    }
}
