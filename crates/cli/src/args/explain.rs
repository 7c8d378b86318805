//! What is typed to have a packet explained.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::{AttachArgs, EngineArgs, PolicyArgs, PolicyFiles, SocketArgs, change_at};

/// Say what becomes of a packet, and why: each rule, the one field on which it failed, its
/// connection, and the smallest change that would turn the verdict.
///
/// The packet is one that is typed, one of a capture (with the connections that the packets before
/// it left behind), or with --live one that the running firewall would meet now. The engine decides;
/// nothing is changed by asking.
#[derive(Debug, Args)]
#[command(
    override_usage = "secgroup explain [OPTIONS] --policy <FILE>... <FLOW>
       secgroup explain [OPTIONS] --policy <FILE>... --capture <FILE>... --packet <NUMBER>
       secgroup explain [OPTIONS] --live <FLOW>",
    mut_arg("files", |arg| arg.required(false).required_unless_present("live")),
    after_help = "Examples:
  secgroup explain --policy web.yaml 'tcp 203.0.113.7:40000 > 10.0.1.10:22'
  secgroup explain --policy web.yaml --interface WebInterface --direction ingress \\
      'tcp syn+ack 203.0.113.7:443 > 10.0.1.10:40000'
  secgroup explain --policy groups.json --attach sg-0123456789abcdef0=10.0.1.10 \\
      'icmp 8/0 203.0.113.7 > 10.0.1.10'
  secgroup explain --policy web.yaml --capture capture.pcap --packet 17
  secgroup explain --live 'tcp 203.0.113.7:40000 > 10.0.1.10:22'
  secgroup explain --policy web.yaml --json 'udp [2001:db8::1]:5000 > [2001:db8::10]:53' \\
      | jq -r '.places[].change.commands[]?'

A flow is PROTOCOL SOURCE > DESTINATION: tcp and udp with ports (IPv6 addresses in brackets), icmp
and icmpv6 with TYPE/CODE behind the name, any other protocol by its number. A TCP packet is a SYN
unless flags stand behind the name (tcp ack, tcp syn+ack, tcp fin+ack); with --live, of a flow that
is tracked, a segment with ACK.

A packet between two interfaces is explained at both, and so is its answer.

Exit codes: 0 done, whatever the verdict; 1 the daemon could not tell; 2 bad usage or input, or no
daemon answers."
)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) policy: PolicyFiles,

    #[command(flatten)]
    pub(crate) reading: PolicyArgs,

    #[command(flatten)]
    pub(crate) attaching: AttachArgs,

    /// The interface, by id or address; by default every one that the packet crosses.
    #[arg(long, value_name = "ID", conflicts_with = "captures")]
    pub(crate) interface: Option<String>,

    /// The direction, seen from the interface; by default the one that its addresses say.
    #[arg(long, value_enum, conflicts_with = "captures")]
    pub(crate) direction: Option<Direction>,

    /// The capture that has the packet: pcap or pcapng, also gzip or zstd; '-' is standard input.
    /// Several are read as one, one after the other.
    #[arg(
        long = "capture",
        value_name = "FILE",
        requires = "packet",
        value_hint = ValueHint::FilePath,
        help_heading = "Capture"
    )]
    pub(crate) captures: Vec<PathBuf>,

    /// The packet's number: from 1, as Wireshark and the verdicts of a replay have it.
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "captures",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Capture"
    )]
    pub(crate) packet: Option<u64>,

    /// Swap in another policy this long after the first packet, connections kept. Given several
    /// times for one moment, the files merge.
    #[arg(
        long = "change-at",
        value_name = "SECONDS=FILE",
        value_parser = change_at,
        requires = "captures",
        help_heading = "Capture"
    )]
    pub(crate) changes: Vec<(Duration, PathBuf)>,

    /// Only interfaces of this VPC are crossed; needed where two VPCs use the same addresses.
    #[arg(
        long,
        value_name = "VPC",
        requires = "captures",
        help_heading = "Capture"
    )]
    pub(crate) vpc: Option<String>,

    /// Ask the running firewall, by its policy and its connections as they are now.
    #[arg(
        long,
        conflicts_with_all = ["PolicyFiles", "PolicyArgs", "AttachArgs", "EngineArgs", "captures"],
        help_heading = "Live"
    )]
    pub(crate) live: bool,

    #[command(flatten, next_help_heading = "Live")]
    pub(crate) socket: SocketArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Print the explanation as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,

    /// The packet, such as 'tcp 203.0.113.7:40000 > 10.0.1.10:22'.
    #[arg(value_name = "FLOW", required_unless_present = "captures")]
    pub(crate) flow: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// Towards the interface.
    Ingress,
    /// From the interface.
    Egress,
}

impl From<Direction> for secgroup_packet::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Ingress,
            Direction::Egress => Self::Egress,
        }
    }
}
