//! What was typed about a flow log.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use secgroup_flowlog::Format;

/// The flow log of a replay.
#[derive(Debug, Clone, Args)]
pub(crate) struct FlowLogArgs {
    /// Write a VPC flow log of every interface to this file, or into this folder (one that is there, or a name with a final
    /// '/') laid out like an S3 bucket.
    #[arg(long = "flow-log", value_name = "FILE|FOLDER/", value_hint = ValueHint::AnyPath, help_heading = "Flow log")]
    pub(crate) to: Option<PathBuf>,

    /// Fields of a record: those of AWS, and ${rule-id}, ${group-id}, ${reason} and ${tracking}. AWS's default format by
    /// default.
    #[arg(
        long = "flow-log-format",
        value_name = "FORMAT",
        value_parser = format,
        requires = "to",
        help_heading = "Flow log"
    )]
    pub(crate) format: Option<Format>,

    /// Seconds that a record covers at most (1 to 86400).
    #[arg(
        long = "flow-log-interval",
        value_name = "SECONDS",
        default_value_t = 600,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        requires = "to",
        help_heading = "Flow log"
    )]
    pub(crate) interval: u32,

    /// What files look like; by default what the name of the file says (.gz, .parquet, else text), and gzip in a folder.
    #[arg(
        long = "flow-log-as",
        value_enum,
        requires = "to",
        help_heading = "Flow log"
    )]
    pub(crate) encoding: Option<FlowLogAs>,

    /// Which traffic is recorded.
    #[arg(
        long = "flow-log-traffic",
        value_enum,
        default_value_t = FlowLogTraffic::All,
        requires = "to",
        help_heading = "Flow log"
    )]
    pub(crate) traffic: FlowLogTraffic,

    /// Name the folders as Hive finds partitions (year=2026/month=11/...).
    #[arg(long = "flow-log-hive", requires = "to", help_heading = "Flow log")]
    pub(crate) hive: bool,

    /// Make a folder for each hour.
    #[arg(long = "flow-log-hourly", requires = "to", help_heading = "Flow log")]
    pub(crate) hourly: bool,
}

/// What a file of records looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlowLogAs {
    /// Lines of fields, the first of which names them.
    Text,
    /// The same, compressed.
    Gzip,
    /// Apache Parquet.
    Parquet,
}

/// Which traffic is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlowLogTraffic {
    /// Accepted traffic.
    Accept,
    /// Rejected traffic.
    Reject,
    /// Both.
    All,
}

fn format(text: &str) -> Result<Format, String> {
    text.parse::<Format>().map_err(|error| error.message)
}
