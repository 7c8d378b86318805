"""The comparisons. Each gives its rows and the commands that it ran.

A row is {comparison, question, what, unit, ours: [figure of each round], theirs: [...]}, in the same order of rounds.
"""

import json
import os
import re
import signal
import subprocess
import time

from tools import CPU, ROOT, Missing, Wrong, cpu_flags, dpdk_options, run, say

RULES = [10, 60, 1_000, 10_000]
CONNECTIONS = [10_000, 100_000, 1_000_000, 4_000_000]
PACKETS = 2_000_000
# What rte_acl may take, in MB.
ACL_MEMORY = 512
# Vector methods of rte_acl, and what the CPU must have for them.
METHODS = {"avx512x32": "avx512bw", "avx512x16": "avx512bw", "avx2": "avx2", "sse": "sse4_1", "neon": "asimd"}
# Our figure's name, and the packets that dpdk-test-acl classifies in a call.
STEPS = {"burst 32": 32, "burst 256": 256, "single": 1}


def short(number):
    for unit, factor in (("M", 1_000_000), ("k", 1_000)):
        if number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def row(comparison, question, theirs, ours_figures, their_figures, unit="ns"):
    return {"comparison": comparison, "question": question, "beside": theirs, "unit": unit,
            "ours": ours_figures, "theirs": their_figures}


def in_turn(rounds, *contenders):
    """One figure, or table of figures, of each contender in each round."""
    found = [[] for _ in contenders]
    for _ in range(rounds):
        for figures, contender in zip(found, contenders):
            figures.append(contender())
    return found


# --- rte_acl ---


def classify(folder, step, method, passes, verbose=0):
    """What dpdk-test-acl prints."""
    return run(
        "dpdk-test-acl", *dpdk_options(ACL_MEMORY), "--", f"--rulesf={folder}/rules", f"--tracef={folder}/trace", "--bldcat=1",
        f"--tracestep={step}", f"--iter={passes}", f"--verbose={verbose}", f"--alg={method}",
    )


def nanoseconds_of_acl(printed):
    found = re.search(r"(\d+) pkts, .* (\d+) cycles .* ([\d.]+) cycles/pkt, ([\d.]+) pkt/sec", printed)
    if found is None:
        raise Wrong(f"dpdk-test-acl printed no rate: {printed[-200:]!r}")
    # Its packets a second are by the rate of the time-stamp counter that DPDK measured.
    return 1e9 / float(found.group(4))


def check_acl(folder, method):
    """rte_acl answers every question as the list of rules does."""
    printed = classify(folder, 32, method, 1, verbose=3)
    answers = re.findall(r"category: 0, result: (\d+)", printed)
    right = (folder / "answers").read_text().split()
    if answers != right:
        raise Wrong(f"rte_acl ({method}) answers otherwise than the list of rules in {folder}")


def match(tools):
    tools.need("dpdk-test-acl", package="dpdk-dev")
    tools.version("dpdk-dev")
    methods = [name for name, flag in METHODS.items() if flag in cpu_flags()] or ["scalar"]
    # As many passes over 16,384 questions as take about a quarter of a second, at 50 ns each; few where only the working is shown.
    passes = 20 if tools.quick else 300
    rows = []
    for count in RULES[:2] if tools.quick else RULES:
        folder = tools.new_folder(f"rules-{count}")
        tools.sides("rules", count, folder)
        best = {}
        for name, step in STEPS.items():
            tried = {m: nanoseconds_of_acl(classify(folder, step, m, max(1, passes // 10))) for m in methods}
            best[name] = min(tried, key=tried.get)
        for method in sorted(set(best.values())):
            check_acl(folder, method)
        say(f"  {short(count)} rules: {', '.join(f'{name} {method}' for name, method in best.items())}")

        def theirs():
            return {name: nanoseconds_of_acl(classify(folder, step, best[name], passes)) for name, step in STEPS.items()}

        ours, others = in_turn(tools.rounds, lambda: json.loads(tools.sides("match", count)), theirs)
        for name in STEPS:
            rows.append(row("match", f"{short(count)} rules, {name}", f"rte_acl, {best[name]}",
                            [f[name] for f in ours], [f[name] for f in others]))
    options = " ".join(map(str, dpdk_options(ACL_MEMORY)))
    return rows, [
        "sides match RULES",
        f"dpdk-test-acl {options} -- --rulesf=rules --tracef=trace --bldcat=1 --tracestep=32 --iter={passes} --alg=METHOD",
    ]


# --- rte_hash ---


def compile_hash(tools):
    tools.need("cc", "pkg-config", package="build-essential, pkg-config")
    try:
        flags = [run("pkg-config", which, "libdpdk").split() for which in ("--cflags", "--libs")]
    except subprocess.CalledProcessError as error:
        raise Missing("libdpdk is not installed (Debian package libdpdk-dev; or run with --install)") from error
    program = tools.folder / "rte_hash"
    words = ["cc", "-O3", "-march=native", *flags[0], ROOT / "scripts/compare/rte_hash.c", "-o", program, *flags[1]]
    run(*words)
    return program


def hash_memory(count):
    """MB: 240 bytes for a connection, of which its entry has 64, and what DPDK takes without any."""
    return 64 + count * 240 // 2**20


def look_up(tools):
    program = compile_hash(tools)
    tools.version("libdpdk-dev")
    rows = []
    for count in CONNECTIONS[:1] if tools.quick else CONNECTIONS:
        folder = tools.new_folder(f"connections-{count}")
        tools.sides("keys", count, folder)
        options = dpdk_options(hash_memory(count))
        ours, theirs = in_turn(
            tools.rounds,
            lambda: json.loads(tools.sides("look-up", count)),
            lambda: json.loads(run(program, *options, "--", folder / "keys", folder / "draws").splitlines()[-1]),
        )
        say(f"  {short(count)} connections")
        for name in sorted(ours[0]):
            rows.append(row("look-up", f"{short(count)} connections, {name}", "rte_hash",
                            [f[name] for f in ours], [f[name] for f in theirs]))
    options = " ".join(map(str, options))
    return rows, ["sides look-up CONNECTIONS", f"rte_hash {options} -- keys draws"]


# --- nftables and conntrack ---


def live(tools):
    if os.geteuid() != 0:
        raise Missing("it makes network namespaces: run as root")
    if len(os.sched_getaffinity(0)) < 2:
        raise Missing("it needs two CPUs, one for the traffic and one for the contender")
    tools.need("nft", package="nftables")
    tools.need("ip", "ping", "iperf3", package="iproute2, iputils-ping, iperf3")
    tools.version("nftables")
    found = tools.folder / "live.json"
    contenders, seconds = ("bridge+ct", "af-packet"), 0.5 if tools.quick else 1.5
    words = [ROOT / "scripts/bench-live", "--only", ",".join(contenders), "--rounds", tools.rounds, "--seconds", seconds,
             "--no-build", "--json", found]
    run_spread(words)
    kernel, ours = (json.loads(found.read_text())[name] for name in contenders)
    beside = "bridge, conntrack, nftables"
    rows = [
        row("live", "64-byte UDP, 64 flows", beside, [f["kpps"] for f in ours], [f["kpps"] for f in kernel], "kpps"),
        row("live", "one TCP stream, offloads on", beside, [f["gbits"] for f in ours], [f["gbits"] for f in kernel], "Gbit/s"),
    ]
    return rows, [f"scripts/bench-live --only {','.join(contenders)} --rounds {tools.rounds} --seconds {seconds}"]


def run_spread(words):
    """bench-live places its programs on CPUs itself. When it is ended early it removes its namespaces, if it is asked to."""
    child = subprocess.Popen([str(word) for word in words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        printed, _ = child.communicate()
    except BaseException:
        child.send_signal(signal.SIGINT)
        child.communicate()
        raise
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, words, printed)


# --- tcpdump ---


def replay(tools):
    tools.need("tcpdump", package="tcpdump")
    tools.version("tcpdump")
    packets = PACKETS // 50 if tools.quick else PACKETS
    folder = tools.new_folder("capture")
    tools.sides("capture", packets, folder)
    capture = folder / "capture.pcap"
    filters = {name: (folder / f"filter-{name}").read_text() for name in ("short", "rules")}
    ours = [tools.secgroup, "replay", "--policy", folder / "policy.yaml", "--json", capture]
    report = json.loads(run(*ours))
    allowed = report["packets"]["allowed"]["packets"]
    for name, text in filters.items():
        passed = int(re.search(r"(\d+) packets", run("tcpdump", "--count", "-r", capture, text)).group(1))
        if passed != allowed or not 0 < allowed < packets:
            raise Wrong(f"tcpdump's filter '{name}' passes {passed} packets of {packets}, secgroup {allowed}")

    def timed(*words):
        start = time.monotonic()
        run(*words)
        return (time.monotonic() - start) / packets * 1e9

    def tcpdump(text):
        return timed("tcpdump", "-r", capture, "-w", "/dev/null", text)

    found = in_turn(tools.rounds, lambda: timed(*ours), lambda: tcpdump(filters["short"]), lambda: tcpdump(filters["rules"]))
    size = f"{short(packets)} packets of 64 B"
    rows = [
        row("replay", f"{size}, 62 rules, stateful", "tcpdump, one expression, stateless", found[0], found[1]),
        row("replay", f"{size}, 62 rules, stateful", "tcpdump, the 62 rules, stateless", found[0], found[2]),
    ]
    return rows, [
        f"taskset -c {CPU} secgroup replay --policy policy.yaml --json capture.pcap",
        f"taskset -c {CPU} tcpdump -r capture.pcap -w /dev/null FILTER",
    ]
