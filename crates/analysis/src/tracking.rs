//! Whether a flow is tracked, and which rules make it so (semantics D7 to D16).

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

/// Where a flow is met: its interface, and the protocol and family of its packets.
struct Place<'a> {
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    protocol: Protocol,
    family: Family,
}

impl Tracking {
    /// Whether the flow of `packet`, crossing `interface` in `direction`, is tracked (step 8 of the
    /// decision), and why.
    pub(crate) fn of(
        inventory: &Inventory,
        interface: &NetworkInterface,
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
            L4::Icmp { kind, code, .. } => return icmp(packet.protocol, kind, code),
            // D13.
            L4::Other | L4::LaterFragment => {
                return tracked("every protocol but TCP and UDP is always tracked".to_owned());
            }
        };
        let place = Place {
            inventory,
            interface,
            protocol: packet.protocol,
            family: packet.family(),
        };
        let opposite = direction.reverse();
        let initiator = place.untracked(direction, dport);
        let responder = || place.untracked(opposite, sport).filter(|_| !only_initiator);
        // The rules that it takes for whoever opened the flow: this end, or the other.
        let (because, needs) = match (initiator, responder) {
            (Some((admits, answers)), _) => (
                format!(
                    "{} admits it from or to everywhere, and {} every answer",
                    admits.id, answers.id
                ),
                place.needs(direction, dport),
            ),
            (None, responder) => match responder() {
                Some((admits, answers)) => (
                    format!(
                        "it may answer a flow to port {sport}, which {} admits from or to everywhere, \
                         and {} every answer",
                        admits.id, answers.id
                    ),
                    place.needs(opposite, sport),
                ),
                None => {
                    return Self {
                        tracked: true,
                        because: place.why_tracked(direction, dport),
                        needs: place.needs(direction, dport),
                    };
                }
            },
        };
        let peer = Query::of(packet, direction).peer;
        if always.covers(peer) {
            // D12.
            return Self {
                tracked: true,
                because: format!(
                    "the rules would leave it untracked ({because}), but flows with {peer} are \
                     always tracked"
                ),
                needs,
            };
        }
        Self {
            tracked: false,
            because,
            needs,
        }
    }

    /// A packet of a connection that is tracked already: the rules are not asked any more (D19, D20, D22).
    pub(crate) fn of_connection() -> Self {
        tracked(
            "its connection is tracked since it was opened, and stays so until it ends, whatever \
             becomes of the rules"
                .to_owned(),
        )
    }

    /// What the engine lets pass without state although the rules would have it tracked (D15, D58).
    pub(crate) fn of_useless_answer(self) -> Self {
        Self {
            tracked: false,
            because: "it answers a flow that a former policy left untracked, and the rule that \
                      opened it is revoked: it passes by its own rule and leaves nothing behind"
                .to_owned(),
            needs: self.needs,
        }
    }
}

impl<'a> Place<'a> {
    /// The rules that leave a flow opened in `direction` to `port` untracked: one that admits it,
    /// one that admits all its answers (D8 b and c). They may be of different groups (D9).
    fn untracked(&self, direction: Direction, port: u16) -> Option<(&'a Rule, &'a Rule)> {
        let admits = self.open(direction, PortRange::single(port))?;
        Some((admits, self.open(direction.reverse(), PortRange::ALL)?))
    }

    fn open(&self, direction: Direction, ports: PortRange) -> Option<&'a Rule> {
        attached_rules(self.inventory, self.interface, direction)
            .map(|(_, rule)| rule)
            .find(|rule| {
                opens(rule, self.protocol, self.family).is_some_and(|open| open.covers(ports))
            })
    }

    /// The two rules that leave a flow opened in `direction` to `port` untracked, as far as they are there (D8 b and c).
    fn needs(&self, direction: Direction, port: u16) -> Vec<Needed> {
        let (protocol, everywhere) = (self.protocol, Peer::anywhere(self.family));
        let needed = |direction: Direction, ports, words: String| {
            let preposition = match direction {
                Direction::Ingress => "from",
                Direction::Egress => "to",
            };
            Needed {
                needs: format!("{direction} {words} {preposition} {everywhere}"),
                rule: self.open(direction, ports).map(|rule| rule.id.to_string()),
            }
        };
        vec![
            needed(
                direction,
                PortRange::single(port),
                format!("{protocol} {port}"),
            ),
            needed(
                direction.reverse(),
                PortRange::ALL,
                format!("{protocol} 0-65535"),
            ),
        ]
    }

    fn why_tracked(&self, direction: Direction, port: u16) -> String {
        let (protocol, opposite) = (self.protocol, direction.reverse());
        let everywhere = Peer::anywhere(self.family);
        match self.open(direction, PortRange::single(port)) {
            None => {
                format!("no {direction} rule for {protocol} port {port} has the peer {everywhere}")
            }
            Some(_) => format!(
                "no {opposite} rule has the peer {everywhere} and covers all {protocol} ports"
            ),
        }
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

/// D13, D50, D51: never untracked, but only a query of a pair leaves something behind.
fn icmp(protocol: Protocol, kind: u8, code: u8) -> Tracking {
    let opens = IcmpExchange::of(protocol, kind, code).is_some_and(|exchange| !exchange.is_reply());
    tracked(if opens {
        "ICMP queries are always tracked".to_owned()
    } else {
        "ICMP is always tracked, but this message opens no exchange: it passes by its rule alone"
            .to_owned()
    })
}

const fn tracked(because: String) -> Tracking {
    Tracking {
        tracked: true,
        because,
        needs: Vec::new(),
    }
}
