//! Stacks from outside: `deploy`, `delete-stack` and `stacks`, with an endpoint that runs and without one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Folder, LAB, Run, command, secgroup};

/// `secgroup serve` on a state; asked to end when dropped.
struct Endpoint(Child);

impl Endpoint {
    fn start(state: &str, more: &[&str]) -> Self {
        let mut child = command()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--log-level",
                "error",
            ])
            .args(["--state", state])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("it says where it listens");
        assert!(ready["endpoint_url"].is_string(), "{ready}");
        Self(child)
    }

    fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let id = i32::try_from(self.0.id()).unwrap();
        if let Some(id) = rustix::process::Pid::from_raw(id) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command on a state.
fn on(state: &str, arguments: &[&str]) -> Run {
    let mut arguments = arguments.to_vec();
    arguments.extend(["--state", state]);
    secgroup(&arguments)
}

#[test]
fn a_stack_comes_changes_and_goes_while_the_endpoint_runs() {
    let folder = Folder::new();
    let state = folder.path("state");
    let _endpoint = Endpoint::start(&state, &[]);
    let plan = on(&state, &["deploy", "--template", LAB, "--dry-run"]).code(3);
    assert!(
        plan.stdout.contains("  +  WebGroup      security group"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout
            .contains("       + tcp 5432 to DbGroup “PostgreSQL to the database tier”"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.ends_with("10 to add, 0 unchanged.\n"),
        "{}",
        plan.stdout
    );
    assert_eq!(
        on(&state, &["stacks"]).code(0).stdout,
        "There are no stacks.\n"
    );
    let done = on(&state, &["deploy", "--template", LAB, "--yes", "--json"])
        .code(0)
        .json();
    assert_eq!(done["applied"], true);
    assert_eq!(done["changes"]["changes"][0]["kind"], "VPC");
    let again = on(&state, &["deploy", "--template", LAB, "--dry-run"]).code(0);
    assert_eq!(
        again.stdout,
        "Stack lab is as the template says (10 resources).\n"
    );
    let changed = on(
        &state,
        &[
            "deploy",
            "--template",
            LAB,
            "--yes",
            "--parameter",
            "OfficeCidr=192.0.2.0/24",
        ],
    )
    .code(0);
    assert!(
        changed
            .stdout
            .contains("       - tcp 22 from 198.51.100.0/24 “SSH from the office”"),
        "{}",
        changed.stdout
    );
    assert!(
        changed.stdout.ends_with("1 changed, 9 unchanged.\n"),
        "{}",
        changed.stdout
    );
    let listed = on(&state, &["stacks", "--json"]).code(0).json();
    assert!(
        listed[0]["resources"]["WebGroup"]
            .as_str()
            .unwrap()
            .starts_with("sg-")
    );
    let gone = on(&state, &["delete-stack", "lab", "--yes"]).code(0);
    assert!(
        gone.stdout.ends_with("10 removed, 0 unchanged.\n"),
        "{}",
        gone.stdout
    );
    let refused = on(&state, &["delete-stack", "lab", "--yes"]).code(1);
    assert!(
        refused.stderr.contains("Stack 'lab' does not exist"),
        "{}",
        refused.stderr
    );
}

/// A template whose last resource breaks a quota changes nothing, and it is said where that is.
#[test]
fn a_deployment_is_all_or_nothing() {
    let folder = Folder::new();
    let state = folder.path("state");
    let endpoint = Endpoint::start(&state, &[]);
    let rules: String = (0..61)
        .map(|port| format!("        - {{IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIp: 0.0.0.0/0}}\n"))
        .collect();
    let template = folder.file(
        "web.yaml",
        format!("Resources:\n  A: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}\n  Z:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: d\n      SecurityGroupIngress:\n{rules}"),
    );
    let before = on(&state, &["state", "export"]).code(0).json();
    let refused = on(&state, &["deploy", "--template", &template, "--yes"]).code(1);
    assert!(
        refused
            .stderr
            .contains("error[RulesPerSecurityGroupLimitExceeded]"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("web.yaml:3:3"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.ends_with("Nothing was changed.\n"),
        "{}",
        refused.stderr
    );
    assert_eq!(on(&state, &["state", "export"]).code(0).json(), before);
    endpoint.stop();
}

#[test]
fn what_nobody_confirms_or_nothing_can_keep_is_not_done() {
    let folder = Folder::new();
    let nowhere = on(
        &folder.path("none"),
        &["deploy", "--template", LAB, "--yes"],
    )
    .code(2);
    assert!(
        nowhere.stderr.contains("secgroup serve"),
        "{}",
        nowhere.stderr
    );
    let state = folder.path("state");
    let _endpoint = Endpoint::start(&state, &[]);
    let asked = on(&state, &["deploy", "--template", LAB]).code(2);
    assert!(
        asked.stderr.contains("add --yes to apply"),
        "{}",
        asked.stderr
    );
    assert_eq!(
        on(&state, &["stacks"]).code(0).stdout,
        "There are no stacks.\n"
    );
    let faulty = folder.file(
        "faulty.yaml",
        "Resources: {A: {Type: AWS::EC2::SecurityGroup}}",
    );
    let refused = on(&state, &["deploy", "--template", &faulty, "--dry-run"]).code(1);
    assert!(
        refused.stderr.contains("GroupDescription"),
        "{}",
        refused.stderr
    );
}

/// Without an endpoint that runs, the state is changed by the command itself; a seed is for the first start only.
#[test]
fn a_state_that_nobody_serves_is_changed_all_the_same() {
    let folder = Folder::new();
    let state = folder.path("state");
    Endpoint::start(&state, &["--seed", LAB]).stop();
    let listed = on(&state, &["stacks"]).code(0).stdout;
    assert!(
        listed.starts_with("seed of account 123456789012"),
        "{listed}"
    );
    on(&state, &["delete-stack", "seed", "--yes"]).code(0);
    on(
        &state,
        &["deploy", "--template", LAB, "--stack", "mine", "--yes"],
    )
    .code(0);
    let endpoint = Endpoint::start(&state, &["--seed", LAB]);
    let listed = on(&state, &["stacks", "--json"]).code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["stack"], "mine");
    endpoint.stop();
    let mut rest = String::new();
    let mut refused = command()
        .args([
            "serve",
            "--ephemeral",
            "--listen",
            "127.0.0.1:0",
            "--seed",
            &folder.file("bad.json", "{}"),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    refused
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(refused.wait().unwrap().code(), Some(2));
    assert!(rest.contains("neither a CloudFormation template"), "{rest}");
}
