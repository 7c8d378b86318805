//! Sets of addresses of one family, as ranges.
//!
//! What two policies let through differs by sets that no single range is: everything but two hosts,
//! the members of a group without those of another. Such a set is kept as its ranges in ascending
//! order, apart and never touching, so that equal sets are equal values, and every operation is one
//! walk over two sorted lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use secgroup_model::Family;

/// A set of addresses of one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AddressSet {
    family: Family,
    /// First and last address of each range: ascending, none touching the next.
    ranges: Vec<(u128, u128)>,
}

impl AddressSet {
    /// The addresses of those of `networks` that are of `family`.
    pub(crate) fn of(family: Family, networks: impl IntoIterator<Item = IpNet>) -> Self {
        let of_family = |network: &IpNet| Family::of(network.addr()) == family;
        let range = |network: IpNet| (number(network.network()), number(network.broadcast()));
        Self::from_ranges(
            family,
            networks.into_iter().filter(of_family).map(range).collect(),
        )
    }

    /// The family of its addresses.
    pub(crate) const fn family(&self) -> Family {
        self.family
    }

    /// Whether it has no address.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `address` is one of it.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let bits = number(address);
        let after = self.ranges.partition_point(|&(first, _)| first <= bits);
        Family::of(address) == self.family && after > 0 && bits <= self.ranges[after - 1].1
    }

    /// The addresses of any of `sets`, which are of `family`.
    pub(crate) fn union<'a>(family: Family, sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let ranges = sets.into_iter().flat_map(|set| set.ranges.iter().copied());
        Self::from_ranges(family, ranges.collect())
    }

    /// Its addresses that are not of `other`.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        // The first range of `other` that does not end before what is looked at.
        let mut next = 0;
        for &(first, last) in &self.ranges {
            while other.ranges.get(next).is_some_and(|cut| cut.1 < first) {
                next += 1;
            }
            // Where what is left of this range begins; `None` once nothing is.
            let mut rest = Some(first);
            let cuts = other.ranges[next..].iter();
            for &(from, to) in cuts.take_while(|cut| cut.0 <= last) {
                ranges.extend(rest.filter(|&at| at < from).map(|at| (at, from - 1)));
                rest = to.checked_add(1).filter(|&after| after <= last);
            }
            ranges.extend(rest.map(|at| (at, last)));
        }
        Self {
            family: self.family,
            ranges,
        }
    }

    /// Its addresses that are of `other`, too.
    pub(crate) fn and(&self, other: &Self) -> Self {
        self.minus(&self.minus(other))
    }

    /// Whether each of its addresses is one of `other`.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.minus(other).is_empty()
    }

    /// How many addresses it has; all of IPv6 count as one less than there are.
    pub(crate) fn count(&self) -> u128 {
        let counts = self.ranges.iter().map(|(first, last)| last - first);
        counts.fold(0, |sum: u128, count| {
            sum.saturating_add(count).saturating_add(1)
        })
    }

    /// The fewest networks that hold its addresses and no others, in ascending order.
    pub(crate) fn networks(&self) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for &(first, last) in &self.ranges {
            let mut at = first;
            loop {
                let mut host_bits = at.trailing_zeros().min(self.bits());
                while at | low(host_bits) > last {
                    host_bits -= 1;
                }
                networks.extend(self.network(at, host_bits));
                match (at | low(host_bits)).checked_add(1) {
                    Some(next) if next <= last => at = next,
                    _ => break,
                }
            }
        }
        networks
    }

    fn from_ranges(family: Family, mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.sort_unstable();
        let mut apart: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match apart.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => apart.push((first, last)),
            }
        }
        Self {
            family,
            ranges: apart,
        }
    }

    const fn bits(&self) -> u32 {
        match self.family {
            Family::V4 => Ipv4Addr::BITS,
            Family::V6 => Ipv6Addr::BITS,
        }
    }

    fn network(&self, first: u128, host_bits: u32) -> Option<IpNet> {
        let address = match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(first).ok()?)),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(first)),
        };
        IpNet::new(address, u8::try_from(self.bits() - host_bits).ok()?).ok()
    }
}

const fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The lowest `bits` bits.
fn low(bits: u32) -> u128 {
    u128::MAX.checked_shr(128 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn networks() -> impl Strategy<Value = Vec<IpNet>> {
        let all = [
            "10.0.0.0/30",
            "10.0.0.2/31",
            "10.0.0.4/32",
            "10.0.0.5/32",
            "10.0.0.7/32",
            "0.0.0.0/0",
            "255.255.255.255/32",
            "0.0.0.0/32",
            "10.0.0.6/31",
            "2001:db8::/126",
            "::/0",
            "::/128",
            "2001:db8::3/128",
            "2001:db8::4/128",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
        ];
        let all: Vec<IpNet> = all.iter().map(|text| text.parse().unwrap()).collect();
        prop::collection::vec(select(all), 0..5)
    }

    fn addresses() -> impl Iterator<Item = IpAddr> {
        let texts = [
            "0.0.0.0",
            "0.0.0.1",
            "9.255.255.255",
            "10.0.0.0",
            "10.0.0.1",
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "10.0.0.5",
            "10.0.0.6",
            "10.0.0.7",
            "10.0.0.8",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "2001:db8::",
            "2001:db8::2",
            "2001:db8::3",
            "2001:db8::4",
            "2001:db8::5",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        texts.into_iter().map(|text| text.parse().unwrap())
    }

    proptest! {
        /// Every operation says of every address what the networks say.
        #[test]
        fn a_set_is_what_its_networks_hold(a in networks(), b in networks()) {
            for family in Family::BOTH {
                let [one, other] = [&a, &b].map(|n| AddressSet::of(family, n.iter().copied()));
                let rest = one.minus(&other);
                for address in addresses().filter(|a| Family::of(*a) == family) {
                    let holds = |n: &[IpNet]| n.iter().any(|n| n.contains(&address));
                    let (in_a, in_b) = (holds(&a), holds(&b));
                    prop_assert_eq!(one.contains(address), in_a);
                    prop_assert_eq!(rest.contains(address), in_a && !in_b, "{}", address);
                    prop_assert_eq!(one.and(&other).contains(address), in_a && in_b);
                    let both = AddressSet::union(family, [&one, &other]);
                    prop_assert_eq!(both.contains(address), in_a || in_b);
                    prop_assert_eq!(holds(&one.networks()), in_a);
                }
                prop_assert_eq!(one.is_within(&other), rest.is_empty());
                // Networks there and back are the same value: one set has one form.
                prop_assert_eq!(&AddressSet::of(family, rest.networks()), &rest);
                prop_assert_eq!(IpNet::aggregate(&rest.networks()), rest.networks());
            }
        }
    }

    #[test]
    fn everything_but_one_host_is_a_network_for_each_bit() {
        for (family, all, host, bits) in [
            (Family::V4, "0.0.0.0/0", "10.0.0.1/32", 32),
            (Family::V6, "::/0", "2001:db8::1/128", 128),
        ] {
            let [all, host] = [all, host].map(|n| AddressSet::of(family, [n.parse().unwrap()]));
            assert_eq!(all.minus(&host).networks().len(), bits);
            assert_eq!((host.count(), all.minus(&all).count()), (1, 0));
        }
    }
}
