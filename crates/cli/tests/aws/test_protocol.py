"""The protocol: signatures, rights, spellings of requests, limits, logs. What actions do is tested by topic."""

import concurrent.futures
import datetime
import http.client
import json
import re
import signal
import socket
import stat
import threading
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import ACCOUNT, KEYS, OTHER_ACCOUNT, REGION, CliError, write_keys

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Answer:
    """What came back over plain HTTP."""

    def __init__(self, response):
        self.status = getattr(response, "status", None) or response.code
        self.headers = response.headers
        self.body = response.read()

    @property
    def xml(self):
        return xml.etree.ElementTree.fromstring(self.body)

    @property
    def code(self):
        return self.xml.find("Errors/Error/Code").text

    @property
    def message(self):
        return self.xml.find("Errors/Error/Message").text


def send(request):
    try:
        return Answer(urllib.request.urlopen(request, timeout=60))
    except urllib.error.HTTPError as error:
        return Answer(error)


def signed(server, body="", method="POST", query="", key="full", service="ec2", region=REGION, signer=botocore.auth.SigV4Auth, when=None, **options):
    """A request that botocore signs, though not one that boto3 would make."""
    key = KEYS[key] if isinstance(key, str) else key
    credentials = botocore.credentials.Credentials(key["id"], key["secret"], key.get("session_token"))
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} if body else {}
    request = botocore.awsrequest.AWSRequest(method=method, url=f"{server.url}/{query}", data=body, headers=headers)
    now = when or datetime.datetime.now(datetime.timezone.utc)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now.replace(tzinfo=None))
        signer(credentials, service, region, **options).add_auth(request)
    prepared = request.prepare()
    data = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    return urllib.request.Request(prepared.url, data=data or (b"" if method == "POST" else None), headers=dict(prepared.headers), method=method)


# Who calls


def test_every_account_is_who_its_key_says(server):
    for key, account in [("full", ACCOUNT), ("other", OTHER_ACCOUNT), ("read-only", ACCOUNT), ("session", ACCOUNT)]:
        assert server.client("sts", key).get_caller_identity()["Account"] == account


def test_what_one_account_has_the_other_does_not_see(ec2, ec2_other, group, refused):
    with refused("InvalidGroup.NotFound", f"The security group '{group}' does not exist"):
        ec2_other.describe_security_groups(GroupIds=[group])
    assert group not in [found["GroupId"] for found in ec2_other.describe_security_groups()["SecurityGroups"]]


def test_an_unknown_key_and_a_wrong_secret_are_answered_alike(server):
    wrong = {"wrong secret": {**KEYS["full"], "secret": "x" * 40}, "unknown key": {**KEYS["full"], "id": "AKIDEXAMPLENOBODY001"}}
    answers = [send(signed(server, "Action=DescribeVpcs&Version=2016-11-15", key=key)) for key in wrong.values()]
    for answer in answers:
        assert (answer.status, answer.code) == (401, "AuthFailure")
        assert answer.message == "AWS was not able to validate the provided access credentials"
        assert UUID.fullmatch(answer.xml.find("RequestID").text)
    alike = [re.sub(UUID, "", answer.body.decode()) for answer in answers]
    assert alike[0] == alike[1]


def test_a_session_token_must_come_with_its_key(server, refused):
    key = KEYS["session"]
    for token in [None, "another", key["session_token"] + "="]:
        with refused("AuthFailure", status=401):
            server.client(key={**key, "session_token": token}).describe_vpcs()
    with refused("AuthFailure", status=401):
        server.client(key={**KEYS["full"], "session_token": "a token where there is none"}).describe_vpcs()


def test_a_read_only_key_looks_and_changes_nothing(read_only, vpc, group, refused):
    assert read_only.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    for change in [
        lambda **also: read_only.create_security_group(GroupName="mine", Description="d", VpcId=vpc, **also),
        lambda **also: read_only.delete_security_group(GroupId=group, **also),
        lambda **also: read_only.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "b"}], **also),
    ]:
        for also in [{}, {"DryRun": True}]:
            with refused("UnauthorizedOperation", "You are not authorized to perform this operation.", 403):
                change(**also)
    assert read_only.describe_security_groups(GroupIds=[group])["SecurityGroups"]


def test_without_a_signature_nothing_is_answered_but_the_error(server):
    for request in [
        urllib.request.Request(server.url + "/", data=b"Action=DescribeVpcs&Version=2016-11-15"),
        urllib.request.Request(server.url + "/?Action=DescribeVpcs&Version=2016-11-15"),
        urllib.request.Request(server.url + "/?Action=NoSuchAction"),
    ]:
        answer = send(request)
        assert (answer.status, answer.code) == (401, "MissingAuthenticationToken")
        assert answer.headers["Content-Type"] == "text/xml;charset=UTF-8"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_clocks_may_be_five_minutes_apart(server, minutes):
    now = datetime.datetime.now(datetime.timezone.utc)
    body = "Action=DescribeVpcs&Version=2016-11-15"
    answer = send(signed(server, body, when=now + datetime.timedelta(minutes=minutes)))
    assert (answer.status, answer.code) == (400, "RequestExpired")
    assert answer.message.startswith("Request has expired.")
    near = datetime.timedelta(minutes=4 if minutes > 0 else -4)
    assert send(signed(server, body, when=now + near)).status == 200


def test_a_signature_for_another_service_is_refused(server):
    answer = send(signed(server, "Action=DescribeVpcs&Version=2016-11-15", service="s3"))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("change", ["body", "query", "header", "signature"])
def test_what_was_changed_on_the_way_is_refused(server, change):
    request = signed(server, "Action=DescribeVpcs&Version=2016-11-15")
    if change == "body":
        request.data = request.data.replace(b"Vpcs", b"Tags")
    elif change == "query":
        request.full_url += "?DryRun=true"
    elif change == "header":
        request.add_header("Content-Type", "text/plain")
    else:
        value = request.headers["Authorization"]
        request.add_header("Authorization", value[:-1] + ("0" if value[-1] != "0" else "1"))
    answer = send(request)
    assert (answer.status, answer.code) == (401, "AuthFailure")


# Spellings of requests


def test_presigned_urls_work_until_they_expire(server, ec2, vpc):
    url = ec2.generate_presigned_url("describe_vpcs", Params={"VpcIds": [vpc]}, ExpiresIn=60, HttpMethod="GET")
    answer = send(urllib.request.Request(url))
    assert answer.status == 200 and vpc.encode() in answer.body
    assert send(urllib.request.Request(url, data=b"")).code == "AuthFailure"  # another method
    changed = url.replace(vpc, "vpc-00000000000000000")
    assert send(urllib.request.Request(changed)).code == "AuthFailure"
    late = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=62)
    request = signed(server, method="GET", query="?Action=DescribeVpcs", signer=botocore.auth.SigV4QueryAuth, when=late, expires=60)
    assert send(request).code == "RequestExpired"


def test_a_presigned_url_carries_its_session_token(server):
    client = server.client(key="session")
    url = client.generate_presigned_url("describe_vpcs", HttpMethod="GET")
    assert send(urllib.request.Request(url)).status == 200
    without = re.sub("&X-Amz-Security-Token=[^&]*", "", url)
    assert send(urllib.request.Request(without)).code == "AuthFailure"


def test_get_with_a_query_is_a_request(server, vpc):
    query = "?" + urllib.parse.urlencode({"Action": "DescribeVpcs", "Version": "2016-11-15", "Filter.1.Name": "vpc-id", "Filter.1.Value.1": vpc})
    answer = send(signed(server, method="GET", query=query))
    assert answer.status == 200 and vpc.encode() in answer.body
    assert answer.headers["x-amzn-RequestId"].encode() in answer.body
    # The order of a query is not signed: a name that is there twice could mean either.
    answer = send(signed(server, method="GET", query=query + "&Filter.1.Value.1=x"))
    assert answer.code == "InvalidParameterValue" and "more than once" in answer.message


@pytest.mark.parametrize("version", ["2016-11-15", "2012-05-01", "2014-10-01"])
def test_the_version_of_the_request_is_that_of_the_answer(server, version):
    answer = send(signed(server, f"Action=DescribeVpcs&Version={version}"))
    assert answer.status == 200
    assert answer.xml.tag == f"{{http://ec2.amazonaws.com/doc/{version}/}}DescribeVpcsResponse"


def test_a_version_that_is_none_is_not_echoed(server):
    answer = send(signed(server, 'Action=DescribeVpcs&Version=%22%3E%3Cx'))
    assert answer.xml.tag == "{http://ec2.amazonaws.com/doc/2016-11-15/}DescribeVpcsResponse"


def test_unknown_actions_and_parameters_are_errors(server):
    for body, code, message in [
        ("Action=FlyToTheMoon&Version=2016-11-15", "InvalidAction", "The action FlyToTheMoon is not valid for this web service."),
        ("Version=2016-11-15", "MissingAction", "The request must contain the parameter Action"),
        ("Action=DescribeVpcs&Item=1", "UnknownParameter", "The parameter Item is not recognized"),
        ("Action=DescribeVpcs&Filter.1.Nam=x&Filter.1.Name=vpc-id&Filter.1.Value.1=x", "UnknownParameter", "The parameter Filter.1.Nam is not recognized"),
    ]:
        answer = send(signed(server, body))
        assert (answer.status, answer.code, answer.message) == (400, code, message)


def test_lists_may_have_gaps_and_any_order(server, vpc):
    body = f"Action=DescribeVpcs&Filter.7.Value.9={vpc}&Filter.7.Value.2=vpc-1&Filter.7.Name=vpc-id"
    assert vpc.encode() in send(signed(server, body)).body


def test_a_dry_run_changes_nothing(ec2, vpc, refused):
    with refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412):
        ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc, DryRun=True)
    with refused("InvalidVpcID.NotFound"):
        ec2.create_security_group(GroupName="web", Description="d", VpcId="vpc-00000000000000000", DryRun=True)
    assert [g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]] == ["default"]


def test_any_region_of_a_signature_will_do(server, vpc):
    assert vpc.encode() in send(signed(server, "Action=DescribeVpcs", region="ap-southeast-2")).body


# HTTP


def test_health_needs_no_key(server):
    answer = send(urllib.request.Request(server.url + "/health"))
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    health = json.loads(answer.body)
    assert health["status"] == "ok" and re.fullmatch(r"\d+\.\d+\.\d+.*", health["version"])


def test_other_paths_and_methods_are_errors_of_the_same_kind(server):
    for path, method, status in [("/admin", "GET", 404), ("/export", "GET", 404), ("//", "POST", 404), ("/health", "POST", 404), ("/", "PUT", 405), ("/", "OPTIONS", 405)]:
        answer = send(urllib.request.Request(server.url + path, method=method, data=b"" if method in ("POST", "PUT") else None))
        assert (answer.status, answer.code) == (status, "InvalidAction"), path


def test_a_connection_is_kept_for_the_next_request(server):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=60)
    for _ in range(3):
        request = signed(server, "Action=DescribeVpcs")
        connection.request("POST", "/", request.data, dict(request.header_items()))
        response = connection.getresponse()
        assert response.status == 200 and response.read()
        last = connection.sock
    assert last is not None
    connection.close()


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(server, announced):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=60)
    if announced:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str((1 << 20) + 1))
        connection.endheaders()
    else:
        def chunks():
            for _ in range(17):
                yield b"x" * 65536

        try:
            connection.request("POST", "/", chunks(), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It had heard enough.
    answer = Answer(connection.getresponse())
    assert (answer.status, answer.code) == (413, "InvalidParameterValue")
    connection.close()


def test_a_head_that_is_too_large_is_refused(server):
    filler = b"".join(b"X-Filler-%d: " % number + b"y" * 4000 + b"\r\n" for number in range(99))
    with socket.create_connection(urllib.parse.urlsplit(server.url).netloc.split(":"), timeout=60) as connection:
        try:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n" + filler + b"\r\n")
            first = connection.recv(65536).split(b"\r\n")[0]
        except (BrokenPipeError, ConnectionResetError):
            first = b""  # It had heard enough, and what it said was lost with what it did not hear.
    assert first in (b"", b"HTTP/1.1 431 Request Header Fields Too Large"), first
    assert send(urllib.request.Request(server.url + "/health")).status == 200


def test_there_are_so_many_connections_and_no_more(server):
    address = urllib.parse.urlsplit(server.url).netloc.split(":")
    held = [socket.create_connection(address, timeout=60) for _ in range(64)]
    try:
        # One that is answered is one that was accepted: so all before it were.
        held[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert held[-1].recv(4096).startswith(b"HTTP/1.1 200")
        answer = send(urllib.request.Request(server.url + "/health"))
        assert (answer.status, answer.code) == (503, "RequestLimitExceeded")
        assert "64 from where you are" in answer.message
    finally:
        for connection in held:
            connection.close()
    for _ in range(1000):
        if send(urllib.request.Request(server.url + "/health")).status == 200:
            break
    else:
        pytest.fail("connections that were closed still count")


# Clients


def test_the_aws_cli(cli, server):
    vpc = cli("ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId")
    group = cli("ec2", "create-security-group", "--group-name", "web tier", "--description", "from the CLI", "--vpc-id", vpc)["GroupId"]
    rules = cli("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80-81", "--cidr", "10.0.0.0/8")
    assert (rules["SecurityGroupRules"][0]["FromPort"], rules["SecurityGroupRules"][0]["ToPort"]) == (80, 81)
    found = cli("ec2", "describe-security-groups", "--filters", "Name=group-name,Values=web*")["SecurityGroups"]
    assert [(found[0]["GroupId"], found[0]["GroupName"])] == [(group, "web tier")]
    with pytest.raises(CliError, match=r"InvalidPermission.Duplicate.*already exists"):
        cli("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80-81", "--cidr", "10.0.0.0/8")
    with pytest.raises(CliError, match="DryRunOperation"):
        cli("ec2", "delete-security-group", "--group-id", group, "--dry-run")
    with pytest.raises(CliError, match="UnauthorizedOperation"):
        cli("ec2", "delete-security-group", "--group-id", group, key="read-only")
    assert cli("sts", "get-caller-identity")["Account"] == ACCOUNT
    assert cli("ec2", "describe-vpcs", "--vpc-ids", vpc, key="session")["Vpcs"]
    cli("ec2", "delete-security-group", "--group-id", group)


def test_the_sdk_for_javascript(node, server):
    done = node(server, "smoke.mjs")
    refused = done.pop("refused")
    assert done == {"name": "web & {db}", "cidr": "0.0.0.0/0", "rules": 1, "names": ["default", "web & {db}"]}
    assert (refused["code"], refused["status"]) == ("InvalidPermission.Duplicate", 400)
    assert UUID.fullmatch(refused["request"]) and "already exists" in refused["message"]


def test_many_clients_at_once(server, group):
    """Two writers at once stay consistent: of the same rule one is there, of different rules all."""

    def authorize(number):
        client = server.client()
        try:
            client.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=number % 20, ToPort=number % 20, CidrIp="10.0.0.0/8")
            return "ok"
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(authorize, range(40)))
    assert sorted(outcomes) == ["InvalidPermission.Duplicate"] * 20 + ["ok"] * 20
    rules = server.client().describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert sorted(rule["FromPort"] for rule in rules) == list(range(20))


# Starting, keeping, ending


def test_without_keys_it_makes_some_and_shows_their_secret_once(serve, tmp_path):
    server = serve("--state", tmp_path / "state", "--account", ACCOUNT, "--account", OTHER_ACCOUNT)
    keys = {key["account"]: key for key in server.ready["keys"]}
    assert sorted(keys) == [ACCOUNT, OTHER_ACCOUNT]
    assert server.client("sts", keys[OTHER_ACCOUNT]).get_caller_identity()["Account"] == OTHER_ACCOUNT
    vpcs = server.client(key=keys[ACCOUNT]).describe_vpcs()["Vpcs"]
    assert [vpc["IsDefault"] for vpc in vpcs] == [True]
    assert len(server.client(key=keys[ACCOUNT]).describe_subnets()["Subnets"]) == 3
    for file, mode in [("keys.toml", 0o600), ("endpoint.sock", 0o600), ("endpoint.redb", 0o600), (".", 0o700)]:
        assert stat.S_IMODE((tmp_path / "state" / file).stat().st_mode) == mode, file
    server.restart()
    assert all("secret" not in key for key in server.ready["keys"])
    assert server.client(key=keys[ACCOUNT]).describe_vpcs()["Vpcs"] == vpcs


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_there_after_a_restart(serve, keys_file, tmp_path, how):
    server = serve("--state", tmp_path / "state", "--keys", keys_file)
    client = server.client()
    vpc = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    for number in range(5):
        client.create_security_group(GroupName=f"group-{number}", Description="d", VpcId=vpc)
    before = client.describe_security_groups()["SecurityGroups"]
    server.restart(how)
    assert server.client().describe_security_groups()["SecurityGroups"] == before


def test_secrets_and_signatures_are_not_logged(server, ec2, refused):
    ec2.describe_vpcs()
    with refused("AuthFailure"):
        server.client(key={**KEYS["full"], "secret": "a/wrong/secret/that/nobody/should/see"}).describe_vpcs()
    url = server.client(key="session").generate_presigned_url("describe_vpcs", HttpMethod="GET")
    assert send(urllib.request.Request(url)).status == 200
    server.stop()
    said = server.said()
    assert said.count("DescribeVpcs") == 2 and "AuthFailure" in said and KEYS["session"]["id"] in said
    for secret in ["nobody", "should/see", KEYS["session"]["session_token"], "Signature", url.rpartition("=")[2]]:
        assert secret not in said


def test_beyond_loopback_it_wants_keys(serve, keys_file):
    with pytest.raises(AssertionError, match=r"0\.0\.0\.0:0 can be reached from other hosts.*--keys"):
        serve("--ephemeral", "--listen", "0.0.0.0:0")
    server = serve("--ephemeral", "--keys", keys_file, "--listen", "0.0.0.0:0")
    assert server.client().describe_vpcs()["Vpcs"]


def test_keys_that_others_can_read_are_refused(serve, tmp_path):
    keys = write_keys(tmp_path / "keys.toml")
    keys.chmod(0o644)
    with pytest.raises(AssertionError, match="chmod 600"):
        serve("--ephemeral", "--keys", keys)


def test_two_servers_do_not_share_a_state(serve, keys_file, tmp_path):
    serve("--state", tmp_path / "state", "--keys", keys_file)
    with pytest.raises(AssertionError, match="did not start"):
        serve("--state", tmp_path / "state", "--keys", keys_file)


def test_calls_under_way_are_answered_before_it_ends(server, ec2, vpc):
    outcomes = []
    ready = threading.Barrier(2)

    def create():
        client = server.client()
        ready.wait()
        try:
            for number in range(1000):
                client.create_security_group(GroupName=f"group-{number}", Description="d", VpcId=vpc)
                outcomes.append("ok")
        except Exception as error:
            outcomes.append(type(error).__name__)

    thread = threading.Thread(target=create)
    thread.start()
    ready.wait()
    while "ok" not in outcomes:
        pass
    assert server.stop() == 0
    thread.join()
    # Whatever was sent was answered: afterwards nobody listens.
    assert outcomes[-1] in ("EndpointConnectionError", "ConnectionClosedError"), outcomes[-1]
