//! Rules: embedded in a group, or resources of their own (F2, F3, F7).

use secgroup_model::{Direction, GroupId, RawGroup, RawRule, Tags};

use super::convert::{Item, Scope};
use super::ids::IdOf;
use super::schema::{EGRESS, INGRESS, Type};
use crate::collect::{ANY_PEER, ANY_PROTOCOL, Collected, FoundRule, Places, Raw, RuleKind, Target};
use crate::diagnostic::Draft;
use crate::reader::{Need, Object};
use crate::value::{Reference, Value, ValueKind};

/// The rules that a group lists.
pub(super) fn convert_embedded(
    scope: &Scope<'_>,
    item: &Item<'_>,
    object: &Object<'_, '_>,
    direction: Direction,
    collected: &mut Collected,
) -> Vec<FoundRule> {
    let mut rules = Vec::new();
    let (key, noun, known) = match direction {
        Direction::Ingress => ("SecurityGroupIngress", "ingress", &INGRESS[..]),
        Direction::Egress => ("SecurityGroupEgress", "egress", &EGRESS[..]),
    };
    for (at, value) in object.list(key, Need::Rule) {
        let id = format!("{}.{key}[{at}]", item.id);
        if let ValueKind::Resource(reference) = &value.kind {
            object.fail(listed_by_reference(key, reference, value));
            continue;
        }
        let what = format!("{noun} rule {at} of {}", object.what);
        let Some(rule) = object.inner(&format!("{key}[{at}]"), value, what) else {
            continue;
        };
        rule.check_keys(known);
        let found = read(scope, &rule, direction, collected);
        object.inherit(&rule);
        rules.push(FoundRule {
            id: Some(id),
            ..found
        });
    }
    rules
}

/// F8: rules that are resources of their own are not listed by the group.
fn listed_by_reference(key: &str, reference: &Reference, value: &Value) -> Draft {
    let message = format!(
        "`{key}` lists rules, not references to resources such as `{}`",
        reference.written()
    );
    let draft = Draft::error(value.span, message);
    match Type::named(&reference.kind) {
        Some(Type::SecurityGroupIngress | Type::SecurityGroupEgress) => draft.help(format!(
            "remove this item: `{}` joins the group by its own `GroupId`",
            reference.logical
        )),
        _ => draft.help("write the properties of the rule itself"),
    }
}

/// Takes down a rule that is a resource of its own.
pub(super) fn convert_standalone(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let direction = match item.kind {
        Type::SecurityGroupEgress => Direction::Egress,
        _ => Direction::Ingress,
    };
    let target = target(scope, &object, collected);
    if target.is_none() && !object.failed() {
        let message = format!("{} lacks `GroupId`", object.what);
        let help = "the group that the rule is for, such as `GroupId: !Ref WebServers`";
        object.fail(Draft::error(item.span, message).help(help));
    }
    let found = read(scope, &object, direction, collected);
    let rule = FoundRule {
        id: Some(item.id.clone()),
        kind: RuleKind::Standalone,
        ..found
    };
    collected.rules.push((target.unwrap_or(Target::Lost), rule));
}

/// F7: `GroupId`, or `GroupName` in the default VPC.
fn target(scope: &Scope<'_>, object: &Object<'_, '_>, collected: &mut Collected) -> Option<Target> {
    scope.note_default_group(collected, object.get("GroupId"));
    if let Some((id, _)) = scope.id(object, "GroupId", IdOf::Group, Need::Rule) {
        return Some(Target::Id(GroupId::new(&id)));
    }
    let value = object.get("GroupName")?;
    let (name, _) = scope
        .names
        .read(object, "GroupName", value, IdOf::Group, Need::Rule)?;
    Some(match value.kind {
        ValueKind::Resource(_) => Target::Id(GroupId::new(&name)),
        _ => Target::Name(name.to_string()),
    })
}

/// The rule as typed, for the model to judge.
fn read(
    scope: &Scope<'_>,
    object: &Object<'_, '_>,
    direction: Direction,
    collected: &mut Collected,
) -> FoundRule {
    let (list, source) = match direction {
        Direction::Ingress => ("SourcePrefixListId", "SourceSecurityGroupId"),
        Direction::Egress => ("DestinationPrefixListId", "DestinationSecurityGroupId"),
    };
    scope.note_default_group(collected, object.get(source));
    let protocol = object.text("IpProtocol", Need::Rule);
    let from_port = object.integer("FromPort", Need::Rule);
    let to_port = object.integer("ToPort", Need::Rule);
    let v4 = object.text("CidrIp", Need::Rule);
    let v6 = object.text("CidrIpv6", Need::Rule);
    let prefix_list = scope.id(object, list, IdOf::PrefixList, Need::Rule);
    let peer_group = peer_group(scope, object, direction, source);
    // Of the description nothing depends, not even which rule it is (A33).
    let description = object.text("Description", Need::Shown);
    let description_span = description.as_ref().map(|(_, span)| *span);
    let peers = [
        v4.as_ref().map(|(_, span)| *span),
        v6.as_ref().map(|(_, span)| *span),
        prefix_list.as_ref().map(|(_, span)| *span),
        peer_group.as_ref().map(|(_, span)| *span),
    ];
    let places = Places {
        whole: object.span,
        target: object.place("GroupId"),
        protocol: protocol.as_ref().map(|(_, span)| *span),
        from_port: from_port.map(|(_, span)| span),
        to_port: to_port.map(|(_, span)| span),
        peers: peers
            .into_iter()
            .flatten()
            .map(|span| (span, description_span))
            .collect(),
    };
    let text = |text: Option<(std::rc::Rc<str>, _)>| text.map(|(text, _)| text.to_string());
    let mut raw = RawRule {
        protocol: text(protocol),
        from_port: from_port.map(|(port, _)| port),
        to_port: to_port.map(|(port, _)| port),
        cidr_ipv4: text(v4),
        cidr_ipv6: text(v6),
        prefix_list: text(prefix_list),
        group: peer_group.map(|(group, _)| group),
        description: text(description),
    };
    let broken = object.failed();
    if broken {
        mend(&mut raw, &places, object, [list, source]);
    }
    FoundRule {
        direction,
        raw: Raw::Rule(raw),
        id: None,
        tags: Tags::new(),
        places,
        kind: RuleKind::Embedded,
        broken,
    }
}

/// Puts harmless values in place of those that could not be read.
fn mend(raw: &mut RawRule, places: &Places, object: &Object<'_, '_>, peers: [&str; 2]) {
    let ports_unread = (object.has("FromPort") && raw.from_port.is_none())
        || (object.has("ToPort") && raw.to_port.is_none());
    if ports_unread || (object.has("IpProtocol") && raw.protocol.is_none()) {
        (raw.protocol, raw.from_port, raw.to_port) = (Some(ANY_PROTOCOL.to_owned()), None, None);
    }
    let written = ["CidrIp", "CidrIpv6", "SourceSecurityGroupName"]
        .into_iter()
        .chain(peers);
    if places.peers.is_empty() && written.into_iter().any(|key| object.has(key)) {
        raw.cidr_ipv4 = Some(ANY_PEER.to_owned());
    }
}

/// The group that is the peer: by id, or (ingress only) by name (F2).
fn peer_group(
    scope: &Scope<'_>,
    object: &Object<'_, '_>,
    direction: Direction,
    source: &str,
) -> Option<(RawGroup, crate::source::Span)> {
    let id = scope.id(object, source, IdOf::Group, Need::Rule);
    let name = match direction {
        Direction::Ingress => object.get("SourceSecurityGroupName"),
        Direction::Egress => None,
    };
    let name = name.and_then(|value| {
        let key = "SourceSecurityGroupName";
        let (text, span) = scope
            .names
            .read(object, key, value, IdOf::Group, Need::Rule)?;
        Some((text, span, matches!(value.kind, ValueKind::Resource(_))))
    });
    let account = owner(object);
    match (id, name) {
        (Some((id, span)), _) => Some((
            RawGroup {
                id: Some(id.to_string()),
                account,
                ..RawGroup::default()
            },
            span,
        )),
        (None, Some((name, span, by_reference))) => {
            let text = Some(name.to_string());
            let (id, name) = if by_reference {
                (text, None)
            } else {
                (None, text)
            };
            Some((
                RawGroup {
                    id,
                    name,
                    account,
                    ..RawGroup::default()
                },
                span,
            ))
        }
        (None, None) => None,
    }
}

/// `SourceSecurityGroupOwnerId`; that of a load balancer is an alias that only a stack knows.
fn owner(object: &Object<'_, '_>) -> Option<String> {
    let value = object.get("SourceSecurityGroupOwnerId")?;
    match &value.kind {
        ValueKind::Resource(_) => None,
        _ => {
            let text = object.as_text("SourceSecurityGroupOwnerId", value, Need::Rule);
            text.map(|(text, _)| text.to_string())
        }
    }
}
