//! What is typed to look on.

use std::time::Duration;

use clap::Args;

use super::SocketArgs;

/// Watch the running firewall on a terminal: rates, top flows, denials, rules.
///
/// Four views, each a table: interfaces with their rates and why packets pass or not; flows by their
/// rate, tracked or not; what was denied lately; the rules with what passes by them. Sorted by any
/// column, filtered by any words, and a connection can be cut. '?' shows the keys. Where the
/// firewall goes away, it is waited for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup top
  secgroup top --interval 5
  secgroup top --json | jq '.traffic.highest[0]'
  secgroup top --json | jq -r '.denials.flows[] | \"\\(.reason) \\(.flow)\"'

Keys: 1 to 4 or Tab for the views; arrows, Enter for details; s sorts by the next column, S the
other way round; / filters, Esc ends that; d cuts the chosen connection; p pauses; ? helps; q quits.

NO_COLOR, set to anything, takes the colours away.

Exit codes: 0 done; 1 the daemon could not tell; 2 bad usage, no terminal, or no daemon answers.")]
pub(crate) struct Top {
    /// How often the firewall is asked, 0.2 to 10 seconds; rates are taken over as long.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,

    /// Print one JSON document with all that is shown, after one interval, and end; needs no
    /// terminal.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    const LIMITS: std::ops::RangeInclusive<f64> = 0.2..=10.0;
    text.parse()
        .ok()
        .filter(|seconds| LIMITS.contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("'{text}' is not a number of seconds from 0.2 to 10"))
}
