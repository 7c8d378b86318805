//! VPCs, subnets and peering connections.

use serde::{Deserialize, Serialize};

use super::rule::peering_status;
use super::{range, stored_as, tag_list};
use crate::{AccountId, Peering, PeeringId, Subnet, SubnetId, Tags, Vpc, VpcId};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredVpc {
    vpc_id: VpcId,
    owner_id: AccountId,
    /// The primary one first.
    cidr_blocks: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ipv6_cidr_blocks: Vec<String>,
    is_default: bool,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredSubnet {
    subnet_id: SubnetId,
    vpc_id: VpcId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_block: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredPeering {
    vpc_peering_connection_id: PeeringId,
    requester_vpc_id: VpcId,
    accepter_vpc_id: VpcId,
    status: String,
}

stored_as! {
    Vpc => StoredVpc;
    Subnet => StoredSubnet;
    Peering => StoredPeering;
}

impl From<&Vpc> for StoredVpc {
    fn from(vpc: &Vpc) -> Self {
        Self {
            vpc_id: vpc.id.clone(),
            owner_id: vpc.owner.clone(),
            cidr_blocks: vpc.cidrs.iter().map(ToString::to_string).collect(),
            ipv6_cidr_blocks: vpc.ipv6_cidrs.iter().map(ToString::to_string).collect(),
            is_default: vpc.is_default,
            tags: vpc.tags.clone(),
        }
    }
}

impl TryFrom<StoredVpc> for Vpc {
    type Error = String;

    fn try_from(stored: StoredVpc) -> Result<Self, String> {
        let ipv4 = stored.cidr_blocks.iter();
        let ipv6 = stored.ipv6_cidr_blocks.iter();
        Ok(Self {
            id: stored.vpc_id,
            owner: stored.owner_id,
            cidrs: ipv4.map(|text| range(text)).collect::<Result<_, _>>()?,
            ipv6_cidrs: ipv6.map(|text| range(text)).collect::<Result<_, _>>()?,
            is_default: stored.is_default,
            tags: stored.tags,
            origin: None,
        })
    }
}

impl From<&Subnet> for StoredSubnet {
    fn from(subnet: &Subnet) -> Self {
        Self {
            subnet_id: subnet.id.clone(),
            vpc_id: subnet.vpc.clone(),
            cidr_block: subnet.cidr.map(|net| net.to_string()),
            ipv6_cidr_block: subnet.ipv6_cidr.map(|net| net.to_string()),
            availability_zone: subnet.availability_zone.clone(),
            tags: subnet.tags.clone(),
        }
    }
}

impl TryFrom<StoredSubnet> for Subnet {
    type Error = String;

    fn try_from(stored: StoredSubnet) -> Result<Self, String> {
        Ok(Self {
            id: stored.subnet_id,
            vpc: stored.vpc_id,
            cidr: stored.cidr_block.map(|text| range(&text)).transpose()?,
            ipv6_cidr: stored
                .ipv6_cidr_block
                .map(|text| range(&text))
                .transpose()?,
            availability_zone: stored.availability_zone,
            tags: stored.tags,
            origin: None,
        })
    }
}

impl From<&Peering> for StoredPeering {
    fn from(peering: &Peering) -> Self {
        Self {
            vpc_peering_connection_id: peering.id.clone(),
            requester_vpc_id: peering.requester.clone(),
            accepter_vpc_id: peering.accepter.clone(),
            status: peering_status(peering.status).to_owned(),
        }
    }
}

impl TryFrom<StoredPeering> for Peering {
    type Error = String;

    fn try_from(stored: StoredPeering) -> Result<Self, String> {
        Ok(Self {
            id: stored.vpc_peering_connection_id,
            requester: stored.requester_vpc_id,
            accepter: stored.accepter_vpc_id,
            status: stored
                .status
                .parse()
                .map_err(|_| format!("`{}` is no state of a peering connection", stored.status))?,
        })
    }
}
