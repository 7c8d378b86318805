//! What a template may not have.

use super::Fault;
use super::work::Work;
use secgroup_model::{GroupId, ModelError, Origin};

/// Checks that nothing of the template has an id of EC2's own: what has one is there already, and is not made.
pub(super) fn check_ids(work: &mut Work<'_, '_>) -> Result<(), Vec<Fault>> {
    let wanted = work.wanted;
    let mut found: Vec<(&str, Option<&Origin>)> = Vec::new();
    let groups = work.own_groups();
    found.extend(
        groups
            .filter(|group| group.id.is_well_formed())
            .map(|group| (group.id.as_str(), group.origin.as_ref())),
    );
    macro_rules! look {
        ($($table:ident),*) => {$(
            let known = wanted.$table.values();
            let known = known.filter(|known| known.id.is_well_formed());
            found.extend(known.map(|known| (known.id.as_str(), known.origin.as_ref())));
        )*};
    }
    look!(vpcs, subnets, prefix_lists, interfaces);
    let peerings = wanted.peerings.keys().filter(|id| id.is_well_formed());
    found.extend(peerings.map(|id| (id.as_str(), None)));
    for (id, place) in found {
        let error = ModelError::value(format!("{id} is an id of EC2's own, and not made by a template"))
            .with_help("a stack is deployed from templates; what `aws ec2 describe-...` prints can seed an empty endpoint: `secgroup serve --seed FILE`");
        work.fault(id, place, error);
    }
    check_partial(work);
    work.check()
}

/// A group that no file describes has to be there.
fn check_partial(work: &mut Work<'_, '_>) {
    for id in work.partial_groups {
        let place = work
            .wanted
            .groups
            .get(id)
            .and_then(|group| group.origin.as_ref());
        let outcome = known(work, id);
        work.settle(id.as_str(), place, outcome);
    }
}

fn known(work: &Work<'_, '_>, id: &GroupId) -> Result<(), ModelError> {
    let real = work.lookup().group(id)?;
    crate::groups::known_group(work.edit.state(), work.caller, &real).map(drop)
}
