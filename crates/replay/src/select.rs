//! Which interfaces a packet crosses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use secgroup_control::Registry;
use secgroup_model::{Inventory, NetworkInterfaceId, VpcId};
use secgroup_packet::{AddressPair, Frame, InterfaceIndex};

/// Two interfaces have the same address, prefix or MAC address, so a capture cannot tell which one a packet crosses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} belongs to both {first} and {second}, so it does not say which one a packet crosses; \
     choose the network with --vpc, or leave one of them out"
)]
pub struct Ambiguous {
    address: String,
    first: NetworkInterfaceId,
    second: NetworkInterfaceId,
}

/// From addresses to interfaces.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    v4: HashMap<Ipv4Addr, InterfaceIndex, RandomState>,
    v6: HashMap<Ipv6Addr, InterfaceIndex, RandomState>,
    /// Delegated prefixes, and their lengths, longest first: one probe per length finds the longest that holds an address.
    prefixes: HashMap<IpNet, InterfaceIndex, RandomState>,
    lengths: Vec<u8>,
    macs: HashMap<[u8; 6], InterfaceIndex, RandomState>,
}

/// The interfaces that one packet crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossed {
    /// The one it leaves.
    pub egress: Option<InterfaceIndex>,
    /// The one it enters.
    pub ingress: Option<InterfaceIndex>,
}

impl Selector {
    /// The interfaces of `inventory`, of one VPC only where `vpc` is given.
    ///
    /// # Errors
    /// Where two of them have the same address, delegated prefix or MAC address.
    pub fn new(
        inventory: &Inventory,
        registry: &Registry,
        vpc: Option<&VpcId>,
    ) -> Result<Self, Ambiguous> {
        let mut selector = Self::default();
        let wanted = |of: Option<&VpcId>| vpc.is_none() || of == vpc;
        for interface in inventory
            .interfaces
            .values()
            .filter(|i| wanted(inventory.vpc_of(i)))
        {
            let Some(index) = registry.interface_index(&interface.id) else {
                continue;
            };
            let clash = |what: String, before: Option<InterfaceIndex>| {
                let before = before.filter(|before| *before != index);
                match before.and_then(|before| registry.interface(before)) {
                    None => Ok(()),
                    Some(first) => {
                        let (first, second) = (first.clone(), interface.id.clone());
                        Err(Ambiguous {
                            address: what,
                            first,
                            second,
                        })
                    }
                }
            };
            for address in &interface.addresses {
                let before = match address {
                    IpAddr::V4(address) => selector.v4.insert(*address, index),
                    IpAddr::V6(address) => selector.v6.insert(*address, index),
                };
                clash(address.to_string(), before)?;
            }
            for prefix in &interface.prefixes {
                clash(
                    prefix.to_string(),
                    selector.prefixes.insert(prefix.trunc(), index),
                )?;
                selector.lengths.push(prefix.prefix_len());
            }
            if let Some(mac) = interface.mac {
                clash(mac.to_string(), selector.macs.insert(mac.0, index))?;
            }
        }
        selector.lengths.sort_unstable_by(|a, b| b.cmp(a));
        selector.lengths.dedup();
        Ok(selector)
    }

    /// What a packet between `addresses` in `frame` crosses.
    #[inline]
    #[must_use]
    pub fn crossed(&self, addresses: AddressPair, frame: &Frame<'_>) -> Crossed {
        let (src, dst) = match addresses {
            AddressPair::V4 { src, dst } => (self.v4.get(&src), self.v4.get(&dst)),
            AddressPair::V6 { src, dst } => (self.v6.get(&src), self.v6.get(&dst)),
        };
        let mut crossed = Crossed {
            egress: src.copied(),
            ingress: dst.copied(),
        };
        if !self.prefixes.is_empty() {
            crossed.egress = crossed.egress.or_else(|| self.delegated(addresses.src()));
            crossed.ingress = crossed.ingress.or_else(|| self.delegated(addresses.dst()));
        }
        if !self.macs.is_empty() {
            self.prefer_macs(frame, &mut crossed);
        }
        crossed
    }

    fn delegated(&self, address: IpAddr) -> Option<InterfaceIndex> {
        self.lengths.iter().find_map(|length| {
            let prefix = IpNet::new(address, *length).ok()?.trunc();
            self.prefixes.get(&prefix).copied()
        })
    }

    fn prefer_macs(&self, frame: &Frame<'_>, crossed: &mut Crossed) {
        let Some(macs) = frame.macs() else { return };
        crossed.egress = self.macs.get(&macs.src.0).copied().or(crossed.egress);
        let dst = macs.dst.and_then(|dst| self.macs.get(&dst.0));
        crossed.ingress = dst.copied().or(crossed.ingress);
    }
}
