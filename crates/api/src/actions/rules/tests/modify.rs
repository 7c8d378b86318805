use super::*;
use crate::actions::groups::bench::{group, prefix_list};

fn modification(group: &str, id: &str, rule: &str) -> String {
    format!(
        "Action=ModifySecurityGroupRules&GroupId={group}&SecurityGroupRule.1.SecurityGroupRuleId={id}\
         &{}",
        rule.split('&')
            .map(|field| format!("SecurityGroupRule.1.SecurityGroupRule.{field}"))
            .collect::<Vec<_>>()
            .join("&")
    )
}

#[test]
fn a_rule_says_something_else_and_keeps_its_id_and_tags() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let id = ids(&authorize(
        &mut bench,
        "Ingress",
        &web,
        &format!(
            "{WEB}&IpPermissions.1.IpRanges.1.Description=old&TagSpecification.1.ResourceType=security-group-rule\
             &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
        ),
    ))
    .remove(0);
    let answer = bench.ok(&modification(
        &web,
        &id,
        "IpProtocol=udp&FromPort=53&ToPort=53&CidrIpv4=10.1.2.3/8&Description=new",
    ));
    assert_eq!(answer.text("return"), "true");
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={id}"
    ));
    let rule = &answer.items("securityGroupRuleSet")[0];
    assert_eq!(line(rule), "udp 53-53 10.0.0.0/8 (new)");
    assert_eq!(rule.text("tagSet/item/key"), "a");
    // E52: what is left out is gone.
    bench.ok(&modification(
        &web,
        &id,
        "IpProtocol=-1&FromPort=-1&ToPort=-1&CidrIpv4=10.0.0.0/8",
    ));
    assert_eq!(rules(&mut bench, &web, false), ["-1 -1--1 10.0.0.0/8"]);
}

#[test]
fn two_rules_may_swap_what_they_say() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let added = authorize(
        &mut bench,
        "Ingress",
        &web,
        &format!("{WEB}&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8"),
    );
    let added = ids(&added);
    let swap = |first: &str, second: &str| {
        let mut form = format!("Action=ModifySecurityGroupRules&GroupId={web}");
        for (place, (id, cidr)) in added.iter().zip([first, second]).enumerate() {
            let item = format!("&SecurityGroupRule.{place}.SecurityGroupRule");
            form += &format!(
                "{item}Id={id}{item}.IpProtocol=tcp{item}.FromPort=443{item}.ToPort=443{item}.CidrIpv4={cidr}"
            );
        }
        form
    };
    bench.ok(&swap("10.0.0.0/8", "0.0.0.0/0"));
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={}",
        added[0]
    ));
    assert_eq!(
        answer.text("securityGroupRuleSet/item/cidrIpv4"),
        "10.0.0.0/8"
    );
    let (code, message) = bench.fails(&swap("10.0.0.0/8", "10.0.0.0/8"));
    assert_eq!(code, "InvalidPermission.Duplicate");
    assert_eq!(
        message,
        "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW\" already exists"
    );
}

#[test]
fn what_a_rule_cannot_become_is_refused() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    let list = prefix_list(&mut bench, "list", 1);
    let large = prefix_list(&mut bench, "large", 60);
    let permission = format!("{WEB}&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8");
    let range = ids(&authorize(&mut bench, "Ingress", &web, &permission)).remove(0);
    let of = |bench: &mut Bench, peer: &str| {
        let permission = format!("IpPermissions.1.IpProtocol=-1&IpPermissions.1.{peer}");
        ids(&authorize(bench, "Ingress", &web, &permission)).remove(0)
    };
    let of_group = of(&mut bench, &format!("Groups.1.GroupId={app}"));
    let of_list = of(&mut bench, &format!("PrefixListIds.1.PrefixListId={list}"));
    let of_app = ids(&authorize(&mut bench, "Ingress", &app, WEB)).remove(0);
    let kind = |id: &str, what: &str| {
        format!(
            "Invalid rule type for security group rule '{id}'. You may not specify {what} rule."
        )
    };
    let one_of = "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId";
    let value = "InvalidParameterValue";
    let tcp = "IpProtocol=tcp&FromPort=443&ToPort=443";
    for (id, rule, code, message) in [
        (
            &range,
            "IpProtocol=-1&CidrIpv6=::/0".to_owned(),
            value,
            kind(&range, "an IPv6 CIDR for an existing IPv4 CIDR"),
        ),
        (
            &range,
            format!("IpProtocol=-1&ReferencedGroupId={app}"),
            value,
            kind(&range, "a referenced group id for an existing IPv4 CIDR"),
        ),
        (
            &of_group,
            "IpProtocol=-1&CidrIpv4=10.0.0.0/8".to_owned(),
            value,
            kind(&of_group, "an IPv4 CIDR for an existing referenced group id"),
        ),
        (
            &of_list,
            format!("IpProtocol=-1&ReferencedGroupId={app}"),
            value,
            kind(&of_list, "a referenced group id for an existing prefix list id"),
        ),
        (
            &range,
            "IpProtocol=-1&FromPort=80&ToPort=80&CidrIpv4=10.0.0.0/8".to_owned(),
            value,
            "You may not specify all protocols and specific ports. Please specify each protocol and port \
             range combination individually, or all protocols and no port range."
                .to_owned(),
        ),
        (&range, tcp.to_owned(), "MissingParameter", one_of.to_owned()),
        (
            &range,
            format!("{tcp}&CidrIpv4=10.0.0.0/8&CidrIpv6=::/0"),
            "InvalidParameterCombination",
            "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified".to_owned(),
        ),
        (
            &range,
            format!("{tcp}&CidrIpv4=10.0.0.0/8"),
            "InvalidPermission.Duplicate",
            "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW\" already exists"
                .to_owned(),
        ),
        (
            &range,
            "IpProtocol=tcp&FromPort=443&CidrIpv4=10.0.0.0/8".to_owned(),
            value,
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.".to_owned(),
        ),
        (
            &of_group,
            "IpProtocol=-1&ReferencedGroupId=sg-00000000".to_owned(),
            "InvalidGroup.NotFound",
            "The security group 'sg-00000000' does not exist".to_owned(),
        ),
        (
            &of_list,
            "IpProtocol=-1&PrefixListId=pl-00000000".to_owned(),
            "InvalidPrefixListID.NotFound",
            "The prefix list ID 'pl-00000000' does not exist".to_owned(),
        ),
        (
            &of_list,
            format!("IpProtocol=-1&PrefixListId={large}"),
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.".to_owned(),
        ),
        (
            &of_app,
            "IpProtocol=-1&CidrIpv4=10.0.0.0/8".to_owned(),
            "InvalidSecurityGroupRuleId.NotFound",
            format!("The security group rule ID '{of_app}' does not exist"),
        ),
    ] {
        let answer = bench.fails(&modification(&web, id, &rule));
        assert_eq!(answer, (code, message), "{rule}");
    }
    let call = format!("Action=ModifySecurityGroupRules&GroupId={web}");
    assert_eq!(bench.fails(&call).0, "MissingParameter");
    let (code, _) = bench.fails(&format!(
        "{call}&SecurityGroupRule.1.SecurityGroupRuleId={range}"
    ));
    assert_eq!(code, "MissingParameter");
    let twice = format!(
        "{}&SecurityGroupRule.2.SecurityGroupRuleId={range}\
         &SecurityGroupRule.2.SecurityGroupRule.IpProtocol=-1&SecurityGroupRule.2.SecurityGroupRule.CidrIpv4=10.9.0.0/16",
        modification(&web, &range, "IpProtocol=-1&CidrIpv4=10.0.0.0/8")
    );
    let (code, message) = bench.fails(&twice);
    assert_eq!(code, value);
    assert_eq!(
        message,
        format!(
            "Duplicated security group rule ID '{range}'. The same security group rule ID must not appear multiple times."
        )
    );
}

#[test]
fn lists_and_groups_give_way_to_others_of_their_kind() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    let (one, two) = (
        prefix_list(&mut bench, "one", 1),
        prefix_list(&mut bench, "two", 1),
    );
    let permission = format!(
        "IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={app}\
         &IpPermissions.1.PrefixListIds.1.PrefixListId={one}"
    );
    let added = ids(&authorize(&mut bench, "Egress", &web, &permission));
    let group = format!("IpProtocol=tcp&FromPort=1&ToPort=2&ReferencedGroupId={web}");
    bench.ok(&modification(&web, &added[0], &group));
    bench.ok(&modification(
        &web,
        &added[1],
        &format!("IpProtocol=-1&PrefixListId={two}"),
    ));
    let mut expected = [
        "-1 -1--1 0.0.0.0/0".to_owned(),
        format!("-1 -1--1 {two}"),
        format!("tcp 1-2 {web}"),
    ];
    expected.sort();
    assert_eq!(rules(&mut bench, &web, true), expected);
}
