use super::*;
use crate::actions::groups::bench::{group, group_in, vpc};

fn revoke(bench: &mut Bench, side: &str, group: &str, parameters: &str) -> Element {
    bench.ok(&format!(
        "Action=RevokeSecurityGroup{side}&GroupId={group}&{parameters}"
    ))
}

#[test]
fn the_first_egress_rule_goes_as_tools_ask_for_it() {
    let mut bench = Bench::new();
    let other = vpc(&mut bench, "10.1.0.0/16");
    for (number, ports) in ["0", "-1"].iter().enumerate() {
        let web = group_in(&mut bench, &other, &format!("web{number}"));
        let default = described(&mut bench, &web);
        assert_eq!(default.items("ipPermissionsEgress").len(), 1);
        let permission = format!(
            "IpPermissions.1.IpProtocol=-1&IpPermissions.1.FromPort={ports}&IpPermissions.1.ToPort={ports}"
        );
        // H28
        let answer = revoke(
            &mut bench,
            "Egress",
            &web,
            &format!("{permission}&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"),
        );
        assert_eq!(answer.text("return"), "true");
        assert!(answer.items("unknownIpPermissionSet").is_empty());
        let [rule] = answer.items("revokedSecurityGroupRuleSet") else {
            panic!("{answer:#?}")
        };
        assert_eq!(rule.text("groupId"), web);
        assert_eq!(line(rule), "-1 -1--1 0.0.0.0/0");
        let (code, message) = bench.fails(&format!(
            "Action=RevokeSecurityGroupEgress&GroupId={web}&{permission}\
             &IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0"
        ));
        assert_eq!(code, "InvalidPermission.NotFound"); // E53, E61
        assert_eq!(
            message,
            "The specified rule does not exist in this security group"
        );
    }
}

#[test]
fn in_the_default_vpc_what_is_not_there_is_said_and_the_rest_goes() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    authorize(&mut bench, "Ingress", &web, WEB);
    let answer = revoke(
        &mut bench,
        "Ingress",
        &web,
        &format!(
            "{WEB}&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8\
             &IpPermissions.2.IpProtocol=17&IpPermissions.2.FromPort=1&IpPermissions.2.ToPort=2\
             &IpPermissions.2.Groups.1.GroupId={app}&IpPermissions.2.Groups.2.GroupId=sg-00000000"
        ),
    );
    assert_eq!(answer.items("revokedSecurityGroupRuleSet").len(), 1); // E53, H34
    let [tcp, udp] = answer.items("unknownIpPermissionSet") else {
        panic!("{answer:#?}")
    };
    assert_eq!(tcp.texts("ipRanges", "cidrIp"), ["10.0.0.0/8"]);
    assert_eq!(udp.text("ipProtocol"), "udp");
    assert_eq!((udp.text("fromPort"), udp.text("toPort")), ("1", "2"));
    assert_eq!(udp.texts("groups", "groupId"), [&app, "sg-00000000"]);
    assert!(rules(&mut bench, &web, false).is_empty());
}

#[test]
fn elsewhere_one_that_is_not_there_keeps_all() {
    let mut bench = Bench::new();
    let other = vpc(&mut bench, "10.1.0.0/16");
    let web = group_in(&mut bench, &other, "web");
    for side in ["Ingress", "Egress"] {
        authorize(&mut bench, side, &web, WEB);
        let (code, _) = bench.fails(&format!(
            "Action=RevokeSecurityGroup{side}&GroupId={web}&{WEB}&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8"
        ));
        assert_eq!(code, "InvalidPermission.NotFound");
        // A33: whatever its description is said to be.
        let described = format!("{WEB}&IpPermissions.1.IpRanges.1.Description=x");
        revoke(&mut bench, side, &web, &described);
    }
    assert!(rules(&mut bench, &web, false).is_empty());
    assert_eq!(rules(&mut bench, &web, true), ["-1 -1--1 0.0.0.0/0"]);
}

#[test]
fn rules_go_by_id_in_their_direction() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    let ingress = ids(&authorize(&mut bench, "Ingress", &web, WEB)).remove(0);
    let egress = ids(&authorize(&mut bench, "Egress", &web, WEB)).remove(0);
    let of_app = ids(&authorize(&mut bench, "Ingress", &app, WEB)).remove(0);
    let not_found = "InvalidSecurityGroupRuleId.NotFound";
    let unknown = |id: &str| format!("The security group rule ID '{id}' does not exist");
    let twice = format!(
        "Duplicated security group rule ID '{ingress}'. The same security group rule ID must not appear multiple times."
    );
    for (parameters, code, message) in [
        (format!("SecurityGroupRuleId.1={egress}"), not_found, unknown(&egress)), // E54
        (format!("SecurityGroupRuleId.1={of_app}"), not_found, unknown(&of_app)),
        ("SecurityGroupRuleId.1=sgr-1".to_owned(), not_found, unknown("sgr-1")),
        (
            "SecurityGroupRuleId.1=sg-1".to_owned(),
            "InvalidSecurityGroupRuleId.Malformed",
            "Invalid id: \"sg-1\" (expecting \"sgr-...\")".to_owned(),
        ),
        (
            format!("SecurityGroupRuleId.1=sgr-{}", "0".repeat(18)),
            "InvalidSecurityGroupRuleId.Malformed",
            format!("Invalid id: \"sgr-{}\" (expecting \"sgr-...\")", "0".repeat(18)),
        ),
        (
            format!("SecurityGroupRuleId.1={ingress}&SecurityGroupRuleId.2={ingress}"),
            "InvalidParameterValue",
            twice,
        ),
        (
            format!("SecurityGroupRuleId.1={ingress}&{WEB}"),
            "InvalidParameterCombination",
            "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'."
                .to_owned(),
        ),
        (
            String::new(),
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.".to_owned(),
        ),
    ] {
        let answer = bench.fails(&format!(
            "Action=RevokeSecurityGroupIngress&GroupId={web}&{parameters}"
        ));
        assert_eq!(answer, (code, message), "{parameters}");
    }
    let answer = revoke(
        &mut bench,
        "Ingress",
        &web,
        &format!("SecurityGroupRuleId.1={ingress}"),
    );
    assert_eq!(
        answer.texts("revokedSecurityGroupRuleSet", "securityGroupRuleId"),
        [&ingress]
    );
    let answer = revoke(
        &mut bench,
        "Egress",
        &web,
        &format!("SecurityGroupRuleId.1={egress}"),
    );
    assert_eq!(
        answer.text("revokedSecurityGroupRuleSet/item/isEgress"),
        "true"
    );
    // B27: a rule that is gone has no id.
    let (code, _) = bench.fails(&format!(
        "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={ingress}"
    ));
    assert_eq!(code, not_found);
}
