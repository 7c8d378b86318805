//! One record, and the value that it has in each field.

use std::fmt;
use std::net::IpAddr;

use secgroup_control::Registry;
use secgroup_datapath::Action;
use secgroup_packet::{Direction, Family, Timestamp};
use secgroup_policy::RuleNumber;

use crate::field::{Column, Field};
use crate::interface::Interface;
use crate::observation::{Flow, Sums};

/// What rule numbers stand for.
pub trait RuleNames {
    /// The id of a rule and of its group; `None` where it is not known any more.
    fn rule(&self, number: RuleNumber) -> Option<(String, String)>;
}

impl RuleNames for Registry {
    fn rule(&self, number: RuleNumber) -> Option<(String, String)> {
        let registered = Self::rule(self, number)?;
        Some((registered.rule.id.to_string(), registered.group.to_string()))
    }
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) interface: &'a Interface,
    pub(crate) region: &'a str,
    pub(crate) version: u8,
    pub(crate) what: What<'a>,
}

/// What a record is about (G16).
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    /// A flow: `OK`.
    Flow {
        flow: &'a Flow,
        sums: &'a Sums,
        verdict: secgroup_datapath::Verdict,
        /// The ids of its rule and group, where they are asked for.
        rule: Option<(&'a str, &'a str)>,
    },
    /// Nothing was seen from one second to the other.
    NoData(u64, u64),
    /// Something was seen that has no record.
    SkipData(u64, u64),
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Not applicable, or not known (G4).
    Missing,
    Number(u64),
    Text(&'a str),
    Address(IpAddr),
}

/// As text has it.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("-"),
            Self::Number(number) => number.fmt(f),
            // An id out of a template may have anything in it; a space would make two fields of it.
            Self::Text("") => f.write_str("-"),
            Self::Text(text) if text.contains(is_separator) => {
                f.write_str(&text.replace(is_separator, "_"))
            }
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

impl<'a> Row<'a> {
    pub(crate) fn value(&self, column: Column) -> Value<'a> {
        let of = self.interface;
        match column.field {
            Field::Version => Value::Number(self.version.into()),
            Field::AccountId => Value::Text(&of.account),
            Field::InterfaceId => Value::Text(&of.id),
            field => match self.what {
                What::Flow {
                    flow,
                    sums,
                    verdict,
                    rule,
                } => self.of_flow(field, flow, sums, verdict, rule),
                What::NoData(start, end) => of_gap(field, start, end, "NODATA"),
                What::SkipData(start, end) => of_gap(field, start, end, "SKIPDATA"),
            },
        }
    }

    fn of_flow(
        &self,
        field: Field,
        flow: &Flow,
        sums: &Sums,
        verdict: secgroup_datapath::Verdict,
        rule: Option<(&'a str, &'a str)>,
    ) -> Value<'a> {
        let of = self.interface;
        let (src, dst) = (flow.addresses.src(), flow.addresses.dst());
        let is_egress = flow.direction == Direction::Egress;
        let [sport, dport] = flow.ports;
        match field {
            Field::SrcAddr if is_egress => Value::Address(of.shown(src)),
            Field::DstAddr if !is_egress => Value::Address(of.shown(dst)),
            Field::SrcAddr | Field::PktSrcAddr => Value::Address(src),
            Field::DstAddr | Field::PktDstAddr => Value::Address(dst),
            Field::SrcPort => Value::Number(sport.into()),
            Field::DstPort => Value::Number(dport.into()),
            Field::Protocol => Value::Number(flow.protocol.0.into()),
            Field::Packets => Value::Number(sums.packets),
            Field::Bytes => Value::Number(sums.bytes),
            Field::Start => Value::Number(seconds(sums.first)),
            Field::End => Value::Number(seconds(sums.last)),
            Field::Action => Value::Text(match verdict.action() {
                Action::Allow => "ACCEPT",
                Action::Deny => "REJECT",
            }),
            Field::LogStatus => Value::Text("OK"),
            Field::VpcId => text(of.vpc.as_ref()),
            Field::SubnetId => text(of.subnet.as_ref()),
            Field::InstanceId => text(of.instance.as_ref()),
            Field::AzId => text(of.zone.as_ref()),
            Field::Region => Value::Text(self.region),
            Field::TcpFlags => Value::Number(sums.tcp_flags.into()),
            Field::Type => Value::Text(match flow.addresses.family() {
                Family::V4 => "IPv4",
                Family::V6 => "IPv6",
            }),
            Field::FlowDirection => Value::Text(if is_egress { "egress" } else { "ingress" }),
            Field::TrafficPath if is_egress => of.path(dst).map_or(Value::Missing, Value::Number),
            Field::Reason => Value::Text(verdict.reason.as_str()),
            Field::Tracking => tracking(verdict),
            Field::RuleId => rule.map_or(Value::Missing, |(rule, _)| Value::Text(rule)),
            Field::GroupId => rule.map_or(Value::Missing, |(_, group)| Value::Text(group)),
            _ => Value::Missing,
        }
    }
}

/// NODATA and SKIPDATA say whose, when, and nothing else (G17).
const fn of_gap(field: Field, start: u64, end: u64, status: &str) -> Value<'_> {
    match field {
        Field::Start => Value::Number(start),
        Field::End => Value::Number(end),
        Field::LogStatus => Value::Text(status),
        _ => Value::Missing,
    }
}

fn tracking(verdict: secgroup_datapath::Verdict) -> Value<'static> {
    use secgroup_datapath::Reason;
    match (verdict.action(), verdict.reason) {
        (Action::Deny, _) => Value::Missing,
        (Action::Allow, Reason::Untracked) => Value::Text("untracked"),
        (Action::Allow, _) => Value::Text("tracked"),
    }
}

fn text(id: Option<&String>) -> Value<'_> {
    id.map_or(Value::Missing, |id| Value::Text(id))
}

/// Whole seconds since 1970.
pub(crate) const fn seconds(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000_000
}
