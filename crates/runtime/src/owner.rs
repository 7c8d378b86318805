//! Which shard of a link decides a packet.
//!
//! | packet | shard |
//! |---|---|
//! | TCP, UDP, everything whole | that of its flow: [`Steering::of_packet`] |
//! | ICMP error | that of the flow it quotes, whose connection it is about |
//! | fragment | that of its addresses first, which sees every piece of a datagram in the order in which they came; from there that of the flow that the first piece named |
//!
//! Only the shard that sees all pieces can know where the first of them went. It remembers it for as long as the engine remembers
//! the first piece's verdict; pieces without a first stay with it, and its engine denies them as it would with one worker.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use secgroup_conntrack::FragmentKey;
use secgroup_datapath::Crossing;
use secgroup_packet::{Family, L4, Protocol, Steering, Timestamp};

use crate::handoff::Hop;

/// How long the engine keeps the verdict on a first fragment.
const LIFE: Duration = Duration::from_secs(30);
/// Stands for the protocol of an IPv6 datagram in pieces, of which only the first says it (RFC 8200 section 4.5).
const IPV6_FRAGMENT: Protocol = Protocol(44);

/// Where packets of the links of one worker belong.
#[derive(Debug)]
pub(crate) struct Owners {
    steering: Steering,
    routes: Routes,
}

impl Owners {
    /// By a steering function, with room for `datagrams` in pieces.
    pub(crate) fn new(steering: Steering, datagrams: u32) -> Self {
        Self {
            steering,
            routes: Routes::new(datagrams),
        }
    }

    /// The shard of `count` to hand a packet to that shard `me` received, and why; `None` where it is decided here.
    pub(crate) fn elsewhere(
        &mut self,
        crossing: &Crossing<'_>,
        me: u16,
        count: u16,
    ) -> Option<(u16, Hop)> {
        let (owner, hop) = if crossing.packet.fragment.is_some() {
            let gathers = reduce(self.steering.of_addresses(crossing.packet.addresses), count);
            if gathers == me {
                (self.of_fragment(crossing, me, count), Hop::Owner)
            } else {
                (gathers, Hop::Fragment)
            }
        } else {
            (self.of_whole(crossing, count), Hop::Owner)
        };
        (owner != me).then_some((owner, hop))
    }

    /// The shard of a connection.
    pub(crate) fn of_flow(steering: Steering, key: &secgroup_packet::FlowKey, count: u16) -> u16 {
        reduce(steering.of_flow(key), count)
    }

    fn of_whole(&self, crossing: &Crossing<'_>, count: u16) -> u16 {
        let packet = &crossing.packet;
        let hash = if packet.is_icmp_error() {
            packet
                .quoted_flow_key(&crossing.frame, crossing.interface, crossing.direction)
                .map_or_else(
                    || self.steering.of_addresses(packet.addresses),
                    |quoted| self.steering.of_flow(&quoted),
                )
        } else {
            self.steering.of_packet(packet)
        };
        reduce(hash, count)
    }

    /// At the shard that sees all pieces.
    fn of_fragment(&mut self, crossing: &Crossing<'_>, me: u16, count: u16) -> u16 {
        let packet = &crossing.packet;
        let Some(fragment) = packet.fragment else {
            return me;
        };
        let datagram = FragmentKey {
            interface: crossing.interface,
            direction: crossing.direction,
            addresses: packet.addresses,
            protocol: match packet.family() {
                Family::V4 => packet.protocol,
                Family::V6 => IPV6_FRAGMENT,
            },
            id: fragment.id,
        };
        if packet.l4 == L4::LaterFragment {
            return self.routes.find(&datagram, crossing.at).unwrap_or(me);
        }
        let key = packet.flow_key(crossing.interface, crossing.direction);
        let owner = key.map_or_else(
            || self.of_whole(crossing, count),
            |key| Self::of_flow(self.steering, &key, count),
        );
        self.routes.record(datagram, owner, crossing.at)
    }
}

fn reduce(hash: u32, count: u16) -> u16 {
    // The remainder is below `count`.
    u16::try_from(hash % u32::from(count.max(1))).unwrap_or(0)
}

/// Where datagrams in pieces went.
#[derive(Debug)]
struct Routes {
    by_datagram: HashMap<FragmentKey, u16>,
    /// The same datagrams by the arrival of their first pieces.
    arrivals: VecDeque<(Timestamp, FragmentKey)>,
    capacity: usize,
}

impl Routes {
    fn new(datagrams: u32) -> Self {
        Self {
            by_datagram: HashMap::new(),
            arrivals: VecDeque::new(),
            capacity: datagrams as usize,
        }
    }

    /// A first piece goes to `owner`, unless another first piece of the datagram went elsewhere: there the engine sees that
    /// they overlap. Where there is no room nothing is remembered, and the later pieces are denied for want of a first.
    fn record(&mut self, datagram: FragmentKey, owner: u16, now: Timestamp) -> u16 {
        self.forget_before(now);
        let is_full = self.by_datagram.len() >= self.capacity;
        match self.by_datagram.entry(datagram) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(_) if is_full => owner,
            Entry::Vacant(place) => {
                self.arrivals.push_back((now, datagram));
                *place.insert(owner)
            }
        }
    }

    fn find(&mut self, datagram: &FragmentKey, now: Timestamp) -> Option<u16> {
        self.forget_before(now);
        self.by_datagram.get(datagram).copied()
    }

    fn forget_before(&mut self, now: Timestamp) {
        while let Some((arrival, datagram)) = self.arrivals.front() {
            if now.saturating_since(*arrival) <= LIFE {
                break;
            }
            self.by_datagram.remove(datagram);
            self.arrivals.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use secgroup_packet::{AddressPair, Direction, InterfaceIndex};

    use super::*;

    fn datagram(id: u32) -> FragmentKey {
        FragmentKey {
            interface: InterfaceIndex(0),
            direction: Direction::Ingress,
            addresses: AddressPair::V4 {
                src: [10, 0, 0, 1].into(),
                dst: [10, 0, 0, 2].into(),
            },
            protocol: Protocol::UDP,
            id,
        }
    }

    #[test]
    fn the_first_of_two_first_pieces_is_followed_until_it_is_forgotten() {
        let mut routes = Routes::new(8);
        let start = Timestamp::from_secs(50);
        let after = |secs| start.saturating_add(Duration::from_secs(secs));
        assert_eq!(routes.find(&datagram(1), start), None);
        assert_eq!(routes.record(datagram(1), 2, start), 2);
        assert_eq!(routes.record(datagram(1), 3, after(1)), 2);
        assert_eq!(routes.find(&datagram(1), after(30)), Some(2));
        assert_eq!(routes.find(&datagram(1), after(31)), None);
        assert_eq!(routes.record(datagram(1), 3, after(31)), 3);
    }

    #[test]
    fn it_remembers_no_more_than_it_may() {
        let mut routes = Routes::new(4);
        let start = Timestamp::from_secs(50);
        for id in 0..100 {
            assert_eq!(routes.record(datagram(id), 1, start), 1);
        }
        let known = (0..100)
            .filter(|id| routes.find(&datagram(*id), start).is_some())
            .count();
        assert_eq!((known, routes.arrivals.len()), (4, 4));
    }
}
