//! A change as a piece of a CloudFormation template, in YAML.
//!
//! What is added is a resource of its own, to go under `Resources`; what is removed is shown as it would stand in the group. Two rules
//! about egress (F4, F17) make a fragment longer than its rule: a group for which a template writes no egress has the default one,
//! which the first written rule takes away, and which comes back when the last one goes.

use std::fmt::Write;

use ipnet::IpNet;
use secgroup_model::{GroupId, Listing, Peer, Rule, RuleSpec, SecurityGroup};
use secgroup_packet::Direction;

/// An egress rule that allows nothing but is one: in its place the default egress would be back.
const PLACEHOLDER: &str = "  - IpProtocol: '-1'\n    CidrIp: 127.0.0.1/32\n";

/// The resources that add `rule` to `group`.
pub(super) fn adding(group: &SecurityGroup, rule: &RuleSpec) -> String {
    let mut text = resource(group, rule);
    if rule.direction == Direction::Egress {
        // Written egress takes the default away, which is to stay.
        for default in group.rules.iter().filter(|rule| is_default(rule)) {
            text.push_str(&resource(group, &default.spec));
        }
    }
    text
}

/// What to take out of `group`, and what to write instead.
pub(super) fn removing(group: &SecurityGroup, rules: &[&Rule]) -> String {
    let direction = rules
        .first()
        .map_or(Direction::Ingress, |rule| rule.spec.direction);
    let list = match direction {
        Direction::Ingress => "SecurityGroupIngress",
        Direction::Egress => "SecurityGroupEgress",
    };
    let (defaults, written): (Vec<&Rule>, Vec<&Rule>) =
        rules.iter().partition(|rule| is_default(rule));
    let mut text = String::new();
    if !written.is_empty() {
        text = format!("# take out of {}\n{list}:\n", group.id);
        for rule in &written {
            item(&mut text, rule);
        }
    }
    let is_gone = |rule: &&Rule| rules.iter().any(|gone| gone.id == rule.id);
    let mut stay = group
        .rules_of(direction)
        .filter(|rule| !is_gone(rule))
        .peekable();
    let is_without =
        direction == Direction::Egress && (stay.peek().is_none() || !defaults.is_empty());
    if is_without {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            text,
            "# write into {}: a group without egress rules has the default ones\n{list}:",
            group.id
        );
        if stay.peek().is_none() {
            text.push_str(PLACEHOLDER);
        }
        stay.for_each(|rule| item(&mut text, rule));
    }
    text
}

/// Whether nobody wrote it: the importer names these so.
fn is_default(rule: &Rule) -> bool {
    rule.id.as_str().contains(".DefaultEgress[")
}

/// A rule in the list of its group, with its name beside it.
fn item(text: &mut String, rule: &Rule) {
    for (number, (name, value)) in properties(&rule.spec).into_iter().enumerate() {
        let lead = if number == 0 { "-" } else { " " };
        let comment = if number == 0 {
            format!("  # {}", rule.id)
        } else {
            String::new()
        };
        let _ = writeln!(text, "  {lead} {name}: {value}{comment}");
    }
}

/// A rule as a resource.
fn resource(group: &SecurityGroup, rule: &RuleSpec) -> String {
    let kind = match rule.direction {
        Direction::Ingress => "AWS::EC2::SecurityGroupIngress",
        Direction::Egress => "AWS::EC2::SecurityGroupEgress",
    };
    let mut text = format!(
        "{}:\n  Type: {kind}\n  Properties:\n    GroupId: {}\n",
        logical_id(group, rule),
        reference(&group.id)
    );
    for (name, value) in properties(rule) {
        let _ = writeln!(text, "    {name}: {value}");
    }
    text
}

/// Letters and digits, as logical ids have to be, and the same for the same rule.
fn logical_id(group: &SecurityGroup, rule: &RuleSpec) -> String {
    let words = format!("{} {} {rule}", group.id, rule.direction);
    let mut id = String::new();
    for word in words.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            // Two numbers in a row stay two.
            if first.is_ascii_digit() && id.ends_with(|c: char| c.is_ascii_digit()) {
                id.push('x');
            }
            id.push(first.to_ascii_uppercase());
            id.push_str(letters.as_str());
        }
    }
    id
}

/// The properties of a rule, as a group lists it and as a resource has it.
fn properties(rule: &RuleSpec) -> Vec<(&'static str, String)> {
    let protocol = format!("'{}'", rule.traffic.reported_protocol());
    let mut properties = vec![("IpProtocol", protocol)];
    if let Some((from, to)) = rule.traffic.reported_ports(Listing::Groups) {
        properties.push(("FromPort", from.to_string()));
        properties.push(("ToPort", to.to_string()));
    }
    let is_ingress = rule.direction == Direction::Ingress;
    match &rule.peer {
        Peer::Cidr(range @ IpNet::V4(_)) => properties.push(("CidrIp", range.to_string())),
        Peer::Cidr(range @ IpNet::V6(_)) => properties.push(("CidrIpv6", format!("'{range}'"))),
        Peer::PrefixList(id) => {
            let name = if is_ingress {
                "SourcePrefixListId"
            } else {
                "DestinationPrefixListId"
            };
            properties.push((name, list_reference(id.as_str())));
        }
        Peer::Group(peer) => {
            let name = if is_ingress {
                "SourceSecurityGroupId"
            } else {
                "DestinationSecurityGroupId"
            };
            properties.push((name, reference(&peer.group)));
            if let Some(account) = peer.account.as_ref().filter(|_| is_ingress) {
                properties.push(("SourceSecurityGroupOwnerId", format!("'{account}'")));
            }
        }
    }
    properties
}

/// A group by its id, or as the resource of the template that it is.
fn reference(id: &GroupId) -> String {
    if id.as_str().starts_with("sg-") {
        id.to_string()
    } else {
        format!("!GetAtt {id}.GroupId")
    }
}

/// A prefix list likewise.
fn list_reference(id: &str) -> String {
    if id.starts_with("pl-") {
        id.to_owned()
    } else {
        format!("!GetAtt {id}.PrefixListId")
    }
}
