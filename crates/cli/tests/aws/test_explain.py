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
    "all of another family's ICMP": "icmpv6 203.0.113.7 > 10.0.1.10",
    "egress over IPv6": "tcp [2001:db8:a::10]:40000 > [2001:db8::1]:443",
}


@pytest.fixture
def explain(cli, group, tmp_path):
    """What explain makes of a flow, under what the endpoint describes at the moment."""

    def run(flow, by_rule_id):
        dumps = {"groups": ["describe-security-groups", "--group-ids", group]}
        if by_rule_id:
            dumps["rules"] = ["describe-security-group-rules", "--filters", f"Name=group-id,Values={group}"]
        words = []
        for name, call in dumps.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(cli("ec2", *call)))
            words += ["--policy", str(path)]
        attach = ["--attach", f"{group}=10.0.1.10,2001:db8:a::10"]
        done = subprocess.run([BINARY, "explain", *words, *attach, "--json", flow], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def carry_out(cli, change):
    """Types the commands."""
    for command in change["commands"]:
        program, *words = shlex.split(command)
        assert program == "aws"
        cli(*words)


@pytest.mark.parametrize("by_rule_id", [False, True], ids=["permissions", "rule-ids"])
def test_every_command_turns_its_verdict(cli, explain, by_rule_id):
    for name, flow in FLOWS.items():
        denied = explain(flow, by_rule_id)
        assert denied["verdict"] == "deny", (name, denied)
        change = denied["places"][0]["change"]
        assert change["change"] == "add"
        carry_out(cli, change)
        allowed = explain(flow, by_rule_id)
        assert allowed["verdict"] == "allow", (name, change)
        change = allowed["places"][0]["change"]
        assert change["change"] == "remove"
        assert ("--security-group-rule-ids" in change["commands"][0]) == by_rule_id
        carry_out(cli, change)
        assert explain(flow, by_rule_id)["verdict"] == "deny", (name, change)


def test_rules_for_groups_and_lists_are_revoked_too(cli, explain, ec2, group):
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="list", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "203.0.113.0/24"}]
    )["PrefixList"]["PrefixListId"]
    peers = {"PrefixListIds": [{"PrefixListId": prefix_list}], "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", **peers}])
    # The interface of the test is a member of its own group.
    allowed = explain("tcp 10.0.1.10:1 > 10.0.1.10:22", by_rule_id=False)
    ingress = allowed["places"][1]
    assert (ingress["direction"], ingress["verdict"]) == ("ingress", "allow"), allowed
    carry_out(cli, ingress["change"])
    denied = explain("tcp 10.0.1.10:1 > 10.0.1.10:22", by_rule_id=False)
    assert denied["places"][1]["verdict"] == "deny", denied
    # What the list lets in is still there, by the rule that nobody took out.
    left = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [pair["PrefixListId"] for pair in left[0]["PrefixListIds"]] == [prefix_list]
    assert left[0]["UserIdGroupPairs"] == []


def test_the_default_egress_is_what_egress_passes_by(cli, explain):
    flow = "udp 10.0.1.10:5000 > 203.0.113.7:53"
    allowed = explain(flow, by_rule_id=False)
    assert allowed["verdict"] == "allow", allowed
    carry_out(cli, allowed["places"][0]["change"])
    denied = explain(flow, by_rule_id=False)
    assert denied["verdict"] == "deny", denied
