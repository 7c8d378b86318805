"""VPC peering connections between two accounts, through boto3 (A27, B28)."""

import pytest

from conftest import ACCOUNT, OTHER_ACCOUNT


@pytest.fixture
def own(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def other(ec2_other):
    return ec2_other.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


@pytest.fixture
def request_id(ec2, own, other):
    tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "ours"}]}]
    asked = ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=other, PeerOwnerId=OTHER_ACCOUNT, TagSpecifications=tags)
    return asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def look(client, peering):
    return client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"][0]


def test_a_request_is_seen_by_both_accepted_and_deleted(ec2, ec2_other, own, other, request_id, refused):
    for client in (ec2, ec2_other):
        seen = look(client, request_id)
        assert seen["Status"] == {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {OTHER_ACCOUNT}"}
        assert seen["RequesterVpcInfo"]["VpcId"] == own and seen["RequesterVpcInfo"]["CidrBlock"] == "10.0.0.0/16"
        assert seen["AccepterVpcInfo"]["VpcId"] == other and "CidrBlock" not in seen["AccepterVpcInfo"]
        assert seen["ExpirationTime"].tzinfo is not None
    assert look(ec2, request_id)["Tags"] == [{"Key": "Name", "Value": "ours"}]
    assert look(ec2_other, request_id)["Tags"] == []
    with refused("OperationNotPermitted", f"User ({ACCOUNT}) cannot accept peering {request_id}"):
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=request_id)
    active = ec2_other.accept_vpc_peering_connection(VpcPeeringConnectionId=request_id)["VpcPeeringConnection"]
    assert active["Status"]["Code"] == "active"
    assert active["AccepterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "172.31.0.0/16"}]
    assert active["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False
    ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[request_id])
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=own)
    assert ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=request_id)["Return"] is True
    assert look(ec2_other, request_id)["Status"] == {"Code": "deleted", "Message": f"Deleted by {ACCOUNT}"}
    with refused("InvalidStateTransition"):
        ec2_other.accept_vpc_peering_connection(VpcPeeringConnectionId=request_id)
    ec2.delete_vpc(VpcId=own)


def test_a_request_is_rejected(ec2, ec2_other, request_id, refused):
    with refused("OperationNotPermitted"):
        ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=request_id)
    assert ec2_other.reject_vpc_peering_connection(VpcPeeringConnectionId=request_id)["Return"] is True
    assert look(ec2, request_id)["Status"]["Code"] == "rejected"
    with refused("InvalidStateTransition"):
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=request_id)


def test_what_cannot_be_peered_fails_or_is_refused(ec2, own, other, vpc, request_id, refused):
    with refused("VpcPeeringConnectionAlreadyExists"):
        ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=other, PeerOwnerId=OTHER_ACCOUNT)
    with refused("InvalidVpcID.NotFound"):
        ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId="vpc-01234567")
    with refused("InvalidParameterValue"):
        ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=own)
    with refused("MissingParameter"):
        ec2.create_vpc_peering_connection(VpcId=own)
    with refused("InvalidVpcPeeringConnectionID.NotFound"):
        look(ec2, "pcx-01234567")
    for call in [{"VpcId": vpc, "PeerVpcId": other}, {"VpcId": vpc, "PeerVpcId": "vpc-01234567"}, {"VpcId": own, "PeerVpcId": other, "PeerRegion": "eu-west-1"}]:
        if "PeerRegion" in call:
            ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=request_id)
        failed = ec2.create_vpc_peering_connection(PeerOwnerId=OTHER_ACCOUNT, **call)["VpcPeeringConnection"]
        assert failed["Status"]["Code"] == "failed", call


def test_each_filter(ec2, own, other, request_id):
    for name, value in [
        ("accepter-vpc-info.owner-id", OTHER_ACCOUNT),
        ("accepter-vpc-info.vpc-id", other),
        ("expiration-time", "20*"),
        ("requester-vpc-info.cidr-block", "10.0.0.0/16"),
        ("requester-vpc-info.owner-id", ACCOUNT),
        ("requester-vpc-info.vpc-id", own),
        ("status-code", "pending-acceptance"),
        ("status-message", "Pending*"),
        ("tag:Name", "ours"),
        ("tag-key", "Name"),
        ("vpc-peering-connection-id", request_id),
    ]:
        for wanted, count in [(value, 1), ("nose", 0)]:
            found = ec2.describe_vpc_peering_connections(Filters=[{"Name": name, "Values": [wanted]}])
            assert len(found["VpcPeeringConnections"]) == count, (name, wanted)
    with_ranges = [{"Name": "accepter-vpc-info.cidr-block", "Values": ["172.31.0.0/16"]}]
    assert ec2.describe_vpc_peering_connections(Filters=with_ranges)["VpcPeeringConnections"] == []


def test_a_rule_is_stale_when_its_connection_ends(ec2, ec2_other, own, other, request_id, refused):
    theirs = ec2_other.create_security_group(GroupName="theirs", Description="x", VpcId=other)["GroupId"]
    ours = ec2.create_security_group(GroupName="ours", Description="x", VpcId=own)["GroupId"]
    rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": theirs, "UserId": OTHER_ACCOUNT}]}]
    with refused("InvalidGroup.NotFound"):
        ec2.authorize_security_group_ingress(GroupId=ours, IpPermissions=rule)
    ec2_other.accept_vpc_peering_connection(VpcPeeringConnectionId=request_id)
    ec2.authorize_security_group_ingress(GroupId=ours, IpPermissions=rule)
    assert ec2.describe_stale_security_groups(VpcId=own)["StaleSecurityGroupSet"] == []
    ec2_other.delete_vpc_peering_connection(VpcPeeringConnectionId=request_id)
    assert [stale["GroupId"] for stale in ec2.describe_stale_security_groups(VpcId=own)["StaleSecurityGroupSet"]] == [ours]
