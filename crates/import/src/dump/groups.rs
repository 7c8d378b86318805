//! `describe-security-groups` and `describe-security-group-rules` (F11 to F14).

use secgroup_model::{
    AccountId, Direction, GroupId, RawAddress, RawGroup, RawPeer, RawPermission, RawRule,
    SecurityGroup, VpcId,
};

use super::{Page, text};
use crate::collect::{
    ANY_PEER, ANY_PROTOCOL, Collected, FoundGroup, FoundRule, Places, Raw, RuleKind, Target, origin,
};
use crate::common::tags;
use crate::reader::{Need, Object};
use crate::source::Span;
use crate::template::DEFAULT_VPC;

/// Takes down a group with its rules.
pub(super) fn read_group(object: &Object<'_, '_>, page: &Page<'_>, collected: &mut Collected) {
    let id = object.required_text("GroupId", Need::Rule);
    let Some((id, span)) = id else { return };
    let name = text(object, "GroupName").unwrap_or_else(|| id.to_string());
    let owner = text(object, "OwnerId").unwrap_or_else(|| page.account.to_owned());
    // EC2-Classic says so with an empty VPC. Where nothing is said, the dump was trimmed: taking
    // such a group for one of EC2-Classic would open all of its egress (A39).
    let vpc = match object.text("VpcId", Need::Rule) {
        Some((vpc, _)) if vpc.is_empty() => None,
        Some((vpc, _)) => Some(VpcId::new(&vpc)),
        None => Some(VpcId::new(DEFAULT_VPC)),
    };
    let mut group = SecurityGroup::new(GroupId::new(&id), &name, AccountId::new(&owner), vpc);
    if let Some(description) = text(object, "Description") {
        group.description = description;
    }
    group.tags = tags(object, "Tags");
    group.origin = origin(object.sink.sources, span);
    let mut rules = Vec::new();
    let directions = [
        ("IpPermissions", Direction::Ingress),
        ("IpPermissionsEgress", Direction::Egress),
    ];
    for (key, direction) in directions {
        for (at, item) in object.list(key, Need::Rule) {
            let what = format!("permission {at} of group {id}");
            let Some(inner) = object.inner(&format!("{key}[{at}]"), item, what) else {
                continue;
            };
            rules.push(permission(&inner, direction));
            object.inherit(&inner);
        }
    }
    collected.groups.push(FoundGroup {
        group,
        span,
        rules,
        made_by_stack: false,
    });
}

/// Reads one peer out of a list of its kind.
type ReadPeer = fn(&Object<'_, '_>) -> Option<RawAddress>;

/// One `IpPermission`: as many rules as it has peers (A3, F12).
fn permission(object: &Object<'_, '_>, direction: Direction) -> FoundRule {
    let mut peers = Vec::new();
    let mut spans = Vec::new();
    let lists: [(&str, ReadPeer); 4] = [
        ("IpRanges", |peer| {
            Some(RawAddress::Ipv4(required(peer, "CidrIp")?))
        }),
        ("Ipv6Ranges", |peer| {
            Some(RawAddress::Ipv6(required(peer, "CidrIpv6")?))
        }),
        ("PrefixListIds", |peer| {
            Some(RawAddress::PrefixList(required(peer, "PrefixListId")?))
        }),
        ("UserIdGroupPairs", |peer| {
            Some(RawAddress::Group(group(peer)))
        }),
    ];
    for (key, read) in lists {
        for (at, item) in object.list(key, Need::Rule) {
            let key = format!("{key}[{at}]");
            let Some(inner) = object.inner(&key, item, object.what.clone()) else {
                continue;
            };
            let description = inner.text("Description", Need::Rule);
            if let Some(address) = read(&inner) {
                spans.push((inner.span, description.as_ref().map(|(_, span)| *span)));
                let description = description.map(|(text, _)| text.to_string());
                peers.push(RawPeer {
                    address,
                    description,
                });
            }
            object.inherit(&inner);
        }
    }
    let (mut traffic, places) = traffic(object, spans);
    let broken = object.failed();
    if broken {
        let unread = (object.has("IpProtocol") && traffic.protocol.is_none())
            || (object.has("FromPort") && traffic.from_port.is_none())
            || (object.has("ToPort") && traffic.to_port.is_none());
        if unread {
            (traffic.protocol, traffic.from_port, traffic.to_port) =
                (Some(ANY_PROTOCOL.to_owned()), None, None);
        }
        if peers.is_empty() {
            let address = RawAddress::Ipv4(ANY_PEER.to_owned());
            peers.push(RawPeer {
                address,
                description: None,
            });
        }
    }
    let raw = Raw::Permission(RawPermission { peers, ..traffic });
    FoundRule {
        direction,
        raw,
        id: None,
        tags: secgroup_model::Tags::new(),
        places,
        kind: RuleKind::Dumped,
        broken,
    }
}

/// Protocol and ports.
fn traffic(object: &Object<'_, '_>, peers: Vec<(Span, Option<Span>)>) -> (RawPermission, Places) {
    let protocol = object.text("IpProtocol", Need::Rule);
    let from_port = object.integer("FromPort", Need::Rule);
    let to_port = object.integer("ToPort", Need::Rule);
    let places = Places {
        whole: object.span,
        target: object.place("GroupId"),
        protocol: protocol.as_ref().map(|(_, span)| *span),
        from_port: from_port.map(|(_, span)| span),
        to_port: to_port.map(|(_, span)| span),
        peers,
    };
    let raw = RawPermission {
        protocol: protocol.map(|(text, _)| text.to_string()),
        from_port: from_port.map(|(port, _)| port),
        to_port: to_port.map(|(port, _)| port),
        peers: vec![],
    };
    (raw, places)
}

/// A `UserIdGroupPair`, or the `ReferencedGroupInfo` of a row.
fn group(object: &Object<'_, '_>) -> RawGroup {
    RawGroup {
        id: text(object, "GroupId"),
        name: text(object, "GroupName"),
        account: text(object, "UserId"),
        vpc: text(object, "VpcId"),
        peering_status: text(object, "PeeringStatus"),
    }
}

fn required(object: &Object<'_, '_>, key: &str) -> Option<String> {
    object
        .required_text(key, Need::Rule)
        .map(|(text, _)| text.to_string())
}

/// Takes down a row of `describe-security-group-rules` (F14).
pub(super) fn read_row(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    let id = required(object, "SecurityGroupRuleId");
    let group_id = required(object, "GroupId");
    let egress = object
        .required("IsEgress")
        .and_then(|_| object.boolean("IsEgress"));
    let keys = [
        "CidrIpv4",
        "CidrIpv6",
        "PrefixListId",
        "ReferencedGroupInfo",
    ];
    let peer = keys.into_iter().find(|key| object.get(key).is_some());
    let description = object.text("Description", Need::Rule);
    let description_span = description.as_ref().map(|(_, span)| *span);
    let spans = peer
        .into_iter()
        .map(|key| (object.place(key), description_span))
        .collect();
    let (traffic, places) = traffic(object, spans);
    let referenced = object.get("ReferencedGroupInfo").and_then(|value| {
        let inner = object.inner("ReferencedGroupInfo", value, object.what.clone())?;
        Some(group(&inner))
    });
    let raw = RawRule {
        protocol: traffic.protocol,
        from_port: traffic.from_port,
        to_port: traffic.to_port,
        cidr_ipv4: text(object, "CidrIpv4"),
        cidr_ipv6: text(object, "CidrIpv6"),
        prefix_list: text(object, "PrefixListId"),
        group: referenced,
        description: description.map(|(text, _)| text.to_string()),
    };
    let tags = tags(object, "Tags");
    let (Some(id), Some(group), Some(egress)) = (id, group_id, egress) else {
        return;
    };
    if object.failed() {
        return;
    }
    let direction = if egress {
        Direction::Egress
    } else {
        Direction::Ingress
    };
    let raw = Raw::Rule(raw);
    let rule = FoundRule {
        direction,
        raw,
        id: Some(id),
        tags,
        places,
        kind: RuleKind::Row,
        broken: false,
    };
    collected
        .rules
        .push((Target::Id(GroupId::new(&group)), rule));
}
