"""`secgroup state`: exports, imports and copies, with an endpoint that runs and without one; and what `secgroup serve` prints for people."""

import json
import os
import subprocess

import pytest

from conftest import BINARY, NO_CONFIGURATION, require


@pytest.fixture
def kept(serve, keys_file, tmp_path):
    """A server that keeps its state, with a group in it."""
    server = serve("--state", tmp_path / "state", "--keys", keys_file)
    server.folder = tmp_path / "state"
    client = server.client()
    vpc = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    client.create_security_group(GroupName="kept", Description="d", VpcId=vpc)
    return server


def secgroup(*arguments, given=None, code=0, **environment):
    done = subprocess.run([str(BINARY), *map(str, arguments)], input=given, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})
    assert done.returncode == code, done.stderr
    return done


def names(server):
    return sorted(group["GroupName"] for group in server.client().describe_security_groups()["SecurityGroups"])


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_state_goes_out_and_comes_back(kept, tmp_path, runs):
    before = kept.client().describe_security_groups()["SecurityGroups"]
    if not runs:
        kept.stop()
    exported = secgroup("state", "--state", kept.folder, "export").stdout
    assert "kept" in exported and json.loads(exported)
    if not runs:
        kept.start()
    group = next(group for group in before if group["GroupName"] == "kept")
    kept.client().delete_security_group(GroupId=group["GroupId"])
    assert names(kept) == ["default"]
    if not runs:
        kept.stop()
    (tmp_path / "state.json").write_text(exported)
    secgroup("state", "--state", kept.folder, "import", tmp_path / "state.json")
    if not runs:
        kept.start()
    assert kept.client().describe_security_groups()["SecurityGroups"] == before
    kept.restart()
    assert kept.client().describe_security_groups()["SecurityGroups"] == before


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_a_copy_is_a_state_of_its_own(kept, serve, keys_file, tmp_path, runs):
    if not runs:
        kept.stop()
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    secgroup("state", "--state", kept.folder, "backup", other / "endpoint.redb")
    assert "is there already" in secgroup("state", "--state", kept.folder, "backup", other / "endpoint.redb", code=2).stderr
    assert names(serve("--state", other, "--keys", keys_file)) == ["default", "kept"]


def test_what_is_no_state_is_refused(kept, tmp_path):
    for given in ["", "[]", "{}", '{"schema": 999999}']:
        assert secgroup("state", "--state", kept.folder, "import", "-", given=given, code=2).stderr.startswith("error: ")
    assert names(kept) == ["default", "kept"]
    said = secgroup("state", "--state", tmp_path / "nowhere", "export", code=2).stderr
    assert "there is no state in" in said and not (tmp_path / "nowhere").exists()


def test_what_it_prints_can_be_pasted(tmp_path, cli_programs):
    """The lines of a first start, in a shell, and then the AWS CLI with nothing else."""
    program = require("an AWS CLI", next(iter(cli_programs.values()), None))
    process = subprocess.Popen(
        [str(BINARY), "serve", "--listen", "127.0.0.1:0", "--state", tmp_path / "state"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("# state is in"):
                break
        assert sum(line.startswith("export ") for line in lines) == 4, lines
        assert all(line.startswith(("#", "export ")) for line in lines), lines
        script = "".join(lines) + f"{program} ec2 describe-vpcs --query 'Vpcs[0].IsDefault' --output text\n"
        done = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True, timeout=120,
                              env={"PATH": os.environ["PATH"], "HOME": os.devnull, **{k: v for k, v in NO_CONFIGURATION.items() if k != "AWS_DEFAULT_REGION"}})
        assert done.stdout.strip() == "True", done.stderr
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
