//! Interfaces that the policy files do not have: `--attach GROUP[,GROUP]=ADDRESS[,ADDRESS]`.

use std::net::IpAddr;
use std::str::FromStr;

use secgroup_model::{
    Inventory, NetworkInterface, NetworkInterfaceId, SecurityGroup, Subnet, VpcId,
};

/// Groups, by id or name, and the addresses of the one interface that they are attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    groups: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// Why an attachment cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Not of the form.
    #[error("'{0}' is not GROUP[,GROUP]=ADDRESS[,ADDRESS], such as 'web,ssh=10.0.1.10'")]
    Form(String),
    /// Not an address.
    #[error(
        "'{0}' is not an IP address; write one such as 10.0.1.10 or 2001:db8::10, without a prefix length"
    )]
    Address(String),
    /// No such group.
    #[error("no security group has the id or name '{name}'; there are: {known}")]
    UnknownGroup {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Several groups of that name.
    #[error("several security groups are named '{name}': {ids}; give the id of one of them")]
    AmbiguousGroup {
        /// What was asked for.
        name: String,
        /// Their ids.
        ids: String,
    },
    /// The address is another interface's.
    #[error(
        "{address} is an address of {interface} already; detach it in the policy or choose another"
    )]
    Taken {
        /// The address.
        address: IpAddr,
        /// Whose it is.
        interface: NetworkInterfaceId,
    },
}

impl FromStr for Attachment {
    type Err = AttachError;

    fn from_str(text: &str) -> Result<Self, AttachError> {
        let form = || AttachError::Form(text.to_owned());
        let (groups, addresses) = text.split_once('=').ok_or_else(form)?;
        let groups: Vec<_> = groups
            .split(',')
            .map(|group| group.trim().to_owned())
            .collect();
        if groups.iter().any(String::is_empty) {
            return Err(form());
        }
        let addresses = addresses
            .split(',')
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| AttachError::Address(text.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { groups, addresses })
    }
}

impl Attachment {
    /// An interface of its own for these addresses.
    #[must_use]
    pub const fn new(groups: Vec<String>, addresses: Vec<IpAddr>) -> Self {
        Self { groups, addresses }
    }

    /// Adds the interface to `inventory`; its id is its first address. It lies in the VPC of its first group and, where
    /// one of that VPC's subnets holds its address, in that subnet.
    ///
    /// # Errors
    /// Where a group is not known, or an address is another interface's.
    pub fn apply(&self, inventory: &mut Inventory) -> Result<(), AttachError> {
        match self.addresses.first() {
            Some(first) => self.apply_as(NetworkInterfaceId::new(&first.to_string()), inventory),
            None => Ok(()),
        }
    }

    /// The same, with an id of its own. It takes the place of an interface that has this id already.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_as(
        &self,
        id: NetworkInterfaceId,
        inventory: &mut Inventory,
    ) -> Result<(), AttachError> {
        let groups = self
            .groups
            .iter()
            .map(|name| find_group(inventory, name))
            .collect::<Result<Vec<_>, _>>()?;
        for address in &self.addresses {
            let taken = inventory
                .interfaces
                .values()
                .find(|i| i.addresses.contains(address));
            if let Some(interface) = taken {
                let (address, interface) = (*address, interface.id.clone());
                return Err(AttachError::Taken { address, interface });
            }
        }
        let vpc = groups.first().and_then(|group| group.vpc.clone());
        let first = self.addresses.first().copied();
        let subnet = vpc
            .as_ref()
            .zip(first)
            .and_then(|(vpc, first)| subnet_of(inventory, vpc, first));
        let interface = NetworkInterface {
            subnet: subnet.map(|subnet| subnet.id.clone()),
            vpc,
            ..NetworkInterface::new(
                id.clone(),
                groups.iter().map(|group| group.id.clone()).collect(),
                self.addresses.clone(),
            )
        };
        inventory.interfaces.insert(id, interface);
        Ok(())
    }
}

fn find_group<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a SecurityGroup, AttachError> {
    if let Some(group) = inventory.groups.get(name) {
        return Ok(group);
    }
    // Group names are compared without regard to case (B4).
    let named = |group: &&SecurityGroup| group.name.eq_ignore_ascii_case(name);
    let found: Vec<_> = inventory.groups.values().filter(named).collect();
    match found.as_slice() {
        [group] => Ok(group),
        [] => {
            let known = list(inventory.groups.values());
            Err(AttachError::UnknownGroup {
                name: name.to_owned(),
                known,
            })
        }
        several => {
            let ids = list(several.iter().copied());
            Err(AttachError::AmbiguousGroup {
                name: name.to_owned(),
                ids,
            })
        }
    }
}

fn list<'a>(groups: impl Iterator<Item = &'a SecurityGroup>) -> String {
    let names: Vec<_> = groups.map(|group| group.id.as_str()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn subnet_of<'a>(inventory: &'a Inventory, vpc: &VpcId, address: IpAddr) -> Option<&'a Subnet> {
    inventory.subnets.values().find(|subnet| {
        subnet.vpc == *vpc
            && match address {
                IpAddr::V4(address) => subnet.cidr.is_some_and(|cidr| cidr.contains(&address)),
                IpAddr::V6(address) => subnet.ipv6_cidr.is_some_and(|cidr| cidr.contains(&address)),
            }
    })
}
