//! What was typed.

mod audit;
mod bench;
mod control;
mod diff;
mod explain;
mod flow_log;
mod serve;
mod stacks;
mod state;
mod top;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use ipnet::IpNet;
use secgroup_control::Attachment;

pub(crate) use self::audit::Audit;
pub(crate) use self::bench::{Bench, Sweep};
pub(crate) use self::control::{Flows, Handover, Reload, SocketArgs, Status, Stop};
pub(crate) use self::diff::Diff;
pub(crate) use self::explain::Explain;
pub(crate) use self::flow_log::{FlowLogArgs, FlowLogAs, FlowLogTraffic};
pub(crate) use self::serve::{LogFormat, Serve, StateArgs};
pub(crate) use self::stacks::{ApplyArgs, DeleteStack, Deploy, Stacks};
pub(crate) use self::state::{State, StateCommand};
pub(crate) use self::top::Top;

/// EC2 security groups for any Linux host: enforced on live traffic, managed by the AWS tools,
/// tried on captures, explained, compared and narrowed.
#[derive(Debug, Parser)]
#[command(
    name = "secgroup",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done; 1 a check that was asked for failed, or a request was refused; 2 bad usage or\n\
    input; 3 a dry run has changes to show. 'secgroup COMMAND --help' shows examples."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(Box<Replay>),
    Check(Check),
    Diff(Box<Diff>),
    Audit(Box<Audit>),
    Explain(Box<Explain>),
    Run(Run),
    Serve(Box<Serve>),
    Deploy(Box<Deploy>),
    DeleteStack(Box<DeleteStack>),
    Stacks(Stacks),
    State(State),
    Status(Status),
    Flows(Box<Flows>),
    Top(Top),
    Reload(Reload),
    Stop(Stop),
    Handover(Handover),
    Bench(Bench),
    Completions(Completions),
    Man(Man),
}

/// Policy files and how to read them.
#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArgs {
    /// Value of a template parameter; may be given several times.
    #[arg(
        long = "parameter",
        value_name = "KEY=VALUE",
        value_parser = key_value,
        help_heading = "Policy"
    )]
    pub(crate) parameters: Vec<(String, String)>,

    /// Value of an export that a template imports (Fn::ImportValue); may be given several times.
    #[arg(
        long = "import-value",
        value_name = "NAME=VALUE",
        value_parser = key_value,
        help_heading = "Policy"
    )]
    pub(crate) import_values: Vec<(String, String)>,

    /// Region that AWS::Region stands for.
    #[arg(long, value_name = "REGION", help_heading = "Policy")]
    pub(crate) region: Option<String>,

    /// Account that AWS::AccountId stands for, and that owns what templates make.
    #[arg(long, value_name = "ACCOUNT", help_heading = "Policy")]
    pub(crate) account: Option<String>,

    /// Name that AWS::StackName stands for; the file's name by default.
    #[arg(long, value_name = "NAME", help_heading = "Policy")]
    pub(crate) stack_name: Option<String>,
}

/// Interfaces beside those of the policy.
#[derive(Debug, Clone, Args)]
pub(crate) struct AttachArgs {
    /// Attach groups (by id, logical id or name) to an interface with this address; may be given
    /// several times. An interface that has several addresses takes them separated by commas.
    #[arg(
        long = "attach",
        value_name = "GROUP[,GROUP]=ADDRESS",
        help_heading = "Policy"
    )]
    pub(crate) attachments: Vec<Attachment>,

    /// Attach groups to the addresses of a network device of this host.
    #[arg(
        long = "attach-device",
        value_name = "GROUP[,GROUP]=DEVICE",
        value_parser = key_value,
        help_heading = "Policy"
    )]
    pub(crate) device_attachments: Vec<(String, String)>,
}

/// How the engine judges.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Which TCP segments may open a tracked connection: only a SYN, or any that a rule allows.
    #[arg(long, value_enum, default_value_t = TcpMode::Strict, help_heading = "Engine")]
    pub(crate) tcp: TcpMode,

    /// For how long after the first packet any TCP segment that a rule allows opens a connection;
    /// for captures that begin in the middle of connections.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        allow_negative_numbers = true,
        default_value = "0",
        help_heading = "Engine"
    )]
    pub(crate) start_grace: Duration,

    /// The same after a policy change, for flows that were untracked before.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        allow_negative_numbers = true,
        default_value = "300",
        help_heading = "Engine"
    )]
    pub(crate) change_grace: Duration,

    /// ICMP errors about a tracked connection need a rule, too (the documentation of 2022).
    #[arg(long, help_heading = "Engine")]
    pub(crate) no_icmp_related: bool,

    /// Packets with wrong checksums are malformed. Off by default: a capture made on the sending
    /// host holds unfinished ones.
    #[arg(long, help_heading = "Engine")]
    pub(crate) verify_checksums: bool,

    /// The addresses and protocols that security groups never filter are filtered like any other.
    #[arg(long, help_heading = "Engine")]
    pub(crate) no_exemptions: bool,

    /// Packets a second to link-local services that an interface may send or receive; 0 for no
    /// limit.
    #[arg(
        long,
        value_name = "PACKETS",
        default_value_t = 1024,
        help_heading = "Engine"
    )]
    pub(crate) link_local_pps: u32,

    /// Track flows with these peers whatever the rules; without ranges, all flows.
    #[arg(
        long,
        value_name = "CIDR",
        num_args = 0..,
        value_delimiter = ',',
        require_equals = true,
        help_heading = "Engine"
    )]
    pub(crate) always_track: Option<Vec<IpNet>>,

    /// Connections that an interface may have at once; as many as the table holds by default.
    #[arg(long, value_name = "CONNECTIONS", help_heading = "Engine")]
    pub(crate) allowance: Option<u32>,

    /// Connections that the table holds, of each address family.
    #[arg(
        long,
        value_name = "CONNECTIONS",
        default_value_t = 1 << 18,
        value_parser = clap::value_parser!(u32).range(1..=1 << 26),
        help_heading = "Engine"
    )]
    pub(crate) connections: u32,

    /// Timeout of idle established TCP connections, where the interface sets none (60 to 432000).
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = tcp_established_timeout,
        allow_negative_numbers = true,
        help_heading = "Engine"
    )]
    pub(crate) tcp_established_timeout: Option<Duration>,

    /// Timeout of idle UDP flows, where the interface sets none (30 to 60).
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = udp_timeout,
        allow_negative_numbers = true,
        help_heading = "Engine"
    )]
    pub(crate) udp_timeout: Option<Duration>,

    /// Timeout of idle UDP streams, where the interface sets none (60 to 180).
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = udp_stream_timeout,
        allow_negative_numbers = true,
        help_heading = "Engine"
    )]
    pub(crate) udp_stream_timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TcpMode {
    /// Only a SYN.
    Strict,
    /// Any segment that a rule allows.
    Loose,
}

/// The files of a policy.
#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyFiles {
    /// Policy file: a CloudFormation template (YAML or JSON) or output of 'aws ec2 describe-...'.
    /// Several merge; those after the first need no option of their own where their names end in
    /// .json, .yaml, .yml or .template.
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "FILE",
        num_args = 1,
        required = true,
        value_hint = ValueHint::FilePath,
        help_heading = "Policy"
    )]
    pub(crate) files: Vec<PathBuf>,
}

/// Run captures through the whole decision under a policy.
///
/// Each packet is judged where it crosses a network interface of the policy: on the way out by the
/// egress rules of the interface that has its source address, on the way in by the ingress rules of
/// the one that has its destination.
#[derive(Debug, Args)]
#[command(
    override_usage = "secgroup replay [OPTIONS] --policy <FILE>... <CAPTURE>...",
    after_help = "Examples:
  secgroup replay --policy web.yaml capture.pcap
  secgroup replay --policy dumps/*.json capture.pcap
  secgroup replay --policy groups.json --attach sg-0123456789abcdef0=10.0.1.10 capture.pcapng.gz
  secgroup replay --policy before.yaml --change-at 12.5=after.yaml --verdicts - capture.pcap
  secgroup replay --policy web.yaml --flow-log flows.log --flow-log-interval 60 capture.pcap
  secgroup replay --policy web.yaml --flow-log flows.parquet --flow-log-format \
      '${interface-id} ${srcaddr} ${dstaddr} ${dstport} ${action} ${reason} ${rule-id}' capture.pcap
  secgroup replay --policy web.yaml --report monday.html monday.pcap
  secgroup replay --policy web.yaml --workers 4 --json day.pcap.zst
  tcpdump -w - | secgroup replay --policy web.yaml --fail-on-deny -

Exit codes: 0 done; 1 packets were denied and --fail-on-deny was given; 2 bad usage or input,
or a capture that ended in an error (everything readable before was used)."
)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) policy: PolicyFiles,

    #[command(flatten)]
    pub(crate) reading: PolicyArgs,

    #[command(flatten)]
    pub(crate) attaching: AttachArgs,

    /// Swap in another policy this long after the first packet, connections kept. Given several
    /// times for one moment, the files merge.
    #[arg(
        long = "change-at",
        value_name = "SECONDS=FILE",
        value_parser = change_at,
        help_heading = "Policy"
    )]
    pub(crate) changes: Vec<(Duration, PathBuf)>,

    /// Only interfaces of this VPC are crossed; needed where two VPCs use the same addresses.
    #[arg(long, value_name = "VPC", help_heading = "Policy")]
    pub(crate) vpc: Option<String>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Write one JSON object per packet and interface crossed; '-' is standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) verdicts: Option<PathBuf>,

    /// Write the packets that every interface allows (.pcap; any other name is written as pcapng).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) write_allowed: Option<PathBuf>,

    /// Write the packets that an interface denies.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) write_denied: Option<PathBuf>,

    /// Write all packets with verdict, reason, rule and connection state as comments, for Wireshark (pcapng).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) annotate: Option<PathBuf>,

    /// Write a page to look at in a browser: traffic over time, denials and why, rules, who talks to whom. One file of HTML,
    /// with nothing beside it and no network.
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) flow_log: FlowLogArgs,
    /// Threads that share the work (1 to 64). The outcome is the same with any number; without this,
    /// all cores for captures of 32 MiB and more, and 1 for smaller ones and for what is no file.
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = workers,
        allow_negative_numbers = true,
        help_heading = "Engine"
    )]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How many denied five-tuples are listed.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        help_heading = "Output"
    )]
    pub(crate) top: usize,

    /// Print the report as one JSON document.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Exit with 1 if any packet is denied.
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_deny: bool,

    /// Captures: pcap or pcapng, also gzip or zstd; '-' is standard input. Several are read as one,
    /// one after the other.
    #[arg(value_name = "CAPTURE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) captures: Vec<PathBuf>,
}

/// Validate policy files, show their groups, and point out what is wrong, risky or useless.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup check web.yaml
  secgroup check --json groups.json interfaces.json

Exit codes: 0 done; 1 findings at error level; 2 bad usage, or files that do not load.")]
pub(crate) struct Check {
    /// Policy files: CloudFormation templates (YAML or JSON) and output of 'aws ec2 describe-...'.
    /// Several merge.
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: PolicyArgs,

    #[command(flatten)]
    pub(crate) attaching: AttachArgs,

    /// The quotas to hold the policy against.
    #[arg(long, value_enum, default_value_t = QuotaPreset::Today)]
    pub(crate) quotas: QuotaPreset,

    /// Print groups and findings as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QuotaPreset {
    /// Today's default quotas of a VPC.
    Today,
    /// Those of 2019.
    #[value(name = "vpc-2019")]
    Vpc2019,
    /// Those of 2012.
    #[value(name = "vpc-2012")]
    Vpc2012,
    /// Those of EC2-Classic.
    #[value(name = "classic-2012")]
    Classic2012,
}

/// Enforce security groups on live traffic, until told to stop.
#[derive(Debug, Args)]
#[command(
    override_usage = "secgroup run [OPTIONS] [-- PROGRAM [ARGUMENT]...]",
    after_help = "Examples:
  secgroup run --config /etc/secgroup/secgroup.toml
  secgroup run --config live.toml --check
  secgroup run --config live.toml --audit
  secgroup run --config sandbox.toml --user nobody -- curl https://203.0.113.10/

SIGHUP or 'secgroup reload' reads configuration and policy again; SIGTERM, SIGINT or 'secgroup
stop' ends it. Needs CAP_NET_RAW and CAP_NET_ADMIN.

Started by systemd (Type=notify), it says that it is ready when every interface is enforced or
closed: one whose device is not there yet carries nothing until it is. 'systemctl status' shows what
it waits for, such as '1 of 2 interfaces attached, waiting for veth7; policy generation 1', and so
does 'secgroup status'.

Exit codes: 0 stopped when told to; 2 bad usage or input, or it cannot start; with a PROGRAM, its
exit code, or 128 and the number of the signal that ended it."
)]
pub(crate) struct Run {
    /// The configuration; see configs/secgroup.toml.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        default_value = "/etc/secgroup/secgroup.toml"
    )]
    pub(crate) config: PathBuf,

    /// Only check the configuration and the policy.
    #[arg(long, conflicts_with = "program")]
    pub(crate) check: bool,

    /// Decide, count and log on every interface, but let everything pass.
    #[arg(long)]
    pub(crate) audit: bool,

    /// Start PROGRAM as this user, with its groups, or with GROUP as the first of them.
    ///
    /// Without it PROGRAM is the firewall's own user: it has no capabilities, but can use the
    /// control socket and write the policy files that this user may write.
    #[arg(long, value_name = "NAME|UID[:GROUP]", value_hint = ValueHint::Username, requires = "program")]
    pub(crate) user: Option<String>,

    /// A program to be started behind its own security groups, in a network namespace of its own.
    #[arg(last = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) program: Vec<OsString>,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  secgroup completions bash > /etc/bash_completion.d/secgroup")]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  secgroup man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The folder to write them to.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

/// Takes the policy files out of what was typed without an option. The shell makes several words of
/// `--policy dumps/*.json`, of which an option that has one value takes the first only.
pub(crate) fn take_policies<T: AsRef<Path>>(words: Vec<T>, policies: &mut Vec<PathBuf>) -> Vec<T> {
    const POLICY_NAMES: [&str; 4] = ["json", "yaml", "yml", "template"];
    let is_policy = |word: &T| {
        let extension = word.as_ref().extension();
        extension.is_some_and(|e| POLICY_NAMES.iter().any(|name| e.eq_ignore_ascii_case(name)))
    };
    let (found, rest) = words.into_iter().partition::<Vec<_>, _>(is_policy);
    policies.extend(found.iter().map(|path| path.as_ref().to_owned()));
    rest
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("'{text}' has no '=' with a name before it")),
    }
}

/// Seconds, with a fraction where wanted.
fn seconds(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is not a number of seconds from 0 up, such as 12.5");
    let seconds: f64 = text.parse().map_err(|_| bad())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| bad())
}

/// Seconds within the limits of EC2 (D29).
fn seconds_within(text: &str, limits: RangeInclusive<u64>) -> Result<Duration, String> {
    let (least, most) = (*limits.start(), *limits.end());
    let limits = Duration::from_secs(least)..=Duration::from_secs(most);
    seconds(text)
        .ok()
        .filter(|seconds| limits.contains(seconds))
        .ok_or_else(|| format!("'{text}' is not a number of seconds from {least} to {most}"))
}

fn tcp_established_timeout(text: &str) -> Result<Duration, String> {
    seconds_within(text, 60..=432_000)
}

fn udp_timeout(text: &str) -> Result<Duration, String> {
    seconds_within(text, 30..=60)
}

fn udp_stream_timeout(text: &str) -> Result<Duration, String> {
    seconds_within(text, 60..=180)
}

/// How many threads there may be.
fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let workers: NonZeroUsize = text
        .parse()
        .map_err(|_| "expected a number of threads, 1 to 64".to_owned())?;
    if workers.get() > 64 {
        return Err("64 at most".to_owned());
    }
    Ok(workers)
}

fn change_at(text: &str) -> Result<(Duration, PathBuf), String> {
    let (after, file) = text
        .split_once('=')
        .ok_or_else(|| format!("'{text}' is not SECONDS=FILE"))?;
    if file.is_empty() {
        return Err("the file after '=' is missing".to_owned());
    }
    Ok((seconds(after)?, PathBuf::from(file)))
}
