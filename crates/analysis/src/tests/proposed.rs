//! Proposed rules read back from what a person would paste: the fragment of a template and the command of the AWS CLI, by their text alone.

use std::collections::HashMap;

use secgroup_model::{Direction, Flavour, Peer, RuleSpec, Traffic};

use crate::tests::world::{World, net};
use crate::{Change, Explanation};

/// The rule of the first resource in a fragment.
pub(super) fn by_template(direction: Direction, fragment: &str) -> RuleSpec {
    let mut resources = fragment.split_inclusive('\n').peekable();
    let id = resources.next().unwrap();
    assert!(
        id.trim_end_matches(":\n")
            .chars()
            .all(|c| c.is_ascii_alphanumeric()),
        "{id}"
    );
    let kind = match direction {
        Direction::Ingress => "  Type: AWS::EC2::SecurityGroupIngress\n",
        Direction::Egress => "  Type: AWS::EC2::SecurityGroupEgress\n",
    };
    assert_eq!(resources.next(), Some(kind));
    assert_eq!(resources.next(), Some("  Properties:\n"));
    let mut fields = HashMap::new();
    while let Some(line) = resources.next_if(|line| line.starts_with("    ")) {
        let (name, value) = line.trim().split_once(": ").unwrap();
        fields.insert(name, value.trim_matches('\''));
    }
    let range = fields.get("CidrIp").or_else(|| fields.get("CidrIpv6"));
    rule(
        direction,
        &fields,
        range.expect("what is added is for an address"),
    )
}

/// The rule that a command authorizes.
pub(super) fn by_command(command: &str) -> RuleSpec {
    let (words, permission) = command.split_once(" --ip-permissions ").unwrap();
    let direction = if words.starts_with("aws ec2 authorize-security-group-ingress --group-id ") {
        Direction::Ingress
    } else {
        assert!(
            words.starts_with("aws ec2 authorize-security-group-egress --group-id "),
            "{words}"
        );
        Direction::Egress
    };
    let permission = permission.trim_matches('\'');
    let (fields, ranges) = permission.split_once("=[{").unwrap();
    let (fields, kind) = fields.rsplit_once(',').unwrap();
    let (name, range) = ranges.strip_suffix("}]").unwrap().split_once('=').unwrap();
    assert!(matches!(
        (kind, name),
        ("IpRanges", "CidrIp") | ("Ipv6Ranges", "CidrIpv6")
    ));
    let fields = fields
        .split(',')
        .map(|field| field.split_once('=').unwrap());
    rule(direction, &fields.collect(), range)
}

fn rule(direction: Direction, fields: &HashMap<&str, &str>, range: &str) -> RuleSpec {
    let number = |name| fields.get(name).map(|text: &&str| text.parse().unwrap());
    let protocol = Some(fields["IpProtocol"]);
    let (from, to) = (number("FromPort"), number("ToPort"));
    let traffic = Traffic::parse(protocol, from, to, Flavour::Vpc);
    RuleSpec {
        direction,
        traffic: traffic.unwrap()[0],
        peer: Peer::Cidr(net(range)),
    }
}

fn change(told: &Explanation) -> (&str, Vec<&str>) {
    match &told.change {
        Change::Add {
            cloudformation,
            commands,
            ..
        }
        | Change::Remove {
            cloudformation,
            commands,
            ..
        } => (
            cloudformation,
            commands.iter().map(String::as_str).collect(),
        ),
        Change::None { because } => panic!("no change: {because}"),
    }
}

#[test]
fn rules_to_remove_in_the_spelling_of_their_kind() {
    let world = World::new()
        .group(
            "sg-a",
            &["in tcp 20-30 sg-b", "in all pl-1", "in icmp 8 0.0.0.0/0"],
        )
        .group("sg-b", &["in 47 ::/0", "in tcp 22 203.0.113.0/24"])
        .list("pl-1", secgroup_model::Family::V4, &["203.0.113.7/32"])
        .interface("eni-a", &["sg-a", "sg-b"], &["10.0.1.10", "2001:db8::10"])
        .interface("eni-b", &["sg-b"], &["203.0.113.7"]);
    let told = world.explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:22");
    let (fragment, commands) = change(&told);
    assert_eq!(
        commands,
        [
            "aws ec2 revoke-security-group-ingress --group-id sg-a --ip-permissions \
             'IpProtocol=tcp,FromPort=20,ToPort=30,UserIdGroupPairs=[{GroupId=sg-b}]' \
             'IpProtocol=-1,PrefixListIds=[{PrefixListId=pl-1}]'",
            "aws ec2 revoke-security-group-ingress --group-id sg-b --ip-permissions \
             'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.0/24}]'",
        ]
    );
    assert_eq!(
        fragment,
        "# take out of sg-a\nSecurityGroupIngress:\n  \
         - IpProtocol: 'tcp'  # sg-a#0\n    FromPort: 20\n    ToPort: 30\n    \
         SourceSecurityGroupId: sg-b\n  \
         - IpProtocol: '-1'  # sg-a#1\n    SourcePrefixListId: pl-1\n\
         # take out of sg-b\nSecurityGroupIngress:\n  \
         - IpProtocol: 'tcp'  # sg-b#1\n    FromPort: 22\n    ToPort: 22\n    \
         CidrIp: 203.0.113.0/24\n"
    );
    let told = world.explain("eni-a", "icmp 10.0.9.9 > 10.0.1.10");
    let (_, commands) = change(&told);
    assert_eq!(
        commands,
        [
            "aws ec2 revoke-security-group-ingress --group-id sg-a --ip-permissions \
             'IpProtocol=icmp,FromPort=8,ToPort=-1,IpRanges=[{CidrIp=0.0.0.0/0}]'"
        ]
    );
    let told = world.explain("eni-a", "47 2001:db8::1 > 2001:db8::10");
    let (_, commands) = change(&told);
    assert!(
        commands[0].ends_with("'IpProtocol=47,Ipv6Ranges=[{CidrIpv6=::/0}]'"),
        "{commands:?}"
    );
}

/// F4: the default egress of a group goes with the first rule that is written, and comes back with the last that is taken out.
#[test]
fn the_default_egress_of_a_template_is_thought_of() {
    let mut world = World::new().group("Web", &["out all 0.0.0.0/0"]).interface(
        "eni-a",
        &["Web"],
        &["10.0.1.10", "2001:db8::10"],
    );
    let rename = |world: &mut World, id: &str| {
        let group = world.0.groups.values_mut().next().unwrap();
        group.rules[0].id = secgroup_model::RuleId::new(id);
    };
    rename(&mut world, "Web.DefaultEgress[0]");
    let told = world.explain("eni-a", "tcp [2001:db8::10]:1 > [2001:db8::1]:443");
    let (fragment, commands) = change(&told);
    assert!(
        fragment.contains("CidrIpv6: '2001:db8::1/128'\n")
            && fragment.ends_with("    IpProtocol: '-1'\n    CidrIp: 0.0.0.0/0\n"),
        "{fragment}"
    );
    assert_eq!(fragment.matches("GroupId: !GetAtt Web.GroupId").count(), 2);
    assert!(
        commands[0].contains("Name=tag:aws:cloudformation:logical-id,Values=Web "),
        "{commands:?}"
    );
    let told = world.explain("eni-a", "tcp 10.0.1.10:1 > 203.0.113.7:443");
    let (fragment, _) = change(&told);
    let instead = "# write into Web: a group without egress rules has the default ones\n\
                   SecurityGroupEgress:\n  - IpProtocol: '-1'\n    CidrIp: 127.0.0.1/32\n";
    assert_eq!(fragment, instead);
    rename(&mut world, "Web.SecurityGroupEgress[0]");
    let told = world.explain("eni-a", "tcp 10.0.1.10:1 > 203.0.113.7:443");
    let (fragment, _) = change(&told);
    assert_eq!(
        fragment,
        format!(
            "# take out of Web\nSecurityGroupEgress:\n  - IpProtocol: '-1'  \
             # Web.SecurityGroupEgress[0]\n    CidrIp: 0.0.0.0/0\n{instead}"
        )
    );
}

#[test]
fn rules_with_ids_are_revoked_by_them() {
    let mut world = World::new()
        .group("sg-a", &["in tcp 22 0.0.0.0/0"])
        .interface("eni-a", &["sg-a"], &["10.0.1.10"]);
    let group = world.0.groups.values_mut().next().unwrap();
    group.rules[0].id = secgroup_model::RuleId::new("sgr-0123456789abcdef0");
    let told = world.explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:22");
    let (_, commands) = change(&told);
    assert_eq!(
        commands,
        [
            "aws ec2 revoke-security-group-ingress --group-id sg-a --security-group-rule-ids \
             sgr-0123456789abcdef0"
        ]
    );
}
