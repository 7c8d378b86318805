//! Everything that may be set, with the defaults of the decision text.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use secgroup_model::{NetworkInterface, NetworkInterfaceId};

/// The settings of the whole evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether a tracked TCP connection opens with a SYN only (D37).
    pub strict: bool,
    /// How long after the start a strict evaluator picks up connections in their middle (D39);
    /// zero for never.
    pub start_grace: Duration,
    /// How long after a policy change it does (D23); zero for never.
    pub change_grace: Duration,
    /// Whether ICMP errors about tracked connections pass without a rule (D48).
    pub icmp_related: bool,
    /// Whether a wrong checksum makes a packet malformed (D54).
    pub verify_checksums: bool,
    /// How many IPv4 connections fit (D42).
    pub capacity_v4: usize,
    /// How many IPv6 connections fit.
    pub capacity_v6: usize,
    /// The timeouts that no interface sets for itself.
    pub timeouts: Timeouts,
    /// The settings of every interface that has none of its own below.
    pub interface: InterfaceSettings,
    /// The settings of single interfaces.
    pub interfaces: BTreeMap<NetworkInterfaceId, InterfaceSettings>,
}

impl Default for Settings {
    /// Strict, no grace, room for everything.
    fn default() -> Self {
        Self {
            strict: true,
            start_grace: Duration::ZERO,
            change_grace: Duration::ZERO,
            icmp_related: true,
            verify_checksums: false,
            capacity_v4: usize::MAX,
            capacity_v6: usize::MAX,
            timeouts: Timeouts::default(),
            interface: InterfaceSettings::default(),
            interfaces: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The settings of one interface.
    #[must_use]
    pub fn of(&self, interface: &NetworkInterfaceId) -> &InterfaceSettings {
        self.interfaces.get(interface).unwrap_or(&self.interface)
    }
}

/// The timeouts that hold for every interface (D31, D55, D56).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// `SYN_SENT` and `SYN_SENT2`.
    pub syn_sent: Duration,
    /// `SYN_RECV`.
    pub syn_recv: Duration,
    /// `FIN_WAIT`.
    pub fin_wait: Duration,
    /// `CLOSE_WAIT`.
    pub close_wait: Duration,
    /// `LAST_ACK`.
    pub last_ack: Duration,
    /// `TIME_WAIT`.
    pub time_wait: Duration,
    /// `CLOSE`, after a reset.
    pub close: Duration,
    /// ICMP and ICMPv6 exchanges.
    pub icmp: Duration,
    /// Protocols other than TCP, UDP, ICMP and ICMPv6 (D5).
    pub other: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            syn_sent: Duration::from_secs(120),
            syn_recv: Duration::from_secs(60),
            fin_wait: Duration::from_secs(120),
            close_wait: Duration::from_secs(60),
            last_ack: Duration::from_secs(30),
            time_wait: Duration::from_secs(120),
            close: Duration::from_secs(10),
            icmp: Duration::from_secs(30),
            other: Duration::from_secs(600),
        }
    }
}

/// The settings of one interface that the model has no word for, and defaults for those it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceSettings {
    /// How many connections of either family it may have tracked; `None` for no limit (D42).
    pub allowance: Option<usize>,
    /// How many packets a second to or from link-local services; `None` for no limit (C20).
    pub link_local_pps: Option<u32>,
    /// Whether the packets of C16 to C18 pass without a rule.
    pub exemptions: bool,
    /// Whose flows are tracked whatever the rules (D12).
    pub always_track: AlwaysTrack,
    /// Established TCP connections, where the interface does not set it (D29).
    pub tcp_established: Duration,
    /// UDP flows, where the interface does not set it (D29).
    pub udp: Duration,
    /// UDP streams, where the interface does not set it (D29).
    pub udp_stream: Duration,
}

impl Default for InterfaceSettings {
    fn default() -> Self {
        Self {
            allowance: None,
            link_local_pps: Some(1024),
            exemptions: true,
            always_track: AlwaysTrack::None,
            tcp_established: Duration::from_secs(432_000),
            udp: Duration::from_secs(30),
            udp_stream: Duration::from_secs(180),
        }
    }
}

impl InterfaceSettings {
    /// The timeout of established TCP connections at this interface (D29, D30).
    pub(crate) fn tcp_established(&self, interface: &NetworkInterface) -> Duration {
        interface
            .tracking
            .tcp_established
            .unwrap_or(self.tcp_established)
    }

    /// The timeout of UDP flows at this interface.
    pub(crate) fn udp(&self, interface: &NetworkInterface) -> Duration {
        interface.tracking.udp.unwrap_or(self.udp)
    }

    /// The timeout of UDP streams at this interface.
    pub(crate) fn udp_stream(&self, interface: &NetworkInterface) -> Duration {
        interface.tracking.udp_stream.unwrap_or(self.udp_stream)
    }
}

/// Automatically tracked connections (D12).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AlwaysTrack {
    /// The rules alone decide.
    #[default]
    None,
    /// Every flow is tracked.
    All,
    /// Flows with a peer in one of these ranges are tracked.
    Peers(Vec<IpNet>),
}

/// A duration in nanoseconds, the unit of the oracle's clock.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
