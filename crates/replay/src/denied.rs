//! Denied flows: which five-tuples were dropped, how often and why. Bounded: beyond [`DeniedFlows::LIMIT`] different ones
//! only their packets are counted.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use secgroup_datapath::{Count, Reason};
use secgroup_packet::{AddressPair, Direction, InterfaceIndex, L4, Packet, Protocol};

/// A five-tuple that was denied at an interface for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DeniedFlow {
    pub(crate) interface: InterfaceIndex,
    pub(crate) direction: Direction,
    pub(crate) addresses: AddressPair,
    pub(crate) protocol: Protocol,
    pub(crate) ports: Ports,
    pub(crate) reason: Reason,
}

/// What a five-tuple has behind its addresses and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ports {
    /// Source and destination port.
    Both(u16, u16),
    /// ICMP type and code.
    Icmp(u8, u8),
    /// Nothing.
    None,
}

/// What is known of a denied five-tuple.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denials {
    pub(crate) count: Count,
    /// The first packet that was denied, and one that stands for all when the rules are asked why.
    pub(crate) first: u64,
    pub(crate) packet: Packet,
    /// Which policy was in force at the latest denial: 0 is the first.
    pub(crate) policy: usize,
}

/// All denied five-tuples.
#[derive(Debug, Default)]
pub(crate) struct DeniedFlows {
    flows: HashMap<DeniedFlow, Denials, RandomState>,
    /// Denied packets of five-tuples that did not fit in.
    pub(crate) unlisted: Count,
}

impl DeniedFlows {
    /// About 36 MiB of them; a port scan of all ports from one address fits.
    pub(crate) const LIMIT: usize = 1 << 17;

    pub(crate) fn count(&mut self, flow: DeniedFlow, packet: &Packet, number: u64, policy: usize) {
        let one = Count {
            packets: 1,
            bytes: u64::from(packet.ip_len),
        };
        if self.flows.len() >= Self::LIMIT && !self.flows.contains_key(&flow) {
            self.unlisted += one;
            return;
        }
        let denials = self.flows.entry(flow).or_insert_with(|| Denials {
            count: Count::default(),
            first: number,
            packet: *packet,
            policy,
        });
        denials.count += one;
        denials.policy = policy;
    }

    /// How many different ones there are.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// The `most` with the most packets, most first; among equals the earlier first.
    pub(crate) fn top(&self, most: usize) -> Vec<(DeniedFlow, Denials)> {
        let mut flows: Vec<_> = self
            .flows
            .iter()
            .map(|(flow, denials)| (*flow, *denials))
            .collect();
        flows.sort_unstable_by_key(|(flow, denials)| {
            (
                std::cmp::Reverse(denials.count.packets),
                denials.first,
                flow.direction,
                flow.reason,
            )
        });
        flows.truncate(most);
        flows
    }
}

impl Ports {
    pub(crate) const fn of(l4: L4) -> Self {
        match l4 {
            L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => Self::Both(sport, dport),
            L4::Icmp { kind, code, .. } => Self::Icmp(kind, code),
            L4::Other | L4::LaterFragment => Self::None,
        }
    }
}
