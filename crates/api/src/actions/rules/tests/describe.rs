use super::*;
use crate::actions::groups::bench::{default_group, group};
use crate::testing::OTHER_ACCOUNT;

fn found(bench: &mut Bench, parameters: &str) -> Vec<String> {
    ids(&bench.ok(&format!("Action=DescribeSecurityGroupRules&{parameters}")))
}

#[test]
fn rules_are_found_by_id_by_group_and_by_tag() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let tagged = format!(
        "{WEB}&TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=Stage\
         &TagSpecification.1.Tag.1.Value=prod"
    );
    let id = ids(&authorize(&mut bench, "Ingress", &web, &tagged)).remove(0);
    for parameters in [
        format!("SecurityGroupRuleId.1={id}"),
        format!("Filter.1.Name=security-group-rule-id&Filter.1.Value.1={id}"),
        "Filter.1.Name=tag:Stage&Filter.1.Value.1=pr*".to_owned(),
        "Filter.1.Name=tag-key&Filter.1.Value.1=Stage".to_owned(),
        format!(
            "Filter.1.Name=group-id&Filter.1.Value.1={web}&Filter.2.Name=tag-key&Filter.2.Value.1=Stage"
        ),
    ] {
        assert_eq!(
            found(&mut bench, &parameters),
            [id.as_str()],
            "{parameters}"
        );
    }
    let of_group = format!("Filter.1.Name=group-id&Filter.1.Value.1={web}");
    assert_eq!(found(&mut bench, &of_group).len(), 2);
    assert!(found(&mut bench, "Filter.1.Name=group-id&Filter.1.Value.1=sg-0").is_empty()); // E26
    let (code, message) =
        bench.fails("Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1=sgr-0");
    assert_eq!(code, "InvalidSecurityGroupRuleId.NotFound"); // E54
    assert_eq!(message, "The security group rule ID 'sgr-0' does not exist");
    let (code, _) =
        bench.fails("Action=DescribeSecurityGroupRules&Filter.1.Name=cidr&Filter.1.Value.1=x");
    assert_eq!(code, "InvalidParameterValue");
    // What is another account's is not there.
    bench.log_in(OTHER_ACCOUNT);
    assert!(found(&mut bench, &of_group).is_empty());
    let (code, _) = bench.fails(&format!(
        "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={id}"
    ));
    assert_eq!(code, "InvalidSecurityGroupRuleId.NotFound");
}

#[test]
fn a_default_group_refers_to_itself() {
    let mut bench = Bench::new();
    let default = default_group(&bench, &bench.vpc());
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={default}"
    ));
    let rules = answer.items("securityGroupRuleSet");
    let ingress = rules.iter().find(|rule| rule.text("isEgress") == "false");
    let to = ingress.unwrap().at("referencedGroupInfo").unwrap();
    assert_eq!(to.text("groupId"), default); // B8
    assert!(to.at("vpcId").is_none() && to.at("peeringStatus").is_none());
}

#[test]
fn pages_are_the_list_in_the_order_of_ids() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        let group = group(&mut bench, name);
        let ranges: Vec<_> = (1..=6)
            .map(|n| format!("IpPermissions.1.IpRanges.{n}.CidrIp=10.{n}.0.0/16"))
            .collect();
        let permission = format!("IpPermissions.1.IpProtocol=-1&{}", ranges.join("&"));
        authorize(&mut bench, "Ingress", &group, &permission);
    }
    let all = found(&mut bench, "");
    assert_eq!(all.len(), 12 + 2 + 2); // Two new groups with egress, the default one with both.
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let answer = bench.ok(&format!(
            "Action=DescribeSecurityGroupRules&MaxResults=5&NextToken={token}"
        ));
        seen.extend(ids(&answer));
        match answer.at("nextToken") {
            Some(next) => token.clone_from(&next.text),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let (code, message) = bench.fails(&format!(
        "Action=DescribeSecurityGroupRules&MaxResults=5&SecurityGroupRuleId.1={}",
        all[0]
    ));
    assert_eq!(code, "InvalidParameterCombination");
    assert_eq!(
        message,
        "The parameter securityGroupRuleIds cannot be used with the parameter maxResults"
    );
}
