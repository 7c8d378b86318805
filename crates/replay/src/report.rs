//! What a replay found, in the shape in which `--json` prints it.

use secgroup_flowlog::LogStatus;
use serde::Serialize;

use crate::survey::Survey;

/// Packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes: on the wire for whole packets, of the IP packet for verdicts.
    pub bytes: u64,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// One entry per capture, in the order given.
    pub captures: Vec<CaptureReport>,
    /// Every packet that was read.
    pub total: Volume,
    /// What became of them.
    pub packets: Fates,
    /// Seconds from the first packet to the latest.
    pub capture_seconds: f64,
    /// Seconds that the replay took.
    pub elapsed_seconds: f64,
    /// Packets a second of the replay.
    pub packets_per_second: f64,
    /// How many threads shared the work.
    pub workers: usize,
    /// Why it was only one, where more were asked for or tried; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_worker_because: Option<String>,
    /// Verdicts by reason, over all interfaces; those without packets are left out.
    pub verdicts: Vec<VerdictReport>,
    /// The same by interface and direction.
    pub interfaces: Vec<InterfaceReport>,
    /// Rules that packets passed by, most packets first.
    pub rules: Vec<RuleReport>,
    /// Rules of attached groups that no packet passed by.
    pub unused_rules: Vec<RuleReport>,
    /// How many different five-tuples were denied.
    pub denied_flow_count: u64,
    /// Those with the most packets, most first.
    pub denied_flows: Vec<DeniedFlowReport>,
    /// Connections still tracked at the end.
    pub tracked_connections: u64,
    /// Policy changes that were made.
    pub changes: Vec<ChangeReport>,
    /// The flow log that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_log: Option<FlowLogReport>,
    /// What a picture of the replay is drawn from, where one was wanted.
    #[serde(skip)]
    pub survey: Option<Box<Survey>>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A flow log that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FlowLogReport {
    /// Records, NODATA and SKIPDATA among them.
    pub records: u64,
    /// Files.
    pub files: u64,
    /// Packets without a record: there were more flows in a window than are kept. SKIPDATA records stand for them.
    pub packets_skipped: u64,
}

impl From<&LogStatus> for FlowLogReport {
    fn from(status: &LogStatus) -> Self {
        Self {
            records: status.records,
            files: status.files,
            packets_skipped: status.packets_skipped,
        }
    }
}

/// What became of whole packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Fates {
    /// Allowed by every interface crossed.
    pub allowed: Volume,
    /// Denied by one at least.
    pub denied: Volume,
    /// Cross no known interface.
    pub no_interface: Volume,
    /// Not IP, or of a link type that is not read.
    pub not_ip: Volume,
}

/// One capture.
#[derive(Debug, Clone, Serialize)]
pub struct CaptureReport {
    /// Its name.
    pub file: String,
    /// Packets read from it.
    pub packets: u64,
    /// Why it ended early, where it did.
    pub error: Option<String>,
}

/// Verdicts of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictReport {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// How many.
    #[serde(flatten)]
    pub volume: Volume,
}

/// Verdicts at one interface in one direction.
#[derive(Debug, Clone, Serialize)]
pub struct InterfaceReport {
    /// The interface; `null` for malformed frames of nobody.
    pub interface: Option<String>,
    /// The direction.
    pub direction: Option<&'static str>,
    /// Allowed.
    pub allowed: Volume,
    /// Denied.
    pub denied: Volume,
    /// By reason.
    pub verdicts: Vec<VerdictReport>,
}

/// One rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    /// Its id.
    pub rule: String,
    /// Its group.
    pub group: String,
    /// The group's name.
    pub group_name: Option<String>,
    /// The direction.
    pub direction: &'static str,
    /// What it allows, in words.
    pub allows: String,
    /// Its description.
    pub description: Option<String>,
    /// Packets that it admitted, and those of connections that it admitted.
    #[serde(flatten)]
    pub volume: Volume,
}

/// One denied five-tuple.
#[derive(Debug, Clone, Serialize)]
pub struct DeniedFlowReport {
    /// Where.
    pub interface: String,
    /// Which way.
    pub direction: &'static str,
    /// Source address.
    pub src: String,
    /// Destination address.
    pub dst: String,
    /// Protocol.
    pub protocol: String,
    /// Source port, of TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// Destination port, of TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// Why.
    pub reason: &'static str,
    /// How many.
    #[serde(flatten)]
    pub volume: Volume,
    /// The number of the first packet denied.
    pub first_packet: u64,
    /// Why, in words: the rule that came nearest, where rules were asked.
    pub why: String,
}

/// One policy change.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeReport {
    /// Seconds after the first packet, as asked for.
    pub after_seconds: f64,
    /// The policy files.
    pub files: Vec<String>,
    /// The first packet under the new policy; `null` where the captures ended before.
    pub first_packet: Option<u64>,
}
