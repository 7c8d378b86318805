use crate::actions::groups::bench::{default_group, group, group_in, vpc};
use crate::testing::{ACCOUNT, Bench, OTHER_ACCOUNT};

/// A group of the default VPC, and another VPC.
fn two_sides(bench: &mut Bench) -> (String, String) {
    (group(bench, "web"), vpc(bench, "10.1.0.0/16"))
}

#[test]
fn an_associated_group_may_be_used_and_named_in_the_other_vpc() {
    let mut bench = Bench::new();
    let (web, other) = two_sides(&mut bench);
    let app = group_in(&mut bench, &other, "app");
    let call = format!("SecurityGroupVpc&GroupId={web}&VpcId={other}");
    for _ in 0..2 {
        let answer = bench.ok(&format!("Action=Associate{call}"));
        assert_eq!(answer.text("state"), "associated"); // B29
    }
    let named = format!(
        "GroupId={app}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={web}"
    );
    let answer = bench.ok(&format!("Action=AuthorizeSecurityGroupIngress&{named}"));
    let to = answer
        .at("securityGroupRuleSet/item/referencedGroupInfo")
        .unwrap();
    assert_eq!(to.text("vpcId"), bench.vpc());
    assert!(to.at("peeringStatus").is_none());
    // B24: an association holds the group.
    let delete = format!("Action=DeleteSecurityGroup&GroupId={web}");
    assert_eq!(bench.fails(&delete).0, "DependencyViolation");
    let answer = bench.ok(&format!("Action=Disassociate{call}"));
    assert_eq!(answer.text("state"), "disassociated");
    let (code, message) = bench.fails(&format!("Action=Disassociate{call}"));
    assert_eq!(code, "InvalidGroup.NotFound");
    assert_eq!(
        message,
        format!("The security group '{web}' is not associated with the VPC '{other}'")
    );
    let stale = bench.ok(&format!("Action=DescribeStaleSecurityGroups&VpcId={other}"));
    assert_eq!(stale.texts("staleSecurityGroupSet", "groupId"), [&app]); // B28
    bench.ok(&delete);
}

#[test]
fn an_association_stays_while_an_interface_needs_it() {
    use secgroup_model::{GroupId, NetworkInterface, NetworkInterfaceId, VpcId};
    let mut bench = Bench::new();
    let (web, other) = two_sides(&mut bench);
    let call = format!("SecurityGroupVpc&GroupId={web}&VpcId={other}");
    bench.ok(&format!("Action=Associate{call}"));
    let id = NetworkInterfaceId::new("eni-00000000000000001");
    let mut interface = NetworkInterface::new(id.clone(), vec![GroupId::new(&web)], Vec::new());
    interface.vpc = Some(VpcId::new(&other));
    drop(bench.edit(|edit| edit.put(id.clone(), interface)));
    let (code, message) = bench.fails(&format!("Action=Disassociate{call}"));
    assert_eq!(code, "DependencyViolation");
    assert_eq!(message, format!("resource {web} has a dependent object"));
    drop(bench.edit(|edit| drop(edit.remove::<NetworkInterface>(&id))));
    bench.ok(&format!("Action=Disassociate{call}"));
}

#[test]
fn what_cannot_be_associated_is_refused() {
    let mut bench = Bench::new();
    let (web, other) = two_sides(&mut bench);
    let own = bench.vpc();
    let far = group_in(&mut bench, &other, "far");
    let default = default_group(&bench, &own);
    bench.log_in(OTHER_ACCOUNT);
    let foreign = vpc(&mut bench, "10.2.0.0/16");
    bench.log_in(ACCOUNT);
    for (group, vpc, code) in [
        (&*default, &*other, "InvalidParameterValue"),
        (&*far, &*own, "InvalidParameterValue"), // The default VPC.
        (&*far, &*other, "InvalidParameterValue"), // Its own VPC.
        (&*web, &*foreign, "InvalidVpcID.NotFound"),
        ("sg-00000000", &*other, "InvalidGroup.NotFound"),
        ("x", &*other, "InvalidGroupId.Malformed"),
        (&*web, "x", "InvalidVpcId.Malformed"),
    ] {
        let (answer, message) = bench.fails(&format!(
            "Action=AssociateSecurityGroupVpc&GroupId={group}&VpcId={vpc}"
        ));
        assert_eq!(answer, code, "{group} {vpc}: {message}");
    }
    let (code, _) = bench.fails(&format!("Action=AssociateSecurityGroupVpc&GroupId={web}"));
    assert_eq!(code, "MissingParameter");
}

#[test]
fn associations_are_listed_and_filtered() {
    let mut bench = Bench::new();
    let (web, other) = two_sides(&mut bench);
    let app = group(&mut bench, "app");
    for group in [&web, &app] {
        bench.ok(&format!(
            "Action=AssociateSecurityGroupVpc&GroupId={group}&VpcId={other}"
        ));
    }
    let list = "securityGroupVpcAssociationSet";
    let mut listed = |filter: &str, value: &str| {
        let answer = bench.ok(&format!(
            "Action=DescribeSecurityGroupVpcAssociations&Filter.1.Name={filter}&Filter.1.Value.1={value}"
        ));
        let texts = answer.texts(list, "groupId");
        texts.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let both = [web.clone(), app];
    assert_eq!(listed("group-id", &web), [web.as_str()]);
    assert_eq!(listed("vpc-id", &other), both);
    assert_eq!(listed("state", "associated"), both);
    assert_eq!(listed("group-owner-id", ACCOUNT), both);
    assert_eq!(listed("vpc-owner-id", ACCOUNT), both);
    for filter in [
        "group-id",
        "vpc-id",
        "state",
        "group-owner-id",
        "vpc-owner-id",
    ] {
        assert!(listed(filter, "x").is_empty(), "{filter}");
    }
    let answer = bench.ok("Action=DescribeSecurityGroupVpcAssociations&MaxResults=5");
    let item = &answer.items(list)[0];
    assert_eq!(item.text("groupId"), web);
    assert_eq!(item.text("vpcId"), other);
    assert_eq!(item.text("state"), "associated");
    assert_eq!(item.text("vpcOwnerId"), ACCOUNT);
    assert_eq!(item.text("groupOwnerId"), ACCOUNT);
    let (code, _) = bench
        .fails("Action=DescribeSecurityGroupVpcAssociations&Filter.1.Name=x&Filter.1.Value.1=x");
    assert_eq!(code, "InvalidParameterValue");
    bench.log_in(OTHER_ACCOUNT);
    let answer = bench.ok("Action=DescribeSecurityGroupVpcAssociations");
    assert!(answer.items(list).is_empty());
}

#[test]
fn groups_for_a_vpc_are_its_own_and_associated_ones() {
    let mut bench = Bench::new();
    let (web, other) = two_sides(&mut bench);
    let own = bench.vpc();
    let app = group_in(&mut bench, &other, "app");
    let default = default_group(&bench, &other);
    bench.ok(&format!(
        "Action=AssociateSecurityGroupVpc&GroupId={web}&VpcId={other}"
    ));
    let call = format!("Action=GetSecurityGroupsForVpc&VpcId={other}");
    let answer = bench.ok(&call);
    let mut all = [web.as_str(), &app, &default];
    all.sort_unstable();
    assert_eq!(answer.texts("securityGroupForVpcSet", "groupId"), all);
    let mut listed = |filter: &str, value: &str| {
        let answer = bench.ok(&format!(
            "{call}&Filter.1.Name={filter}&Filter.1.Value.1={value}"
        ));
        let texts = answer.texts("securityGroupForVpcSet", "groupId");
        texts.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed("group-id", &app), [app.as_str()]);
    assert_eq!(listed("group-name", "web"), [web.as_str()]);
    assert_eq!(listed("primary-vpc-id", &own), [web.as_str()]);
    assert_eq!(listed("description", "a+test").len(), 2);
    assert_eq!(listed("owner-id", ACCOUNT).len(), 3);
    for filter in [
        "group-id",
        "group-name",
        "primary-vpc-id",
        "description",
        "owner-id",
    ] {
        assert!(listed(filter, "x").is_empty(), "{filter}");
    }
    let answer = bench.ok(&format!(
        "{call}&Filter.1.Name=group-id&Filter.1.Value.1={web}"
    ));
    let group = &answer.items("securityGroupForVpcSet")[0];
    assert_eq!(group.text("groupName"), "web");
    assert_eq!(group.text("description"), "a test");
    assert_eq!(group.text("ownerId"), ACCOUNT);
    assert_eq!(group.text("primaryVpcId"), own);
    assert!(group.items("tagSet").is_empty());
    for (parameters, code) in [
        ("VpcId=vpc-00000000", "InvalidVpcID.NotFound"),
        ("VpcId=x", "InvalidVpcId.Malformed"),
        ("MaxResults=5", "MissingParameter"),
    ] {
        let (answer, _) = bench.fails(&format!("Action=GetSecurityGroupsForVpc&{parameters}"));
        assert_eq!(answer, code);
    }
    assert_eq!(
        bench.fails(&format!("{call}&MaxResults=4")).0,
        "InvalidParameterValue"
    );
}
