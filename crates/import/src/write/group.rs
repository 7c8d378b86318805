//! Groups, their rules, and the VPCs that they are associated with.

use ipnet::IpNet;
use secgroup_model::{
    Direction, Family, Listing, Peer, Rule, SecurityGroup, parse_group_description,
    parse_group_name, parse_rule_description,
};

use super::{Kind, Writer, quoted};

impl Writer<'_> {
    pub(super) fn groups(&mut self) {
        let inventory = self.inventory;
        for group in inventory.groups.values() {
            if let Some(name) = self.names.logical(Kind::Group, group.id.as_str()) {
                self.one_group(&name, group);
                self.references(&name, group);
            }
        }
        for ((group, vpc), status) in &inventory.associations {
            if status.is_usable() {
                let name = self.names.new_name(&format!("{group}In{vpc}"));
                let group = self.names.reference(Kind::Group, group.as_str());
                let vpc = self.names.reference(Kind::Vpc, vpc.as_str());
                self.resource(&name, "SecurityGroupVpcAssociation");
                self.property("GroupId", &group);
                self.property("VpcId", &vpc);
            }
        }
    }

    fn one_group(&mut self, name: &str, group: &SecurityGroup) {
        self.resource(name, "SecurityGroup");
        // B5: nobody may make a group of the default group's name.
        if !group.is_default() && parse_group_name(&group.name).is_ok() {
            self.property("GroupName", &quoted(&group.name));
        }
        let description = match parse_group_description(&group.description) {
            Ok(description) => description,
            Err(_) => format!("Group {name}"),
        };
        self.property("GroupDescription", &quoted(&description));
        self.vpc(group.vpc.as_ref());
        for direction in Direction::BOTH {
            let embedded: Vec<&Rule> = group
                .rules_of(direction)
                .filter(|rule| !matches!(rule.spec.peer, Peer::Group(_)))
                .collect();
            let mute = direction == Direction::Egress && group.rules_of(direction).count() == 0;
            if embedded.is_empty() && !mute {
                continue;
            }
            self.line(3, &format!("SecurityGroup{}:", capital(direction)));
            for rule in embedded {
                self.line(4, &format!("- IpProtocol: {}", protocol(rule)));
                self.traffic_and_peer(5, rule);
            }
            if mute {
                self.line(4, "- IpProtocol: \"-1\"");
                self.line(5, "CidrIp: 127.0.0.1/32");
                self.line(5, "Description: \"Nothing goes out\"");
            }
        }
        self.tags(&group.tags);
    }

    /// Rules that name groups: resources of their own.
    fn references(&mut self, name: &str, group: &SecurityGroup) {
        for direction in Direction::BOTH {
            for rule in group.rules_of(direction) {
                let Peer::Group(reference) = &rule.spec.peer else {
                    continue;
                };
                let own = self
                    .names
                    .new_name(&format!("{name}{}", capital(direction)));
                self.resource(&own, &format!("SecurityGroup{}", capital(direction)));
                self.property("GroupId", &format!("!GetAtt {name}.GroupId"));
                self.property("IpProtocol", &protocol(rule));
                self.traffic_and_peer(3, rule);
                if let (Direction::Ingress, Some(account)) = (direction, &reference.account) {
                    self.property("SourceSecurityGroupOwnerId", &quoted(account.as_str()));
                }
            }
        }
    }

    /// Ports, peer and description, at `depth`.
    fn traffic_and_peer(&mut self, depth: usize, rule: &Rule) {
        if let Some((from, to)) = rule.spec.traffic.reported_ports(Listing::Groups) {
            self.line(depth, &format!("FromPort: {from}"));
            self.line(depth, &format!("ToPort: {to}"));
        }
        let end = match rule.spec.direction {
            Direction::Ingress => "Source",
            Direction::Egress => "Destination",
        };
        let (key, value) = match &rule.spec.peer {
            Peer::Cidr(range) => {
                let key = match Family::of(range.addr()) {
                    Family::V4 => "CidrIp",
                    Family::V6 => "CidrIpv6",
                };
                (key.to_owned(), quoted(&IpNet::to_string(range)))
            }
            Peer::PrefixList(list) => {
                let list = self.names.reference(Kind::List, list.as_str());
                (format!("{end}PrefixListId"), list)
            }
            Peer::Group(reference) => {
                let group = self.names.reference(Kind::Group, reference.group.as_str());
                (format!("{end}SecurityGroupId"), group)
            }
        };
        self.line(depth, &format!("{key}: {value}"));
        let described = parse_rule_description(rule.description.clone());
        if let Ok(Some(description)) = described {
            self.line(depth, &format!("Description: {}", quoted(&description)));
        }
    }
}

const fn capital(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "Ingress",
        Direction::Egress => "Egress",
    }
}

fn protocol(rule: &Rule) -> String {
    quoted(&rule.spec.traffic.reported_protocol())
}
