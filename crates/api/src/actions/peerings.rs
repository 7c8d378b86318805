//! VPC peering connections (E50): both accounts see them.

use std::borrow::Cow;

use secgroup_ec2::peerings::{self, CreatePeering, Listed};
use secgroup_ec2::{PeeringCode, Site, State};
use secgroup_model::{AccountId, ModelError, PeeringId, Tags, Vpc, VpcId};

use super::{Action, Table};
use crate::xml::timestamp;
use crate::{Filterable, Filters, Page, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("AcceptVpcPeeringConnection", Action::Write(accept)),
    ("CreateVpcPeeringConnection", Action::Write(create)),
    ("DeleteVpcPeeringConnection", Action::Write(delete)),
    ("DescribeVpcPeeringConnections", Action::Read(describe)),
    ("RejectVpcPeeringConnection", Action::Write(reject)),
];

/// What `DescribeVpcPeeringConnections` can be filtered by.
const FILTERS: &[&str] = &[
    "accepter-vpc-info.cidr-block",
    "accepter-vpc-info.owner-id",
    "accepter-vpc-info.vpc-id",
    "expiration-time",
    "requester-vpc-info.cidr-block",
    "requester-vpc-info.owner-id",
    "requester-vpc-info.vpc-id",
    "status-code",
    "status-message",
    "tag",
    "vpc-peering-connection-id",
];
/// What could be allowed over a connection beyond traffic. None of it is.
const OPTIONS: [&str; 3] = [
    "allowDnsResolutionFromRemoteVpc",
    "allowEgressFromLocalClassicLinkToRemoteVpc",
    "allowEgressFromLocalVpcToRemoteClassicLink",
];

/// A connection as one account sees it.
struct View<'a> {
    listed: Listed<'a>,
    state: &'a State,
    site: &'a Site,
    account: &'a AccountId,
}

/// One of the two VPCs.
struct Side<'a> {
    owner: &'a AccountId,
    id: &'a VpcId,
    region: &'a str,
    /// Its ranges, where they are told.
    vpc: Option<&'a Vpc>,
}

impl<'a> View<'a> {
    fn requester(&self) -> Side<'a> {
        let Listed {
            peering, details, ..
        } = self.listed;
        Side {
            owner: &details.requester,
            id: &peering.requester,
            region: &self.site.region,
            vpc: self.vpc_told(&peering.requester, PeeringCode::PendingAcceptance),
        }
    }

    fn accepter(&self) -> Side<'a> {
        let Listed {
            peering, details, ..
        } = self.listed;
        Side {
            owner: &details.accepter,
            id: &peering.accepter,
            region: &details.accepter_region,
            // Who asked does not get to know the ranges before the other side agrees.
            vpc: self.vpc_told(&peering.accepter, PeeringCode::Active),
        }
    }

    /// The VPC, if its ranges are told in the state that the connection is in: while it is active, and in state `from`.
    fn vpc_told(&self, id: &VpcId, from: PeeringCode) -> Option<&'a Vpc> {
        let told = self.listed.code == PeeringCode::Active || self.listed.code == from;
        let vpc = self.state.inventory.vpcs.get(id);
        vpc.filter(|_| told)
    }

    fn expires(&self) -> Option<String> {
        let pending = self.listed.code == PeeringCode::PendingAcceptance;
        pending.then(|| timestamp(self.listed.details.expires))
    }
}

impl Filterable for View<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let ranges = |side: Side<'_>| -> Vec<Cow<'a, str>> {
            let ranges = side.vpc.map(|vpc| vpc.cidrs.iter());
            let ranges = ranges.into_iter().flatten();
            ranges.map(|range| range.to_string().into()).collect()
        };
        match filter {
            "accepter-vpc-info.cidr-block" => ranges(self.accepter()),
            "accepter-vpc-info.owner-id" => vec![self.accepter().owner.as_str().into()],
            "accepter-vpc-info.vpc-id" => vec![self.accepter().id.as_str().into()],
            "expiration-time" => self.expires().into_iter().map(Cow::from).collect(),
            "requester-vpc-info.cidr-block" => ranges(self.requester()),
            "requester-vpc-info.owner-id" => vec![self.requester().owner.as_str().into()],
            "requester-vpc-info.vpc-id" => vec![self.requester().id.as_str().into()],
            "status-code" => vec![self.listed.code.as_str().into()],
            "status-message" => vec![self.listed.message().into()],
            "vpc-peering-connection-id" => vec![self.listed.peering.id.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        self.listed.details.tags.get(self.account)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let request = CreatePeering {
        requester: params.id("VpcId", VpcId::parse)?,
        accepter: params.id("PeerVpcId", VpcId::parse)?,
        account: params.text("PeerOwnerId").map(account).transpose()?,
        region: params.text("PeerRegion").map(str::to_owned),
        tags: params.tag_specifications("vpc-peering-connection")?,
    };
    let id = peerings::create(call.edit, call.caller, request)?;
    one(call, &id)
}

fn account(text: &str) -> Result<AccountId, ModelError> {
    let id = AccountId::new(text);
    if id.is_well_formed() {
        return Ok(id);
    }
    Err(ModelError::value(format!(
        "Value ({text}) for parameter peerOwnerId is invalid."
    ))
    .with_help("an account is 12 digits"))
}

fn accept(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = id(call)?;
    peerings::accept(call.edit, call.caller, &id)?;
    one(call, &id)
}

fn reject(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = id(call)?;
    peerings::reject(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = id(call)?;
    peerings::delete(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}

fn id(call: &Write<'_, '_>) -> Result<PeeringId, ModelError> {
    call.params.id("VpcPeeringConnectionId", PeeringId::parse)
}

fn one(call: &Write<'_, '_>, id: &PeeringId) -> Result<Xml, ModelError> {
    let state = call.edit.state();
    let view = View {
        listed: peerings::known(state, call.caller, call.edit.now(), id)?,
        state,
        site: call.edit.site(),
        account: &call.caller.account,
    };
    let mut xml = Xml::new();
    xml.element("vpcPeeringConnection", |xml| write(xml, &view));
    Ok(xml)
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call
        .params
        .ids("VpcPeeringConnectionId", PeeringId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("VpcPeeringConnectionId"))?;
    for id in &ids {
        peerings::known(call.state, call.caller, call.now, id)?;
    }
    let account = &call.caller.account;
    let chosen = peerings::listed(call.state, call.now)
        .filter(|listed| listed.concerns(account))
        .filter(|listed| ids.is_empty() || ids.contains(&listed.peering.id))
        .map(|listed| View {
            listed,
            state: call.state,
            site: call.site,
            account,
        })
        .filter(|view| filters.matches(view));
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "vpcPeeringConnectionSet",
        chosen,
        |view| view.listed.peering.id.to_string(),
        |xml, view| write(xml, &view),
    );
    Ok(xml)
}

fn write(xml: &mut Xml, view: &View<'_>) {
    let listed = &view.listed;
    xml.text("vpcPeeringConnectionId", &listed.peering.id);
    xml.element("requesterVpcInfo", |xml| {
        write_side(xml, listed.code, &view.requester());
    });
    xml.element("accepterVpcInfo", |xml| {
        write_side(xml, listed.code, &view.accepter());
    });
    xml.element("status", |xml| {
        xml.text("code", listed.code);
        xml.text("message", listed.message());
    });
    xml.optional("expirationTime", view.expires());
    let none = Tags::new();
    xml.tags(view.tags().unwrap_or(&none));
}

fn write_side(xml: &mut Xml, code: PeeringCode, side: &Side<'_>) {
    xml.text("ownerId", side.owner);
    xml.text("vpcId", side.id);
    xml.text("region", side.region);
    if let Some(vpc) = side.vpc {
        xml.optional("cidrBlock", vpc.cidrs.first());
        xml.list("cidrBlockSet", &vpc.cidrs, |xml, range| {
            xml.text("cidrBlock", range);
        });
        xml.list("ipv6CidrBlockSet", &vpc.ipv6_cidrs, |xml, range| {
            xml.text("ipv6CidrBlock", range);
        });
    }
    if code == PeeringCode::Active {
        xml.element("peeringOptions", |xml| {
            for option in OPTIONS {
                xml.text(option, false);
            }
        });
    }
}

#[cfg(test)]
mod tests;
