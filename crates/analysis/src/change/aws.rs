//! A change as a command of the AWS CLI.
//!
//! `--ip-permissions` in the CLI's shorthand says every rule that there is, IPv6 and prefix lists too; `--protocol`, `--port` and `--cidr`
//! do not. A group of a template has no id of EC2 yet: it is looked up by the tag that CloudFormation gives what it makes.

use ipnet::IpNet;
use secgroup_model::{GroupId, Listing, Peer, Rule, RuleSpec, SecurityGroup};
use secgroup_packet::Direction;

/// `aws ec2 authorize-security-group-ingress ...`, or `-egress`.
pub(super) fn authorize(group: &SecurityGroup, rule: &RuleSpec) -> String {
    let direction = rule.direction;
    format!(
        "aws ec2 authorize-security-group-{direction} --group-id {} --ip-permissions {}",
        group_id(&group.id),
        quoted(&permission(rule))
    )
}

/// `aws ec2 revoke-security-group-ingress ...`, or `-egress`, of rules of one direction: by their ids where EC2 gave them some.
pub(super) fn revoke(group: &SecurityGroup, rules: &[&Rule]) -> String {
    let direction = rules
        .first()
        .map_or(Direction::Ingress, |rule| rule.spec.direction);
    let is_named = rules
        .iter()
        .all(|rule| rule.id.as_str().starts_with("sgr-"));
    let which: Vec<_> = if is_named {
        rules.iter().map(|rule| rule.id.to_string()).collect()
    } else {
        let permissions = rules.iter().map(|rule| permission(&rule.spec));
        permissions.map(|text| quoted(&text)).collect()
    };
    let option = if is_named {
        "--security-group-rule-ids"
    } else {
        "--ip-permissions"
    };
    format!(
        "aws ec2 revoke-security-group-{direction} --group-id {} {option} {}",
        group_id(&group.id),
        which.join(" ")
    )
}

/// One permission in shorthand: `IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=10.0.0.0/8}]`.
fn permission(rule: &RuleSpec) -> String {
    let ports = rule.traffic.reported_ports(Listing::Groups);
    let ports = ports.map_or_else(String::new, |(from, to)| {
        format!(",FromPort={from},ToPort={to}")
    });
    let peer = match &rule.peer {
        Peer::Cidr(range @ IpNet::V4(_)) => format!("IpRanges=[{{CidrIp={range}}}]"),
        Peer::Cidr(range @ IpNet::V6(_)) => format!("Ipv6Ranges=[{{CidrIpv6={range}}}]"),
        Peer::PrefixList(id) => format!("PrefixListIds=[{{PrefixListId={id}}}]"),
        Peer::Group(reference) => {
            let account = reference.account.as_ref();
            let account = account.map_or_else(String::new, |account| format!(",UserId={account}"));
            let id = group_id(&reference.group);
            format!("UserIdGroupPairs=[{{GroupId={id}{account}}}]")
        }
    };
    let protocol = rule.traffic.reported_protocol();
    format!("IpProtocol={protocol}{ports},{peer}")
}

/// The id of a group; of one that only a template knows, the command that looks it up.
fn group_id(id: &GroupId) -> String {
    if id.as_str().starts_with("sg-") {
        return id.to_string();
    }
    format!(
        "$(aws ec2 describe-security-groups --filters \
         Name=tag:aws:cloudformation:logical-id,Values={id} --query 'SecurityGroups[0].GroupId' \
         --output text)"
    )
}

/// For a shell: within double quotes a command is still looked up.
fn quoted(text: &str) -> String {
    if text.contains("$(") {
        format!("\"{text}\"")
    } else {
        format!("'{text}'")
    }
}
