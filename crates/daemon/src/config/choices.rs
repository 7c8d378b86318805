//! The words that the configuration offers where it asks to choose one.
//!
//! They are the same in the file and in the [`Config`](super::Config) that comes of it: a choice has nothing
//! left to validate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// The least important lines that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What does not work.
    Error,
    /// And what may stop working.
    Warn,
    /// And what changed: links, policies, connections saved and restored.
    #[default]
    Info,
    /// And what helps to find a fault.
    Debug,
    /// And each step.
    Trace,
}

impl LogLevel {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Which traffic a flow log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogTraffic {
    /// What was accepted.
    Accept,
    /// What was rejected.
    Reject,
    /// Both.
    #[default]
    All,
}

/// What files of a flow log look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogFile {
    /// Lines, the first of which names the fields.
    Text,
    /// The same, compressed.
    #[default]
    Gzip,
    /// Apache Parquet.
    Parquet,
}

/// With which tool the rules of host mode are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Firewall {
    /// The first of the others that works here.
    #[default]
    Auto,
    /// `nft`, in a table of its own.
    Nft,
    /// `iptables` and `ip6tables`, in chains of their own.
    Iptables,
    /// `iptables-legacy` and `ip6tables-legacy`, in chains of their own.
    IptablesLegacy,
}

/// What carries frames from and to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackendName {
    /// A packet socket with a receive ring: any device, all offloads.
    #[default]
    AfPacket,
    /// A TAP device that secgroup makes and owns.
    Tap,
    /// The portable one; drops tagged frames.
    Pnet,
    /// An XDP socket: for network cards.
    AfXdp,
    /// Capture files instead of a device, for rehearsal.
    Capture,
}

impl BackendName {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AfPacket => "af-packet",
            Self::Tap => "tap",
            Self::Pnet => "pnet",
            Self::AfXdp => "af-xdp",
            Self::Capture => "capture",
        }
    }
}

/// The receive ring of a packet socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ring {
    /// Frame by frame: the lowest latency.
    #[default]
    V2,
    /// Block by block: more small packets a second, for a millisecond of latency.
    V3,
}

/// Whether an XDP socket copies frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum XdpMode {
    /// Zero-copy where the driver can.
    #[default]
    Auto,
    /// Always copy.
    Copy,
    /// Zero-copy, or not at all.
    ZeroCopy,
}

/// Where in the kernel an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum XdpAttach {
    /// In the driver where it can.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// After the driver.
    Generic,
}
