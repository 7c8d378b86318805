//! `[tracking]`: connections, and how they are tracked.

use schemars::JsonSchema;
use secgroup_control::Defaults;
use secgroup_datapath::{Settings, TcpMode};
use serde::{Deserialize, Serialize};

use super::list;

/// `[tracking]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tracking {
    /// IPv4 connections that the table of a worker has room for; 64 bytes each.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub(crate) connections: u32,
    /// IPv6 connections that the table of a worker has room for; 128 bytes each.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub(crate) connections_v6: u32,
    /// Fragmented datagrams that a worker follows at once.
    #[schemars(range(min = 64, max = 1_048_576))]
    pub(crate) fragments: u32,
    /// Which TCP segments open a tracked connection.
    pub(crate) tcp: Tcp,
    /// For how long after the start any TCP segment that a rule allows opens a connection, so that those that were there before live on; 0 for not at all.
    #[schemars(range(max = 86_400))]
    pub(crate) start_grace_seconds: u32,
    /// The same after a change of policy, for flows that were untracked before it.
    #[schemars(range(max = 86_400))]
    pub(crate) change_grace_seconds: u32,
    /// ICMP errors about a tracked connection pass without a rule.
    pub(crate) icmp_related: bool,
    /// Packets with wrong checksums are malformed. The receiving host checks them anyway.
    pub(crate) verify_checksums: bool,
    /// How long a connection may be idle, by state.
    pub(crate) timeouts: Timeouts,
    /// Connections that an interface may have at once, where it does not say otherwise; as many as the table holds by default.
    #[schemars(range(min = 1), example = 10_000)]
    pub(crate) allowance: Option<u32>,
    /// Flows that are tracked even where the rules would leave them untracked: `"never"`, `"all"`, or those whose remote end lies in one of these ranges.
    #[schemars(example = list("10.0.0.0/8"))]
    pub(crate) always_track: AlwaysTrack,
    /// What security groups never filter passes: resolver, metadata, time, DHCP, neighbour discovery.
    pub(crate) exemptions: bool,
    /// Packets a second between an interface and those services; 0 for no limit.
    pub(crate) link_local_pps: u32,
}

impl Default for Tracking {
    fn default() -> Self {
        let engine = Settings::default();
        let lowering = Defaults::default();
        Self {
            connections: 1 << 18,
            connections_v6: 1 << 16,
            fragments: engine.fragment_capacity,
            tcp: Tcp::Strict,
            // D39: a live interface has connections that are older than we are. As long as after a change, and
            // for its reason: longer than any common keep-alive interval, so that every one of them shows itself in time.
            start_grace_seconds: 300,
            change_grace_seconds: 300,
            icmp_related: engine.icmp_related,
            verify_checksums: engine.verify_checksums,
            timeouts: Timeouts::default(),
            allowance: lowering.allowance,
            always_track: AlwaysTrack::Word(AlwaysTrackWord::Never),
            exemptions: lowering.exemptions,
            link_local_pps: Defaults::LINK_LOCAL_PPS,
        }
    }
}

/// Which TCP segments open a connection.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tcp {
    /// Only a SYN, except within the grace periods.
    Strict,
    /// Any that a rule allows.
    Loose,
}

impl From<Tcp> for TcpMode {
    fn from(tcp: Tcp) -> Self {
        match tcp {
            Tcp::Strict => Self::Strict,
            Tcp::Loose => Self::Loose,
        }
    }
}

/// Which flows are tracked whatever the rules.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum AlwaysTrack {
    /// None or all.
    Word(AlwaysTrackWord),
    /// Those whose remote end lies in one of these ranges.
    Peers(#[schemars(length(max = 1000))] Vec<String>),
}

/// None or all.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum AlwaysTrackWord {
    /// None.
    Never,
    /// All.
    All,
}

/// Declares [`Timeouts`] and its way to and from the engine's, state by state.
macro_rules! timeouts {
    ($($(#[$doc:meta])* $key:ident => $state:ident),* $(,)?) => {
        /// `[tracking.timeouts]`
        #[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Timeouts {
            $(
                $(#[$doc])*
                #[schemars(range(min = 1, max = 432_000))]
                pub(crate) $key: u32,
            )*
        }

        impl Default for Timeouts {
            fn default() -> Self {
                let engine = secgroup_datapath::Timeouts::default();
                Self { $($key: seconds(engine.$state)),* }
            }
        }

        impl From<&Timeouts> for secgroup_datapath::Timeouts {
            fn from(file: &Timeouts) -> Self {
                Self { $($state: std::time::Duration::from_secs(file.$key.into())),* }
            }
        }
    };
}

/// Whole seconds; the engine's defaults are days at most.
fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

timeouts! {
    /// TCP, a SYN was sent.
    tcp_syn_sent_seconds => tcp_syn_sent,
    /// TCP, the SYN was answered.
    tcp_syn_recv_seconds => tcp_syn_recv,
    /// TCP, established; an interface's `TcpEstablishedTimeout` in the policy comes first.
    tcp_established_seconds => tcp_established,
    /// TCP, one end sent a FIN.
    tcp_fin_wait_seconds => tcp_fin_wait,
    /// TCP, the FIN was acknowledged.
    tcp_close_wait_seconds => tcp_close_wait,
    /// TCP, both ends sent a FIN.
    tcp_last_ack_seconds => tcp_last_ack,
    /// TCP, both FINs were acknowledged.
    tcp_time_wait_seconds => tcp_time_wait,
    /// TCP, one end sent a RST.
    tcp_close_seconds => tcp_close,
    /// UDP, packets one way or one request and its answer; an interface's `UdpTimeout` in the policy comes first.
    udp_seconds => udp,
    /// UDP, several packets each way; an interface's `UdpStreamTimeout` in the policy comes first.
    udp_stream_seconds => udp_stream,
    /// ICMP and ICMPv6 queries.
    icmp_seconds => icmp,
    /// Any other protocol.
    other_seconds => other,
}
