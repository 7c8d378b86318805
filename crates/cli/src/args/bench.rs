//! What is typed to measure this machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint, value_parser};
use secgroup_bench::{BURST_MAX, FLOWS_MAX, MEMBERS_MAX, RULES_MAX, Size};

/// Measure this machine: packets, connections and rule changes a second, and where the time goes.
///
/// Packets in memory go through the whole decision, on one pinned core, under a policy that is made
/// for it: no device and no privilege is needed, and nothing outside of the process is touched.
/// Before anything is timed the verdicts are compared with those of a slow reference evaluator;
/// where one differs, no figure is printed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup bench
  secgroup bench --flows 10000 --rules 1000 --size imix --zipf 0.99
  secgroup bench --workers 2 --json
  secgroup bench --sweep rules
  secgroup bench --seconds 0.5 --plot cost.svg

A figure is the best and the median of at least five rounds. Cycles are the best round at the clock
that was measured at the start. Close other programs: what they take is measured, too.

Exit codes: 0 done; 1 the verdicts were wrong, and nothing was measured; 2 bad usage, or the machine
has too little memory or too few CPUs for what was asked.")]
pub(crate) struct Bench {
    /// Connections that are open.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1_000_000,
        value_parser = value_parser!(u32).range(1..=i64::from(FLOWS_MAX)),
        allow_negative_numbers = true,
        help_heading = "Workload"
    )]
    pub(crate) flows: u32,

    /// Rules of the security group.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 60,
        value_parser = value_parser!(u32).range(1..=i64::from(RULES_MAX)),
        allow_negative_numbers = true,
        help_heading = "Workload"
    )]
    pub(crate) rules: u32,

    /// Members of a group that one more rule refers to; 0 for no such rule.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        value_parser = value_parser!(u32).range(0..=i64::from(MEMBERS_MAX)),
        allow_negative_numbers = true,
        help_heading = "Workload"
    )]
    pub(crate) members: u32,

    /// Bytes of a frame with its check sequence, 64 to 9022; or imix: 7 of 64, 4 of 594, 1 of 1518.
    #[arg(
        long,
        value_name = "64|imix|BYTES",
        default_value = "64",
        help_heading = "Workload"
    )]
    pub(crate) size: Size,

    /// Draw flows by Zipf's law with this exponent, such as 0.99, instead of evenly.
    #[arg(
        long,
        value_name = "EXPONENT",
        value_parser = exponent,
        allow_negative_numbers = true,
        help_heading = "Workload"
    )]
    pub(crate) zipf: Option<f64>,

    /// Packets that are decided together.
    #[arg(
        long,
        value_name = "PACKETS",
        default_value_t = 32,
        value_parser = value_parser!(u32).range(1..=i64::from(BURST_MAX)),
        allow_negative_numbers = true,
        help_heading = "Workload"
    )]
    pub(crate) burst: u32,

    /// Also measure so many workers at once, each pinned to a CPU of its own.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = value_parser!(u16).range(1..),
        allow_negative_numbers = true,
        help_heading = "Measuring"
    )]
    pub(crate) workers: u16,

    /// For how long each figure is measured, all rounds together.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = measuring,
        allow_negative_numbers = true,
        help_heading = "Measuring"
    )]
    pub(crate) seconds: Duration,

    /// Also measure how cost grows: flows 1k to 10M, rules and members 1 to 100k; may be several,
    /// separated by commas.
    #[arg(
        long = "sweep",
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        help_heading = "Measuring"
    )]
    pub(crate) sweeps: Vec<Sweep>,

    /// Draw how cost grows (SVG); all three sweeps where --sweep says nothing else.
    #[arg(
        long,
        value_name = "FILE.svg",
        value_hint = ValueHint::FilePath,
        value_parser = svg,
        help_heading = "Output"
    )]
    pub(crate) plot: Option<PathBuf>,

    /// Print the figures as one JSON document.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sweep {
    /// Open connections.
    Flows,
    /// Rules of the group.
    Rules,
    /// Members of a group that a rule refers to.
    Members,
}

fn exponent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| *number > 0.0 && *number <= 5.0)
        .ok_or_else(|| format!("'{text}' is not a number above 0, up to 5, such as 0.99"))
}

fn measuring(text: &str) -> Result<Duration, String> {
    let limits = Duration::from_millis(1)..=Duration::from_secs(600);
    super::seconds(text)
        .ok()
        .filter(|time| limits.contains(time))
        .ok_or_else(|| format!("'{text}' is not a number of seconds from 0.001 to 600"))
}

fn svg(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_svg = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
    if is_svg {
        Ok(path)
    } else {
        Err(format!(
            "'{text}' is not the name of an SVG file: pictures are SVG, so give a name that ends in .svg"
        ))
    }
}
