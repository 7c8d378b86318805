"""Instances through boto3: names that own network interfaces (semantics B11, B13, E44)."""

import re

import pytest

from conftest import ACCOUNT

MISSING = "i-00000000000000bad"


@pytest.fixture
def run(ec2):
    """Launches instances, one unless more is said, and answers with the reservation."""
    return lambda **more: ec2.run_instances(**{"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, **more})


@pytest.fixture
def one(run):
    """Launches one and answers with its id."""
    return lambda **more: run(**more)["Instances"][0]["InstanceId"]


@pytest.fixture
def interface(ec2, vpc):
    filters = [{"Name": "availability-zone", "Values": ["us-east-1a"]}, {"Name": "vpc-id", "Values": [vpc]}]
    subnet = ec2.describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"]
    return ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]


def described(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]


def test_an_instance_as_boto3_reads_it(ec2, run, vpc, group):
    reservation = run(
        InstanceType="t3.micro", KeyName="k", SecurityGroupIds=[group], UserData="#!/bin/sh", Monitoring={"Enabled": True},
        IamInstanceProfile={"Name": "x"}, MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]},
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "eth"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "disk"}]},
        ],
    )
    assert re.fullmatch("r-[0-9a-f]{17}", reservation["ReservationId"])
    assert reservation["OwnerId"] == ACCOUNT
    (instance,) = reservation["Instances"]
    assert described(ec2, instance["InstanceId"]) == instance
    assert re.fullmatch("i-[0-9a-f]{17}", instance["InstanceId"])
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert (instance["ImageId"], instance["InstanceType"], instance["KeyName"]) == ("ami-1", "t3.micro", "k")
    assert (instance["VpcId"], instance["PrivateIpAddress"]) == (vpc, "172.31.0.4")
    assert instance["PrivateDnsName"] == "ip-172-31-0-4.ec2.internal"
    assert instance["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    assert instance["Tags"] == [{"Key": "Name", "Value": "web"}]
    (interface,) = instance["NetworkInterfaces"]
    assert (interface["Status"], interface["Groups"]) == ("in-use", instance["SecurityGroups"])
    assert (interface["Attachment"]["DeviceIndex"], interface["Attachment"]["DeleteOnTermination"]) == (0, True)
    (shown,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert shown["TagSet"] == [{"Key": "Name", "Value": "eth"}]


def test_several_at_once_and_the_same_call_twice(ec2, run, refused):
    first = run(MinCount=2, MaxCount=3, ClientToken="t")
    assert [it["AmiLaunchIndex"] for it in first["Instances"]] == [0, 1, 2]
    again = run(MinCount=2, MaxCount=3, ClientToken="t")
    assert again["Instances"] == first["Instances"]
    with refused("IdempotentParameterMismatch"):
        run(ClientToken="t")
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_groups_by_name_in_the_default_vpc(run, group, refused):
    (instance,) = run(SecurityGroups=["web"])["Instances"]
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    with refused("InvalidGroup.NotFound", "The security group 'none' does not exist in default VPC"):
        run(SecurityGroups=["none"])
    with refused("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet"):
        run(SecurityGroups=["web"], SubnetId=instance["SubnetId"])


def test_interfaces_that_are_listed(ec2, run, interface, group):
    (instance,) = run(NetworkInterfaces=[
        {"DeviceIndex": 1, "NetworkInterfaceId": interface["NetworkInterfaceId"]},
        {"DeviceIndex": 0, "SubnetId": interface["SubnetId"], "Groups": [group], "PrivateIpAddress": "172.31.0.77",
         "Description": "first", "DeleteOnTermination": True, "AssociatePublicIpAddress": True},
    ])["Instances"]
    shown = instance["NetworkInterfaces"]
    assert [it["PrivateIpAddress"] for it in shown] == ["172.31.0.77", "172.31.0.4"]
    assert [it["Attachment"]["DeleteOnTermination"] for it in shown] == [True, False]
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    left = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [(it["NetworkInterfaceId"], it["Status"]) for it in left] == [(interface["NetworkInterfaceId"], "available")]


@pytest.mark.parametrize("more, code", [
    ({"MinCount": 0}, "InvalidParameterValue"),
    ({"MinCount": 2}, "InvalidParameterValue"),
    ({"MaxCount": 501}, "InstanceLimitExceeded"),
    ({"MaxCount": 2, "PrivateIpAddress": "172.31.0.9"}, "InvalidParameterCombination"),
    ({"PrivateIpAddress": "172.31.0.1"}, "InvalidParameterValue"),
    ({"SubnetId": "subnet-00000000000000bad"}, "InvalidSubnetID.NotFound"),
    ({"SecurityGroupIds": ["sg-00000000000000bad"]}, "InvalidGroup.NotFound"),
    ({"Placement": {"AvailabilityZone": "us-east-1x"}}, "MissingInput"),
    ({"LaunchTemplate": {"LaunchTemplateName": "x"}}, "UnsupportedOperation"),
    ({"NetworkInterfaces": [{"DeviceIndex": 1}]}, "InvalidParameterCombination"),
    ({"NetworkInterfaces": [{"DeviceIndex": 0}], "SecurityGroups": ["default"]}, "InvalidParameterCombination"),
    ({"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": "eni-00000000000000bad"}]}, "InvalidNetworkInterfaceID.NotFound"),
    ({"DryRun": True}, "DryRunOperation"),
])
def test_what_cannot_be_launched(ec2, run, refused, more, code):
    with refused(code):
        run(**more)
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_an_image_is_named(ec2, refused):
    with refused("MissingParameter", "ImageId"):
        ec2.run_instances(MinCount=1, MaxCount=1)


def test_states_and_the_waiters_for_them(ec2, one, refused):
    instance = one()
    ids = {"InstanceIds": [instance]}
    ec2.get_waiter("instance_exists").wait(**ids)
    ec2.get_waiter("instance_running").wait(**ids)
    ec2.get_waiter("instance_status_ok").wait(**ids)
    ec2.get_waiter("system_status_ok").wait(**ids)
    (change,) = ec2.stop_instances(**ids)["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopped")
    ec2.get_waiter("instance_stopped").wait(**ids)
    assert ec2.describe_instance_status(**ids)["InstanceStatuses"] == []
    (status,) = ec2.describe_instance_status(**ids, IncludeAllInstances=True)["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == "not-applicable"
    ec2.start_instances(**ids)
    ec2.get_waiter("instance_running").wait(**ids)
    ec2.terminate_instances(**ids)
    ec2.get_waiter("instance_terminated").wait(**ids)
    assert described(ec2, instance)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    for call in [ec2.start_instances, ec2.stop_instances]:
        with refused("IncorrectInstanceState"):
            call(**ids)
    for call in [ec2.start_instances, ec2.stop_instances, ec2.terminate_instances, ec2.describe_instances, ec2.describe_instance_status]:
        with refused("InvalidInstanceID.NotFound", f"The instance ID '{MISSING}' does not exist"):
            call(InstanceIds=[MISSING])


def test_attributes(ec2, one, group, interface, refused):
    instance = one()

    def modify(**change):
        return ec2.modify_instance_attribute(InstanceId=instance, **change)

    def attribute(name):
        return ec2.describe_instance_attribute(InstanceId=instance, Attribute=name)

    modify(Groups=[group])
    assert attribute("groupSet")["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    modify(SourceDestCheck={"Value": False})
    assert attribute("sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    with refused("IncorrectInstanceState"):
        modify(InstanceType={"Value": "t3.large"})
    ec2.stop_instances(InstanceIds=[instance])
    modify(InstanceType={"Value": "t3.large"})
    assert attribute("instanceType")["InstanceType"] == {"Value": "t3.large"}
    with refused("UnsupportedOperation"):
        modify(DisableApiTermination={"Value": True})
    with refused("InvalidGroup.NotFound"):
        modify(Groups=["sg-00000000000000bad"])
    with refused("InvalidInstanceID.NotFound"):
        ec2.modify_instance_attribute(InstanceId=MISSING, Groups=[group])
    ec2.attach_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=1)
    with refused("InvalidInstanceID", "There are multiple interfaces attached to instance"):  # B13
        modify(Groups=[group])


def test_every_filter(ec2, one, group, vpc):
    wanted = one(
        SecurityGroupIds=[group], InstanceType="t3.nano", KeyName="k", PrivateIpAddress="172.31.0.50",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Tier", "Value": "web"}]}],
    )
    one(Placement={"AvailabilityZone": "us-east-1b"})
    stopped = one()
    ec2.stop_instances(InstanceIds=[stopped])
    shown = described(ec2, wanted)
    (interface,) = shown["NetworkInterfaces"]
    for name, value, count in [
        ("availability-zone", "us-east-1a", 2), ("image-id", "ami-1", 3), ("instance-id", wanted, 1),
        ("instance-state-code", "16", 2), ("instance-state-name", "running", 2), ("instance-type", "t3.*", 1),
        ("instance.group-id", group, 1), ("instance.group-name", "web", 1), ("key-name", "k", 1), ("launch-index", "0", 3),
        ("owner-id", ACCOUNT, 3), ("private-ip-address", "172.31.0.50", 1), ("subnet-id", shown["SubnetId"], 2),
        ("tag:Tier", "web", 1), ("tag-key", "Tier", 1), ("vpc-id", vpc, 3),
        ("network-interface.network-interface-id", interface["NetworkInterfaceId"], 1),
        ("network-interface.group-id", group, 1), ("network-interface.addresses.private-ip-address", "172.31.0.50", 1),
        ("network-interface.attachment.device-index", "0", 3),
    ]:
        def found(value):
            listed = ec2.describe_instances(Filters=[{"Name": name, "Values": [value]}])["Reservations"]
            return [instance["InstanceId"] for reservation in listed for instance in reservation["Instances"]]

        assert len(found(value)) == count and wanted in found(value), name
        assert found("none") == [], name


def test_lists(ec2, ec2_other, run, refused):
    made = {it["InstanceId"] for it in run(MinCount=7, MaxCount=7)["Instances"]}
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    seen = [[it["InstanceId"] for reservation in page["Reservations"] for it in reservation["Instances"]] for page in pages]
    assert [len(ids) for ids in seen] == [5, 2] and set(sum(seen, [])) == made
    with refused("InvalidParameterCombination", "instanceIds"):
        ec2.describe_instances(InstanceIds=list(made), MaxResults=5)
    with refused("InvalidParameterValue", "The filter 'colour' is invalid"):
        ec2.describe_instances(Filters=[{"Name": "colour", "Values": ["red"]}])
    assert ec2_other.describe_instances()["Reservations"] == []


def test_the_aws_cli_launches_and_moves_an_instance(cli, ec2, group):
    made = cli("ec2", "run-instances", "--image-id", "ami-1", "--instance-type", "t3.micro", "--count", "2")
    ids = [it["InstanceId"] for it in made["Instances"]]
    cli("ec2", "wait", "instance-running", "--instance-ids", *ids)
    cli("ec2", "modify-instance-attribute", "--instance-id", ids[0], "--groups", group)
    listed = cli("ec2", "describe-instances", "--filters", f"Name=instance.group-id,Values={group}")
    assert [it["InstanceId"] for reservation in listed["Reservations"] for it in reservation["Instances"]] == ids[:1]
    ended = cli("ec2", "terminate-instances", "--instance-ids", *ids)
    assert {it["CurrentState"]["Name"] for it in ended["TerminatingInstances"]} == {"terminated"}
