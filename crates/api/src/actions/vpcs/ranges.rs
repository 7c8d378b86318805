//! Ranges that a VPC gets and gives up.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secgroup_ec2::vpcs::known_vpc;
use secgroup_ec2::vpcs::ranges::{self, RangeWish};
use secgroup_model::{ErrorCode, ModelError, Vpc, VpcId};

use super::{ASSOCIATED, association, ipv6_wish};
use crate::{Params, Write, Xml};

pub(super) fn associate(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("VpcId", VpcId::parse)?;
    let wish = wish(call.params)?;
    let range = ranges::associate(call.edit, call.caller, &id, wish)?;
    answer(call, &id, range, ASSOCIATED)
}

/// One of an IPv4 range, an IPv6 range and any IPv6 range.
fn wish(params: &Params) -> Result<RangeWish, ModelError> {
    let ipv4 = params.text("CidrBlock").map(str::to_owned);
    match (ipv4.map(RangeWish::Ipv4), ipv6_wish(params)?) {
        (Some(wish), None) | (None, Some(wish)) => Ok(wish),
        (Some(_), Some(_)) => Err(ModelError::new(
            ErrorCode::InvalidParameterCombination,
            "Only one of CidrBlock, Ipv6CidrBlock and AmazonProvidedIpv6CidrBlock can be specified",
        )),
        (None, None) => Err(params.missing("CidrBlock")),
    }
}

pub(super) fn disassociate(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let association = call.params.required("AssociationId")?.to_owned();
    let (id, range) = ranges::disassociate(call.edit, call.caller, &association)?;
    answer(call, &id, range, "disassociating")
}

fn answer(call: &Write<'_, '_>, id: &VpcId, range: IpNet, state: &str) -> Result<Xml, ModelError> {
    let vpc = known_vpc(call.edit.state(), call.caller, id)?;
    let mut xml = Xml::new();
    match range {
        IpNet::V4(range) => xml.element("cidrBlockAssociation", |xml| {
            ipv4_association(xml, vpc, range, state);
        }),
        IpNet::V6(range) => xml.element("ipv6CidrBlockAssociation", |xml| {
            ipv6_association(xml, vpc, range, state);
        }),
    }
    xml.text("vpcId", id);
    Ok(xml)
}

pub(super) fn ipv4_association(xml: &mut Xml, vpc: &Vpc, range: Ipv4Net, state: &str) {
    xml.text("associationId", association(vpc, range));
    xml.text("cidrBlock", range);
    xml.element("cidrBlockState", |xml| xml.text("state", state));
}

pub(super) fn ipv6_association(xml: &mut Xml, vpc: &Vpc, range: Ipv6Net, state: &str) {
    xml.text("associationId", association(vpc, range));
    xml.text("ipv6CidrBlock", range);
    xml.element("ipv6CidrBlockState", |xml| xml.text("state", state));
}
