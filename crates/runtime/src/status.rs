//! What a runtime says about itself.

use std::time::Duration;

use secgroup_datapath::{Count, Reason};
use secgroup_io::live::PortDrops;
use secgroup_packet::InterfaceIndex;

/// Everything that is counted, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Generation of the policy in force on every worker.
    pub generation: u64,
    /// By worker.
    pub workers: Vec<WorkerStatus>,
    /// By link, in the order of their interfaces.
    pub links: Vec<LinkStatus>,
    /// By rule number: what passed by it, over all workers.
    pub rules: Vec<Count>,
}

/// One worker.
#[derive(Debug, Clone, Default)]
pub struct WorkerStatus {
    /// It did not answer in time; all else is zero then.
    pub stuck: bool,
    /// Panics so far. What else is counted starts again with the worker.
    pub panics: u64,
    /// Turns, also those that found nothing to do.
    pub turns: u64,
    /// Turns that found something to do.
    pub busy_turns: u64,
    /// Frames received, those that other workers handed over among them.
    pub frames: u64,
    /// Frames handed over to another worker.
    pub handed_over: u64,
    /// Frames dropped because another worker's channel was full.
    pub handoff_full: u64,
    /// Frames that another worker handed over when the link had closed here: dropped.
    pub handoff_late: u64,
    /// Events that were not told because nobody took them off the channel in time.
    pub events_lost: u64,
    /// IPv4 and IPv6 connections in the table, and how many it has room for.
    pub connections: [u32; 2],
    /// Room of the table, by family.
    pub capacity: [u32; 2],
    /// Half-open connections that gave way, connections cleared by time, new ones turned away.
    pub table: secgroup_conntrack::Stats,
    /// What is measured where [`RuntimeSettings::metered`](crate::RuntimeSettings::metered) says so; zero elsewhere.
    pub metered: crate::Metered,
}

/// One link.
#[derive(Debug, Clone)]
pub struct LinkStatus {
    /// The interface.
    pub interface: InterfaceIndex,
    /// Its name.
    pub name: String,
    /// Whether its devices are open.
    pub state: LinkState,
    /// Only counting.
    pub audit: bool,
    /// The workers of its shards.
    pub workers: Vec<u16>,
    /// Verdicts by direction (egress 1, ingress 0, as `Direction as usize` counts) and reason.
    pub verdicts: [[Count; Reason::COUNT]; 2],
    /// Connections tracked now.
    pub connections: u32,
    /// Connections it may have at once; `None` for as many as the table holds.
    pub allowance: Option<u32>,
    /// Its ports: inside and outside, or the one it has; none where it never was open.
    pub ports: Vec<PortStatus>,
    /// Frames that are not IP and were sent on.
    pub not_ip_passed: u64,
    /// Frames that are not IP and were dropped.
    pub not_ip_dropped: u64,
    /// Frames dropped because they were larger than the other side's MTU.
    pub oversize: u64,
    /// ICMP errors sent about them.
    pub oversize_told: u64,
}

/// Whether a link carries frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// All shards are open.
    Open,
    /// Closed, and why; nothing passes until what is missing is there.
    Closed(String),
}

/// One port of a link, over its shards.
#[derive(Debug, Clone, Default)]
pub struct PortStatus {
    /// `inside`, `outside`, `queue` or `watch`.
    pub side: &'static str,
    /// The backend's name; empty while the link is closed.
    pub backend: &'static str,
    /// The device last said that it is down.
    pub down: bool,
    /// Frames received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// Frames that the device did not take: queue full, device down, refused.
    pub not_sent: u64,
    /// What the kernel or the backend lost before we saw it.
    pub drops: PortDrops,
}

/// How a policy was brought into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// From the call until the last worker had it in force.
    pub took: Duration,
    /// Workers that did not answer in time: they take it before their next frame, if they ever come back.
    pub late: u16,
}
