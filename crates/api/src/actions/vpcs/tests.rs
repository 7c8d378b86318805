use proptest::prelude::*;

use crate::testing::{Bench, Element, OTHER_ACCOUNT};

/// Makes a VPC, perhaps with IPv6, and answers with its id.
fn create(bench: &mut Bench, more: &str) -> String {
    let answer = bench.ok(&format!("Action=CreateVpc&CidrBlock=10.0.0.0/16{more}"));
    answer.text("vpc/vpcId").to_owned()
}

fn describe(bench: &mut Bench, vpc: &str) -> Element {
    let answer = bench.ok(&format!("Action=DescribeVpcs&VpcId.1={vpc}"));
    answer.items("vpcSet")[0].clone()
}

/// Outbound rules of a VPC's default group: their peers.
fn egress(bench: &mut Bench, vpc: &str) -> Vec<String> {
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}"
    ));
    let group = &answer.items("securityGroupInfo")[0];
    let mut peers = Vec::new();
    for permission in group.items("ipPermissionsEgress") {
        peers.extend(permission.texts("ipRanges", "cidrIp"));
        peers.extend(permission.texts("ipv6Ranges", "cidrIpv6"));
    }
    peers.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_account_sees_its_own() {
    let mut bench = Bench::new();
    let answer = bench.ok("Action=DescribeVpcs");
    assert_eq!(answer.texts("vpcSet", "vpcId"), [bench.vpc()]);
    assert_eq!(answer.text("vpcSet/item/isDefault"), "true");
    assert_eq!(answer.text("vpcSet/item/cidrBlock"), "172.31.0.0/16");
}

#[test]
fn one_that_is_not_known_fails_the_whole() {
    let mut bench = Bench::new();
    let own = bench.vpc();
    bench.log_in(OTHER_ACCOUNT);
    let (code, message) = bench.fails(&format!("Action=DescribeVpcs&VpcId.1={own}"));
    assert_eq!(code, "InvalidVpcID.NotFound");
    assert_eq!(message, format!("The vpc ID '{own}' does not exist"));
}

#[test]
fn a_dry_run_says_what_would_have_been() {
    let mut bench = Bench::new();
    let (code, _) = bench.fails("Action=DescribeVpcs&DryRun=true");
    assert_eq!(code, "DryRunOperation");
    let (code, _) = bench.fails("Action=CreateVpc&CidrBlock=10.0.0.0/16&DryRun=true");
    assert_eq!(code, "DryRunOperation");
}

#[test]
fn a_new_vpc_has_a_range_a_default_group_and_tags() {
    let mut bench = Bench::new();
    let id = create(
        &mut bench,
        "&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=lab",
    );
    let vpc = describe(&mut bench, &id);
    assert_eq!(vpc.text("cidrBlock"), "10.0.0.0/16");
    assert_eq!(vpc.text("state"), "available");
    assert_eq!(vpc.text("isDefault"), "false");
    assert_eq!(vpc.text("tagSet/item/value"), "lab");
    assert_eq!(vpc.items("ipv6CidrBlockAssociationSet"), []);
    assert_eq!(
        vpc.text("cidrBlockAssociationSet/item/cidrBlockState/state"),
        "associated"
    );
    assert_eq!(egress(&mut bench, &id), ["0.0.0.0/0"]); // B8
}

#[test]
fn host_bits_of_the_range_are_cleared() {
    let answer = Bench::new().ok("Action=CreateVpc&CidrBlock=10.1.2.3/16");
    assert_eq!(answer.text("vpc/cidrBlock"), "10.1.0.0/16");
}

#[test]
fn ipv6_comes_with_the_vpc_or_later() {
    let mut bench = Bench::new();
    let with = create(&mut bench, "&AmazonProvidedIpv6CidrBlock=true");
    let range = describe(&mut bench, &with);
    let range = range.text("ipv6CidrBlockAssociationSet/item/ipv6CidrBlock");
    assert!(range.starts_with("fd") && range.ends_with("/56"), "{range}");
    assert_eq!(egress(&mut bench, &with), ["0.0.0.0/0", "::/0"]); // B8
    let own = create(
        &mut bench,
        "&Ipv6CidrBlock=2001:db8:0:100::/56&Ipv6Pool=mine",
    );
    let range = describe(&mut bench, &own);
    let range = range.text("ipv6CidrBlockAssociationSet/item/ipv6CidrBlock");
    assert_eq!(range, "2001:db8:0:100::/56");

    let later = create(&mut bench, "");
    assert_eq!(egress(&mut bench, &later), ["0.0.0.0/0"]);
    let answer = bench.ok(&format!(
        "Action=AssociateVpcCidrBlock&VpcId={later}&AmazonProvidedIpv6CidrBlock=true"
    ));
    let state = "ipv6CidrBlockAssociation/ipv6CidrBlockState/state";
    assert_eq!(answer.text(state), "associated");
    assert_eq!(answer.text("vpcId"), later);
    assert_eq!(egress(&mut bench, &later), ["0.0.0.0/0", "::/0"]); // B8, H39
    let again = format!("Action=AssociateVpcCidrBlock&VpcId={later}&Ipv6CidrBlock=2001:db8::/56");
    bench.ok(&again);
    assert_eq!(egress(&mut bench, &later), ["0.0.0.0/0", "::/0"]);
}

/// B8, H39: who changed the outbound rules means them.
#[test]
fn changed_outbound_rules_are_left_alone() {
    let mut bench = Bench::new();
    let vpc = create(&mut bench, "");
    let group = bench
        .state
        .inventory
        .default_group(&secgroup_model::VpcId::new(&vpc));
    let group = group.unwrap().id.clone();
    bench.ok(&format!(
        "Action=RevokeSecurityGroupEgress&GroupId={group}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
    ));
    bench.ok(&format!(
        "Action=AssociateVpcCidrBlock&VpcId={vpc}&AmazonProvidedIpv6CidrBlock=true"
    ));
    assert_eq!(egress(&mut bench, &vpc), [""; 0]);
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let mut bench = Bench::new();
    for (form, code) in [
        ("CidrBlock=10.0.0.0/8", "InvalidVpc.Range"),
        ("CidrBlock=10.0.0.0/29", "InvalidVpc.Range"),
        ("CidrBlock=169.254.0.0/16", "InvalidVpc.Range"),
        ("CidrBlock=10.0.0.0", "InvalidParameterValue"),
        ("CidrBlock=2001:db8::/56", "InvalidParameterValue"),
        ("", "MissingParameter"),
        (
            "CidrBlock=10.0.0.0/16&Ipv6CidrBlock=2001:db8::/64",
            "InvalidVpc.Range",
        ),
        (
            "CidrBlock=10.0.0.0/16&InstanceTenancy=dedicated",
            "InvalidParameterValue",
        ),
        (
            "CidrBlock=10.0.0.0/16&Ipv6CidrBlock=2001:db8::/56&AmazonProvidedIpv6CidrBlock=true",
            "InvalidParameterCombination",
        ),
        ("CidrBlock=10.0.0.0/16&Ipv4IpamPoolId=p", "UnknownParameter"),
        (
            "CidrBlock=10.0.0.0/16&TagSpecification.1.ResourceType=subnet",
            "InvalidParameterValue",
        ),
    ] {
        let (found, message) = bench.fails(&format!("Action=CreateVpc&{form}"));
        assert_eq!(found, code, "{form}: {message}");
    }
    let (_, message) = bench.fails("Action=CreateVpc&CidrBlock=10.0.0.0/8");
    assert_eq!(message, "The CIDR '10.0.0.0/8' is invalid.");
}

#[test]
fn further_ranges_come_and_go() {
    let mut bench = Bench::new();
    let vpc = create(&mut bench, "");
    let associate = |range: &str| format!("Action=AssociateVpcCidrBlock&VpcId={vpc}&{range}");
    let answer = bench.ok(&associate("CidrBlock=10.1.0.0/16"));
    let second = answer.text("cidrBlockAssociation/associationId").to_owned();
    let listed = describe(&mut bench, &vpc);
    let ranges = listed.texts("cidrBlockAssociationSet", "cidrBlock");
    assert_eq!(ranges, ["10.0.0.0/16", "10.1.0.0/16"]);
    for (range, code) in [
        ("CidrBlock=10.1.128.0/20", "InvalidVpc.Range"),
        ("CidrBlock=10.0.0.0/8", "InvalidVpc.Range"),
        ("", "MissingParameter"),
        (
            "CidrBlock=10.2.0.0/16&AmazonProvidedIpv6CidrBlock=true",
            "InvalidParameterCombination",
        ),
    ] {
        assert_eq!(bench.fails(&associate(range)).0, code, "{range}");
    }
    let primary = listed.text("cidrBlockAssociationSet/item/associationId");
    let disassociate = |id: &str| format!("Action=DisassociateVpcCidrBlock&AssociationId={id}");
    assert_eq!(
        bench.fails(&disassociate(primary)).0,
        "OperationNotPermitted"
    );
    let (code, _) = bench.fails(&disassociate("vpc-cidr-assoc-0000"));
    assert_eq!(code, "InvalidVpcCidrBlockAssociationID.NotFound");
    let subnet = bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.1.0.0/24"
    ));
    assert_eq!(bench.fails(&disassociate(&second)).0, "DependencyViolation");
    bench.ok(&format!(
        "Action=DeleteSubnet&SubnetId={}",
        subnet.text("subnet/subnetId")
    ));
    let answer = bench.ok(&disassociate(&second));
    let state = "cidrBlockAssociation/cidrBlockState/state";
    assert_eq!(answer.text(state), "disassociating");
    let ranges = describe(&mut bench, &vpc);
    assert_eq!(
        ranges.texts("cidrBlockAssociationSet", "cidrBlock"),
        ["10.0.0.0/16"]
    );
    for third in 1..5 {
        bench.ok(&associate(&format!("CidrBlock=10.{third}.0.0/16")));
    }
    assert_eq!(
        bench.fails(&associate("CidrBlock=10.9.0.0/16")).0,
        "CidrLimitExceeded"
    );
}

#[test]
fn what_has_dependents_stays() {
    let mut bench = Bench::new();
    let vpc = create(&mut bench, "");
    let delete = format!("Action=DeleteVpc&VpcId={vpc}");
    let refused = |bench: &mut Bench| {
        let (code, message) = bench.fails(&delete);
        assert_eq!(code, "DependencyViolation");
        let expected = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
        assert_eq!(message, expected);
    };
    let subnet = bench.ok(&format!(
        "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/24"
    ));
    refused(&mut bench);
    bench.ok(&format!(
        "Action=DeleteSubnet&SubnetId={}",
        subnet.text("subnet/subnetId")
    ));
    let group = bench.ok(&format!(
        "Action=CreateSecurityGroup&GroupName=web&GroupDescription=web&VpcId={vpc}"
    ));
    refused(&mut bench);
    bench.ok(&format!(
        "Action=DeleteSecurityGroup&GroupId={}",
        group.text("groupId")
    ));
    bench.ok(&delete);
    assert_eq!(bench.fails(&delete).0, "InvalidVpcID.NotFound");
    let groups = bench.ok(&format!(
        "Action=DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}"
    ));
    assert_eq!(groups.items("securityGroupInfo"), []);
}

#[test]
fn a_deleted_default_vpc_can_be_had_again() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.fails("Action=CreateDefaultVpc").0,
        "DefaultVpcAlreadyExists"
    );
    let vpc = bench.vpc();
    let subnets = bench.ok(&format!(
        "Action=DescribeSubnets&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}"
    ));
    for subnet in subnets.texts("subnetSet", "subnetId") {
        bench.ok(&format!("Action=DeleteSubnet&SubnetId={subnet}"));
    }
    bench.ok(&format!("Action=DeleteVpc&VpcId={vpc}"));
    let answer = bench.ok("Action=CreateDefaultVpc");
    assert_eq!(answer.text("vpc/isDefault"), "true");
    assert_eq!(answer.text("vpc/vpcId"), bench.vpc());
}

#[test]
fn attributes_are_set_one_at_a_time() {
    let mut bench = Bench::new();
    let (default, vpc) = (bench.vpc(), create(&mut bench, ""));
    let value = |bench: &mut Bench, vpc: &str, name: &str| {
        let form = format!("Action=DescribeVpcAttribute&VpcId={vpc}&Attribute={name}");
        bench.ok(&form).text(&format!("{name}/value")).to_owned()
    };
    let modify = |what: &str| format!("Action=ModifyVpcAttribute&VpcId={vpc}&{what}");
    assert_eq!(value(&mut bench, &vpc, "enableDnsSupport"), "true");
    assert_eq!(value(&mut bench, &vpc, "enableDnsHostnames"), "false");
    assert_eq!(value(&mut bench, &default, "enableDnsHostnames"), "true");
    assert_eq!(
        value(&mut bench, &vpc, "enableNetworkAddressUsageMetrics"),
        "false"
    );
    bench.ok(&modify("EnableDnsHostnames.Value=true"));
    assert_eq!(value(&mut bench, &vpc, "enableDnsHostnames"), "true");
    bench.ok(&modify("EnableDnsHostnames.Value=false"));
    bench.ok(&modify("EnableDnsSupport.Value=false"));
    assert_eq!(value(&mut bench, &vpc, "enableDnsSupport"), "false");
    for (what, code) in [
        ("EnableDnsHostnames.Value=true", "InvalidParameterValue"),
        ("EnableDnsSupport.Value=maybe", "InvalidParameterValue"),
        ("", "MissingParameter"),
        (
            "EnableDnsSupport.Value=true&EnableDnsHostnames.Value=true",
            "InvalidParameterCombination",
        ),
    ] {
        assert_eq!(bench.fails(&modify(what)).0, code, "{what}");
    }
    let nose = format!("Action=DescribeVpcAttribute&VpcId={vpc}&Attribute=nose");
    assert_eq!(bench.fails(&nose).0, "InvalidParameterValue");
}

#[test]
fn each_filter_chooses() {
    let mut bench = Bench::new();
    let vpc = create(
        &mut bench,
        "&Ipv6CidrBlock=2001:db8::/56&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=tier&TagSpecification.1.Tag.1.Value=web",
    );
    let listed = describe(&mut bench, &vpc);
    let ipv4 = listed.text("cidrBlockAssociationSet/item/associationId");
    let ipv6 = listed.text("ipv6CidrBlockAssociationSet/item/associationId");
    for (filter, value) in [
        ("cidr", "10.0.*"),
        ("cidr-block-association.association-id", ipv4),
        ("cidr-block-association.cidr-block", "10.0.0.0/16"),
        ("ipv6-cidr-block-association.association-id", ipv6),
        (
            "ipv6-cidr-block-association.ipv6-cidr-block",
            "2001:db8::/56",
        ),
        ("ipv6-cidr-block-association.state", "associated"),
        ("is-default", "false"),
        ("isDefault", "false"),
        ("vpc-id", &vpc),
        ("tag:tier", "web"),
        ("tag-key", "tier"),
    ] {
        let form = format!("Action=DescribeVpcs&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(bench.ok(&form).texts("vpcSet", "vpcId"), [&vpc], "{filter}");
        let none = format!("Action=DescribeVpcs&Filter.1.Name={filter}&Filter.1.Value.1=x");
        assert_eq!(bench.ok(&none).items("vpcSet"), [], "{filter}");
    }
    for (filter, value) in [
        ("owner-id", crate::testing::ACCOUNT),
        ("state", "available"),
        ("dhcp-options-id", "default"),
        ("cidr-block-association.state", "associated"),
    ] {
        let form = format!("Action=DescribeVpcs&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(bench.ok(&form).items("vpcSet").len(), 2, "{filter}");
    }
}

#[test]
fn pages_together_are_all() {
    let mut bench = Bench::new();
    for _ in 0..11 {
        create(&mut bench, "");
    }
    let all = bench.ok("Action=DescribeVpcs");
    let all = all.texts("vpcSet", "vpcId");
    let (mut seen, mut form) = (Vec::new(), "Action=DescribeVpcs&MaxResults=5".to_owned());
    loop {
        let answer = bench.ok(&form);
        let page = answer.texts("vpcSet", "vpcId");
        assert!(page.len() <= 5);
        seen.extend(page.into_iter().map(str::to_owned));
        let Some(token) = answer.at("nextToken") else {
            break;
        };
        form = format!("Action=DescribeVpcs&MaxResults=5&NextToken={}", token.text);
    }
    assert_eq!(seen, all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever VPCs and subnets are asked for, in small spaces so that they often collide: those that come to be lie inside of
    /// their VPC and apart from each other, and those that are refused would not have.
    #[test]
    fn subnets_lie_in_their_vpc_and_apart(
        vpcs in prop::collection::vec((0u8..3, 15u8..=18), 1..4),
        subnets in prop::collection::vec((0usize..4, 0u8..3, 0u8..16, 16u8..=29), 1..40),
    ) {
        let mut bench = Bench::new();
        let mut made: Vec<(String, ipnet::Ipv4Net)> = Vec::new();
        for (second, length) in vpcs {
            let answer = bench.call(&format!("Action=CreateVpc&CidrBlock=10.{second}.0.0/{length}"));
            prop_assert_eq!(answer.is_ok(), length >= 16);
            if let Ok(answer) = answer {
                let range = answer.text("vpc/cidrBlock").parse().unwrap();
                made.push((answer.text("vpc/vpcId").to_owned(), range));
            }
        }
        let mut present: Vec<(String, ipnet::Ipv4Net)> = Vec::new();
        for (vpc, second, third, length) in subnets {
            let Some((vpc, whole)) = made.get(vpc) else { continue };
            let range: ipnet::Ipv4Net = format!("10.{second}.{}.0/{length}", third * 16).parse().unwrap();
            let range = range.trunc();
            let fits = length <= 28 && whole.contains(&range);
            let taken = present
                .iter()
                .any(|(of, other)| of == vpc && (other.contains(&range) || range.contains(other)));
            let answer = bench.call(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={range}"));
            match answer {
                Ok(_) => {
                    prop_assert!(fits && !taken, "{range} in {whole} beside {present:?}");
                    present.push((vpc.clone(), range));
                }
                Err(error) if !fits => prop_assert_eq!(error.code(), "InvalidSubnet.Range"),
                Err(error) => {
                    prop_assert!(taken, "{range} in {whole}: {error}");
                    prop_assert_eq!(error.code(), "InvalidSubnet.Conflict");
                }
            }
        }
    }
}
