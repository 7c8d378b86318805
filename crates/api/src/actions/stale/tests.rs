use crate::actions::groups::bench::{group, group_in, peer, unpeer, vpc};
use crate::testing::{ACCOUNT, Bench, OTHER_ACCOUNT};

/// Rules of `web`, in the default VPC, that name `far`, in another one that is peered: web, far, the other VPC, the connection.
fn across(bench: &mut Bench) -> [String; 4] {
    let (web, own) = (group(bench, "web"), bench.vpc());
    let other = vpc(bench, "10.1.0.0/16");
    let far = group_in(bench, &other, "far");
    let peering = peer(bench, &own, &other, ACCOUNT);
    for side in ["Ingress", "Egress"] {
        bench.ok(&format!(
            "Action=AuthorizeSecurityGroup{side}&GroupId={web}&IpPermissions.1.IpProtocol=tcp\
             &IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=81&IpPermissions.1.Groups.1.GroupId={far}\
             &IpPermissions.1.Groups.1.Description={side}&IpPermissions.1.Groups.2.GroupId={web}"
        ));
    }
    [web, far, other, peering]
}

#[test]
fn rules_are_stale_once_the_connection_or_the_group_is_gone() {
    for gone in ["connection", "group"] {
        let mut bench = Bench::new();
        let [web, far, other, peering] = across(&mut bench);
        let call = format!("Action=DescribeStaleSecurityGroups&VpcId={}", bench.vpc());
        assert!(bench.ok(&call).items("staleSecurityGroupSet").is_empty());
        if gone == "connection" {
            unpeer(&mut bench, &peering);
        } else {
            bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={far}")); // B25
        }
        let answer = bench.ok(&call);
        let [stale] = answer.items("staleSecurityGroupSet") else {
            panic!("{answer:#?}")
        };
        assert_eq!(stale.text("groupId"), web); // B28
        assert_eq!(stale.text("groupName"), "web");
        assert_eq!(stale.text("description"), "a test");
        assert_eq!(stale.text("vpcId"), bench.vpc());
        for (list, side) in [
            ("staleIpPermissions", "Ingress"),
            ("staleIpPermissionsEgress", "Egress"),
        ] {
            let [permission] = stale.items(list) else {
                panic!("{stale:#?}")
            };
            assert_eq!(permission.text("ipProtocol"), "tcp");
            assert_eq!(
                (permission.text("fromPort"), permission.text("toPort")),
                ("80", "81")
            );
            let [pair] = permission.items("groups") else {
                panic!("{permission:#?}")
            };
            assert_eq!(pair.text("groupId"), far);
            assert_eq!(pair.text("vpcId"), other);
            assert_eq!(pair.text("vpcPeeringConnectionId"), peering);
            assert_eq!(pair.text("description"), side);
            assert!(permission.items("ipRanges").is_empty());
            assert!(permission.items("prefixListIds").is_empty());
        }
        // H23: it is listed and counts until somebody revokes it.
        bench.ok(&format!(
            "Action=RevokeSecurityGroupIngress&GroupId={web}&IpPermissions.1.IpProtocol=tcp\
             &IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=81&IpPermissions.1.Groups.1.GroupId={far}"
        ));
        let answer = bench.ok(&call);
        assert!(
            answer
                .items("staleSecurityGroupSet/item/staleIpPermissions")
                .is_empty()
        );
    }
}

#[test]
fn stale_rules_are_those_of_one_vpc_of_the_caller() {
    let mut bench = Bench::new();
    let [_, _, other, peering] = across(&mut bench);
    let own = bench.vpc();
    unpeer(&mut bench, &peering);
    let call = format!("Action=DescribeStaleSecurityGroups&VpcId={other}");
    assert!(bench.ok(&call).items("staleSecurityGroupSet").is_empty());
    bench.log_in(OTHER_ACCOUNT);
    for (parameters, code) in [
        (format!("VpcId={own}"), "InvalidVpcID.NotFound"),
        ("VpcId=x".to_owned(), "InvalidVpcId.Malformed"),
        (String::new(), "MissingParameter"),
        (
            format!("VpcId={own}&MaxResults=256"),
            "InvalidParameterValue",
        ),
        (format!("VpcId={own}&MaxResults=4"), "InvalidParameterValue"),
    ] {
        let (answer, _) = bench.fails(&format!("Action=DescribeStaleSecurityGroups&{parameters}"));
        assert_eq!(answer, code, "{parameters}");
    }
}

#[test]
fn stale_groups_come_in_pages() {
    let mut bench = Bench::new();
    let [_, far, _, _] = across(&mut bench);
    for number in 0..6 {
        let id = group(&mut bench, &format!("g{number}"));
        bench.ok(&format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={id}&IpPermissions.1.IpProtocol=-1\
             &IpPermissions.1.Groups.1.GroupId={far}"
        ));
    }
    bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={far}"));
    let call = format!(
        "Action=DescribeStaleSecurityGroups&VpcId={}&MaxResults=5",
        bench.vpc()
    );
    let first = bench.ok(&call);
    let second = bench.ok(&format!("{call}&NextToken={}", first.text("nextToken")));
    assert!(second.at("nextToken").is_none());
    let mut all = first.texts("staleSecurityGroupSet", "groupId");
    assert_eq!(all.len(), 5);
    all.extend(second.texts("staleSecurityGroupSet", "groupId"));
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted());
}

#[test]
fn references_are_told_by_the_vpc_on_the_other_side() {
    let mut bench = Bench::new();
    let [web, far, _, peering] = across(&mut bench);
    let call = format!("Action=DescribeSecurityGroupReferences&GroupId.1={web}&GroupId.2={far}");
    let answer = bench.ok(&call);
    // Not the rules of web that name web, and the two that name far once.
    let [reference] = answer.items("securityGroupReferenceSet") else {
        panic!("{answer:#?}")
    };
    assert_eq!(reference.text("groupId"), far);
    assert_eq!(reference.text("referencingVpcId"), bench.vpc());
    assert_eq!(reference.text("vpcPeeringConnectionId"), peering);
    unpeer(&mut bench, &peering);
    assert!(
        bench
            .ok(&call)
            .items("securityGroupReferenceSet")
            .is_empty()
    );
    let missing = bench.fails("Action=DescribeSecurityGroupReferences");
    assert_eq!(missing.0, "MissingParameter");
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(bench.fails(&call).0, "InvalidGroup.NotFound");
}
