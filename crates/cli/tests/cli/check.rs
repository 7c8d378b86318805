//! `secgroup check`: groups as tables, findings, and how it ends.

use crate::support::{Folder, LAB, rule, secgroup, template};

/// A policy with one of each that matters: open to the world, never matching, redundant, dangling.
fn findings_policy(folder: &Folder) -> String {
    let rules = [
        rule("tcp", (22, 22), "0.0.0.0/0"),
        rule("tcp", (22, 22), "10.0.0.0/8"),
        rule("icmpv6", (-1, -1), "10.0.0.0/8"),
        "{IpProtocol: tcp, FromPort: 80, ToPort: 80, SourceSecurityGroupId: sg-0123456789abcdef0}"
            .to_owned(),
    ];
    folder.file("findings.yaml", template(&rules.join(", "), ""))
}

#[test]
fn groups_are_shown_as_tables_and_the_numbers_add_up() {
    let run = secgroup(&["check", LAB]).code(0);
    let table = "WebGroup (web), Vpc: Web servers, open to the world on 80 and 443
  on WebInterface
  DIRECTION  TRAFFIC          PEER             DESCRIPTION                     RULE
  ingress    tcp 80           0.0.0.0/0        HTTP from everybody             WebGroup.Security";
    assert!(run.stdout.contains(table), "{}", run.stdout);
    let last = run.stdout.lines().last().unwrap();
    assert_eq!(last, "3 groups, 15 rules: 0 errors, 0 warnings, 1 note");
    assert!(
        run.stdout.contains("note[untracked-flows]"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn findings_at_error_level_fail_the_check() {
    let folder = Folder::new();
    let run = secgroup(&["check", &findings_policy(&folder)]).code(1);
    for code in [
        "open-admin-port",
        "never-matches",
        "redundant-rule",
        "dangling-reference",
    ] {
        assert!(
            run.stdout.contains(&format!("[{code}]")),
            "{code}: {}",
            run.stdout
        );
    }
    assert!(run.stdout.contains("findings.yaml:7:"), "{}", run.stdout);
    let first = run
        .stdout
        .lines()
        .find(|line| line.contains('[') && line.contains("]: "));
    assert!(
        first.unwrap().starts_with("error["),
        "what matters most comes first"
    );
}

#[test]
fn the_document_says_the_same_as_the_text() {
    let folder = Folder::new();
    let policy = findings_policy(&folder);
    let text = secgroup(&["check", &policy]).code(1);
    let run = secgroup(&["check", "--json", &policy]).code(1);
    assert_eq!(run.stderr, "");
    let document = run.json();
    assert_eq!(document["groups"][0]["id"], "Group");
    assert_eq!(
        document["groups"][0]["interfaces"],
        serde_json::json!(["Interface"])
    );
    assert_eq!(document["groups"][0]["rules"][0]["traffic"], "tcp 22");
    for finding in document["findings"].as_array().unwrap() {
        let word = |field: &str| finding[field].as_str().unwrap().to_owned();
        let line = format!("{}[{}]: ", word("level"), word("code"));
        assert!(text.stdout.contains(&line), "{line}");
        assert!(text.stdout.contains(&word("message")), "{finding}");
    }
}

#[test]
fn files_that_do_not_load_are_bad_input_and_every_fault_is_told() {
    let folder = Folder::new();
    let bad = rule("tcp", (80, 79), "10.0.0.300/32");
    let policy = folder.file("faulty.yaml", template(&bad, ""));
    let run = secgroup(&["check", &policy]).code(2);
    assert!(
        run.stderr.contains("(80:79)") && run.stderr.contains("10.0.0.300/32"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stdout, "");
    let document = secgroup(&["check", "--json", &policy]).code(2).json();
    assert_eq!(document["diagnostics"].as_array().unwrap().len(), 2);
    assert_eq!(document["groups"], serde_json::json!([]));

    let run = secgroup(&["check", "missing.yaml"]).code(2);
    assert!(
        run.stderr.contains("cannot read missing.yaml"),
        "{}",
        run.stderr
    );
    secgroup(&["check"]).code(2);
}

#[test]
fn quotas_of_other_times_can_be_asked_for() {
    let folder = Folder::new();
    let rules: Vec<_> = (1..=55)
        .map(|port| rule("tcp", (port, port), "10.0.0.0/8"))
        .collect();
    let policy = folder.file("many.yaml", template(&rules.join(", "), ""));
    let about_quotas = |preset: &str| {
        let run = secgroup(&["check", "--quotas", preset, &policy]);
        run.stdout.contains("quota")
    };
    assert!(about_quotas("vpc-2012"), "50 rules a group in 2012");
    assert!(about_quotas("today"), "55 of 60 is nearly used");
    assert!(
        !about_quotas("classic-2012"),
        "100 rules a group in EC2-Classic"
    );
}

#[test]
fn a_group_can_be_attached_to_be_checked() {
    let folder = Folder::new();
    let unattached = template(&rule("tcp", (80, 80), "0.0.0.0/0"), "");
    let unattached = unattached.split("  Interface:").next().unwrap();
    let policy = folder.file("group.yaml", unattached);
    let has = |arguments: &[&str]| {
        let run = secgroup(arguments).code(0);
        run.stdout.contains("unattached-group")
    };
    assert!(has(&["check", &policy]));
    assert!(!has(&["check", "--attach", "Group=10.0.1.10", &policy]));
}
