//! What is typed to the EC2 endpoint.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use secgroup_model::AccountId;

/// Answer the AWS tools that people have: the EC2 API for security groups, on this host.
///
/// Without options it listens on loopback, keeps its state in /var/lib/secgroup (root) or
/// ~/.local/state/secgroup, makes an access key and a default VPC with subnets and a default group,
/// and prints what to paste so that the AWS CLI, boto3 or Terraform speak to it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup serve
  secgroup serve --account 123456789012 --account 210987654321 --region eu-central-1
  secgroup serve --listen 0.0.0.0:4599 --keys /etc/secgroup/keys.toml
  secgroup serve --ephemeral --listen 127.0.0.1:0 --json
  secgroup serve --metrics 127.0.0.1:9273

A file of keys belongs to its owner alone (chmod 600) and holds, for each key:

  [[key]]
  id = \"AKIAIOSFODNN7EXAMPLE\"
  secret = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"
  account = \"123456789012\"
  access = \"read-only\"

where access is full unless it is said, and session_token may be given, too.

SIGTERM and SIGINT end it, when the calls under way are answered. GET /health needs no key.

Exit codes: 0 stopped when told to; 2 bad usage or input, or it cannot start.")]
pub(crate) struct Serve {
    /// Where to listen; port 0 is one that is free. Beyond loopback --keys is needed.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4599")]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Keep nothing: state and keys are gone when it ends.
    #[arg(long, conflicts_with = "state")]
    pub(crate) ephemeral: bool,

    /// Where Prometheus may ask how many calls there were, by action and code: /metrics. It asks for
    /// no key, so it has to be an address of loopback.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub(crate) metrics: Option<SocketAddr>,

    /// The file of access keys; by default keys are made on the first start, and kept in the state
    /// folder.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) keys: Option<PathBuf>,

    /// Region to answer for.
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = region)]
    pub(crate) region: String,

    /// Account to answer for, beside those of --keys; may be given several times. The first is the
    /// default one.
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = account)]
    pub(crate) accounts: Vec<String>,

    /// File to begin with, on the first start only: a CloudFormation template, which becomes the
    /// stack 'seed', or output of 'aws ec2 describe-...', under its own ids. May be given several
    /// times.
    #[arg(long = "seed", value_name = "FILE", num_args = 1, value_hint = ValueHint::FilePath)]
    pub(crate) seeds: Vec<PathBuf>,

    /// Print one JSON document when it listens, instead of what to paste.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// What to log on standard error: error, warn, info (each call), debug or trace.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        help_heading = "Output"
    )]
    pub(crate) log_level: String,

    /// How to log.
    #[arg(long, value_enum, default_value_t = LogFormat::Human, help_heading = "Output")]
    pub(crate) log_format: LogFormat,
}

/// Where the endpoint keeps its state.
#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// Folder of the endpoint's state; by default /var/lib/secgroup for root, and
    /// ~/.local/state/secgroup for others.
    #[arg(
        long = "state",
        id = "state",
        global = true,
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath
    )]
    pub(crate) folder: Option<PathBuf>,
}

/// How lines are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What Regions are made of.
fn region(text: &str) -> Result<String, String> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(is_known) {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is no Region, such as us-east-1"))
    }
}

/// An address that no other host reaches.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| {
        format!("'{text}' is no address with a port, such as 127.0.0.1:9273 or [::1]:9273")
    })?;
    if address.ip().to_canonical().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "others can reach {address}, and would be asked for no key: listen on loopback, such as 127.0.0.1:9273, and put a proxy in front that asks"
        ))
    }
}

fn account(text: &str) -> Result<String, String> {
    if AccountId::new(text).is_well_formed() {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is no account: 12 digits"))
    }
}
