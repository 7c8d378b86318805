//! Dependencies between the crates of this workspace point one way: this table, and nothing else.
//!
//! ```text
//! cli -> replay, import -> analysis -> control -> datapath -> conntrack, policy -> packet
//!     -> daemon -> runtime -> io           model
//! ```
//!
//! The packet path never learns an AWS word: `conntrack`, `policy` and `datapath` do not know
//! `model`. The reference evaluator shares no code with the fast path but `model`. A crate that
//! wants a dependency which is not in the table changes the table in the same commit, where it is
//! seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may depend on, directly, in its `[dependencies]` and `[build-dependencies]`.
const ALLOWED: [(&str, &[&str]); 24] = [
    ("packet", &[]),
    ("conntrack", &["packet"]),
    ("policy", &["packet"]),
    ("datapath", &["packet", "conntrack", "policy"]),
    ("model", &["packet"]),
    ("ec2", &["model"]),
    ("api", &["model", "ec2"]),
    ("store", &["model", "ec2"]),
    ("endpoint", &["model", "import", "ec2", "api", "store"]),
    ("control", &["packet", "policy", "datapath", "model"]),
    ("import", &["model"]),
    ("io", &["packet"]),
    (
        "bench",
        &[
            "packet",
            "conntrack",
            "policy",
            "datapath",
            "model",
            "control",
            "oracle",
        ],
    ),
    ("report", &[]),
    (
        "analysis",
        &["packet", "policy", "datapath", "model", "control"],
    ),
    (
        "flowlog",
        &["packet", "policy", "datapath", "model", "control", "ec2"],
    ),
    (
        "replay",
        &[
            "packet", "policy", "datapath", "model", "control", "analysis", "flowlog", "io",
        ],
    ),
    (
        "runtime",
        &["packet", "conntrack", "policy", "datapath", "io"],
    ),
    (
        "daemon",
        &[
            "packet",
            "conntrack",
            "policy",
            "datapath",
            "model",
            "control",
            "import",
            "io",
            "analysis",
            "runtime",
            "flowlog",
            "ec2",
            "endpoint",
            "report",
        ],
    ),
    ("top", &["packet", "daemon", "report"]),
    (
        "cli",
        &[
            "packet",
            "conntrack",
            "policy",
            "datapath",
            "model",
            "control",
            "import",
            "io",
            "analysis",
            "flowlog",
            "replay",
            "runtime",
            "daemon",
            "ec2",
            "store",
            "endpoint",
            "bench",
            "report",
            "top",
        ],
    ),
    ("oracle", &["model"]),
    ("testkit", &[]),
    (
        "benches",
        &[
            "packet",
            "conntrack",
            "policy",
            "datapath",
            "model",
            "control",
            "import",
            "io",
            "analysis",
            "flowlog",
            "replay",
            "ec2",
            "store",
            "api",
            "endpoint",
            "runtime",
            "daemon",
            "bench",
            "oracle",
            "testkit",
        ],
    ),
];

/// Crates for tests, and the crates that ship which may contain them all the same: `secgroup bench`
/// prints no figure of a verdict that the reference evaluator does not share.
const FOR_TESTS: [(&str, &[&str]); 2] = [("oracle", &["bench"]), ("testkit", &[])];

/// The crates of the packet path, and what stands at the root of each: `conntrack` has one fenced
/// module for prefetching.
const PURE: [(&str, &[&str]); 4] = [
    ("packet", &["#![forbid(unsafe_code)]"]),
    ("policy", &["#![forbid(unsafe_code)]"]),
    ("datapath", &["#![forbid(unsafe_code)]"]),
    (
        "conntrack",
        &["#![forbid(unsafe_code)]", "#![deny(unsafe_code)]"],
    ),
];

/// A crate, and the crates of the workspace that it needs when it is not being tested.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn dependencies_point_down() {
    assert_eq!(violations(&workspace_graph()), [""; 0]);
}

#[test]
fn the_table_itself_points_down() {
    let table: Graph = ALLOWED
        .into_iter()
        .map(|(name, below)| {
            (
                name.to_owned(),
                below.iter().map(ToString::to_string).collect(),
            )
        })
        .collect();
    assert_eq!(cycle(&table), None);
    let shipped = ALLOWED.into_iter().filter(|(name, _)| *name != "benches");
    for (name, below) in shipped {
        for (for_tests, unless) in FOR_TESTS {
            assert!(
                !below.contains(&for_tests) || unless.contains(&name),
                "{name} ships test code"
            );
        }
    }
}

#[test]
fn the_packet_path_forbids_unsafe_code() {
    for (name, attributes) in PURE {
        let path = root().join("crates").join(name).join("src/lib.rs");
        let text = std::fs::read_to_string(&path).unwrap();
        let has = |line: &str| {
            attributes
                .iter()
                .any(|attribute| line.starts_with(attribute))
        };
        assert!(
            text.lines().any(has),
            "crates/{name}/src/lib.rs must contain {}",
            attributes.join(" or ")
        );
    }
}

#[test]
fn a_dependency_that_points_up_is_found() {
    let mut graph = workspace_graph();
    graph.get_mut("packet").unwrap().insert("cli".to_owned());
    graph.get_mut("replay").unwrap().insert("oracle".to_owned());
    graph.insert("novel".to_owned(), BTreeSet::new());
    graph.remove("io");
    let expected = [
        "`novel` is not in the table of crates/testkit/tests/layers.rs",
        "`packet` may not depend on `cli`",
        "`replay` may not depend on `oracle`",
        "the table names `io`, which is not in the workspace",
    ];
    assert_eq!(violations(&graph), expected);
}

#[test]
fn a_cycle_is_found() {
    let set = |names: &[&str]| {
        names
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let mut graph = Graph::from([
        ("a".to_owned(), set(&["b", "d"])),
        ("b".to_owned(), set(&["c"])),
        ("c".to_owned(), set(&["d"])),
        ("d".to_owned(), set(&[])),
    ]);
    assert_eq!(cycle(&graph), None);
    graph.insert("d".to_owned(), set(&["b"]));
    assert!(cycle(&graph).is_some());
}

/// What is wrong with `graph`, one sentence each.
fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, needs) in graph {
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == name) else {
            found.push(format!(
                "`{name}` is not in the table of crates/testkit/tests/layers.rs"
            ));
            continue;
        };
        let wrong = needs
            .iter()
            .filter(|need| !allowed.contains(&need.as_str()));
        found.extend(wrong.map(|need| format!("`{name}` may not depend on `{need}`")));
    }
    let gone = ALLOWED
        .iter()
        .filter(|(name, _)| !graph.contains_key(*name));
    found.extend(
        gone.map(|(name, _)| format!("the table names `{name}`, which is not in the workspace")),
    );
    found
}

/// A crate that stands on itself, if there is one: what is left when crates without needs are taken
/// away again and again.
fn cycle(graph: &Graph) -> Option<String> {
    let mut left = graph.clone();
    while let Some(name) = left
        .iter()
        .find(|(_, needs)| needs.is_empty())
        .map(|(name, _)| name)
    {
        let name = name.clone();
        left.remove(&name);
        for needs in left.values_mut() {
            needs.remove(&name);
        }
    }
    left.into_keys().next()
}

/// The workspace as cargo sees it.
fn workspace_graph() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = list(&metadata, "packages");
    let names: BTreeSet<&str> = packages.iter().map(name).collect();
    let needs = |package: &Value| {
        let needed = list(package, "dependencies")
            .iter()
            .filter(|need| need["kind"] != "dev");
        needed
            .map(name)
            .filter(|name| names.contains(name))
            .map(short)
            .collect()
    };
    packages
        .iter()
        .map(|package| (short(name(package)), needs(package)))
        .collect()
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key]
        .as_array()
        .expect("cargo metadata lists packages and their dependencies")
}

fn name(object: &Value) -> &str {
    object["name"]
        .as_str()
        .expect("cargo names packages and dependencies")
}

/// `secgroup-packet` is called `packet` here; `secgroup` itself, the binary, `cli`.
fn short(package: &str) -> String {
    match package.strip_prefix("secgroup-") {
        Some(name) => name.to_owned(),
        None => "cli".to_owned(),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
