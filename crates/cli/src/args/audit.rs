//! What is typed to have a policy audited.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use secgroup_model::{PortRange, Traffic};

use super::{AttachArgs, EngineArgs, PolicyArgs, PolicyFiles};

/// Say what captures tell about a policy: rules that were never used, rules wider than what was
/// seen, denials that look wrong, ports open to everybody; and write the narrowest policy that
/// would have allowed the same.
///
/// What is suggested is proven: the captures are replayed under the policy and the suggestion side
/// by side, and rules stay as wide as it takes for every packet to have the same verdict. What was
/// not seen in the captures is not allowed by the suggestion: record long enough.
#[derive(Debug, Args)]
#[command(
    override_usage = "secgroup audit [OPTIONS] --policy <FILE>... <CAPTURE>...",
    after_help = "Examples:
  secgroup audit --policy web.yaml week.pcap.gz
  secgroup audit --policy web.yaml --suggest narrow.yaml monday.pcap tuesday.pcap
  secgroup audit --policy web.yaml --report week.html week.pcap.gz
  secgroup audit --policy dumps/*.json --usual tcp/22 --json capture.pcapng
  secgroup diff web.yaml narrow.yaml

Exit codes: 0 done, whatever was found; 2 bad usage or input, a capture that ended in an error
(everything readable before was used; no suggestion is written), or a suggestion that is not exact."
)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) policy: PolicyFiles,

    #[command(flatten)]
    pub(crate) reading: PolicyArgs,

    #[command(flatten)]
    pub(crate) attaching: AttachArgs,

    /// Only interfaces of this VPC are crossed.
    #[arg(long, value_name = "VPC", help_heading = "Policy")]
    pub(crate) vpc: Option<String>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Write the narrowest policy that allows exactly what was allowed, as a CloudFormation
    /// template in YAML: the same groups, attachments and interfaces, narrower rules.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) suggest: Option<PathBuf>,

    /// Write a page to look at in a browser: rules and what to do about them, denials, traffic. One file of HTML,
    /// with nothing beside it and no network.
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// May be open to everybody, beside tcp/80, tcp/443, udp/443, ping and path-MTU messages; may
    /// be given several times.
    #[arg(long, value_name = "PROTOCOL/PORTS", value_parser = usual, help_heading = "Output")]
    pub(crate) usual: Vec<Traffic>,

    /// How many denied services are listed.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        help_heading = "Output"
    )]
    pub(crate) top: usize,

    /// Print everything as one JSON document.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Captures: pcap or pcapng, also gzip or zstd. Several are read as one, one after the other,
    /// and all of them several times: a pipe will not do.
    #[arg(value_name = "CAPTURE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) captures: Vec<PathBuf>,
}

/// `tcp/22`, `udp/1000-2000`.
fn usual(text: &str) -> Result<Traffic, String> {
    let bad = || format!("'{text}' is not tcp/PORT, udp/PORT or a range such as tcp/8000-8099");
    let (protocol, ports) = text.split_once('/').ok_or_else(bad)?;
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().map_err(|_| bad());
    let ports = PortRange::new(port(from)?, port(to)?).ok_or_else(bad)?;
    match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Traffic::Tcp(ports)),
        "udp" => Ok(Traffic::Udp(ports)),
        _ => Err(bad()),
    }
}
