//! What is typed to a daemon that runs.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};
use ipnet::IpNet;
use secgroup_daemon::protocol::{
    DEFAULT_PAGE, DEFAULT_SOCKET, FlowQuery, FlowState, MAX_PAGE, parse_protocol,
};
use secgroup_packet::Protocol;

/// Where the daemon listens.
#[derive(Debug, Clone, Args)]
pub(crate) struct SocketArgs {
    /// The daemon's control socket; by default what SECGROUP_SOCKET says, or
    /// /run/secgroup/control.sock.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    socket: Option<PathBuf>,
}

impl SocketArgs {
    /// The socket's path.
    pub(crate) fn path(&self) -> PathBuf {
        let said = self.socket.clone();
        let in_environment = || std::env::var_os("SECGROUP_SOCKET").filter(|path| !path.is_empty());
        said.or_else(|| in_environment().map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET))
    }
}

/// Show how the running firewall is: interfaces, verdicts, devices and their drops, workers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup status
  secgroup status --watch
  secgroup status --json | jq '.interfaces[] | select(.state == \"closed\")'

Exit codes: 0 done; 1 the daemon could not tell; 2 bad usage, or no daemon answers.")]
pub(crate) struct Status {
    /// Show it again every second, until interrupted.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Print one JSON document; with --watch one a line.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// List, count, follow or cut the connections that the running firewall tracks.
///
/// A connection that is deleted is forgotten: its next packet is judged by the rules as they are
/// now. That is how to end what a rule that is no more let in.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("filter").multiple(true),
    group = ArgGroup::new("what").args(["count", "follow", "delete", "delete_all"]),
    after_help = "Examples:
  secgroup flows --port 22
  secgroup flows --address 203.0.113.0/24 --state established --limit 20
  secgroup flows --interface web --protocol tcp --count
  secgroup flows --follow --json
  secgroup flows --address 203.0.113.7 --delete

Exit codes: 0 done, also where nothing fits; 1 the daemon could not do it; 2 bad usage, or no
daemon answers."
)]
pub(crate) struct Flows {
    /// Of this interface, by name or id.
    #[arg(long, value_name = "NAME", group = "filter", help_heading = "Filter")]
    interface: Option<String>,

    /// With this address, or one of this range, at either end.
    #[arg(
        long,
        value_name = "ADDRESS|CIDR",
        value_parser = address_or_range,
        group = "filter",
        help_heading = "Filter"
    )]
    address: Option<IpNet>,

    /// TCP and UDP with this port at either end.
    #[arg(long, value_name = "PORT", group = "filter", help_heading = "Filter")]
    port: Option<u16>,

    /// tcp, udp, icmp, icmpv6, or a number.
    #[arg(
        long,
        value_name = "PROTOCOL",
        value_parser = parse_protocol,
        group = "filter",
        help_heading = "Filter"
    )]
    protocol: Option<Protocol>,

    /// In this state: syn-sent, syn-sent2, syn-recv, established, fin-wait, close-wait, last-ack,
    /// time-wait, close, udp, udp-stream, icmp, other.
    #[arg(long, value_name = "STATE", group = "filter", help_heading = "Filter")]
    state: Option<FlowState>,

    /// Show so many at most.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = DEFAULT_PAGE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)),
        conflicts_with = "what"
    )]
    pub(crate) limit: u32,

    /// Only say how many there are.
    #[arg(long)]
    pub(crate) count: bool,

    /// Show connections as they open and close, until interrupted.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Forget those that fit the filter.
    #[arg(long, requires = "filter")]
    pub(crate) delete: bool,

    /// Forget every connection.
    #[arg(long, conflicts_with = "filter")]
    pub(crate) delete_all: bool,

    /// Print one JSON document; with --follow one a line.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

impl Flows {
    /// The connections that were asked for.
    pub(crate) fn filter(&self) -> FlowQuery {
        FlowQuery {
            interface: self.interface.clone(),
            address: self.address,
            port: self.port,
            protocol: self.protocol,
            state: self.state,
        }
    }
}

/// Have the running firewall read its policy files again.
///
/// A valid policy is in force when the command returns. A faulty one is refused with its errors, and
/// the one before stays in force.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup check web.yaml && secgroup reload

Exit codes: 0 the policy is in force; 1 it was refused; 2 bad usage, or no daemon answers.")]
pub(crate) struct Reload {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// End the running firewall, and wait until it has ended.
///
/// Connections are saved where the configuration has a state folder. While no firewall runs, nothing
/// passes between the devices of inline interfaces.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup stop

Exit codes: 0 it has ended; 1 it has not; 2 bad usage, or no daemon answers.")]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// End the running firewall for another to take over: as stop, but only if its connections can be
/// saved.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup handover && secgroup run --config /etc/secgroup/secgroup.toml

Exit codes: 0 it has ended; 1 it has not, since connections cannot be saved or it takes too long;
2 bad usage, or no daemon answers.")]
pub(crate) struct Handover {
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// A range, or an address as a range of one.
fn address_or_range(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
        .map_err(|_| format!("'{text}' is neither an address nor a CIDR range"))
}
