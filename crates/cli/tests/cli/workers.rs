//! `secgroup replay --workers`: whatever the number, the same comes out.

use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, secgroup};

/// A report but for what says how it came about.
fn report(stdout: &str) -> Value {
    let mut report: Value = serde_json::from_str(stdout).unwrap();
    let fields = report.as_object_mut().unwrap();
    for field in ["elapsed_seconds", "packets_per_second"] {
        fields.remove(field).unwrap();
    }
    report
}

#[test]
fn the_captures_that_ship_give_the_same_with_any_number() {
    let folder = Folder::new();
    let captures: Vec<_> = CAPTURES
        .iter()
        .map(|capture| format!("configs/captures/{capture}"))
        .collect();
    // Each alone, and all of them as one stream.
    let alone = captures.iter().map(std::slice::from_ref);
    for captures in alone.chain([&captures[..]]) {
        let replayed = |workers: &str| {
            let lines = folder.path(&format!("{workers}.jsonl"));
            let packets = folder.path(&format!("{workers}.pcapng"));
            let options = ["replay", "--policy", LAB, "--json", "--workers", workers];
            let outputs = ["--verdicts", &lines, "--write-denied", &packets];
            let captures: Vec<_> = captures.iter().map(String::as_str).collect();
            let run = secgroup(&[&options[..], &outputs, &captures].concat()).code(0);
            let mut report = report(&run.stdout);
            assert_eq!(report["workers"].to_string(), workers, "{report}");
            report["workers"] = Value::Null;
            let read = |path: &str| std::fs::read(path).unwrap();
            (report, read(&lines), read(&packets))
        };
        let expected = replayed("1");
        for workers in ["2", "3", "5"] {
            assert!(
                expected == replayed(workers),
                "{captures:?}, {workers} workers"
            );
        }
    }
}

#[test]
fn a_report_for_people_says_how_many_there_were() {
    let say = |options: &[&str]| {
        let run = [
            &[
                "replay",
                "--policy",
                LAB,
                "configs/captures/web-server.pcap",
            ],
            options,
        ];
        secgroup(&run.concat()).code(0).stdout
    };
    assert!(!say(&[]).contains("worker"), "a small capture has one");
    assert!(say(&["--workers", "2"]).contains("by 2 workers"));
    let one = say(&["--workers", "2", "--allowance", "100"]);
    assert!(one.contains("by 1 worker: only one worker counts"), "{one}");
}

#[test]
fn a_number_that_cannot_be_is_refused() {
    for workers in ["0", "65", "-1", "many"] {
        let run = ["replay", "--policy", LAB, "--workers", workers, "a.pcap"];
        let said = secgroup(&run).code(2).stderr;
        assert!(said.contains("--workers"), "{said}");
    }
}
