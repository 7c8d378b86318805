//! What `DescribeSecurityGroups` can be filtered by (E23). Filters on rules hold for a group if any of its rules matches, each filter
//! by a rule of its own (E22).

use std::borrow::Cow;

use secgroup_ec2::State;
use secgroup_ec2::groups::visible_group;
use secgroup_model::{Direction, Listing, Peer, Rule, SecurityGroup, Tags, Traffic};

use crate::Filterable;

pub(super) const FILTERS: &[&str] = &[
    "description",
    "group-id",
    "group-name",
    "owner-id",
    "vpc-id",
    "tag",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.group-name",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.group-name",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "egress.ip-permission.user-id",
];

/// A group as a listing shows it.
pub(super) struct Shown<'a> {
    state: &'a State,
    group: &'a SecurityGroup,
}

impl<'a> Shown<'a> {
    pub(super) const fn new(state: &'a State, group: &'a SecurityGroup) -> Self {
        Self { state, group }
    }

    fn of_rules(&self, direction: Direction, field: &str) -> Vec<Cow<'_, str>> {
        self.group
            .rules_of(direction)
            .flat_map(|rule| self.of_rule(rule, field))
            .collect()
    }

    fn of_rule<'r>(&'r self, rule: &'r Rule, field: &str) -> Vec<Cow<'r, str>> {
        let ports = rule.spec.traffic.reported_ports(Listing::Groups);
        let value: Option<Cow<'r, str>> = match (field, &rule.spec.peer) {
            ("protocol", _) => return protocol(rule.spec.traffic),
            ("from-port", _) => ports.map(|(from, _)| from.to_string().into()),
            ("to-port", _) => ports.map(|(_, to)| to.to_string().into()),
            ("cidr", Peer::Cidr(range)) if range.network().is_ipv4() => {
                Some(range.to_string().into())
            }
            ("ipv6-cidr", Peer::Cidr(range)) if range.network().is_ipv6() => {
                Some(range.to_string().into())
            }
            ("prefix-list-id", Peer::PrefixList(list)) => Some(list.as_str().into()),
            ("group-id", Peer::Group(to)) => Some(to.group.as_str().into()),
            ("group-name", Peer::Group(to)) => {
                let group = visible_group(self.state, self.group, to);
                group.map(|group| group.name.as_str().into())
            }
            ("user-id", Peer::Group(to)) => {
                let group = visible_group(self.state, self.group, to);
                group.map(|group| group.owner.as_str().into())
            }
            _ => None,
        };
        value.into_iter().collect()
    }
}

/// A protocol may be asked for by name and by number.
fn protocol(traffic: Traffic) -> Vec<Cow<'static, str>> {
    let name = traffic.reported_protocol();
    let number = traffic.protocol().map(|protocol| protocol.0.to_string());
    let other = number.filter(|number| *number != name);
    [Some(name), other]
        .into_iter()
        .flatten()
        .map(Cow::from)
        .collect()
}

impl Filterable for Shown<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        if let Some(field) = filter.strip_prefix("ip-permission.") {
            return self.of_rules(Direction::Ingress, field);
        }
        if let Some(field) = filter.strip_prefix("egress.ip-permission.") {
            return self.of_rules(Direction::Egress, field);
        }
        let value = match filter {
            "description" => Some(self.group.description.as_str()),
            "group-id" => Some(self.group.id.as_str()),
            "group-name" => Some(self.group.name.as_str()),
            "owner-id" => Some(self.group.owner.as_str()),
            "vpc-id" => self.group.vpc.as_ref().map(|vpc| vpc.as_str()),
            _ => None,
        };
        value.into_iter().map(Cow::from).collect()
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.group.tags)
    }
}
