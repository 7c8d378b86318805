//! Rules one by one, as `DescribeSecurityGroupRules` and the answers of Authorize and Revoke show them (E66).

use secgroup_ec2::groups::referenced_group;
use secgroup_ec2::{Site, State};
use secgroup_model::{
    Direction, GroupId, GroupReference, Listing, Peer, Rule, RuleSpec, SecurityGroup,
};

use crate::Xml;

/// A rule of `group`.
pub(super) fn write_rule(
    xml: &mut Xml,
    state: &State,
    site: &Site,
    group: &SecurityGroup,
    rule: &Rule,
) {
    xml.text("securityGroupRuleId", &rule.id);
    xml.text("groupId", &group.id);
    xml.text("groupOwnerId", &group.owner);
    write_spec(xml, &rule.spec, |xml, to| {
        let to = referenced_group(state, group, to);
        xml.element("referencedGroupInfo", |xml| {
            xml.text("groupId", to.id);
            xml.optional("userId", to.account);
            xml.optional("vpcId", to.vpc);
            xml.optional("vpcPeeringConnectionId", to.peering);
            xml.optional("peeringStatus", to.peering_status);
        });
    });
    xml.optional("description", rule.description.as_ref());
    xml.tags(&rule.tags);
    xml.text(
        "securityGroupRuleArn",
        rule.id.arn(&site.region, &group.owner),
    );
}

/// A rule that the group of this id had (E33).
pub(super) fn write_revoked(xml: &mut Xml, group: &GroupId, rule: &Rule) {
    xml.text("securityGroupRuleId", &rule.id);
    xml.text("groupId", group);
    write_spec(xml, &rule.spec, |xml, to| {
        xml.text("referencedGroupId", &to.group);
    });
    xml.optional("description", rule.description.as_ref());
}

/// What a rule allows. A protocol without ports has -1 for both here (A20).
fn write_spec(xml: &mut Xml, spec: &RuleSpec, group: impl FnOnce(&mut Xml, &GroupReference)) {
    xml.text("isEgress", spec.direction == Direction::Egress);
    xml.text("ipProtocol", spec.traffic.reported_protocol());
    if let Some((from, to)) = spec.traffic.reported_ports(Listing::Rules) {
        xml.text("fromPort", from);
        xml.text("toPort", to);
    }
    match &spec.peer {
        Peer::Cidr(range) if range.network().is_ipv4() => xml.text("cidrIpv4", range),
        Peer::Cidr(range) => xml.text("cidrIpv6", range),
        Peer::PrefixList(list) => xml.text("prefixListId", list),
        Peer::Group(to) => group(xml, to),
    }
}
