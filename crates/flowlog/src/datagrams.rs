//! Which flow a later fragment belongs to: that of its first (G21). A fragment after the first has no ports, and in IPv6 not even a protocol
//! that can be trusted.
//!
//! Bounded like the fragment table of the engine: the oldest datagram gives way, and its later pieces are then recorded with port 0.

use std::collections::VecDeque;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use secgroup_packet::{AddressPair, Direction, Family, InterfaceIndex, Protocol, Timestamp};

use crate::observation::{Flow, Observation, Piece};

/// Datagrams that are remembered.
const DATAGRAMS_MAX: usize = 8192;
/// For how long after the first piece: as long as the engine remembers its verdict (D52).
const REMEMBERED: Duration = Duration::from_secs(30);

/// A datagram, as its pieces name it (RFC 791; RFC 8200 section 4.5 leaves the protocol out).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Datagram {
    interface: InterfaceIndex,
    direction: Direction,
    addresses: AddressPair,
    protocol: Option<Protocol>,
    id: u32,
}

impl Datagram {
    fn of(flow: &Flow, piece: Piece) -> Self {
        Self {
            interface: flow.interface,
            direction: flow.direction,
            addresses: flow.addresses,
            protocol: (flow.addresses.family() == Family::V4).then_some(flow.protocol),
            id: piece.id,
        }
    }
}

/// The flows of datagrams in pieces.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    flows: HashMap<Datagram, (Flow, Timestamp), RandomState>,
    /// In the order of their first pieces.
    order: VecDeque<Datagram>,
}

impl Datagrams {
    /// The flow of an observation: its own, or that of the first fragment.
    pub(crate) fn flow_of(&mut self, observation: &Observation) -> Flow {
        let Some(piece) = observation.piece else {
            return observation.flow;
        };
        let (flow, at) = (observation.flow, observation.sums.first);
        let datagram = Datagram::of(&flow, piece);
        if piece.is_first {
            self.remember(datagram, flow, at);
            return flow;
        }
        match self.flows.get(&datagram) {
            Some((first, seen)) if at.saturating_since(*seen) <= REMEMBERED => *first,
            _ => flow,
        }
    }

    fn remember(&mut self, datagram: Datagram, flow: Flow, at: Timestamp) {
        if self.flows.insert(datagram, (flow, at)).is_some() {
            return; // In the order already.
        }
        self.order.push_back(datagram);
        if self.order.len() > DATAGRAMS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.flows.remove(&oldest);
        }
    }
}
