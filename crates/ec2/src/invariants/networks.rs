//! VPCs, subnets, peering connections, and the VPCs that groups are associated with.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{Peering, PeeringStatus, Subnet, Vpc};

use super::Faults;
use super::interfaces::{Range, Ranges};
use crate::{PeeringCode, PeeringDetails, State, VpcSettings};

pub(super) fn check(state: &State, faults: &mut Faults) {
    let mut default_groups: BTreeMap<_, u32> = BTreeMap::new();
    for group in state
        .inventory
        .groups
        .values()
        .filter(|group| group.is_default())
    {
        *default_groups.entry(group.vpc.as_ref()).or_default() += 1;
    }
    let mut default_of = BTreeSet::new();
    for vpc in state.inventory.vpcs.values() {
        // B8: a default group, and one only.
        let defaults = default_groups.get(&Some(&vpc.id)).copied().unwrap_or(0);
        faults.unless(defaults == 1, || {
            format!("{} has {defaults} default groups", vpc.id)
        });
        check_ranges(vpc, faults);
        faults.unless(!vpc.is_default || default_of.insert(&vpc.owner), || {
            format!("account {} has a second default VPC, {}", vpc.owner, vpc.id)
        });
    }
    for (id, settings) in &state.vpc_settings {
        faults.unless(state.inventory.vpcs.contains_key(id), || {
            format!("there are settings of {id}, which does not exist")
        });
        faults.unless(*settings != VpcSettings::default(), || {
            format!("the settings of {id} are the default ones, which are not kept")
        });
    }
    check_subnets(state, faults);
    check_peerings(state, faults);
    check_associations(state, faults);
    check_flow_logs(state, faults);
}

fn check_ranges(vpc: &Vpc, faults: &mut Faults) {
    let id = &vpc.id;
    let mut ranges = Ranges::default();
    ranges.extend(vpc.cidrs.iter().map(|&net| Range::of(net.into())));
    ranges.extend(vpc.ipv6_cidrs.iter().map(|&net| Range::of(net.into())));
    ranges.check_disjoint(|a, b| {
        faults
            .0
            .push(format!("{id} has {a} and {b}, which overlap"))
    });
}

/// A subnet lies within its VPC, and no two have an address in common.
fn check_subnets(state: &State, faults: &mut Faults) {
    let mut of_vpc: BTreeMap<_, Ranges> = BTreeMap::new();
    for subnet in state.inventory.subnets.values() {
        let Some(vpc) = state.inventory.vpcs.get(&subnet.vpc) else {
            faults.0.push(format!(
                "{} is of {}, which does not exist",
                subnet.id, subnet.vpc
            ));
            continue;
        };
        check_within(subnet, vpc, faults);
        let ranges = of_vpc.entry(&subnet.vpc).or_default();
        ranges.extend(subnet.cidr.map(|net| Range::of(net.into())));
        ranges.extend(subnet.ipv6_cidr.map(|net| Range::of(net.into())));
    }
    for (vpc, ranges) in of_vpc {
        ranges.check_disjoint(|a, b| {
            faults
                .0
                .push(format!("{vpc} has the subnets {a} and {b}, which overlap"));
        });
    }
}

fn check_within(subnet: &Subnet, vpc: &Vpc, faults: &mut Faults) {
    let outside =
        |range: &dyn std::fmt::Display| format!("{} of {} is not in {}", range, subnet.id, vpc.id);
    if let Some(range) = subnet.cidr {
        let within = vpc.cidrs.iter().any(|cidr| cidr.contains(&range));
        faults.unless(within, || outside(&range));
    }
    if let Some(range) = subnet.ipv6_cidr {
        let within = vpc.ipv6_cidrs.iter().any(|cidr| cidr.contains(&range));
        faults.unless(within, || outside(&range));
    }
}

/// A connection and what the API says of it are two records of one thing. The VPCs of one that has ended may be gone.
fn check_peerings(state: &State, faults: &mut Faults) {
    for (id, peering) in &state.inventory.peerings {
        match state.peerings.get(id) {
            None => faults
                .0
                .push(format!("{id} has no details beside its state")),
            Some(details) => check_peering(state, peering, details, faults),
        }
    }
    for id in state.peerings.keys() {
        faults.unless(state.inventory.peerings.contains_key(id), || {
            format!("there are details of {id}, which does not exist")
        });
    }
}

fn check_peering(state: &State, peering: &Peering, details: &PeeringDetails, faults: &mut Faults) {
    let id = &peering.id;
    let status = match details.code {
        PeeringCode::PendingAcceptance => PeeringStatus::Pending,
        PeeringCode::Active => PeeringStatus::Active,
        PeeringCode::Rejected
        | PeeringCode::Deleted
        | PeeringCode::Expired
        | PeeringCode::Failed => PeeringStatus::Gone,
    };
    faults.unless(status == peering.status, || {
        format!("{id} is {} and {:?} at once", details.code, peering.status)
    });
    let parties = [&details.requester, &details.accepter];
    for account in details.tags.keys() {
        faults.unless(parties.contains(&account), || {
            format!("{id} has tags of account {account}, which is no party to it")
        });
    }
    let owned = |vpc, owner| state.owner_of_vpc(vpc) == Some(owner);
    faults.unless(
        peering.status == PeeringStatus::Gone || owned(&peering.requester, &details.requester),
        || {
            format!(
                "{id} is asked for by account {} for {}, which it does not have",
                details.requester, peering.requester
            )
        },
    );
    faults.unless(
        peering.status != PeeringStatus::Active || owned(&peering.accepter, &details.accepter),
        || {
            format!(
                "{id} is accepted by account {} for {}, which it does not have",
                details.accepter, peering.accepter
            )
        },
    );
}

/// B29.
fn check_associations(state: &State, faults: &mut Faults) {
    for (id, vpc) in state.inventory.associations.keys() {
        faults.unless(state.inventory.vpcs.contains_key(vpc), || {
            format!("{id} is associated with {vpc}, which does not exist")
        });
        match state.inventory.groups.get(id) {
            None => faults.0.push(format!(
                "{id}, which does not exist, is associated with {vpc}"
            )),
            Some(group) => {
                faults.unless(!group.is_default(), || {
                    format!("{id} is a default group and associated with {vpc}")
                });
                faults.unless(group.vpc.as_ref() != Some(vpc), || {
                    format!("{id} is associated with its own {vpc}")
                });
            }
        }
    }
}

/// A flow log goes with what it is of.
fn check_flow_logs(state: &State, faults: &mut Faults) {
    let inventory = &state.inventory;
    for (id, log) in &state.flow_logs {
        let resource = log.resource.as_str();
        let known = inventory.vpcs.contains_key(resource)
            || inventory.subnets.contains_key(resource)
            || inventory.interfaces.contains_key(resource);
        faults.unless(known, || {
            format!("{id} is of {resource}, which does not exist")
        });
    }
}
