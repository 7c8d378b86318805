use super::bench::*;
use crate::testing::{ACCOUNT, Bench, Element, OTHER_ACCOUNT};

fn described(bench: &mut Bench, id: &str) -> Element {
    let answer = bench.ok(&format!("Action=DescribeSecurityGroups&GroupId.1={id}"));
    answer.items("securityGroupInfo")[0].clone()
}

/// Ids of the groups that a filter finds, as a client would ask.
fn found(bench: &mut Bench, filter: &str, value: &str) -> Vec<String> {
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroups&Filter.1.Name={filter}&Filter.1.Value.1={value}"
    ));
    let ids = answer.texts("securityGroupInfo", "groupId");
    ids.into_iter().map(str::to_owned).collect()
}

fn permit(bench: &mut Bench, side: &str, group: &str, permission: &str) {
    bench.ok(&format!(
        "Action=AuthorizeSecurityGroup{side}&GroupId={group}&{permission}"
    ));
}

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let mut bench = Bench::new();
    let answer = bench.ok(
        "Action=CreateSecurityGroup&GroupName=Web+Tier++&GroupDescription=the+web\
         &TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=Name\
         &TagSpecification.1.Tag.1.Value=x%26y",
    );
    let id = answer.text("groupId").to_owned();
    assert_eq!(answer.text("return"), "true"); // E68
    assert_eq!(answer.text("tagSet/item/value"), "x&y");
    let arn = format!("arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/{id}");
    assert_eq!(answer.text("securityGroupArn"), arn); // B1

    let group = described(&mut bench, &id);
    assert_eq!(group.text("groupName"), "Web Tier"); // B3
    assert_eq!(group.text("groupDescription"), "the web");
    assert_eq!(group.text("ownerId"), ACCOUNT);
    assert_eq!(group.text("vpcId"), bench.vpc()); // B2
    assert_eq!(group.text("securityGroupArn"), arn);
    assert_eq!(group.text("tagSet/item/key"), "Name");
    assert!(group.items("ipPermissions").is_empty()); // B10
    let [egress] = group.items("ipPermissionsEgress") else {
        panic!("{group:#?}")
    };
    assert_eq!(egress.text("ipProtocol"), "-1");
    assert_eq!(egress.text("ipRanges/item/cidrIp"), "0.0.0.0/0");
    assert!(egress.at("fromPort").is_none() && egress.at("toPort").is_none()); // A20
    for empty in ["groups", "ipv6Ranges", "prefixListIds"] {
        assert!(egress.items(empty).is_empty(), "{empty}"); // E9
    }
}

#[test]
fn a_vpc_with_ipv6_lets_that_out_too() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench, "10.1.0.0/16");
    let key = secgroup_model::VpcId::new(&vpc);
    drop(bench.edit(|edit| {
        let vpc = edit.get_mut::<secgroup_model::Vpc>(&key).unwrap();
        vpc.ipv6_cidrs.push("2001:db8:1::/56".parse().unwrap());
    }));
    let id = group_in(&mut bench, &vpc, "six");
    let group = described(&mut bench, &id);
    let [egress] = group.items("ipPermissionsEgress") else {
        panic!("{group:#?}")
    };
    assert_eq!(egress.text("ipRanges/item/cidrIp"), "0.0.0.0/0");
    assert_eq!(egress.text("ipv6Ranges/item/cidrIpv6"), "::/0"); // B10
}

#[test]
fn what_cannot_be_created_is_refused_in_the_words_of_ec2() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    group(&mut bench, "Abc");
    let long = "x".repeat(256);
    let set = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    for (parameters, code, message) in [
        (
            "GroupDescription=x".to_owned(),
            "MissingParameter",
            "The request must contain the parameter GroupName".to_owned(),
        ),
        (
            "GroupName=x".to_owned(),
            "MissingParameter",
            "The request must contain the parameter GroupDescription".to_owned(), // B6
        ),
        (
            "GroupName=x&GroupDescription=".to_owned(),
            "MissingParameter",
            "The request must contain the parameter GroupDescription".to_owned(),
        ),
        (
            "GroupName=sg-x&GroupDescription=x".to_owned(),
            "InvalidParameterValue",
            "Value (sg-x) for parameter GroupName is invalid. Group names may not be in the format sg-*."
                .to_owned(),
        ),
        (
            "GroupName=DEFAULT&GroupDescription=x".to_owned(),
            "InvalidParameterValue",
            "Cannot use reserved security group name: default".to_owned(), // B5
        ),
        (
            format!("GroupName={long}&GroupDescription=x"),
            "InvalidParameterValue",
            format!(
                "Invalid security group name. Valid names are non-empty strings less than 256 \
                 characters from the following set:  {set}"
            ),
        ),
        (
            "GroupName=x&GroupDescription=a<b".to_owned(),
            "InvalidParameterValue",
            format!(
                "Invalid security group description. Valid descriptions are strings less than 256 \
                 characters from the following set:  {set}"
            ),
        ),
        (
            "GroupName=x&GroupDescription=%C3%A9".to_owned(),
            "InvalidParameterValue",
            "Value (é) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."
                .to_owned(),
        ),
        (
            "GroupName=aBC+&GroupDescription=x".to_owned(),
            "InvalidGroup.Duplicate",
            format!("The security group 'aBC' already exists for VPC '{vpc}'"), // B4
        ),
        (
            "GroupName=x&GroupDescription=x&VpcId=vpc-00000000".to_owned(),
            "InvalidVpcID.NotFound",
            "The vpc ID 'vpc-00000000' does not exist".to_owned(),
        ),
        (
            "GroupName=x&GroupDescription=x&VpcId=x".to_owned(),
            "InvalidVpcId.Malformed",
            "Invalid id: \"x\" (expecting \"vpc-...\")".to_owned(),
        ),
        (
            "GroupName=x&GroupDescription=x&TagSpecification.1.ResourceType=instance".to_owned(),
            "InvalidParameterValue",
            "'instance' is not a valid taggable resource type for this operation.".to_owned(),
        ),
        (
            "GroupName=x&GroupDescription=x&Item=1".to_owned(),
            "UnknownParameter",
            "The parameter Item is not recognized".to_owned(), // E5
        ),
        (
            "GroupName=x&GroupDescription=x&DryRun=true".to_owned(),
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.".to_owned(),
        ),
    ] {
        let answer = bench.fails(&format!("Action=CreateSecurityGroup&{parameters}"));
        assert_eq!(answer, (code, message), "{parameters}");
    }
    // Names are unique within a VPC only.
    let other = self::vpc(&mut bench, "10.1.0.0/16");
    group_in(&mut bench, &other, "ABC");
}

#[test]
fn without_a_default_vpc_one_must_be_named() {
    let mut bench = Bench::new();
    let id = secgroup_model::VpcId::new(&bench.vpc());
    drop(bench.edit(|edit| {
        let vpc = edit.get_mut::<secgroup_model::Vpc>(&id).unwrap();
        vpc.is_default = false;
    }));
    for call in [
        "Action=CreateSecurityGroup&GroupName=x&GroupDescription=x",
        "Action=DescribeSecurityGroups&GroupName.1=x",
        "Action=DeleteSecurityGroup&GroupName=x",
    ] {
        let (code, message) = bench.fails(call);
        assert_eq!(code, "VPCIdNotSpecified"); // B2
        assert_eq!(message, "No default VPC for this user");
    }
}

#[test]
fn there_are_no_more_groups_than_the_quota_says() {
    let mut bench = Bench::new();
    bench.site.quotas.groups_per_region = Some(3);
    group(&mut bench, "two");
    group(&mut bench, "three");
    let (code, message) =
        bench.fails("Action=CreateSecurityGroup&GroupName=four&GroupDescription=x");
    assert_eq!(code, "SecurityGroupLimitExceeded"); // B20
    assert_eq!(
        message,
        format!(
            "The maximum number of security groups for VPC '{}' has been reached.",
            bench.vpc()
        )
    );
    bench.log_in(OTHER_ACCOUNT);
    group(&mut bench, "of-another-account");
}

#[test]
fn a_group_is_deleted_by_id_or_by_name() {
    let mut bench = Bench::new();
    let (one, two) = (group(&mut bench, "one"), group(&mut bench, "two"));
    // B25: its own rules do not hold it.
    permit(
        &mut bench,
        "Ingress",
        &one,
        &format!("IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={one}"),
    );
    let answer = bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={one}"));
    assert_eq!(answer.text("return"), "true");
    assert_eq!(answer.text("groupId"), one);
    let answer = bench.ok("Action=DeleteSecurityGroup&GroupName=TWO");
    assert_eq!(answer.text("groupId"), two);
    let (code, message) = bench.fails(&format!("Action=DescribeSecurityGroups&GroupId.1={one}"));
    assert_eq!(code, "InvalidGroup.NotFound");
    assert_eq!(
        message,
        format!("The security group '{one}' does not exist")
    ); // B26
}

#[test]
fn a_group_that_something_needs_is_not_deleted() {
    let mut bench = Bench::new();
    let (web, app) = (group(&mut bench, "web"), group(&mut bench, "app"));
    permit(
        &mut bench,
        "Egress",
        &app,
        &format!("IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={web}"),
    );
    let default = default_group(&bench, &bench.vpc());
    bench.log_in(OTHER_ACCOUNT);
    let foreign = group(&mut bench, "foreign");
    bench.log_in(ACCOUNT);
    let vpc = bench.vpc();
    for (parameters, code, message) in [
        (
            format!("GroupId={web}"),
            "DependencyViolation",
            format!("resource {web} has a dependent object"), // B24
        ),
        (
            format!("GroupId={default}"),
            "CannotDelete",
            format!(
                "the specified group: \"{default}\" name: \"default\" cannot be deleted by a user"
            ), // B9
        ),
        (
            format!("GroupId={foreign}"),
            "InvalidGroup.NotFound",
            format!("The security group '{foreign}' does not exist"),
        ),
        (
            "GroupId=sg-a,sg-b".to_owned(),
            "InvalidGroupId.Malformed",
            "Invalid id: \"sg-a,sg-b\" (expecting \"sg-...\")".to_owned(), // B26
        ),
        (
            "GroupId=".to_owned(),
            "InvalidGroupId.Malformed",
            "The security-group ID '' is malformed".to_owned(),
        ),
        (
            "GroupName=foreign".to_owned(),
            "InvalidGroup.NotFound",
            format!("The security group 'foreign' does not exist in default VPC '{vpc}'"), // E64
        ),
        (
            format!("GroupName=web&GroupId={web}"),
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter groupId".to_owned(),
        ),
        (
            String::new(),
            "MissingParameter",
            "The request must contain the parameter groupName or groupId".to_owned(),
        ),
    ] {
        let answer = bench.fails(&format!("Action=DeleteSecurityGroup&{parameters}"));
        assert_eq!(answer, (code, message), "{parameters}");
    }
}

#[test]
fn listed_groups_are_chosen_by_id_and_by_name_of_the_default_vpc() {
    let mut bench = Bench::new();
    let (one, two) = (group(&mut bench, "one"), group(&mut bench, "two"));
    let other = vpc(&mut bench, "10.1.0.0/16");
    group_in(&mut bench, &other, "elsewhere");
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroups&GroupId.1={one}&GroupName.1=Two"
    ));
    assert_eq!(answer.texts("securityGroupInfo", "groupId"), [&one, &two]);
    let (code, message) = bench.fails("Action=DescribeSecurityGroups&GroupName.1=elsewhere");
    assert_eq!(code, "InvalidGroup.NotFound"); // B14
    let default = bench.vpc();
    assert_eq!(
        message,
        format!("The security group 'elsewhere' does not exist in default VPC '{default}'")
    );
    let (code, _) = bench.fails(&format!(
        "Action=DescribeSecurityGroups&GroupId.1={one}&GroupId.2=sg-00000000"
    ));
    assert_eq!(code, "InvalidGroup.NotFound"); // E26
    bench.log_in(OTHER_ACCOUNT);
    let answer = bench.ok("Action=DescribeSecurityGroups");
    assert_eq!(answer.texts("securityGroupInfo", "groupName"), ["default"]);
}

#[test]
fn every_filter_finds_what_it_says() {
    let mut bench = Bench::new();
    let list = prefix_list(&mut bench, "list", 1);
    let other = vpc(&mut bench, "10.1.0.0/16");
    let mark = group_in(&mut bench, &other, "mark");
    let id = bench
        .ok(&format!(
            "Action=CreateSecurityGroup&GroupName=Web-1&GroupDescription=the+web&VpcId={other}\
             &TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=Stage\
             &TagSpecification.1.Tag.1.Value=prod"
        ))
        .text("groupId")
        .to_owned();
    for side in ["Ingress", "Egress"] {
        let permission = format!(
            "IpPermissions.1.IpProtocol=6&IpPermissions.1.FromPort=8080&IpPermissions.1.ToPort=8090\
             &IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/24&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2001:db8::/64\
             &IpPermissions.1.PrefixListIds.1.PrefixListId={list}&IpPermissions.1.Groups.1.GroupId={mark}"
        );
        permit(&mut bench, side, &id, &permission);
    }
    let mut cases = vec![
        ("description".to_owned(), "the web".to_owned()),
        ("group-id".to_owned(), id.clone()),
        ("group-name".to_owned(), "Web-?".to_owned()),
        ("tag:Stage".to_owned(), "prod".to_owned()),
        ("tag-key".to_owned(), "Stage".to_owned()),
        ("tag-value".to_owned(), "prod".to_owned()),
    ];
    for side in ["ip-permission", "egress.ip-permission"] {
        for (field, value) in [
            ("cidr", "10.0.0.0/24"),
            ("ipv6-cidr", "2001:db8::/64"),
            ("from-port", "8080"),
            ("to-port", "8090"),
            ("prefix-list-id", list.as_str()),
            ("protocol", "tcp"),
            ("protocol", "6"),
            ("group-id", mark.as_str()),
            ("group-name", "mark"),
        ] {
            cases.push((format!("{side}.{field}"), value.to_owned()));
        }
    }
    for (filter, value) in &cases {
        assert_eq!(found(&mut bench, filter, value), [id.as_str()], "{filter}");
        assert!(found(&mut bench, filter, "nothing-such").is_empty()); // E26
    }
    // Those that others match too.
    assert_eq!(found(&mut bench, "vpc-id", &other).len(), 3);
    assert_eq!(found(&mut bench, "owner-id", ACCOUNT).len(), 4);
    assert_eq!(
        found(&mut bench, "egress.ip-permission.protocol", "-1").len(),
        4
    );
    let of_user = found(&mut bench, "egress.ip-permission.user-id", ACCOUNT);
    assert_eq!(of_user, [id.as_str()]);
    assert_eq!(found(&mut bench, "ip-permission.user-id", ACCOUNT).len(), 3);
    let (code, message) =
        bench.fails("Action=DescribeSecurityGroups&Filter.1.Name=Group-Name&Filter.1.Value.1=x");
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(message, "The filter 'Group-Name' is invalid"); // E21
}

#[test]
fn filters_on_rules_hold_together_for_different_rules() {
    let mut bench = Bench::new();
    let id = group(&mut bench, "web");
    for (port, cidr) in [("22", "10.0.0.0/8"), ("443", "192.0.2.0/24")] {
        permit(
            &mut bench,
            "Ingress",
            &id,
            &format!("IpProtocol=tcp&FromPort={port}&ToPort={port}&CidrIp={cidr}"),
        );
    }
    // E22: no rule lets 192.0.2.0/24 to port 22.
    let answer = bench.ok(
        "Action=DescribeSecurityGroups&Filter.1.Name=ip-permission.from-port&Filter.1.Value.1=22\
         &Filter.2.Name=ip-permission.cidr&Filter.2.Value.1=192.0.2.0/24",
    );
    assert_eq!(answer.texts("securityGroupInfo", "groupId"), [&id]);
}

#[test]
fn pages_are_the_list_in_the_order_of_ids() {
    let mut bench = Bench::new();
    let mut all: Vec<String> = (0..11)
        .map(|number| group(&mut bench, &format!("g{number}")))
        .collect();
    all.push(default_group(&bench, &bench.vpc()));
    all.sort();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let answer = bench.ok(&format!(
            "Action=DescribeSecurityGroups&MaxResults=5&NextToken={token}"
        ));
        let page = answer.texts("securityGroupInfo", "groupId");
        assert!(page.len() <= 5);
        seen.extend(page.into_iter().map(str::to_owned));
        match answer.at("nextToken") {
            Some(next) => token.clone_from(&next.text),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let id = &all[0];
    for (parameters, code, message) in [
        (
            "MaxResults=4".to_owned(),
            "InvalidParameterValue",
            "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        (
            "MaxResults=1001".to_owned(),
            "InvalidParameterValue",
            "Value ( 1001 ) for parameter maxResults is invalid. Expecting a value less than 1000.",
        ),
        (
            format!("MaxResults=5&GroupId.1={id}"),
            "InvalidParameterCombination",
            "The parameter groupIds cannot be used with the parameter maxResults", // E20
        ),
        (
            "NextToken=x".to_owned(),
            "InvalidNextToken",
            "The specified value for NextToken is invalid",
        ),
    ] {
        let answer = bench.fails(&format!("Action=DescribeSecurityGroups&{parameters}"));
        assert_eq!(answer, (code, message.to_owned()));
    }
}
