//! The tags by which CloudFormation marks what it makes: of which stack it is, and what the template calls it.
//!
//! Programs find resources by them (`--filters Name=tag:aws:cloudformation:logical-id,Values=Web`), and so do the commands that `secgroup explain`
//! proposes. Their keys are reserved: callers can neither give them nor take them away (E58), they do not count among the tags that a resource may
//! have, and they are no difference between a template and what there is. Rules and associations have none, as in CloudFormation.
//!
//! Source: "Resource tag" in the user guide of AWS CloudFormation.

use std::collections::BTreeMap;

use secgroup_model::Tags;

use crate::tags::{self, Resource};
use crate::{Caller, Edit};

/// What tells a stack from others of its name: random, in the form of RFC 9562.
pub(super) fn uuid(edit: &mut Edit<'_>) -> String {
    let (high, low) = (edit.random(), edit.random());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        0x4000 | high & 0x0fff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

/// Marks the resources of a stack. One that is marked already is not touched.
pub(super) fn mark(
    edit: &mut Edit<'_>,
    caller: &Caller,
    stack: &str,
    uuid: &str,
    resources: &BTreeMap<String, String>,
) {
    let (region, account) = (&edit.site().region, &caller.account);
    let arn = format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/{uuid}");
    for (logical, id) in resources {
        let Ok(resource) = Resource::parse(id) else {
            continue; // An association, which has no id of its own.
        };
        let marks = [
            ("stack-name", stack),
            ("stack-id", &arn),
            ("logical-id", logical),
        ];
        let marks = marks.map(|(name, value)| {
            let key = format!("aws:cloudformation:{name}");
            (key, value.to_owned())
        });
        tags::put_reserved(edit, caller, &resource, &Tags::from(marks));
    }
}
