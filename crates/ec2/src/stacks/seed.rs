//! What an endpoint begins with: dumps of what there is at AWS, and templates.
//!
//! What `aws ec2 describe-...` printed comes in under EC2's own ids, as it was, quotas or not: so tools that know those ids go on
//! working. What the templates beside it say becomes the stack [`STACK`]. All or nothing, like any deployment; and since a dump
//! is somebody else's word, the outcome is believed only when it passes for a state ([`invariants`]).
//!
//! Dumps leave gaps, which are filled: a VPC that only groups name has no ranges, a VPC has its default group (B8), an
//! interface's instance is one that runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use secgroup_model::{
    AccountId, AttachmentId, GroupId, InstanceId, Inventory, ModelError, NetworkInterface,
    NetworkInterfaceId, Peer, Peering, PeeringStatus, Rule, RuleId, SecurityGroup, Subnet,
    SubnetId, Tags, Vpc, VpcId,
};

use super::fault::Fault;
use super::{ChangeSet, Deployment, deploy};
use crate::{
    Attachment, Caller, Edit, Instance, InstanceState, PeeringCode, PeeringDetails, VpcSettings,
    invariants, vpcs,
};

/// The stack that templates of a seed become.
pub const STACK: &str = "seed";

/// How long somebody has to answer a request whose end no dump says.
const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How much came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seeded {
    /// Things of dumps, rules and gaps not counted.
    pub dumped: usize,
    /// What the templates became, if there were any.
    pub stack: Option<ChangeSet>,
    /// Ids that were named and not described, of which therefore little is known.
    pub undescribed: Vec<String>,
}

/// Fills the state of an endpoint that was never used: nothing but default VPCs is there.
///
/// # Errors
/// What is of an account that the site does not have, what does not go together, and everything that a deployment refuses.
pub fn seed(
    edit: &mut Edit<'_>,
    caller: &Caller,
    deployment: &Deployment<'_>,
) -> Result<Seeded, Vec<Fault>> {
    let (dumped, templated) = split(deployment.wanted, deployment.partial_groups);
    check_accounts(edit, &dumped)?;
    check_described(&dumped)?;
    let mut seeded = Seeded {
        dumped: count(&dumped),
        ..Seeded::default()
    };
    replace_default_vpcs(edit, &dumped);
    seeded.undescribed = take_networks(edit, &dumped);
    take_groups(edit, &dumped);
    take_interfaces(edit, &dumped);
    take_peerings(edit, &dumped);
    let broken = invariants::check(edit.state());
    if !broken.is_empty() {
        let fault = |text| {
            Fault::of_stack(ModelError::value(text).with_help("load dumps of the same moment"))
        };
        return Err(broken.into_iter().map(fault).collect());
    }
    if count(&templated) > 0 || !deployment.partial_groups.is_empty() {
        let deployment = Deployment {
            wanted: &templated,
            ..*deployment
        };
        seeded.stack = Some(deploy(edit, caller, &deployment)?);
    }
    Ok(seeded)
}

/// What has EC2's own ids, and the rest.
fn split(all: &Inventory, partial: &BTreeSet<GroupId>) -> (Inventory, Inventory) {
    let (mut dumped, mut rest) = (Inventory::default(), Inventory::default());
    macro_rules! part {
        ($($table:ident),*) => {$(
            let (own, other) = all.$table.clone().into_iter().partition(|(id, _)| id.is_well_formed());
            (dumped.$table, rest.$table) = (own, other);
        )*};
    }
    part!(vpcs, subnets, peerings, prefix_lists, groups, interfaces);
    for id in partial {
        if let Some(group) = dumped.groups.remove(id) {
            rest.groups.insert(id.clone(), group);
        }
    }
    let (own, other) = all
        .associations
        .clone()
        .into_iter()
        .partition(|((group, vpc), _)| group.is_well_formed() && vpc.is_well_formed());
    (dumped.associations, rest.associations) = (own, other);
    (dumped, rest)
}

fn count(inventory: &Inventory) -> usize {
    inventory.vpcs.len()
        + inventory.subnets.len()
        + inventory.peerings.len()
        + inventory.prefix_lists.len()
        + inventory.groups.len()
        + inventory.interfaces.len()
        + inventory.associations.len()
}

/// Nobody could ever see what belongs to an account without keys.
fn check_accounts(edit: &Edit<'_>, dumped: &Inventory) -> Result<(), Vec<Fault>> {
    let vpcs = dumped.vpcs.values().map(|vpc| &vpc.owner);
    let groups = dumped.groups.values().map(|group| &group.owner);
    let owners: BTreeSet<&AccountId> = vpcs.chain(groups).collect();
    let known = &edit.site().accounts;
    let faults: Vec<Fault> = owners
        .into_iter()
        .filter(|owner| !known.contains(owner))
        .map(|owner| {
            Fault::of_stack(
                ModelError::value(format!("Account {owner} has no access key here")).with_help(
                    format!("the dumps are of account {owner}: give the endpoint a key of it"),
                ),
            )
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Takes the default VPCs that accounts began with away where the dumps have VPCs of those accounts.
fn replace_default_vpcs(edit: &mut Edit<'_>, dumped: &Inventory) {
    let groups = dumped.groups.values().map(|group| &group.owner);
    let owners: BTreeSet<AccountId> = dumped
        .vpcs
        .values()
        .map(|vpc| &vpc.owner)
        .chain(groups)
        .cloned()
        .collect();
    for owner in owners {
        let Some(vpc) = vpcs::default_vpc(edit.state(), &owner).map(|vpc| vpc.id.clone()) else {
            continue;
        };
        let inventory = edit.inventory();
        let subnets = inventory
            .subnets
            .values()
            .filter(|subnet| subnet.vpc == vpc);
        let subnets: Vec<SubnetId> = subnets.map(|subnet| subnet.id.clone()).collect();
        let group = inventory.default_group(&vpc).map(|group| group.id.clone());
        for subnet in &subnets {
            edit.remove::<Subnet>(subnet);
        }
        if let Some(group) = group {
            edit.remove::<SecurityGroup>(&group);
        }
        edit.remove::<VpcSettings>(&vpc);
        edit.remove::<Vpc>(&vpc);
    }
}

/// What has addresses needs what says which: subnets of interfaces, VPCs of subnets, lists of rules.
fn check_described(dumped: &Inventory) -> Result<(), Vec<Fault>> {
    let mut lacking: BTreeMap<&str, &str> = BTreeMap::new();
    let subnets = dumped
        .interfaces
        .values()
        .filter_map(|interface| interface.subnet.as_ref());
    for id in subnets.filter(|id| !dumped.subnets.contains_key(*id)) {
        lacking.insert(id.as_str(), "describe-subnets");
    }
    for subnet in dumped.subnets.values() {
        if !dumped.vpcs.contains_key(&subnet.vpc) {
            lacking.insert(subnet.vpc.as_str(), "describe-vpcs");
        }
    }
    let rules = dumped.groups.values().flat_map(|group| &group.rules);
    for rule in rules {
        if let Peer::PrefixList(id) = &rule.spec.peer
            && !dumped.prefix_lists.contains_key(id)
        {
            lacking.insert(id.as_str(), "describe-managed-prefix-lists");
        }
    }
    let fault = |(id, action): (&str, &str)| {
        let error = ModelError::value(format!("{id} is named, and no file describes it"));
        Fault::of_stack(error.with_help(format!("load the output of `aws ec2 {action}` too")))
    };
    let faults: Vec<Fault> = lacking.into_iter().map(fault).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Takes VPCs and subnets in, also VPCs that are only named; answers the ids of these.
fn take_networks(edit: &mut Edit<'_>, dumped: &Inventory) -> Vec<String> {
    let mut undescribed = Vec::new();
    let mut vpcs: BTreeMap<VpcId, Vpc> = dumped.vpcs.clone();
    let named = dumped
        .groups
        .values()
        .filter_map(|group| Some((group.vpc.as_ref()?, &group.owner)));
    for (id, owner) in named {
        vpcs.entry(id.clone()).or_insert_with(|| {
            undescribed.push(id.to_string());
            placeholder_vpc(id, owner)
        });
    }
    for subnet in dumped.subnets.values() {
        let mut subnet = subnet.clone();
        subnet.origin = None;
        edit.put(subnet.id.clone(), subnet);
    }
    for (id, mut vpc) in vpcs {
        vpc.origin = None;
        if dumped.default_group(&id).is_some() {
            edit.put(id, vpc);
        } else {
            vpcs::put_vpc(edit, vpc);
        }
    }
    undescribed
}

/// Of a VPC that is only named nothing is known but whose it is.
fn placeholder_vpc(id: &VpcId, owner: &AccountId) -> Vpc {
    Vpc {
        id: id.clone(),
        owner: owner.clone(),
        cidrs: Vec::new(),
        ipv6_cidrs: Vec::new(),
        is_default: false,
        tags: Tags::new(),
        origin: None,
    }
}

/// Takes prefix lists, groups and associations in. A rule that the dumps give no id gets one.
fn take_groups(edit: &mut Edit<'_>, dumped: &Inventory) {
    for list in dumped.prefix_lists.values() {
        let mut list = list.clone();
        list.origin = None;
        edit.put(list.id.clone(), list);
    }
    for group in dumped.groups.values() {
        let mut group = group.clone();
        group.origin = None;
        let rules = std::mem::take(&mut group.rules);
        group.rules = rules
            .into_iter()
            .map(|rule| Rule {
                id: if rule.id.is_well_formed() {
                    rule.id
                } else {
                    RuleId::from_random(edit.random())
                },
                origin: None,
                ..rule
            })
            .collect();
        edit.put(group.id.clone(), group);
    }
    for (key, status) in &dumped.associations {
        edit.put(key.clone(), *status);
    }
}

/// Takes interfaces in, with the instances that have them.
fn take_interfaces(edit: &mut Edit<'_>, dumped: &Inventory) {
    let mut places: BTreeMap<InstanceId, u32> = BTreeMap::new();
    for interface in dumped.interfaces.values() {
        let mut interface = interface.clone();
        interface.origin = None;
        interface.vpc = dumped.vpc_of(&interface).cloned();
        let (id, instance) = (interface.id.clone(), interface.instance.clone());
        edit.put(id.clone(), interface);
        if let Some(instance) = instance {
            let place = places.entry(instance.clone()).or_default();
            attach(edit, &id, &instance, *place);
            *place += 1;
        }
    }
}

/// Dumps of interfaces do not say in which place of its instance one is: they get theirs in the order of their ids.
fn attach(edit: &mut Edit<'_>, id: &NetworkInterfaceId, instance: &InstanceId, place: u32) {
    let now = edit.now();
    if edit.get::<Instance>(instance).is_none() {
        let interface = edit.get::<NetworkInterface>(id);
        let subnet = interface.and_then(|interface| interface.subnet.clone());
        let owner = edit.state().owner_of_interface(id).cloned();
        let tags = interface.map_or_else(Tags::new, |interface| interface.tags.clone());
        let record = Instance {
            id: instance.clone(),
            owner: owner.unwrap_or_else(|| AccountId::new("")),
            reservation: format!("r-0{:016x}", edit.random()),
            launch_index: 0,
            state: InstanceState::Running,
            image: super::instances::IMAGE.to_owned(),
            instance_type: super::instances::INSTANCE_TYPE.to_owned(),
            key_name: None,
            subnet,
            launched: now,
            changed: now,
            tags,
        };
        edit.put(instance.clone(), record);
    }
    let attachment = Attachment {
        id: AttachmentId::from_random(edit.random()),
        instance: instance.clone(),
        device_index: place,
        delete_on_termination: false,
        attached: now,
    };
    edit.put(id.clone(), attachment);
}

fn take_peerings(edit: &mut Edit<'_>, dumped: &Inventory) {
    for peering in dumped.peerings.values() {
        let owner = |vpc: &VpcId| edit.state().owner_of_vpc(vpc).cloned();
        let (requester, accepter) = (owner(&peering.requester), owner(&peering.accepter));
        // A connection with a VPC that is nowhere here connects nothing.
        let (Some(requester), Some(accepter)) = (requester, accepter) else {
            continue;
        };
        let (code, message) = match peering.status {
            PeeringStatus::Active => (PeeringCode::Active, "Active".to_owned()),
            PeeringStatus::Pending => (
                PeeringCode::PendingAcceptance,
                format!("Pending Acceptance by {accepter}"),
            ),
            PeeringStatus::Gone => continue,
        };
        let now = edit.now();
        let details = PeeringDetails {
            requester,
            accepter,
            accepter_region: edit.site().region.to_string(),
            code,
            message,
            expires: now.saturating_add(ANSWER_WITHIN).unwrap_or(now),
            changed: now,
            tags: BTreeMap::new(),
        };
        edit.put(peering.id.clone(), details);
        edit.put::<Peering>(peering.id.clone(), peering.clone());
    }
}
