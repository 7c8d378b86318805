//! The endpoint as the AWS tools that people have see it: `secgroup serve` of this build, driven by boto3, both AWS CLIs and the AWS SDK for JavaScript.
//!
//! The tests themselves are Python, in `tests/aws`: boto3's parser is the judge of what is answered. This one runs them and fails if one of them does.
//! `scripts/install-aws-clients` installs what they need; without it they are skipped, which is said, and fails where `SECGROUP_REQUIRE_AWS=1`.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn real_clients_are_answered() {
    let clients = clients();
    let python = clients.join("venv/bin/python");
    if !python.exists() {
        let reason = format!(
            "no AWS clients in {}: scripts/install-aws-clients",
            clients.display()
        );
        let is_required = std::env::var_os("SECGROUP_REQUIRE_AWS").is_some_and(|set| set == "1");
        assert!(!is_required, "{reason}");
        println!("skipped: {reason}");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws");
    let output = Command::new(python)
        .args(["-m", "pytest", "--quiet", "--tb=short", "-rs"])
        .args(["-p", "no:cacheprovider", "--durations=5"])
        .arg(tests)
        .env("SECGROUP_BIN", env!("CARGO_BIN_EXE_secgroup"))
        .env("SECGROUP_AWS_CLIENTS", &clients)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let count = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "pytest: {count}");
    assert!(count.contains(" passed"), "pytest ran no test: {count}");
}

/// Where `scripts/install-aws-clients` installed them: beside what cargo builds.
fn clients() -> PathBuf {
    if let Some(folder) = std::env::var_os("SECGROUP_AWS_CLIENTS") {
        return PathBuf::from(folder);
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_secgroup"));
    let target = binary
        .ancestors()
        .nth(2)
        .expect("it lies in target/PROFILE");
    target.join("aws-clients")
}
