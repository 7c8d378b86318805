"""Network interfaces through boto3 (semantics E42, E43, E45 to E48, E59, E60)."""

import re

import pytest

from conftest import ACCOUNT

MISSING = "eni-00000000000000bad"


@pytest.fixture
def subnet(ec2, vpc):
    """The subnet of the first zone: 172.31.0.0/20."""
    filters = [{"Name": "availability-zone", "Values": ["us-east-1a"]}, {"Name": "vpc-id", "Values": [vpc]}]
    return ec2.describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"]


@pytest.fixture
def subnet_v6(ec2):
    """A subnet with 2600:…::/64 of a VPC that has IPv6; and its range."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    described = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    block = described["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", Ipv6CidrBlock=block)
    return made["Subnet"]["SubnetId"], block.removesuffix("::/64")


@pytest.fixture
def create(ec2, subnet):
    """Creates an interface and answers with it."""
    return lambda **more: ec2.create_network_interface(**{"SubnetId": subnet, **more})["NetworkInterface"]


@pytest.fixture
def instance(ec2):
    return ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


def described(ec2, interface):
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]


def addresses(interface):
    return [address["PrivateIpAddress"] for address in interface["PrivateIpAddresses"]]


def test_an_interface_as_boto3_reads_it(ec2, create, vpc, subnet, group):
    made = create(
        Groups=[group], Description="a <b> & c",
        ConnectionTrackingSpecification={"TcpEstablishedTimeout": 600, "UdpTimeout": 45},
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "eth"}]}],
    )
    assert described(ec2, made["NetworkInterfaceId"]) == made
    assert re.fullmatch("eni-[0-9a-f]{17}", made.pop("NetworkInterfaceId"))
    assert re.fullmatch("0[26](:[0-9a-f]{2}){5}", made.pop("MacAddress"))
    assert made.pop("AvailabilityZoneId")
    assert made == {
        "AvailabilityZone": "us-east-1a",
        "ConnectionTrackingConfiguration": {"TcpEstablishedTimeout": 600, "UdpTimeout": 45},
        "Description": "a <b> & c",
        "Groups": [{"GroupId": group, "GroupName": "web"}],
        "InterfaceType": "interface",
        "Ipv4Prefixes": [],
        "Ipv6Addresses": [],
        "Ipv6Prefixes": [],
        "OwnerId": ACCOUNT,
        "PrivateDnsName": "ip-172-31-0-4.ec2.internal",
        "PrivateIpAddress": "172.31.0.4",
        "PrivateIpAddresses": [
            {"Primary": True, "PrivateDnsName": "ip-172-31-0-4.ec2.internal", "PrivateIpAddress": "172.31.0.4"}
        ],
        "RequesterManaged": False,
        "SourceDestCheck": True,
        "Status": "available",
        "SubnetId": subnet,
        "TagSet": [{"Key": "Name", "Value": "eth"}],
        "VpcId": vpc,
    }


def test_the_default_group_where_none_is_given(create):
    assert [group["GroupName"] for group in create()["Groups"]] == ["default"]  # B11


def test_a_client_token_creates_once(ec2, subnet, refused):
    first = ec2.create_network_interface(SubnetId=subnet, ClientToken="t")
    again = ec2.create_network_interface(SubnetId=subnet, ClientToken="t")
    assert again["NetworkInterface"] == first["NetworkInterface"]
    assert again["ClientToken"] == "t"
    with refused("IdempotentParameterMismatch"):
        ec2.create_network_interface(SubnetId=subnet, ClientToken="t", Description="x")


@pytest.mark.parametrize("more, code, message", [
    ({"SubnetId": "subnet-00000000000000bad"}, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-00000000000000bad' does not exist"),
    ({"SubnetId": "x"}, "InvalidSubnetID.Malformed", "x"),
    ({"Groups": ["sg-00000000000000bad"]}, "InvalidGroup.NotFound", "The security group 'sg-00000000000000bad' does not exist"),
    ({"Groups": ["default"]}, "InvalidGroupId.Malformed", "default"),
    ({"PrivateIpAddress": "172.31.0.3"}, "InvalidParameterValue", "reserved"),
    ({"PrivateIpAddress": "10.0.0.4"}, "InvalidParameterValue", "Address does not fall within the subnet's address range"),
    ({"SecondaryPrivateIpAddressCount": 50}, "PrivateIpAddressLimitExceeded", "limit"),
    ({"SecondaryPrivateIpAddressCount": 1, "Ipv4PrefixCount": 1}, "InvalidParameterCombination", "Ipv4PrefixCount"),
    ({"Ipv6AddressCount": 1}, "InvalidParameterValue", "IPv6"),
    ({"InterfaceType": "efa"}, "UnsupportedOperation", "efa"),
    ({"ConnectionTrackingSpecification": {"UdpTimeout": 5}}, "InvalidParameterValue", "UdpTimeout"),
    ({"DryRun": True}, "DryRunOperation", "Request would have succeeded"),
])
def test_what_cannot_be_created(ec2, create, refused, more, code, message):
    with refused(code, message):
        create(**more)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_an_address_that_is_taken(create, refused):
    create()
    with refused("InvalidIPAddress.InUse", "Address is in use."):
        create(PrivateIpAddress="172.31.0.4")


def test_too_many_groups(ec2, create, refused):
    groups = [ec2.create_security_group(GroupName=f"g{n}", Description="x")["GroupId"] for n in range(6)]
    create(Groups=groups[:5])
    with refused("SecurityGroupsPerInterfaceLimitExceeded"):  # B21
        create(Groups=groups)


def test_groups_of_another_vpc_or_account(ec2, ec2_other, create, refused):
    far = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="far", Description="x", VpcId=far)["GroupId"]
    with refused("InvalidGroup.NotFound", "different networks"):  # B12
        create(Groups=[group])
    foreign = ec2_other.create_security_group(GroupName="foreign", Description="x")["GroupId"]
    with refused("InvalidGroup.NotFound", f"The security group '{foreign}' does not exist"):
        create(Groups=[foreign])


def test_waiting_attaching_detaching_and_deleting(ec2, create, instance, refused):
    interface = create()["NetworkInterfaceId"]
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface])
    place = {"NetworkInterfaceId": interface, "InstanceId": instance}
    with refused("InvalidParameterValue", "already has an interface attached at device index '0'"):
        ec2.attach_network_interface(**place, DeviceIndex=0)
    attachment = ec2.attach_network_interface(**place, DeviceIndex=1)["AttachmentId"]
    shown = described(ec2, interface)
    assert shown["Status"] == "in-use"
    assert shown["Attachment"].pop("AttachTime")
    assert shown["Attachment"] == {
        "AttachmentId": attachment, "DeleteOnTermination": False, "DeviceIndex": 1, "InstanceId": instance,
        "InstanceOwnerId": ACCOUNT, "NetworkCardIndex": 0, "Status": "attached",
    }
    with refused("InvalidNetworkInterface.InUse", f"Interface: [{interface}] in use."):
        ec2.attach_network_interface(**place, DeviceIndex=2)
    with refused("InvalidNetworkInterface.InUse", f"Network interface '{interface}' is currently in use."):
        ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True}
    )
    asked = ec2.describe_network_interface_attribute(NetworkInterfaceId=interface, Attribute="attachment")
    assert asked["Attachment"]["DeleteOnTermination"] is True
    ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    with refused("InvalidAttachmentID.NotFound"):
        ec2.detach_network_interface(AttachmentId=attachment)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    with refused("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{interface}' does not exist"):
        described(ec2, interface)


def test_the_primary_interface_stays(ec2, instance, refused):
    shown = ec2.describe_network_interfaces()["NetworkInterfaces"][0]
    with refused("OperationNotPermitted"):
        ec2.detach_network_interface(AttachmentId=shown["Attachment"]["AttachmentId"])


def test_attributes_are_changed_one_at_a_time(ec2, create, group, refused):
    interface = create()["NetworkInterfaceId"]

    def modify(**change):
        return ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, **change)

    def attribute(name):
        return ec2.describe_network_interface_attribute(NetworkInterfaceId=interface, Attribute=name)

    modify(Groups=[group])
    assert attribute("groupSet")["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    modify(Description={"Value": "x"})
    assert attribute("description")["Description"] == {"Value": "x"}
    modify(SourceDestCheck={"Value": False})
    assert attribute("sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    ec2.reset_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck="true")
    assert attribute("sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    modify(ConnectionTrackingSpecification={"TcpEstablishedTimeout": 60})
    modify(ConnectionTrackingSpecification={"UdpStreamTimeout": 180})
    assert described(ec2, interface)["ConnectionTrackingConfiguration"] == {"TcpEstablishedTimeout": 60, "UdpStreamTimeout": 180}
    assert "Attachment" not in attribute("attachment")
    with refused("InvalidParameterCombination", "multiple attribute types"):  # E59
        modify(Groups=[group], Description={"Value": "y"})
    with refused("InvalidParameterCombination"):
        modify()
    with refused("InvalidGroup.NotFound"):
        modify(Groups=[group, "sg-00000000000000bad"])
    with refused("InvalidAttachmentID.NotFound"):
        modify(Attachment={"AttachmentId": "eni-attach-00000000000000bad", "DeleteOnTermination": True})
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=MISSING, Groups=[group])
    with refused("InvalidParameterValue"):
        attribute("colour")
    assert attribute("groupSet")["Groups"] == [{"GroupId": group, "GroupName": "web"}]


def test_private_addresses_come_and_go(ec2, create, refused):
    one = create(PrivateIpAddresses=[
        {"PrivateIpAddress": "172.31.0.9", "Primary": False}, {"PrivateIpAddress": "172.31.0.8", "Primary": True},
    ])
    assert addresses(one) == ["172.31.0.8", "172.31.0.9"]
    one, other = one["NetworkInterfaceId"], create(Ipv4PrefixCount=1)["NetworkInterfaceId"]
    assert described(ec2, other)["Ipv4Prefixes"] == [{"Ipv4Prefix": "172.31.0.16/28"}]
    given = ec2.assign_private_ip_addresses(NetworkInterfaceId=other, SecondaryPrivateIpAddressCount=2)
    assert [it["PrivateIpAddress"] for it in given["AssignedPrivateIpAddresses"]] == ["172.31.0.5", "172.31.0.6"]
    given = ec2.assign_private_ip_addresses(NetworkInterfaceId=other, Ipv4Prefixes=["172.31.1.0/28"])
    assert given["AssignedIpv4Prefixes"] == [{"Ipv4Prefix": "172.31.1.0/28"}]
    with refused("InvalidIPAddress.InUse"):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["172.31.0.9"])
    with refused("InvalidIPAddress.InUse"):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["172.31.0.8"], AllowReassignment=True)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["172.31.0.9"], AllowReassignment=True)
    assert addresses(described(ec2, one)) == ["172.31.0.8"]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["172.31.0.5"])
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, Ipv4Prefixes=["172.31.0.16/28", "172.31.1.0/28"])
    shown = described(ec2, other)
    assert (addresses(shown), shown["Ipv4Prefixes"]) == (["172.31.0.4", "172.31.0.6", "172.31.0.9"], [])
    for address in ["172.31.0.4", "172.31.0.77"]:
        with refused("InvalidParameterValue", address):
            ec2.unassign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=[address])
    with refused("MissingParameter"):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=other)


def test_ipv6_addresses_come_and_go(ec2, create, subnet_v6, refused):
    subnet, block = subnet_v6
    made = create(SubnetId=subnet, Ipv6Addresses=[{"Ipv6Address": f"{block}::5"}])
    assert [it["Ipv6Address"] for it in made["Ipv6Addresses"]] == [f"{block}::5"]
    interface = made["NetworkInterfaceId"]
    given = ec2.assign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6AddressCount=2)
    assert given["AssignedIpv6Addresses"] == [f"{block}::4", f"{block}::6"]
    given = ec2.assign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6PrefixCount=1)
    (prefix,) = given["AssignedIpv6Prefixes"]
    assert prefix.endswith("/80") and described(ec2, interface)["Ipv6Prefixes"] == [{"Ipv6Prefix": prefix}]
    with refused("InvalidIPAddress.InUse"):
        ec2.assign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6Addresses=[f"{block}::5"])
    taken = ec2.unassign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6Addresses=[f"{block}::4"], Ipv6Prefixes=[prefix])
    assert (taken["UnassignedIpv6Addresses"], taken["UnassignedIpv6Prefixes"]) == ([f"{block}::4"], [prefix])
    with refused("InvalidParameterValue"):
        ec2.unassign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6Addresses=[f"{block}::4"])


def test_every_filter(ec2, create, subnet, vpc, group, instance):
    made = create(
        Groups=[group], Description="wanted", PrivateIpAddress="172.31.0.50", SecondaryPrivateIpAddressCount=1,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "Tier", "Value": "web"}]}],
    )
    wanted = made["NetworkInterfaceId"]
    attachment = ec2.attach_network_interface(NetworkInterfaceId=wanted, InstanceId=instance, DeviceIndex=2)["AttachmentId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=wanted, SourceDestCheck={"Value": False})
    create(Description="free")
    # What is filtered by, and how many of the three interfaces have it.
    for name, value, count in [
        ("addresses.primary", "false", 1), ("addresses.private-ip-address", "172.31.0.50", 1),
        ("attachment.attach-time", "20*Z", 2), ("attachment.attachment-id", attachment, 1),
        ("attachment.delete-on-termination", "false", 1), ("attachment.device-index", "2", 1),
        ("attachment.instance-id", instance, 2), ("attachment.instance-owner-id", ACCOUNT, 2),
        ("attachment.status", "attached", 2), ("availability-zone", "us-east-1a", 3),
        ("availability-zone-id", made["AvailabilityZoneId"], 3), ("description", "want?d", 1), ("group-id", group, 1),
        ("interface-type", "interface", 3), ("mac-address", made["MacAddress"], 1), ("network-interface-id", wanted, 1),
        ("owner-id", ACCOUNT, 3), ("private-dns-name", made["PrivateDnsName"], 1), ("private-ip-address", "172.31.0.50", 1),
        ("requester-managed", "false", 3), ("source-dest-check", "false", 1), ("status", "in-use", 2), ("subnet-id", subnet, 3),
        ("tag:Tier", "web", 1), ("tag-key", "Tier", 1), ("vpc-id", vpc, 3),
    ]:
        def found(value):
            listed = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
            return [interface["NetworkInterfaceId"] for interface in listed]

        assert len(found(value)) == count and wanted in found(value), name
        assert found("none") == [], name


def test_lists(ec2, ec2_other, create, refused):
    made = {create()["NetworkInterfaceId"] for _ in range(7)}
    pages = list(ec2.get_paginator("describe_network_interfaces").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["NetworkInterfaces"]) for page in pages] == [5, 2]
    assert {it["NetworkInterfaceId"] for page in pages for it in page["NetworkInterfaces"]} == made
    with refused("InvalidParameterCombination", "networkInterfaceIds"):  # E20
        ec2.describe_network_interfaces(NetworkInterfaceIds=list(made), MaxResults=5)
    with refused("InvalidParameterValue", "The filter 'colour' is invalid"):
        ec2.describe_network_interfaces(Filters=[{"Name": "colour", "Values": ["red"]}])
    with refused("InvalidNetworkInterfaceID.NotFound"):  # E26
        ec2.describe_network_interfaces(NetworkInterfaceIds=[*made, MISSING])
    assert ec2_other.describe_network_interfaces()["NetworkInterfaces"] == []


def test_the_aws_cli_manages_an_interface(cli, ec2, subnet, group):
    made = cli("ec2", "create-network-interface", "--subnet-id", subnet, "--groups", group, "--description", "by the CLI")
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    cli("ec2", "modify-network-interface-attribute", "--network-interface-id", interface, "--no-source-dest-check")
    listed = cli("ec2", "describe-network-interfaces", "--filters", f"Name=group-id,Values={group}")
    assert [(it["Description"], it["SourceDestCheck"]) for it in listed["NetworkInterfaces"]] == [("by the CLI", False)]
    cli("ec2", "delete-network-interface", "--network-interface-id", interface)
