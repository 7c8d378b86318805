//! Step 8: whether the flow of a packet holds state, which follows from the rules alone (semantics D7 to D16).

use secgroup_packet::{Direction, L4, Packet};
use secgroup_policy::{Query, Selector};

use crate::Interface;

/// In which roles a packet would belong to a flow that holds no state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Untracked {
    /// As the end that opened it.
    pub(super) as_initiator: bool,
    /// As the end that answers.
    pub(super) as_responder: bool,
}

impl Untracked {
    pub(super) const fn in_any_role(self) -> bool {
        self.as_initiator || self.as_responder
    }
}

/// Step 8: whether the flow holds no state (D7 to D16). It needs no memory: both halves of a flow give the same answer.
#[inline]
pub(super) fn untracked(interface: &Interface, packet: &Packet, direction: Direction) -> Untracked {
    let (sport, dport, only_initiator) = match packet.l4 {
        L4::Tcp {
            sport,
            dport,
            flags,
        } => (sport, dport, flags.is_opening()),
        L4::Udp { sport, dport } => (sport, dport, false),
        _ => return Untracked::default(), // ICMP and every other protocol is always tracked (D13).
    };
    let (family, protocol) = (packet.family(), packet.protocol);
    let rules = &interface.rules;
    let opposite = direction.reverse();
    let roles = Untracked {
        as_initiator: rules.open(direction, family, protocol, dport)
            && rules.open_all(opposite, family, protocol),
        as_responder: !only_initiator
            && rules.open(opposite, family, protocol, sport)
            && rules.open_all(direction, family, protocol),
    };
    let always_tracked = || interface.always_track.covers(packet.peer(direction));
    if roles.in_any_role() && always_tracked() {
        Untracked::default()
    } else {
        roles
    }
}

/// What would be asked of the packet that this one answers: the other direction, the same peer, and as its destination
/// port this one's source port.
pub(super) fn opener(packet: &Packet, direction: Direction) -> Query {
    let query = Query::of(packet, direction);
    let selector = match packet.l4 {
        L4::Tcp { sport, .. } | L4::Udp { sport, .. } => Selector::Port(sport),
        _ => query.selector,
    };
    Query {
        direction: direction.reverse(),
        selector,
        ..query
    }
}
