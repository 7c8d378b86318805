//! Network interfaces of a stack: each by itself, before instances get them.

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{
    Family, GroupId, ModelError, NetworkInterface, NetworkInterfaceId, SecurityGroup, SubnetId,
    VpcId,
};

use super::changes::{Detail, Kind};
use super::fates::primary;
use super::instances;
use super::work::{Work, checked, retag};
use crate::interfaces::{self, CreateInterface, InterfaceChange, Share, Unassign};

/// Makes the interfaces, then the instances. Addresses are given up before they are given, and those that the template names
/// are given before those that are chosen.
pub(super) fn make(work: &mut Work<'_, '_>) {
    let mut wanted: Vec<&NetworkInterface> = work.wanted.interfaces.values().collect();
    wanted.sort_by_key(|interface| primary(interface).is_none());
    for pass in [give_up, make_interface] {
        for interface in &wanted {
            let outcome = pass(work, interface);
            work.settle(interface.id.as_str(), interface.origin.as_ref(), outcome);
        }
        if work.has_faults() {
            return;
        }
    }
    instances::make(work);
}

/// Takes from an interface that stays the addresses that it is not to have. The primary one is for good.
fn give_up(work: &mut Work<'_, '_>, wanted: &NetworkInterface) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    let Some(id) = work.kept(logical).map(NetworkInterfaceId::new) else {
        return Ok(());
    };
    let real = interfaces::known_interface(work.edit.state(), work.caller, &id)?;
    let own = primary(real);
    let goes = |address: &IpAddr| Some(*address) != own && !wanted.addresses.contains(address);
    let surplus = Unassign {
        addresses: real.addresses.iter().copied().filter(goes).collect(),
        prefixes: without(&real.prefixes, &wanted.prefixes),
    };
    if surplus == Unassign::default() {
        return Ok(());
    }
    interfaces::unassign(work.edit, work.caller, &id, &surplus)?;
    let addresses = surplus.addresses.iter().map(IpAddr::to_string);
    let prefixes = surplus.prefixes.iter().map(shown_prefix);
    let details = addresses.chain(prefixes).map(Detail::minus).collect();
    work.modified(logical, Kind::Interface, id.as_str(), details);
    Ok(())
}

fn make_interface(work: &mut Work<'_, '_>, wanted: &NetworkInterface) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    if let Some(id) = work.kept(logical).map(NetworkInterfaceId::new) {
        let mut details = set_groups(work, &id, wanted)?;
        details.extend(assign(work, &id, wanted)?);
        details.extend(set_rest(work, &id, wanted)?);
        if let Some(real) = work.edit.get_mut::<NetworkInterface>(&id) {
            details.extend(retag(&mut real.tags, &wanted.tags)?);
        }
        work.modified(logical, Kind::Interface, id.as_str(), details);
        return Ok(());
    }
    let id = create(work, wanted)?;
    assign(work, &id, wanted)?;
    set_rest(work, &id, wanted)?;
    let details = described(work, &id);
    work.made(logical, Kind::Interface, id.as_str(), details);
    Ok(())
}

fn create(
    work: &mut Work<'_, '_>,
    wanted: &NetworkInterface,
) -> Result<NetworkInterfaceId, ModelError> {
    let subnet = subnet_of(work, wanted)?;
    let request = CreateInterface {
        groups: groups_of(work, wanted)?,
        primary: match primary(wanted) {
            Some(IpAddr::V4(address)) => Some(address),
            Some(IpAddr::V6(_)) | None => None,
        },
        description: wanted.description.clone(),
        tracking: wanted.tracking,
        tags: checked(&wanted.tags)?,
        ..CreateInterface::new(subnet)
    };
    interfaces::create(work.edit, work.caller, request)
}

/// The subnet; where none is named, the first one of the default VPC.
fn subnet_of(work: &Work<'_, '_>, wanted: &NetworkInterface) -> Result<SubnetId, ModelError> {
    let lookup = work.lookup();
    match &wanted.subnet {
        Some(subnet) => lookup.subnet(subnet),
        None => {
            let default = VpcId::new(super::names::DEFAULT_VPC);
            let vpc = lookup.vpc(wanted.vpc.as_ref().unwrap_or(&default))?;
            lookup.first_subnet(&vpc)
        }
    }
}

fn groups_of(work: &Work<'_, '_>, wanted: &NetworkInterface) -> Result<Vec<GroupId>, ModelError> {
    let lookup = work.lookup();
    let groups = wanted.groups.iter();
    groups.map(|group| lookup.group(group)).collect()
}

/// Gives an interface that stays its groups; where none are named, the default one of its VPC (B11).
fn set_groups(
    work: &mut Work<'_, '_>,
    id: &NetworkInterfaceId,
    wanted: &NetworkInterface,
) -> Result<Vec<Detail>, ModelError> {
    let real = interfaces::known_interface(work.edit.state(), work.caller, id)?;
    let mut groups = groups_of(work, wanted)?;
    if groups.is_empty() {
        let inventory = work.edit.inventory();
        let vpc = inventory.vpc_of(real);
        let default = vpc.and_then(|vpc| inventory.default_group(vpc));
        groups.extend(default.map(|group| group.id.clone()));
    }
    let (gone, new) = (
        without(&real.groups, &groups),
        without(&groups, &real.groups),
    );
    if gone.is_empty() && new.is_empty() {
        return Ok(Vec::new());
    }
    let gone = gone
        .iter()
        .map(|group| Detail::minus(shown_group(work, group)));
    let new = new
        .iter()
        .map(|group| Detail::plus(shown_group(work, group)));
    let details = gone.chain(new).collect();
    interfaces::modify(work.edit, work.caller, id, InterfaceChange::Groups(groups))?;
    Ok(details)
}

/// Gives an interface the addresses and prefixes that it lacks.
fn assign(
    work: &mut Work<'_, '_>,
    id: &NetworkInterfaceId,
    wanted: &NetworkInterface,
) -> Result<Vec<Detail>, ModelError> {
    let real = interfaces::known_interface(work.edit.state(), work.caller, id)?;
    let addresses = without(&wanted.addresses, &real.addresses);
    let prefixes = without(&wanted.prefixes, &real.prefixes);
    for family in Family::BOTH {
        let of_family = addresses.iter().copied();
        let of_family = of_family.filter(|address| Family::of(*address) == family);
        let shares = [
            Share::Addresses(of_family.collect()),
            Share::Prefixes(
                prefixes
                    .iter()
                    .copied()
                    .filter(|prefix| Family::of(prefix.addr()) == family)
                    .collect(),
            ),
        ];
        for share in shares {
            if !matches!(&share, Share::Addresses(none) if none.is_empty())
                && !matches!(&share, Share::Prefixes(none) if none.is_empty())
            {
                interfaces::assign(work.edit, work.caller, id, family, &share, false)?;
            }
        }
    }
    let addresses = addresses.iter().map(IpAddr::to_string);
    let prefixes = prefixes.iter().map(shown_prefix);
    Ok(addresses.chain(prefixes).map(Detail::plus).collect())
}

/// Sets source/destination check, timeouts and description.
fn set_rest(
    work: &mut Work<'_, '_>,
    id: &NetworkInterfaceId,
    wanted: &NetworkInterface,
) -> Result<Vec<Detail>, ModelError> {
    let mut details = Vec::new();
    let before = interfaces::known_interface(work.edit.state(), work.caller, id)?.clone();
    let mut set = |change| interfaces::modify(work.edit, work.caller, id, change);
    if before.source_dest_check != wanted.source_dest_check {
        let word = |on: bool| if on { "on" } else { "off" };
        let (old, new) = (before.source_dest_check, wanted.source_dest_check);
        details.push(Detail::becomes(
            "source/destination check",
            word(old),
            word(new),
        ));
        set(InterfaceChange::SourceDestCheck(new))?;
    }
    if before.description != wanted.description {
        let (old, new) = (&before.description, &wanted.description);
        details.push(Detail::becomes("description", quoted(old), quoted(new)));
        set(InterfaceChange::Description(new.clone()))?;
    }
    let (old, new) = (before.tracking, wanted.tracking);
    let timeouts = [
        ("timeout of TCP", old.tcp_established, new.tcp_established),
        ("timeout of UDP streams", old.udp_stream, new.udp_stream),
        ("timeout of UDP", old.udp, new.udp),
    ];
    for (what, old, new) in timeouts.into_iter().filter(|(_, old, new)| old != new) {
        details.push(Detail::becomes(what, seconds(old), seconds(new)));
    }
    if old != new
        && let Some(real) = work.edit.get_mut::<NetworkInterface>(id)
    {
        // A call leaves what it does not name (D30); a template that does not name it wants the usual one.
        real.tracking = new;
    }
    Ok(details)
}

/// What a new interface has.
fn described(work: &Work<'_, '_>, id: &NetworkInterfaceId) -> Vec<Detail> {
    let Some(real) = work.edit.get::<NetworkInterface>(id) else {
        return Vec::new();
    };
    let addresses = real.addresses.iter().map(IpAddr::to_string);
    let prefixes = real.prefixes.iter().map(shown_prefix);
    let groups = real.groups.iter().map(|group| shown_group(work, group));
    addresses
        .chain(prefixes)
        .chain(groups)
        .map(Detail::plus)
        .collect()
}

/// What people are shown for a group: its logical id, or its name and id.
fn shown_group(work: &Work<'_, '_>, id: &GroupId) -> String {
    let shown = work.shown(id.as_str());
    match work.edit.get::<SecurityGroup>(id) {
        Some(group) if shown == id.as_str() => format!("group {} ({id})", group.name),
        _ => format!("group {shown}"),
    }
}

fn shown_prefix(prefix: &IpNet) -> String {
    format!("prefix {prefix}")
}

/// What one list has and the other has not.
fn without<T: PartialEq + Clone>(list: &[T], other: &[T]) -> Vec<T> {
    let items = list.iter().filter(|item| !other.contains(item));
    items.cloned().collect()
}

fn quoted(text: &str) -> String {
    format!("“{text}”")
}

fn seconds(timeout: Option<std::time::Duration>) -> String {
    timeout.map_or_else(
        || "default".to_owned(),
        |timeout| format!("{} s", timeout.as_secs()),
    )
}
