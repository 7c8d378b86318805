"""What `secgroup serve --metrics` tells Prometheus: each call, by action and code, under names that are the program's own."""

import re
import urllib.error
import urllib.request

from botocore.exceptions import ClientError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

import pytest


def scrape(server, parse=classic, **headers):
    """The value of every sample, by its name and labels."""
    request = urllib.request.Request(server.ready["metrics_url"], headers=headers)
    with urllib.request.urlopen(request) as answer:
        families = list(parse(answer.read().decode()))
    assert all(family.documentation for family in families)
    return {(sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples}


def calls(action, code):
    return ("secgroup_api_calls_total", ("action", action), ("code", code))


@pytest.fixture
def server(serve, keys_file):
    return serve("--ephemeral", "--keys", keys_file, "--metrics", "127.0.0.1:0")


def test_calls_are_counted_by_action_and_code(server):
    ec2 = server.client()
    assert calls("DescribeVpcs", "ok") not in scrape(server)
    for _ in range(3):
        ec2.describe_vpcs()
    with pytest.raises(ClientError, match="InvalidGroup.NotFound"):
        ec2.delete_security_group(GroupId="sg-0123456789abcdef0")
    with pytest.raises(ClientError, match="AuthFailure|InvalidClientTokenId|SignatureDoesNotMatch"):
        server.client(key={**server.keys["full"], "secret": "wrong"}).describe_vpcs()
    counted = scrape(server)
    assert counted[calls("DescribeVpcs", "ok")] == 3
    assert counted[calls("DeleteSecurityGroup", "InvalidGroup.NotFound")] == 1
    of_calls = {key: value for key, value in counted.items() if key[0] == "secgroup_api_calls_total"}
    assert sum(of_calls.values()) == 5, of_calls
    as_open_metrics = scrape(server, open_metrics, Accept="application/openmetrics-text; version=1.0.0")
    assert as_open_metrics == counted


def test_what_is_not_known_gets_no_series_of_its_own(server):
    for action in ["NoSuchAction", 'Evil"} 1\n', "NoSuchAction2"]:
        body = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15"}).encode()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(server.url, body)
    of_calls = [key for key in scrape(server) if key[0] == "secgroup_api_calls_total"]
    assert {dict(key[1:])["action"] for key in of_calls} == {"-"}


def test_only_this_host_is_told(server, serve):
    with pytest.raises(AssertionError, match="others can reach 0.0.0.0:9273"):
        serve("--ephemeral", "--metrics", "0.0.0.0:9273")
    port = re.search(r":(\d+)/metrics$", server.ready["metrics_url"])[1]
    with pytest.raises(urllib.error.HTTPError) as error:
        scrape(server, Host=f"rebound.example:{port}")
    assert error.value.code == 421
