"""Programs, where they are and how they run; and what machine this is."""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# All contenders run on the last CPU: interrupts and what else there is prefer the first.
CPU = max(os.sched_getaffinity(0))
# The most that DPDK takes in one of the comparisons, in MB: a hash of 4 million connections with its entries.
DPDK_MEMORY = 1024
HUGE = Path("/proc/sys/vm/nr_hugepages")


class Missing(Exception):
    """A comparison cannot run here; the text says why, and what to do."""


class Wrong(Exception):
    """Two contenders answer differently, so that no figure of them is worth anything."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def prepare():
    """Runs in the child: one CPU, and where it is allowed a weight that others do not disturb."""
    os.sched_setaffinity(0, {CPU})
    with contextlib.suppress(OSError):
        os.nice(-15)


def run(*words, **options):
    """A program on its CPU, to its end; what it printed."""
    words = [str(word) for word in words]
    done = subprocess.run(words, check=True, text=True, capture_output=True, preexec_fn=prepare, **options)
    return done.stdout


class Tools:
    """The programs of a run, and a folder for its files."""

    def __init__(self, options):
        self.rounds, self.quick = options.rounds, options.quick
        self.versions = {}
        release = self.build(options.no_build)
        self.sides_program = release / "examples" / "sides"
        self.secgroup = release / "secgroup"
        if not self.sides_program.exists() or not self.secgroup.exists():
            sys.exit(f"compare: no programs in {release}; run without --no-build")

    @contextlib.contextmanager
    def folder_for_files(self):
        with tempfile.TemporaryDirectory(prefix="secgroup-compare-") as folder:
            self.folder = Path(folder)
            yield

    def build(self, skip):
        if not skip:
            say("building ...")
            # In one call: the same features, so nothing is built twice. `wire` is for bench-live.
            words = ["-p", "secgroup", "-p", "secgroup-benches", "--bin", "secgroup", "--example", "sides", "--example", "wire"]
            subprocess.run(["cargo", "build", "--release", "--locked", *words], cwd=ROOT, check=True, stdout=sys.stderr)
        metadata = subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version=1"], cwd=ROOT, check=True, text=True, capture_output=True
        )
        return Path(json.loads(metadata.stdout)["target_directory"]) / "release"

    def need(self, *programs, package):
        """Leaves the comparison where a program of a package is not there."""
        for program in programs:
            if shutil.which(program) is None:
                raise Missing(f"{program} is not installed (Debian package {package}; or run with --install)")

    def version(self, package):
        """Notes a Debian package's version for the report."""
        found = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], text=True, capture_output=True, check=False)
        self.versions[package] = found.stdout or "not of Debian"

    def sides(self, *words):
        return run(self.sides_program, *words)

    def new_folder(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder


def dpdk_options(memory):
    """Options of DPDK's environment, with so many MB: of reserved huge pages where there are enough, of ordinary ones otherwise."""
    common = ["-l", CPU, "-m", memory, "--no-pci", "--no-telemetry", "--log-level=error", "--force-max-simd-bitwidth=512"]
    return [*common, *(["--in-memory"] if has_huge_pages() else ["--no-huge", "--no-shconf"])]


def has_huge_pages():
    facts = dict(re.findall(r"^(HugePages_Free|Hugepagesize): +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return int(facts.get("HugePages_Free", 0)) * int(facts.get("Hugepagesize", 0)) >= DPDK_MEMORY * 1024


@contextlib.contextmanager
def huge_pages(count):
    """Reserves pages for the time of the comparison, and gives them back."""
    before = HUGE.read_text() if count else ""
    if count:
        try:
            HUGE.write_text(f"{count}\n")
        except OSError as error:
            sys.exit(f"compare: --huge-pages: {HUGE}: {error.strerror}; run as root, or without it")
    try:
        yield
    finally:
        if count:
            HUGE.write_text(before)


def machine():
    """What the figures are of."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True, capture_output=True, check=False)
    return {
        "cpu": f"{os.cpu_count()} x {cpu.group(1).strip() if cpu else platform.machine()}",
        "kernel": platform.release(),
        "secgroup": git.stdout.strip() or "unknown",
        "memory of DPDK": "reserved huge pages" if has_huge_pages() else "no huge pages (--no-huge)",
    }


def cpu_flags():
    found = re.search(r"^flags\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return set(found.group(1).split()) if found else set()
