//! Odd, damaged and foreign files: whatever they are, the program ends by itself, with a documented
//! exit code, and says what is wrong with which file. Where the collections are not at hand, a note
//! is printed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, Run, root, secgroup};

/// How many captures one process reads.
const AT_ONCE: usize = 100;

/// Addresses that foreign captures use often.
const ADDRESSES: [&str; 18] = [
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.20",
    "10.1.1.2",
    "10.2.1.2",
    "10::2",
    "10.127.127.1",
    "192.168.0.10",
    "192.168.1.1",
    "192.168.1.142",
    "192.0.0.1",
    "20.1.1.1",
    "131.151.32.21",
    "169.254.117.238",
    "fe80::1",
    "97.89.91.159",
];

/// All files below `folder`, in order; none where it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.file_name().is_some_and(|name| name != "README.md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The files of a collection beside the workspace.
fn shared(name: &str) -> Vec<PathBuf> {
    let files = files(&root().join("../shared").join(name));
    if files.is_empty() {
        println!("note: the collection '{name}' is not at hand; nothing was tried");
    }
    files
}

fn texts(paths: &[PathBuf]) -> Vec<&str> {
    paths.iter().map(|path| path.to_str().unwrap()).collect()
}

/// What holds for the report on any captures.
fn is_sound(run: &Run, given: usize) {
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    let report = run.json();
    let captures = report["captures"].as_array().unwrap();
    assert_eq!(captures.len(), given);
    let errors = captures
        .iter()
        .filter(|capture| !capture["error"].is_null());
    let errors: Vec<_> = errors.collect();
    assert_eq!(run.code, if errors.is_empty() { 0 } else { 2 });
    for capture in errors {
        let (file, error) = (
            capture["file"].as_str().unwrap(),
            capture["error"].as_str().unwrap(),
        );
        assert!(error.starts_with(file), "{error}");
        assert!(run.stderr.contains(&format!("error: {error}\n")), "{error}");
    }
    let count = |value: &Value| value["packets"].as_u64().unwrap();
    let fates = report["packets"].as_object().unwrap();
    assert_eq!(
        fates.values().map(count).sum::<u64>(),
        count(&report["total"])
    );
    assert_eq!(
        captures.iter().map(count).sum::<u64>(),
        count(&report["total"])
    );
}

#[test]
fn foreign_and_damaged_captures_never_stop_the_program() {
    let captures = shared("captures");
    let folder = Folder::new();
    let policy = folder.file(
        "policy.yaml",
        "Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Some of everything
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 0, ToPort: 1023, CidrIp: 0.0.0.0/0}
        - {IpProtocol: udp, FromPort: 0, ToPort: 65535, CidrIp: 10.0.0.0/8}
        - {IpProtocol: icmp, FromPort: 8, ToPort: -1, CidrIp: 0.0.0.0/0}
        - {IpProtocol: icmpv6, FromPort: 128, ToPort: -1, CidrIpv6: '::/0'}
",
    );
    let attached = ADDRESSES.map(|address| format!("Group={address}"));
    let mut arguments = vec!["replay", "--json", "--policy", &policy];
    arguments.extend(attached.iter().flat_map(|attach| ["--attach", attach]));
    let mut judged = 0;
    for (batch, verify) in captures
        .chunks(AT_ONCE)
        .zip([false, true].into_iter().cycle())
    {
        let lines = folder.path("verdicts.jsonl");
        let (allowed, denied) = (folder.path("allowed.pcapng"), folder.path("denied.pcapng"));
        let mut arguments = arguments.clone();
        arguments.extend(["--verdicts", &lines, "--write-allowed", &allowed]);
        arguments.extend(["--write-denied", &denied]);
        arguments.extend(verify.then_some("--verify-checksums"));
        arguments.extend(texts(batch));
        let run = secgroup(&arguments);
        is_sound(&run, batch.len());
        judged += run.json()["interfaces"].as_array().unwrap().len();
        for line in fs::read_to_string(&lines).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert!(
                line["capture"].is_string() && line["reason"].is_string(),
                "{line}"
            );
        }
        // What was written can be read again, to the last packet.
        let again = secgroup(&["replay", "--json", "--policy", &policy, &allowed, &denied]).code(0);
        let report = run.json();
        for (index, fate) in ["allowed", "denied"].into_iter().enumerate() {
            let written = &again.json()["captures"][index]["packets"];
            assert_eq!(written, &report["packets"][fate]["packets"], "{fate}");
        }
    }
    assert!(captures.is_empty() || judged > 0);
}

#[test]
fn foreign_templates_never_stop_the_program() {
    let policies = shared("policies");
    let mut loaded = 0;
    for policy in texts(&policies) {
        let run = secgroup(&["check", policy]);
        assert!(!run.stderr.contains("panicked"), "{policy}: {}", run.stderr);
        assert!([0, 1, 2].contains(&run.code), "{policy}: {}", run.code);
        // Nothing fails without a word, and errors say where.
        if run.code == 2 {
            assert!(run.stderr.contains("error"), "{policy}");
            assert!(run.stderr.contains(policy), "{policy}: {}", run.stderr);
        } else {
            loaded += 1;
            let summary = run.stdout.lines().last().unwrap();
            assert!(
                summary.contains(" group") && summary.contains(" error"),
                "{policy}"
            );
        }
    }
    assert!(policies.is_empty() || loaded > 0);
}
