//! Whether a flow is tracked, and which rules make it so (semantics D7 to D16).

use ipnet::IpNet;
use secgroup_model::{
    Direction, Family, Inventory, NetworkInterface, Peer, PortRange, Rule, SecurityGroup, Traffic,
};
use secgroup_packet::{L4, Packet, Protocol};
use serde::Serialize;

/// Whether the flow that a packet opens is tracked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tracking {
    /// Whether it is.
    pub tracked: bool,
    /// Why, in words.
    pub because: String,
}

impl Tracking {
    /// Why the flow that `packet` opens, crossing `interface` in `direction`, is or is not tracked by the rules alone.
    #[must_use]
    pub fn by_rules(
        inventory: &Inventory,
        interface: &NetworkInterface,
        packet: &Packet,
        direction: Direction,
    ) -> Self {
        let tracked = |because: String| Self {
            tracked: true,
            because,
        };
        let port = match packet.l4 {
            L4::Tcp { dport, .. } | L4::Udp { dport, .. } => dport,
            L4::Icmp { .. } => return tracked("ICMP is always tracked".to_owned()),
            L4::Other | L4::LaterFragment => {
                return tracked("every protocol but TCP and UDP is always tracked".to_owned());
            }
        };
        let (protocol, family) = (packet.protocol, packet.family());
        let everywhere = if family == Family::V4 {
            "0.0.0.0/0"
        } else {
            "::/0"
        };
        let rules = |direction| rules_of(inventory, interface, direction);
        let opposite = direction.reverse();
        let admits =
            rules(direction).find(|rule| opens(rule, protocol, family, PortRange::single(port)));
        let answers = rules(opposite).find(|rule| opens(rule, protocol, family, PortRange::ALL));
        match (admits, answers) {
            (Some(admits), Some(answers)) => Self {
                tracked: false,
                because: format!(
                    "{} admits it from and to {everywhere}, and {} lets every answer through",
                    admits.id, answers.id
                ),
            },
            (None, _) => tracked(format!(
                "no {direction} rule for {protocol} port {port} has the peer {everywhere}"
            )),
            (_, None) => tracked(format!(
                "no {opposite} rule has the peer {everywhere} and covers all {protocol} ports"
            )),
        }
    }
}

/// The rules of the interface's groups in one direction, in order.
pub(crate) fn rules_of<'a>(
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    direction: Direction,
) -> impl Iterator<Item = &'a Rule> {
    considered(inventory, interface, direction).map(|(_, rule)| rule)
}

/// The same, each with its group.
pub(crate) fn considered<'a>(
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    direction: Direction,
) -> impl Iterator<Item = (&'a SecurityGroup, &'a Rule)> {
    interface
        .groups
        .iter()
        .filter_map(|id| inventory.groups.get(id))
        .flat_map(move |group| group.rules_of(direction).map(move |rule| (group, rule)))
}

/// Whether `rule` has the /0 CIDR of the family as its peer and covers `ports` (D8 b and c, D10).
pub(crate) fn opens(rule: &Rule, protocol: Protocol, family: Family, ports: PortRange) -> bool {
    let everyone = match (&rule.spec.peer, family) {
        (Peer::Cidr(IpNet::V4(range)), Family::V4) => range.prefix_len() == 0,
        (Peer::Cidr(IpNet::V6(range)), Family::V6) => range.prefix_len() == 0,
        _ => false,
    };
    everyone
        && match (rule.spec.traffic, protocol) {
            (Traffic::All, _) => true,
            (Traffic::Tcp(range), Protocol::TCP) | (Traffic::Udp(range), Protocol::UDP) => {
                range.covers(ports)
            }
            _ => false,
        }
}
