//! What becomes of the resources of a template: whether one stays, perhaps changed in place, or has to be made.
//!
//! A property that cannot be changed in place makes a new resource. Such a property may be a reference, so what a reference means is
//! decided before what has it: a subnet of a VPC that is replaced is replaced too.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;

use secgroup_model::{
    GroupId, InstanceId, ModelError, NetworkInterface, NetworkInterfaceId, Peering, PeeringId,
    PeeringStatus, PrefixList, PrefixListId, SecurityGroup, Subnet, SubnetId, Vpc, VpcId,
};

use super::changes::Detail;
use super::instances;
use super::names::{Lookup, Names};
use super::work::Work;
use crate::{Instance, InstanceState, Record};

/// What becomes of each resource, by logical id.
pub(super) type Fates = BTreeMap<String, Fate>;

/// What becomes of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays under this id.
    Keep(String),
    /// It is made.
    New {
        /// The id of the one whose place it takes.
        replaces: Option<String>,
        /// What makes a new one necessary.
        because: Vec<Detail>,
        /// What else is to be said.
        reason: Option<String>,
    },
}

/// Decides what becomes of everything.
pub(super) fn decide(work: &Work<'_, '_>) -> Fates {
    let mut fates = Deciding {
        work,
        names: Names::default(),
        fates: Fates::new(),
    };
    let wanted = work.wanted;
    for vpc in wanted.vpcs.values() {
        fates.decide(vpc.id.as_str(), (VpcId::PREFIX, VpcId::new), |_, real| {
            of_vpc(real, vpc)
        });
    }
    for subnet in wanted.subnets.values() {
        fates.decide(
            subnet.id.as_str(),
            (SubnetId::PREFIX, SubnetId::new),
            |lookup, real| of_subnet(lookup, real, subnet),
        );
    }
    for peering in wanted.peerings.values() {
        fates.decide(
            peering.id.as_str(),
            (PeeringId::PREFIX, PeeringId::new),
            |lookup, real| of_peering(lookup, real, peering),
        );
    }
    for list in wanted.prefix_lists.values() {
        fates.decide(
            list.id.as_str(),
            (PrefixListId::PREFIX, PrefixListId::new),
            |_, real: &PrefixList| {
                let mut because = Vec::new();
                differ(&mut because, "address family", real.family, list.family);
                Some(because)
            },
        );
    }
    for group in work.own_groups() {
        fates.decide(
            group.id.as_str(),
            (GroupId::PREFIX, GroupId::new),
            |lookup, real| of_group(lookup, real, group),
        );
    }
    for interface in wanted.interfaces.values() {
        fates.decide(
            interface.id.as_str(),
            (NetworkInterfaceId::PREFIX, NetworkInterfaceId::new),
            |lookup, real| of_interface(lookup, real, interface),
        );
    }
    for instance in work.wanted_instances() {
        let primary = instances::interfaces_of(wanted, instance).first().copied();
        let primary = primary.map(|interface| &interface.id);
        let kept = primary.and_then(|id| fates.names.get(id.as_str()).map(str::to_owned));
        fates.decide(
            instance.as_str(),
            (InstanceId::PREFIX, InstanceId::new),
            |lookup, real| of_instance(lookup, real, primary, kept.as_deref()),
        );
    }
    fates.fates
}

struct Deciding<'w, 'a, 'e> {
    work: &'w Work<'a, 'e>,
    /// What stays.
    names: Names,
    fates: Fates,
}

impl Deciding<'_, '_, '_> {
    /// Decides about one resource. `compare` tells what about the real one cannot be made what is wanted; `None` if it
    /// only seems to be there.
    fn decide<R: Record>(
        &mut self,
        logical: &str,
        (prefix, key): (&str, impl Fn(&str) -> R::Key),
        compare: impl FnOnce(Lookup<'_>, &R) -> Option<Vec<Detail>>,
    ) {
        let state = self.work.edit.state();
        // A logical id may have been one of another type.
        let old = self.work.old.get(logical);
        let old = old.filter(|id| id.starts_with(prefix));
        let real = old.and_then(|id| R::table(state).get(&key(id)));
        let lookup = Lookup {
            state,
            caller: self.work.caller,
            names: &self.names,
        };
        let because = real.and_then(|real| compare(lookup, real));
        let fate = match (old, because) {
            (Some(id), Some(because)) if because.is_empty() => {
                self.names.insert(logical, id);
                Fate::Keep(id.clone())
            }
            (Some(id), Some(because)) => Fate::New {
                replaces: Some(id.clone()),
                because,
                reason: None,
            },
            (Some(id), None) => Fate::New {
                replaces: None,
                because: Vec::new(),
                reason: Some(format!("{id} was deleted meanwhile")),
            },
            (None, _) => Fate::New {
                replaces: None,
                because: Vec::new(),
                reason: None,
            },
        };
        self.fates.insert(logical.to_owned(), fate);
    }
}

fn of_vpc(real: &Vpc, wanted: &Vpc) -> Option<Vec<Detail>> {
    let mut because = Vec::new();
    let primary = |vpc: &Vpc| shown(vpc.cidrs.first());
    differ(&mut because, "range", primary(real), primary(wanted));
    Some(because)
}

fn of_subnet(lookup: Lookup<'_>, real: &Subnet, wanted: &Subnet) -> Option<Vec<Detail>> {
    let mut because = Vec::new();
    refer(
        &mut because,
        "VPC",
        &real.vpc,
        lookup.vpc(&wanted.vpc),
        &wanted.vpc,
    );
    differ(&mut because, "range", shown(real.cidr), shown(wanted.cidr));
    if wanted.availability_zone.is_some() {
        let zone = |subnet: &Subnet| shown(subnet.availability_zone.as_ref());
        differ(&mut because, "zone", zone(real), zone(wanted));
    }
    Some(because)
}

fn of_peering(lookup: Lookup<'_>, real: &Peering, wanted: &Peering) -> Option<Vec<Detail>> {
    // One that has ended is only still listed.
    if real.status == PeeringStatus::Gone {
        return None;
    }
    let mut because = Vec::new();
    let sides = [
        ("requester", &real.requester, &wanted.requester),
        ("accepter", &real.accepter, &wanted.accepter),
    ];
    for (side, real, wanted) in sides {
        refer(&mut because, side, real, lookup.vpc(wanted), wanted);
    }
    Some(because)
}

/// B7: name and description are for good.
fn of_group(
    lookup: Lookup<'_>,
    real: &SecurityGroup,
    wanted: &SecurityGroup,
) -> Option<Vec<Detail>> {
    let mut because = Vec::new();
    differ(&mut because, "name", &real.name, &wanted.name);
    differ(
        &mut because,
        "description",
        &real.description,
        &wanted.description,
    );
    if let (Some(own), Some(vpc)) = (&real.vpc, &wanted.vpc) {
        refer(&mut because, "VPC", own, lookup.vpc(vpc), vpc);
    }
    Some(because)
}

fn of_interface(
    lookup: Lookup<'_>,
    real: &NetworkInterface,
    wanted: &NetworkInterface,
) -> Option<Vec<Detail>> {
    let mut because = Vec::new();
    match (&real.subnet, &wanted.subnet) {
        (Some(own), Some(subnet)) => {
            refer(&mut because, "subnet", own, lookup.subnet(subnet), subnet);
        }
        // One that names none is in the default VPC.
        (Some(_), None) => {
            if let (Some(own), Some(vpc)) = (&real.vpc, &wanted.vpc) {
                refer(&mut because, "VPC", own, lookup.vpc(vpc), vpc);
            }
        }
        (None, _) => return None,
    }
    if let Some(primary) = primary(wanted) {
        differ(
            &mut because,
            "primary address",
            shown(self::primary(real)),
            primary,
        );
    }
    Some(because)
}

/// An instance has its primary interface for good, here `wanted`, which keeps the id `kept` unless it is new.
fn of_instance(
    lookup: Lookup<'_>,
    real: &Instance,
    wanted: Option<&NetworkInterfaceId>,
    kept: Option<&str>,
) -> Option<Vec<Detail>> {
    if real.state == InstanceState::Terminated {
        return None;
    }
    let mut attachments = lookup.state.attachments.iter();
    let primary = attachments
        .find(|(_, attachment)| attachment.instance == real.id && attachment.device_index == 0)
        .map(|(interface, _)| interface.as_str());
    let mut because = Vec::new();
    if primary != kept {
        because.push(Detail::becomes(
            "primary interface",
            shown(primary),
            shown(wanted),
        ));
    }
    Some(because)
}

/// The first IPv4 address (C7).
pub(super) fn primary(interface: &NetworkInterface) -> Option<IpAddr> {
    let mut addresses = interface.addresses.iter();
    addresses.find(|address| address.is_ipv4()).copied()
}

/// Notes that two values differ.
fn differ(because: &mut Vec<Detail>, what: &str, real: impl Display, wanted: impl Display) {
    let (real, wanted) = (real.to_string(), wanted.to_string());
    if real != wanted {
        because.push(Detail::becomes(what, real, wanted));
    }
}

/// Notes that a reference is to something else than `real`, or to something that is yet to be made.
fn refer<I: PartialEq + Display>(
    because: &mut Vec<Detail>,
    what: &str,
    real: &I,
    found: Result<I, ModelError>,
    wanted: &I,
) {
    if found.ok().as_ref() != Some(real) {
        because.push(Detail::becomes(what, real, wanted));
    }
}

fn shown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}
