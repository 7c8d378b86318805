//! VPCs (E50).

mod attributes;
mod ranges;

use std::borrow::Cow;

use secgroup_ec2::ranges::{VPC_ASSOCIATION, association_id};
use secgroup_ec2::vpcs::ranges::RangeWish;
use secgroup_ec2::vpcs::{self, CreateVpc, known_vpc};
use secgroup_model::{ErrorCode, ModelError, Tags, Vpc, VpcId};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Params, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("AssociateVpcCidrBlock", Action::Write(ranges::associate)),
    ("CreateDefaultVpc", Action::Write(create_default)),
    ("CreateVpc", Action::Write(create)),
    ("DeleteVpc", Action::Write(delete)),
    ("DescribeVpcAttribute", Action::Read(attributes::describe)),
    ("DescribeVpcs", Action::Read(describe)),
    (
        "DisassociateVpcCidrBlock",
        Action::Write(ranges::disassociate),
    ),
    ("ModifyVpcAttribute", Action::Write(attributes::modify)),
];

/// What `DescribeVpcs` can be filtered by (E25).
const FILTERS: &[&str] = &[
    "cidr",
    "cidr-block-association.association-id",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "dhcp-options-id",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "tag",
    "vpc-id",
];
/// Everybody has the same set of DHCP options.
const DHCP_OPTIONS: &str = "default";
/// There is nothing that a VPC waits for.
const STATE: &str = "available";
/// Nor a range.
const ASSOCIATED: &str = "associated";

impl Filterable for Vpc {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let (ipv4, ipv6) = (self.cidrs.iter(), self.ipv6_cidrs.iter());
        match filter {
            "cidr" => ipv4.take(1).map(|range| range.to_string().into()).collect(),
            "cidr-block-association.association-id" => {
                ipv4.map(|range| association(self, range).into()).collect()
            }
            "cidr-block-association.cidr-block" => {
                ipv4.map(|range| range.to_string().into()).collect()
            }
            "cidr-block-association.state" => ipv4.map(|_| ASSOCIATED.into()).collect(),
            "dhcp-options-id" => vec![DHCP_OPTIONS.into()],
            "ipv6-cidr-block-association.association-id" => {
                ipv6.map(|range| association(self, range).into()).collect()
            }
            "ipv6-cidr-block-association.ipv6-cidr-block" => {
                ipv6.map(|range| range.to_string().into()).collect()
            }
            "ipv6-cidr-block-association.state" => ipv6.map(|_| ASSOCIATED.into()).collect(),
            "is-default" | "isDefault" => vec![self.is_default.to_string().into()],
            "owner-id" => vec![self.owner.as_str().into()],
            "state" => vec![STATE.into()],
            "vpc-id" => vec![self.id.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    check_tenancy(call.params)?;
    let request = CreateVpc {
        cidr: call.params.required("CidrBlock")?.to_owned(),
        ipv6: ipv6_wish(call.params)?,
        tags: call.params.tag_specifications("vpc")?,
    };
    let id = vpcs::create(call.edit, call.caller, request)?;
    one(call, &id)
}

/// Hardware of one's own cannot be had here.
fn check_tenancy(params: &Params) -> Result<(), ModelError> {
    match params.text("InstanceTenancy") {
        None | Some("default") => Ok(()),
        Some(other) => Err(ModelError::value(format!(
            "Value ({other}) for parameter instanceTenancy is invalid."
        ))
        .with_help("only default is supported")),
    }
}

/// The IPv6 range that is asked for. The pool that it is said to be of (`Ipv6Pool`) is not looked at: whose addresses they are, who runs
/// the endpoint knows.
fn ipv6_wish(params: &Params) -> Result<Option<RangeWish>, ModelError> {
    let any = params.flag("AmazonProvidedIpv6CidrBlock")?.unwrap_or(false);
    let range = params.text("Ipv6CidrBlock").map(str::to_owned);
    let _pool = params.text("Ipv6Pool");
    match (any, range) {
        (true, Some(_)) => Err(ModelError::new(
            ErrorCode::InvalidParameterCombination,
            "The parameter AmazonProvidedIpv6CidrBlock cannot be used with the parameter Ipv6CidrBlock",
        )),
        (true, None) => Ok(Some(RangeWish::AnyIpv6)),
        (false, range) => Ok(range.map(RangeWish::Ipv6)),
    }
}

fn create_default(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = vpcs::create_default(call.edit, call.caller)?;
    one(call, &id)
}

fn one(call: &Write<'_, '_>, id: &VpcId) -> Result<Xml, ModelError> {
    let vpc = known_vpc(call.edit.state(), call.caller, id)?;
    let mut xml = Xml::new();
    xml.element("vpc", |xml| write(xml, vpc));
    Ok(xml)
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("VpcId", VpcId::parse)?;
    vpcs::delete(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids("VpcId", VpcId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("VpcId"))?;
    for id in &ids {
        known_vpc(call.state, call.caller, id)?; // E26: one that is not known fails the whole.
    }
    let vpcs = call.state.inventory.vpcs.values().filter(|vpc| {
        vpc.owner == call.caller.account
            && (ids.is_empty() || ids.contains(&vpc.id))
            && filters.matches(*vpc)
    });
    let mut xml = Xml::new();
    page.write(&mut xml, "vpcSet", vpcs, |vpc| vpc.id.to_string(), write);
    Ok(xml)
}

/// One VPC.
fn write(xml: &mut Xml, vpc: &Vpc) {
    xml.text("vpcId", &vpc.id);
    xml.text("ownerId", &vpc.owner);
    xml.text("state", STATE);
    xml.optional("cidrBlock", vpc.cidrs.first());
    xml.list("cidrBlockAssociationSet", &vpc.cidrs, |xml, range| {
        ranges::ipv4_association(xml, vpc, *range, ASSOCIATED);
    });
    xml.list(
        "ipv6CidrBlockAssociationSet",
        &vpc.ipv6_cidrs,
        |xml, range| {
            ranges::ipv6_association(xml, vpc, *range, ASSOCIATED);
        },
    );
    xml.text("dhcpOptionsId", DHCP_OPTIONS);
    xml.text("instanceTenancy", "default");
    xml.text("isDefault", vpc.is_default);
    xml.tags(&vpc.tags);
}

fn association(vpc: &Vpc, range: impl std::fmt::Display) -> String {
    association_id(VPC_ASSOCIATION, vpc.id.as_str(), range)
}

#[cfg(test)]
mod tests;
