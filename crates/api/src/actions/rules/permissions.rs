//! `IpPermissions`: protocol and ports with lists of peers (A3, PERM in E.5), read from requests and written into answers.
//!
//! EC2 keeps a rule for each peer but shows those of one protocol and port range together. Answers have all four lists of peers, the
//! empty ones too, because clients index them without asking (E9).

use std::collections::BTreeMap;

use secgroup_ec2::State;
use secgroup_ec2::groups::referenced_group;
use secgroup_model::{
    AccountId, Direction, ErrorCode, Family, GroupReference, Listing, ModelError, Peer, RawAddress,
    RawGroup, RawPeer, RawPermission, RuleSpec, SecurityGroup, Traffic,
};

use crate::{Params, Xml};

/// The fields of one rule with one range, as the API had them before `IpPermissions` (E56).
const ONE_RANGE: [&str; 4] = ["CidrIp", "IpProtocol", "FromPort", "ToPort"];
/// The fields of "everything from that group", likewise.
const ONE_GROUP: [&str; 2] = ["SourceSecurityGroupName", "SourceSecurityGroupOwnerId"];

/// `IpPermissions.N`, or the flat parameters that came before; `None` where there is neither.
pub(super) fn read_permissions(
    params: &Params,
    direction: Direction,
) -> Result<Option<Vec<RawPermission>>, ModelError> {
    let flat = ONE_RANGE.iter().chain(&ONE_GROUP);
    let flat = flat.copied().find(|name| params.has(name));
    match (params.has("IpPermissions"), flat) {
        (true, Some(flat)) => Err(combination("IpPermissions", flat)),
        (true, None) => params
            .items("IpPermissions")
            .map(read_permission)
            .collect::<Result<_, _>>()
            .map(Some),
        (false, Some(flat)) if direction == Direction::Egress => Err(ModelError::value(format!(
            "The parameter {flat} is not supported for outbound rules. Use IpPermissions instead."
        ))),
        (false, Some(_)) => read_flat(params).map(Some),
        (false, None) => Ok(None),
    }
}

pub(super) fn read_permission(params: &Params) -> Result<RawPermission, ModelError> {
    let groups = params.items("Groups").map(|pair| {
        // Sent back by those who send what they read; whether there is a connection is not theirs to say.
        let _ = pair.text("VpcPeeringConnectionId");
        let _ = pair.text("PeeringStatus");
        let group = RawGroup {
            id: owned(pair, "GroupId"),
            name: owned(pair, "GroupName"),
            account: owned(pair, "UserId"),
            vpc: owned(pair, "VpcId"),
            peering_status: None,
        };
        peer(pair, RawAddress::Group(group))
    });
    let text = |item: &Params, name| owned(item, name).unwrap_or_default();
    let ipv4 = params
        .items("IpRanges")
        .map(|item| peer(item, RawAddress::Ipv4(text(item, "CidrIp"))));
    let ipv6 = params
        .items("Ipv6Ranges")
        .map(|item| peer(item, RawAddress::Ipv6(text(item, "CidrIpv6"))));
    let lists = params
        .items("PrefixListIds")
        .map(|item| peer(item, RawAddress::PrefixList(text(item, "PrefixListId"))));
    Ok(RawPermission {
        protocol: owned(params, "IpProtocol"),
        from_port: params.integer("FromPort")?,
        to_port: params.integer("ToPort")?,
        peers: groups.chain(ipv4).chain(ipv6).chain(lists).collect(),
    })
}

fn peer(params: &Params, address: RawAddress) -> RawPeer {
    RawPeer {
        address,
        description: owned(params, "Description"),
    }
}

/// E56: a rule with one range, or all of TCP, UDP and ICMP from one group.
fn read_flat(params: &Params) -> Result<Vec<RawPermission>, ModelError> {
    let source = RawGroup {
        name: owned(params, "SourceSecurityGroupName"),
        account: owned(params, "SourceSecurityGroupOwnerId"),
        ..RawGroup::default()
    };
    let range = ONE_RANGE.into_iter().find(|name| params.has(name));
    if source == RawGroup::default() {
        let address = owned(params, "CidrIp").map(RawAddress::Ipv4);
        let peers = address.map(|address| peer(&Params::default(), address));
        return Ok(vec![RawPermission {
            protocol: owned(params, "IpProtocol"),
            from_port: params.integer("FromPort")?,
            to_port: params.integer("ToPort")?,
            peers: peers.into_iter().collect(),
        }]);
    }
    if let Some(range) = range {
        return Err(combination("SourceSecurityGroupName", range));
    }
    let everything = [("tcp", 0, 65_535), ("udp", 0, 65_535), ("icmp", -1, -1)];
    let permissions = everything.map(|(protocol, from, to)| RawPermission {
        protocol: Some(protocol.to_owned()),
        from_port: Some(from),
        to_port: Some(to),
        peers: vec![peer(&Params::default(), RawAddress::Group(source.clone()))],
    });
    Ok(permissions.to_vec())
}

fn owned(params: &Params, name: &str) -> Option<String> {
    params.text(name).map(str::to_owned)
}

fn combination(one: &str, other: &str) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidParameterCombination,
        format!("The parameter '{one}' may not be used in combination with '{other}'."),
    )
}

/// What is written of a rule.
struct Entry<'a> {
    spec: &'a RuleSpec,
    description: Option<&'a String>,
}

/// The rules of a group in one direction.
pub(in crate::actions) fn write_permissions(
    xml: &mut Xml,
    tag: &str,
    state: &State,
    group: &SecurityGroup,
    direction: Direction,
) {
    let entries = group.rules_of(direction).map(|rule| Entry {
        spec: &rule.spec,
        description: rule.description.as_ref(),
    });
    write(xml, tag, entries, |xml, to| {
        write_pair(xml, state, group, to);
    });
}

/// Rules that no group has, as `account` typed them: nothing is told about groups that it only named.
pub(super) fn write_typed(xml: &mut Xml, tag: &str, account: &AccountId, specs: &[RuleSpec]) {
    let entries = specs.iter().map(|spec| Entry {
        spec,
        description: None,
    });
    write(xml, tag, entries, |xml, to| {
        xml.text("userId", to.account.as_ref().unwrap_or(account));
        xml.text("groupId", &to.group);
    });
}

/// The group that a rule of `group` names (A29).
pub(in crate::actions) fn write_pair(
    xml: &mut Xml,
    state: &State,
    group: &SecurityGroup,
    to: &GroupReference,
) {
    let to = referenced_group(state, group, to);
    xml.optional("userId", to.account);
    xml.optional("groupName", to.name);
    xml.text("groupId", to.id);
    xml.optional("vpcId", to.vpc);
    xml.optional("vpcPeeringConnectionId", to.peering);
    xml.optional("peeringStatus", to.peering_status);
}

/// Protocol and ports as groups are listed: those of a protocol that has none are left out (A20).
pub(in crate::actions) fn write_traffic(xml: &mut Xml, traffic: Traffic) {
    xml.text("ipProtocol", traffic.reported_protocol());
    if let Some((from, to)) = traffic.reported_ports(Listing::Groups) {
        xml.text("fromPort", from);
        xml.text("toPort", to);
    }
}

/// Rules of one protocol and port range together, in ascending order of these.
fn write<'a>(
    xml: &mut Xml,
    tag: &str,
    entries: impl Iterator<Item = Entry<'a>>,
    pair: impl Fn(&mut Xml, &GroupReference),
) {
    let mut permissions: BTreeMap<Traffic, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        let entries = permissions.entry(entry.spec.traffic).or_default();
        entries.push(entry);
    }
    xml.list(tag, permissions, |xml, (traffic, entries)| {
        write_traffic(xml, traffic);
        let groups = entries.iter().filter_map(|entry| match &entry.spec.peer {
            Peer::Group(to) => Some((to, entry)),
            Peer::Cidr(_) | Peer::PrefixList(_) => None,
        });
        xml.list("groups", groups, |xml, (to, entry)| {
            pair(xml, to);
            xml.optional("description", entry.description);
        });
        for (list, member, family) in [
            ("ipRanges", "cidrIp", Family::V4),
            ("ipv6Ranges", "cidrIpv6", Family::V6),
        ] {
            let ranges = entries
                .iter()
                .filter(|entry| entry.spec.peer.family() == Some(family));
            xml.list(list, ranges, |xml, entry| {
                xml.text(member, &entry.spec.peer);
                xml.optional("description", entry.description);
            });
        }
        let lists = entries.iter().filter_map(|entry| match &entry.spec.peer {
            Peer::PrefixList(list) => Some((list, entry)),
            Peer::Cidr(_) | Peer::Group(_) => None,
        });
        xml.list("prefixListIds", lists, |xml, (list, entry)| {
            xml.text("prefixListId", list);
            xml.optional("description", entry.description);
        });
    });
}
