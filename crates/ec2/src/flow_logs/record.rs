//! What is kept of a flow log.

use jiff::Timestamp;
use secgroup_model::stored::tag_list;
use secgroup_model::{AccountId, FlowLogId, Tags};
use serde::{Deserialize, Serialize};

use crate::spelled::spelled;

spelled! {
    /// Which flows a flow log has (G19).
    FlowLogTraffic {
        /// Accepted ones.
        Accept = "ACCEPT",
        /// Rejected ones.
        Reject = "REJECT",
        /// Both.
        All = "ALL",
    }
}

spelled! {
    /// Where a flow log is delivered to (E51).
    FlowLogDestination {
        /// A log group.
        CloudWatchLogs = "cloud-watch-logs",
        /// Files.
        S3 = "s3",
        /// A stream.
        Firehose = "kinesis-data-firehose",
    }
}

spelled! {
    /// What files of a flow log look like (G23).
    FlowLogFileFormat {
        /// Lines, the first of which names the fields.
        PlainText = "plain-text",
        /// Apache Parquet.
        Parquet = "parquet",
    }
}

/// How files of a flow log are written (G23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FlowLogFiles {
    /// What they look like.
    #[serde(rename = "FileFormat")]
    pub format: FlowLogFileFormat,
    /// Whether folders are named as Hive does.
    #[serde(rename = "HiveCompatiblePartitions")]
    pub hive: bool,
    /// Whether there is a folder for each hour.
    #[serde(rename = "PerHourPartition")]
    pub per_hour: bool,
}

/// A flow log (E51).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FlowLog {
    /// Its id.
    #[serde(rename = "FlowLogId")]
    pub id: FlowLogId,
    /// The account that owns it.
    #[serde(rename = "OwnerId")]
    pub owner: AccountId,
    /// The id of a VPC, a subnet or an interface.
    #[serde(rename = "ResourceId")]
    pub resource: String,
    /// Which flows it has.
    #[serde(rename = "TrafficType")]
    pub traffic: FlowLogTraffic,
    /// What kind of place records go to.
    #[serde(rename = "LogDestinationType")]
    pub destination_type: FlowLogDestination,
    /// The ARN of where records go.
    #[serde(
        rename = "LogDestination",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub destination: Option<String>,
    /// The log group, for `cloud-watch-logs`.
    #[serde(
        rename = "LogGroupName",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub log_group: Option<String>,
    /// The ARN of the role that delivers.
    #[serde(
        rename = "DeliverLogsPermissionArn",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub permission: Option<String>,
    /// The ARN of the role that delivers into another account.
    #[serde(
        rename = "DeliverCrossAccountRole",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cross_account_role: Option<String>,
    /// The format, as typed; the default one where none was given.
    #[serde(rename = "LogFormat")]
    pub format: String,
    /// 60 or 600 s.
    #[serde(rename = "MaxAggregationInterval")]
    pub interval_seconds: u32,
    /// How files are written, for `s3`.
    #[serde(
        rename = "DestinationOptions",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub files: Option<FlowLogFiles>,
    /// When it was created.
    #[serde(rename = "CreationTime")]
    pub created: Timestamp,
    /// Its tags.
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}
