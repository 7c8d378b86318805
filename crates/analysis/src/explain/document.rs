//! The shape of an explanation, in JSON and in memory.
//!
//! | field | |
//! |---|---|
//! | `packet` | the packet: `flow` as it is typed, then its fields; of a capture also `number` and `time` |
//! | `verdict` | `deny` where one interface denies it, else `allow`; `none` where nothing judges it |
//! | `note` | why nothing does, or what else holds for the whole; absent otherwise |
//! | `places` | where it is judged, in its order: egress of its source, ingress of its destination |
//! | `answer` | what becomes of the answer; absent where the packet is denied or has none |
//!
//! Each of `places`:
//!
//! | field | |
//! |---|---|
//! | `interface`, `direction` | where |
//! | `verdict`, `reason` | the engine's |
//! | `rule`, `group` | the rule that admits the packet, or admitted its connection; `null` where there is none |
//! | `why` | why it is denied, in one line; absent where it is allowed |
//! | `exemption` | why security groups never filter it; only with the reason `exempt` or `link-local-exceeded` |
//! | `connection` | `before` and `after` the packet: the connection that it belongs to or is about, `null` where there is none |
//! | `tracking` | `tracked` or not, `because`, and the two conditions: what `needs` to be there, and the `rule` that is; absent where it was not asked |
//! | `groups` | each group and rule that was considered; `fails_on` is the one field on which a rule failed, `null` where it matches |
//! | `change` | the smallest change that turns the verdict: `add` a rule, `remove` rules, or `none` and `because`; with `cloudformation` and `commands` |
//!
//! Fields are only added. `fails_on` is the first of `direction`, `family`, `protocol`, `port` (or `type`), `source` (or
//! `destination`) that does not fit.

use std::net::IpAddr;

use secgroup_datapath::{Action, Reason};
use secgroup_packet::Direction;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::tracking::Tracking;
use crate::words;

/// What becomes of a packet, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The packet.
    pub packet: PacketReport,
    /// What becomes of it.
    pub verdict: Outcome,
    /// What holds for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it is judged, in its order.
    pub places: Vec<Explanation>,
    /// What becomes of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerReport>,
}

/// Pass, drop, or nobody judges it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It passes.
    Allow,
    /// It is dropped.
    Deny,
    /// It crosses no interface that is known, or is no IP packet.
    None,
}

impl Outcome {
    /// `allow`, `deny` or `none`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::None => "none",
        }
    }
}

impl From<Action> for Outcome {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Deny => Self::Deny,
        }
    }
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PacketReport {
    /// As it is typed; of a frame that is no IP packet, what it is.
    pub flow: String,
    /// Its number in the capture, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// When it was captured: seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<IpAddr>,
    /// Its destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpAddr>,
    /// `tcp`, `udp`, `icmp`, `icmpv6` or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Source port, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination port, of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// Control bits of TCP, such as `syn+ack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_flags: Option<String>,
    /// Type, of ICMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// Code, of ICMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// Offset in its datagram, in bytes, of a fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment_offset: Option<u16>,
}

/// What becomes of a packet at one interface, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The interface.
    pub interface: String,
    /// The direction.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// What becomes of it.
    pub verdict: Outcome,
    /// The reason.
    #[serde(with = "words::reason")]
    pub reason: Reason,
    /// The rule that admits the packet, or admitted its connection.
    pub rule: Option<String>,
    /// That rule's group.
    pub group: Option<String>,
    /// Why it is denied, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it is that security groups never filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<String>,
    /// The connection that it belongs to, or is about.
    pub connection: ConnectionReport,
    /// Whether its flow is tracked; where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// The groups of the interface and their rules, in order.
    pub groups: Vec<ConsideredGroup>,
    /// What would turn the verdict.
    pub change: Change,
}

impl Explanation {
    /// Every rule that was considered, of all groups.
    pub fn rules(&self) -> impl Iterator<Item = &Considered> {
        self.groups.iter().flat_map(|group| &group.rules)
    }
}

/// A group of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsideredGroup {
    /// Its id.
    pub group: String,
    /// Its name; `null` where the policy does not have the group.
    pub name: Option<String>,
    /// Its rules, of both directions.
    pub rules: Vec<Considered>,
}

/// One rule that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The rule.
    pub rule: String,
    /// Its direction.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// What it allows.
    pub allows: String,
    /// Its description.
    pub description: Option<String>,
    /// Whether it admits the packet.
    pub matches: bool,
    /// The one field on which it fails: the first that does not fit.
    pub fails_on: Option<FailsOn>,
}

/// A field of a rule, in the order in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailsOn {
    /// It is a rule of the other direction.
    Direction,
    /// Its peer, or its ICMP, is of the other address family.
    Family,
    /// It is for another protocol.
    Protocol,
    /// It is for other ports.
    Port,
    /// It is for other ICMP messages.
    Type,
    /// Ingress: the source is not its peer.
    Source,
    /// Egress: the destination is not its peer.
    Destination,
}

impl FailsOn {
    /// `direction`, `family`, `protocol`, `port`, `type`, `source` or `destination`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direction => "direction",
            Self::Family => "family",
            Self::Protocol => "protocol",
            Self::Port => "port",
            Self::Type => "type",
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// A connection before and after a packet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// Before it.
    pub before: Option<ConnectionLine>,
    /// After it.
    pub after: Option<ConnectionLine>,
}

/// A tracked connection, in the words of `secgroup flows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLine {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or the number.
    pub protocol: String,
    /// The interface's end: an address, and a port where there is one.
    pub local: String,
    /// The other end.
    pub remote: String,
    /// The direction of the packet that opened it: `egress` where the interface's end did.
    #[serde(with = "words::direction")]
    pub opened: Direction,
    /// Its state.
    pub state: String,
    /// The id of the rule that admitted it; `null` where that rule is no more.
    pub rule: Option<String>,
    /// Packets towards the interface.
    pub ingress_packets: u64,
    /// Their bytes.
    pub ingress_bytes: u64,
    /// Packets from the interface.
    pub egress_packets: u64,
    /// Their bytes.
    pub egress_bytes: u64,
    /// Seconds until it is forgotten unless a packet comes, rounded up.
    pub expires_in_seconds: u64,
}

/// What becomes of the answer to a packet that passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerReport {
    /// The answer, as it is typed.
    pub flow: String,
    /// What becomes of it.
    pub verdict: Outcome,
    /// Where it is judged, in its order.
    pub places: Vec<AnswerPlace>,
}

/// What becomes of an answer at one interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerPlace {
    /// The interface.
    pub interface: String,
    /// The direction.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// What becomes of it.
    pub verdict: Outcome,
    /// The reason.
    #[serde(with = "words::reason")]
    pub reason: Reason,
    /// The rule that admits it, or admitted its connection.
    pub rule: Option<String>,
}
