//! The program as a user has it: started from the root of the workspace, seen through its exit code
//! and its two outputs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The captures that ship, all of which `configs/lab.yaml` fits.
pub(crate) const CAPTURES: [&str; 8] = [
    "web-server.pcap",
    "fragments.pcap",
    "icmp-errors.pcap",
    "refused-and-filtered.pcapng",
    "three-tier.pcapng",
    "router-any.pcap.gz",
    "ipv6.pcap.zst",
    "other-protocols.pcap",
];

pub(crate) const LAB: &str = "configs/lab.yaml";
pub(crate) const WEB_SERVER: &str = "configs/captures/web-server.pcap";

/// How a run ended and what it printed.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        let run = Self {
            code: output.status.code().expect("it ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        // Pipes are no terminals: no colours, no progress.
        assert!(!run.stdout.contains('\u{1b}'), "ANSI in {:?}", run.stdout);
        assert!(!run.stderr.contains('\u{1b}'), "ANSI in {:?}", run.stderr);
        run
    }

    /// The run, which ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stderr: {}\nstdout: {}",
            self.stderr, self.stdout
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.stdout)
    }
}

/// JSON Lines.
#[track_caller]
pub(crate) fn lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("each line is a JSON object");
    text.lines().map(parse).collect()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program, in the root of the workspace.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secgroup"));
    command.current_dir(root());
    command
}

/// Runs it.
pub(crate) fn secgroup<S: AsRef<str>>(arguments: &[S]) -> Run {
    secgroup_with(arguments, &[])
}

/// Runs it with something on standard input.
pub(crate) fn secgroup_with<S: AsRef<str>>(arguments: &[S], input: &[u8]) -> Run {
    let mut child = command()
        .args(arguments.iter().map(AsRef::as_ref))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let run = Run::of(child.wait_with_output().expect("it ends"));
    feeder.join().expect("the input was given");
    run
}

/// The verdict lines of a replay with these arguments.
#[track_caller]
pub(crate) fn verdicts<S: AsRef<str>>(arguments: &[S]) -> Vec<Value> {
    let mut all = vec!["replay", "--verdicts", "-"];
    all.extend(arguments.iter().map(AsRef::as_ref));
    secgroup(&all).code(0).lines()
}

/// A folder of a test's own, and names in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file, gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path
    }
}

/// One group in a template, with these ingress and egress rules in flow style, on 10.0.1.10.
pub(crate) fn template(ingress: &str, egress: &str) -> String {
    format!(
        "Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: The group of a test
      VpcId: vpc-0123456789abcdef0
      SecurityGroupIngress: [{ingress}]
      SecurityGroupEgress: [{egress}]
  Interface:
    Type: AWS::EC2::NetworkInterface
    Properties:
      SubnetId: subnet-0123456789abcdef0
      PrivateIpAddress: 10.0.1.10
      GroupSet: [!Ref Group]
"
    )
}

/// A rule in flow style.
pub(crate) fn rule(protocol: &str, ports: (i32, i32), cidr: &str) -> String {
    let (from, to) = ports;
    format!("{{IpProtocol: {protocol}, FromPort: {from}, ToPort: {to}, CidrIp: {cidr}}}")
}

/// `reason`, or `verdict reason rule`, of each line: whatever of it is asked for.
pub(crate) fn fields(lines: &[Value], names: &[&str]) -> Vec<String> {
    let field = |line: &Value, name: &&str| match &line[*name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let words = |line: &Value| {
        let words: Vec<_> = names.iter().map(|name| field(line, name)).collect();
        words.join(" ")
    };
    lines.iter().map(words).collect()
}

/// A pcap file of frames at seconds after some day in 2024.
pub(crate) fn capture(frames: &[(f64, Vec<u8>)]) -> Vec<u8> {
    const START: Duration = Duration::from_secs(1_716_000_000);
    let at = |seconds: f64| {
        let time = START + Duration::from_secs_f64(seconds);
        u64::try_from(time.as_nanos()).expect("a time before 2554")
    };
    let frames: Vec<_> = frames
        .iter()
        .map(|(seconds, frame)| (at(*seconds), frame))
        .collect();
    secgroup_testkit::capture::Pcap::nano().file(&frames)
}
