//! Completions, manual pages, and help.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Folder, secgroup};

const COMMANDS: [&str; 20] = [
    "replay",
    "check",
    "diff",
    "audit",
    "bench",
    "explain",
    "run",
    "serve",
    "deploy",
    "delete-stack",
    "stacks",
    "state",
    "status",
    "flows",
    "top",
    "reload",
    "stop",
    "handover",
    "completions",
    "man",
];

/// Options that every shell must know of `replay`.
const OPTIONS: [&str; 5] = ["policy", "attach", "change-at", "verdicts", "fail-on-deny"];

#[test]
fn shells_get_completions_that_they_can_read() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = secgroup(&["completions", shell]).code(0).stdout;
        for word in COMMANDS.iter().chain(&OPTIONS) {
            assert!(script.contains(word), "{shell}: {word}");
        }
        if ["bash", "zsh", "fish"].contains(&shell) {
            is_read_by(shell, &script);
        }
    }
    secgroup(&["completions", "cobol"]).code(2);
}

/// Whether the shell, where it is installed, parses the script.
fn is_read_by(shell: &str, script: &str) {
    let child = Command::new(shell)
        .args(["-n", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("note: {shell} is not installed, its completions were not read");
        return;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell}: {stderr}");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = Folder::new();
    let man = folder.path("man/man1");
    secgroup(&["man", &man]).code(0);
    let mut names: Vec<_> = fs::read_dir(&man)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut expected: Vec<_> = COMMANDS
        .iter()
        .map(|name| format!("secgroup-{name}.1"))
        .collect();
    let nested = ["export", "import", "backup"].map(|name| format!("secgroup-state-{name}.1"));
    expected.extend(nested);
    expected.push("secgroup.1".to_owned());
    expected.sort();
    assert_eq!(names, expected);
    let page = fs::read_to_string(format!("{man}/secgroup-replay.1")).unwrap();
    for section in ["SYNOPSIS", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\""] {
        assert!(page.contains(&format!("\n.SH {section}\n")), "{section}");
    }
    // Examples stand as they are typed, one to a line.
    let example = "\n  secgroup replay \\-\\-policy web.yaml capture.pcap\n";
    assert!(page.contains(example), "{page}");

    let file = folder.file("file", "");
    let run = secgroup(&["man", &file]).code(2);
    assert!(
        run.stderr.contains("cannot write manual pages"),
        "{}",
        run.stderr
    );
}

#[test]
fn help_fits_a_terminal_and_names_the_exit_codes() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let help = secgroup(&[command, flag]).code(0).stdout;
            let widest = help.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{command} {flag}: {widest:?}");
        }
    }
    let with_examples = &COMMANDS[..12];
    for command in with_examples {
        let help = secgroup(&[command, "--help"]).code(0).stdout;
        assert!(
            help.contains("Exit codes: 0 ") && help.contains("Examples:"),
            "{help}"
        );
    }
    assert!(
        secgroup(&["--help"])
            .code(0)
            .stdout
            .contains("Exit codes: 0 done; 1 ")
    );
    assert!(
        secgroup(&["--version"])
            .code(0)
            .stdout
            .starts_with("secgroup ")
    );
}
