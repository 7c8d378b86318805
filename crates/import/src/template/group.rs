//! `AWS::EC2::SecurityGroup` (F1).

use secgroup_model::{
    Direction, GroupId, SecurityGroup, VpcId, parse_group_description, parse_group_name,
};

use super::convert::{DEFAULT_VPC, Item, Scope};
use super::ids::IdOf;
use super::rule;
use crate::collect::{Collected, FoundGroup};
use crate::common::{model_error, tags};
use crate::reader::{Need, Object};

/// Takes down a group, and the rules embedded in it.
pub(super) fn convert(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let id = GroupId::new(&item.id);
    let vpc = scope.id(&object, "VpcId", IdOf::Vpc, Need::Shown);
    // F1: without a VPC it is the default VPC's.
    let vpc = vpc.map_or_else(|| VpcId::new(DEFAULT_VPC), |(vpc, _)| VpcId::new(&vpc));
    let name = name(&object).unwrap_or_else(|| {
        // F1: made up from the names of stack and resource.
        format!("{}-{}", scope.evaluator.stack_name(), item.resource.name)
    });
    let mut group = SecurityGroup::new(id, &name, scope.account(), Some(vpc));
    if let Some(description) = description(&object) {
        group.description = description;
    }
    group.tags = tags(&object, "Tags");
    group.origin = scope.origin(item.span);
    let mut rules = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        rules.extend(rule::convert_embedded(
            scope, item, &object, direction, collected,
        ));
    }
    collected.groups.push(FoundGroup {
        group,
        span: item.span,
        rules,
        made_by_stack: true,
    });
}

fn name(object: &Object<'_, '_>) -> Option<String> {
    let (text, span) = object.text("GroupName", Need::Shown)?;
    match parse_group_name(&text) {
        Ok(name) => Some(name),
        Err(error) => {
            object.fail(model_error(error, span));
            None
        }
    }
}

/// B6; the one property that a group cannot be without.
fn description(object: &Object<'_, '_>) -> Option<String> {
    let (text, span) = object.required_text("GroupDescription", Need::Shown)?;
    match parse_group_description(&text) {
        Ok(description) => Some(description),
        Err(error) => {
            object.fail(model_error(error, span));
            None
        }
    }
}
