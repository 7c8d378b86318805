//! Flow logs, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::choices::{FlowLogFile, FlowLogTraffic};

/// `[flow_logs]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FlowLogs {
    /// Flows of which records are being made at a time, all logs together; of what is more, SKIPDATA records are made, and it is counted.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub(crate) flows: u32,
    /// The folder that stands for S3: what `aws ec2 create-flow-logs` sends to `arn:aws:s3:::NAME/PREFIX` goes to `NAME/PREFIX` in it. Without it such
    /// flow logs are described as failed.
    #[schemars(example = &"/var/log/secgroup/buckets")]
    pub(crate) buckets: Option<String>,
}

impl Default for FlowLogs {
    fn default() -> Self {
        Self {
            flows: 262_144,
            buckets: None,
        }
    }
}

/// `[[flow_log]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowLog {
    /// The folder of its files, laid out like an S3 bucket.
    #[schemars(example = &"/var/log/secgroup/flows")]
    pub(crate) folder: String,
    /// Whose traffic: names of interfaces, ids of network interfaces, subnets or VPCs; all interfaces by default.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub(crate) of: Vec<String>,
    /// Which traffic.
    #[serde(default)]
    pub(crate) traffic: FlowLogTraffic,
    /// Fields of a record, those of AWS and `${rule-id}`, `${group-id}`, `${reason}` and `${tracking}`; AWS's default format by default.
    #[schemars(example = &"${interface-id} ${srcaddr} ${dstaddr} ${action} ${rule-id}")]
    pub(crate) format: Option<String>,
    /// Seconds that a record covers at most.
    #[serde(default = "interval")]
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) interval_seconds: u32,
    /// Seconds until a file is finished.
    #[serde(default = "publish")]
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) publish_seconds: u32,
    /// What files look like.
    #[serde(default)]
    pub(crate) file_format: FlowLogFile,
    /// Name folders as Hive finds partitions.
    #[serde(default)]
    pub(crate) hive: bool,
    /// A folder for each hour.
    #[serde(default)]
    pub(crate) per_hour: bool,
}

const fn interval() -> u32 {
    600
}

const fn publish() -> u32 {
    secgroup_flowlog::Folder::PUBLISH_EVERY
}
