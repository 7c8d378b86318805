//! What is kept of a flow log.

use jiff::Timestamp;
use secgroup_model::{AccountId, FlowLogId, Tags};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowLogFiles {
    /// What they look like.
    pub format: FlowLogFileFormat,
    /// Whether folders are named as Hive does.
    pub hive: bool,
    /// Whether there is a folder for each hour.
    pub per_hour: bool,
}

/// A flow log (E51).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLog {
    /// Its id.
    pub id: FlowLogId,
    /// The account that owns it.
    pub owner: AccountId,
    /// The id of a VPC, a subnet or an interface.
    pub resource: String,
    /// Which flows it has.
    pub traffic: FlowLogTraffic,
    /// What kind of place records go to.
    pub destination_type: FlowLogDestination,
    /// The ARN of where records go.
    pub destination: Option<String>,
    /// The log group, for `cloud-watch-logs`.
    pub log_group: Option<String>,
    /// The ARN of the role that delivers.
    pub permission: Option<String>,
    /// The ARN of the role that delivers into another account.
    pub cross_account_role: Option<String>,
    /// The format, as typed; the default one where none was given.
    pub format: String,
    /// 60 or 600 s.
    pub interval_seconds: u32,
    /// How files are written, for `s3`.
    pub files: Option<FlowLogFiles>,
    /// When it was created.
    pub created: Timestamp,
    /// Its tags.
    pub tags: Tags,
}
