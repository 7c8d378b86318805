"""Security groups: create, delete, describe, which VPCs they serve, and what refers to them (E27 to E29, E37 to E41)."""

import pytest

from conftest import ACCOUNT, OTHER_ACCOUNT, REGION, expect_refusal

SET = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"


def create(ec2, name, vpc=None, **more):
    vpc = {"VpcId": vpc} if vpc else {}
    return ec2.create_security_group(GroupName=name, Description="a test", **vpc, **more)["GroupId"]


def described(ec2, group):
    [found] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return found


def default_group(ec2, vpc):
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [found] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return found["GroupId"]


@pytest.fixture
def other_vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]


def peer(own, own_vpc, other, other_vpc, account):
    """An active connection between two VPCs: its id."""
    asked = own.create_vpc_peering_connection(VpcId=own_vpc, PeerVpcId=other_vpc, PeerOwnerId=account)
    peering = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return peering


def all_from(group, account=None):
    pair = {"GroupId": group, **({"UserId": account} if account else {})}
    return [{"IpProtocol": "-1", "UserIdGroupPairs": [pair]}]


# Create


def test_a_new_group_lets_everything_out_and_nothing_in(ec2, vpc):
    tags = [{"Key": "Name", "Value": "x&y"}]
    answer = ec2.create_security_group(
        GroupName="Web Tier ", Description="the web", TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}]
    )
    group = answer["GroupId"]
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}"
    assert (answer["Tags"], answer["SecurityGroupArn"]) == (tags, arn)
    assert described(ec2, group) == {
        "GroupId": group,
        "GroupName": "Web Tier",  # B3
        "Description": "the web",
        "OwnerId": ACCOUNT,
        "VpcId": vpc,  # B2
        "SecurityGroupArn": arn,
        "Tags": tags,
        "IpPermissions": [],  # B10
        "IpPermissionsEgress": [
            # A20: no ports; E9: every list of peers.
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
        ],
    }


@pytest.mark.parametrize(
    "parameters, code, message",
    [
        ({"GroupName": "sg-x"}, "InvalidParameterValue", "Group names may not be in the format sg-*."),
        ({"GroupName": "default"}, "InvalidParameterValue", "Cannot use reserved security group name: default"),
        ({"GroupName": "a|b"}, "InvalidParameterValue", f"Invalid security group name. Valid names are non-empty strings less than 256 characters from the following set:  {SET}"),
        ({"Description": "a<b"}, "InvalidParameterValue", f"Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  {SET}"),
        ({"Description": "é"}, "InvalidParameterValue", "Value (é) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."),
        ({"Description": ""}, "MissingParameter", "The request must contain the parameter GroupDescription"),
        ({"GroupName": ""}, "MissingParameter", "The request must contain the parameter GroupName"),
        ({"VpcId": "vpc-00000000"}, "InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000' does not exist"),
        ({"VpcId": "x"}, "InvalidVpcId.Malformed", 'Invalid id: "x" (expecting "vpc-...")'),
        ({"TagSpecifications": [{"ResourceType": "vpc"}]}, "InvalidParameterValue", "'vpc' is not a valid taggable resource type for this operation."),
        ({"DryRun": True}, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
    ],
)
def test_what_cannot_be_created_is_refused(ec2, refused, parameters, code, message):
    with refused(code, message):
        ec2.create_security_group(**{"GroupName": "x", "Description": "a test", **parameters})
    assert len(ec2.describe_security_groups()["SecurityGroups"]) == 1


def test_names_are_unique_in_a_vpc_whatever_their_case(ec2, vpc, other_vpc, refused):
    create(ec2, "Abc")
    with refused("InvalidGroup.Duplicate", f"The security group 'aBC' already exists for VPC '{vpc}'"):  # B4
        create(ec2, "aBC")
    create(ec2, "ABC", other_vpc)


def test_a_read_only_key_changes_nothing(ec2, read_only, group, refused):
    with refused("UnauthorizedOperation", status=403):
        create(read_only, "x")
    with refused("UnauthorizedOperation", status=403):
        read_only.delete_security_group(GroupId=group)
    assert described(read_only, group) == described(ec2, group)


# Delete


def test_a_group_is_deleted_by_id_or_by_name(ec2, refused):
    one, two = create(ec2, "one"), create(ec2, "two")
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=all_from(one))  # B25
    answer = ec2.delete_security_group(GroupId=one)
    assert (answer["Return"], answer["GroupId"]) == (True, one)
    assert ec2.delete_security_group(GroupName="TWO")["GroupId"] == two
    with refused("InvalidGroup.NotFound", f"The security group '{one}' does not exist"):  # B26
        ec2.describe_security_groups(GroupIds=[one])


def test_a_group_that_is_needed_is_not_deleted(ec2, ec2_other, vpc, group, refused):
    app = create(ec2, "app")
    ec2.authorize_security_group_egress(GroupId=app, IpPermissions=all_from(group))
    with refused("DependencyViolation", f"resource {group} has a dependent object"):  # B24
        ec2.delete_security_group(GroupId=group)
    default = default_group(ec2, vpc)
    with refused("CannotDelete", f'the specified group: "{default}" name: "default" cannot be deleted by a user'):  # B9
        ec2.delete_security_group(GroupId=default)
    with refused("InvalidGroup.NotFound", f"The security group '{app}' does not exist"):
        ec2_other.delete_security_group(GroupId=app)
    with refused("InvalidGroupId.Malformed", 'Invalid id: "sg-a, sg-b"'):
        ec2.delete_security_group(GroupId="sg-a, sg-b")
    with refused("InvalidGroup.NotFound", f"The security group 'nobody' does not exist in default VPC '{vpc}'"):  # E64
        ec2.delete_security_group(GroupName="nobody")
    with refused("InvalidParameterCombination"):
        ec2.delete_security_group(GroupName="app", GroupId=app)
    with refused("MissingParameter"):
        ec2.delete_security_group()


# Describe


def test_groups_are_chosen_by_id_and_by_name_in_the_default_vpc(ec2, vpc, other_vpc, refused):
    one, two = create(ec2, "one"), create(ec2, "two")
    create(ec2, "elsewhere", other_vpc)
    found = ec2.describe_security_groups(GroupIds=[one], GroupNames=["Two"])["SecurityGroups"]
    assert {each["GroupId"] for each in found} == {one, two}
    with refused("InvalidGroup.NotFound", f"The security group 'elsewhere' does not exist in default VPC '{vpc}'"):  # B14
        ec2.describe_security_groups(GroupNames=["elsewhere"])
    with refused("InvalidGroup.NotFound"):  # E26
        ec2.describe_security_groups(GroupIds=[one, "sg-00000000"])


def test_the_waiter_of_clients_sees_a_group(ec2, group):
    ec2.get_waiter("security_group_exists").wait(GroupIds=[group], WaiterConfig={"Delay": 0, "MaxAttempts": 1})


def test_every_filter_finds_what_it_says(ec2, other_vpc, refused):
    mark = create(ec2, "mark", other_vpc)
    tags = {"ResourceType": "security-group", "Tags": [{"Key": "Stage", "Value": "prod"}]}
    group = ec2.create_security_group(GroupName="Web-1", Description="the web", VpcId=other_vpc, TagSpecifications=[tags])["GroupId"]
    entries = ec2.create_managed_prefix_list(PrefixListName="list", MaxEntries=1, AddressFamily="IPv4")
    prefix_list = entries["PrefixList"]["PrefixListId"]
    permission = {
        "IpProtocol": "6", "FromPort": 8080, "ToPort": 8090,
        "IpRanges": [{"CidrIp": "10.0.0.0/24"}], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/64"}],
        "PrefixListIds": [{"PrefixListId": prefix_list}], "UserIdGroupPairs": [{"GroupId": mark}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])

    def found(name, value):
        return [each["GroupId"] for each in ec2.describe_security_groups(Filters=[{"Name": name, "Values": [value]}])["SecurityGroups"]]

    filters = {"description": "the web", "group-id": group, "group-name": "Web-?", "tag:Stage": "prod", "tag-key": "Stage"}
    of_rules = {
        "cidr": "10.0.0.0/24", "ipv6-cidr": "2001:db8::/64", "from-port": "8080", "to-port": "8090", "protocol": "tcp",
        "prefix-list-id": prefix_list, "group-id": mark, "group-name": "mark",
    }
    for side in ["ip-permission", "egress.ip-permission"]:
        filters |= {f"{side}.{name}": value for name, value in of_rules.items()}
    for name, value in filters.items():
        assert found(name, value) == [group], name
        assert found(name, "nothing-such") == [], name  # E26
    assert len(found("vpc-id", other_vpc)) == 3
    assert len(found("owner-id", ACCOUNT)) == 4
    assert found("egress.ip-permission.user-id", ACCOUNT) == [group]
    assert len(found("ip-permission.user-id", ACCOUNT)) == 3  # Default groups name themselves.
    with refused("InvalidParameterValue", "The filter 'x' is invalid"):
        found("x", "x")


def test_filters_on_rules_hold_together_for_different_rules(ec2, group):
    for port, cidr in [(22, "10.0.0.0/8"), (443, "192.0.2.0/24")]:
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=cidr)
    filters = [{"Name": "ip-permission.from-port", "Values": ["22"]}, {"Name": "ip-permission.cidr", "Values": ["192.0.2.0/24"]}]
    [found] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]  # E22
    assert found["GroupId"] == group


def test_pages_are_the_list(ec2, refused):
    created = {create(ec2, f"g{number}") for number in range(11)}
    pages = list(ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["SecurityGroups"]) for page in pages] == [5, 5, 2]
    assert created < {group["GroupId"] for page in pages for group in page["SecurityGroups"]}
    with refused("InvalidParameterValue", "Value ( 1001 ) for parameter maxResults is invalid. Expecting a value less than 1000."):
        ec2.describe_security_groups(MaxResults=1001)
    with refused("InvalidParameterCombination", "The parameter groupIds cannot be used with the parameter maxResults"):  # E20
        ec2.describe_security_groups(MaxResults=5, GroupIds=[next(iter(created))])
    with refused("InvalidNextToken"):
        ec2.describe_security_groups(NextToken="x")


# Other VPCs


@pytest.mark.parametrize("gone", ["connection", "group"])
def test_rules_across_a_connection_go_stale_with_it_or_with_the_group(ec2, ec2_other, vpc, group, gone, refused):
    far_vpc = ec2_other.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    far = create(ec2_other, "far", far_vpc)
    with refused("InvalidGroup.NotFound", f"The security group '{far}' does not exist"):  # A30
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=all_from(far, OTHER_ACCOUNT))
    peering = peer(ec2, vpc, ec2_other, far_vpc, OTHER_ACCOUNT)
    with refused("InvalidGroup.NotFound"):  # A27: whose it is must be said.
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=all_from(far))
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=all_from(far, OTHER_ACCOUNT))
    pair = {"GroupId": far, "UserId": OTHER_ACCOUNT, "VpcId": far_vpc, "VpcPeeringConnectionId": peering, "PeeringStatus": "active"}
    assert answer["SecurityGroupRules"][0]["ReferencedGroupInfo"] == pair
    assert described(ec2, group)["IpPermissions"][0]["UserIdGroupPairs"] == [{**pair, "GroupName": "far"}]  # A29
    references = ec2_other.describe_security_group_references(GroupId=[far])["SecurityGroupReferenceSet"]
    assert references == [{"GroupId": far, "ReferencingVpcId": vpc, "VpcPeeringConnectionId": peering}]
    assert ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"] == []

    if gone == "connection":
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
        known = {**{name: pair[name] for name in pair if name != "UserId"}, "PeeringStatus": "deleted"}  # Nobody's business any more.
        assert ec2_other.describe_security_group_references(GroupId=[far])["SecurityGroupReferenceSet"] == []
    else:
        ec2_other.delete_security_group(GroupId=far)  # B25
        known = {name: pair[name] for name in pair if name != "UserId"}
    [stale] = ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"]  # B28
    permission = {"IpProtocol": "-1", "IpRanges": [], "PrefixListIds": [], "UserIdGroupPairs": [known]}
    assert stale == {
        "GroupId": group, "GroupName": "web", "Description": "web tier", "VpcId": vpc,
        "StaleIpPermissions": [permission], "StaleIpPermissionsEgress": [],
    }
    # What was listed can be revoked, though a deleted group has no account any more.
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=described(ec2, group)["IpPermissions"])
    assert ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"] == []


def test_stale_rules_and_references_are_the_callers_own(ec2, ec2_other, vpc, group):
    with expect_refusal("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist"):
        ec2_other.describe_stale_security_groups(VpcId=vpc)
    with expect_refusal("InvalidParameterValue"):
        ec2.describe_stale_security_groups(VpcId=vpc, MaxResults=256)
    with expect_refusal("InvalidGroup.NotFound"):
        ec2_other.describe_security_group_references(GroupId=[group])
    with expect_refusal("MissingParameter"):
        ec2.describe_security_group_references(GroupId=[])


def test_a_group_serves_the_vpcs_that_it_is_associated_with(ec2, vpc, group, other_vpc, refused):
    assert ec2.associate_security_group_vpc(GroupId=group, VpcId=other_vpc)["State"] == "associated"  # B29
    association = {
        "GroupId": group, "VpcId": other_vpc, "State": "associated", "GroupOwnerId": ACCOUNT, "VpcOwnerId": ACCOUNT,
    }
    assert ec2.describe_security_group_vpc_associations()["SecurityGroupVpcAssociations"] == [association]
    names = {"group-id": group, "vpc-id": other_vpc, "state": "associated", "group-owner-id": ACCOUNT, "vpc-owner-id": ACCOUNT}
    for name, value in names.items():
        for wanted, expected in [(value, [association]), ("x", [])]:
            found = ec2.describe_security_group_vpc_associations(Filters=[{"Name": name, "Values": [wanted]}])
            assert found["SecurityGroupVpcAssociations"] == expected, name
    once = {"Delay": 0, "MaxAttempts": 1}
    ec2.get_waiter("security_group_vpc_association_associated").wait(WaiterConfig=once)
    default = default_group(ec2, other_vpc)
    usable = ec2.get_security_groups_for_vpc(VpcId=other_vpc)["SecurityGroupForVpcs"]
    assert {each["GroupId"] for each in usable} == {group, default}
    names = {"group-id": group, "group-name": "web", "description": "web tier", "primary-vpc-id": vpc}
    for name, value in names.items():
        [found] = ec2.get_security_groups_for_vpc(VpcId=other_vpc, Filters=[{"Name": name, "Values": [value]}])["SecurityGroupForVpcs"]
        assert found == {"GroupId": group, "GroupName": "web", "Description": "web tier", "OwnerId": ACCOUNT, "PrimaryVpcId": vpc, "Tags": []}
    with refused("DependencyViolation"):  # B24
        ec2.delete_security_group(GroupId=group)
    assert ec2.disassociate_security_group_vpc(GroupId=group, VpcId=other_vpc)["State"] == "disassociated"
    ec2.get_waiter("security_group_vpc_association_disassociated").wait(WaiterConfig=once)
    with refused("InvalidGroup.NotFound"):
        ec2.disassociate_security_group_vpc(GroupId=group, VpcId=other_vpc)
    ec2.delete_security_group(GroupId=group)


def test_what_cannot_be_associated_is_refused(ec2, ec2_other, vpc, group, other_vpc, refused):
    for ec2_group, ec2_vpc, code in [
        (default_group(ec2, vpc), other_vpc, "InvalidParameterValue"),
        (create(ec2, "far", other_vpc), vpc, "InvalidParameterValue"),
        (group, vpc, "InvalidParameterValue"),
        (group, "vpc-00000000", "InvalidVpcID.NotFound"),
        ("sg-00000000", other_vpc, "InvalidGroup.NotFound"),
    ]:
        with refused(code):
            ec2.associate_security_group_vpc(GroupId=ec2_group, VpcId=ec2_vpc)
    with refused("InvalidGroup.NotFound"):
        ec2_other.associate_security_group_vpc(GroupId=group, VpcId=other_vpc)


# The AWS CLI


def test_the_cli_manages_groups(cli):
    group = cli("ec2", "create-security-group", "--group-name", "web", "--description", "the web")["GroupId"]
    # E57: what the CLI makes of its short options.
    cli("ec2", "authorize-security-group-ingress", "--group-name", "web", "--protocol", "tcp", "--port", "443", "--cidr", "0.0.0.0/0")
    cli("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "icmp", "--port", "8", "--cidr", "0.0.0.0/0")
    cli("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "all", "--source-group", group)
    cli("ec2", "authorize-security-group-egress", "--group-id", group, "--protocol", "udp", "--port", "53-54", "--cidr", "10.0.0.0/8")
    [found] = cli("ec2", "describe-security-groups", "--group-ids", group)["SecurityGroups"]
    rules = {(each["IpProtocol"], each.get("FromPort"), each.get("ToPort")) for each in found["IpPermissions"]}
    assert rules == {("tcp", 443, 443), ("icmp", 8, 8), ("-1", None, None)}
    assert [each["ToPort"] for each in found["IpPermissionsEgress"] if each["IpProtocol"] == "udp"] == [54]
    cli("ec2", "revoke-security-group-ingress", "--group-id", group, "--protocol", "all", "--port", "all", "--source-group", "web")
    cli("ec2", "revoke-security-group-egress", "--group-id", group, "--protocol", "all", "--port", "all", "--cidr", "0.0.0.0/0")
    [found] = cli("ec2", "describe-security-groups", "--group-names", "WEB")["SecurityGroups"]
    assert (len(found["IpPermissions"]), len(found["IpPermissionsEgress"])) == (2, 1)
    cli("ec2", "delete-security-group", "--group-name", "web")
