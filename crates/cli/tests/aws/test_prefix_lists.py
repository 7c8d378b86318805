"""Managed prefix lists through boto3 (E49, B18, B22, B30, B31)."""

import pytest

from conftest import ACCOUNT


@pytest.fixture
def office(ec2):
    return ec2.create_managed_prefix_list(
        PrefixListName="office",
        MaxEntries=3,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "192.0.2.0/24", "Description": "hq"}, {"Cidr": "198.51.100.7/24"}],
        TagSpecifications=[{"ResourceType": "prefix-list", "Tags": [{"Key": "Name", "Value": "x"}]}],
    )["PrefixList"]


def ranges(ec2, list_id, **more):
    return [entry["Cidr"] for entry in ec2.get_managed_prefix_list_entries(PrefixListId=list_id, **more)["Entries"]]


def allow(ec2, group, list_id):
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": list_id}]}]
    )


def test_a_list_is_created_described_and_deleted(ec2, office, refused):
    list_id = office["PrefixListId"]
    assert office["State"] == "create-complete" and office["Version"] == 1 and office["MaxEntries"] == 3
    assert office["OwnerId"] == ACCOUNT and office["AddressFamily"] == "IPv4"
    assert office["PrefixListArn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:prefix-list/{list_id}"
    assert office["Tags"] == [{"Key": "Name", "Value": "x"}]
    assert ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])["PrefixLists"] == [office]
    for name, value in [("owner-id", ACCOUNT), ("prefix-list-id", list_id), ("prefix-list-name", "off*")]:
        for wanted, count in [(value, 1), ("nose", 0)]:
            found = ec2.describe_managed_prefix_lists(Filters=[{"Name": name, "Values": [wanted]}])["PrefixLists"]
            assert len(found) == count, name
    assert ec2.describe_prefix_lists()["PrefixLists"] == []
    assert ec2.get_managed_prefix_list_entries(PrefixListId=list_id)["Entries"] == [
        {"Cidr": "192.0.2.0/24", "Description": "hq"},
        {"Cidr": "198.51.100.0/24"},
    ]
    assert ec2.delete_managed_prefix_list(PrefixListId=list_id)["PrefixList"]["State"] == "delete-complete"
    with refused("InvalidPrefixListID.NotFound", f"The prefix list ID '{list_id}' does not exist"):
        ec2.describe_managed_prefix_lists(PrefixListIds=[list_id])


def test_versions(ec2, office, refused):
    list_id = office["PrefixListId"]
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=list_id, CurrentVersion=1, AddEntries=[{"Cidr": "203.0.113.0/24"}], RemoveEntries=[{"Cidr": "192.0.2.0/24"}]
    )["PrefixList"]
    assert changed["Version"] == 2 and changed["State"] == "modify-complete"
    assert ranges(ec2, list_id) == ["198.51.100.0/24", "203.0.113.0/24"]
    assert ranges(ec2, list_id, TargetVersion=1) == ["192.0.2.0/24", "198.51.100.0/24"]
    restored = ec2.restore_managed_prefix_list_version(PrefixListId=list_id, PreviousVersion=1, CurrentVersion=2)["PrefixList"]
    assert restored["Version"] == 3 and restored["State"] == "restore-complete"
    assert ranges(ec2, list_id) == ranges(ec2, list_id, TargetVersion=1)
    for parameters, code in [
        ({"AddEntries": [{"Cidr": "10.0.0.0/8"}]}, "MissingParameter"),
        ({"CurrentVersion": 1, "AddEntries": [{"Cidr": "10.0.0.0/8"}]}, "PrefixListVersionMismatch"),
        ({"CurrentVersion": 3, "AddEntries": [{"Cidr": "192.0.2.0/24"}]}, "InvalidPrefixListModification"),
        ({"CurrentVersion": 3, "RemoveEntries": [{"Cidr": "10.0.0.0/8"}]}, "InvalidPrefixListModification"),
        ({"CurrentVersion": 3, "AddEntries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "11.0.0.0/8"}]}, "PrefixListMaxEntriesExceeded"),
        ({"CurrentVersion": 3, "AddEntries": [{"Cidr": "10.0.0.0/8"}], "MaxEntries": 9}, "InvalidParameterCombination"),
        ({"MaxEntries": 1}, "PrefixListMaxEntriesExceeded"),
    ]:
        with refused(code):
            ec2.modify_managed_prefix_list(PrefixListId=list_id, **parameters)
    with refused("PrefixListVersionMismatch"):
        ec2.restore_managed_prefix_list_version(PrefixListId=list_id, PreviousVersion=1, CurrentVersion=1)
    with refused("InvalidParameterValue"):
        ec2.get_managed_prefix_list_entries(PrefixListId=list_id, TargetVersion=9)


def test_a_list_grows_only_where_its_groups_have_room(ec2, office, group):
    """B22."""
    allow(ec2, group, office["PrefixListId"])
    failed = ec2.modify_managed_prefix_list(PrefixListId=office["PrefixListId"], MaxEntries=61)["PrefixList"]
    assert failed["State"] == "modify-failed" and failed["MaxEntries"] == 3
    assert failed["StateMessage"] == "The maximum number of rules per security group has been reached."
    grown = ec2.modify_managed_prefix_list(PrefixListId=office["PrefixListId"], MaxEntries=60)["PrefixList"]
    assert grown["State"] == "modify-complete" and grown["MaxEntries"] == 60


def test_who_refers_to_a_list_keeps_it(ec2, office, group, refused):
    """B31."""
    list_id = office["PrefixListId"]
    allow(ec2, group, list_id)
    associations = ec2.get_managed_prefix_list_associations(PrefixListId=list_id)["PrefixListAssociations"]
    assert associations == [{"ResourceId": group, "ResourceOwner": ACCOUNT}]
    with refused("DependencyViolation"):
        ec2.delete_managed_prefix_list(PrefixListId=list_id)


@pytest.mark.parametrize(
    "change, code",
    [
        ({"PrefixListName": "com.amazonaws.x"}, "InvalidParameterValue"),
        ({"MaxEntries": 0}, "InvalidParameterValue"),
        ({"MaxEntries": 1001}, "InvalidParameterValue"),
        ({"AddressFamily": "IPv5"}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "2001:db8::/32"}]}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "10.0.0.0/8"}]}, "InvalidPrefixListModification"),
        ({"Entries": [{"Cidr": f"10.{n}.0.0/16"} for n in range(4)]}, "PrefixListMaxEntriesExceeded"),
    ],
)
def test_what_cannot_be_a_list_is_refused(ec2, refused, change, code):
    """B30."""
    with refused(code):
        ec2.create_managed_prefix_list(**{"PrefixListName": "a", "MaxEntries": 3, "AddressFamily": "IPv4", **change})


def test_the_same_call_creates_once(ec2, refused):
    call = {"PrefixListName": "a", "MaxEntries": 3, "AddressFamily": "IPv6", "ClientToken": "once"}
    first = ec2.create_managed_prefix_list(**call)["PrefixList"]
    assert ec2.create_managed_prefix_list(**call)["PrefixList"] == first
    with refused("IdempotentParameterMismatch"):
        ec2.create_managed_prefix_list(**{**call, "MaxEntries": 4})


def test_nobody_reaches_anothers(ec2_other, office, refused):
    with refused("InvalidPrefixListID.NotFound"):
        ec2_other.get_managed_prefix_list_entries(PrefixListId=office["PrefixListId"])
    assert ec2_other.describe_managed_prefix_lists()["PrefixLists"] == []


def test_pages_of_entries(ec2):
    wanted = [f"10.{255 - n}.0.0/16" for n in range(250)]
    made = ec2.create_managed_prefix_list(PrefixListName="a", MaxEntries=250, AddressFamily="IPv4", Entries=[{"Cidr": cidr} for cidr in wanted])
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(
        PrefixListId=made["PrefixList"]["PrefixListId"], PaginationConfig={"PageSize": 100}
    )
    pages = [[entry["Cidr"] for entry in page["Entries"]] for page in pages]
    assert [len(page) for page in pages] == [100, 100, 50] and sum(pages, []) == wanted
