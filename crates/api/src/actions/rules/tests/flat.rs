use super::*;
use crate::actions::groups::bench::{group, group_in, vpc};
use crate::testing::{ACCOUNT, OTHER_ACCOUNT};

#[test]
fn one_rule_may_be_said_without_permissions() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let rule = "IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=10.0.0.0/8";
    bench.ok(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupName=web&{rule}"
    ));
    assert_eq!(rules(&mut bench, &web, false), ["tcp 22-22 10.0.0.0/8"]); // E56
    bench.ok(&format!(
        "Action=RevokeSecurityGroupIngress&GroupName=web&{rule}"
    ));
    assert!(rules(&mut bench, &web, false).is_empty());
}

#[test]
fn a_source_group_stands_for_all_of_tcp_udp_and_icmp() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    for owner in ["", ACCOUNT] {
        let source = format!("SourceSecurityGroupName=App&SourceSecurityGroupOwnerId={owner}");
        bench.ok(&format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={web}&{source}"
        ));
        let expected = [
            format!("icmp -1--1 {app}"),
            format!("tcp 0-65535 {app}"),
            format!("udp 0-65535 {app}"),
        ];
        assert_eq!(rules(&mut bench, &web, false), expected);
        bench.ok(&format!(
            "Action=RevokeSecurityGroupIngress&GroupId={web}&{source}"
        ));
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let other = vpc(&mut bench, "10.1.0.0/16");
    group_in(&mut bench, &other, "elsewhere");
    let default = bench.vpc();
    for (parameters, code, message) in [
        (
            format!("{WEB}&CidrIp=10.0.0.0/8"),
            "InvalidParameterCombination",
            "The parameter 'IpPermissions' may not be used in combination with 'CidrIp'.".to_owned(),
        ),
        (
            "SourceSecurityGroupName=web&IpProtocol=tcp".to_owned(),
            "InvalidParameterCombination",
            "The parameter 'SourceSecurityGroupName' may not be used in combination with 'IpProtocol'."
                .to_owned(),
        ),
        (
            format!("SourceSecurityGroupOwnerId={ACCOUNT}"),
            "MissingParameter",
            "Source group ID missing.".to_owned(), // A31
        ),
        (
            "IpProtocol=tcp&FromPort=1&ToPort=1".to_owned(),
            "MissingParameter",
            "Missing source specification: include source security group or CIDR information".to_owned(),
        ),
        (
            "SourceSecurityGroupName=elsewhere".to_owned(),
            "InvalidGroup.NotFound", // A27: names are those of the default VPC.
            format!("The security group 'elsewhere' does not exist in default VPC '{default}'"),
        ),
        (
            format!("SourceSecurityGroupName=web&SourceSecurityGroupOwnerId={OTHER_ACCOUNT}"),
            "InvalidGroup.NotFound",
            "The security group 'web' does not exist".to_owned(),
        ),
    ] {
        let answer = bench.fails(&format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={web}&{parameters}"
        ));
        assert_eq!(answer, (code, message), "{parameters}");
    }
    for action in ["Authorize", "Revoke"] {
        let (code, message) = bench.fails(&format!(
            "Action={action}SecurityGroupEgress&GroupId={web}&CidrIp=10.0.0.0/8"
        ));
        assert_eq!(code, "InvalidParameterValue"); // E32
        assert_eq!(
            message,
            "The parameter CidrIp is not supported for outbound rules. Use IpPermissions instead."
        );
    }
}
