use crate::testing::{Bench, OTHER_ACCOUNT};

fn vpc(bench: &mut Bench) -> String {
    let answer = bench.ok("Action=CreateVpc&CidrBlock=10.0.0.0/16&Ipv6CidrBlock=2001:db8::/56");
    answer.text("vpc/vpcId").to_owned()
}

#[test]
fn a_default_vpc_has_a_subnet_in_each_zone() {
    let mut bench = Bench::new();
    let answer = bench.ok("Action=DescribeSubnets");
    let texts = |member| answer.texts("subnetSet", member);
    assert_eq!(
        texts("availabilityZone"),
        ["us-east-1a", "us-east-1b", "us-east-1c"]
    );
    assert_eq!(
        texts("availabilityZoneId"),
        ["use1-az1", "use1-az2", "use1-az3"]
    );
    assert_eq!(
        texts("cidrBlock"),
        ["172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"]
    );
    assert_eq!(texts("availableIpAddressCount"), ["4091"; 3]); // 4096 - 5, E60
    assert_eq!(texts("defaultForAz"), ["true"; 3]);
    assert_eq!(texts("vpcId"), [bench.vpc().as_str(); 3]);
}

#[test]
fn a_new_subnet_is_what_was_asked_for() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench);
    let answer = bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.7/24&Ipv6CidrBlock=2001:db8:0:1::/64&AvailabilityZoneId=use1-az2\
         &TagSpecification.1.ResourceType=subnet&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=web"
    ));
    let subnet = answer.at("subnet").unwrap();
    let id = subnet.text("subnetId");
    assert_eq!(subnet.text("cidrBlock"), "10.0.1.0/24");
    assert_eq!(subnet.text("availabilityZone"), "us-east-1b");
    assert_eq!(subnet.text("availableIpAddressCount"), "251");
    assert_eq!(subnet.text("defaultForAz"), "false");
    assert_eq!(subnet.text("ownerId"), crate::testing::ACCOUNT);
    assert_eq!(
        subnet.text("subnetArn"),
        format!("arn:aws:ec2:us-east-1:123456789012:subnet/{id}")
    );
    let ipv6 = &subnet.items("ipv6CidrBlockAssociationSet")[0];
    assert_eq!(ipv6.text("ipv6CidrBlock"), "2001:db8:0:1::/64");
    assert_eq!(ipv6.text("ipv6CidrBlockState/state"), "associated");
    assert!(ipv6.text("associationId").starts_with("subnet-cidr-assoc-"));
    assert_eq!(subnet.text("tagSet/item/value"), "web");
    let listed = bench.ok(&format!("Action=DescribeSubnets&SubnetId.1={id}"));
    assert_eq!(listed.items("subnetSet")[0].children, subnet.children);
}

#[test]
fn one_without_a_zone_is_in_the_first() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench);
    let answer = bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/16"
    ));
    assert_eq!(answer.text("subnet/availabilityZone"), "us-east-1a");
}

#[test]
fn what_cannot_be_is_refused() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench);
    bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0/24&Ipv6CidrBlock=2001:db8:0:1::/64"
    ));
    for (form, code, message) in [
        (
            "CidrBlock=10.0.1.128/25",
            "InvalidSubnet.Conflict",
            "The CIDR '10.0.1.128/25' conflicts with another subnet",
        ),
        (
            "CidrBlock=10.0.0.0/22",
            "InvalidSubnet.Conflict",
            "The CIDR '10.0.0.0/22' conflicts with another subnet",
        ),
        (
            "CidrBlock=10.0.2.0/24&Ipv6CidrBlock=2001:db8:0:1::/64",
            "InvalidSubnet.Conflict",
            "The CIDR '2001:db8:0:1::/64' conflicts with another subnet",
        ),
        (
            "CidrBlock=10.1.0.0/24",
            "InvalidSubnet.Range",
            "The CIDR '10.1.0.0/24' is invalid.",
        ),
        (
            "CidrBlock=10.0.2.0/29",
            "InvalidSubnet.Range",
            "The CIDR '10.0.2.0/29' is invalid.",
        ),
        (
            "CidrBlock=10.0.2.0/24&Ipv6CidrBlock=2001:db8::/56",
            "InvalidSubnet.Range",
            "The CIDR '2001:db8::/56' is invalid.",
        ),
        (
            "CidrBlock=10.0.2.0/24&Ipv6CidrBlock=2001:db9::/64",
            "InvalidSubnet.Range",
            "The CIDR '2001:db9::/64' is invalid.",
        ),
        (
            "CidrBlock=nose",
            "InvalidParameterValue",
            "Value (nose) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            "CidrBlock=10.0.2.0/24&AvailabilityZone=us-east-1x",
            "InvalidParameterValue",
            "Value (us-east-1x) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
             following availability zones: us-east-1a, us-east-1b, us-east-1c.",
        ),
        (
            "",
            "MissingParameter",
            "The request must contain the parameter CidrBlock",
        ),
    ] {
        let found = bench.fails(&format!("Action=CreateSubnet&VpcId={vpc}&{form}"));
        assert_eq!(found, (code, message.to_owned()), "{form}");
    }
    let both = format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.9.0/24&AvailabilityZone=us-east-1a&AvailabilityZoneId=use1-az1"
    );
    assert_eq!(bench.fails(&both).0, "InvalidParameterCombination");
    bench.log_in(OTHER_ACCOUNT);
    let foreign = format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.2.0/24");
    assert_eq!(bench.fails(&foreign).0, "InvalidVpcID.NotFound");
}

#[test]
fn a_vpc_has_at_most_200() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench);
    let create =
        |third: usize| format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{third}.0/24");
    for third in 0..200 {
        bench.ok(&create(third));
    }
    assert_eq!(bench.fails(&create(200)).0, "SubnetLimitExceeded");
}

#[test]
fn one_with_interfaces_stays() {
    let mut bench = Bench::new();
    let subnet = bench.subnet();
    let answer = bench.ok(&format!(
        "Action=CreateNetworkInterface&SubnetId={subnet}&SecondaryPrivateIpAddressCount=2"
    ));
    let listed = bench.ok(&format!("Action=DescribeSubnets&SubnetId.1={subnet}"));
    assert_eq!(
        listed.texts("subnetSet", "availableIpAddressCount"),
        ["4088"]
    );
    let delete = format!("Action=DeleteSubnet&SubnetId={subnet}");
    let expected = format!("The subnet '{subnet}' has dependencies and cannot be deleted.");
    assert_eq!(bench.fails(&delete), ("DependencyViolation", expected));
    let interface = answer.text("networkInterface/networkInterfaceId");
    bench.ok(&format!(
        "Action=DeleteNetworkInterface&NetworkInterfaceId={interface}"
    ));
    bench.ok(&delete);
    let expected = format!("The subnet ID '{subnet}' does not exist");
    assert_eq!(bench.fails(&delete), ("InvalidSubnetID.NotFound", expected));
}

#[test]
fn nobody_sees_anothers() {
    let mut bench = Bench::new();
    let subnet = bench.subnet();
    bench.log_in(OTHER_ACCOUNT);
    for action in ["DescribeSubnets&SubnetId.1", "DeleteSubnet&SubnetId"] {
        let (code, _) = bench.fails(&format!("Action={action}={subnet}"));
        assert_eq!(code, "InvalidSubnetID.NotFound");
    }
    let (code, _) = bench.fails("Action=DeleteSubnet&SubnetId=subnet-x");
    assert_eq!(code, "InvalidSubnetID.Malformed");
}

#[test]
fn each_filter_chooses() {
    let mut bench = Bench::new();
    let vpc = vpc(&mut bench);
    let answer = bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0/24&Ipv6CidrBlock=2001:db8:0:1::/64&AvailabilityZone=us-east-1c\
         &TagSpecification.1.ResourceType=subnet&TagSpecification.1.Tag.1.Key=tier&TagSpecification.1.Tag.1.Value=web"
    ));
    let subnet = answer.at("subnet").unwrap();
    let id = subnet.text("subnetId");
    let association = subnet.text("ipv6CidrBlockAssociationSet/item/associationId");
    for (filter, value) in [
        ("available-ip-address-count", "251"),
        ("cidr", "10.0.1.0/24"),
        ("cidr-block", "10.0.1.0/*"),
        ("cidrBlock", "10.0.1.0/24"),
        ("default-for-az", "false"),
        ("defaultForAz", "false"),
        ("ipv6-cidr-block-association.association-id", association),
        (
            "ipv6-cidr-block-association.ipv6-cidr-block",
            "2001:db8:0:1::/64",
        ),
        ("ipv6-cidr-block-association.state", "associated"),
        ("subnet-arn", subnet.text("subnetArn")),
        ("subnet-id", id),
        ("tag:tier", "web"),
        ("tag-key", "tier"),
        ("vpc-id", &vpc),
    ] {
        let form =
            format!("Action=DescribeSubnets&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(
            bench.ok(&form).texts("subnetSet", "subnetId"),
            [id],
            "{filter}"
        );
    }
    for (filter, value, count) in [
        ("availability-zone", "us-east-1c", 2),
        ("availabilityZone", "us-east-1a", 1),
        ("availability-zone-id", "use1-az3", 2),
        ("availabilityZoneId", "use1-az1", 1),
        ("owner-id", crate::testing::ACCOUNT, 4),
        ("owner-id", OTHER_ACCOUNT, 0),
        ("state", "available", 4),
        ("vpc-id", "vpc-x", 0),
    ] {
        let form =
            format!("Action=DescribeSubnets&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(bench.ok(&form).items("subnetSet").len(), count, "{filter}");
    }
}
