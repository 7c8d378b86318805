//! The policies that ship: they load without a word, the two forms of one policy agree, and what
//! their comments and the documents say to type does run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use secgroup_import::{Options, Severity, load};
use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, Run, fields, root, verdicts};

/// The files of a folder with this extension, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

#[test]
fn the_policies_that_ship_load_without_a_word() {
    let mut sets: Vec<_> = files("configs", "yaml")
        .into_iter()
        .map(|path| vec![path])
        .collect();
    sets.push(files("configs/dumps", "json"));
    for set in sets {
        let import = load(&set, &Options::default());
        let said: Vec<_> = import
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity != Severity::Note)
            .collect();
        assert!(said.is_empty(), "{set:?}: {said:?}");
        assert!(!import.inventory.interfaces.is_empty(), "{set:?}");
    }
}

#[test]
fn a_template_and_its_dumps_give_the_same_verdicts() {
    let dumps = files("configs/dumps", "json");
    let dumps: Vec<_> = dumps.iter().map(|path| path.to_str().unwrap()).collect();
    // Ids differ, and with them the order of groups; nothing else may.
    let what = ["packet", "direction", "src", "dst", "verdict", "reason"];
    for name in CAPTURES {
        let capture = format!("configs/captures/{name}");
        let template = verdicts(&["--policy", LAB, &capture]);
        let by_dumps = verdicts(&[&["--policy"], &dumps[..], &[&capture]].concat());
        assert_eq!(template.len(), by_dumps.len(), "{name}");
        let both = template.iter().zip(&by_dumps);
        for (line, by_dumps) in both.filter(|(line, by_dumps)| !only_mac_tells(line, by_dumps)) {
            let [line, by_dumps] =
                [line, by_dumps].map(|one| fields(std::slice::from_ref(one), &what));
            assert_eq!(line, by_dumps, "{name}");
        }
    }
}

/// Whether this is neighbour or listener discovery between link-local addresses: dumps have the
/// hardware addresses of interfaces, templates do not, and nothing else says whose it is. Then it
/// is exempt (C18).
fn only_mac_tells(by_template: &Value, by_dumps: &Value) -> bool {
    let link_local = by_template["src"]
        .as_str()
        .is_some_and(|src| src.starts_with("fe80:"));
    link_local && by_template["reason"] == "no-interface" && by_dumps["reason"] == "exempt"
}

/// The commands that begin with `secgroup`, with the lines that continue them.
fn commands(text: impl Iterator<Item = String>) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text {
        if goes_on && let Some(command) = commands.last_mut() {
            command.push(' ');
            command.push_str(line.trim().trim_end_matches('\\'));
        } else if line.trim_start().starts_with("secgroup ") {
            commands.push(line.trim().trim_end_matches('\\').to_owned());
        } else {
            continue;
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

/// The comment at the top of a policy.
fn header(text: &str) -> Vec<String> {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    commands(comment.map(str::to_owned))
}

/// The code blocks of a document.
fn blocks(text: &str) -> Vec<String> {
    let code = text.split("```").skip(1).step_by(2);
    commands(code.flat_map(str::lines).map(str::to_owned))
}

/// Runs a command line in a folder of its own that has the policies in it, as a person would from
/// the root.
fn run(folder: &Folder, line: &str) -> Run {
    let function = "secgroup() { \"$SECGROUP\" \"$@\"; }";
    let output = Command::new("sh")
        .args(["-eu", "-c", &format!("{function}\n{line}")])
        .env("SECGROUP", env!("CARGO_BIN_EXE_secgroup"))
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    Run::of(output)
}

#[cfg(unix)]
#[test]
fn what_the_documents_say_to_type_does_run() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(
        root().join("configs").canonicalize().unwrap(),
        folder.path("configs"),
    )
    .unwrap();
    let mut lines = Vec::new();
    for path in files("configs", "yaml") {
        let found = header(&fs::read_to_string(&path).unwrap());
        assert!(
            !found.is_empty(),
            "{} does not say how to try it",
            path.display()
        );
        lines.extend(found);
    }
    for document in [
        "README.md",
        "configs/README.md",
        "configs/captures/README.md",
    ] {
        lines.extend(blocks(&fs::read_to_string(root().join(document)).unwrap()));
    }
    // The daemon's own tests load its configurations, the live ones run it.
    lines.retain(|line| !is_live(line));
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        // Of two policies that differ, `diff` says so with its exit code.
        let differ = i32::from(line.contains("secgroup diff "));
        let run = run(&folder, &line).code(differ);
        assert!(!run.stdout.is_empty(), "{line}");
        assert_eq!(run.stderr, "", "{line}");
    }
}

/// Whether a line starts the daemon or the endpoint, or asks it for something.
fn is_live(line: &str) -> bool {
    let live = [
        "run",
        "status",
        "flows",
        "top",
        "reload",
        "stop",
        "handover",
        "serve",
        "deploy",
        "delete-stack",
        "stacks",
        "state",
    ];
    line.split_whitespace()
        .nth(1)
        .is_some_and(|command| live.contains(&command.trim_end_matches(';')))
}

#[test]
fn a_change_of_policy_leaves_tracked_connections_alone() {
    let change = "0.9=configs/three-tier.yaml";
    let capture = "configs/captures/web-server.pcap";
    let lines = verdicts(&["--policy", LAB, "--change-at", change, capture]);
    let administrator = |line: &&Value| line["src"] == "203.0.113.1";
    let reasons: Vec<_> = lines.iter().filter(administrator).cloned().collect();
    let reasons = fields(&reasons, &["reason"]);
    assert_eq!(reasons[0], "new");
    assert!(
        reasons[1..].iter().all(|reason| reason == "established"),
        "{reasons:?}"
    );
    // Without the change before it, the same policy denies the connection.
    let lines = verdicts(&["--policy", "configs/three-tier.yaml", capture]);
    let reasons: Vec<_> = lines.iter().filter(administrator).cloned().collect();
    assert!(
        fields(&reasons, &["reason"])
            .iter()
            .all(|reason| reason == "no-rule")
    );
}
