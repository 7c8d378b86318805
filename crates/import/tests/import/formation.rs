//! CloudFormation templates, item by item of semantics F1 to F9.

use crate::support::{errors, good, load, rules, said, stack, template};
use secgroup_import::Severity;
use secgroup_model::{AccountId, GroupId, Peer, VpcId};

/// A group with these further properties, in flow style.
pub(crate) fn group(properties: &str) -> String {
    let comma = if properties.is_empty() { "" } else { ", " };
    format!(
        "G:\n  Type: AWS::EC2::SecurityGroup\n  Properties: {{GroupDescription: d, VpcId: \
         vpc-1{comma}{properties}}}"
    )
}

/// A group with this ingress rule.
pub(crate) fn ingress(rule: &str) -> String {
    group(&format!("SecurityGroupIngress: [{{{rule}}}]"))
}

const DEFAULT_EGRESS: [&str; 2] = [
    "G.DefaultEgress[0]: all traffic to 0.0.0.0/0",
    "G.DefaultEgress[1]: all traffic to ::/0",
];

#[test]
fn f1_properties_of_a_group() {
    let import = good(
        "G:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupName: 'Test Security Group '
    GroupDescription: Web tier
    VpcId: vpc-0a1b2c3d
    Tags: [{Key: Name, Value: web}, {Key: Cost, Value: 12}]",
    );
    let group = &import.inventory.groups["G"];
    // B3: spaces at the end are trimmed.
    assert_eq!(group.name, "Test Security Group");
    assert_eq!(group.description, "Web tier");
    assert_eq!(group.vpc, Some(VpcId::new("vpc-0a1b2c3d")));
    assert_eq!(group.owner, AccountId::new("123456789012"));
    assert_eq!(
        (group.tags["Name"].as_str(), group.tags["Cost"].as_str()),
        ("web", "12")
    );
    let origin = group.origin.as_ref().unwrap();
    assert_eq!(
        (&*origin.file, origin.line, origin.column),
        ("stack.yaml", 2, 3)
    );
}

#[test]
fn f1_what_is_required_and_what_has_defaults() {
    let import = good("G: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: d}}");
    assert_eq!(import.inventory.groups["G"].name, "stack-G");
    assert_eq!(
        import.inventory.groups["G"].vpc,
        Some(VpcId::new("default"))
    );
    for body in [
        "Properties: {VpcId: vpc-1}",
        "Properties: {}",
        "Condition: C",
    ] {
        let import = stack(&format!("G: {{Type: 'AWS::EC2::SecurityGroup', {body}}}"));
        let missing = errors(&import)
            .into_iter()
            .any(|e| e.contains("lacks `GroupDescription`"));
        assert!(missing, "{body}: {:?}", errors(&import));
    }
}

#[test]
fn f1_names_and_descriptions_are_those_of_ec2() {
    for (properties, message) in [
        (
            "GroupName: sg-web",
            "Group names may not be in the format sg-*",
        ),
        (
            "GroupName: Default",
            "Cannot use reserved security group name: default",
        ),
        ("GroupName: 'a^b'", "Invalid security group name"),
    ] {
        let errors = errors(&stack(&group(properties)));
        assert!(
            errors[0].contains(message) && errors[0].starts_with("4:"),
            "{errors:?}"
        );
    }
    let two = format!(
        "{}\n{}",
        group("GroupName: web"),
        group("GroupName: WEB").replace("G:", "H:")
    );
    assert!(errors(&stack(&two))[0].contains("have the name 'WEB'"));
}

#[test]
fn f1_a_group_by_ref_and_by_attribute() {
    for reference in [
        "!Ref G",
        "!GetAtt G.GroupId",
        "!GetAtt G.Id",
        "{'Fn::GetAtt': [G, GroupId]}",
    ] {
        let rule = format!("IpProtocol: -1, SourceSecurityGroupId: {reference}");
        let import = good(&ingress(&rule));
        assert_eq!(
            rules(&import, "G")[0],
            "G.SecurityGroupIngress[0]: all traffic from G"
        );
    }
    // The VPC of another group.
    let import = good(&format!(
        "{}\nH: {{Type: 'AWS::EC2::SecurityGroup', Properties: {{GroupDescription: d, VpcId: \
         !GetAtt G.VpcId}}}}",
        group("")
    ));
    assert_eq!(import.inventory.groups["H"].vpc, Some(VpcId::new("vpc-1")));
}

#[test]
fn f2_peers_of_ingress() {
    for (peer, expected) in [
        ("CidrIp: 10.0.0.0/8", "10.0.0.0/8"),
        ("CidrIpv6: '2001:DB8::/32'", "2001:db8::/32"),
        ("SourcePrefixListId: pl-1a2b3c4d", "pl-1a2b3c4d"),
        ("SourceSecurityGroupId: sg-web", "sg-web"),
        ("SourceSecurityGroupName: nobody", "nobody"),
        (
            "SourceSecurityGroupId: sg-web, SourceSecurityGroupOwnerId: '000000000042'",
            "000000000042/sg-web",
        ),
        // A27: one's own account says nothing new.
        (
            "SourceSecurityGroupId: sg-web, SourceSecurityGroupOwnerId: 123456789012",
            "sg-web",
        ),
    ] {
        let rule = format!("IpProtocol: tcp, FromPort: 22, ToPort: 22, {peer}, Description: SSH");
        let import = good(&ingress(&rule));
        let expected = format!("G.SecurityGroupIngress[0]: tcp 22 from {expected}");
        assert_eq!(rules(&import, "G")[0], expected, "{peer}");
        let described = &import.inventory.groups["G"].rules[0].description;
        assert_eq!(described.as_deref(), Some("SSH"));
    }
}

#[test]
fn f2_exactly_one_peer() {
    let none = stack(&ingress("IpProtocol: tcp, FromPort: 22, ToPort: 22"));
    assert!(errors(&none)[0].contains("MissingParameter Missing source specification"));
    let two = "IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0, CidrIpv6: '::/0'";
    let two = stack(&ingress(two));
    assert!(errors(&two)[0].contains("Only one of cidrIp, cidrIpv6"));
    assert_eq!(two.diagnostics[0].labels[0].text, "the first peer");
}

#[test]
fn f3_peers_of_egress() {
    for (peer, expected) in [
        ("CidrIp: 10.0.0.1/8", "10.0.0.0/8"),
        ("CidrIpv6: ::/0", "::/0"),
        ("DestinationPrefixListId: pl-1a2b3c4d", "pl-1a2b3c4d"),
        ("DestinationSecurityGroupId: !Ref G", "G"),
    ] {
        let rule =
            format!("SecurityGroupEgress: [{{IpProtocol: udp, FromPort: 53, ToPort: 53, {peer}}}]");
        let import = good(&group(&rule));
        let expected = format!("G.SecurityGroupEgress[0]: udp 53 to {expected}");
        assert_eq!(rules(&import, "G"), [expected]);
    }
    let source = "SecurityGroupEgress: [{IpProtocol: -1, SourceSecurityGroupId: sg-web}]";
    let import = stack(&group(source));
    let said = said(&import, Severity::Warning);
    assert!(
        said[1].contains("has no property `SourceSecurityGroupId`"),
        "{said:?}"
    );
}

#[test]
fn f4_default_egress() {
    assert_eq!(rules(&good(&group("")), "G"), DEFAULT_EGRESS);
    assert_eq!(
        rules(&good(&group("SecurityGroupEgress: []")), "G"),
        DEFAULT_EGRESS
    );
    let none = "SecurityGroupEgress: [!Ref AWS::NoValue]";
    assert_eq!(rules(&good(&group(none)), "G"), DEFAULT_EGRESS);
    // One rule that was written takes its place: "list one harmless rule".
    let harmless = "SecurityGroupEgress: [{IpProtocol: -1, CidrIp: 127.0.0.1/32}]";
    let import = good(&group(harmless));
    assert_eq!(
        rules(&import, "G"),
        ["G.SecurityGroupEgress[0]: all traffic to 127.0.0.1/32"]
    );
}

const STANDALONE_EGRESS: &str = "
E:
  Type: AWS::EC2::SecurityGroupEgress
  Properties: {GroupId: GROUP, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}";

#[test]
fn f4_a_standalone_egress_rule_removes_the_default() {
    let egress = STANDALONE_EGRESS.replace("GROUP", "!Ref G");
    let import = good(&format!("{}{egress}", group("")));
    assert_eq!(rules(&import, "G"), ["E: tcp 443 to 0.0.0.0/0"]);
    // Not one whose condition does not hold.
    let conditional = egress.replace("  Properties", "  Condition: Never\n  Properties");
    let resources = template(&format!("{}{conditional}", group("")));
    let text = format!("Conditions: {{Never: !Equals [a, b]}}\n{resources}");
    assert_eq!(rules(&load(&[("t.yaml", &text)]), "G"), DEFAULT_EGRESS);
}

/// H42, issue 987 of the CDK: even from a group that was there before the stack.
#[test]
fn f4_even_of_a_group_that_another_file_defines() {
    let dump = r#"{"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "old", "OwnerId": "1",
        "VpcId": "vpc-1", "IpPermissions": [], "IpPermissionsEgress": [
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53,
             "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]}"#;
    let text = template(&STANDALONE_EGRESS.replace("GROUP", "sg-1"));
    for files in [
        [("t.yaml", &*text), ("d.json", dump)],
        [("d.json", dump), ("t.yaml", &text)],
    ] {
        let import = load(&files);
        assert_eq!(import.diagnostics, []);
        let expected = [
            "sg-1/egress/2: udp 53 to 0.0.0.0/0",
            "E: tcp 443 to 0.0.0.0/0",
        ];
        assert_eq!(rules(&import, "sg-1"), expected);
    }
    // Another template's group.
    let (one, other) = (
        template(&group("")),
        template(&STANDALONE_EGRESS.replace("GROUP", "G")),
    );
    let import = load(&[("a.yaml", &one), ("b.yaml", &other)]);
    assert_eq!(rules(&import, "G"), ["E: tcp 443 to 0.0.0.0/0"]);
}

#[test]
fn f5_numbers_are_texts_and_texts_are_numbers() {
    for protocol in ["6", "'6'", "tcp", "TCP", "\"tcp\""] {
        for port in ["22", "'22'", "22.0"] {
            let rule = format!(
                "IpProtocol: {protocol}, FromPort: {port}, ToPort: {port}, CidrIp: 10.0.0.0/8"
            );
            let import = good(&ingress(&rule));
            assert_eq!(
                rules(&import, "G")[0],
                "G.SecurityGroupIngress[0]: tcp 22 from 10.0.0.0/8"
            );
        }
    }
    for all in ["-1", "'-1'", "all"] {
        for ports in [
            "",
            ", FromPort: 0, ToPort: 65535",
            ", FromPort: -1, ToPort: '-1'",
        ] {
            let import = good(&ingress(&format!(
                "IpProtocol: {all}{ports}, CidrIp: 10.0.0.0/8"
            )));
            assert_eq!(
                rules(&import, "G")[0],
                "G.SecurityGroupIngress[0]: all traffic from 10.0.0.0/8"
            );
            assert_eq!(import.diagnostics, [], "{all}{ports}");
        }
    }
    // Ports that mean nothing are worth a note.
    let import = good(&ingress(
        "IpProtocol: -1, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8",
    ));
    assert!(said(&import, Severity::Note)[0].contains("ports play no part"));
    for (port, message) in [
        ("ssh", "`FromPort` must be a whole number, not `ssh`"),
        ("22.5", "`FromPort` must be a whole number, not `22.5`"),
        ("[22]", "`FromPort` must be a whole number, not a list"),
        ("65536", "TCP/UDP port (65536) out of range"),
    ] {
        let rule = format!("IpProtocol: tcp, FromPort: {port}, ToPort: 22, CidrIp: 10.0.0.0/8");
        assert!(
            errors(&stack(&ingress(&rule)))[0].contains(message),
            "{port}"
        );
    }
}

#[test]
fn f6_mutual_references_through_standalone_rules() {
    let import = good(&format!(
        "{}\n{}\n{}",
        group(""),
        group("").replace("G:", "H:"),
        "GH:
  Type: AWS::EC2::SecurityGroupIngress
  Properties: {GroupId: !Ref G, IpProtocol: -1, SourceSecurityGroupId: !Ref H}
HG:
  Type: AWS::EC2::SecurityGroupIngress
  Properties: {GroupId: !GetAtt H.GroupId, IpProtocol: -1, SourceSecurityGroupId: !Ref G}"
    ));
    assert_eq!(rules(&import, "G")[0], "GH: all traffic from H");
    assert_eq!(rules(&import, "H")[0], "HG: all traffic from G");
    assert_eq!(rules(&import, "H").len(), 3);
}

#[test]
fn f7_standalone_rules_find_their_group() {
    let rule = "
R:
  Type: AWS::EC2::SecurityGroupIngress
  Properties: {TARGET, IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}";
    for target in [
        "GroupId: !Ref G",
        "GroupId: G",
        "GroupName: !Ref G",
        "GroupName: WEB",
    ] {
        let group = group("GroupName: web");
        let import = good(&format!("{group}{}", rule.replace("TARGET", target)));
        assert_eq!(
            rules(&import, "G")[0],
            "R: tcp 80 from 0.0.0.0/0",
            "{target}"
        );
    }
    let import = stack(&rule.replace("TARGET, ", ""));
    assert_eq!(errors(&import), ["3:3 ingress rule `R` lacks `GroupId`"]);
    let import = stack(&rule.replace("TARGET", "GroupId: sg-other"));
    assert_eq!(rules(&import, "sg-other"), ["R: tcp 80 from 0.0.0.0/0"]);
    assert!(said(&import, Severity::Warning)[0].contains("no file describes group `sg-other`"));
    // Neither peer nor protocol: two faults, both said.
    let import = stack("R: {Type: 'AWS::EC2::SecurityGroupEgress', Properties: {GroupId: sg-1}}");
    assert_eq!(errors(&import).len(), 2, "{:?}", errors(&import));
}

#[test]
fn f7_duplicates_are_refused() {
    let rule = "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/8}";
    let again = "{IpProtocol: 6, FromPort: 80, ToPort: 80, CidrIp: 10.9.9.9/8, Description: x}";
    let import = stack(&group(&format!("SecurityGroupIngress: [{rule}, {again}]")));
    let errors = errors(&import);
    assert!(
        errors[0].contains("InvalidPermission.Duplicate the specified rule"),
        "{errors:?}"
    );
    assert_eq!(rules(&import, "G").len(), 3);
}

#[test]
fn f8_rules_are_not_listed_by_reference() {
    let import = stack(&format!(
        "{}\nR: {{Type: 'AWS::EC2::SecurityGroupIngress', Properties: {{GroupId: !Ref G, \
         IpProtocol: -1, CidrIp: 10.0.0.0/8}}}}",
        group("SecurityGroupIngress: [!Ref R]")
    ));
    assert_eq!(errors(&import).len(), 1);
    assert_eq!(
        import.diagnostics[0].help,
        ["remove this item: `R` joins the group by its own `GroupId`"]
    );
}

#[test]
fn f9_literal_ids_that_nothing_defines_are_no_fault() {
    let import = good(&ingress("IpProtocol: -1, SourceSecurityGroupId: sg-web"));
    assert_eq!(import.diagnostics, []);
    let Peer::Group(reference) = &import.inventory.groups["G"].rules[0].spec.peer else {
        panic!()
    };
    assert_eq!(reference.group, GroupId::new("sg-web"));
}
