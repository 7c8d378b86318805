//! The fields of a record (G1 to G3), and those that AWS lacks: which rule, whose group, why, tracked or not.
//!
//! Names and versions come from `secgroup-ec2`, which reads formats for `CreateFlowLogs`, too; what a field *is* stands here. A field that
//! nothing on a host can know (ECS tasks, sublocations, AWS services) is [`Field::Unknown`] and always `-` (G4).

use std::fmt;
use std::str::FromStr;

use secgroup_ec2::flow_logs::format::{self, DEFAULT_FORMAT, FIELDS};
use secgroup_model::ModelError;

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Version,
    AccountId,
    InterfaceId,
    SrcAddr,
    DstAddr,
    SrcPort,
    DstPort,
    Protocol,
    Packets,
    Bytes,
    Start,
    End,
    Action,
    LogStatus,
    VpcId,
    SubnetId,
    InstanceId,
    TcpFlags,
    Type,
    PktSrcAddr,
    PktDstAddr,
    Region,
    AzId,
    FlowDirection,
    TrafficPath,
    RuleId,
    GroupId,
    Reason,
    Tracking,
    /// One that nothing here can know.
    Unknown,
}

/// What the known fields are called.
const KNOWN: [(&str, Field); 29] = [
    ("version", Field::Version),
    ("account-id", Field::AccountId),
    ("interface-id", Field::InterfaceId),
    ("srcaddr", Field::SrcAddr),
    ("dstaddr", Field::DstAddr),
    ("srcport", Field::SrcPort),
    ("dstport", Field::DstPort),
    ("protocol", Field::Protocol),
    ("packets", Field::Packets),
    ("bytes", Field::Bytes),
    ("start", Field::Start),
    ("end", Field::End),
    ("action", Field::Action),
    ("log-status", Field::LogStatus),
    ("vpc-id", Field::VpcId),
    ("subnet-id", Field::SubnetId),
    ("instance-id", Field::InstanceId),
    ("tcp-flags", Field::TcpFlags),
    ("type", Field::Type),
    ("pkt-srcaddr", Field::PktSrcAddr),
    ("pkt-dstaddr", Field::PktDstAddr),
    ("region", Field::Region),
    ("az-id", Field::AzId),
    ("flow-direction", Field::FlowDirection),
    ("traffic-path", Field::TrafficPath),
    ("rule-id", Field::RuleId),
    ("group-id", Field::GroupId),
    ("reason", Field::Reason),
    ("tracking", Field::Tracking),
];

/// How a field is stored in Parquet (G3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int32,
    Int64,
}

/// A field with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) field: Field,
}

impl Column {
    /// How Parquet has it (G3).
    pub(crate) fn kind(self) -> Kind {
        match self.name {
            "version" | "srcport" | "dstport" | "protocol" | "tcp-flags" | "traffic-path"
            | "encryption-status" => Kind::Int32,
            "packets" | "bytes" | "start" | "end" => Kind::Int64,
            _ => Kind::Text,
        }
    }
}

/// Which fields a record has, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: String,
    columns: Vec<Column>,
    version: u8,
}

impl Format {
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What the field `version` says: 2 of the default format, else the highest of the chosen fields (G2).
    pub(crate) const fn version(&self) -> u8 {
        self.version
    }

    /// Whether it asks why, so that packets of one flow that were told different things have records of their own.
    pub(crate) fn asks_why(&self) -> bool {
        let asks = |field| {
            matches!(
                field,
                Field::RuleId | Field::GroupId | Field::Reason | Field::Tracking
            )
        };
        self.columns.iter().any(|column| asks(column.field))
    }
}

impl Default for Format {
    /// The default one of AWS (G1).
    fn default() -> Self {
        // Its fields are all known: a test of theirs says so.
        DEFAULT_FORMAT.parse().unwrap_or(Self {
            text: String::new(),
            columns: Vec::new(),
            version: 2,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// `${srcaddr} ${dstaddr} ...`
impl FromStr for Format {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let columns: Vec<_> = format::parse(text)?
            .into_iter()
            .map(|name| Column {
                name,
                field: field_named(name),
            })
            .collect();
        let versions = columns.iter().filter_map(|column| {
            let known = FIELDS.iter().find(|(name, _)| *name == column.name);
            known.map(|(_, version)| *version)
        });
        Ok(Self {
            text: text.to_owned(),
            version: versions.max().unwrap_or(2).max(2),
            columns,
        })
    }
}

fn field_named(name: &str) -> Field {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    known.map_or(Field::Unknown, |(_, field)| *field)
}

#[cfg(test)]
mod tests {
    use secgroup_ec2::flow_logs::format::EXTRA_FIELDS;

    use super::*;

    #[test]
    fn every_known_field_can_be_asked_for() {
        for (name, field) in KNOWN {
            let format: Format = format!("${{{name}}}").parse().unwrap();
            assert_eq!(format.columns(), [Column { name, field }]);
            let is_extra = EXTRA_FIELDS.contains(&name);
            assert_eq!(format.asks_why(), is_extra, "{name}");
        }
        assert!(
            EXTRA_FIELDS
                .iter()
                .all(|name| field_named(name) != Field::Unknown)
        );
    }

    #[test]
    fn the_version_is_the_highest_of_the_fields() {
        for (format, version) in [
            (DEFAULT_FORMAT, 2), // G2
            ("${srcaddr}", 2),
            ("${srcaddr} ${tcp-flags}", 3),
            ("${flow-direction} ${region}", 5),
            ("${reject-reason}", 8),
            ("${rule-id}", 2),
            ("${rule-id} ${az-id}", 4),
        ] {
            assert_eq!(
                format.parse::<Format>().unwrap().version(),
                version,
                "{format}"
            );
        }
        assert_eq!(Format::default().columns().len(), 14);
    }
}
