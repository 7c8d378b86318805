//! Subnets (E50).

use std::borrow::Cow;

use secgroup_ec2::ranges::{SUBNET_ASSOCIATION, association_id};
use secgroup_ec2::subnets::{self, CreateSubnet, known_subnet};
use secgroup_ec2::{Site, State};
use secgroup_model::{ModelError, Subnet, SubnetId, Tags, VpcId};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateSubnet", Action::Write(create)),
    ("DeleteSubnet", Action::Write(delete)),
    ("DescribeSubnets", Action::Read(describe)),
];

/// What `DescribeSubnets` can be filtered by (E25). Some have two spellings.
const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "availabilityZone",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidr-block",
    "cidrBlock",
    "default-for-az",
    "defaultForAz",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "owner-id",
    "state",
    "subnet-arn",
    "subnet-id",
    "tag",
    "vpc-id",
];
/// There is nothing that a subnet waits for.
const STATE: &str = "available";
/// Nor its range.
const ASSOCIATED: &str = "associated";

/// A subnet, and what is known about it elsewhere.
struct View<'a> {
    subnet: &'a Subnet,
    state: &'a State,
    site: &'a Site,
    /// How many of its addresses interfaces have.
    used: u64,
}

impl View<'_> {
    fn owner(&self) -> &str {
        let owner = self.state.owner_of_subnet(&self.subnet.id);
        owner.map_or("", |owner| owner.as_str())
    }

    fn arn(&self) -> String {
        let owner = self.state.owner_of_subnet(&self.subnet.id);
        owner.map_or_else(String::new, |owner| {
            self.subnet.id.arn(&self.site.region, owner)
        })
    }

    fn zone_id(&self) -> Option<String> {
        subnets::zone_id_of(self.site, self.subnet)
    }

    fn available(&self) -> u64 {
        subnets::available_addresses(self.subnet, self.used)
    }

    fn is_default_for_zone(&self) -> bool {
        subnets::is_default_for_zone(self.state, self.site, self.subnet)
    }

    fn association(&self, range: impl std::fmt::Display) -> String {
        association_id(SUBNET_ASSOCIATION, self.subnet.id.as_str(), range)
    }
}

impl Filterable for View<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let subnet = self.subnet;
        let ipv6 = subnet.ipv6_cidr.iter();
        match filter {
            "availability-zone" | "availabilityZone" => {
                let zone = subnet.availability_zone.iter();
                zone.map(|zone| zone.as_str().into()).collect()
            }
            "availability-zone-id" | "availabilityZoneId" => {
                self.zone_id().into_iter().map(Cow::from).collect()
            }
            "available-ip-address-count" => vec![self.available().to_string().into()],
            "cidr" | "cidr-block" | "cidrBlock" => {
                let range = subnet.cidr.iter();
                range.map(|range| range.to_string().into()).collect()
            }
            "default-for-az" | "defaultForAz" => {
                vec![self.is_default_for_zone().to_string().into()]
            }
            "ipv6-cidr-block-association.association-id" => {
                ipv6.map(|range| self.association(range).into()).collect()
            }
            "ipv6-cidr-block-association.ipv6-cidr-block" => {
                ipv6.map(|range| range.to_string().into()).collect()
            }
            "ipv6-cidr-block-association.state" => ipv6.map(|_| ASSOCIATED.into()).collect(),
            "owner-id" => vec![self.owner().into()],
            "state" => vec![STATE.into()],
            "subnet-arn" => vec![self.arn().into()],
            "subnet-id" => vec![subnet.id.as_str().into()],
            "vpc-id" => vec![subnet.vpc.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.subnet.tags)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let text = |name| params.text(name).map(str::to_owned);
    let request = CreateSubnet {
        vpc: params.id("VpcId", VpcId::parse)?,
        cidr: params.required("CidrBlock")?.to_owned(),
        ipv6_cidr: text("Ipv6CidrBlock"),
        zone: text("AvailabilityZone"),
        zone_id: text("AvailabilityZoneId"),
        tags: params.tag_specifications("subnet")?,
    };
    let id = subnets::create(call.edit, call.caller, request)?;
    let state = call.edit.state();
    let view = View {
        subnet: known_subnet(state, call.caller, &id)?,
        state,
        site: call.edit.site(),
        used: 0,
    };
    let mut xml = Xml::new();
    xml.element("subnet", |xml| write(xml, &view));
    Ok(xml)
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("SubnetId", SubnetId::parse)?;
    subnets::delete(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids("SubnetId", SubnetId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("SubnetId"))?;
    for id in &ids {
        known_subnet(call.state, call.caller, id)?;
    }
    let used = subnets::used_addresses(call.state);
    let all = call.state.inventory.subnets.values().map(|subnet| View {
        subnet,
        state: call.state,
        site: call.site,
        used: used.get(&subnet.id).copied().unwrap_or(0),
    });
    let chosen = all.filter(|view| {
        call.state.owner_of_subnet(&view.subnet.id) == Some(&call.caller.account)
            && (ids.is_empty() || ids.contains(&view.subnet.id))
            && filters.matches(view)
    });
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "subnetSet",
        chosen,
        |view| view.subnet.id.to_string(),
        |xml, view| write(xml, &view),
    );
    Ok(xml)
}

fn write(xml: &mut Xml, view: &View<'_>) {
    let subnet = view.subnet;
    xml.text("subnetId", &subnet.id);
    xml.text("subnetArn", view.arn());
    xml.text("vpcId", &subnet.vpc);
    xml.text("ownerId", view.owner());
    xml.text("state", STATE);
    xml.optional("cidrBlock", subnet.cidr);
    xml.list(
        "ipv6CidrBlockAssociationSet",
        subnet.ipv6_cidr,
        |xml, range| {
            xml.text("associationId", view.association(range));
            xml.text("ipv6CidrBlock", range);
            xml.element("ipv6CidrBlockState", |xml| xml.text("state", ASSOCIATED));
        },
    );
    xml.text("availableIpAddressCount", view.available());
    xml.optional("availabilityZone", subnet.availability_zone.as_ref());
    xml.optional("availabilityZoneId", view.zone_id());
    xml.text("defaultForAz", view.is_default_for_zone());
    // There are no public addresses here, and IPv6 ones are given where they are asked for.
    xml.text("mapPublicIpOnLaunch", false);
    xml.text("assignIpv6AddressOnCreation", false);
    xml.text("ipv6Native", subnet.cidr.is_none());
    xml.tags(&subnet.tags);
}

#[cfg(test)]
mod tests;
