//! The rules: which is the first that allows a packet, and would its flow be tracked?

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{
    Direction, Family, GroupId, Inventory, NetworkInterface, Peer, PortRange, Rule, RuleId, Traffic,
};

use crate::read::{Packet, Upper};
use crate::settings::AlwaysTrack;

/// One packet at one interface in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossing<'a> {
    /// The interface.
    pub(crate) interface: &'a NetworkInterface,
    /// Which way it crosses.
    pub(crate) direction: Direction,
    /// The packet.
    pub(crate) packet: &'a Packet,
}

impl Crossing<'_> {
    /// The other end: the source of ingress, the destination of egress (C5).
    pub(crate) const fn peer(&self) -> IpAddr {
        match self.direction {
            Direction::Ingress => self.packet.source,
            Direction::Egress => self.packet.destination,
        }
    }
}

/// The rules of one direction of all groups of an interface (C3): groups in the order they are
/// attached in, rules in the order they were added in.
fn rules_of<'a>(
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    direction: Direction,
) -> impl Iterator<Item = (&'a GroupId, &'a Rule)> {
    interface
        .groups
        .iter()
        .filter_map(|id| inventory.groups.get(id))
        .flat_map(|group| group.rules.iter().map(move |rule| (&group.id, rule)))
        .filter(move |(_, rule)| rule.spec.direction == direction)
}

/// The first rule that allows a packet (C3, C5).
pub(crate) fn first_match(
    inventory: &Inventory,
    crossing: &Crossing<'_>,
) -> Option<(GroupId, RuleId)> {
    for (group, rule) in rules_of(inventory, crossing.interface, crossing.direction) {
        if covers_traffic(rule.spec.traffic, crossing.packet)
            && covers_peer(inventory, group, &rule.spec.peer, crossing.peer())
        {
            return Some((group.clone(), rule.id.clone()));
        }
    }
    None
}

/// Whether protocol and destination port, or type and code, are the rule's (C5, A9, A12, A15).
fn covers_traffic(traffic: Traffic, packet: &Packet) -> bool {
    match (traffic, packet.upper) {
        (Traffic::All, _) => true,
        (Traffic::Tcp(ports), Upper::Tcp { destination, .. })
        | (Traffic::Udp(ports), Upper::Udp { destination, .. }) => ports.contains(destination),
        // A19: `icmp` is ICMP in IPv4 only, `icmpv6` ICMPv6 in IPv6 only.
        (Traffic::Icmp(messages), Upper::Icmp { kind, code, .. }) => {
            packet.family() == Family::V4 && messages.covers(kind, code)
        }
        (Traffic::Icmpv6(messages), Upper::Icmp { kind, code, .. }) => {
            packet.family() == Family::V6 && messages.covers(kind, code)
        }
        (Traffic::Other(protocol), _) => protocol == packet.protocol,
        _ => false,
    }
}

/// Whether an address is the rule's peer.
fn covers_peer(inventory: &Inventory, group: &GroupId, peer: &Peer, address: IpAddr) -> bool {
    peer_ranges(inventory, group, peer)
        .iter()
        .any(|range| range.contains(&address))
}

/// The ranges that the peer of a rule of `group` stands for at this moment.
fn peer_ranges(inventory: &Inventory, group: &GroupId, peer: &Peer) -> Vec<IpNet> {
    match peer {
        Peer::Cidr(range) => vec![*range],
        // A26: any entry of the current version. A list that is not known holds nothing.
        Peer::PrefixList(id) => inventory
            .prefix_lists
            .get(id)
            .map(|list| list.entries().iter().map(|entry| entry.cidr).collect())
            .unwrap_or_default(),
        Peer::Group(reference) => {
            // A27, B28: a group that is out of reach, or that is not known, stands for nothing.
            let from = inventory.groups.get(group);
            if !from.is_some_and(|from| inventory.may_reference(from, reference)) {
                return Vec::new();
            }
            // C6 to C8: every private address and delegated prefix of every interface that has
            // the group at this moment.
            let mut ranges = Vec::new();
            for member in inventory.interfaces.values() {
                if member.groups.contains(&reference.group) {
                    ranges.extend(member.addresses.iter().copied().map(IpNet::from));
                    ranges.extend(member.prefixes.iter().copied());
                }
            }
            ranges
        }
    }
}

/// In which roles a packet belongs to a flow that is not tracked: as initiator, as responder.
pub(crate) type Roles = (bool, bool);

/// Whether a packet belongs to a flow that is not tracked (D7 to D16; step 8), in each role.
pub(crate) fn untracked_roles(
    inventory: &Inventory,
    crossing: &Crossing<'_>,
    always_track: &AlwaysTrack,
) -> Roles {
    // D12: automatically tracked connections.
    match always_track {
        AlwaysTrack::None => {}
        AlwaysTrack::All => return (false, false),
        AlwaysTrack::Peers(ranges) => {
            if ranges.iter().any(|range| range.contains(&crossing.peer())) {
                return (false, false);
            }
        }
    }
    // D13: only TCP and UDP can be untracked. Only a SYN without ACK tells who the initiator is.
    let (source, destination, only_initiator) = match crossing.packet.upper {
        Upper::Tcp {
            source,
            destination,
            flags,
        } => (source, destination, flags & 0x02 != 0 && flags & 0x10 == 0),
        Upper::Udp {
            source,
            destination,
        } => (source, destination, false),
        Upper::Icmp { .. } | Upper::Other | Upper::LaterFragment => return (false, false),
    };
    let this = crossing.direction;
    let opposite = this.reverse();
    let open = |direction, port| is_open(inventory, crossing, direction, PortRange::single(port));
    let open_all = |direction| is_open(inventory, crossing, direction, PortRange::ALL);

    let as_initiator = open(this, destination) && open_all(opposite);
    let as_responder = open(opposite, source) && open_all(this);
    (as_initiator, as_responder && !only_initiator)
}

/// Whether the rules of the opposite direction admit the packet that this one answers: the same
/// peer, and this one's source port as the destination port (D15, D58.2).
pub(crate) fn may_be_opened(inventory: &Inventory, crossing: &Crossing<'_>) -> bool {
    let mut question = crossing.packet.clone();
    question.upper = match question.upper {
        Upper::Tcp {
            source,
            destination,
            flags,
        } => Upper::Tcp {
            source: destination,
            destination: source,
            flags,
        },
        Upper::Udp {
            source,
            destination,
        } => Upper::Udp {
            source: destination,
            destination: source,
        },
        other => other,
    };
    (question.source, question.destination) = (question.destination, question.source);
    let asked = Crossing {
        interface: crossing.interface,
        direction: crossing.direction.reverse(),
        packet: &question,
    };
    first_match(inventory, &asked).is_some()
}

/// Whether some one rule of `direction` opens all of `ports` to everyone in the packet's family,
/// for the packet's protocol (D8, D10, D11).
fn is_open(
    inventory: &Inventory,
    crossing: &Crossing<'_>,
    direction: Direction,
    ports: PortRange,
) -> bool {
    rules_of(inventory, crossing.interface, direction).any(|(_, rule)| {
        let Peer::Cidr(range) = rule.spec.peer else {
            return false;
        };
        let everyone =
            range.prefix_len() == 0 && Family::of(range.addr()) == crossing.packet.family();
        let covered = match (rule.spec.traffic, crossing.packet.upper) {
            (Traffic::All, _) => true,
            (Traffic::Tcp(of_rule), Upper::Tcp { .. })
            | (Traffic::Udp(of_rule), Upper::Udp { .. }) => of_rule.covers(ports),
            _ => false,
        };
        everyone && covered
    })
}
