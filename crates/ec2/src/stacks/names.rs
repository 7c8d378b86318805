//! What the ids of a template stand for.
//!
//! An id is a logical one of the stack, or EC2's own, of something that is there already, or, of a group, a name in the default VPC. The
//! importer puts `default` where no VPC is named, and `Vpc.DefaultSecurityGroup` for the group that a VPC comes with.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{ErrorCode, GroupId, ModelError, PrefixListId, Subnet, SubnetId, VpcId};

use crate::vpcs::{default_vpc, known_vpc};
use crate::{Caller, State};

/// What the importer writes where a template names no VPC.
pub(super) const DEFAULT_VPC: &str = "default";
/// What the importer writes behind a VPC for the group that it comes with.
const DEFAULT_GROUP: &str = ".DefaultSecurityGroup";

/// Ids by logical ids.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

/// Where names are looked up.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) state: &'a State,
    pub(super) caller: &'a Caller,
    pub(super) names: &'a Names,
}

impl Names {
    /// Notes what a logical id stands for.
    pub(super) fn insert(&mut self, logical: &str, id: &str) {
        self.0.insert(logical.to_owned(), id.to_owned());
    }

    /// What a logical id stands for.
    pub(super) fn get(&self, logical: &str) -> Option<&str> {
        self.0.get(logical).map(String::as_str)
    }

    /// The logical id that stands for `id`, or the id itself: what people are shown.
    pub(super) fn shown<'a>(&'a self, id: &'a str) -> &'a str {
        let mut known = self.0.iter();
        known
            .find(|(_, known)| *known == id)
            .map_or(id, |(logical, _)| logical)
    }

    /// Every id that something stands for.
    pub(super) fn ids(&self) -> BTreeSet<&str> {
        self.0.values().map(String::as_str).collect()
    }

    /// Everything, to be remembered.
    pub(super) fn into_resources(self) -> BTreeMap<String, String> {
        self.0
    }
}

/// The VPC of the default group that `id` stands for.
pub(super) fn vpc_of_default_group(id: &GroupId) -> Option<VpcId> {
    let vpc = id.as_str().strip_suffix(DEFAULT_GROUP)?;
    Some(VpcId::new(vpc))
}

impl Lookup<'_> {
    /// The VPC that is meant.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, or `VPCIdNotSpecified` where none is named and there is no default VPC (B2).
    pub(super) fn vpc(self, id: &VpcId) -> Result<VpcId, ModelError> {
        if let Some(id) = self.names.get(id.as_str()) {
            return Ok(VpcId::new(id));
        }
        if id.as_str() != DEFAULT_VPC {
            return Ok(known_vpc(self.state, self.caller, id)?.id.clone());
        }
        default_vpc(self.state, &self.caller.account)
            .map(|vpc| vpc.id.clone())
            .ok_or_else(|| ModelError::no_default_vpc().with_help("name a VPC: `VpcId`"))
    }

    /// The subnet that is meant.
    ///
    /// # Errors
    /// `InvalidSubnetID.NotFound`.
    pub(super) fn subnet(self, id: &SubnetId) -> Result<SubnetId, ModelError> {
        let real = self.names.get(id.as_str()).map(SubnetId::new);
        let real = real.unwrap_or_else(|| id.clone());
        if self.state.owner_of_subnet(&real) == Some(&self.caller.account) {
            return Ok(real);
        }
        Err(ModelError::new(
            ErrorCode::InvalidSubnetIdNotFound,
            format!("The subnet ID '{id}' does not exist"),
        ))
    }

    /// The first subnet of a VPC: where an interface goes that names none.
    ///
    /// # Errors
    /// `MissingParameter` where the VPC has no subnet.
    pub(super) fn first_subnet(self, vpc: &VpcId) -> Result<SubnetId, ModelError> {
        let subnets = self.state.inventory.subnets.values();
        let mut subnets: Vec<&Subnet> = subnets.filter(|subnet| subnet.vpc == *vpc).collect();
        subnets.sort_by_key(|subnet| (&subnet.availability_zone, &subnet.id));
        subnets
            .first()
            .map(|subnet| subnet.id.clone())
            .ok_or_else(|| {
                ModelError::new(
                    ErrorCode::MissingParameter,
                    "The request must contain the parameter subnetId",
                )
                .with_help(format!(
                    "{vpc} has no subnet to choose: name one, `SubnetId`"
                ))
            })
    }

    /// The prefix list that is meant.
    pub(super) fn prefix_list(self, id: &PrefixListId) -> PrefixListId {
        let real = self.names.get(id.as_str());
        real.map_or_else(|| id.clone(), PrefixListId::new)
    }

    /// The group that is meant; one that a rule names may be another account's.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`.
    pub(super) fn group(self, id: &GroupId) -> Result<GroupId, ModelError> {
        if let Some(id) = self.names.get(id.as_str()) {
            return Ok(GroupId::new(id));
        }
        if id.is_well_formed() {
            return Ok(id.clone());
        }
        if let Some(vpc) = vpc_of_default_group(id) {
            let vpc = self.vpc(&vpc)?;
            let group = self.state.inventory.default_group(&vpc);
            return group
                .map(|group| group.id.clone())
                .ok_or_else(|| ModelError::unknown_vpc(&vpc));
        }
        // F2, F7: by name, in the default VPC.
        let vpc = self.vpc(&VpcId::new(DEFAULT_VPC));
        vpc.ok()
            .and_then(|vpc| self.state.inventory.group_named(Some(&vpc), id.as_str()))
            .map(|group| group.id.clone())
            .ok_or_else(|| ModelError::unknown_group(id.as_str()))
    }
}
