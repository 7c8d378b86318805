//! Whoever reads our output may stop when he has seen enough.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::{Folder, LAB, WEB_SERVER, command};

/// Runs it, reads one line of standard output, and hangs up. Gives the exit code and standard
/// error.
fn head(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    // A buffer of one byte: what is not asked for stays in the pipe.
    let mut reader = BufReader::with_capacity(1, stdout);
    reader.read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    drop(reader);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    (child.wait().unwrap().code(), stderr)
}

#[test]
fn head_ends_a_replay_quietly() {
    // Much more than a pipe holds, so that the writer does meet the closed end.
    let many = vec![WEB_SERVER; 40];
    let arguments = [&["replay", "--policy", LAB, "--verdicts", "-"], &many[..]].concat();
    let (code, stderr) = head(&arguments);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        !stderr.contains("error") && !stderr.contains("panicked"),
        "{stderr}"
    );
}

#[test]
fn head_ends_a_document_quietly() {
    let folder = Folder::new();
    // A thousand rules make a document that no pipe holds.
    let rule =
        |port| format!("{{IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIp: 10.0.0.0/8}}");
    let rules: Vec<_> = (1..=1000).map(rule).collect();
    let policy = folder.file(
        "large.yaml",
        crate::support::template(&rules.join(", "), ""),
    );
    for arguments in [vec!["check", &policy], vec!["check", "--json", &policy]] {
        let (code, stderr) = head(&arguments);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(
            !stderr.contains("Broken pipe") && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
}

#[test]
fn nobody_needs_to_listen_to_standard_error() {
    let mut child = command()
        .args([
            "replay",
            "--policy",
            LAB,
            "--verdicts",
            "-",
            WEB_SERVER,
            "missing.pcap",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        output.stdout.iter().filter(|byte| **byte == b'\n').count(),
        213
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    for (arguments, stdout) in [
        (vec!["replay", "--policy", LAB, WEB_SERVER], "/dev/full"),
        (
            vec![
                "replay",
                "--policy",
                LAB,
                "--verdicts",
                "/dev/full",
                WEB_SERVER,
            ],
            "/dev/null",
        ),
        (
            vec![
                "replay",
                "--policy",
                LAB,
                "--write-denied",
                "/dev/full",
                WEB_SERVER,
            ],
            "/dev/null",
        ),
    ] {
        let full = std::fs::File::options().write(true).open(stdout).unwrap();
        let output = command().args(&arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains("No space left"),
            "{stderr}"
        );
    }
}
