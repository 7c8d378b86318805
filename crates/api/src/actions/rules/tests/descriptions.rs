use super::*;
use crate::actions::groups::bench::group;

fn update(side: &str, group: &str, parameters: &str) -> String {
    format!("Action=UpdateSecurityGroupRuleDescriptions{side}&GroupId={group}&{parameters}")
}

#[test]
fn a_description_comes_and_goes_and_the_id_stays() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    for side in ["Ingress", "Egress"] {
        let is_egress = side == "Egress";
        let id = ids(&authorize(&mut bench, side, &web, WEB)).remove(0);
        let by_id = format!("SecurityGroupRuleDescription.1.SecurityGroupRuleId={id}");
        for (parameters, description) in [
            (
                format!("{WEB}&IpPermissions.1.IpRanges.1.Description=one"),
                " (one)",
            ),
            (WEB.to_owned(), ""), // E55: left out, it is gone.
            (
                format!("{by_id}&SecurityGroupRuleDescription.1.Description=two"),
                " (two)",
            ),
            (
                format!("{by_id}&SecurityGroupRuleDescription.1.Description="),
                "",
            ),
        ] {
            let answer = bench.ok(&update(side, &web, &parameters));
            assert_eq!(answer.text("return"), "true");
            let rule = format!("tcp 443-443 0.0.0.0/0{description}");
            assert!(
                rules(&mut bench, &web, is_egress).contains(&rule),
                "{parameters}"
            );
            bench.ok(&format!(
                "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={id}"
            )); // H32
        }
    }
    bench.ok(&format!(
        "Action=UpdateSecurityGroupRuleDescriptionsIngress&GroupName=web&{WEB}"
    ));
}

#[test]
fn what_is_not_there_has_no_description() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let id = ids(&authorize(&mut bench, "Ingress", &web, WEB)).remove(0);
    let by_id = format!("SecurityGroupRuleDescription.1.SecurityGroupRuleId={id}");
    for (side, parameters, code) in [
        ("Egress", WEB.to_owned(), "InvalidPermission.NotFound"),
        (
            "Ingress",
            WEB.replace("=443", "=80"),
            "InvalidPermission.NotFound",
        ),
        (
            "Egress",
            by_id.clone(),
            "InvalidSecurityGroupRuleId.NotFound",
        ),
        (
            "Ingress",
            format!("{by_id}&SecurityGroupRuleDescription.1.Description=%7C"),
            "InvalidParameterValue",
        ),
        (
            "Ingress",
            format!("{by_id}&SecurityGroupRuleDescription.2.SecurityGroupRuleId={id}"),
            "InvalidParameterValue",
        ),
        (
            "Ingress",
            format!("{WEB}&IpPermissions.1.IpRanges.2.CidrIp=0.0.0.0/0"),
            "InvalidParameterValue",
        ),
        (
            "Ingress",
            format!("{by_id}&{WEB}"),
            "InvalidParameterCombination",
        ),
        (
            "Ingress",
            "SecurityGroupRuleDescription.1.Description=x".to_owned(),
            "MissingParameter",
        ),
        ("Ingress", "DryRun=false".to_owned(), "MissingParameter"),
    ] {
        let (answer, _) = bench.fails(&update(side, &web, &parameters));
        assert_eq!(answer, code, "{side} {parameters}");
    }
}
