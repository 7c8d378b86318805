//! `secgroup bench`: the shape of what it prints, never its times.

use serde_json::{Map, Value};

use crate::support::{Folder, secgroup};

/// Small and short: every part is measured, but not well.
const TINY: [&str; 7] = [
    "bench",
    "--flows",
    "500",
    "--rules",
    "5",
    "--seconds",
    "0.001",
];

fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&TINY, more].concat()
}

#[track_caller]
fn keys(value: &Value) -> Vec<&str> {
    let object: &Map<_, _> = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// A figure of at least as many rounds as were promised.
#[track_caller]
fn is_figure(value: &Value) {
    assert_eq!(keys(value), ["best", "median", "rounds"]);
    let number = |name: &str| value[name].as_f64().unwrap();
    assert!(number("rounds") >= 5.0, "{value}");
    assert!(number("best") >= 0.0 && number("median") >= 0.0, "{value}");
}

/// A figure that was measured itself (a stage is a difference of two): it cannot take no time at
/// all, and its best round is not above the median.
#[track_caller]
fn is_measured(value: &Value) {
    is_figure(value);
    let number = |name: &str| value[name].as_f64().unwrap();
    assert!(
        0.0 < number("best") && number("best") <= number("median"),
        "{value}"
    );
}

#[test]
fn json_has_every_field() {
    let report = secgroup(&tiny(&["--json"])).code(0).json();
    let parts = [
        "version",
        "machine",
        "workload",
        "verified",
        "connections",
        "rules",
        "workers",
        "sweeps",
    ];
    assert_eq!(keys(&report), parts);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));

    let machine = &report["machine"];
    let fields = [
        "cpu",
        "cpus",
        "pinned_to",
        "clock_hz",
        "cpu_share",
        "kernel",
        "huge_pages",
        "available_bytes",
    ];
    assert_eq!(keys(machine), fields);
    assert!(machine["cpus"].as_u64() >= Some(1), "{machine}");
    // From a slow emulator to what nobody has built yet.
    let clock = machine["clock_hz"].as_f64().unwrap();
    assert!((1e6..2e10).contains(&clock), "{clock}");

    let share = machine["cpu_share"].as_f64().unwrap();
    assert!(share > 0.0 && share <= 1.0, "{share}");

    let workload = &report["workload"];
    let expected = serde_json::json!({
        "flows": 500, "rules": 5, "members": 0, "size": "64", "draw": "uniform", "zipf": null,
        "burst": 32, "frames": 1 << 20, "seed": 0x5eed, "seconds": 0.001,
    });
    assert_eq!(*workload, expected);
    assert!(report["verified"]["verdicts"].as_u64() > Some(1000));

    let connections = &report["connections"];
    let fields = ["established", "stages", "new", "denied", "bytes_each"];
    assert_eq!(keys(connections), fields);
    for name in ["established", "new", "denied"] {
        is_measured(&connections[name]);
    }
    assert!(
        connections["bytes_each"].as_f64() > Some(64.0),
        "a line is that long"
    );
    let stages = &connections["stages"];
    assert_eq!(
        keys(stages),
        ["parse", "hash_prefetch", "decide", "counters"]
    );
    for name in keys(stages) {
        is_figure(&stages[name]);
    }

    let rules = &report["rules"];
    assert_eq!(keys(rules), ["matching", "compile", "update", "bytes_each"]);
    for name in ["matching", "compile", "update"] {
        is_measured(&rules[name]);
    }
    assert!(rules["bytes_each"].as_f64() > Some(0.0));
    assert_eq!(report["workers"], Value::Null);
    let sweeps = serde_json::json!({"flows": null, "rules": null, "members": null});
    assert_eq!(report["sweeps"], sweeps);
}

#[test]
fn the_workload_is_what_was_asked_for() {
    let more = [
        "--zipf",
        "1.2",
        "--size",
        "imix",
        "--members",
        "7",
        "--burst",
        "1",
        "--json",
    ];
    let report = secgroup(&tiny(&more)).code(0).json();
    let workload = &report["workload"];
    assert_eq!(workload["draw"], "zipf");
    assert_eq!(workload["zipf"], 1.2);
    assert_eq!(workload["size"], "imix");
    assert_eq!(workload["members"], 7);
    assert_eq!(workload["burst"], 1);
}

#[test]
fn people_see_every_figure() {
    let run = secgroup(&tiny(&[])).code(0);
    assert_eq!(run.stderr, "", "no progress where there is no terminal");
    for words in [
        "500 flows drawn evenly, 5 rules, frames of 64 bytes, bursts of 32, seed 0x5eed",
        "verdicts compared with the reference evaluator: all equal",
        "of an open connection",
        "  parse",
        "  hash, prefetch",
        "  look up, decide, sweep",
        "  count",
        "opens a connection",
        "denied",
        "rule match alone",
        "a rule changes, until in force",
        "compile alone",
        "B a connection with a full table of 500",
        "B a compiled rule",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
}

#[test]
fn workers_are_compared_with_one() {
    let cpus = std::thread::available_parallelism().unwrap().get();
    if cpus < 2 {
        println!("skipped: two workers need two CPUs");
        return;
    }
    let report = secgroup(&tiny(&["--workers", "2", "--json"]))
        .code(0)
        .json();
    let workers = &report["workers"];
    let fields = ["workers", "one_per_second", "all_per_second", "ratio"];
    assert_eq!(keys(workers), fields);
    assert_eq!(workers["workers"], 2);
    assert!(workers["ratio"].as_f64() > Some(0.0));
}

#[test]
fn a_sweep_is_measured_and_drawn() {
    let folder = Folder::new();
    let path = folder.path("cost.svg");
    let more = ["--sweep", "members", "--plot", &path, "--json"];
    let report = secgroup(&tiny(&more)).code(0).json();
    assert_eq!(report["sweeps"]["rules"], Value::Null);
    let points = report["sweeps"]["members"].as_array().unwrap();
    let sizes: Vec<_> = points
        .iter()
        .map(|point| point["members"].as_u64().unwrap())
        .collect();
    let expected = [
        1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000,
    ];
    assert_eq!(sizes, expected);
    for point in points {
        assert_eq!(
            keys(point),
            ["members", "matching", "denied", "new", "change"]
        );
        for name in ["matching", "denied", "new", "change"] {
            is_measured(&point[name]);
        }
    }
    let picture = std::fs::read_to_string(&path).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert!(picture.contains("by members of a group"), "{picture}");
}

#[test]
fn nonsense_is_refused() {
    for (option, values) in [
        ("--flows", &["0", "10000001", "-1", "many"][..]),
        ("--rules", &["0", "100001"]),
        ("--members", &["-1", "100001"]),
        ("--size", &["63", "9023", "IMIX", ""]),
        ("--zipf", &["0", "-1", "5.1", "nan", "inf"]),
        ("--workers", &["0", "65536"]),
        ("--seconds", &["0", "-1", "601", "soon"]),
        ("--burst", &["0", "257"]),
        ("--sweep", &["packets", "flows;rules"]),
        ("--plot", &["cost.png", "cost", "svg"]),
    ] {
        for value in values {
            let run = secgroup(&["bench", option, value]).code(2);
            assert!(
                run.stderr.contains(option),
                "{option} {value}: {}",
                run.stderr
            );
            assert_eq!(run.stdout, "");
        }
    }
}

#[test]
fn what_the_machine_cannot_do_is_said_before_anything_is_measured() {
    let run = secgroup(&["bench", "--workers", "65535"]).code(2);
    assert!(run.stderr.contains("lower --workers"), "{}", run.stderr);
    let run = secgroup(&["bench", "--plot", "/nonexistent/cost.svg"]).code(2);
    assert!(
        run.stderr
            .contains("cannot write the plot to /nonexistent/cost.svg")
    );
}
