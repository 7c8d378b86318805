use super::*;
use crate::actions::groups::bench::{group, prefix_list};
use crate::testing::ACCOUNT;

#[test]
fn a_permission_becomes_a_rule_for_each_peer() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    let list = prefix_list(&mut bench, "list", 5);
    let answer = authorize(
        &mut bench,
        "Ingress",
        &web,
        &format!(
            "IpPermissions.1.IpProtocol=TCP&IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=81\
             &IpPermissions.1.IpRanges.1.CidrIp=100.68.0.18/18&IpPermissions.1.IpRanges.1.Description=one\
             &IpPermissions.1.IpRanges.7.CidrIp=10.0.0.0/8&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2001:DB8::1/64\
             &IpPermissions.1.PrefixListIds.1.PrefixListId={list}&IpPermissions.1.Groups.1.GroupId={app}\
             &TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=a\
             &TagSpecification.1.Tag.1.Value=b"
        ),
    );
    assert_eq!(answer.text("return"), "true");
    let added = answer.items("securityGroupRuleSet");
    assert_eq!(added.len(), 5); // A3
    for rule in added {
        let id = rule.text("securityGroupRuleId");
        assert!(id.starts_with("sgr-") && id.len() == 21, "{id}"); // B1
        assert_eq!(rule.text("groupId"), web);
        assert_eq!(rule.text("groupOwnerId"), ACCOUNT);
        assert_eq!(rule.text("isEgress"), "false");
        assert_eq!(rule.text("ipProtocol"), "tcp"); // A5
        assert_eq!((rule.text("fromPort"), rule.text("toPort")), ("80", "81"));
        assert_eq!(rule.text("tagSet/item/key"), "a"); // A38
        let arn = format!("arn:aws:ec2:us-east-1:{ACCOUNT}:security-group-rule/{id}");
        assert_eq!(rule.text("securityGroupRuleArn"), arn);
    }
    let expected = [
        "tcp 80-81 10.0.0.0/8".to_owned(),
        "tcp 80-81 100.68.0.0/18 (one)".to_owned(), // A23
        "tcp 80-81 2001:db8::/64".to_owned(),
        format!("tcp 80-81 {list}"),
        format!("tcp 80-81 {app}"),
    ];
    assert_eq!(rules(&mut bench, &web, false), expected);
    // One protocol and port range: one permission, with all that it allows.
    let group = described(&mut bench, &web);
    let [permission] = group.items("ipPermissions") else {
        panic!("{group:#?}")
    };
    assert_eq!(permission.items("ipRanges").len(), 2);
    assert_eq!(permission.text("ipRanges/item/description"), "one");
    assert_eq!(permission.text("ipv6Ranges/item/cidrIpv6"), "2001:db8::/64");
    assert_eq!(permission.text("prefixListIds/item/prefixListId"), list);
    assert_eq!(permission.text("groups/item/groupId"), app);
    assert_eq!(permission.text("groups/item/userId"), ACCOUNT);
    assert!(permission.at("groups/item/vpcId").is_none()); // A29
}

#[test]
fn protocols_without_ports_report_them_as_the_listing_does() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    for (permission, rule, of_group) in [
        (
            "IpProtocol=50&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=2",
            "50 -1--1 10.0.0.0/8",
            None,
        ),
        ("IpProtocol=all", "-1 -1--1 10.0.0.0/8", None), // A6
        (
            "IpProtocol=58",
            "icmpv6 -1--1 10.0.0.0/8",
            Some(("-1", "-1")),
        ), // A10, A19
        (
            "IpProtocol=icmp&IpPermissions.1.FromPort=3&IpPermissions.1.ToPort=4",
            "icmp 3-4 10.0.0.0/8",
            Some(("3", "4")),
        ),
    ] {
        let answer = authorize(
            &mut bench,
            "Ingress",
            &web,
            &format!("IpPermissions.1.{permission}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8"),
        );
        assert_eq!(line(&answer.items("securityGroupRuleSet")[0]), rule); // A20
        let group = described(&mut bench, &web);
        let protocol = rule.split(' ').next().unwrap();
        let shown = group.items("ipPermissions").iter();
        let shown = shown.filter(|shown| shown.text("ipProtocol") == protocol);
        let ports: Vec<_> = shown
            .map(|shown| Some((&*shown.at("fromPort")?.text, &*shown.at("toPort")?.text)))
            .collect();
        assert_eq!(ports, [of_group], "{permission}");
    }
}

#[test]
fn what_cannot_be_a_rule_is_refused_in_the_words_of_ec2() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let tcp = "IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=1";
    let cidr = "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";
    for (permission, code, message) in [
        (
            format!("IpProtocol=foo&{cidr}"),
            "InvalidParameterValue",
            "Invalid value 'foo' for IP protocol. Unknown protocol.", // A7
        ),
        (
            format!("FromPort=1&IpPermissions.1.ToPort=1&{cidr}"),
            "InvalidParameterValue",
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.", // A8
        ),
        (
            format!("IpProtocol=tcp&IpPermissions.1.FromPort=-1&IpPermissions.1.ToPort=-1&{cidr}"),
            "InvalidParameterValue",
            "TCP/UDP port (-1) out of range", // A13
        ),
        (
            format!("IpProtocol=udp&IpPermissions.1.FromPort=9&IpPermissions.1.ToPort=1&{cidr}"),
            "InvalidParameterValue",
            "Invalid TCP/UDP port range (9:1)",
        ),
        (
            format!("IpProtocol=tcp&IpPermissions.1.FromPort=9&{cidr}"),
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.", // A14
        ),
        (
            format!("IpProtocol=tcp&IpPermissions.1.FromPort=x&IpPermissions.1.ToPort=1&{cidr}"),
            "InvalidParameterValue",
            "Invalid value 'x' for parameter IpPermissions.1.FromPort: it is no integer",
        ),
        (
            format!(
                "IpProtocol=icmp&IpPermissions.1.FromPort=8&IpPermissions.1.ToPort=65535&{cidr}"
            ),
            "InvalidParameterValue",
            "ICMP code (65535) out of range", // A18
        ),
        (
            format!("{tcp}&IpPermissions.1.IpRanges.1.CidrIp=2001:db8::/32"),
            "InvalidParameterValue",
            "CIDR block 2001:db8::/32 is malformed", // A24
        ),
        (
            format!("{tcp}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.1"),
            "InvalidParameterValue",
            "CIDR block 10.0.0.1 is malformed", // A22
        ),
        (
            tcp.to_owned(),
            "MissingParameter",
            "Missing source specification: include source security group or CIDR information", // A31
        ),
        (
            format!("{tcp}&IpPermissions.1.Groups.1.UserId={ACCOUNT}"),
            "MissingParameter",
            "Source group ID missing.", // A31
        ),
        (
            format!("{tcp}&IpPermissions.1.Groups.1.GroupId=web"),
            "InvalidGroupId.Malformed",
            "Invalid id: \"web\" (expecting \"sg-...\")",
        ),
        (
            format!("{tcp}&IpPermissions.1.PrefixListIds.1.PrefixListId=pl-00000000"),
            "InvalidPrefixListID.NotFound",
            "The prefix list ID 'pl-00000000' does not exist", // E63
        ),
        (
            format!("{tcp}&{cidr}&IpPermissions.1.IpRanges.1.Description=%7C"),
            "InvalidParameterValue",
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*", // A32
        ),
        (
            format!(
                "{tcp}&{cidr}&IpPermissions.1.IpRanges.2.CidrIp=0.0.0.0/0&IpPermissions.1.IpRanges.2.Description=x"
            ),
            "InvalidParameterValue",
            "The same permission must not appear multiple times", // A36, A33
        ),
        (
            format!("{tcp}&{cidr}&IpPermissions.1.UserIdGroupPairs.1.GroupId={web}"),
            "UnknownParameter",
            "The parameter IpPermissions.1.UserIdGroupPairs.1.GroupId is not recognized", // H24
        ),
    ] {
        let form = format!("GroupId={web}&IpPermissions.1.{permission}");
        for side in ["Ingress", "Egress"] {
            let answer = bench.fails(&format!("Action=AuthorizeSecurityGroup{side}&{form}"));
            assert_eq!(answer, (code, message.to_owned()), "{permission}");
        }
    }
    let (code, _) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={web}"
    ));
    assert_eq!(code, "MissingParameter");
    let (code, _) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupEgress&GroupName=web&{WEB}"
    ));
    assert_eq!(code, "MissingParameter"); // E32: no names here.
    let (code, message) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId=sg-00000000&{WEB}"
    ));
    assert_eq!(code, "InvalidGroup.NotFound");
    assert_eq!(message, "The security group 'sg-00000000' does not exist");
}

#[test]
fn a_rule_that_is_there_is_a_duplicate_and_nothing_else_is_added() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    authorize(&mut bench, "Ingress", &web, WEB);
    // A33, A37, H30: another spelling, another description, and a rule that would be new.
    let (code, message) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupName=WEB&{}&IpPermissions.1.IpRanges.1.Description=x\
         &IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8",
        WEB.replace("=tcp", "=6")
    ));
    assert_eq!(code, "InvalidPermission.Duplicate");
    assert_eq!(
        message,
        "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW\" already exists" // A35
    );
    assert_eq!(rules(&mut bench, &web, false), ["tcp 443-443 0.0.0.0/0"]);
    // A34: the other direction is another rule.
    authorize(&mut bench, "Egress", &web, WEB);
}

#[test]
fn rules_count_in_each_direction_and_family() {
    let mut bench = Bench::new();
    bench.site.quotas.rules_per_group = 3;
    let web = group(&mut bench, "web");
    let list = prefix_list(&mut bench, "list", 2);
    let tcp = |port: u16, peer: &str| {
        format!(
            "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}\
             &IpPermissions.1.{peer}"
        )
    };
    let v4 = "IpRanges.1.CidrIp=10.0.0.0/8";
    let v6 = "Ipv6Ranges.1.CidrIpv6=::/0";
    let own = format!("Groups.1.GroupId={web}");
    let of_list = format!("PrefixListIds.1.PrefixListId={list}");
    let full = (
        "RulesPerSecurityGroupLimitExceeded", // B19
        "The maximum number of rules per security group has been reached.".to_owned(),
    );
    authorize(&mut bench, "Ingress", &web, &tcp(1, &own)); // 1 and 1: a group counts in both.
    authorize(&mut bench, "Ingress", &web, &tcp(2, v6)); // 1 and 2.
    authorize(&mut bench, "Ingress", &web, &tcp(3, v6)); // 1 and 3.
    let call = format!("Action=AuthorizeSecurityGroupIngress&GroupId={web}");
    assert_eq!(bench.fails(&format!("{call}&{}", tcp(4, v6))), full);
    assert_eq!(bench.fails(&format!("{call}&{}", tcp(4, &own))), full);
    authorize(&mut bench, "Ingress", &web, &tcp(4, &of_list)); // 3 and 3: its size, not its entries (B18).
    assert_eq!(bench.fails(&format!("{call}&{}", tcp(5, v4))), full);
    authorize(&mut bench, "Egress", &web, &tcp(5, v4)); // B16: the other direction has its own.
}

#[test]
fn a_list_may_be_named_so_often_and_no_oftener() {
    let mut bench = Bench::new();
    bench.site.quotas.prefix_lists.references_per_list = 1;
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    let list = prefix_list(&mut bench, "list", 1);
    let permission = format!(
        "IpPermissions.1.IpProtocol=-1&IpPermissions.1.PrefixListIds.1.PrefixListId={list}"
    );
    authorize(&mut bench, "Ingress", &web, &permission);
    let (code, _) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={app}&{permission}"
    ));
    assert_eq!(code, "ResourceCountExceeded"); // B23
}
