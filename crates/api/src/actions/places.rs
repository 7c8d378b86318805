//! Where things are, and what an account may have (E62).

use std::borrow::Cow;

use secgroup_ec2::places::{zone_id, zone_of_id};
use secgroup_ec2::vpcs::default_vpc;
use secgroup_model::ModelError;

use super::{Action, Table};
use crate::{Filterable, Filters, Read, Xml};

pub(super) const ACTIONS: Table = &[
    ("DescribeAccountAttributes", Action::Read(attributes)),
    ("DescribeAvailabilityZones", Action::Read(zones)),
    ("DescribeRegions", Action::Read(regions)),
];

const REGION_FILTERS: &[&str] = &["endpoint", "opt-in-status", "region-name"];
const ZONE_FILTERS: &[&str] = &[
    "group-name",
    "message",
    "opt-in-status",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
];
/// Nobody has to ask for the Region or its zones.
const OPT_IN: &str = "opt-in-not-required";

/// The one Region.
struct Region<'a>(&'a str);

impl Region<'_> {
    fn endpoint(&self) -> String {
        format!("ec2.{}.amazonaws.com", self.0)
    }
}

impl Filterable for Region<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "endpoint" => vec![self.endpoint().into()],
            "opt-in-status" => vec![OPT_IN.into()],
            "region-name" => vec![self.0.into()],
            _ => Vec::new(),
        }
    }
}

fn regions(call: &Read<'_>) -> Result<Xml, ModelError> {
    let region = Region(&call.site.region);
    let names = call.params.texts("RegionName");
    if let Some(unknown) = names.iter().find(|name| **name != region.0) {
        return Err(ModelError::value(format!(
            "Invalid region names: [{unknown}]"
        )));
    }
    call.params.flag("AllRegions")?; // There is one, and nobody has to ask for it.
    let filters = Filters::read(call.params, REGION_FILTERS)?;
    let chosen = Some(region).filter(|region| filters.matches(region));
    let mut xml = Xml::new();
    xml.list("regionInfo", chosen, |xml, region| {
        xml.text("regionName", region.0);
        xml.text("regionEndpoint", region.endpoint());
        xml.text("optInStatus", OPT_IN);
    });
    Ok(xml)
}

/// A zone: its Region, its name, its id.
struct Zone<'a> {
    region: &'a str,
    name: &'a str,
    id: String,
}

impl Filterable for Zone<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "group-name" => vec![format!("{}-zg-1", self.region).into()],
            "opt-in-status" => vec![OPT_IN.into()],
            "region-name" => vec![self.region.into()],
            "state" => vec!["available".into()],
            "zone-id" => vec![self.id.as_str().into()],
            "zone-name" => vec![self.name.into()],
            "zone-type" => vec!["availability-zone".into()],
            _ => Vec::new(), // There are no messages.
        }
    }
}

fn zones(call: &Read<'_>) -> Result<Xml, ModelError> {
    let names = call.params.texts("ZoneName");
    let ids = call.params.texts("ZoneId");
    let is_zone = |name: &str| call.site.zones.iter().any(|zone| zone == name);
    if let Some(unknown) = names.iter().find(|name| !is_zone(name)) {
        return Err(ModelError::value(format!(
            "Invalid availability zone: [{unknown}]"
        )));
    }
    if let Some(unknown) = ids.iter().find(|id| zone_of_id(call.site, id).is_none()) {
        return Err(ModelError::value(format!(
            "Invalid availability zone-id: [{unknown}]"
        )));
    }
    call.params.flag("AllAvailabilityZones")?; // There are no others.
    let filters = Filters::read(call.params, ZONE_FILTERS)?;
    let all = call.site.zones.iter().map(|name| Zone {
        region: &call.site.region,
        name,
        id: zone_id(call.site, name).unwrap_or_default(),
    });
    let chosen = all.filter(|zone| {
        (names.is_empty() || names.contains(&zone.name))
            && (ids.is_empty() || ids.contains(&zone.id.as_str()))
            && filters.matches(zone)
    });
    let mut xml = Xml::new();
    xml.list("availabilityZoneInfo", chosen, |xml, zone| {
        xml.text("zoneName", zone.name);
        xml.text("zoneId", &zone.id);
        xml.text("zoneState", "available");
        xml.text("regionName", zone.region);
        xml.text("groupName", format!("{}-zg-1", zone.region));
        xml.text("networkBorderGroup", zone.region);
        xml.text("zoneType", "availability-zone");
        xml.text("optInStatus", OPT_IN);
        xml.list("messageSet", std::iter::empty::<()>(), |_, ()| {});
    });
    Ok(xml)
}

/// What is known of an account. There are no Elastic IP addresses here.
fn attributes(call: &Read<'_>) -> Result<Xml, ModelError> {
    let vpc = default_vpc(call.state, &call.caller.account);
    let groups = call.site.quotas.groups_per_interface;
    let none = || "none".to_owned();
    let known = [
        (
            "default-vpc",
            vpc.map_or_else(none, |vpc| vpc.id.to_string()),
        ),
        ("max-elastic-ips", "0".to_owned()),
        ("supported-platforms", "VPC".to_owned()),
        ("vpc-max-elastic-ips", "0".to_owned()),
        (
            "vpc-max-security-groups-per-interface",
            groups.map_or_else(none, |groups| groups.to_string()),
        ),
    ];
    let names = call.params.texts("AttributeName");
    let is_known = |name: &str| known.iter().any(|(known, _)| *known == name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(ModelError::value(format!(
            "Value ({unknown}) for parameter attributeName is invalid."
        )));
    }
    let chosen = known
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let mut xml = Xml::new();
    xml.list("accountAttributeSet", chosen, |xml, (name, value)| {
        xml.text("attributeName", name);
        xml.list("attributeValueSet", [value], |xml, value| {
            xml.text("attributeValue", value);
        });
    });
    Ok(xml)
}

#[cfg(test)]
mod tests;
