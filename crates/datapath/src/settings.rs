//! How the engine behaves where AWS leaves it open, and how much it may hold.

use std::time::Duration;

use secgroup_conntrack::Timeouts;

/// Which TCP segments may open a connection on a tracked path (semantics D37 to D39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TcpMode {
    /// Only a SYN, except within the grace windows.
    #[default]
    Strict,
    /// Any segment that a rule admits.
    Loose,
}

/// Settings of the engine, for all interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which TCP segments open a connection.
    pub tcp: TcpMode,
    /// For how long after the start any segment that a rule admits opens a connection (D39).
    pub start_grace: Duration,
    /// For how long a former policy is remembered, so that a flow that it left untracked lives on as a tracked one (D23).
    pub change_grace: Duration,
    /// Whether ICMP errors about a tracked connection pass without a rule (D47, D48).
    pub icmp_related: bool,
    /// Whether wrong checksums are malformed (D54).
    pub verify_checksums: bool,
    /// Timeouts of connection states; an interface may set three of them for itself (D29).
    pub timeouts: Timeouts,
    /// How many IPv4 connections are tracked at most (D42).
    pub capacity: u32,
    /// How many IPv6 connections are tracked at most.
    pub capacity_v6: u32,
    /// How many fragmented datagrams are followed at once.
    pub fragment_capacity: u32,
    /// Seed of the hashes; a value that an attacker cannot know.
    pub seed: u64,
}

impl Settings {
    /// Five minutes: longer than any common keep-alive interval of an open but quiet connection.
    pub const CHANGE_GRACE: Duration = Duration::from_secs(300);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tcp: TcpMode::Strict,
            start_grace: Duration::ZERO,
            change_grace: Self::CHANGE_GRACE,
            icmp_related: true,
            verify_checksums: false,
            timeouts: Timeouts::default(),
            capacity: 1 << 20,
            capacity_v6: 1 << 18,
            fragment_capacity: 8192,
            seed: 0,
        }
    }
}
