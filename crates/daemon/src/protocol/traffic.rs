//! What passes now, flow by flow, tracked or not.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::FlowState;

/// Flows that an answer holds at most.
pub const MAX_TRAFFIC: u32 = 1_000;
/// Seconds that rates may be taken over.
pub const MAX_OVER_SECONDS: u32 = 10;

/// Which flows to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficRequest {
    /// How many at most, up to [`MAX_TRAFFIC`]: those with the highest rates.
    pub limit: u32,
    /// By what.
    pub by: TrafficOrder,
    /// Whole seconds to look back, besides the one that has begun: 0 to [`MAX_OVER_SECONDS`].
    pub over_seconds: u32,
}

impl Default for TrafficRequest {
    fn default() -> Self {
        Self {
            limit: 100,
            by: TrafficOrder::default(),
            over_seconds: 1,
        }
    }
}

/// By what flows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficOrder {
    /// Packets, both ways.
    Packets,
    /// Bytes, both ways.
    #[default]
    Bytes,
}

/// What passed lately. Flows are counted only while somebody asks: the first answer is empty, and counting ends 15 seconds after the last question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficPage {
    /// For how long packets and bytes were counted, in milliseconds.
    pub over_milliseconds: u64,
    /// How many flows there were.
    pub flows: u64,
    /// Those with the highest rates, highest first.
    pub highest: Vec<TrafficLine>,
    /// Packets whose flow is not told apart, because there are too many, since counting began.
    pub packets_untold: u64,
}

/// A flow that passed: both directions, of which a tracked one is one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficLine {
    /// The interface's name.
    pub interface: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or the number.
    pub protocol: String,
    /// The interface's own address.
    pub local: IpAddr,
    /// Its port, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_port: Option<u16>,
    /// The other end's address.
    pub remote: IpAddr,
    /// Its port, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_port: Option<u16>,
    /// A connection accounts for its packets; otherwise rules are asked about each.
    pub tracked: bool,
    /// The connection's state; `null` where it is not tracked, or not any more.
    pub state: Option<FlowState>,
    /// The id of the rule that admitted what came in, or the connection.
    pub ingress_rule: Option<String>,
    /// The id of the rule that admitted what went out, or the connection.
    pub egress_rule: Option<String>,
    /// Packets towards the interface.
    pub ingress_packets: u64,
    /// Their bytes, from the IP header on.
    pub ingress_bytes: u64,
    /// Packets from the interface.
    pub egress_packets: u64,
    /// Their bytes.
    pub egress_bytes: u64,
}
