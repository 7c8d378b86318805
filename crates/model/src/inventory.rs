//! Everything that is known, by id; and the rules that take more than one thing to check (semantics
//! B2 to B13).

use std::collections::BTreeMap;

use crate::{
    AssociationStatus, ErrorCode, GroupId, InstanceId, ModelError, NetworkInterface,
    NetworkInterfaceId, Part, Peering, PeeringId, PrefixList, PrefixListId, SecurityGroup, Subnet,
    SubnetId, Vpc, VpcId,
};

/// Everything that a policy says. Plain data: whoever fills it validates what it adds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Security groups.
    pub groups: BTreeMap<GroupId, SecurityGroup>,
    /// Network interfaces.
    pub interfaces: BTreeMap<NetworkInterfaceId, NetworkInterface>,
    /// Managed prefix lists.
    pub prefix_lists: BTreeMap<PrefixListId, PrefixList>,
    /// VPCs.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Subnets.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// Peering connections.
    pub peerings: BTreeMap<PeeringId, Peering>,
    /// Groups that were associated with a further VPC (B29).
    pub associations: BTreeMap<(GroupId, VpcId), AssociationStatus>,
}

impl Inventory {
    /// The VPC that a new group goes to: the given one, or the default VPC (B2).
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, or `VPCIdNotSpecified` where none is given and there is no default.
    pub fn vpc_or_default(&self, given: Option<&VpcId>) -> Result<&Vpc, ModelError> {
        match given {
            Some(id) => self.vpcs.get(id).ok_or_else(|| ModelError::unknown_vpc(id)),
            None => self
                .vpcs
                .values()
                .find(|vpc| vpc.is_default)
                .ok_or_else(ModelError::no_default_vpc),
        }
    }

    /// The group of this name in a VPC, or in EC2-Classic for `None`; case makes no difference
    /// (B4).
    #[must_use]
    pub fn group_named(&self, vpc: Option<&VpcId>, name: &str) -> Option<&SecurityGroup> {
        self.groups
            .values()
            .find(|group| group.vpc.as_ref() == vpc && group.is_named(name))
    }

    /// The group that the VPC came with: what an interface gets that names none (B11).
    #[must_use]
    pub fn default_group(&self, vpc: &VpcId) -> Option<&SecurityGroup> {
        self.groups
            .values()
            .find(|group| group.vpc.as_ref() == Some(vpc) && group.is_default())
    }

    /// Checks that the name of `new` is free in its VPC; the group itself may be there already.
    ///
    /// # Errors
    /// `InvalidGroup.Duplicate` (B5).
    pub fn check_group_name(&self, new: &SecurityGroup) -> Result<(), ModelError> {
        let taken = self
            .groups
            .values()
            .any(|group| group.vpc == new.vpc && group.id != new.id && group.is_named(&new.name));
        if !taken {
            return Ok(());
        }
        let place = new
            .vpc
            .as_ref()
            .map_or_else(String::new, |vpc| format!(" for VPC '{vpc}'"));
        Err(ModelError::new(
            ErrorCode::InvalidGroupDuplicate,
            format!("The security group '{}' already exists{place}", new.name),
        )
        .at(Part::Name)
        .with_help("names are compared without regard to case"))
    }

    /// Checks the groups of an interface, as [`Part::Group`]: one at least, each known, each of its
    /// VPC or associated with it (B11, B12). How many there may be is the business of
    /// [`Quotas`](crate::Quotas).
    ///
    /// # Errors
    /// Every fault.
    pub fn check_interface_groups(
        &self,
        interface: &NetworkInterface,
    ) -> Result<(), Vec<ModelError>> {
        if interface.groups.is_empty() {
            return Err(vec![
                ModelError::new(
                    ErrorCode::MissingParameter,
                    "The request must contain the parameter SecurityGroupId",
                )
                .with_help("an interface has one group at least; the VPC's default one will do"),
            ]);
        }
        let vpc = self.vpc_of(interface);
        let errors: Vec<_> = interface
            .groups
            .iter()
            .enumerate()
            .filter_map(|(place, id)| {
                let fault = match self.groups.get(id) {
                    None => ModelError::unknown_group(id.as_str()),
                    Some(group) if self.may_attach(group, vpc) => return None,
                    Some(_) => different_networks(),
                };
                Some(fault.at(Part::Group(place)))
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// The interface whose groups are meant by "the instance's groups" (B13).
    ///
    /// # Errors
    /// `InvalidInstanceID.NotFound`, or `InvalidInstanceID` where it has several.
    pub fn interface_of(&self, instance: &InstanceId) -> Result<&NetworkInterface, ModelError> {
        let mut interfaces = self
            .interfaces
            .values()
            .filter(|interface| interface.instance.as_ref() == Some(instance));
        match (interfaces.next(), interfaces.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(ModelError::new(
                ErrorCode::InvalidInstanceId,
                format!(
                    "There are multiple interfaces attached to instance '{instance}'. Please \
                     specify an interface ID for the operation instead."
                ),
            )),
            (None, _) => Err(ModelError::new(
                ErrorCode::InvalidInstanceIdNotFound,
                format!("The instance ID '{instance}' does not exist"),
            )),
        }
    }

    /// Checks that `group` may be associated with `vpc` (B29): a group that is no default one, a
    /// VPC that is not either.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`, `InvalidVpcID.NotFound` or `InvalidParameterValue`.
    pub fn check_association(&self, group: &GroupId, vpc: &VpcId) -> Result<(), ModelError> {
        let known = self
            .groups
            .get(group)
            .ok_or_else(|| ModelError::unknown_group(group.as_str()))?;
        let target = self
            .vpcs
            .get(vpc)
            .ok_or_else(|| ModelError::unknown_vpc(vpc))?;
        if known.is_default() {
            Err(ModelError::value(format!(
                "The default security group '{group}' cannot be associated with another VPC"
            )))
        } else if target.is_default {
            Err(ModelError::value(format!(
                "Security groups cannot be associated with the default VPC '{vpc}'"
            ))
            .at(Part::Vpc))
        } else {
            Ok(())
        }
    }

    /// Checks that `group` may be disassociated from `vpc` (B29): no interface there has it.
    ///
    /// # Errors
    /// `DependencyViolation`.
    pub fn check_disassociation(&self, group: &GroupId, vpc: &VpcId) -> Result<(), ModelError> {
        let in_use = self.interfaces.values().any(|interface| {
            interface.groups.contains(group) && self.vpc_of(interface) == Some(vpc)
        });
        if in_use {
            Err(has_dependent(group.as_str()))
        } else {
            Ok(())
        }
    }

    /// The VPC of an interface: its own word, its subnet's, or that of the first group that is
    /// known, since all are of one VPC.
    #[must_use]
    pub fn vpc_of<'a>(&'a self, interface: &'a NetworkInterface) -> Option<&'a VpcId> {
        let subnet = interface
            .subnet
            .as_ref()
            .and_then(|id| self.subnets.get(id));
        let mut groups = interface.groups.iter().filter_map(|id| self.groups.get(id));
        interface
            .vpc
            .as_ref()
            .or_else(|| subnet.map(|subnet| &subnet.vpc))
            .or_else(|| groups.find_map(|group| group.vpc.as_ref()))
    }

    /// Whether interfaces of `vpc` may have `group` (B12). One of EC2-Classic may have any.
    #[must_use]
    pub fn may_attach(&self, group: &SecurityGroup, vpc: Option<&VpcId>) -> bool {
        let Some(vpc) = vpc else { return true };
        group.vpc.as_ref() == Some(vpc) || self.is_associated(&group.id, vpc)
    }

    /// Whether interfaces of `vpc` may have `group` by association (B29).
    pub(crate) fn is_associated(&self, group: &GroupId, vpc: &VpcId) -> bool {
        self.associations
            .get(&(group.clone(), vpc.clone()))
            .is_some_and(|status| status.is_usable())
    }
}

/// A30, B12.
pub(crate) fn different_networks() -> ModelError {
    ModelError::new(
        ErrorCode::InvalidGroupNotFound,
        "You have specified two resources that belong to different networks.",
    )
}

/// B24, B31.
pub(crate) fn has_dependent(id: &str) -> ModelError {
    ModelError::new(
        ErrorCode::DependencyViolation,
        format!("resource {id} has a dependent object"),
    )
}
