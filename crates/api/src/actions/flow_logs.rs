//! Flow logs (E51).

use std::borrow::Cow;

use secgroup_ec2::FlowLog;
use secgroup_ec2::flow_logs::{self, CreateFlowLogs, Deliveries, DeliveryFault, RawDestination};
use secgroup_model::{FlowLogId, ModelError, Tags};

use super::{Action, Table};
use crate::xml::timestamp;
use crate::{Filterable, Filters, Page, Params, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateFlowLogs", Action::Write(create)),
    ("DeleteFlowLogs", Action::Write(delete)),
    ("DescribeFlowLogs", Action::Read(describe)),
];

/// What `DescribeFlowLogs` can be filtered by (E24).
const FILTERS: &[&str] = &[
    "deliver-log-status",
    "flow-log-id",
    "log-destination-type",
    "log-group-name",
    "resource-id",
    "tag",
    "traffic-type",
];

/// A flow log, and what becomes of it.
struct Described<'a> {
    log: &'a FlowLog,
    fault: Option<DeliveryFault>,
}

impl<'a> Described<'a> {
    fn new(log: &'a FlowLog, deliveries: &Deliveries) -> Self {
        Self {
            log,
            fault: deliveries.fault(&log.id),
        }
    }

    /// `deliverLogsStatus`.
    const fn status(&self) -> &'static str {
        match self.fault {
            None => "SUCCESS",
            Some(_) => "FAILED",
        }
    }
}

impl Filterable for Described<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "deliver-log-status" => vec![self.status().into()],
            "flow-log-id" => vec![self.log.id.as_str().into()],
            "log-destination-type" => vec![self.log.destination_type.as_str().into()],
            "log-group-name" => {
                let name = self.log.log_group.iter();
                name.map(|name| name.as_str().into()).collect()
            }
            "resource-id" => vec![self.log.resource.as_str().into()],
            "traffic-type" => vec![self.log.traffic.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.log.tags)
    }
}

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let resources = params.texts("ResourceId");
    if resources.is_empty() {
        return Err(params.missing("ResourceId"));
    }
    let request = CreateFlowLogs {
        resources: resources.into_iter().map(str::to_owned).collect(),
        resource_type: params.required("ResourceType")?.to_owned(),
        traffic: params.required("TrafficType")?.to_owned(),
        destination: destination(params)?,
        format: params.text("LogFormat").map(str::to_owned),
        interval: params.integer("MaxAggregationInterval")?,
        tags: params.tag_specifications("vpc-flow-log")?,
        token: params.client_token("CreateFlowLogs")?,
    };
    let done = flow_logs::create(call.edit, call.caller, request)?;
    let mut xml = Xml::new();
    xml.optional("clientToken", params.text("ClientToken"));
    xml.texts("flowLogIdSet", &done.created);
    unsuccessful(&mut xml, &done.unsuccessful);
    Ok(xml)
}

fn destination(params: &Params) -> Result<RawDestination, ModelError> {
    let text = |name| params.text(name).map(str::to_owned);
    let none = Params::default();
    let options = params.member("DestinationOptions").unwrap_or(&none);
    Ok(RawDestination {
        kind: text("LogDestinationType"),
        arn: text("LogDestination"),
        log_group: text("LogGroupName"),
        permission: text("DeliverLogsPermissionArn"),
        cross_account_role: text("DeliverCrossAccountRole"),
        file_format: options.text("FileFormat").map(str::to_owned),
        hive: options.flag("HiveCompatiblePartitions")?,
        per_hour: options.flag("PerHourPartition")?,
    })
}

fn unsuccessful(xml: &mut Xml, items: &[(String, ModelError)]) {
    xml.list("unsuccessful", items, |xml, (resource, error)| {
        xml.text("resourceId", resource);
        xml.element("error", |xml| {
            xml.text("code", error.code);
            xml.text("message", &error.message);
        });
    });
}

/// All or none: a call that succeeds has nothing unsuccessful.
fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids("FlowLogId", FlowLogId::parse)?;
    if ids.is_empty() {
        return Err(call.params.missing("FlowLogId"));
    }
    flow_logs::delete(call.edit, call.caller, &ids)?;
    let mut xml = Xml::new();
    unsuccessful(&mut xml, &[]);
    Ok(xml)
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids("FlowLogId", FlowLogId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 1..=1000, None)?;
    flow_logs::check_known(call.state, call.caller, &ids)?;
    let owned = call.state.flow_logs.values().filter(|log| {
        log.owner == call.caller.account && (ids.is_empty() || ids.contains(&log.id))
    });
    let chosen = owned
        .map(|log| Described::new(log, &call.site.deliveries))
        .filter(|described| filters.matches(described));
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "flowLogSet",
        chosen,
        |described| described.log.id.to_string(),
        write,
    );
    Ok(xml)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "a page hands over what it writes"
)]
fn write(xml: &mut Xml, described: Described<'_>) {
    let log = described.log;
    xml.text("flowLogId", &log.id);
    xml.text("flowLogStatus", "ACTIVE");
    xml.text("creationTime", timestamp(log.created));
    xml.text("resourceId", &log.resource);
    xml.text("trafficType", log.traffic);
    xml.text("deliverLogsStatus", described.status());
    xml.optional(
        "deliverLogsErrorMessage",
        described.fault.map(DeliveryFault::as_str),
    );
    xml.optional("deliverLogsPermissionArn", log.permission.as_ref());
    xml.optional("deliverCrossAccountRole", log.cross_account_role.as_ref());
    xml.text("logDestinationType", log.destination_type);
    xml.optional("logDestination", log.destination.as_ref());
    xml.optional("logGroupName", log.log_group.as_ref());
    xml.text("logFormat", &log.format);
    xml.text("maxAggregationInterval", log.interval_seconds);
    if let Some(files) = &log.files {
        xml.element("destinationOptions", |xml| {
            xml.text("fileFormat", files.format);
            xml.text("hiveCompatiblePartitions", files.hive);
            xml.text("perHourPartition", files.per_hour);
        });
    }
    xml.tags(&log.tags);
}

#[cfg(test)]
mod tests;
