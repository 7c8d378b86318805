//! `describe-vpcs`, `describe-subnets`, `describe-vpc-peering-connections` and
//! `describe-security-group-vpc-associations`.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secgroup_model::{
    AccountId, AssociationStatus, Family, GroupId, Peering, PeeringId, PeeringStatus, Subnet,
    SubnetId, Vpc, VpcId,
};

use super::{Page, text};
use crate::collect::{Collected, Found, origin};
use crate::common::{model_error, range, tags};
use crate::diagnostic::Draft;
use crate::reader::{Need, Object, Text};

/// Takes down a VPC.
pub(super) fn read_vpc(object: &Object<'_, '_>, page: &Page<'_>, collected: &mut Collected) {
    let Some((id, span)) = object.required_text("VpcId", Need::Rule) else {
        return;
    };
    let mut cidrs: Vec<Ipv4Net> = Vec::new();
    let primary = object.text("CidrBlock", Need::Rule).into_iter();
    for text in primary.chain(associated(object, "CidrBlockAssociationSet", "CidrBlock")) {
        if let Some(IpNet::V4(net)) = range(object, Some(text), Family::V4)
            && !cidrs.contains(&net)
        {
            cidrs.push(net);
        }
    }
    let owner = text(object, "OwnerId").unwrap_or_else(|| page.account.to_owned());
    let vpc = Vpc {
        id: VpcId::new(&id),
        owner: AccountId::new(&owner),
        cidrs,
        ipv6_cidrs: ipv6(object),
        is_default: object.boolean("IsDefault").unwrap_or(false),
        tags: tags(object, "Tags"),
        origin: origin(object.sink.sources, span),
    };
    collected.vpcs.push(Found { thing: vpc, span });
}

/// Takes down a subnet.
pub(super) fn read_subnet(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    let Some((id, span)) = object.required_text("SubnetId", Need::Rule) else {
        return;
    };
    let Some((vpc, _)) = object.required_text("VpcId", Need::Rule) else {
        return;
    };
    let cidr = range(object, object.text("CidrBlock", Need::Rule), Family::V4);
    let subnet = Subnet {
        id: SubnetId::new(&id),
        vpc: VpcId::new(&vpc),
        cidr: cidr.and_then(|net| {
            if let IpNet::V4(net) = net {
                Some(net)
            } else {
                None
            }
        }),
        ipv6_cidr: ipv6(object).into_iter().next(),
        availability_zone: text(object, "AvailabilityZone"),
        tags: tags(object, "Tags"),
        origin: origin(object.sink.sources, span),
    };
    collected.subnets.push(Found {
        thing: subnet,
        span,
    });
}

fn ipv6(object: &Object<'_, '_>) -> Vec<Ipv6Net> {
    let texts = associated(object, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock");
    let nets = texts
        .into_iter()
        .filter_map(|text| range(object, Some(text), Family::V6));
    nets.filter_map(|net| {
        if let IpNet::V6(net) = net {
            Some(net)
        } else {
            None
        }
    })
    .collect()
}

/// The ranges of an association set that are in force.
fn associated(object: &Object<'_, '_>, key: &str, field: &str) -> Vec<Text> {
    let items = object.list(key, Need::Rule).into_iter();
    items
        .filter_map(|(at, item)| {
            let inner = object.inner(&format!("{key}[{at}]"), item, object.what.clone())?;
            let state_key = format!("{field}State");
            let state = inner.get(&state_key).and_then(|value| {
                let state = inner.inner(&state_key, value, object.what.clone())?;
                text(&state, "State")
            });
            let gone = matches!(
                state.as_deref(),
                Some("disassociating" | "disassociated" | "failing" | "failed")
            );
            if gone {
                None
            } else {
                inner.text(field, Need::Rule)
            }
        })
        .collect()
}

/// Takes down a peering connection.
pub(super) fn read_peering(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    let Some((id, span)) = object.required_text("VpcPeeringConnectionId", Need::Rule) else {
        return;
    };
    let inner_text = |key: &str, field: &str| {
        let value = object.required(key)?;
        object
            .inner(key, value, object.what.clone())?
            .required_text(field, Need::Rule)
    };
    let requester = inner_text("RequesterVpcInfo", "VpcId");
    let accepter = inner_text("AccepterVpcInfo", "VpcId");
    let status = inner_text("Status", "Code").and_then(|(text, span)| {
        let status: Result<PeeringStatus, _> = text.parse();
        status
            .map_err(|error| object.fail(model_error(error, span)))
            .ok()
    });
    if let (Some((requester, _)), Some((accepter, _)), Some(status)) = (requester, accepter, status)
    {
        let thing = Peering {
            id: PeeringId::new(&id),
            requester: VpcId::new(&requester),
            accepter: VpcId::new(&accepter),
            status,
        };
        collected.peerings.push(Found { thing, span });
    }
}

/// Takes down that a group may be used in a further VPC (B29).
pub(super) fn read_association(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    let group = object.required_text("GroupId", Need::Rule);
    let vpc = object.required_text("VpcId", Need::Rule);
    let state = object
        .required_text("State", Need::Rule)
        .and_then(|(state, span)| {
            let status = match &*state {
                "associating" => AssociationStatus::Associating,
                "associated" => AssociationStatus::Associated,
                "association-failed" => AssociationStatus::AssociationFailed,
                "disassociating" => AssociationStatus::Disassociating,
                "disassociated" => AssociationStatus::Disassociated,
                "disassociation-failed" => AssociationStatus::DisassociationFailed,
                _ => {
                    object.fail(Draft::error(span, format!("there is no state `{state}`")));
                    return None;
                }
            };
            Some(status)
        });
    if let (Some((group, _)), Some((vpc, _)), Some(state)) = (group, vpc, state) {
        collected
            .associations
            .push(((GroupId::new(&group), VpcId::new(&vpc)), state));
    }
}
