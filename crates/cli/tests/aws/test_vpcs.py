"""VPCs, subnets, Regions, zones and account attributes through boto3."""

import pytest

from conftest import ACCOUNT, OTHER_ACCOUNT


def tag(kind, key="Name", value="lab"):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value}]}]


def by(name, *values):
    return [{"Name": name, "Values": list(values)}]


@pytest.fixture
def lab(ec2):
    """A VPC with an IPv6 range and a tag."""
    return ec2.create_vpc(CidrBlock="10.0.0.0/16", Ipv6CidrBlock="2001:db8::/56", Ipv6Pool="mine", TagSpecifications=tag("vpc"))["Vpc"]


def test_a_vpc_is_created_described_and_deleted(ec2, lab, refused):
    assert lab["CidrBlock"] == "10.0.0.0/16" and lab["State"] == "available" and lab["IsDefault"] is False
    assert lab["OwnerId"] == ACCOUNT and lab["InstanceTenancy"] == "default"
    assert lab["Tags"] == [{"Key": "Name", "Value": "lab"}]
    assert [a["CidrBlock"] for a in lab["CidrBlockAssociationSet"]] == ["10.0.0.0/16"]
    assert lab["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == "2001:db8::/56"
    assert lab["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlockState"] == {"State": "associated"}
    assert ec2.describe_vpcs(VpcIds=[lab["VpcId"]])["Vpcs"] == [lab]
    ec2.get_waiter("vpc_available").wait(VpcIds=[lab["VpcId"]])
    ec2.delete_vpc(VpcId=lab["VpcId"])
    with refused("InvalidVpcID.NotFound", f"The vpc ID '{lab['VpcId']}' does not exist"):
        ec2.describe_vpcs(VpcIds=[lab["VpcId"]])


@pytest.mark.parametrize(
    "parameters, code",
    [
        ({"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.0.0.0/29"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.0.0.0"}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        ({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "dedicated"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv4IpamPoolId": "x"}, "UnknownParameter"),
        ({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tag("subnet")}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0/16", "DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_cannot_be_a_vpc_is_refused(ec2, refused, parameters, code):
    with refused(code):
        ec2.create_vpc(**parameters)


def test_each_filter_of_vpcs(ec2, lab, vpc):
    ids = lambda filters: {found["VpcId"] for found in ec2.describe_vpcs(Filters=filters)["Vpcs"]}
    for name, value in [
        ("cidr", "10.0.0.0/16"),
        ("cidr-block-association.association-id", lab["CidrBlockAssociationSet"][0]["AssociationId"]),
        ("cidr-block-association.cidr-block", "10.0.*"),
        ("ipv6-cidr-block-association.association-id", lab["Ipv6CidrBlockAssociationSet"][0]["AssociationId"]),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "2001:db8::/56"),
        ("ipv6-cidr-block-association.state", "associated"),
        ("is-default", "false"),
        ("isDefault", "false"),
        ("tag:Name", "lab"),
        ("tag-key", "Name"),
        ("vpc-id", lab["VpcId"]),
    ]:
        assert ids(by(name, value)) == {lab["VpcId"]}, name
    for name, value in [
        ("cidr-block-association.state", "associated"),
        ("dhcp-options-id", lab["DhcpOptionsId"]),
        ("owner-id", ACCOUNT),
        ("state", "available"),
    ]:
        assert ids(by(name, value)) == {lab["VpcId"], vpc}, name


def test_ranges_come_and_go(ec2, lab, refused):
    added = ec2.associate_vpc_cidr_block(VpcId=lab["VpcId"], CidrBlock="10.1.0.0/16")
    association = added["CidrBlockAssociation"]["AssociationId"]
    assert added["VpcId"] == lab["VpcId"] and added["CidrBlockAssociation"]["CidrBlockState"] == {"State": "associated"}
    with refused("InvalidVpc.Range"):
        ec2.associate_vpc_cidr_block(VpcId=lab["VpcId"], CidrBlock="10.1.0.0/20")
    with refused("OperationNotPermitted"):
        ec2.disassociate_vpc_cidr_block(AssociationId=lab["CidrBlockAssociationSet"][0]["AssociationId"])
    subnet = ec2.create_subnet(VpcId=lab["VpcId"], CidrBlock="10.1.0.0/24")["Subnet"]
    with refused("DependencyViolation"):
        ec2.disassociate_vpc_cidr_block(AssociationId=association)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    gone = ec2.disassociate_vpc_cidr_block(AssociationId=association)
    assert gone["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociating"}
    with refused("InvalidVpcCidrBlockAssociationID.NotFound"):
        ec2.disassociate_vpc_cidr_block(AssociationId=association)


def test_the_default_group_lets_ipv6_out_once_there_is_some(ec2):
    """B8, H39."""
    plain = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    egress = lambda: ec2.describe_security_groups(Filters=by("vpc-id", plain))["SecurityGroups"][0]["IpPermissionsEgress"]
    ranges = lambda: [r["CidrIpv6"] for permission in egress() for r in permission["Ipv6Ranges"]]
    assert ranges() == []
    given = ec2.associate_vpc_cidr_block(VpcId=plain, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    assert given["Ipv6CidrBlock"].endswith("/56")
    assert ranges() == ["::/0"]


def test_attributes(ec2, lab, refused):
    read = lambda name: ec2.describe_vpc_attribute(VpcId=lab["VpcId"], Attribute=name)
    assert read("enableDnsSupport")["EnableDnsSupport"] == {"Value": True}
    assert read("enableDnsHostnames")["EnableDnsHostnames"] == {"Value": False}
    assert read("enableNetworkAddressUsageMetrics")["EnableNetworkAddressUsageMetrics"] == {"Value": False}
    ec2.modify_vpc_attribute(VpcId=lab["VpcId"], EnableDnsHostnames={"Value": True})
    assert read("enableDnsHostnames")["EnableDnsHostnames"] == {"Value": True}
    with refused("InvalidParameterCombination"):
        ec2.modify_vpc_attribute(VpcId=lab["VpcId"], EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True})
    with refused("InvalidParameterValue"):
        ec2.describe_vpc_attribute(VpcId=lab["VpcId"], Attribute="nose")


def test_what_has_dependents_stays_and_a_default_vpc_comes_back(ec2, vpc, refused):
    with refused("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."):
        ec2.delete_vpc(VpcId=vpc)
    with refused("DefaultVpcAlreadyExists"):
        ec2.create_default_vpc()
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.create_default_vpc()["Vpc"]["IsDefault"] is True
    assert len(ec2.describe_subnets(Filters=by("default-for-az", "true"))["Subnets"]) == 3


def test_pages_of_vpcs(ec2):
    for second in range(11):
        ec2.create_vpc(CidrBlock=f"10.{second}.0.0/16")
    pages = list(ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Vpcs"]) for page in pages] == [5, 5, 2]
    assert [v for page in pages for v in page["Vpcs"]] == ec2.describe_vpcs()["Vpcs"]


def test_a_subnet_is_created_described_and_deleted(ec2, lab, refused):
    subnet = ec2.create_subnet(
        VpcId=lab["VpcId"], CidrBlock="10.0.1.0/24", Ipv6CidrBlock="2001:db8:0:1::/64", AvailabilityZone="us-east-1b", TagSpecifications=tag("subnet")
    )["Subnet"]
    assert subnet["AvailableIpAddressCount"] == 251 and subnet["AvailabilityZoneId"] == "use1-az2"
    assert subnet["DefaultForAz"] is False and subnet["OwnerId"] == ACCOUNT
    assert subnet["SubnetArn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:subnet/{subnet['SubnetId']}"
    assert ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"] == [subnet]
    ec2.get_waiter("subnet_available").wait(SubnetIds=[subnet["SubnetId"]])
    ids = lambda filters: {found["SubnetId"] for found in ec2.describe_subnets(Filters=filters)["Subnets"]}
    for name, value in [
        ("available-ip-address-count", "251"),
        ("cidr", "10.0.1.0/24"),
        ("cidr-block", "10.0.1.0/24"),
        ("cidrBlock", "10.0.1.0/24"),
        ("ipv6-cidr-block-association.association-id", subnet["Ipv6CidrBlockAssociationSet"][0]["AssociationId"]),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "2001:db8:0:1::/64"),
        ("ipv6-cidr-block-association.state", "associated"),
        ("subnet-arn", subnet["SubnetArn"]),
        ("subnet-id", subnet["SubnetId"]),
        ("tag:Name", "lab"),
        ("tag-key", "Name"),
        ("vpc-id", lab["VpcId"]),
        ("default-for-az", "false"),
        ("defaultForAz", "false"),
    ]:
        assert ids(by(name, value)) == {subnet["SubnetId"]}, name
    for name, value, count in [
        ("availability-zone", "us-east-1b", 2),
        ("availabilityZone", "us-east-1b", 2),
        ("availability-zone-id", "use1-az2", 2),
        ("availabilityZoneId", "use1-az2", 2),
        ("owner-id", ACCOUNT, 4),
        ("state", "available", 4),
    ]:
        assert len(ids(by(name, value))) == count, name
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    with refused("InvalidSubnetID.NotFound", f"The subnet ID '{subnet['SubnetId']}' does not exist"):
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])


@pytest.mark.parametrize(
    "parameters, code",
    [
        ({"CidrBlock": "10.0.0.0/17"}, "InvalidSubnet.Conflict"),
        ({"CidrBlock": "10.9.0.0/24"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.5.0/29"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "10.0.5.0/24", "Ipv6CidrBlock": "2001:db9::/64"}, "InvalidSubnet.Range"),
        ({"CidrBlock": "nose"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.5.0/24", "AvailabilityZone": "us-east-1x"}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_a_subnet_is_refused(ec2, lab, refused, parameters, code):
    ec2.create_subnet(VpcId=lab["VpcId"], CidrBlock="10.0.1.0/24")
    with refused(code):
        ec2.create_subnet(VpcId=lab["VpcId"], **parameters)


def test_nobody_reaches_anothers(ec2_other, lab, refused):
    with refused("InvalidVpcID.NotFound"):
        ec2_other.create_subnet(VpcId=lab["VpcId"], CidrBlock="10.0.1.0/24")
    with refused("InvalidVpcID.NotFound"):
        ec2_other.delete_vpc(VpcId=lab["VpcId"])
    assert lab["VpcId"] not in [found["VpcId"] for found in ec2_other.describe_vpcs(Filters=by("owner-id", ACCOUNT, OTHER_ACCOUNT))["Vpcs"]]


def test_places(ec2, vpc, refused):
    regions = ec2.describe_regions(AllRegions=True, RegionNames=["us-east-1"], Filters=by("region-name", "us-*"))["Regions"]
    assert regions == [{"RegionName": "us-east-1", "Endpoint": "ec2.us-east-1.amazonaws.com", "OptInStatus": "opt-in-not-required"}]
    with refused("InvalidParameterValue"):
        ec2.describe_regions(RegionNames=["mars-1"])
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [(zone["ZoneName"], zone["ZoneId"], zone["State"]) for zone in zones] == [
        (f"us-east-1{letter}", f"use1-az{number}", "available") for number, letter in enumerate("abc", 1)
    ]
    assert len(ec2.describe_availability_zones(Filters=by("zone-name", "*b"))["AvailabilityZones"]) == 1
    with refused("InvalidParameterValue"):
        ec2.describe_availability_zones(ZoneNames=["us-east-1x"])
    attributes = {a["AttributeName"]: a["AttributeValues"][0]["AttributeValue"] for a in ec2.describe_account_attributes()["AccountAttributes"]}
    assert attributes["supported-platforms"] == "VPC" and attributes["default-vpc"] == vpc
    assert len(ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]) == 1


def test_who_calls(sts):
    identity = sts.get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{identity['UserId']}"
