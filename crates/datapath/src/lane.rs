//! What a packet asks of its interface before it reaches the connection table, packed for the packet of which there is nothing to say.
//!
//! Steps 2 and 3 look at every packet: is it exempt, is it spoofed? For nearly every TCP or UDP packet the answer is no twice, and a handful of
//! compares of whole words show it: the near end is the interface's first address, the peer is neither link-local nor a service nor the resolver nor the
//! router, and the source port is not DHCP's. Whoever passes here would have passed those steps; whoever does not is asked properly. So a lane decides nothing:
//! it may only be too careful.
//!
//! Lanes follow from the policy and from nothing else, so they lie beside the snapshot that they were made of ([`InForce`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use secgroup_conntrack::Lifetimes;
use secgroup_packet::{AddressPair, Direction, InterfaceIndex, L4, Packet};

use crate::{Interface, Snapshot};

/// The policy by which packets are decided now.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub(crate) snapshot: Arc<Snapshot>,
    /// By interface; `None` where an interface was removed.
    lanes: Vec<Option<Lane>>,
}

impl InForce {
    pub(crate) fn new(snapshot: Arc<Snapshot>) -> Self {
        let interfaces = snapshot.interfaces.iter();
        let lanes = interfaces.map(|it| it.as_ref().map(Lane::new)).collect();
        Self { snapshot, lanes }
    }

    /// The lane of the interface with this index.
    #[inline(always)]
    pub(crate) fn lane(&self, index: InterfaceIndex) -> Option<&Lane> {
        self.lanes.get(index.0 as usize)?.as_ref()
    }
}

/// One interface, as established connections need it.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// The first IPv4 address of the interface.
    own_v4: Option<Ipv4Addr>,
    /// The first IPv6 address of the interface.
    own_v6: Option<Ipv6Addr>,
    /// Resolver and router; where there is none, the unspecified address, which no peer has.
    near: [Ipv4Addr; 2],
    /// How long its connections live.
    pub(crate) lifetimes: Lifetimes,
}

impl Lane {
    pub(crate) fn new(interface: &Interface) -> Self {
        let near = [interface.resolver, interface.router];
        let own = interface.addresses.iter();
        Self {
            own_v4: own.clone().find_map(|own| match own {
                IpAddr::V4(own) => Some(*own),
                IpAddr::V6(_) => None,
            }),
            own_v6: own.clone().find_map(|own| match own {
                IpAddr::V4(_) => None,
                IpAddr::V6(own) => Some(*own),
            }),
            near: near.map(|near| near.unwrap_or(Ipv4Addr::UNSPECIFIED)),
            lifetimes: interface.lifetimes,
        }
    }

    /// Whether a packet surely is neither exempt nor spoofed.
    #[inline]
    pub(crate) fn is_plain(&self, packet: &Packet, direction: Direction) -> bool {
        let source_port = match packet.l4 {
            L4::Tcp { .. } => 0,
            L4::Udp { sport, .. } => sport,
            _ => return false,
        };
        match packet.addresses {
            AddressPair::V4 { src, dst } => {
                let [own, peer] = direction.ends(src, dst);
                let [a, b, ..] = peer.octets();
                let is_dhcp = matches!(source_port, 67 | 68);
                let is_special = [a, b] == [169, 254] || self.near.contains(&peer) || is_dhcp;
                self.own_v4 == Some(own) && !is_special
            }
            AddressPair::V6 { src, dst } => {
                let [own, peer] = direction.ends(src, dst);
                let [first, second, ..] = peer.segments();
                let is_dhcp = matches!(source_port, 546 | 547);
                let is_special = [first, second] == [0xfd00, 0xec2] || is_dhcp;
                self.own_v6 == Some(own) && !is_special
            }
        }
    }
}
