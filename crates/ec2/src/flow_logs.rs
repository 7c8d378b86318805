//! Flow logs (semantics E51, G): whose traffic is written down, in which format, and where to.
//!
//! A flow log cannot be changed (G19): it is created and deleted. It is only described here; who delivers reads the records, and takes
//! the fields from [`mod@format`].

pub mod format;

mod deliveries;
mod destination;
mod record;

use jiff::Timestamp;
use secgroup_model::{
    AccountId, ErrorCode, FlowLogId, ModelError, NetworkInterfaceId, SubnetId, Tags, VpcId,
};

pub use self::deliveries::{Deliveries, DeliveryFault};
pub use self::destination::RawDestination;
pub use self::record::{
    FlowLog, FlowLogDestination, FlowLogFileFormat, FlowLogFiles, FlowLogTraffic,
};

use self::destination::{in_parameter, invalid};
use crate::spelled::spelled;
use crate::subnets::known_subnet;
use crate::tokens::{ClientToken, once};
use crate::vpcs::known_vpc;
use crate::{Caller, Edit, State};

/// A call is about at most this many resources.
const RESOURCES_MAX: usize = 1000;
/// A resource has at most this many flow logs: EC2's quota.
const PER_RESOURCE_MAX: usize = 2;
/// The intervals that records are made of, in seconds, the default one first (G18).
const INTERVALS: [u32; 2] = [600, 60];

spelled! {
    /// What a flow log can be of. One of a VPC or subnet is of all interfaces in it, also those to come (G19).
    FlowLogResource {
        /// A VPC.
        Vpc = "VPC",
        /// A subnet.
        Subnet = "Subnet",
        /// A network interface.
        NetworkInterface = "NetworkInterface",
    }
}

/// What `CreateFlowLogs` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateFlowLogs {
    /// `ResourceId.N`.
    pub resources: Vec<String>,
    /// `ResourceType`.
    pub resource_type: String,
    /// `TrafficType`.
    pub traffic: String,
    /// Where to.
    pub destination: RawDestination,
    /// `LogFormat`.
    pub format: Option<String>,
    /// `MaxAggregationInterval`, in seconds.
    pub interval: Option<i64>,
    /// Their tags.
    pub tags: Tags,
    /// What makes the same call create once.
    pub token: Option<ClientToken>,
}

/// What became of a call that is about several resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreatedFlowLogs {
    /// The flow logs that were created.
    pub created: Vec<FlowLogId>,
    /// The resources that got none, and why.
    pub unsuccessful: Vec<(String, ModelError)>,
}

/// Creates a flow log for each resource. That one of them cannot have it is told of it alone.
///
/// # Errors
/// `InvalidParameter` and `InvalidParameterValue` for what is wrong for all of them.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreateFlowLogs,
) -> Result<CreatedFlowLogs, ModelError> {
    let token = request.token.clone();
    let plan = Plan::parse(request)?;
    let mut unsuccessful = Vec::new();
    let created = once(edit, caller, token.as_ref(), |edit| {
        let mut created = Vec::new();
        for resource in &plan.resources {
            match create_one(edit, caller, &plan, resource) {
                Ok(id) => created.push(id.to_string()),
                Err(error) => unsuccessful.push((resource.clone(), error)),
            }
        }
        match unsuccessful.first() {
            // Nothing was done: the same call may be tried again under its token.
            Some((_, error)) if created.is_empty() => Err(error.clone()),
            _ => Ok(created),
        }
    });
    let created = match created {
        Err(_) if !unsuccessful.is_empty() => Vec::new(),
        other => other?,
    };
    Ok(CreatedFlowLogs {
        created: created.iter().map(|id| FlowLogId::new(id)).collect(),
        unsuccessful,
    })
}

/// What is the same for all resources of a call, checked.
struct Plan {
    resources: Vec<String>,
    kind: FlowLogResource,
    traffic: FlowLogTraffic,
    destination_type: FlowLogDestination,
    destination: RawDestination,
    files: Option<FlowLogFiles>,
    format: String,
    interval_seconds: u32,
    tags: Tags,
}

impl Plan {
    fn parse(request: CreateFlowLogs) -> Result<Self, ModelError> {
        if request.resources.len() > RESOURCES_MAX {
            return Err(invalid(format!(
                "A call can be about at most {RESOURCES_MAX} resources."
            )));
        }
        let kind = request.resource_type.parse();
        let traffic = request.traffic.parse();
        let (destination_type, files) = request.destination.parse()?;
        let default_format = || format::DEFAULT_FORMAT.to_owned();
        let log_format = request.format.unwrap_or_else(default_format);
        format::parse(&log_format)?;
        Ok(Self {
            resources: request.resources,
            kind: kind.map_err(|error| in_parameter("ResourceType", &error))?,
            traffic: traffic.map_err(|error| in_parameter("TrafficType", &error))?,
            destination_type,
            destination: request.destination,
            files,
            format: log_format,
            interval_seconds: parse_interval(request.interval)?,
            tags: request.tags,
        })
    }

    fn flow_log(&self, id: FlowLogId, owner: &AccountId, of: &str, created: Timestamp) -> FlowLog {
        let destination = self.destination.clone();
        FlowLog {
            id,
            owner: owner.clone(),
            resource: of.to_owned(),
            traffic: self.traffic,
            destination_type: self.destination_type,
            destination: destination.arn,
            log_group: destination.log_group,
            permission: destination.permission,
            cross_account_role: destination.cross_account_role,
            format: self.format.clone(),
            interval_seconds: self.interval_seconds,
            files: self.files,
            created,
            tags: self.tags.clone(),
        }
    }
}

fn parse_interval(asked: Option<i64>) -> Result<u32, ModelError> {
    let mut known = INTERVALS.into_iter();
    match asked {
        None => Ok(INTERVALS[0]),
        Some(asked) => known
            .find(|known| i64::from(*known) == asked)
            .ok_or_else(|| invalid("Invalid Flow Log Max Aggregation Interval".to_owned())),
    }
}

fn create_one(
    edit: &mut Edit<'_>,
    caller: &Caller,
    plan: &Plan,
    resource: &str,
) -> Result<FlowLogId, ModelError> {
    check_resource(edit.state(), caller, plan.kind, resource)?;
    let id = edit.fresh::<FlowLog>(FlowLogId::from_random);
    let new = plan.flow_log(id.clone(), &caller.account, resource, edit.now());
    let logs = edit.state().flow_logs.values();
    let present: Vec<_> = logs.filter(|log| log.resource == resource).collect();
    if present.iter().any(|log| is_same(log, &new)) {
        return Err(ModelError::new(
            ErrorCode::FlowLogAlreadyExists,
            "Error. There is an existing Flow Log with the same configuration and log destination.",
        ));
    }
    if present.len() >= PER_RESOURCE_MAX {
        return Err(ModelError::new(
            ErrorCode::FlowLogsLimitExceeded,
            format!(
                "The maximum number of flow logs ({PER_RESOURCE_MAX}) of '{resource}' has been reached."
            ),
        ));
    }
    edit.put(id.clone(), new);
    Ok(id)
}

/// The caller has a resource of this kind and id.
fn check_resource(
    state: &State,
    caller: &Caller,
    kind: FlowLogResource,
    id: &str,
) -> Result<(), ModelError> {
    match kind {
        FlowLogResource::Vpc => known_vpc(state, caller, &VpcId::parse(id)?).map(drop),
        FlowLogResource::Subnet => known_subnet(state, caller, &SubnetId::parse(id)?).map(drop),
        FlowLogResource::NetworkInterface => {
            let id = NetworkInterfaceId::parse(id)?;
            if state.owner_of_interface(&id) == Some(&caller.account) {
                return Ok(());
            }
            Err(ModelError::new(
                ErrorCode::InvalidNetworkInterfaceIdNotFound,
                format!("The networkInterface ID '{id}' does not exist"),
            ))
        }
    }
}

/// Whether two flow logs of one resource would write the same to the same place.
fn is_same(one: &FlowLog, other: &FlowLog) -> bool {
    one.traffic == other.traffic
        && one.destination_type == other.destination_type
        && one.destination == other.destination
        && one.log_group == other.log_group
        && one.format == other.format
        && one.interval_seconds == other.interval_seconds
        && one.files == other.files
}

/// Deletes flow logs; all or none.
///
/// # Errors
/// `InvalidFlowLogId.NotFound`.
pub fn delete(edit: &mut Edit<'_>, caller: &Caller, ids: &[FlowLogId]) -> Result<(), ModelError> {
    check_known(edit.state(), caller, ids)?;
    for id in ids {
        edit.remove::<FlowLog>(id);
    }
    Ok(())
}

/// Checks that the caller has all of these.
///
/// # Errors
/// `InvalidFlowLogId.NotFound`, which names those that are not there.
pub fn check_known(state: &State, caller: &Caller, ids: &[FlowLogId]) -> Result<(), ModelError> {
    let missing: Vec<_> = ids
        .iter()
        .filter(|id| state.flow_logs.get(*id).map(|log| &log.owner) != Some(&caller.account))
        .map(FlowLogId::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::InvalidFlowLogIdNotFound,
        format!(
            "These flow log ids in the input list are not found: [TotalCount: {}] {}",
            missing.len(),
            missing.join(", ")
        ),
    ))
}

/// Deletes the flow logs of a VPC, subnet or interface that is deleted.
pub fn forget(edit: &mut Edit<'_>, resource: &str) {
    let logs = edit.state().flow_logs.values();
    let gone: Vec<_> = logs
        .filter(|log| log.resource == resource)
        .map(|log| log.id.clone())
        .collect();
    for id in gone {
        edit.remove::<FlowLog>(&id);
    }
}
