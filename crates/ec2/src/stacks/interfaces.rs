//! Network interfaces of a stack: each by itself, before instances get them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use secgroup_model::{
    ErrorCode, Flavour, GroupId, MacAddress, ModelError, NetworkInterface, NetworkInterfaceId,
    Subnet, SubnetId,
};

use super::changes::{Detail, Kind};
use super::instances;
use super::work::{Work, checked, first, retag};
use crate::{flow_logs, subnets};

/// Makes the interfaces, then the instances.
pub(super) fn make(work: &mut Work<'_, '_>) {
    let wanted = work.wanted;
    release_addresses(work);
    for interface in wanted.interfaces.values() {
        let outcome = make_interface(work, interface);
        work.settle(interface.id.as_str(), interface.origin.as_ref(), outcome);
    }
    if work.has_faults() {
        return;
    }
    instances::make(work);
}

/// What an interface is to be, its names looked up.
struct Resolved {
    subnet: SubnetId,
    groups: Vec<GroupId>,
    addresses: Vec<IpAddr>,
}

fn make_interface(work: &mut Work<'_, '_>, wanted: &NetworkInterface) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    let kept = work.kept(logical).map(NetworkInterfaceId::new);
    let resolved = resolve(work, wanted, kept.as_ref())?;
    let Some(id) = kept else {
        let details = described(work, wanted, &resolved);
        let id = create(work, wanted, resolved)?;
        work.made(logical, Kind::Interface, id.as_str(), details);
        return Ok(());
    };
    let Some(before) = work.edit.get::<NetworkInterface>(&id).cloned() else {
        return Ok(());
    };
    let mut after = filled(before.clone(), wanted, resolved);
    let mut details = differences(work, &before, &after);
    details.extend(retag(&mut after.tags, &wanted.tags)?);
    check(work, &after)?;
    work.edit.put(id.clone(), after);
    work.modified(logical, Kind::Interface, id.as_str(), details);
    Ok(())
}

/// Looks up subnet and groups, and chooses an address where the template leaves that open (E60).
fn resolve(
    work: &Work<'_, '_>,
    wanted: &NetworkInterface,
    kept: Option<&NetworkInterfaceId>,
) -> Result<Resolved, ModelError> {
    let lookup = work.lookup();
    let present = kept.and_then(|id| work.edit.get::<NetworkInterface>(id));
    let subnet = match (&wanted.subnet, present.and_then(|real| real.subnet.clone())) {
        (Some(subnet), _) => lookup.subnet(subnet)?,
        (None, Some(subnet)) => subnet,
        (None, None) => {
            let default = secgroup_model::VpcId::new("default");
            let vpc = lookup.vpc(wanted.vpc.as_ref().unwrap_or(&default))?;
            lookup.first_subnet(&vpc)?
        }
    };
    let record = subnets::known_subnet(work.edit.state(), work.caller, &subnet)?;
    let mut groups: Vec<GroupId> = Vec::new();
    for group in &wanted.groups {
        let group = lookup.group(group)?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    if groups.is_empty() {
        // B11.
        let default = work.edit.inventory().default_group(&record.vpc);
        groups.extend(default.map(|group| group.id.clone()));
    }
    let mut addresses = wanted.addresses.clone();
    if !addresses.iter().any(IpAddr::is_ipv4) {
        let own = present.and_then(super::fates::primary);
        let chosen = match own {
            Some(own) => Some(own),
            None => free_address(work, record)?,
        };
        addresses.splice(0..0, chosen);
    }
    // The primary IPv4 address is the first one (C7).
    addresses.sort_by_key(|address| !address.is_ipv4());
    Ok(Resolved {
        subnet,
        groups,
        addresses,
    })
}

/// The first address of a subnet that nobody has, and that none of the template is to have.
fn free_address(work: &Work<'_, '_>, subnet: &Subnet) -> Result<Option<IpAddr>, ModelError> {
    let Some(range) = subnet.cidr else {
        return Ok(None);
    };
    let inventory = work.edit.inventory();
    let promised: BTreeSet<IpAddr> = work
        .wanted
        .interfaces
        .values()
        .flat_map(|interface| interface.addresses.iter().copied())
        .collect();
    let interfaces: Vec<&NetworkInterface> = inventory
        .interfaces
        .values()
        .filter(|interface| interface.subnet.as_ref() == Some(&subnet.id))
        .collect();
    let taken: BTreeSet<IpAddr> = interfaces
        .iter()
        .flat_map(|interface| interface.addresses.iter().copied())
        .collect();
    range
        .hosts()
        .map(IpAddr::V4)
        .find(|&address| {
            !subnet.is_reserved(address)
                && !promised.contains(&address)
                && !taken.contains(&address)
                && !interfaces
                    .iter()
                    .any(|interface| interface.has_address(address))
        })
        .map(Some)
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidParameterValue,
                format!(
                    "There are not enough free addresses in subnet '{}'",
                    subnet.id
                ),
            )
        })
}

fn create(
    work: &mut Work<'_, '_>,
    wanted: &NetworkInterface,
    resolved: Resolved,
) -> Result<NetworkInterfaceId, ModelError> {
    let id = work
        .edit
        .fresh::<NetworkInterface>(NetworkInterfaceId::from_random);
    let new = NetworkInterface::new(id.clone(), Vec::new(), Vec::new());
    let mut new = filled(new, wanted, resolved);
    new.mac = Some(fresh_mac(work));
    new.tags = checked(&wanted.tags)?;
    let subnet = new
        .subnet
        .as_ref()
        .and_then(|id| work.edit.get::<Subnet>(id));
    new.vpc = subnet.map(|subnet| subnet.vpc.clone());
    check(work, &new)?;
    work.edit.put(id.clone(), new);
    Ok(id)
}

/// An address that no interface has, locally administered as those of EC2 are.
fn fresh_mac(work: &mut Work<'_, '_>) -> MacAddress {
    loop {
        let [_, _, _, a, b, c, d, e] = work.edit.random().to_be_bytes();
        let mac = MacAddress([0x02, a, b, c, d, e]);
        let mut interfaces = work.edit.inventory().interfaces.values();
        if !interfaces.any(|interface| interface.mac == Some(mac)) {
            return mac;
        }
    }
}

/// An interface with everything that can be changed in place, tags aside, as the template has it.
fn filled(
    interface: NetworkInterface,
    wanted: &NetworkInterface,
    resolved: Resolved,
) -> NetworkInterface {
    NetworkInterface {
        subnet: Some(resolved.subnet),
        groups: resolved.groups,
        addresses: resolved.addresses,
        prefixes: wanted.prefixes.clone(),
        source_dest_check: wanted.source_dest_check,
        tracking: wanted.tracking,
        description: wanted.description.clone(),
        ..interface
    }
}

/// What the API would check: groups (B11, B12, B21) and addresses (E60).
fn check(work: &Work<'_, '_>, interface: &NetworkInterface) -> Result<(), ModelError> {
    let (inventory, quotas) = (work.edit.inventory(), &work.edit.site().quotas);
    for group in &interface.groups {
        crate::groups::known_group(work.edit.state(), work.caller, group)?;
    }
    inventory.check_interface_groups(interface).map_err(first)?;
    quotas.check_groups_per_interface(interface.groups.len(), Flavour::Vpc)?;
    let subnet = interface
        .subnet
        .as_ref()
        .and_then(|id| inventory.subnets.get(id));
    let Some(subnet) = subnet else {
        return Ok(());
    };
    interface.check_addresses(subnet).map_err(first)?;
    for prefix in &interface.prefixes {
        if !subnet.contains(prefix.network()) || !subnet.contains(prefix.broadcast()) {
            return Err(ModelError::value(format!(
                "Prefix {prefix} does not fall within the subnet's address range"
            )));
        }
    }
    let others = inventory.interfaces.values().filter(|other| {
        other.id != interface.id && other.subnet.as_ref() == interface.subnet.as_ref()
    });
    for other in others {
        check_apart(interface, other)?;
    }
    Ok(())
}

/// No two interfaces of a subnet have an address in common.
fn check_apart(new: &NetworkInterface, other: &NetworkInterface) -> Result<(), ModelError> {
    let in_use = |what: &dyn std::fmt::Display| {
        ModelError::new(
            ErrorCode::InvalidIpAddressInUse,
            format!("Address {what} is in use."),
        )
        .with_help(format!("{} has it", other.id))
    };
    if let Some(address) = new
        .addresses
        .iter()
        .find(|address| other.has_address(**address))
    {
        return Err(in_use(address));
    }
    let taken = |prefix: &&ipnet::IpNet| {
        let mut addresses = other.addresses.iter();
        addresses.any(|address| prefix.contains(address))
            || other
                .prefixes
                .iter()
                .any(|one| crate::ranges::overlap(**prefix, *one))
    };
    match new.prefixes.iter().find(taken) {
        Some(prefix) => Err(in_use(prefix)),
        None => Ok(()),
    }
}

/// Takes from interfaces that stay the addresses that they are not to have, so that others can have them.
fn release_addresses(work: &mut Work<'_, '_>) {
    for wanted in work.wanted.interfaces.values() {
        let Some(id) = work.kept(wanted.id.as_str()).map(NetworkInterfaceId::new) else {
            continue;
        };
        let Some(real) = work.edit.get::<NetworkInterface>(&id) else {
            continue;
        };
        let primary = super::fates::primary(real);
        let stays =
            |address: &IpAddr| Some(*address) == primary || wanted.addresses.contains(address);
        let gone: Vec<IpAddr> = real
            .addresses
            .iter()
            .copied()
            .filter(|a| !stays(a))
            .collect();
        if gone.is_empty() {
            continue;
        }
        let details = gone
            .iter()
            .map(|address| Detail::minus(address.to_string()));
        work.modified(
            wanted.id.as_str(),
            Kind::Interface,
            id.as_str(),
            details.collect(),
        );
        if let Some(real) = work.edit.get_mut::<NetworkInterface>(&id) {
            real.addresses.retain(|address| !gone.contains(address));
        }
    }
}

/// What a new interface has.
fn described(work: &Work<'_, '_>, wanted: &NetworkInterface, resolved: &Resolved) -> Vec<Detail> {
    let addresses = resolved.addresses.iter().map(|address| address.to_string());
    let prefixes = wanted
        .prefixes
        .iter()
        .map(|prefix| format!("prefix {prefix}"));
    let groups = resolved.groups.iter();
    let groups = groups.map(|group| format!("group {}", shown_group(work, group)));
    addresses
        .chain(prefixes)
        .chain(groups)
        .map(Detail::plus)
        .collect()
}

/// What people are shown for a group: its logical id, its name, or its id.
fn shown_group(work: &Work<'_, '_>, id: &GroupId) -> String {
    let shown = work.shown(id.as_str());
    let group = work.edit.get::<secgroup_model::SecurityGroup>(id);
    match group {
        Some(group) if shown == id.as_str() => format!("{} ({id})", group.name),
        _ => shown.to_owned(),
    }
}

/// What changes about an interface that stays.
fn differences(
    work: &Work<'_, '_>,
    before: &NetworkInterface,
    after: &NetworkInterface,
) -> Vec<Detail> {
    let group = |id: &GroupId| format!("group {}", shown_group(work, id));
    let mut details = exchanged(&before.groups, &after.groups, group);
    let address = |address: &IpAddr| address.to_string();
    details.extend(exchanged(&before.addresses, &after.addresses, address));
    let prefix = |prefix: &ipnet::IpNet| format!("prefix {prefix}");
    details.extend(exchanged(&before.prefixes, &after.prefixes, prefix));
    if before.source_dest_check != after.source_dest_check {
        let word = |on: bool| if on { "on" } else { "off" };
        let (before, after) = (before.source_dest_check, after.source_dest_check);
        details.push(Detail::becomes(
            "source/destination check",
            word(before),
            word(after),
        ));
    }
    let timeouts = [
        (
            "timeout of TCP",
            before.tracking.tcp_established,
            after.tracking.tcp_established,
        ),
        (
            "timeout of UDP streams",
            before.tracking.udp_stream,
            after.tracking.udp_stream,
        ),
        ("timeout of UDP", before.tracking.udp, after.tracking.udp),
    ];
    for (what, before, after) in timeouts {
        if before != after {
            details.push(Detail::becomes(what, seconds(before), seconds(after)));
        }
    }
    if before.description != after.description {
        let (before, after) = (&before.description, &after.description);
        details.push(Detail::becomes(
            "description",
            quoted(before),
            quoted(after),
        ));
    }
    details
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

/// What one list has and the other has not. The order of groups and secondary addresses means nothing.
fn exchanged<T: PartialEq>(before: &[T], after: &[T], shown: impl Fn(&T) -> String) -> Vec<Detail> {
    let gone = before.iter().filter(|item| !after.contains(item));
    let new = after.iter().filter(|item| !before.contains(item));
    let gone = gone.map(|item| Detail::minus(shown(item)));
    gone.chain(new.map(|item| Detail::plus(shown(item))))
        .collect()
}

/// Deletes an interface with its flow logs.
///
/// # Errors
/// `InvalidNetworkInterface.InUse` while an instance has it.
pub(super) fn delete(work: &mut Work<'_, '_>, id: &NetworkInterfaceId) -> Result<(), ModelError> {
    let interface = work.edit.get::<NetworkInterface>(id);
    if let Some(instance) = interface.and_then(|interface| interface.instance.as_ref()) {
        return Err(ModelError::new(
            ErrorCode::InvalidNetworkInterfaceInUse,
            format!("Interface: [{id}] in use."),
        )
        .with_help(format!("{instance} has it")));
    }
    flow_logs::forget(work.edit, id.as_str());
    work.edit.remove::<NetworkInterface>(id);
    Ok(())
}
