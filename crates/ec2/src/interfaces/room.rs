//! Which addresses and prefixes of a subnet are free.
//!
//! Whoever asks for a certain address gets that or an error; whoever asks for any gets the first that is free, so the same calls
//! in the same order give the same addresses. A search steps over what is taken one by one, and over a prefix as a whole:
//! it takes as many steps as there are interfaces, however large the subnet is; and the next search begins where it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use secgroup_model::{ErrorCode, Family, Inventory, ModelError, Subnet};

use super::taken::{seen, work};

/// The length of a delegated IPv4 prefix.
const IPV4_PREFIX_LENGTH: u8 = 28;
/// The length of a delegated IPv6 prefix.
const IPV6_PREFIX_LENGTH: u8 = 80;

/// What an interface is to get of one family, beside a primary address. EC2 takes one kind a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Share {
    /// Nothing.
    #[default]
    Nothing,
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// So many addresses, whichever are free.
    AnyAddresses(u32),
    /// These delegated prefixes: /28 of IPv4, /80 of IPv6.
    Prefixes(Vec<IpNet>),
    /// So many delegated prefixes, whichever are free.
    AnyPrefixes(u32),
}

impl Share {
    /// How many addresses and prefixes.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Addresses(addresses) => addresses.len(),
            Self::Prefixes(prefixes) => prefixes.len(),
            Self::AnyAddresses(count) | Self::AnyPrefixes(count) => {
                usize::try_from(*count).unwrap_or(usize::MAX)
            }
        }
    }
}

/// What an interface got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes.
    pub prefixes: Vec<IpNet>,
}

/// A subnet, and what of it interfaces have.
pub(super) struct Room {
    subnet: Subnet,
    used: BTreeSet<IpAddr>,
    /// By their first address; none overlaps another.
    prefixes: BTreeMap<IpAddr, IpNet>,
    /// By family: no address below this is free. Nothing is ever given back.
    searched: BTreeMap<Family, u128>,
}

impl Room {
    /// What interfaces have of `subnet`.
    pub(super) fn of(inventory: &Inventory, subnet: &Subnet) -> Self {
        let mut room = Self {
            subnet: subnet.clone(),
            used: BTreeSet::new(),
            prefixes: BTreeMap::new(),
            searched: BTreeMap::new(),
        };
        let interfaces = seen(&inventory.interfaces).map(|(_, interface)| interface);
        for interface in interfaces.filter(|it| inventory.vpc_of(it) == Some(&subnet.vpc)) {
            let addresses = interface.addresses.iter().copied();
            room.used
                .extend(addresses.filter(|&it| subnet.contains(it)));
            let prefixes = interface.prefixes.iter();
            let prefixes = prefixes.map(|prefix| (prefix.network(), *prefix));
            room.prefixes.extend(prefixes);
        }
        room
    }

    /// Takes what `share` asks for.
    ///
    /// # Errors
    /// `InvalidIPAddress.InUse`, `InvalidParameterValue` for what lies outside of the subnet or is reserved (E60), or that
    /// there is too little left.
    pub(super) fn take(&mut self, family: Family, share: &Share) -> Result<Granted, ModelError> {
        let mut granted = Granted::default();
        match share {
            Share::Nothing => {}
            Share::Addresses(addresses) => {
                for &address in addresses {
                    self.take_address(address)?;
                    granted.addresses.push(address);
                }
            }
            Share::AnyAddresses(count) => {
                for _ in 0..*count {
                    granted.addresses.push(self.take_any_address(family)?);
                }
            }
            Share::Prefixes(prefixes) => {
                for &prefix in prefixes {
                    self.take_prefix(prefix)?;
                    granted.prefixes.push(prefix);
                }
            }
            Share::AnyPrefixes(count) => {
                for _ in 0..*count {
                    granted.prefixes.push(self.take_any_prefix(family)?);
                }
            }
        }
        Ok(granted)
    }

    /// Takes this address.
    pub(super) fn take_address(&mut self, address: IpAddr) -> Result<(), ModelError> {
        self.subnet.check_address(address)?;
        if self.prefix_of(address).is_some() || !self.used.insert(address) {
            return Err(in_use());
        }
        Ok(())
    }

    /// Takes the first free address.
    pub(super) fn take_any_address(&mut self, family: Family) -> Result<IpAddr, ModelError> {
        let range = self.range(family)?;
        let searched = self.searched.get(&family).copied();
        let mut next = Some(searched.unwrap_or_else(|| number(range.network())));
        while let Some(at) = next.filter(|&at| at <= number(range.broadcast())) {
            work::one();
            let address = address(family, at);
            if let Some(prefix) = self.prefix_of(address) {
                next = number(prefix.broadcast()).checked_add(1);
            } else if self.subnet.is_reserved(address) || !self.used.insert(address) {
                next = at.checked_add(1);
            } else {
                self.searched.insert(family, at);
                return Ok(address);
            }
        }
        Err(ModelError::new(
            ErrorCode::InsufficientFreeAddressesInSubnet,
            "The specified subnet does not have enough free addresses to satisfy the request.",
        ))
    }

    /// Takes this prefix.
    fn take_prefix(&mut self, prefix: IpNet) -> Result<(), ModelError> {
        let length = prefix_length(Family::of(prefix.network()));
        if prefix.prefix_len() != length || prefix != prefix.trunc() {
            return Err(ModelError::value(format!(
                "Value ({prefix}) is not a valid prefix for a network interface"
            ))
            .with_help(format!(
                "a delegated prefix is a /{length} without host bits"
            )));
        }
        for end in [prefix.network(), prefix.broadcast()] {
            self.subnet.check_address(end)?;
        }
        if !self.is_free(prefix) {
            return Err(in_use());
        }
        self.prefixes.insert(prefix.network(), prefix);
        Ok(())
    }

    /// Takes the first free prefix.
    fn take_any_prefix(&mut self, family: Family) -> Result<IpNet, ModelError> {
        let range = self.range(family)?;
        let length = prefix_length(family);
        let step = 1_u128 << (range.max_prefix_len() - length);
        let mut next = Some(number(range.network())).filter(|_| range.prefix_len() <= length);
        while let Some(at) = next.filter(|&at| at <= number(range.broadcast())) {
            let prefix = IpNet::new_assert(address(family, at), length);
            let reserved = [prefix.network(), prefix.broadcast()]
                .into_iter()
                .any(|end| self.subnet.is_reserved(end));
            if !reserved && self.is_free(prefix) {
                self.prefixes.insert(prefix.network(), prefix);
                return Ok(prefix);
            }
            next = at.checked_add(step);
        }
        Err(ModelError::new(
            ErrorCode::InsufficientCidrBlocks,
            "The specified subnet does not have enough free cidr blocks to satisfy the request.",
        ))
    }

    /// The range of the subnet in this family.
    fn range(&self, family: Family) -> Result<IpNet, ModelError> {
        let range = match family {
            Family::V4 => self.subnet.cidr.map(IpNet::from),
            Family::V6 => self.subnet.ipv6_cidr.map(IpNet::from),
        };
        range.ok_or_else(|| {
            ModelError::value(format!(
                "The subnet '{}' does not have an {family} CIDR block",
                self.subnet.id
            ))
        })
    }

    /// The prefix that holds `address`.
    fn prefix_of(&self, address: IpAddr) -> Option<IpNet> {
        let (_, prefix) = self.prefixes.range(..=address).next_back()?;
        Some(*prefix).filter(|prefix| prefix.contains(&address))
    }

    /// Whether nobody has anything of `prefix`.
    fn is_free(&self, prefix: IpNet) -> bool {
        let (first, last) = (prefix.network(), prefix.broadcast());
        self.prefix_of(first).is_none()
            && self.prefixes.range(first..=last).next().is_none()
            && self.used.range(first..=last).next().is_none()
    }
}

/// E60.
pub(super) fn in_use() -> ModelError {
    ModelError::new(ErrorCode::InvalidIpAddressInUse, "Address is in use.")
}

const fn prefix_length(family: Family) -> u8 {
    match family {
        Family::V4 => IPV4_PREFIX_LENGTH,
        Family::V6 => IPV6_PREFIX_LENGTH,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address of a number, which came from one of the same family or lies between two such.
fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        Family::V6 => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests;
