//! Network interfaces: their groups, and addresses that nobody else has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::NetworkInterface;

use super::Faults;
use crate::State;

pub(super) fn check(state: &State, faults: &mut Faults) {
    let mut addresses: BTreeMap<_, Ranges> = BTreeMap::new();
    let mut macs = BTreeSet::new();
    for interface in state.inventory.interfaces.values() {
        let id = &interface.id;
        check_groups(state, interface, faults);
        check_subnet(state, interface, faults);
        let Some(vpc) = state.inventory.vpc_of(interface) else {
            faults.0.push(format!("{id} is of no VPC"));
            continue;
        };
        faults.unless(state.inventory.vpcs.contains_key(vpc), || {
            format!("{id} is of {vpc}, which does not exist")
        });
        if let Some(mac) = interface.mac {
            faults.unless(macs.insert((vpc, mac)), || {
                format!("{id} has the MAC address {mac} of another interface")
            });
        }
        let ranges = addresses.entry(vpc).or_default();
        ranges.extend(interface.addresses.iter().map(|&ip| Range::of(ip.into())));
        ranges.extend(interface.prefixes.iter().map(|&net| Range::of(net)));
    }
    for (vpc, ranges) in addresses {
        ranges.check_disjoint(|a, b| {
            faults
                .0
                .push(format!("{vpc}: interfaces have {a} and {b}, which overlap"));
        });
    }
}

/// B11, B12.
fn check_groups(state: &State, interface: &NetworkInterface, faults: &mut Faults) {
    let id = &interface.id;
    if let Err(errors) = state.inventory.check_interface_groups(interface) {
        faults
            .0
            .extend(errors.into_iter().map(|error| format!("{id}: {error}")));
    }
    let groups: BTreeSet<_> = interface.groups.iter().collect();
    faults.unless(groups.len() == interface.groups.len(), || {
        format!("{id} has a group twice")
    });
}

/// The subnet is there, of the same VPC, and has the addresses and prefixes of the interface (E60).
fn check_subnet(state: &State, interface: &NetworkInterface, faults: &mut Faults) {
    let id = &interface.id;
    let Some(subnet) = &interface.subnet else {
        return;
    };
    let Some(subnet) = state.inventory.subnets.get(subnet) else {
        faults
            .0
            .push(format!("{id} is in {subnet}, which does not exist"));
        return;
    };
    let vpc = interface.vpc.as_ref();
    faults.unless(vpc.is_none_or(|vpc| *vpc == subnet.vpc), || {
        format!("{id} and its {} are of different VPCs", subnet.id)
    });
    if let Err(errors) = interface.check_addresses(subnet) {
        faults
            .0
            .extend(errors.into_iter().map(|error| format!("{id}: {error}")));
    }
    for prefix in &interface.prefixes {
        let within = subnet.contains(prefix.network()) && subnet.contains(prefix.broadcast());
        faults.unless(within && *prefix == prefix.trunc(), || {
            format!("{id}: the prefix {prefix} is none of {}", subnet.id)
        });
    }
}

/// Addresses from the first to the last, of one family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    first: IpAddr,
    last: IpAddr,
    net: IpNet,
}

impl Range {
    pub(super) fn of(net: IpNet) -> Self {
        Self {
            first: net.network(),
            last: net.broadcast(),
            net,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.net.prefix_len() == self.net.max_prefix_len() {
            fmt::Display::fmt(&self.first, f)
        } else {
            fmt::Display::fmt(&self.net, f)
        }
    }
}

/// Ranges that should have nothing in common.
#[derive(Default)]
pub(super) struct Ranges(Vec<Range>);

impl Ranges {
    pub(super) fn extend(&mut self, ranges: impl IntoIterator<Item = Range>) {
        self.0.extend(ranges);
    }

    /// Tells each range that begins within one before it. Addresses are in order of their family first, so families never meet.
    pub(super) fn check_disjoint(mut self, mut overlap: impl FnMut(Range, Range)) {
        self.0.sort_unstable();
        let mut ranges = self.0.into_iter();
        let Some(mut furthest) = ranges.next() else {
            return;
        };
        for range in ranges {
            if range.first <= furthest.last {
                overlap(furthest, range);
            }
            if range.last > furthest.last {
                furthest = range;
            }
        }
    }
}
