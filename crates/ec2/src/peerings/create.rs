//! Asking for a peering connection.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use secgroup_model::{
    AccountId, ErrorCode, ModelError, Peering, PeeringId, PeeringStatus, Tags, VpcId,
};

use super::{PeeringCode, active_of, are_apart, enter, listed, status_of, sweep};
use crate::vpcs::known_vpc;
use crate::{Caller, Edit, PeeringDetails};

/// A request that nobody answers ends after this.
const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A VPC has at most this many connections and requests: EC2's quota of 50 active ones and 25 requests together.
const PER_VPC_MAX: usize = 75;
/// An account has at most this many requests that nobody answered or that failed: EC2's quota.
const OUTSTANDING_MAX: usize = 25;
/// An account's requests that ended otherwise are listed for hours: at most this many.
const ENDED_MAX: usize = 500;
/// What EC2 says of a request that cannot be, without saying which VPC of another account there is.
pub(super) const FAILED: &str =
    "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";

/// What `CreateVpcPeeringConnection` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePeering {
    /// `VpcId`: the VPC that asks.
    pub requester: VpcId,
    /// `PeerVpcId`: the VPC that is asked.
    pub accepter: VpcId,
    /// `PeerOwnerId`: its account; the caller's own where there is none.
    pub account: Option<AccountId>,
    /// `PeerRegion`: its Region; this one where there is none.
    pub region: Option<String>,
    /// The tags, which only the caller's account sees.
    pub tags: Tags,
}

/// Asks for a connection. It fails at once (a state, not an error) where ranges overlap and where another account or Region has no such VPC.
///
/// # Errors
/// `InvalidVpcID.NotFound` for a VPC of the caller's own, `InvalidParameterValue` for a VPC and itself,
/// `VpcPeeringConnectionAlreadyExists`, `VpcPeeringConnectionsPerVpcLimitExceeded`, `OutstandingVpcPeeringConnectionLimitExceeded`.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreatePeering,
) -> Result<PeeringId, ModelError> {
    sweep(edit);
    known_vpc(edit.state(), caller, &request.requester)?;
    let account = request.account.unwrap_or_else(|| caller.account.clone());
    let here = edit.site().region.to_string();
    let region = request.region.unwrap_or_else(|| here.clone());
    let vpc = edit.inventory().vpcs.get(&request.accepter);
    let exists = region == here && vpc.is_some_and(|vpc| vpc.owner == account);
    if !exists && region == here && account == caller.account {
        return Err(ModelError::unknown_vpc(&request.accepter));
    }
    check_pair(edit, &request.requester, &request.accepter)?;
    check_outstanding(edit, caller)?;
    let now = edit.now();
    let code = PeeringCode::PendingAcceptance;
    let peering = Peering {
        id: edit.fresh::<Peering>(PeeringId::from_random),
        requester: request.requester,
        accepter: request.accepter,
        status: status_of(code),
    };
    let details = PeeringDetails {
        requester: caller.account.clone(),
        message: format!("Pending Acceptance by {account}"),
        accepter: account,
        accepter_region: region,
        code,
        expires: now.saturating_add(ANSWER_WITHIN).unwrap_or(now),
        changed: now,
        tags: BTreeMap::from([(caller.account.clone(), request.tags)]),
    };
    let id = peering.id.clone();
    edit.put(id.clone(), peering);
    edit.put(id.clone(), details);
    if !exists || !are_apart(edit.state(), &id) {
        enter(edit, &id, PeeringCode::Failed, FAILED.to_owned());
    }
    Ok(id)
}

/// Not with itself, not twice, and not too many.
fn check_pair(edit: &Edit<'_>, one: &VpcId, other: &VpcId) -> Result<(), ModelError> {
    if one == other {
        return Err(ModelError::value(format!(
            "The vpc '{one}' cannot be peered with itself"
        )));
    }
    let peerings = edit.inventory().peerings.values();
    let living: Vec<_> = peerings
        .filter(|peering| peering.status != PeeringStatus::Gone)
        .collect();
    if let Some(peering) = living.iter().find(|peering| peering.connects(one, other)) {
        return Err(ModelError::new(
            ErrorCode::VpcPeeringConnectionAlreadyExists,
            format!("A VPC peering connection between '{one}' and '{other}' already exists."),
        )
        .with_help(format!("it is {}", peering.id)));
    }
    let of = |vpc: &VpcId| {
        let own = living.iter();
        own.filter(|peering| peering.requester == *vpc || peering.accepter == *vpc)
            .count()
    };
    // Whose connections count is who asks: others cannot use up what a VPC may have.
    if of(one) < PER_VPC_MAX {
        return Ok(());
    }
    Err(too_many(one))
}

/// Whether both VPCs may have one more active connection. Requests do not count: others make them.
pub(super) fn check_room(edit: &Edit<'_>, id: &PeeringId) -> Result<(), ModelError> {
    let Some(peering) = edit.inventory().peerings.get(id) else {
        return Ok(());
    };
    for vpc in [&peering.requester, &peering.accepter] {
        if active_of(edit.state(), vpc).count() >= PER_VPC_MAX {
            return Err(too_many(vpc));
        }
    }
    Ok(())
}

fn too_many(vpc: &VpcId) -> ModelError {
    ModelError::new(
        ErrorCode::VpcPeeringConnectionsPerVpcLimitExceeded,
        format!("The maximum number of peering connections of the vpc '{vpc}' has been reached."),
    )
}

/// Requests that fail cost nothing to make, and each is kept and listed: so they count.
fn check_outstanding(edit: &Edit<'_>, caller: &Caller) -> Result<(), ModelError> {
    let (mut outstanding, mut ended) = (0, 0);
    let own = listed(edit.state(), edit.now());
    for request in own.filter(|listed| listed.details.requester == caller.account) {
        match request.code {
            PeeringCode::PendingAcceptance | PeeringCode::Failed => outstanding += 1,
            PeeringCode::Deleted | PeeringCode::Rejected | PeeringCode::Expired => ended += 1,
            PeeringCode::Active => {}
        }
    }
    if outstanding < OUTSTANDING_MAX && ended < ENDED_MAX {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::OutstandingVpcPeeringConnectionLimitExceeded,
        "The maximum number of outstanding VPC peering connection requests has been reached.",
    )
    .with_help(format!(
        "an account has at most {OUTSTANDING_MAX} that are pending or failed less than 2 hours ago, and {ENDED_MAX} that ended otherwise and are listed still"
    )))
}
