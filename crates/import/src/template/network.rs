//! `AWS::EC2::VPC` and `AWS::EC2::Subnet`, and their further ranges.

use ipnet::IpNet;
use secgroup_model::{Family, Subnet, SubnetId, Vpc, VpcId};

use super::convert::{DEFAULT_VPC, Item, Scope};
use super::ids::IdOf;
use crate::collect::{Collected, Found};
use crate::common::{range, tags};
use crate::reader::Need;

/// Takes down a VPC.
pub(super) fn convert_vpc(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let cidr = range(&object, object.known_text("CidrBlock"), Family::V4);
    let vpc = Vpc {
        id: VpcId::new(&item.id),
        owner: scope.account(),
        cidrs: cidr.into_iter().filter_map(v4).collect(),
        ipv6_cidrs: vec![],
        is_default: false,
        tags: tags(&object, "Tags"),
        origin: scope.origin(item.span),
    };
    collected.vpcs.push(Found {
        thing: vpc,
        span: item.span,
    });
}

/// Takes down a further range of a VPC. One that AWS provides has no address yet.
pub(super) fn add_vpc_range(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let Some((vpc, _)) = scope.id(&object, "VpcId", IdOf::Vpc, Need::Shown) else {
        return;
    };
    let given = [("CidrBlock", Family::V4), ("Ipv6CidrBlock", Family::V6)];
    for (key, family) in given {
        if let Some(net) = range(&object, object.known_text(key), family) {
            let thing = (VpcId::new(&vpc), net);
            collected.vpc_ranges.push(Found {
                thing,
                span: item.span,
            });
        }
    }
}

/// Takes down a subnet.
pub(super) fn convert_subnet(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let vpc = scope.id(&object, "VpcId", IdOf::Vpc, Need::Shown);
    let cidr = range(&object, object.known_text("CidrBlock"), Family::V4);
    let ipv6_cidr = range(&object, object.known_text("Ipv6CidrBlock"), Family::V6);
    let zone = object.known_text("AvailabilityZone");
    let subnet = Subnet {
        id: SubnetId::new(&item.id),
        vpc: vpc.map_or_else(|| VpcId::new(DEFAULT_VPC), |(vpc, _)| VpcId::new(&vpc)),
        cidr: cidr.and_then(v4),
        ipv6_cidr: ipv6_cidr.and_then(v6),
        availability_zone: zone.map(|(zone, _)| zone.to_string()),
        tags: tags(&object, "Tags"),
        origin: scope.origin(item.span),
    };
    collected.subnets.push(Found {
        thing: subnet,
        span: item.span,
    });
}

/// Takes down the IPv6 range of a subnet.
pub(super) fn add_subnet_range(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let subnet = scope.id(&object, "SubnetId", IdOf::Subnet, Need::Shown);
    let net = range(&object, object.known_text("Ipv6CidrBlock"), Family::V6);
    if let (Some((subnet, _)), Some(net)) = (subnet, net.and_then(v6)) {
        let thing = (SubnetId::new(&subnet), net);
        collected.subnet_ranges.push(Found {
            thing,
            span: item.span,
        });
    }
}

const fn v4(net: IpNet) -> Option<ipnet::Ipv4Net> {
    match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    }
}

const fn v6(net: IpNet) -> Option<ipnet::Ipv6Net> {
    match net {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    }
}
