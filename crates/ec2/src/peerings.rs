//! VPC peering connections (semantics A27, B28): what lets a rule name a group of another VPC.
//!
//! ```text
//!           create ──► pending-acceptance ──► active ──► deleted
//!             │          │      │     └─► deleted (by who asked)
//!             │          │      └─► rejected
//!             └─► failed └─► expired, after 7 days
//! ```
//!
//! Both accounts see a connection; each has tags of its own. The inventory keeps what references depend on (the two VPCs, and
//! whether it is active), [`PeeringDetails`] what the API says beyond that. References over a connection that ended are stale,
//! and stay (B28).
//!
//! There is no timer. Whether a request has expired, and whether what ended is listed still, is asked with the time of the call
//! ([`listed`]); [`sweep`] takes away what nobody sees any more, with every new request.

mod create;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secgroup_model::{AccountId, ErrorCode, ModelError, Peering, PeeringId, PeeringStatus, VpcId};

pub use self::create::{CreatePeering, create};

use crate::vpcs::ranges::ranges_of;
use crate::{Caller, Edit, PeeringCode, PeeringDetails, State};

/// How long rejected and expired requests are listed.
const UNANSWERED_LISTED: SignedDuration = SignedDuration::from_hours(48);
/// How long deleted and failed connections are listed.
const ENDED_LISTED: SignedDuration = SignedDuration::from_hours(2);

/// A connection as it is at a time.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its VPCs.
    pub peering: &'a Peering,
    /// Both accounts, the state that was written down, the tags.
    pub details: &'a PeeringDetails,
    /// Its state now.
    pub code: PeeringCode,
}

impl Listed<'_> {
    /// What the API says about the state.
    #[must_use]
    pub fn message(&self) -> &str {
        match self.code {
            PeeringCode::Expired => "Expired",
            _ => &self.details.message,
        }
    }

    /// Whether `account` is one of the two.
    #[must_use]
    pub fn concerns(&self, account: &AccountId) -> bool {
        self.details.requester == *account || self.details.accepter == *account
    }
}

/// Every connection that can be seen at `now`, of all accounts, in the order of ids.
pub fn listed(state: &State, now: Timestamp) -> impl Iterator<Item = Listed<'_>> {
    let peerings = state.inventory.peerings.values();
    peerings.filter_map(move |peering| look(state, now, peering))
}

/// One connection, unless it ended so long ago that nobody sees it.
fn look<'a>(state: &'a State, now: Timestamp, peering: &'a Peering) -> Option<Listed<'a>> {
    let details = state.peerings.get(&peering.id)?;
    let (code, since) = code_at(details, now);
    (now.duration_since(since) < listed_for(code)).then_some(Listed {
        peering,
        details,
        code,
    })
}

/// The state at `now`, and since when it is that.
fn code_at(details: &PeeringDetails, now: Timestamp) -> (PeeringCode, Timestamp) {
    match details.code {
        PeeringCode::PendingAcceptance if now >= details.expires => {
            (PeeringCode::Expired, details.expires)
        }
        code => (code, details.changed),
    }
}

const fn listed_for(code: PeeringCode) -> SignedDuration {
    match code {
        PeeringCode::PendingAcceptance | PeeringCode::Active => SignedDuration::MAX,
        PeeringCode::Rejected | PeeringCode::Expired => UNANSWERED_LISTED,
        PeeringCode::Deleted | PeeringCode::Failed => ENDED_LISTED,
    }
}

/// The connection of this id, if the caller is one of its two accounts.
///
/// # Errors
/// `InvalidVpcPeeringConnectionID.NotFound`.
pub fn known<'a>(
    state: &'a State,
    caller: &Caller,
    now: Timestamp,
    id: &PeeringId,
) -> Result<Listed<'a>, ModelError> {
    let peering = state.inventory.peerings.get(id);
    peering
        .and_then(|peering| look(state, now, peering))
        .filter(|listed| listed.concerns(&caller.account))
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
                format!("The vpcPeeringConnection ID '{id}' does not exist"),
            )
        })
}

/// Makes a request an active connection. Where the VPCs came to overlap since it was made, it fails instead.
///
/// # Errors
/// `InvalidVpcPeeringConnectionID.NotFound`; `OperationNotPermitted` for whoever was not asked; `InvalidStateTransition` for what is
/// not, or no longer, a request; `VpcPeeringConnectionsPerVpcLimitExceeded` where either VPC has too many.
pub fn accept(edit: &mut Edit<'_>, caller: &Caller, id: &PeeringId) -> Result<(), ModelError> {
    check_answer(edit, caller, id, PeeringCode::Active)?;
    create::check_room(edit, id)?;
    if are_apart(edit.state(), id) {
        enter(edit, id, PeeringCode::Active, "Active".to_owned());
    } else {
        enter(edit, id, PeeringCode::Failed, create::FAILED.to_owned());
    }
    Ok(())
}

/// Refuses a request.
///
/// # Errors
/// As [`accept`].
pub fn reject(edit: &mut Edit<'_>, caller: &Caller, id: &PeeringId) -> Result<(), ModelError> {
    check_answer(edit, caller, id, PeeringCode::Rejected)?;
    let message = format!("Rejected by {}", caller.account);
    enter(edit, id, PeeringCode::Rejected, message);
    Ok(())
}

/// Ends a connection, or takes the caller's own request back.
///
/// # Errors
/// `InvalidVpcPeeringConnectionID.NotFound`; `OperationNotPermitted` for a request that the caller only got;
/// `InvalidStateTransition` for what ended already.
pub fn delete(edit: &mut Edit<'_>, caller: &Caller, id: &PeeringId) -> Result<(), ModelError> {
    let found = known(edit.state(), caller, edit.now(), id)?;
    match found.code {
        PeeringCode::Active => {}
        PeeringCode::PendingAcceptance if found.details.requester == caller.account => {}
        PeeringCode::PendingAcceptance => return Err(not_permitted(caller, "delete", id)),
        code => return Err(no_transition(id, code, PeeringCode::Deleted)),
    }
    enter(edit, id, PeeringCode::Deleted, deleted_by(&caller.account));
    Ok(())
}

/// Only who was asked answers, and only a request is answered.
fn check_answer(
    edit: &Edit<'_>,
    caller: &Caller,
    id: &PeeringId,
    to: PeeringCode,
) -> Result<(), ModelError> {
    let found = known(edit.state(), caller, edit.now(), id)?;
    if found.details.accepter != caller.account {
        let verb = match to {
            PeeringCode::Active => "accept",
            _ => "reject",
        };
        return Err(not_permitted(caller, verb, id));
    }
    match found.code {
        PeeringCode::PendingAcceptance => Ok(()),
        code => Err(no_transition(id, code, to)),
    }
}

fn not_permitted(caller: &Caller, verb: &str, id: &PeeringId) -> ModelError {
    ModelError::new(
        ErrorCode::OperationNotPermitted,
        format!("User ({}) cannot {verb} peering {id}", caller.account),
    )
}

fn no_transition(id: &PeeringId, from: PeeringCode, to: PeeringCode) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidStateTransition,
        format!("Invalid state transition for {id}, attempted to transition from {from} to {to}"),
    )
}

fn deleted_by(account: &AccountId) -> String {
    format!("Deleted by {account}")
}

/// Puts a connection into a state, for references as well as for those who ask.
fn enter(edit: &mut Edit<'_>, id: &PeeringId, code: PeeringCode, message: String) {
    let now = edit.now();
    if let Some(peering) = edit.get_mut::<Peering>(id) {
        peering.status = status_of(code);
    }
    if let Some(details) = edit.get_mut::<PeeringDetails>(id) {
        details.code = code;
        details.message = message;
        details.changed = now;
    }
}

/// What a state means for references (A27, B28).
const fn status_of(code: PeeringCode) -> PeeringStatus {
    match code {
        PeeringCode::Active => PeeringStatus::Active,
        PeeringCode::PendingAcceptance => PeeringStatus::Pending,
        PeeringCode::Rejected
        | PeeringCode::Deleted
        | PeeringCode::Expired
        | PeeringCode::Failed => PeeringStatus::Gone,
    }
}

/// Whether no range of one VPC overlaps one of the other; a VPC that is gone has none.
fn are_apart(state: &State, id: &PeeringId) -> bool {
    let vpc = |id: &VpcId| state.inventory.vpcs.get(id);
    let Some(peering) = state.inventory.peerings.get(id) else {
        return false;
    };
    let (Some(one), Some(other)) = (vpc(&peering.requester), vpc(&peering.accepter)) else {
        return false;
    };
    let mut pairs = ranges_of(one).flat_map(|a| ranges_of(other).map(move |b| (a, b)));
    !pairs.any(|(a, b)| crate::ranges::overlap(a, b))
}

/// The active connections of a VPC.
pub(crate) fn active_of<'a>(state: &'a State, vpc: &VpcId) -> impl Iterator<Item = &'a Peering> {
    let of = |peering: &Peering| peering.requester == *vpc || peering.accepter == *vpc;
    state
        .inventory
        .peerings
        .values()
        .filter(move |peering| peering.status == PeeringStatus::Active && of(peering))
}

/// The VPC of a connection that is not `vpc`.
pub(crate) fn other_side<'a>(peering: &'a Peering, vpc: &VpcId) -> &'a VpcId {
    if peering.requester == *vpc {
        &peering.accepter
    } else {
        &peering.requester
    }
}

/// Ends the requests that a VPC made and got, because it is deleted.
pub(crate) fn end_requests(edit: &mut Edit<'_>, account: &AccountId, vpc: &VpcId) {
    let peerings = edit.inventory().peerings.values();
    let requests: Vec<_> = peerings
        .filter(|peering| peering.status == PeeringStatus::Pending)
        .filter(|peering| peering.requester == *vpc || peering.accepter == *vpc)
        .map(|peering| peering.id.clone())
        .collect();
    for id in requests {
        enter(edit, &id, PeeringCode::Deleted, deleted_by(account));
    }
}

/// Writes down which requests have expired, and takes away what is not listed any more.
pub fn sweep(edit: &mut Edit<'_>) {
    let now = edit.now();
    let seen: BTreeMap<_, _> = listed(edit.state(), now)
        .map(|listed| (listed.peering.id.clone(), listed.code))
        .collect();
    let gone: Vec<_> = edit
        .inventory()
        .peerings
        .keys()
        // One without details came with a policy file: it is not the API's to take away.
        .filter(|id| edit.state().peerings.contains_key(*id))
        .filter(|id| !seen.contains_key(*id))
        .cloned()
        .collect();
    for id in gone {
        edit.remove::<Peering>(&id);
        edit.remove::<PeeringDetails>(&id);
    }
    for (id, code) in seen {
        let written = edit.state().peerings.get(&id).map(|details| details.code);
        if code == PeeringCode::Expired && written != Some(PeeringCode::Expired) {
            expire(edit, &id);
        }
    }
}

/// It expired when its time was over, not when somebody noticed.
fn expire(edit: &mut Edit<'_>, id: &PeeringId) {
    enter(edit, id, PeeringCode::Expired, "Expired".to_owned());
    if let Some(details) = edit.get_mut::<PeeringDetails>(id) {
        details.changed = details.expires;
    }
}
