//! Connections as they are asked for and told.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use secgroup_conntrack::{Connection, State};
use secgroup_packet::{Direction, FlowKey, Protocol, Timestamp};
use serde::{Deserialize, Serialize};

use super::words;

/// Which connections: those that fit everything that is said; all where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlowQuery {
    /// Of this interface, by its name in the configuration or its id in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// With an end in this range; an address alone is a range of one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "address_or_range"
    )]
    pub address: Option<IpNet>,
    /// TCP and UDP with this port at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Of this protocol.
    #[serde(skip_serializing_if = "Option::is_none", with = "words::protocol")]
    pub protocol: Option<Protocol>,
    /// In this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FlowState>,
}

impl FlowQuery {
    /// Whether nothing is said, so that every connection fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `connection` fits, of an interface that goes by any of `interface_names`.
    #[must_use]
    pub fn matches(&self, connection: &Connection, interface_names: &[&str]) -> bool {
        let ends = Ends::of(&connection.key);
        let has = |port| ends.ports.is_some_and(|ports| ports.contains(&port));
        let protocol = connection.key.protocol();
        let within = |range: IpNet| range.contains(&ends.local) || range.contains(&ends.remote);
        self.protocol.is_none_or(|wanted| wanted == protocol)
            && self.port.is_none_or(has)
            && self.address.is_none_or(within)
            && self
                .state
                .is_none_or(|wanted| wanted == connection.state.into())
            && self
                .interface
                .as_deref()
                .is_none_or(|wanted| interface_names.contains(&wanted))
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLine {
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
    /// The identifier of an ICMP exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_id: Option<u16>,
    /// The direction of the packet that opened it: `egress` where the interface's end did.
    #[serde(with = "words::direction")]
    pub opened: Direction,
    /// Its state.
    pub state: FlowState,
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

impl FlowLine {
    /// The line of `connection` at `now`.
    #[must_use]
    pub fn new(
        connection: &Connection,
        interface: &str,
        rule: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let key = &connection.key;
        let ends = Ends::of(key);
        let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|way| way as usize);
        let left = connection.expires.saturating_since(now);
        Self {
            interface: interface.to_owned(),
            protocol: key.protocol().to_string(),
            local: ends.local,
            local_port: ends.ports.map(|[local, _]| local),
            remote: ends.remote,
            remote_port: ends.ports.map(|[_, remote]| remote),
            icmp_id: ends.icmp_id,
            opened: connection.originator,
            state: connection.state.into(),
            rule: rule.map(str::to_owned),
            ingress_packets: connection.packets[ingress].into(),
            ingress_bytes: connection.bytes[ingress],
            egress_packets: connection.packets[egress].into(),
            egress_bytes: connection.bytes[egress],
            expires_in_seconds: left.as_secs() + u64::from(left.subsec_nanos() > 0),
        }
    }
}

/// The ends of a connection, without what only a table needs.
struct Ends {
    local: IpAddr,
    remote: IpAddr,
    /// Local and remote, of protocols that have ports.
    ports: Option<[u16; 2]>,
    icmp_id: Option<u16>,
}

impl Ends {
    fn of(key: &FlowKey) -> Self {
        let (local, remote, ports) = match key {
            FlowKey::V4(key) => (
                key.local.into(),
                key.remote.into(),
                [key.local_port, key.remote_port],
            ),
            FlowKey::V6(key) => (
                key.local.into(),
                key.remote.into(),
                [key.local_port, key.remote_port],
            ),
        };
        let protocol = key.protocol();
        let has_ports = matches!(protocol, Protocol::TCP | Protocol::UDP);
        let is_icmp = matches!(protocol, Protocol::ICMP | Protocol::ICMPV6);
        Self {
            local,
            remote,
            ports: has_ports.then_some(ports),
            icmp_id: is_icmp.then_some(ports[0]),
        }
    }
}

/// Connections that fit a query.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowPage {
    /// How many there are.
    pub matched: u64,
    /// Those that the limit lets through; in no order.
    pub flows: Vec<FlowLine>,
}

/// A connection opened or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum FlowEvent {
    /// It is tracked from now on.
    Opened {
        /// The connection.
        flow: FlowLine,
    },
    /// It is tracked no more.
    Closed {
        /// The connection as it was when last seen.
        flow: FlowLine,
        /// Why.
        cause: CloseCause,
    },
}

impl FlowEvent {
    /// The connection.
    #[must_use]
    pub const fn flow(&self) -> &FlowLine {
        match self {
            Self::Opened { flow } | Self::Closed { flow, .. } => flow,
        }
    }
}

/// Why a connection is tracked no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseCause {
    /// Its time ran out.
    RanOut,
    /// Somebody asked for it to be forgotten.
    Deleted,
    /// It was gone when it was looked for: its time ran out, or it gave way to another.
    Gone,
}

/// The state of a connection, in the words of Linux connection tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowState {
    /// TCP: a SYN was sent.
    SynSent,
    /// TCP: both ends sent a SYN.
    #[serde(rename = "syn-sent2")]
    SynSent2,
    /// TCP: a SYN was answered.
    SynRecv,
    /// TCP: the handshake is complete.
    Established,
    /// TCP: one end sent a FIN.
    FinWait,
    /// TCP: that FIN was acknowledged.
    CloseWait,
    /// TCP: both ends sent a FIN.
    LastAck,
    /// TCP: both were acknowledged.
    TimeWait,
    /// TCP: one end sent a RST.
    Close,
    /// UDP: one request and its answer, or one way only.
    Udp,
    /// UDP: packets went both ways repeatedly.
    UdpStream,
    /// An ICMP or ICMPv6 exchange.
    Icmp,
    /// Any other protocol.
    Other,
}

impl FlowState {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SynSent,
        Self::SynSent2,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::Udp,
        Self::UdpStream,
        Self::Icmp,
        Self::Other,
    ];

    /// The states of the engine that it stands for: that remembers whose FIN came first.
    #[must_use]
    pub const fn states(self) -> &'static [State] {
        match self {
            Self::SynSent => &[State::SynSent],
            Self::SynSent2 => &[State::SynSent2],
            Self::SynRecv => &[State::SynRecv],
            Self::Established => &[State::Established],
            Self::FinWait => &[State::FinWaitOriginator, State::FinWaitResponder],
            Self::CloseWait => &[State::CloseWaitOriginator, State::CloseWaitResponder],
            Self::LastAck => &[State::LastAck],
            Self::TimeWait => &[State::TimeWait],
            Self::Close => &[State::Close],
            Self::Udp => &[State::Udp],
            Self::UdpStream => &[State::UdpStream],
            Self::Icmp => &[State::Icmp],
            Self::Other => &[State::Other],
        }
    }

    /// The name, as JSON and command lines have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.states()[0].as_str() // Invariant: each stands for one at least, and those share a name.
    }
}

impl From<State> for FlowState {
    fn from(state: State) -> Self {
        match state {
            State::SynSent => Self::SynSent,
            State::SynSent2 => Self::SynSent2,
            State::SynRecv => Self::SynRecv,
            State::Established => Self::Established,
            State::FinWaitOriginator | State::FinWaitResponder => Self::FinWait,
            State::CloseWaitOriginator | State::CloseWaitResponder => Self::CloseWait,
            State::LastAck => Self::LastAck,
            State::TimeWait => Self::TimeWait,
            State::Close => Self::Close,
            State::Udp => Self::Udp,
            State::UdpStream => Self::UdpStream,
            State::Icmp => Self::Icmp,
            State::Other => Self::Other,
        }
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no state of a connection")]
pub struct UnknownState(String);

impl FromStr for FlowState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// `"10.0.0.0/8"`, or `"10.0.1.10"` for a range of one.
fn address_or_range<'a, D: serde::Deserializer<'a>>(from: D) -> Result<Option<IpNet>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(Some)
        .map_err(|_| {
            serde::de::Error::custom(format!("'{text}' is neither an address nor a CIDR range"))
        })
}
