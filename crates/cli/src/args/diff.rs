//! What is typed about two policies.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{AttachArgs, EngineArgs, PolicyArgs};

/// Say what two policies would do differently: every kind of traffic newly allowed or newly denied,
/// exactly, and with captures the flows whose verdict changes.
///
/// Rules are compared as what they admit at each network interface that both policies have, not as
/// text. Interfaces are matched by id, then by their Name tag, then by their first address; groups
/// that no interface has are compared by themselves. Traffic that is never filtered is left out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup diff before.yaml after.yaml
  secgroup diff before.yaml after.yaml monday.pcap tuesday.pcap.gz
  secgroup diff before.yaml after.yaml monday.pcap --report change.html
  secgroup diff dumps/monday dumps/tuesday --json
  secgroup diff old-groups.json new-groups.json --with interfaces.json

  git show HEAD:web.yaml > old.yaml && secgroup diff old.yaml web.yaml || echo 'look at it first'

Exit codes: 0 no difference; 1 a difference; 2 bad usage or input, or a capture that ended in an
error (everything readable before was used).")]
pub(crate) struct Diff {
    /// The one policy: a file (CloudFormation, or output of 'aws ec2 describe-...'), or a folder of
    /// such files, which merge.
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub(crate) old: PathBuf,

    /// The other policy.
    #[arg(value_name = "NEW", value_hint = ValueHint::AnyPath)]
    pub(crate) new: PathBuf,

    /// Captures: pcap or pcapng, also gzip or zstd; '-' is standard input. Both policies are
    /// replayed over them, from the first packet on.
    #[arg(value_name = "CAPTURE", value_hint = ValueHint::FilePath)]
    pub(crate) captures: Vec<PathBuf>,

    /// File that both policies have in common: interfaces, prefix lists, VPCs; may be given several
    /// times.
    #[arg(long = "with", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Policy")]
    pub(crate) common: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: PolicyArgs,

    #[command(flatten)]
    pub(crate) attaching: AttachArgs,

    /// Only interfaces of this VPC are crossed by packets of the captures.
    #[arg(long, value_name = "VPC", help_heading = "Policy")]
    pub(crate) vpc: Option<String>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Write a page to look at in a browser: classes of traffic, and flows of captures. One file of HTML,
    /// with nothing beside it and no network.
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// How many classes of each place, and how many flows, are listed.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 20,
        help_heading = "Output"
    )]
    pub(crate) top: usize,

    /// Print everything as one JSON document; classes are all in it, whatever --top says.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}
