//! Instances (semantics B13, E44), as far as groups need them: a name that owns network interfaces.
//!
//! Nothing boots. A launch is done when the call is answered, and so are stop, start and termination; clients that wait for
//! `running` or `terminated` see it at their first look. What an instance is for here is what it holds: a primary interface in the
//! place 0 as long as it lives, and others beside it. A terminated one has none; it is listed for an hour, as EC2 does,
//! and then forgotten.
//!
//! | | |
//! |---|---|
//! | `run` | launch instances with the interfaces they come with |
//! | `lifecycle` | start, stop, terminate, forget |
//! | `attributes` | change the instance, or its one interface |

mod attributes;
mod lifecycle;
mod run;

use jiff::{SignedDuration, Timestamp};
use secgroup_model::{ErrorCode, InstanceId, ModelError, SubnetId};

pub use self::attributes::{InstanceChange, modify};
pub use self::lifecycle::{StateChange, start, stop, terminate};
pub use self::run::{InterfaceSource, Launch, LaunchInterface, run};
use crate::vpcs::default_vpc;
use crate::{Caller, Instance, InstanceState, Site, State, subnets};

/// How long a terminated instance is listed.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(1);

impl Instance {
    /// Whether it still counts at `now`.
    #[must_use]
    pub fn is_listed(&self, now: Timestamp) -> bool {
        self.state != InstanceState::Terminated || now.duration_since(self.changed) < LISTED_FOR
    }
}

/// The caller's instance of this id, which may be terminated.
///
/// # Errors
/// `InvalidInstanceID.NotFound` (E63), also for one of another account or terminated an hour ago.
pub fn known_instance<'a>(
    state: &'a State,
    caller: &Caller,
    now: Timestamp,
    id: &InstanceId,
) -> Result<&'a Instance, ModelError> {
    state
        .instances
        .get(id)
        .filter(|instance| instance.owner == caller.account && instance.is_listed(now))
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidInstanceIdNotFound,
                format!("The instance ID '{id}' does not exist"),
            )
        })
}

/// The subnet of an instance whose launch names none: that of the default VPC in `zone`, or in the first zone that has one.
///
/// # Errors
/// `VPCIdNotSpecified` without a default VPC, `MissingInput` where it has no such subnet.
pub fn default_subnet<'a>(
    state: &'a State,
    site: &Site,
    caller: &Caller,
    zone: Option<&str>,
) -> Result<&'a SubnetId, ModelError> {
    let vpc = default_vpc(state, &caller.account).ok_or_else(|| {
        ModelError::new(
            ErrorCode::VpcIdNotSpecified,
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
        )
    })?;
    state
        .inventory
        .subnets
        .values()
        .filter(|subnet| subnet.vpc == vpc.id)
        .filter(|subnet| subnets::is_default_for_zone(state, site, subnet))
        .filter(|subnet| zone.is_none() || subnet.availability_zone.as_deref() == zone)
        .min_by_key(|subnet| (&subnet.availability_zone, &subnet.id))
        .map(|subnet| &subnet.id)
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::MissingInput,
                format!(
                    "No subnets found for the default VPC '{}'. Please specify a subnet.",
                    vpc.id
                ),
            )
        })
}
