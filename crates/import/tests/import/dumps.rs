//! The JSON of the AWS CLI, item by item of semantics F11 to F22, and several files together.

use std::collections::BTreeSet;

use crate::support::{errors, load, rules, said, template};
use secgroup_import::Severity;
use secgroup_model::{
    AccountId, AssociationStatus, Family, GroupId, PeeringStatus, PrefixListId, SubnetId, VpcId,
};

/// As `aws ec2 describe-security-groups` prints a group.
pub(crate) const GROUPS: &str = r#"{
    "SecurityGroups": [
        {
            "Description": "web tier",
            "GroupName": "web",
            "IpPermissions": [
                {
                    "FromPort": 443, "IpProtocol": "tcp", "ToPort": 443,
                    "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "Public HTTPS"},
                                 {"CidrIp": "198.51.100.0/24"}],
                    "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                    "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0",
                                       "Description": "offices"}],
                    "UserIdGroupPairs": [
                        {"GroupId": "sg-0aaaaaaaaaaaaaaaa", "UserId": "123456789012"},
                        {"GroupId": "sg-0bbbbbbbbbbbbbbbb", "UserId": "111122223333",
                         "VpcId": "vpc-0bbbbbbbbbbbbbbbb", "VpcPeeringConnectionId": "pcx-1",
                         "PeeringStatus": "deleted"}]
                }
            ],
            "OwnerId": "123456789012",
            "GroupId": "sg-0123456789abcdef0",
            "IpPermissionsEgress": [
                {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [],
                 "PrefixListIds": [], "UserIdGroupPairs": []}
            ],
            "Tags": [{"Key": "Name", "Value": "web"}],
            "VpcId": "vpc-0123456789abcdef0",
            "SecurityGroupArn": "arn:aws:ec2:us-east-1:123456789012:security-group/sg-01"
        }
    ]
}"#;

pub(crate) const ID: &str = "sg-0123456789abcdef0";

#[test]
fn f11_a_group_as_it_is_printed() {
    let import = load(&[("groups.json", GROUPS)]);
    assert_eq!(import.diagnostics, []);
    let group = &import.inventory.groups[ID];
    assert_eq!(
        (group.name.as_str(), group.description.as_str()),
        ("web", "web tier")
    );
    assert_eq!(group.vpc, Some(VpcId::new("vpc-0123456789abcdef0")));
    assert_eq!(group.owner, AccountId::new("123456789012"));
    assert_eq!(group.tags["Name"], "web");
    assert_eq!(group.origin.as_ref().unwrap().line, 22);
}

#[test]
fn f12_a_permission_is_a_rule_per_peer() {
    let import = load(&[("groups.json", GROUPS)]);
    // Names by what the rules say, in the order of the file.
    assert_eq!(
        rules(&import, ID),
        [
            format!("{ID}/ingress/0: tcp 443 from 0.0.0.0/0"),
            format!("{ID}/ingress/1: tcp 443 from 198.51.100.0/24"),
            format!("{ID}/ingress/2: tcp 443 from ::/0"),
            format!("{ID}/ingress/3: tcp 443 from pl-0123456789abcdef0"),
            format!("{ID}/ingress/4: tcp 443 from sg-0aaaaaaaaaaaaaaaa"),
            format!("{ID}/ingress/5: tcp 443 from 111122223333/sg-0bbbbbbbbbbbbbbbb"),
            format!("{ID}/egress/0: all traffic to 0.0.0.0/0"),
        ]
    );
    let group = &import.inventory.groups[ID];
    assert_eq!(group.rules[0].description.as_deref(), Some("Public HTTPS"));
    let secgroup_model::Peer::Group(foreign) = &group.rules[5].spec.peer else {
        panic!()
    };
    assert_eq!(foreign.peering, Some(PeeringStatus::Gone));
    assert_eq!(foreign.vpc, Some(VpcId::new("vpc-0bbbbbbbbbbbbbbbb")));
    // Each peer has its own place.
    let lines: Vec<_> = group
        .rules
        .iter()
        .map(|r| r.origin.as_ref().unwrap().line)
        .collect();
    assert_eq!(lines, [9, 10, 11, 12, 15, 16, 24]);
}

#[test]
fn f12_absent_keys_are_empty_ones() {
    for dump in [
        r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp",
            "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}]}]}"#,
        r#"[{"GroupId": "sg-1", "Tags": null, "IpPermissionsEgress": null, "IpPermissions":
            [{"IpProtocol": "tcp", "FromPort": "22", "ToPort": "22", "IpRanges": null,
              "UserIdGroupPairs": [{"GroupId": "sg-1", "Description": null}]}]}]"#,
    ] {
        let import = load(&[("x.json", dump)]);
        assert_eq!(import.diagnostics, []);
        assert_eq!(rules(&import, "sg-1"), ["sg-1/ingress/0: tcp 22 from sg-1"]);
    }
}

#[test]
fn f12_portless_permissions_have_no_ports() {
    let dump = r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "50", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "58", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0,
         "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}]}]}"#;
    let import = load(&[("x.json", dump)]);
    assert_eq!(import.diagnostics, []);
    let specs: Vec<_> = import.inventory.groups["sg-1"]
        .rules
        .iter()
        .map(|r| r.spec.to_string())
        .collect();
    let [esp, icmpv6, icmp, all] = &specs[..] else {
        panic!("{specs:?}")
    };
    assert!(
        esp.contains("50") && esp.ends_with("from 10.0.0.0/8"),
        "{esp}"
    );
    assert!(icmpv6.contains("icmpv6"), "{icmpv6}");
    assert!(icmp.contains("type 3") && icmp.contains("code 4"), "{icmp}");
    assert_eq!(all, "all traffic from 10.1.0.0/16");
}

#[test]
fn f13_no_egress_stays_no_egress() {
    let dump =
        r#"{"SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissionsEgress": []}]}"#;
    assert_eq!(rules(&load(&[("x.json", dump)]), "sg-1"), [""; 0]);
}

/// As `aws ec2 describe-security-group-rules` prints some rules of the group.
const ROWS: &str = r#"{"SecurityGroupRules": [
    {"SecurityGroupRuleId": "sgr-0aaaaaaaaaaaaaaaa", "GroupId": "sg-0123456789abcdef0",
     "GroupOwnerId": "123456789012", "IsEgress": false, "IpProtocol": "tcp",
     "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0", "Description": "Public HTTPS",
     "Tags": [{"Key": "Ticket", "Value": "42"}]},
    {"SecurityGroupRuleId": "sgr-0bbbbbbbbbbbbbbbb", "GroupId": "sg-0123456789abcdef0",
     "GroupOwnerId": "123456789012", "IsEgress": true, "IpProtocol": "-1",
     "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0", "Tags": []},
    {"SecurityGroupRuleId": "sgr-0cccccccccccccccc", "GroupId": "sg-0123456789abcdef0",
     "GroupOwnerId": "123456789012", "IsEgress": false, "IpProtocol": "tcp",
     "FromPort": 443, "ToPort": 443,
     "ReferencedGroupInfo": {"GroupId": "sg-0aaaaaaaaaaaaaaaa", "UserId": "123456789012"}}]}"#;

#[test]
fn f14_rows_give_rules_their_ids() {
    for files in [
        [("g.json", GROUPS), ("r.json", ROWS)],
        [("r.json", ROWS), ("g.json", GROUPS)],
    ] {
        let import = load(&files);
        assert_eq!(import.diagnostics, []);
        let group = &import.inventory.groups[ID];
        assert_eq!(group.rules.len(), 7);
        let ids: Vec<_> = group.rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(
            (ids[0], ids[6]),
            ("sgr-0aaaaaaaaaaaaaaaa", "sgr-0bbbbbbbbbbbbbbbb")
        );
        assert_eq!(
            (ids[1], ids[4]),
            ("sg-0123456789abcdef0/ingress/1", "sgr-0cccccccccccccccc")
        );
        assert_eq!(group.rules[0].tags["Ticket"], "42");
    }
}

#[test]
fn f14_rows_alone_and_rows_that_do_not_fit() {
    let import = load(&[("r.json", ROWS)]);
    assert_eq!(rules(&import, ID).len(), 3);
    assert!(said(&import, Severity::Warning)[0].contains("no file describes group"));
    // A row that the group does not have: dumps of different moments.
    let other = ROWS.replace("\"FromPort\": 443", "\"FromPort\": 80");
    let import = load(&[("g.json", GROUPS), ("r.json", &other)]);
    assert!(errors(&import)[0].contains("is described twice, and differently"));
    let place = &import.diagnostics[0].labels[0].location;
    assert_eq!((&*place.file, place.line), ("g.json", 22));
}

#[test]
fn f15_order_means_nothing() {
    let one = r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1,
         "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "10.1.0.0/16"}]},
        {"IpProtocol": "udp", "FromPort": 1, "ToPort": 1,
         "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}]}"#;
    let other = r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "udp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1,
         "IpRanges": [{"CidrIp": "10.1.0.0/16"}, {"CidrIp": "10.0.0.0/8"}]}]}]}"#;
    let sorted = |dump| {
        rules(&load(&[("x.json", dump)]), "sg-1")
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(sorted(one), sorted(other));
    // And the same twice is fine.
    assert_eq!(load(&[("a.json", one), ("b.json", other)]).diagnostics, []);
}

/// The output that the tutorial of seed004 shows lacks what real output has.
#[test]
fn f16_trimmed_output_is_read() {
    let dump = r#"{"Return": true, "SecurityGroupRules": [{
        "SecurityGroupRuleId": "sgr-0c1d2e3f4a5b6c7d8", "GroupId": "sg-0a1b2c3d",
        "IsEgress": false, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "CidrIpv4": "0.0.0.0/0", "Description": "Public HTTPS"}]}"#;
    let import = load(&[("x.json", dump)]);
    assert_eq!(errors(&import), [""; 0]);
    assert_eq!(
        rules(&import, "sg-0a1b2c3d"),
        ["sgr-0c1d2e3f4a5b6c7d8: tcp 443 from 0.0.0.0/0"]
    );
}

/// Terraform takes the default egress away (F17), writes (-1, 0, 0) (F18), refers to the group
/// itself (F19) and knows rules by their ids (F22): what EC2 then prints is read as it is.
#[test]
fn f17_to_f22_what_terraform_leaves_behind() {
    let dump = |description: &str| {
        format!(
            r#"{{"SecurityGroups": [{{"GroupId": "sg-1", "Description": "Managed by Terraform",
            "IpPermissions": [{{"IpProtocol": "-1", "UserIdGroupPairs": [{{"GroupId": "sg-1",
            "UserId": "123456789012", "Description": "{description}"}}]}}],
            "IpPermissionsEgress": []}}],
            "SecurityGroupRules": [{{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1",
            "IsEgress": false, "IpProtocol": "-1", "FromPort": 0, "ToPort": 0,
            "ReferencedGroupInfo": {{"GroupId": "sg-1", "UserId": "123456789012"}},
            "Description": "{description}"}}]}}"#
        )
    };
    for description in ["before", "after"] {
        let import = load(&[("x.json", &dump(description))]);
        assert_eq!(import.diagnostics, [], "{description}");
        assert_eq!(rules(&import, "sg-1"), ["sgr-1: all traffic from sg-1"]);
        let rule = &import.inventory.groups["sg-1"].rules[0];
        assert_eq!(rule.description.as_deref(), Some(description));
    }
    // F20: EC2 makes ranges canonical, so a dump that is not was edited; it is read as EC2 would.
    let import = load(&[(
        "x.json",
        &dump("x")
            .replace(
                r#""UserIdGroupPairs": [{"GroupId": "sg-1",
            "UserId": "123456789012", "Description": "x"}]"#,
                r#""IpRanges": [{"CidrIp": "10.0.0.1/8"}]"#,
            )
            .replace("SecurityGroupRules", "Other"),
    )]);
    assert_eq!(
        rules(&import, "sg-1"),
        ["sg-1/ingress/0: all traffic from 10.0.0.0/8"]
    );
    assert!(said(&import, Severity::Note)[0].contains("10.0.0.1/8 has bits set"));
    // F21: the codes are EC2's.
    let import = load(&[(
        "x.json",
        r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions":
        [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10/8"}]}]}]}"#,
    )]);
    assert!(errors(&import)[0].contains("InvalidParameterValue CIDR block 10/8 is malformed"));
    // Terraform's own files are not read.
    let import = load(&[("main.tf", "resource \"aws_security_group\" \"web\" {\n}\n")]);
    assert_eq!(errors(&import).len(), 1);
}

/// EC2-Classic says so with an empty VPC: no egress, groups by name (A39).
#[test]
fn classic_groups() {
    let dump = r#"{"SecurityGroups": [
        {"GroupId": "sg-1", "GroupName": "WebServer", "OwnerId": "111122223333", "VpcId": "",
         "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
                            "UserIdGroupPairs": [
                                {"UserId": "111122223333", "GroupName": "database"}]}]},
        {"GroupId": "sg-2", "GroupName": "Database", "OwnerId": "111122223333", "VpcId": ""}]}"#;
    let import = load(&[("x.json", dump)]);
    assert_eq!(import.diagnostics, []);
    assert_eq!(import.inventory.groups["sg-1"].vpc, None);
    assert_eq!(rules(&import, "sg-1"), ["sg-1/ingress/0: tcp 80 from sg-2"]);
}

const INTERFACE: &str = r#"{
    "NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
    "Groups": [{"GroupId": "sg-1", "GroupName": "web"}, {"GroupId": "sg-2", "GroupName": "ssh"}],
    "PrivateIpAddress": "10.0.0.5",
    "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5", "Primary": true},
                           {"PrivateIpAddress": "10.0.0.6", "Primary": false}],
    "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
    "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.0.32/28"}],
    "MacAddress": "02:00:5e:10:00:01", "SourceDestCheck": false, "Description": "primary",
    "Association": {"PublicIp": "203.0.113.5"},
    "ConnectionTrackingConfiguration": {"TcpEstablishedTimeout": 600},
    "EXTRA": []
}"#;

#[test]
fn interfaces_and_instances_agree() {
    let alone = format!(
        r#"{{"NetworkInterfaces": [{}]}}"#,
        INTERFACE.replace(
            "\"EXTRA\": []",
            r#""TagSet": [{"Key": "Name", "Value": "x"}],
            "Attachment": {"InstanceId": "i-1", "DeviceIndex": 0}"#
        )
    );
    let instance = format!(
        r#"{{"Reservations": [{{"Instances": [{{"InstanceId": "i-1", "NetworkInterfaces": [{}]}},
            {{"InstanceId": "i-2", "State": {{"Name": "terminated"}},
              "NetworkInterfaces": []}}]}}]}}"#,
        INTERFACE.replace(", \"Description\": \"primary\"", "")
    );
    for files in [
        vec![("n", &alone)],
        vec![("n", &alone), ("i", &instance)],
        vec![("i", &instance), ("n", &alone)],
    ] {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let import = load(&files);
        assert_eq!(import.diagnostics, []);
        let interface = &import.inventory.interfaces["eni-1"];
        assert_eq!(
            interface.groups,
            [GroupId::new("sg-1"), GroupId::new("sg-2")]
        );
        let addresses: Vec<_> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(addresses, ["10.0.0.5", "10.0.0.6", "2001:db8::5"]);
        assert_eq!(interface.prefixes[0].to_string(), "10.0.0.32/28");
        assert_eq!(interface.mac.unwrap().to_string(), "02:00:5e:10:00:01");
        assert!(!interface.source_dest_check);
        assert_eq!(interface.tracking.tcp_established.unwrap().as_secs(), 600);
        assert_eq!(interface.instance.as_ref().unwrap().as_str(), "i-1");
        assert_eq!(
            (
                interface.description.as_str(),
                interface.tags["Name"].as_str()
            ),
            ("primary", "x")
        );
        assert_eq!(
            (&interface.vpc, &interface.subnet),
            (&Some(VpcId::new("vpc-1")), &Some(SubnetId::new("subnet-1")))
        );
    }
    let moved = alone.replace("10.0.0.6", "10.0.0.7");
    let import = load(&[("a", &alone), ("b", &moved)]);
    assert_eq!(
        errors(&import),
        ["2:27 network interface eni-1 is described twice, and differently"]
    );
    let first = &import.diagnostics[0].labels[0].location;
    assert_eq!(
        (
            &*first.file,
            &*import.diagnostics[0].location.as_ref().unwrap().file
        ),
        ("a", "b")
    );
}

#[test]
fn networks() {
    let dump = r#"{
    "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "OwnerId": "123456789012",
      "IsDefault": true,
      "CidrBlockAssociationSet": [
        {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "100.64.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "100.65.0.0/16", "CidrBlockState": {"State": "disassociated"}}],
      "Ipv6CidrBlockAssociationSet": [
        {"Ipv6CidrBlock": "2001:db8::/56", "Ipv6CidrBlockState": {"State": "associated"}}],
      "Tags": [{"Key": "Name", "Value": "main"}]}],
    "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24",
      "AvailabilityZone": "us-east-1a", "Ipv6CidrBlockAssociationSet": []}],
    "VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"},
      "RequesterVpcInfo": {"VpcId": "vpc-1"}, "AccepterVpcInfo": {"VpcId": "vpc-2"}}],
    "SecurityGroupVpcAssociations": [
      {"GroupId": "sg-1", "VpcId": "vpc-2", "State": "associated"}]}"#;
    let import = load(&[("x.json", dump)]);
    assert_eq!(import.diagnostics, []);
    let vpc = &import.inventory.vpcs["vpc-1"];
    let cidrs: Vec<_> = vpc.cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(cidrs, ["10.0.0.0/16", "100.64.0.0/16"]);
    assert_eq!(vpc.ipv6_cidrs[0].to_string(), "2001:db8::/56");
    assert!(vpc.is_default);
    let subnet = &import.inventory.subnets["subnet-1"];
    assert_eq!(subnet.cidr.unwrap().to_string(), "10.0.1.0/24");
    assert_eq!(subnet.availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(
        import.inventory.peerings["pcx-1"].status,
        PeeringStatus::Active
    );
    let key = (GroupId::new("sg-1"), VpcId::new("vpc-2"));
    assert_eq!(
        import.inventory.associations[&key],
        AssociationStatus::Associated
    );
    // What a template leaves to the default VPC is in this one.
    let stack = template(
        "G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d}}
I: {Type: AWS::EC2::Instance, Properties: {PrivateIpAddress: 10.0.0.9}}",
    );
    let import = load(&[("x.json", dump), ("s.yaml", &stack)]);
    assert_eq!(import.diagnostics, []);
    assert_eq!(import.inventory.groups["G"].vpc, Some(VpcId::new("vpc-1")));
    // B11: without groups it has the VPC's default one, which is made up (B8): with IPv6 here.
    let groups = &import.inventory.interfaces["I.eth0"].groups;
    assert_eq!(groups, &[GroupId::new("vpc-1.DefaultSecurityGroup")]);
    assert_eq!(rules(&import, "vpc-1.DefaultSecurityGroup").len(), 3);
}

const LISTS: &str = r#"{"PrefixLists": [
    {"PrefixListId": "pl-1", "PrefixListName": "offices", "AddressFamily": "IPv4",
     "State": "create-complete", "MaxEntries": 10, "Version": 3, "OwnerId": "123456789012"},
    {"PrefixListId": "pl-2", "PrefixListName": "homes", "AddressFamily": "IPv6",
     "MaxEntries": 5, "Version": 1, "OwnerId": "123456789012"}]}"#;

const ENTRIES_V4: &str =
    r#"{"Entries": [{"Cidr": "192.0.2.0/24", "Description": "HQ"}, {"Cidr": "198.51.100.0/24"}]}"#;
const ENTRIES_V6: &str = r#"{"Entries": [{"Cidr": "2001:db8::/48"}]}"#;

#[test]
fn prefix_lists_and_their_entries() {
    let named = ENTRIES_V6.replacen('{', "{\"PrefixListId\": \"pl-2\", ", 1);
    for files in [
        [
            ("lists.json", LISTS),
            ("pl-1.json", ENTRIES_V4),
            ("pl-2.json", ENTRIES_V6),
        ],
        [
            ("entries-pl-1.json", ENTRIES_V4),
            ("dir/of-pl-2-v1.json", ENTRIES_V6),
            ("x.json", LISTS),
        ],
        [
            ("x.json", LISTS),
            ("a.json", &named),
            ("b.json", ENTRIES_V4),
        ],
        [
            ("b.json", ENTRIES_V4),
            ("x.json", LISTS),
            ("pl-2.json", ENTRIES_V6),
        ],
    ] {
        let import = load(&files);
        assert_eq!(import.diagnostics, [], "{files:?}");
        let list = &import.inventory.prefix_lists[&PrefixListId::new("pl-1")];
        assert_eq!(
            (list.version, list.max_entries, list.family),
            (3, 10, Family::V4)
        );
        let entries: Vec<_> = list.entries().iter().map(|e| e.cidr.to_string()).collect();
        assert_eq!(entries, ["192.0.2.0/24", "198.51.100.0/24"]);
        assert_eq!(list.entries()[0].description.as_deref(), Some("HQ"));
        assert_eq!(import.inventory.prefix_lists["pl-2"].entries().len(), 1);
    }
}

#[test]
fn entries_of_nobody() {
    let import = load(&[("x.json", LISTS), ("a.json", ENTRIES_V4)]);
    assert_eq!(
        errors(&import),
        ["1:2 of which prefix list are these entries: pl-1, pl-2?"]
    );
    let import = load(&[("pl-9.json", ENTRIES_V4), ("x.json", LISTS)]);
    assert!(errors(&import)[0].contains("pl-9, which no file describes"));
    let import = load(&[
        ("x.json", LISTS),
        ("pl-1.json", ENTRIES_V6),
        ("pl-2.json", ENTRIES_V6),
    ]);
    assert!(errors(&import)[0].contains("CIDR block 2001:db8::/48 is malformed"));
    let import = load(&[("x.json", LISTS), ("pl-1.json", ENTRIES_V4)]);
    assert!(
        said(&import, Severity::Warning)[0].contains("entries of prefix list pl-2 are not known")
    );
}

#[test]
fn lists_of_aws() {
    let dump = r#"{"PrefixLists": [{"Cidrs": ["54.231.0.0/16", "3.5.0.0/19"],
        "PrefixListId": "pl-63a5400a", "PrefixListName": "com.amazonaws.us-east-1.s3"}]}"#;
    let import = load(&[("x.json", dump)]);
    assert_eq!(import.diagnostics, []);
    let list = &import.inventory.prefix_lists["pl-63a5400a"];
    assert_eq!(
        (list.owner.as_str(), list.entries().len(), list.weight()),
        ("AWS", 2, 1)
    );
}
