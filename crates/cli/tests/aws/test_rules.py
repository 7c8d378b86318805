"""Rules of security groups: authorize, revoke, modify, describe (E30 to E36)."""

import pytest

from conftest import ACCOUNT, REGION, expect_refusal

HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
NO_SUCH_RULE = "The specified rule does not exist in this security group"


def create(ec2, name, vpc=None):
    vpc = {"VpcId": vpc} if vpc else {}
    return ec2.create_security_group(GroupName=name, Description="a test", **vpc)["GroupId"]


def authorize(ec2, group, *permissions, side="ingress", **more):
    call = getattr(ec2, f"authorize_security_group_{side}")
    return call(GroupId=group, IpPermissions=list(permissions), **more)["SecurityGroupRules"]


def rules(ec2, group):
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return sorted(map(line, found))


def line(rule):
    peer = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or rule["ReferencedGroupInfo"]["GroupId"]
    side = "out" if rule["IsEgress"] else "in"
    return " ".join([side, rule["IpProtocol"], f"{rule['FromPort']}-{rule['ToPort']}", peer, *filter(None, [rule.get("Description")])])


EGRESS = "out -1 -1--1 0.0.0.0/0"


@pytest.fixture
def other_vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def prefix_list(ec2):
    return ec2.create_managed_prefix_list(PrefixListName="list", MaxEntries=2, AddressFamily="IPv4")["PrefixList"]["PrefixListId"]


# Authorize


@pytest.mark.parametrize("side", ["ingress", "egress"])
def test_a_permission_becomes_a_rule_for_each_peer(ec2, group, prefix_list, side):
    app = create(ec2, "app")
    permission = {
        "IpProtocol": "TCP", "FromPort": 80, "ToPort": 81,
        "IpRanges": [{"CidrIp": "100.68.0.18/18", "Description": "one"}, {"CidrIp": "10.0.0.0/8"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:DB8::1/64"}], "PrefixListIds": [{"PrefixListId": prefix_list}],
        "UserIdGroupPairs": [{"GroupId": app, "UserId": ACCOUNT}],
    }
    tags = [{"Key": "a", "Value": "b"}]
    added = authorize(ec2, group, permission, side=side, TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}])
    assert len(added) == 5  # A3
    for rule in added:
        assert rule["Tags"] == tags  # A38
        assert (rule["GroupId"], rule["GroupOwnerId"], rule["IsEgress"]) == (group, ACCOUNT, side == "egress")
        assert rule["SecurityGroupRuleArn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group-rule/{rule['SecurityGroupRuleId']}"
    key = "IpPermissions" if side == "ingress" else "IpPermissionsEgress"
    [found] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    [shown] = [each for each in found[key] if each["IpProtocol"] == "tcp"]
    assert shown == {
        "IpProtocol": "tcp", "FromPort": 80, "ToPort": 81,
        "IpRanges": [{"CidrIp": "100.68.0.0/18", "Description": "one"}, {"CidrIp": "10.0.0.0/8"}],  # A23
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/64"}], "PrefixListIds": [{"PrefixListId": prefix_list}],
        "UserIdGroupPairs": [{"GroupId": app, "UserId": ACCOUNT}],  # A29
    }
    # What is described can be sent back as it is.
    getattr(ec2, f"revoke_security_group_{side}")(GroupId=group, IpPermissions=[shown])
    assert rules(ec2, group) == [EGRESS]


@pytest.mark.parametrize(
    "permission, code, message",
    [
        ({"IpProtocol": "foo"}, "InvalidParameterValue", "Invalid value 'foo' for IP protocol. Unknown protocol."),
        ({"IpProtocol": None}, "InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."),
        ({"FromPort": -1, "ToPort": -1}, "InvalidParameterValue", "TCP/UDP port (-1) out of range"),
        ({"FromPort": 1, "ToPort": 65536}, "InvalidParameterValue", "TCP/UDP port (65536) out of range"),
        ({"FromPort": 9, "ToPort": 1}, "InvalidParameterValue", "Invalid TCP/UDP port range (9:1)"),
        ({"ToPort": None}, "InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 65535}, "InvalidParameterValue", "ICMP code (65535) out of range"),
        ({"IpProtocol": "icmp", "FromPort": None}, "InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with ICMP."),
        ({"IpRanges": [{"CidrIp": "2c0f:f248::/32"}]}, "InvalidParameterValue", "CIDR block 2c0f:f248::/32 is malformed"),
        ({"IpRanges": [{"CidrIp": "10.0.0.1"}]}, "InvalidParameterValue", "CIDR block 10.0.0.1 is malformed"),
        ({"IpRanges": []}, "MissingParameter", "Missing source specification: include source security group or CIDR information"),
        ({"UserIdGroupPairs": [{"UserId": ACCOUNT}]}, "MissingParameter", "Source group ID missing."),
        ({"UserIdGroupPairs": [{"GroupId": "web"}]}, "InvalidGroupId.Malformed", 'Invalid id: "web" (expecting "sg-...")'),
        ({"UserIdGroupPairs": [{"GroupId": "sg-00000000"}]}, "InvalidGroup.NotFound", "The security group 'sg-00000000' does not exist"),
        ({"UserIdGroupPairs": [{"GroupName": "nobody"}]}, "InvalidGroup.NotFound", "The security group 'nobody' does not exist in default VPC"),
        ({"PrefixListIds": [{"PrefixListId": "pl-00000000"}]}, "InvalidPrefixListID.NotFound", "The prefix list ID 'pl-00000000' does not exist"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "|"}]}, "InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "10.1.0.0/8"}]}, "InvalidParameterValue", "The same permission must not appear multiple times"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(ec2, group, refused, permission, code, message):
    permission = {name: value for name, value in {**HTTPS, **permission}.items() if value is not None}
    for side in ["ingress", "egress"]:
        with refused(code, message):
            authorize(ec2, group, permission, side=side)
    assert rules(ec2, group) == [EGRESS]


def test_a_duplicate_adds_nothing_of_its_request(ec2, group, refused):
    authorize(ec2, group, HTTPS)
    other_words = {**HTTPS, "IpProtocol": "6", "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "0.0.0.0/0", "Description": "x"}]}
    with refused(
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists',  # A35
    ):
        authorize(ec2, group, other_words)  # A33, A37
    assert rules(ec2, group) == ["in tcp 443-443 0.0.0.0/0", EGRESS]


def test_there_are_sixty_rules_in_a_direction_and_family(ec2, group, refused):
    ranges = [{"CidrIp": f"10.{number}.0.0/16"} for number in range(60)]
    authorize(ec2, group, {"IpProtocol": "-1", "IpRanges": ranges})
    with refused("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."):  # B19
        authorize(ec2, group, HTTPS)
    with refused("RulesPerSecurityGroupLimitExceeded"):  # B18: in both families.
        authorize(ec2, group, {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]})
    authorize(ec2, group, {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})  # B16
    authorize(ec2, group, HTTPS, side="egress")


def test_flat_parameters_are_one_rule_or_all_of_a_group(ec2, group, refused):
    create(ec2, "app")
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    ec2.authorize_security_group_ingress(GroupName="web", **rule)  # E56
    assert rules(ec2, group) == ["in tcp 22-22 10.0.0.0/8", EGRESS]
    ec2.revoke_security_group_ingress(GroupName="web", **rule)
    ec2.authorize_security_group_ingress(GroupId=group, SourceSecurityGroupName="app", SourceSecurityGroupOwnerId=ACCOUNT)
    assert [each.split()[1:3] for each in rules(ec2, group)[:3]] == [["icmp", "-1--1"], ["tcp", "0-65535"], ["udp", "0-65535"]]
    with refused("InvalidParameterCombination"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[HTTPS], CidrIp="10.0.0.0/8")
    with refused("InvalidParameterCombination"):
        ec2.authorize_security_group_ingress(GroupId=group, SourceSecurityGroupName="app", IpProtocol="tcp")
    with refused("InvalidParameterValue", "The parameter CidrIp is not supported for outbound rules."):
        ec2.authorize_security_group_egress(GroupId=group, **rule)


# Revoke


def test_terraform_gets_rid_of_the_first_egress_rule(ec2, other_vpc, refused):
    group = create(ec2, "web", other_vpc)
    everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    answer = ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert answer["Return"] and answer["UnknownIpPermissions"] == []
    assert list(map(line, answer["RevokedSecurityGroupRules"])) == [EGRESS]
    with refused("InvalidPermission.NotFound", NO_SUCH_RULE):  # E61
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**everything, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
    assert rules(ec2, group) == []


def test_in_the_default_vpc_what_is_not_there_is_said(ec2, group):
    authorize(ec2, group, HTTPS)
    ranges = [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}]
    answer = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[{**HTTPS, "IpRanges": ranges}])
    assert len(answer["RevokedSecurityGroupRules"]) == 1  # E53
    unknown = {**HTTPS, "IpRanges": ranges[1:], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
    assert answer["UnknownIpPermissions"] == [unknown]


def test_elsewhere_what_is_not_there_keeps_all(ec2, other_vpc, refused):
    group = create(ec2, "web", other_vpc)
    authorize(ec2, group, HTTPS)
    with refused("InvalidPermission.NotFound", NO_SUCH_RULE):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[HTTPS, {**HTTPS, "FromPort": 1}])
    assert rules(ec2, group) == ["in tcp 443-443 0.0.0.0/0", EGRESS]


def test_rules_are_revoked_by_id(ec2, group, refused):
    [ingress], [egress] = authorize(ec2, group, HTTPS), authorize(ec2, group, HTTPS, side="egress")
    ingress, egress = ingress["SecurityGroupRuleId"], egress["SecurityGroupRuleId"]
    for parameters, code in [
        ({"SecurityGroupRuleIds": [egress]}, "InvalidSecurityGroupRuleId.NotFound"),  # E54
        ({"SecurityGroupRuleIds": ["sgr-1"]}, "InvalidSecurityGroupRuleId.NotFound"),
        ({"SecurityGroupRuleIds": ["sg-1"]}, "InvalidSecurityGroupRuleId.Malformed"),
        ({"SecurityGroupRuleIds": [ingress, ingress]}, "InvalidParameterValue"),
        ({"SecurityGroupRuleIds": [ingress], "IpPermissions": [HTTPS]}, "InvalidParameterCombination"),
        ({}, "MissingParameter"),
    ]:
        with refused(code):
            ec2.revoke_security_group_ingress(GroupId=group, **parameters)
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[ingress])
    answer = ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[egress])
    assert answer["RevokedSecurityGroupRules"][0]["SecurityGroupRuleId"] == egress
    assert rules(ec2, group) == [EGRESS]


# Modify


def modify(ec2, group, **changes):
    changes = [{"SecurityGroupRuleId": id, "SecurityGroupRule": rule} for id, rule in changes.items()]
    return ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=changes)["Return"]


def test_a_rule_says_something_else_and_keeps_its_id(ec2, group):
    permission = {**HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "old"}]}
    tags = [{"Key": "a", "Value": "b"}]
    [rule] = authorize(ec2, group, permission, TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}])
    id = rule["SecurityGroupRuleId"]
    assert modify(ec2, group, **{id: {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.1.2.3/8"}})
    [rule] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    assert (line(rule), rule["Tags"]) == ("in udp 53-53 10.0.0.0/8", tags)  # E52


def test_what_a_rule_cannot_become_is_refused(ec2, group, refused):
    tcp = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    id, other = (
        rule["SecurityGroupRuleId"]
        for rule in authorize(ec2, group, {**HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}]})
    )
    before = rules(ec2, group)
    for rule, code, message in [
        ({"IpProtocol": "-1", "ReferencedGroupId": group}, "InvalidParameterValue",
         f"Invalid rule type for security group rule '{id}'. You may not specify a referenced group id for an existing IPv4 CIDR rule."),
        ({"IpProtocol": "-1", "FromPort": 80, "ToPort": 80, "CidrIpv4": "10.0.0.0/8"}, "InvalidParameterValue", "You may not specify all protocols and specific ports."),
        (tcp, "MissingParameter", "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId"),
        ({**tcp, "CidrIpv4": "10.0.0.0/8", "CidrIpv6": "::/0"}, "InvalidParameterCombination", "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified"),
        ({**tcp, "CidrIpv4": "10.0.0.0/8"}, "InvalidPermission.Duplicate", "already exists"),
    ]:
        with refused(code, message):
            modify(ec2, group, **{other: {**tcp, "CidrIpv4": "10.9.0.0/16"}, id: rule} if code != "InvalidPermission.Duplicate" else {id: rule})
        assert rules(ec2, group) == before  # A37
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        modify(ec2, group, **{"sgr-00000000000000000": {**tcp, "CidrIpv4": "10.9.0.0/16"}})
    twice = {"SecurityGroupRuleId": id, "SecurityGroupRule": {**tcp, "CidrIpv4": "10.9.0.0/16"}}
    with refused("InvalidParameterValue", f"Duplicated security group rule ID '{id}'."):
        ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[twice, twice])
    # Two may swap.
    assert modify(ec2, group, **{id: {**tcp, "CidrIpv4": "10.0.0.0/8"}, other: {**tcp, "CidrIpv4": "0.0.0.0/0"}})
    assert rules(ec2, group) == before


@pytest.mark.parametrize("side", ["ingress", "egress"])
def test_descriptions_come_and_go(ec2, group, refused, side):
    update = getattr(ec2, f"update_security_group_rule_descriptions_{side}")
    [rule] = authorize(ec2, group, HTTPS, side=side)
    id = rule["SecurityGroupRuleId"]
    described = {**HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "one"}]}
    for parameters, expected in [
        ({"IpPermissions": [described]}, "one"),
        ({"IpPermissions": [HTTPS]}, None),  # E55
        ({"SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": id, "Description": "two"}]}, "two"),
        ({"SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": id}]}, None),
    ]:
        assert update(GroupId=group, **parameters)["Return"]
        [rule] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]  # H32
        assert rule.get("Description") == expected
    with refused("InvalidPermission.NotFound", NO_SUCH_RULE):
        update(GroupId=group, IpPermissions=[{**HTTPS, "ToPort": 444}])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        update(GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": "sgr-1"}])
    with refused("InvalidParameterCombination", "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleDescriptions'."):
        update(GroupId=group, IpPermissions=[HTTPS], SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": id}])
    with refused("MissingParameter"):
        update(GroupId=group)


# Describe


def test_rules_are_found_by_id_group_and_tag(ec2, ec2_other, group):
    specification = {"ResourceType": "security-group-rule", "Tags": [{"Key": "Stage", "Value": "prod"}]}
    [rule] = authorize(ec2, group, HTTPS, TagSpecifications=[specification])
    id = rule["SecurityGroupRuleId"]

    def found(*filters, **parameters):
        if filters:
            parameters["Filters"] = [{"Name": name, "Values": [value]} for name, value in filters]
        return ec2.describe_security_group_rules(**parameters)["SecurityGroupRules"]

    for filter in [("security-group-rule-id", id), ("tag:Stage", "pr*"), ("tag-key", "Stage")]:
        assert found(filter) == [rule]
    assert found(SecurityGroupRuleIds=[id]) == [rule]
    assert len(found(("group-id", group))) == 2
    assert found(("group-id", group), ("tag-key", "x")) == []
    with expect_refusal("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-1' does not exist"):
        found(SecurityGroupRuleIds=["sgr-1"])
    with expect_refusal("InvalidParameterValue", "The filter 'cidr' is invalid"):
        found(("cidr", "x"))
    with expect_refusal("InvalidSecurityGroupRuleId.NotFound"):
        ec2_other.describe_security_group_rules(SecurityGroupRuleIds=[id])


def test_pages_are_the_list(ec2, group):
    authorize(ec2, group, {"IpProtocol": "-1", "IpRanges": [{"CidrIp": f"10.{number}.0.0/16"} for number in range(8)]})
    pages = ec2.get_paginator("describe_security_group_rules").paginate(PaginationConfig={"PageSize": 5})
    sizes = [len(page["SecurityGroupRules"]) for page in pages]
    assert sizes == [5, 5, 1]  # Eight, the egress of the group, and both of the default one.
    with expect_refusal("InvalidParameterValue", "Value ( 1001 ) for parameter maxResults is invalid. Expecting a value less than 1000."):
        ec2.describe_security_group_rules(MaxResults=1001)
