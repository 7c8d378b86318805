//! What all actions share: rights, dry runs, parameters that nobody asked for.

use secgroup_ec2::{Caller, Edit, Site, State};
use secgroup_model::{ErrorCode, ModelError};

use crate::{Params, Xml};

/// A call that only reads.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// What there is.
    pub state: &'a State,
    /// Where.
    pub site: &'a Site,
    /// Who calls.
    pub caller: &'a Caller,
    /// What was said.
    pub params: &'a Params,
    /// The time of the call.
    pub now: jiff::Timestamp,
}

/// A call that changes something.
#[derive(Debug)]
pub struct Write<'e, 's> {
    /// The change; taken back unless the call succeeds.
    pub edit: &'e mut Edit<'s>,
    /// Who calls.
    pub caller: &'e Caller,
    /// What was said.
    pub params: &'e Params,
}

/// Does a call that reads.
///
/// # Errors
/// The action's own, `UnknownParameter`, or `DryRunOperation`.
pub fn dispatch_read(
    act: fn(&Read<'_>) -> Result<Xml, ModelError>,
    call: &Read<'_>,
) -> Result<Xml, ModelError> {
    let answer = act(call)?;
    finish(call.params)?;
    Ok(answer)
}

/// Does a call that changes something. Whoever calls commits the edit if this succeeds, and drops it if not.
///
/// # Errors
/// `UnauthorizedOperation`, the action's own, `UnknownParameter`, or `DryRunOperation`.
pub fn dispatch_write(
    act: fn(&mut Write<'_, '_>) -> Result<Xml, ModelError>,
    call: &mut Write<'_, '_>,
) -> Result<Xml, ModelError> {
    if !call.caller.may_write {
        return Err(ModelError::new(
            ErrorCode::UnauthorizedOperation,
            "You are not authorized to perform this operation.",
        )
        .with_help("the access key is read-only"));
    }
    let answer = act(call)?;
    finish(call.params)?;
    Ok(answer)
}

/// E5, E6.
fn finish(params: &Params) -> Result<(), ModelError> {
    let dry_run = params.flag("DryRun")?;
    params.check_all_read()?;
    if dry_run == Some(true) {
        return Err(ModelError::new(
            ErrorCode::DryRunOperation,
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    Ok(())
}
