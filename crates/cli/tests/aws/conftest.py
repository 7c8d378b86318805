"""Real clients against a real `secgroup serve`: what every test_<topic>.py of this folder uses.

Each test has a server of its own, in memory, with two accounts that each have a default VPC, and nothing of another test in it. Keys
come from a file, as an operator would give them: a full one for each account, a read-only one, and one with a session token.

    ec2         boto3's EC2 client of account 1
    ec2_other   the same of account 2
    read_only   the same of account 1, with a key that may not change anything
    sts         boto3's STS client of account 1
    cli         runs the AWS CLI, once v1 and once v2: cli("ec2", "describe-vpcs") is its JSON
    server      the server: .url, .keys, .client("ec2", "other"), .restart(), .stop()
    serve       starts further servers: serve("--state", folder)
    refused     with refused("InvalidGroup.NotFound", "sg-1"): the call in it must fail like this

Environment: SECGROUP_BIN is the program (target/debug/secgroup by default), SECGROUP_AWS_CLIENTS the folder that
scripts/install-aws-clients filled. SECGROUP_REQUIRE_AWS=1 makes a client that is not there a failure instead of a skip.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
BINARY = os.environ.get("SECGROUP_BIN", ROOT / "target/debug/secgroup")
CLIENTS = pathlib.Path(
    os.environ.get("SECGROUP_AWS_CLIENTS")
    or pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "aws-clients"
)
REGION = "us-east-1"
ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"

# Nothing of the user's own configuration reaches the clients.
NO_CONFIGURATION = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "AWS_DEFAULT_REGION": REGION,
}
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(NO_CONFIGURATION)

KEYS = {
    "full": {"id": "AKIDEXAMPLEFULL00001", "secret": "full/of+secrets/that/nobody/knows/000001", "account": ACCOUNT, "access": "full"},
    "other": {"id": "AKIDEXAMPLEOTHER0001", "secret": "other/secrets/that/nobody/knows/00000002", "account": OTHER_ACCOUNT, "access": "full"},
    "read-only": {"id": "AKIDEXAMPLEREAD00001", "secret": "read/only/secret/that/nobody/knows/00003", "account": ACCOUNT, "access": "read-only"},
    "session": {"id": "ASIAEXAMPLESESSION01", "secret": "session/secret/that/nobody/knows/0000004", "account": ACCOUNT, "access": "full",
                "session_token": "FwoGZXIvYXdzEXAMPLE//session+token=="},
}


def write_keys(path, keys=KEYS):
    """A keys file; JSON strings are TOML strings, too."""
    lines = []
    for key in keys.values():
        lines.append("[[key]]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in key.items()]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


class Server:
    """A running `secgroup serve`."""

    def __init__(self, arguments, loader_session):
        self.arguments = [str(argument) for argument in arguments]
        self.session = loader_session
        self.keys = KEYS
        self.start()

    def start(self):
        self.log = tempfile.TemporaryFile()
        listen = [] if "--listen" in self.arguments else ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "--json", *listen, *self.arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise AssertionError(f"secgroup serve did not start: {self.said()}")
        self.ready = json.loads(line)
        self.url = self.ready["endpoint_url"]

    def said(self):
        """Its log so far."""
        self.log.seek(0)
        return self.log.read().decode()

    def stop(self, how=signal.SIGTERM):
        """Ends it, and says with which code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.stdout.close()
        return self.process.wait(timeout=30)

    def restart(self, how=signal.SIGTERM):
        """Ends it and starts it again, on another port."""
        self.stop(how)
        self.start()

    def environment(self, key="full"):
        """What a shell needs: the lines that `secgroup serve` prints."""
        key = self.keys[key]
        environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key["id"],
            "AWS_SECRET_ACCESS_KEY": key["secret"],
        }
        if "session_token" in key:
            environment["AWS_SESSION_TOKEN"] = key["session_token"]
        return environment

    def client(self, service="ec2", key="full", **config):
        """A boto3 client; a failed call is not tried again."""
        key = self.keys[key] if isinstance(key, str) else key
        return boto3.Session(botocore_session=self.session).client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
            aws_session_token=key.get("session_token"),
            config=botocore.config.Config(**{"retries": {"total_max_attempts": 1}, "proxies": {}, **config}),
        )


@pytest.fixture(scope="session")
def loader_session():
    """One session of botocore for all tests: it reads the models once."""
    return botocore.session.Session()


@pytest.fixture
def serve(loader_session):
    """Starts servers; they end with the test, and must end well."""
    servers = []

    def start(*arguments):
        servers.append(Server(arguments, loader_session))
        return servers[-1]

    yield start
    codes = [(server.stop(), server.said()) for server in servers if server.process.returncode is None]
    assert all(code == 0 for code, _ in codes), codes


@pytest.fixture
def keys_file(tmp_path):
    return write_keys(tmp_path / "keys.toml")


@pytest.fixture
def server(serve, keys_file):
    return serve("--ephemeral", "--keys", keys_file)


@pytest.fixture
def ec2(server):
    return server.client()


@pytest.fixture
def ec2_other(server):
    return server.client(key="other")


@pytest.fixture
def read_only(server):
    return server.client(key="read-only")


@pytest.fixture
def sts(server):
    return server.client("sts")


def require(what, found):
    """`found`; where it is not there the test is skipped, or fails where nothing may be skipped."""
    if found:
        return found
    reason = f"{what} is not installed: scripts/install-aws-clients"
    if os.environ.get("SECGROUP_REQUIRE_AWS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def cli_version(program):
    """The major version of an AWS CLI; None where it is none."""
    if not program or not os.access(program, os.X_OK):
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=120)
    found = re.match(r"aws-cli/(\d+)\.", said.stdout + said.stderr)
    return int(found.group(1)) if found else None


@pytest.fixture(scope="session")
def cli_programs():
    """The AWS CLIs of this host, by major version."""
    places = [CLIENTS / "venv/bin/aws", "/usr/bin/aws", "/usr/local/bin/aws"]
    return {cli_version(str(place)): str(place) for place in places if cli_version(str(place))}


class CliError(Exception):
    """The AWS CLI failed: its exit code and what it said."""

    def __init__(self, code, said):
        super().__init__(f"exit code {code}: {said}")
        self.code, self.said = code, said


@pytest.fixture(params=[1, 2], ids=["cli-v1", "cli-v2"])
def cli(request, server, cli_programs):
    """Runs the AWS CLI with the key of this name; its JSON, or None where it prints nothing. Fails with CliError."""
    program = require(f"AWS CLI v{request.param}", cli_programs.get(request.param))

    def run(*arguments, key="full"):
        environment = {"PATH": os.environ["PATH"], "HOME": os.devnull, "LC_ALL": "C.UTF-8", **NO_CONFIGURATION, **server.environment(key)}
        command = [program, *map(str, arguments), "--output", "json"]
        if request.param == 2:
            # Debian's v2 is older than 2.13, from which on AWS_ENDPOINT_URL is read.
            command += ["--endpoint-url", server.url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise CliError(done.returncode, done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    run.version = request.param
    return run


@pytest.fixture(scope="session")
def node():
    """Runs a script with the AWS SDK for JavaScript: node(server, "script.mjs") is what it prints, as JSON."""
    program = require("node", shutil.which("node"))
    modules = CLIENTS / "node_modules"
    require("@aws-sdk/client-ec2", (modules / "@aws-sdk/client-ec2").is_dir())

    def run(server, script, *arguments, key="full"):
        # Modules are looked for beside the script: it runs as a copy beside them.
        with tempfile.TemporaryDirectory(dir=CLIENTS) as folder:
            copy = shutil.copy(pathlib.Path(__file__).with_name(script), folder)
            environment = {"PATH": os.environ["PATH"], **NO_CONFIGURATION, "AWS_REGION": REGION, **server.environment(key)}
            done = subprocess.run([program, copy, *arguments], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@contextlib.contextmanager
def expect_refusal(code, message=None, status=None):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    if message is not None:
        assert message in error["Message"], error
    if status is not None:
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status, error


@pytest.fixture
def refused():
    return expect_refusal


def default_vpc(client):
    """The id of an account's default VPC, whatever others it has: ids are random, and so is their order."""
    return client.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


@pytest.fixture
def vpc(ec2):
    """The id of account 1's default VPC."""
    return default_vpc(ec2)


@pytest.fixture
def group(ec2, vpc):
    """The id of a group of account 1."""
    return ec2.create_security_group(GroupName="web", Description="web tier", VpcId=vpc)["GroupId"]
