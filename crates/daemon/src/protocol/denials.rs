//! What was denied lately, flow by flow.

use std::net::IpAddr;

use secgroup_packet::Direction;
use serde::{Deserialize, Serialize};

use super::words;

/// How many denied flows the daemon keeps in mind.
pub const KEPT_DENIALS: u32 = 1_024;

/// Which denied flows to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DenialsRequest {
    /// How many at most: those that were seen last.
    pub limit: u32,
}

impl Default for DenialsRequest {
    fn default() -> Self {
        Self {
            limit: KEPT_DENIALS,
        }
    }
}

/// What was denied lately. Every denied packet is counted by interface and reason ([`VerdictReport`](super::VerdictReport)); which flow it was of, workers tell of ten packets a
/// second each, so that a flood of them costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DenialPage {
    /// Denied packets whose flow is known, since the start.
    pub told: u64,
    /// Denied packets that were too many to be looked at, since the start.
    pub untold: u64,
    /// Denied flows, the one that was seen last first. Flows that were not seen for longest give way to others.
    pub flows: Vec<DenialLine>,
}

/// A denied flow: packets between two addresses, to a port. The source port does not matter: who tries again comes from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialLine {
    /// The interface's name.
    pub interface: String,
    /// Which way.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// Why.
    pub reason: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or the number; `null` for malformed frames, as all below.
    pub protocol: Option<String>,
    /// From whom.
    pub source: Option<IpAddr>,
    /// From which port the last one came, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// To whom.
    pub destination: Option<IpAddr>,
    /// To which port, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
    /// Type and code, of ICMP and ICMPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<[u8; 2]>,
    /// The last packet, as `secgroup explain --live` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Packets that were told of: all of them, unless `untold` says that there were too many.
    pub packets: u64,
    /// When the first of them was seen, in seconds since 1970.
    pub first_seen: u64,
    /// When the last was.
    pub last_seen: u64,
}
