"""The live page's questions, signed by botocore: where the page asks for keys, they are those of the endpoint, and so is the check."""

import datetime
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import BINARY, KEYS, REGION, write_keys

PATIENCE = 60
CONFIGURATION = """
policy = ["policy.yaml"]

[daemon]
socket = "control.sock"
state = "state"

[page]
listen = "127.0.0.1:0"
keys = "keys.toml"
"""


class Firewall:
    """A running `secgroup run` without an interface, and its live page."""

    def __init__(self, folder):
        write_keys(folder / "keys.toml")
        (folder / "policy.yaml").write_text("Resources: {}\n")
        (folder / "secgroup.toml").write_text(CONFIGURATION)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([str(BINARY), "run", "--config", folder / "secgroup.toml"], stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"the live page is at (http://\S+/)", self.said())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.said()
                self.stop()
                if "missing: run as root" in said:
                    pytest.skip("secgroup run needs CAP_NET_ADMIN and CAP_NET_RAW")
                raise AssertionError(f"there is no page: {said}")
            time.sleep(0.05)
        self.url = found[1]

    def said(self):
        return self.log.read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def firewall(tmp_path):
    firewall = Firewall(tmp_path)
    yield firewall
    assert firewall.stop() == 0, firewall.said()


def ask(firewall, request, signer=botocore.auth.SigV4Auth, key="full", service="ec2", **change):
    """Status and document that a signed question is answered with; an unsigned one, without a signer."""
    query = urllib.parse.urlencode({"request": json.dumps(request)}, quote_via=urllib.parse.quote)
    question = AWSRequest("GET", f"{firewall.url}ask?{query}")
    if signer:
        key = {**KEYS[key], **change}
        credentials = Credentials(key["id"], key["secret"], key.get("session_token"))
        signer(credentials, service, REGION).add_auth(question)
    question = question.prepare()
    try:
        with urllib.request.urlopen(urllib.request.Request(question.url, headers=dict(question.headers))) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("signer", [botocore.auth.SigV4Auth, botocore.auth.SigV4QueryAuth], ids=["header", "query"])
@pytest.mark.parametrize("key", ["full", "read-only", "session"])
def test_whoever_has_a_key_is_answered(firewall, signer, key):
    for request, told in [("status", "status"), ({"rules": {}}, "rules"), ({"denials": {"limit": 7}}, "denials")]:
        status, document = ask(firewall, request, signer, key)
        assert status == 200 and told in document, document
    # Signed or not, nothing can be changed.
    status, document = ask(firewall, "stop", signer, key)
    assert (status, document["error"]["code"]) == (200, "forbidden")


def test_whoever_has_none_is_not(firewall):
    def refused(**how):
        status, document = ask(firewall, "status", **how)
        assert status == 401 and list(document) == ["error"], document
        return document["error"]

    assert refused(signer=None)["code"] == "MissingAuthenticationToken"
    wrong = refused(secret="a secret of nobody")
    assert wrong["code"] == "AuthFailure"
    assert refused(id="AKIDUNKNOWNUNKNOWN00") == wrong
    assert refused(key="session", session_token=None) == wrong
    assert refused(key="other") == wrong, "its account has nothing here"
    assert refused(service="s3")["code"] == "SignatureDoesNotMatch"
    assert "a secret of nobody" not in firewall.said()
    # The page itself tells nothing, and is for everybody.
    with urllib.request.urlopen(firewall.url) as page:
        assert page.status == 200 and KEYS["full"]["id"] not in page.read().decode()


def test_a_question_is_good_for_five_minutes(firewall, monkeypatch):
    for minutes, expected in [(4, 200), (-4, 200), (6, 401), (-6, 401)]:
        signed_at = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: signed_at)
        status, document = ask(firewall, "status")
        assert status == expected, (minutes, document)
    assert document["error"]["code"] == "RequestExpired"
