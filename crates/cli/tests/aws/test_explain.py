"""The commands that `secgroup explain` proposes, typed as they are: each turns the verdict that it is proposed for."""

import json
import shlex
import subprocess

import pytest

from conftest import BINARY

FLOWS = {
    "tcp": "tcp 203.0.113.7:40000 > 10.0.1.10:22",
    "udp": "udp 203.0.113.7:40000 > 10.0.1.10:53",
    "ping": "icmp 8/0 203.0.113.7 > 10.0.1.10",
    "gre": "47 203.0.113.7 > 10.0.1.10",
    "icmpv6": "icmpv6 128/0 2001:db8::1 > 2001:db8:a::10",
    "tcp over IPv6": "tcp [2001:db8::1]:40000 > [2001:db8:a::10]:443",
    "all of another family's ICMP": "icmpv6 203.0.113.9 > 10.0.1.10",
    "egress over IPv6": "tcp [2001:db8:a::10]:40000 > [2001:db8::1]:443",
}


@pytest.fixture
def explain(ec2, group, tmp_path):
    """What explain makes of flows, under what the endpoint describes at the moment."""

    def run(flows, by_rule_id=False):
        dumps = {"groups": ec2.describe_security_groups(GroupIds=[group])}
        if by_rule_id:
            dumps["rules"] = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        words = []
        for name, dump in dumps.items():
            del dump["ResponseMetadata"]
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(dump))
            words += ["--policy", str(path)]
        words += ["--attach", f"{group}=10.0.1.10,2001:db8:a::10", "--json"]
        done = [subprocess.run([BINARY, "explain", *words, flow], capture_output=True, text=True, timeout=60) for flow in flows]
        assert all(run.returncode == 0 for run in done), [run.stderr for run in done]
        return [json.loads(run.stdout) for run in done]

    return run


def carry_out(cli, change):
    """Types the commands."""
    for command in change["commands"]:
        program, *words = shlex.split(command)
        assert program == "aws"
        cli(*words)


@pytest.mark.parametrize("by_rule_id", [False, True], ids=["permissions", "rule-ids"])
def test_every_command_turns_its_verdict(cli, explain, by_rule_id):
    flows = FLOWS.values()
    for flow, told in zip(flows, explain(flows, by_rule_id)):
        assert told["verdict"] == "deny", (flow, told)
        assert told["places"][0]["change"]["change"] == "add"
        carry_out(cli, told["places"][0]["change"])
    for flow, told in zip(flows, explain(flows, by_rule_id)):
        assert told["verdict"] == "allow", (flow, told)
        change = told["places"][0]["change"]
        assert (change["change"], len(change["rules"])) == ("remove", 1), (flow, change)
        assert ("--security-group-rule-ids" in change["commands"][0]) == by_rule_id
        carry_out(cli, change)
    for flow, told in zip(flows, explain(flows, by_rule_id)):
        assert told["verdict"] == "deny", (flow, told)


def test_rules_for_groups_and_lists_are_revoked_too(cli, explain, ec2, group):
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="list", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "203.0.113.0/24"}]
    )["PrefixList"]["PrefixListId"]
    peers = {"PrefixListIds": [{"PrefixListId": prefix_list}], "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", **peers}])
    # The interface of the test is a member of its own group.
    flow = "tcp 10.0.1.10:1 > 10.0.1.10:22"
    [allowed] = explain([flow])
    ingress = allowed["places"][1]
    assert (ingress["direction"], ingress["verdict"]) == ("ingress", "allow"), allowed
    carry_out(cli, ingress["change"])
    [denied] = explain([flow])
    assert denied["places"][1]["verdict"] == "deny", denied
    # What the list lets in is still there, by the rule that nobody took out.
    left = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [pair["PrefixListId"] for pair in left[0]["PrefixListIds"]] == [prefix_list]
    assert left[0]["UserIdGroupPairs"] == []


def test_the_default_egress_is_what_egress_passes_by(cli, explain):
    flow = "udp 10.0.1.10:5000 > 203.0.113.7:53"
    [allowed] = explain([flow])
    assert allowed["verdict"] == "allow", allowed
    carry_out(cli, allowed["places"][0]["change"])
    [denied] = explain([flow])
    assert denied["verdict"] == "deny", denied
