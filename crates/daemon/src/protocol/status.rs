//! How the daemon is, in one document.

use secgroup_datapath::{Count, Reason};
use secgroup_flowlog::LogStatus;
use secgroup_packet::Direction;
use secgroup_runtime::{LinkState, LinkStatus, PortStatus, WorkerStatus};
use serde::{Deserialize, Serialize};

use super::words;

/// Everything that the daemon says about itself. Counters begin at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDocument {
    /// The version of the program.
    pub version: String,
    /// The id of its process.
    pub pid: u32,
    /// When it started, in seconds since 1970.
    pub started_at: u64,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Nothing is dropped on any interface: verdicts are only counted.
    pub audit: bool,
    /// The policy in force.
    pub policy: PolicyReport,
    /// Reloads so far.
    pub reloads: Reloads,
    /// By worker.
    pub workers: Vec<WorkerReport>,
    /// By interface.
    pub interfaces: Vec<InterfaceReport>,
    /// Flow logs, those of the endpoint among them.
    #[serde(default)]
    pub flow_logs: Vec<FlowLogReport>,
    /// Packets that flow logs know nothing of, because workers could not tell of them in time.
    #[serde(default)]
    pub flow_log_packets_lost: u64,
    /// What a person should do something about, one line each.
    pub warnings: Vec<String>,
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogReport {
    /// Its id, which is in the names of its files.
    pub id: String,
    /// Flows of which a record is being made.
    pub flows: u64,
    /// Records in finished files.
    pub records: u64,
    /// Finished files.
    pub files: u64,
    /// Packets without a record; SKIPDATA records stand for them.
    pub packets_skipped: u64,
    /// Records that could not be written.
    pub records_lost: u64,
    /// Why files cannot be written at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl FlowLogReport {
    /// The report of a log.
    #[must_use]
    pub fn new(status: &LogStatus) -> Self {
        Self {
            id: status.id.clone(),
            flows: status.flows,
            records: status.records,
            files: status.files,
            packets_skipped: status.packets_skipped,
            records_lost: status.records_lost,
            failure: status.failure.clone(),
        }
    }
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Counts the policies that were in force since the start, from 1.
    pub generation: u64,
    /// Where it was read from.
    pub files: Vec<String>,
    /// When, in seconds since 1970.
    pub loaded_at: u64,
    /// Why the last reload was refused; `null` where it was not.
    pub last_error: Option<String>,
    /// Its rules.
    pub rules: u64,
    /// Its network interfaces, enforced here or not.
    pub interfaces: u64,
}

/// How often the policy was read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reloads {
    /// And brought into force.
    pub ok: u64,
    /// And refused.
    pub refused: u64,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Its number, from 0.
    pub worker: u16,
    /// How often it panicked and was started again.
    pub panics: u64,
    /// Turns that found something to do.
    pub busy_turns: u64,
    /// Frames received, those handed over by other workers among them.
    pub frames: u64,
    /// Frames handed to other workers.
    pub handed_over: u64,
    /// Frames dropped because another worker's channel was full.
    pub handoff_full: u64,
    /// Connections tracked now.
    pub connections: ByFamily,
    /// Connections that it has room for.
    pub capacity: ByFamily,
    /// Half-open connections that gave way to new ones.
    pub gave_way: u64,
    /// Connections whose time ran out.
    pub ran_out: u64,
    /// New connections turned away because the table or an allowance was full.
    pub table_full: u64,
    /// New connections turned away though there was room elsewhere in the table.
    pub crowded: u64,
}

/// A number for each address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByFamily {
    /// IPv4.
    pub ipv4: u32,
    /// IPv6.
    pub ipv6: u32,
}

impl From<[u32; 2]> for ByFamily {
    fn from([ipv4, ipv6]: [u32; 2]) -> Self {
        Self { ipv4, ipv6 }
    }
}

impl WorkerReport {
    /// The report of worker number `worker`.
    #[must_use]
    pub fn new(worker: u16, status: &WorkerStatus) -> Self {
        Self {
            worker,
            panics: status.panics,
            busy_turns: status.busy_turns,
            frames: status.frames,
            handed_over: status.handed_over,
            handoff_full: status.handoff_full,
            connections: status.connections.into(),
            capacity: status.capacity.into(),
            gave_way: status.table.gave_way,
            ran_out: status.table.ran_out(),
            table_full: status.table.full,
            crowded: status.table.crowded,
        }
    }
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceReport {
    /// Its name in the configuration.
    pub name: String,
    /// Its id in the policy.
    pub id: String,
    /// `inline`, `host` or `watch`.
    pub mode: String,
    /// Whether its devices are open.
    pub state: InterfaceState,
    /// Why it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Verdicts are only counted.
    pub audit: bool,
    /// The workers that carry it.
    pub workers: Vec<u16>,
    /// Connections tracked now.
    pub connections: u32,
    /// Connections that it may have; `null` for as many as the table holds.
    pub allowance: Option<u32>,
    /// Packets and bytes by direction, verdict and reason; those without packets are left out.
    pub verdicts: Vec<VerdictReport>,
    /// Its devices: inside and outside, or the one it has.
    pub ports: Vec<PortReport>,
    /// Frames that are not IP and were sent on, ARP among them.
    pub not_ip_passed: u64,
    /// Frames that are not IP and were dropped.
    pub not_ip_dropped: u64,
    /// Frames dropped because they were larger than the MTU on the other side.
    pub oversize: u64,
    /// ICMP errors sent about them.
    pub oversize_told: u64,
}

/// Whether an interface carries frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceState {
    /// It does.
    Open,
    /// It does not, and nothing passes.
    Closed,
}

impl InterfaceReport {
    /// The report of a link whose interface has this `id`, which works in this `mode`, and
    /// whose ports are these `devices`, in the order of its ports.
    #[must_use]
    pub fn new(status: &LinkStatus, id: &str, mode: &str, devices: &[&str]) -> Self {
        let (state, why) = match &status.state {
            LinkState::Open => (InterfaceState::Open, None),
            LinkState::Closed(why) => (InterfaceState::Closed, Some(why.clone())),
        };
        let devices = devices.iter().copied().chain(std::iter::repeat(""));
        Self {
            name: status.name.clone(),
            id: id.to_owned(),
            mode: mode.to_owned(),
            state,
            why,
            audit: status.audit,
            workers: status.workers.clone(),
            connections: status.connections,
            allowance: status.allowance,
            verdicts: verdicts(&status.verdicts),
            ports: status
                .ports
                .iter()
                .zip(devices)
                .map(|(port, device)| PortReport::new(port, device))
                .collect(),
            not_ip_passed: status.not_ip_passed,
            not_ip_dropped: status.not_ip_dropped,
            oversize: status.oversize,
            oversize_told: status.oversize_told,
        }
    }
}

fn verdicts(counts: &[[Count; Reason::COUNT]; 2]) -> Vec<VerdictReport> {
    let of = |direction: Direction, reason: Reason| {
        let count = counts[direction as usize][reason as usize];
        (count.packets > 0).then(|| VerdictReport {
            direction,
            verdict: reason.action().as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            packets: count.packets,
            bytes: count.bytes,
        })
    };
    Direction::BOTH
        .into_iter()
        .flat_map(|direction| Reason::ALL.map(|reason| of(direction, reason)))
        .flatten()
        .collect()
}

/// Verdicts of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReport {
    /// Which way.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// `allow` or `deny`; under audit, what it would have been.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets; of malformed frames, bytes on the wire.
    pub bytes: u64,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PortReport {
    /// `inside`, `outside`, `queue` or `watch`.
    pub side: String,
    /// The device's name, or what stands for one: the numbers of a queue.
    pub device: String,
    /// The backend.
    pub backend: String,
    /// Frames received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// Frames that the device did not take.
    pub not_sent: u64,
    /// Frames that the kernel dropped because its ring, buffer or queue was full: the daemon was too slow.
    pub ring_drops: u64,
    /// Frames that were longer than the buffer.
    pub truncated: u64,
    /// Tagged frames that the backend cannot carry.
    pub vlan_drops: u64,
    /// Frames whose segmentation or checksum the backend cannot carry.
    pub offload_drops: u64,
}

impl PortReport {
    /// The report of a port.
    #[must_use]
    pub fn new(status: &PortStatus, device: &str) -> Self {
        Self {
            side: status.side.to_owned(),
            device: device.to_owned(),
            backend: status.backend.to_owned(),
            received: status.received,
            sent: status.sent,
            not_sent: status.not_sent,
            ring_drops: status.drops.ring,
            truncated: status.drops.truncated,
            vlan_drops: status.drops.vlan,
            offload_drops: status.drops.offload,
        }
    }
}
