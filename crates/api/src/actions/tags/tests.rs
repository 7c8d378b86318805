use crate::testing::{ACCOUNT, Bench, OTHER_ACCOUNT};

/// One of everything that has tags: id and kind.
fn one_of_each(bench: &mut Bench) -> Vec<(String, &'static str)> {
    let (vpc, subnet) = (bench.vpc(), bench.subnet());
    let group = bench.ok("Action=CreateSecurityGroup&GroupName=web&GroupDescription=web");
    let group = group.text("groupId").to_owned();
    let rule = bench.ok(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80\
         &IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
    ));
    let rule = rule
        .text("securityGroupRuleSet/item/securityGroupRuleId")
        .to_owned();
    let list = bench
        .ok("Action=CreateManagedPrefixList&PrefixListName=office&MaxEntries=2&AddressFamily=IPv4");
    let interface = bench.ok(&format!("Action=CreateNetworkInterface&SubnetId={subnet}"));
    let instance = bench.ok(&format!(
        "Action=RunInstances&ImageId=ami-12345678&MinCount=1&MaxCount=1&SubnetId={subnet}"
    ));
    let other = bench.ok("Action=CreateVpc&CidrBlock=10.0.0.0/16");
    let peering = bench.ok(&format!(
        "Action=CreateVpcPeeringConnection&VpcId={vpc}&PeerVpcId={}",
        other.text("vpc/vpcId")
    ));
    let log = bench.ok(&format!(
        "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1={vpc}&TrafficType=ALL&LogDestinationType=s3\
         &LogDestination=arn:aws:s3:::logs"
    ));
    vec![
        (vpc, "vpc"),
        (subnet, "subnet"),
        (group, "security-group"),
        (rule, "security-group-rule"),
        (
            list.text("prefixList/prefixListId").to_owned(),
            "prefix-list",
        ),
        (
            interface
                .text("networkInterface/networkInterfaceId")
                .to_owned(),
            "network-interface",
        ),
        (
            instance.text("instancesSet/item/instanceId").to_owned(),
            "instance",
        ),
        (
            peering
                .text("vpcPeeringConnection/vpcPeeringConnectionId")
                .to_owned(),
            "vpc-peering-connection",
        ),
        (log.text("flowLogIdSet/item").to_owned(), "vpc-flow-log"),
    ]
}

/// Tags of a resource as `key=value`.
fn tags(bench: &mut Bench, id: &str) -> Vec<String> {
    let form = format!("Action=DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1={id}");
    let answer = bench.ok(&form);
    let tag = answer.items("tagSet").iter();
    tag.map(|tag| format!("{}={}", tag.text("key"), tag.text("value")))
        .collect()
}

#[test]
fn everything_that_can_be_tagged_is_tagged_listed_and_untagged() {
    let mut bench = Bench::new();
    let things = one_of_each(&mut bench);
    let ids: String = (1..)
        .zip(&things)
        .map(|(n, (id, _))| format!("&ResourceId.{n}={id}"))
        .collect();
    bench.ok(&format!(
        "Action=CreateTags{ids}&Tag.1.Key=Name&Tag.1.Value=a&Tag.2.Key=tier&Tag.2.Value=web"
    ));
    for (id, kind) in &things {
        assert_eq!(tags(&mut bench, id), ["Name=a", "tier=web"], "{kind}");
        let form = format!(
            "Action=DescribeTags&Filter.1.Name=resource-type&Filter.1.Value.1={kind}&Filter.2.Name=key&Filter.2.Value.1=tier"
        );
        assert_eq!(
            bench.ok(&form).texts("tagSet", "resourceId"),
            [id],
            "{kind}"
        );
    }
    bench.ok(&format!(
        "Action=CreateTags{ids}&Tag.1.Key=Name&Tag.1.Value=b"
    ));
    bench.ok(&format!("Action=DeleteTags{ids}&Tag.1.Key=tier"));
    for (id, kind) in &things {
        assert_eq!(tags(&mut bench, id), ["Name=b"], "{kind}");
    }
    bench.ok(&format!("Action=DeleteTags{ids}"));
    assert_eq!(bench.ok("Action=DescribeTags").items("tagSet"), []);
}

/// The tags of a rule are seen where the rule is described (A38).
#[test]
fn tags_of_rules_are_the_rules() {
    let mut bench = Bench::new();
    let things = one_of_each(&mut bench);
    let (rule, _) = things
        .iter()
        .find(|(_, kind)| *kind == "security-group-rule")
        .unwrap();
    bench.ok(&format!(
        "Action=CreateTags&ResourceId.1={rule}&Tag.1.Key=why&Tag.1.Value=http"
    ));
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={rule}"
    ));
    assert_eq!(
        answer.text("securityGroupRuleSet/item/tagSet/item/value"),
        "http"
    );
}

#[test]
fn a_tag_is_deleted_by_key_or_by_key_and_value() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    let create = format!(
        "Action=CreateTags&ResourceId.1={vpc}&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=&Tag.3.Key=c&Tag.3.Value=3"
    );
    bench.ok(&create);
    let delete = |what: &str| format!("Action=DeleteTags&ResourceId.1={vpc}&{what}");
    bench.ok(&delete("Tag.1.Key=a&Tag.1.Value="));
    bench.ok(&delete("Tag.1.Key=a&Tag.1.Value=2"));
    bench.ok(&delete("Tag.1.Key=absent"));
    assert_eq!(tags(&mut bench, &vpc), ["a=1", "b=", "c=3"]);
    bench.ok(&delete("Tag.1.Key=b&Tag.1.Value="));
    bench.ok(&delete("Tag.1.Key=a&Tag.1.Value=1"));
    assert_eq!(tags(&mut bench, &vpc), ["c=3"]);
    bench.ok(&delete("Tag.1.Key=c"));
    assert_eq!(tags(&mut bench, &vpc), [""; 0]);
    // E58: those of CloudFormation and its kin are not a caller's to delete.
    let refused = bench.fails(&delete("Tag.1.Key=aws:cloudformation:logical-id"));
    let reserved = "Tag keys starting with 'aws:' are reserved for internal use";
    assert_eq!(refused, ("InvalidParameterValue", reserved.to_owned()));
}

/// E58.
#[test]
fn what_cannot_be_a_tag_is_refused() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    let long = "x".repeat(128);
    for (tag, code, message) in [
        (
            "Tag.1.Key=aws:x&Tag.1.Value=1",
            "InvalidParameterValue",
            "Tag keys starting with 'aws:' are reserved for internal use",
        ),
        (
            "Tag.1.Key=&Tag.1.Value=1",
            "InvalidParameterValue",
            "Tag keys may not be empty",
        ),
        (
            &format!("Tag.1.Key={long}"),
            "InvalidParameterValue",
            "Tag key exceeds the maximum length of 127 characters",
        ),
        (
            "Tag.1.Value=1",
            "MissingParameter",
            "The request must contain the parameter Tag.1.Key",
        ),
        (
            "",
            "MissingParameter",
            "The request must contain the parameter Tag",
        ),
        (
            "Tag.1.Key=a&Tag.2.Key=a",
            "InvalidParameterValue",
            "Duplicate tag key 'a' specified.",
        ),
    ] {
        let found = bench.fails(&format!("Action=CreateTags&ResourceId.1={vpc}&{tag}"));
        assert_eq!(found, (code, message.to_owned()), "{tag}");
    }
    let (code, _) = bench.fails("Action=CreateTags&Tag.1.Key=a");
    assert_eq!(code, "MissingParameter");
}

#[test]
fn a_resource_has_at_most_50_tags() {
    let mut bench = Bench::new();
    let (vpc, subnet) = (bench.vpc(), bench.subnet());
    let tags: String = (1..=50)
        .map(|n| format!("&Tag.{n}.Key=k{n}&Tag.{n}.Value=v"))
        .collect();
    bench.ok(&format!("Action=CreateTags&ResourceId.1={vpc}{tags}"));
    bench.ok(&format!(
        "Action=CreateTags&ResourceId.1={vpc}&Tag.1.Key=k7&Tag.1.Value=other"
    ));
    // All or none: the subnet has room, and gets nothing.
    let more = format!("Action=CreateTags&ResourceId.1={subnet}&ResourceId.2={vpc}&Tag.1.Key=k51");
    let expected = "The maximum number of Tags for a resource has been reached.".to_owned();
    assert_eq!(bench.fails(&more), ("TagLimitExceeded", expected));
}

#[test]
fn ids_that_stand_for_nothing_are_told_by_kind() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    for (id, code) in [
        ("sg-01234567", "InvalidGroup.NotFound"),
        (
            "sgr-01234567890abcdef",
            "InvalidSecurityGroupRuleId.NotFound",
        ),
        ("eni-01234567", "InvalidNetworkInterfaceID.NotFound"),
        ("i-01234567", "InvalidInstanceID.NotFound"),
        ("pl-01234567", "InvalidPrefixListID.NotFound"),
        ("vpc-01234567", "InvalidVpcID.NotFound"),
        ("subnet-01234567", "InvalidSubnetID.NotFound"),
        ("pcx-01234567", "InvalidVpcPeeringConnectionID.NotFound"),
        ("fl-01234567890abcdef", "InvalidFlowLogId.NotFound"),
        ("vol-01234567", "InvalidID"),
        ("sg-nose", "InvalidID"),
        ("", "InvalidID"),
    ] {
        let form = format!("Action=CreateTags&ResourceId.1={vpc}&ResourceId.2={id}&Tag.1.Key=a");
        assert_eq!(bench.fails(&form).0, code, "{id}");
    }
}

#[test]
fn nobody_tags_what_is_anothers() {
    let mut bench = Bench::new();
    let things = one_of_each(&mut bench);
    bench.log_in(OTHER_ACCOUNT);
    for (id, kind) in &things {
        let (code, _) = bench.fails(&format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key=a"));
        assert!(code.contains("NotFound"), "{kind}: {code}");
    }
}

/// Each account has tags of its own on a peering connection.
#[test]
fn the_two_sides_of_a_connection_do_not_see_each_others_tags() {
    let mut bench = Bench::new();
    let vpc = bench.ok("Action=CreateVpc&CidrBlock=10.0.0.0/16");
    let vpc = vpc.text("vpc/vpcId").to_owned();
    bench.log_in(OTHER_ACCOUNT);
    let other = bench.vpc();
    bench.log_in(ACCOUNT);
    let peering = bench.ok(&format!(
        "Action=CreateVpcPeeringConnection&VpcId={vpc}&PeerVpcId={other}&PeerOwnerId={OTHER_ACCOUNT}\
         &TagSpecification.1.ResourceType=vpc-peering-connection&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=ours"
    ));
    let id = peering
        .text("vpcPeeringConnection/vpcPeeringConnectionId")
        .to_owned();
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(tags(&mut bench, &id), [""; 0]);
    bench.ok(&format!(
        "Action=CreateTags&ResourceId.1={id}&Tag.1.Key=Name&Tag.1.Value=theirs"
    ));
    assert_eq!(tags(&mut bench, &id), ["Name=theirs"]);
    bench.log_in(ACCOUNT);
    assert_eq!(tags(&mut bench, &id), ["Name=ours"]);
}

#[test]
fn each_filter_chooses_and_pages_are_in_order() {
    let mut bench = Bench::new();
    let (vpc, subnet) = (bench.vpc(), bench.subnet());
    let tags: String = (1..=9)
        .map(|n| format!("&Tag.{n}.Key=k{n}&Tag.{n}.Value=v{n}"))
        .collect();
    bench.ok(&format!(
        "Action=CreateTags&ResourceId.1={vpc}&ResourceId.2={subnet}{tags}"
    ));
    for (filter, value, count) in [
        ("key", "k1", 2),
        ("key", "k*", 18),
        ("resource-id", vpc.as_str(), 9),
        ("resource-type", "subnet", 9),
        ("value", "v3", 2),
        ("tag:k3", "v3", 2),
        ("tag:k3", "v4", 0),
    ] {
        let form = format!("Action=DescribeTags&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(
            bench.ok(&form).items("tagSet").len(),
            count,
            "{filter}={value}"
        );
    }
    let all = bench.ok("Action=DescribeTags");
    let (mut seen, mut form) = (Vec::new(), "Action=DescribeTags&MaxResults=5".to_owned());
    loop {
        let answer = bench.ok(&form);
        seen.extend(answer.items("tagSet").to_vec());
        let Some(token) = answer.at("nextToken") else {
            break;
        };
        form = format!("Action=DescribeTags&MaxResults=5&NextToken={}", token.text);
    }
    assert_eq!(seen, all.items("tagSet"));
}
