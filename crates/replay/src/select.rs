//! Which interfaces a packet crosses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use secgroup_control::Registry;
use secgroup_model::{Inventory, NetworkInterfaceId, VpcId};
use secgroup_packet::{AddressPair, Direction, Frame, InterfaceIndex};

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
    v4: Addresses,
    v6: HashMap<Ipv6Addr, InterfaceIndex, RandomState>,
    /// Delegated prefixes, and their lengths, longest first: one probe per length finds the longest that holds an address.
    prefixes: HashMap<IpNet, InterfaceIndex, RandomState>,
    lengths: Vec<u8>,
    macs: HashMap<[u8; 6], InterfaceIndex, RandomState>,
}

/// The IPv4 addresses of interfaces, by open addressing. Every packet is looked up twice and most find nothing on one side, so it
/// is a quarter full at most and its hash is one product: nearly every look-up reads one place. Only the policy says what
/// lies in it; whoever sends packets can neither fill it nor choose who lies beside whom.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// Addresses with their interfaces; a power of two of them.
    places: Box<[(u32, InterfaceIndex)]>,
    /// How far a product is shifted to be a place.
    shift: u32,
}

impl Addresses {
    /// Stands for an interface where there is none: no policy has so many.
    const FREE: InterfaceIndex = InterfaceIndex(u32::MAX);
    /// The golden ratio, as a fraction of 2^32: it spreads addresses that follow each other.
    const FACTOR: u32 = 0x9E37_79B1;

    fn new(known: &HashMap<u32, InterfaceIndex, RandomState>) -> Self {
        let len = (known.len() * 4).next_power_of_two().max(16);
        let mut table = Self {
            places: vec![(0, Self::FREE); len].into_boxed_slice(),
            shift: 32 - len.trailing_zeros(),
        };
        for (&address, &index) in known {
            let mut place = table.home(address);
            while table.places[place].1 != Self::FREE {
                place = table.next(place);
            }
            table.places[place] = (address, index);
        }
        table
    }

    /// A set of addresses.
    pub(crate) fn of(addresses: impl Iterator<Item = Ipv4Addr>) -> Self {
        let known = addresses.map(|address| (address.to_bits(), InterfaceIndex(0)));
        Self::new(&known.collect())
    }

    #[inline(always)]
    pub(crate) fn find(&self, address: Ipv4Addr) -> Option<InterfaceIndex> {
        let address = address.to_bits();
        let mut place = self.home(address);
        loop {
            // Invariant: three quarters of the places are free, so the walk ends.
            let (of, index) = self.places[place];
            if index == Self::FREE {
                return None;
            }
            if of == address {
                return Some(index);
            }
            place = self.next(place);
        }
    }

    #[inline]
    const fn home(&self, address: u32) -> usize {
        (address.wrapping_mul(Self::FACTOR) >> self.shift) as usize
    }

    #[inline]
    const fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::new(&HashMap::default())
    }
}

/// The interfaces that one packet crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossed {
    /// The one it leaves.
    pub egress: Option<InterfaceIndex>,
    /// The one it enters.
    pub ingress: Option<InterfaceIndex>,
}

impl Crossed {
    /// Each interface with the direction in which it is crossed, egress first (C1).
    #[inline]
    pub(crate) fn places(self) -> impl Iterator<Item = (InterfaceIndex, Direction)> {
        let egress = self.egress.map(|interface| (interface, Direction::Egress));
        let ingress = self
            .ingress
            .map(|interface| (interface, Direction::Ingress));
        egress.into_iter().chain(ingress)
    }

    /// How many there are.
    #[inline]
    pub(crate) fn count(self) -> usize {
        usize::from(self.egress.is_some()) + usize::from(self.ingress.is_some())
    }
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
        let mut v4: HashMap<u32, InterfaceIndex, RandomState> = HashMap::default();
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
                    IpAddr::V4(address) => v4.insert(address.to_bits(), index),
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
        selector.v4 = Addresses::new(&v4);
        selector.lengths.sort_unstable_by(|a, b| b.cmp(a));
        selector.lengths.dedup();
        Ok(selector)
    }

    /// What a packet between `addresses` in `frame` crosses.
    ///
    /// Inlined by force, and by reference: of nearly every packet the addresses are in registers then, and to pass them on in memory costs more than
    /// to look them up.
    #[inline(always)]
    #[must_use]
    pub fn crossed(&self, addresses: &AddressPair, frame: &Frame<'_>) -> Crossed {
        let crossed = match addresses {
            AddressPair::V4 { src, dst } => Crossed {
                egress: self.v4.find(*src),
                ingress: self.v4.find(*dst),
            },
            AddressPair::V6 { src, dst } => self.crossed_v6(src, dst),
        };
        if self.prefixes.is_empty() && self.macs.is_empty() {
            return crossed;
        }
        self.by_more_than_addresses(crossed, addresses, frame)
    }

    #[inline(never)]
    fn crossed_v6(&self, src: &Ipv6Addr, dst: &Ipv6Addr) -> Crossed {
        Crossed {
            egress: self.v6.get(src).copied(),
            ingress: self.v6.get(dst).copied(),
        }
    }

    /// Delegated prefixes count where no address does, and MAC addresses before both.
    #[inline(never)]
    fn by_more_than_addresses(
        &self,
        mut crossed: Crossed,
        addresses: &AddressPair,
        frame: &Frame<'_>,
    ) -> Crossed {
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
