"""Tags of everything that can have some, through boto3 (E50, E58)."""

import pytest


@pytest.fixture
def things(ec2, vpc, group):
    """One of everything that has tags: its id, by kind."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    rule = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return {
        "vpc": vpc,
        "subnet": subnet,
        "security-group": group,
        "security-group-rule": rule["SecurityGroupRules"][0]["SecurityGroupRuleId"],
        "prefix-list": ec2.create_managed_prefix_list(PrefixListName="a", MaxEntries=1, AddressFamily="IPv4")["PrefixList"]["PrefixListId"],
        "network-interface": ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"],
        "instance": ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]["InstanceId"],
        "vpc-peering-connection": ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"],
        "vpc-flow-log": ec2.create_flow_logs(
            ResourceType="VPC", ResourceIds=[vpc], TrafficType="ALL", LogDestinationType="s3", LogDestination="arn:aws:s3:::logs"
        )["FlowLogIds"][0],
    }


def tags(ec2, **filters):
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    return {(t["ResourceId"], t["ResourceType"], t["Key"], t["Value"]) for t in ec2.describe_tags(Filters=wanted)["Tags"]}


def test_everything_is_tagged_listed_and_untagged(ec2, things):
    ids = list(things.values())
    ec2.create_tags(Resources=ids, Tags=[{"Key": "Name", "Value": "a"}, {"Key": "tier", "Value": ""}])
    for kind, id in things.items():
        assert tags(ec2, resource_id=id) == {(id, kind, "Name", "a"), (id, kind, "tier", "")}
        assert tags(ec2, resource_type=kind, key="tier") == {(id, kind, "tier", "")}
        assert tags(ec2, resource_type=kind, value="a") == {(id, kind, "Name", "a")}
        assert tags(ec2, **{"tag:Name": "a"}, resource_type=kind) == {(id, kind, "Name", "a")}
    ec2.create_tags(Resources=ids, Tags=[{"Key": "Name", "Value": "b"}])
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "tier", "Value": ""}])
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "Name", "Value": "other"}])
    assert tags(ec2) == {(id, kind, "Name", "b") for kind, id in things.items()}
    ec2.delete_tags(Resources=ids[:1], Tags=[{"Key": "Name"}])
    ec2.delete_tags(Resources=ids[1:])
    assert tags(ec2) == set()


def test_tags_are_seen_where_things_are_described(ec2, things):
    wanted = [{"Key": "Name", "Value": "a"}]
    ec2.create_tags(Resources=list(things.values()), Tags=wanted)
    by_tag = [{"Name": "tag:Name", "Values": ["a"]}]
    assert [v["Tags"] for v in ec2.describe_vpcs(Filters=by_tag)["Vpcs"]] == [wanted]
    assert [s["Tags"] for s in ec2.describe_subnets(Filters=by_tag)["Subnets"]] == [wanted]
    assert [g["Tags"] for g in ec2.describe_security_groups(Filters=by_tag)["SecurityGroups"]] == [wanted]
    assert [r["Tags"] for r in ec2.describe_security_group_rules(Filters=by_tag)["SecurityGroupRules"]] == [wanted]
    assert [i["TagSet"] for i in ec2.describe_network_interfaces(Filters=by_tag)["NetworkInterfaces"]] == [wanted]
    assert [p["Tags"] for p in ec2.describe_managed_prefix_lists()["PrefixLists"]] == [wanted]
    assert [p["Tags"] for p in ec2.describe_vpc_peering_connections(Filters=by_tag)["VpcPeeringConnections"]] == [wanted]
    assert [f["Tags"] for f in ec2.describe_flow_logs(Filter=by_tag)["FlowLogs"]] == [wanted]
    assert [i["Tags"] for r in ec2.describe_instances(Filters=by_tag)["Reservations"] for i in r["Instances"]] == [wanted]


@pytest.mark.parametrize(
    "tags, code",
    [
        ([{"Key": "aws:x", "Value": "1"}], "InvalidParameterValue"),
        ([{"Key": "", "Value": "1"}], "InvalidParameterValue"),
        ([{"Key": "k" * 128, "Value": "1"}], "InvalidParameterValue"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidParameterValue"),
        ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "InvalidParameterValue"),
        ([{"Key": f"k{n}", "Value": "1"} for n in range(51)], "TagLimitExceeded"),
        ([], "MissingParameter"),
    ],
)
def test_what_cannot_be_a_tag_is_refused(ec2, vpc, refused, tags, code):
    with refused(code):
        ec2.create_tags(Resources=[vpc], Tags=tags)


@pytest.mark.parametrize(
    "id, code",
    [
        ("sg-01234567", "InvalidGroup.NotFound"),
        ("sgr-01234567890abcdef", "InvalidSecurityGroupRuleId.NotFound"),
        ("eni-01234567", "InvalidNetworkInterfaceID.NotFound"),
        ("i-01234567", "InvalidInstanceID.NotFound"),
        ("pl-01234567", "InvalidPrefixListID.NotFound"),
        ("vpc-01234567", "InvalidVpcID.NotFound"),
        ("subnet-01234567", "InvalidSubnetID.NotFound"),
        ("pcx-01234567", "InvalidVpcPeeringConnectionID.NotFound"),
        ("fl-01234567890abcdef", "InvalidFlowLogId.NotFound"),
        ("nose", "InvalidID"),
    ],
)
def test_an_unknown_id_fails_the_whole(ec2, vpc, refused, id, code):
    with refused(code):
        ec2.create_tags(Resources=[vpc, id], Tags=[{"Key": "a", "Value": "b"}])
    assert tags(ec2) == set()


def test_nobody_tags_what_is_anothers(ec2_other, things, refused):
    for id in things.values():
        with pytest.raises(ec2_other.exceptions.ClientError, match="NotFound"):
            ec2_other.create_tags(Resources=[id], Tags=[{"Key": "a", "Value": "b"}])
    assert ec2_other.describe_tags()["Tags"] == []


def test_pages_of_tags(ec2, vpc):
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": f"k{n:02}", "Value": "v"} for n in range(12)])
    pages = [page["Tags"] for page in ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 5})]
    assert [len(page) for page in pages] == [5, 5, 2] and sum(pages, []) == ec2.describe_tags()["Tags"]
