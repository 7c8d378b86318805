"""Flow logs as others read them: a published parser of VPC flow logs (flowlogs-reader) over the folder of a log, which it takes for a bucket, and
pyarrow over Parquet; and what they read is what was judged, packet by packet."""

import collections
import datetime
import gzip
import io
import json
import pathlib
import subprocess

import pyarrow
import pyarrow.parquet
import pytest
from flowlogs_reader import S3FlowLogsReader, flowlogs_reader

from conftest import BINARY, ROOT

CAPTURES = sorted((ROOT / "configs/captures").glob("*.pc*"))
FIELDS = ["version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start",
          "end", "action", "log-status", "flow-direction", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region"]
FORMAT = " ".join("${%s}" % field for field in FIELDS)
# What no flow log has (G20), and what has no five-tuple.
UNLOGGED = {"exempt", "link-local-exceeded", "malformed"}


# The reader's own Parquet library does not know the encoding RLE_DICTIONARY, of 2014; Arrow does.
flowlogs_reader.parquet_dict_reader = lambda file: pyarrow.parquet.read_table(file).to_pylist()


def replay(*arguments):
    """The report of a replay under the policy that fits the captures."""
    command = [BINARY, "replay", "--json", "--policy", ROOT / "configs/lab.yaml", *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Bucket:
    """A folder that looks like S3 to a reader."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def get_paginator(self, name):
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket, Prefix):
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        keys = sorted(str(path.relative_to(self.folder)) for path in files)
        yield {"Contents": [{"Key": key} for key in keys if key.startswith(Prefix)]}

    def list_objects_v2(self, Bucket, Delimiter, Prefix):
        folder = self.folder / Prefix
        below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        return {"CommonPrefixes": [{"Prefix": f"{path.relative_to(self.folder)}/"} for path in below]}

    def get_object(self, Bucket, Key):
        body = (self.folder / Key).read_bytes()
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}


def records(folder):
    """What the reader finds."""
    day = datetime.timedelta(days=1)
    times = [datetime.datetime.strptime(path.name.rsplit("_", 2)[1], "%Y%m%dT%H%MZ") for path in folder.rglob("*_vpcflowlogs_*")]
    reader = S3FlowLogsReader("bucket", boto_client=Bucket(folder), raise_on_error=True, start_time=min(times) - day, end_time=max(times) + day)
    found = list(reader)
    assert reader.skipped_records == 0
    return found


def sums(found):
    """Packets and bytes by interface, direction and action."""
    by = collections.Counter()
    for record in found:
        if record.log_status == "OK":
            key = (record.interface_id, record.flow_direction, record.action)
            by[(*key, "packets")] += record.packets
            by[(*key, "bytes")] += record.bytes
    return by


def judged(report):
    """The same, as the report counts verdicts."""
    by = collections.Counter()
    for interface in report["interfaces"]:
        for verdict in interface["verdicts"]:
            if verdict["reason"] not in UNLOGGED:
                action = {"allow": "ACCEPT", "deny": "REJECT"}[verdict["verdict"]]
                key = (interface["interface"], interface["direction"], action)
                by[(*key, "packets")] += verdict["packets"]
                by[(*key, "bytes")] += verdict["bytes"]
    return +by


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
@pytest.mark.parametrize("encoding", ["gzip", "parquet"])
def test_a_log_is_what_was_judged(tmp_path, capture, encoding):
    for interval in [1, 600]:
        folder = tmp_path / str(interval)
        to = ["--flow-log", f"{folder}/", "--flow-log-as", encoding, "--flow-log-format", FORMAT, "--flow-log-interval", interval]
        report = replay(*to, capture)
        found = records(folder)
        assert len(found) == report["flow_log"]["records"] > 0
        assert sums(found) == judged(report)
        assert {record.version for record in found} == {5}
        for record in found:
            assert record.account_id == "123456789012"
            assert record.start <= record.end
            assert (record.end - record.start).total_seconds() <= interval
        assert list((folder / ".unfinished").iterdir()) == []


def test_every_form_holds_the_same(tmp_path):
    capture = CAPTURES[-1]
    rows = {}
    for name in ["flows.log", "flows.log.gz", "flows.parquet"]:
        path = tmp_path / name
        replay("--flow-log", path, "--flow-log-format", FORMAT, capture)
        if name == "flows.parquet":
            table = pyarrow.parquet.read_table(path)
            lines = [["-" if value is None else str(value) for value in row.values()] for row in table.to_pylist()]
            header = [column.replace("_", "-") for column in table.column_names]
        else:
            text = subprocess.run(["zcat", path], capture_output=True, check=True).stdout if name.endswith(".gz") else path.read_bytes()
            header, *lines = [line.split(" ") for line in text.decode().splitlines()]
        assert header == FIELDS
        rows[name] = lines
    assert rows["flows.log"] == rows["flows.log.gz"] == rows["flows.parquet"]
    assert len(rows["flows.log"]) > 10


def test_parquet_has_the_types_that_are_documented(tmp_path):
    """G3; null for what text has a hyphen for (G4)."""
    path = tmp_path / "flows.parquet"
    every = FIELDS + ["vpc-id", "traffic-path", "encryption-status", "ecs-task-id", "rule-id", "group-id", "reason", "tracking", "srcaddr"]
    replay("--flow-log", path, "--flow-log-format", " ".join("${%s}" % field for field in every), CAPTURES[-1])
    file = pyarrow.parquet.ParquetFile(path)
    types = {name: str(kind) for name, kind in zip(file.schema_arrow.names, file.schema_arrow.types)}
    int32 = {"version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path", "encryption_status"}
    int64 = {"packets", "bytes", "start", "end"}
    for name, kind in types.items():
        assert kind == ("int32" if name in int32 else "int64" if name in int64 else "string"), name
    assert list(types)[-1] == "srcaddr_2"
    assert file.metadata.row_group(0).column(0).compression == "GZIP"  # G23
    table = file.read().to_pydict()
    assert set(table["ecs_task_id"]) == {None} and set(table["encryption_status"]) == {None}
    assert {"no-rule", "new", "established"} <= set(table["reason"])
    assert {"ACCEPT", "REJECT"} <= set(table["action"])


@pytest.mark.parametrize("hive", [False, True])
@pytest.mark.parametrize("hourly", [False, True])
def test_folders_are_named_as_in_a_bucket(tmp_path, hive, hourly):
    """G22."""
    options = ["--flow-log-hive"] * hive + ["--flow-log-hourly"] * hourly
    replay("--flow-log", f"{tmp_path}/", *options, CAPTURES[-1])
    (path,) = tmp_path.rglob("*.log.gz")
    parts = list(path.relative_to(tmp_path).parts)
    account, kind, region, log, time, digest = parts.pop().removesuffix(".log.gz").split("_")
    assert (account, kind, region) == ("123456789012", "vpcflowlogs", "us-east-1")
    assert log.startswith("fl-") and len(digest) == 8
    at = datetime.datetime.strptime(time, "%Y%m%dT%H%MZ")
    form = "AWSLogs/123456789012/vpcflowlogs/us-east-1/%Y/%m/%d" + "/%H" * hourly
    if hive:
        form = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=%Y/month=%m/day=%d" + "/hour=%H" * hourly
    assert "/".join(parts) == at.strftime(form)
    with gzip.open(path, "rt") as lines:
        assert lines.readline().startswith("version account-id interface-id srcaddr ")


def test_what_cannot_be_written_ends_the_replay(tmp_path):
    command = [BINARY, "replay", "--policy", ROOT / "configs/lab.yaml", "--flow-log", tmp_path / "none/flows.log", CAPTURES[-1]]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "flow log: cannot write" in done.stderr and "none" in done.stderr
    assert list(tmp_path.iterdir()) == []
