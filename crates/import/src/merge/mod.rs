//! Makes an inventory of what the files say, whatever their order.
//!
//! First everything that rules refer to, then the rules of each group, then those that were written
//! elsewhere, then the interfaces. The same thing twice is fine as long as it is the same: dumps
//! overlap, and one file may be a part of another.

mod building;
mod groups;
mod interfaces;
mod prefix_lists;
mod rules;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use ipnet::IpNet;
use secgroup_model::{GroupId, Inventory, VpcId};

use crate::collect::{Collected, Found};
use crate::diagnostic::{Draft, Sink};
use crate::options::Options;
use crate::source::Span;
use crate::template::DEFAULT_VPC;

/// Where a thing that was merged had been written.
type Known<K, V> = BTreeMap<K, (V, Span)>;

/// Merges everything, and says of which groups only some rules are known.
pub(crate) fn merge(
    mut collected: Collected,
    options: &Options,
    sink: &Sink<'_>,
) -> (Inventory, BTreeSet<GroupId>) {
    let mut inventory = Inventory::default();
    networks(&mut collected, &mut inventory, sink);
    place_in_default_vpc(&mut collected, &inventory);
    prefix_lists::merge(&mut collected, &mut inventory, sink);
    interfaces::find_vpcs(&mut collected, &inventory);
    let default_groups = interfaces::fill_groups(&mut collected, &inventory, options, sink);
    let partial_groups = groups::merge(
        &mut collected,
        default_groups,
        options,
        &mut inventory,
        sink,
    );
    interfaces::merge(&mut collected, &mut inventory, sink);
    (inventory, partial_groups)
}

/// VPCs, subnets, peering connections and associations.
fn networks(collected: &mut Collected, inventory: &mut Inventory, sink: &Sink<'_>) {
    let vpcs = std::mem::take(&mut collected.vpcs);
    let mut vpcs = once(
        vpcs,
        "VPC",
        |vpc| vpc.id.clone(),
        |a, b| {
            (&a.owner, &a.cidrs, &a.ipv6_cidrs, a.is_default)
                == (&b.owner, &b.cidrs, &b.ipv6_cidrs, b.is_default)
        },
        sink,
    );
    for Found {
        thing: (vpc, net), ..
    } in std::mem::take(&mut collected.vpc_ranges)
    {
        let Some((vpc, _)) = vpcs.get_mut(&vpc) else {
            continue;
        };
        match net {
            IpNet::V4(net) if !vpc.cidrs.contains(&net) => vpc.cidrs.push(net),
            IpNet::V6(net) if !vpc.ipv6_cidrs.contains(&net) => vpc.ipv6_cidrs.push(net),
            IpNet::V4(_) | IpNet::V6(_) => {}
        }
    }
    let subnets = std::mem::take(&mut collected.subnets);
    let mut subnets = once(
        subnets,
        "subnet",
        |subnet| subnet.id.clone(),
        |a, b| (&a.vpc, a.cidr, a.ipv6_cidr) == (&b.vpc, b.cidr, b.ipv6_cidr),
        sink,
    );
    for Found {
        thing: (subnet, net),
        ..
    } in std::mem::take(&mut collected.subnet_ranges)
    {
        if let Some((subnet, _)) = subnets.get_mut(&subnet) {
            subnet.ipv6_cidr.get_or_insert(net);
        }
    }
    let peerings = std::mem::take(&mut collected.peerings);
    let peerings = once(
        peerings,
        "peering connection",
        |peering| peering.id.clone(),
        PartialEq::eq,
        sink,
    );
    inventory.vpcs = vpcs.into_iter().map(|(id, (vpc, _))| (id, vpc)).collect();
    inventory.subnets = subnets
        .into_iter()
        .map(|(id, (subnet, _))| (id, subnet))
        .collect();
    inventory.peerings = peerings
        .into_iter()
        .map(|(id, (peering, _))| (id, peering))
        .collect();
    inventory.associations = std::mem::take(&mut collected.associations)
        .into_iter()
        .collect();
}

/// Each thing once, by its id. `same` compares what it says, not where it says it.
fn once<K: Ord + Display, V>(
    found: Vec<Found<V>>,
    noun: &str,
    id: impl Fn(&V) -> K,
    same: impl Fn(&V, &V) -> bool,
    sink: &Sink<'_>,
) -> Known<K, V> {
    let mut known: Known<K, V> = BTreeMap::new();
    for Found { thing, span } in found {
        match known.entry(id(&thing)) {
            Entry::Vacant(entry) => {
                entry.insert((thing, span));
            }
            Entry::Occupied(entry) => {
                let (first, first_span) = entry.get();
                if !same(first, &thing) {
                    sink.push(differs(noun, entry.key(), span, *first_span));
                }
            }
        }
    }
    known
}

/// Two files do not agree about a thing.
fn differs(noun: &str, id: &dyn Display, span: Span, first: Span) -> Draft {
    Draft::error(
        span,
        format!("{noun} {id} is described twice, and differently"),
    )
    .label(first, "first described here")
    .help("load dumps of the same moment, and each of them once")
}

/// What names no VPC is in the default one: that of the dumps, if they have one.
fn place_in_default_vpc(collected: &mut Collected, inventory: &Inventory) {
    let mut defaults = inventory.vpcs.values().filter(|vpc| vpc.is_default);
    let (Some(default), None) = (defaults.next(), defaults.next()) else {
        return;
    };
    let place = |vpc: &mut Option<VpcId>| {
        if vpc.as_ref().is_some_and(|vpc| vpc.as_str() == DEFAULT_VPC) {
            *vpc = Some(default.id.clone());
        }
    };
    collected
        .groups
        .iter_mut()
        .for_each(|found| place(&mut found.group.vpc));
    collected
        .interfaces
        .iter_mut()
        .for_each(|found| place(&mut found.interface.vpc));
}
