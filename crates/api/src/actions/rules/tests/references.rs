use super::*;
use crate::actions::groups::bench::{group, group_in, peer, unpeer, vpc};
use crate::testing::{ACCOUNT, OTHER_ACCOUNT};

fn from_group(group: &str, account: &str) -> String {
    format!(
        "IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={group}\
         &IpPermissions.1.Groups.1.UserId={account}"
    )
}

#[test]
fn a_group_of_another_network_needs_an_active_peering_connection() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let other = vpc(&mut bench, "10.1.0.0/16");
    let far = group_in(&mut bench, &other, "far");
    let call = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={web}&{}",
        from_group(&far, ACCOUNT)
    );
    let different = (
        "InvalidGroup.NotFound", // A30
        "You have specified two resources that belong to different networks.".to_owned(),
    );
    assert_eq!(bench.fails(&call), different);
    let own = bench.vpc();
    let peering = peer(&mut bench, &own, &other, ACCOUNT);
    let answer = bench.ok(&call);
    let to = answer
        .at("securityGroupRuleSet/item/referencedGroupInfo")
        .unwrap();
    assert_eq!(to.text("groupId"), far);
    assert_eq!(to.text("userId"), ACCOUNT);
    assert_eq!(to.text("vpcId"), other); // A29
    assert_eq!(to.text("vpcPeeringConnectionId"), peering);
    assert_eq!(to.text("peeringStatus"), "active");
    let group = described(&mut bench, &web);
    assert_eq!(
        group.text("ipPermissions/item/groups/item/groupName"),
        "far"
    );
    assert_eq!(
        group.text("ipPermissions/item/groups/item/peeringStatus"),
        "active"
    );
    // B25: the rule of another VPC does not hold the group, and is stale then.
    unpeer(&mut bench, &peering);
    bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={far}"));
    let group = described(&mut bench, &web);
    let pair = &group.items("ipPermissions")[0].items("groups")[0];
    assert_eq!(pair.text("groupId"), far);
    assert_eq!(pair.text("peeringStatus"), "deleted");
    assert!(pair.at("userId").is_none() && pair.at("groupName").is_none()); // A29
    assert_eq!(pair.text("vpcId"), other);
}

#[test]
fn a_group_of_another_account_is_named_with_its_account() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let own = bench.vpc();
    bench.log_in(OTHER_ACCOUNT);
    let other = vpc(&mut bench, "10.1.0.0/16");
    let far = group_in(&mut bench, &other, "far");
    bench.log_in(ACCOUNT);
    let call = |account: &str| {
        format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={web}&{}",
            from_group(&far, account)
        )
    };
    let unknown = (
        "InvalidGroup.NotFound",
        format!("The security group '{far}' does not exist"),
    );
    // Nothing is told about a group that is none of the caller's business.
    assert_eq!(bench.fails(&call(OTHER_ACCOUNT)), unknown);
    let peering = peer(&mut bench, &own, &other, OTHER_ACCOUNT);
    assert_eq!(bench.fails(&call(ACCOUNT)), unknown); // A27: the account is the caller's unless said.
    assert_eq!(bench.fails(&call("")), unknown);
    let answer = bench.ok(&call(OTHER_ACCOUNT));
    let to = answer
        .at("securityGroupRuleSet/item/referencedGroupInfo")
        .unwrap();
    assert_eq!(to.text("userId"), OTHER_ACCOUNT);
    assert_eq!(to.text("vpcPeeringConnectionId"), peering);
    let (code, message) = bench.fails(&call(OTHER_ACCOUNT));
    assert_eq!(code, "InvalidPermission.Duplicate");
    assert!(
        message.contains(&format!("peer: {far}, ALL, ALLOW")),
        "{message}"
    );

    // Modify has no field for the account: the id says whose it is.
    let id = answer
        .text("securityGroupRuleSet/item/securityGroupRuleId")
        .to_owned();
    bench.ok(&format!(
        "Action=ModifySecurityGroupRules&GroupId={web}&SecurityGroupRule.1.SecurityGroupRuleId={id}\
         &SecurityGroupRule.1.SecurityGroupRule.IpProtocol=-1\
         &SecurityGroupRule.1.SecurityGroupRule.ReferencedGroupId={far}\
         &SecurityGroupRule.1.SecurityGroupRule.Description=x"
    ));
    assert_eq!(
        rules(&mut bench, &web, false),
        [format!("-1 -1--1 {far} (x)")]
    );

    // A29: once it is deleted, no listing says its account, and what was listed can be revoked.
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={far}"));
    bench.log_in(ACCOUNT);
    let answer = bench.ok(&format!(
        "Action=RevokeSecurityGroupIngress&GroupId={web}&IpPermissions.1.IpProtocol=-1\
         &IpPermissions.1.Groups.1.GroupId={far}"
    ));
    assert_eq!(
        answer.text("revokedSecurityGroupRuleSet/item/referencedGroupId"),
        far
    );
    assert!(answer.items("unknownIpPermissionSet").is_empty());
}

/// Once the peering is gone, whether another account's group is there still is that account's business alone.
#[test]
fn a_foreign_group_out_of_reach_looks_like_a_deleted_one() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let own = bench.vpc();
    bench.log_in(OTHER_ACCOUNT);
    let other = vpc(&mut bench, "10.1.0.0/16");
    let far = group_in(&mut bench, &other, "far");
    bench.log_in(ACCOUNT);
    let peering = peer(&mut bench, &own, &other, OTHER_ACCOUNT);
    let call = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={web}&{}",
        from_group(&far, OTHER_ACCOUNT)
    );
    bench.ok(&call);
    let named =
        "Action=DescribeSecurityGroups&Filter.1.Name=ip-permission.group-name&Filter.1.Value.1=far";
    assert_eq!(bench.ok(named).items("securityGroupInfo").len(), 1);
    unpeer(&mut bench, &peering);
    assert_eq!(bench.ok(named).items("securityGroupInfo").len(), 0);
    let pair = |bench: &mut Bench| {
        let group = described(bench, &web);
        group.items("ipPermissions")[0].items("groups")[0].clone()
    };
    let stale = pair(&mut bench);
    assert_eq!(stale.text("groupId"), far);
    assert_eq!(stale.text("vpcId"), other);
    assert_eq!(stale.text("vpcPeeringConnectionId"), peering);
    assert_eq!(stale.text("peeringStatus"), "deleted");
    assert!(stale.at("userId").is_none() && stale.at("groupName").is_none()); // A29
    let refused = bench.fails(&call);
    let unknown = format!("The security group '{far}' does not exist");
    assert_eq!(refused, ("InvalidGroup.NotFound", unknown));
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={far}"));
    bench.log_in(ACCOUNT);
    assert_eq!(pair(&mut bench), stale);
    assert_eq!(bench.fails(&call), refused);
}

#[test]
fn a_group_may_be_named_by_name_in_the_default_vpc() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "App"));
    authorize(
        &mut bench,
        "Egress",
        &web,
        "IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupName=aPP",
    );
    assert!(rules(&mut bench, &web, true).contains(&format!("-1 -1--1 {app}")));
    let (code, message) = bench.fails(&format!(
        "Action=AuthorizeSecurityGroupEgress&GroupId={web}&IpPermissions.1.IpProtocol=-1\
         &IpPermissions.1.Groups.1.GroupName=nobody"
    ));
    assert_eq!(code, "InvalidGroup.NotFound");
    let vpc = bench.vpc();
    assert_eq!(
        message,
        format!("The security group 'nobody' does not exist in default VPC '{vpc}'")
    );
}
