//! Attributes of an interface, one a call (E42, E43, E59).

use secgroup_ec2::interfaces::{self, InterfaceChange, known_interface};
use secgroup_model::{AttachmentId, GroupId, ModelError, NetworkInterfaceId};

use super::ID;
use super::request::{combination, connection_tracking};
use super::view::{View, write_attachment, write_groups};
use crate::{Params, Read, Write, Xml};

/// What can be changed.
const ATTRIBUTES: [&str; 5] = [
    "Attachment",
    "ConnectionTrackingSpecification",
    "Description",
    "SecurityGroupId",
    "SourceDestCheck",
];
/// What EC2 can change, too, and what has no meaning here.
const UNSUPPORTED: [&str; 4] = [
    "AssociatePublicIpAddress",
    "AssociatedSubnetId",
    "EnablePrimaryIpv6",
    "EnaSrdSpecification",
];

pub(super) fn modify(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id(ID, NetworkInterfaceId::parse)?;
    params.refuse(&UNSUPPORTED)?;
    let change = change(params, only_one(params, &ATTRIBUTES)?)?;
    interfaces::modify(call.edit, call.caller, &id, change)?;
    Ok(Xml::done())
}

fn change(params: &Params, attribute: &str) -> Result<InterfaceChange, ModelError> {
    Ok(match attribute {
        "SecurityGroupId" => {
            InterfaceChange::Groups(params.ids("SecurityGroupId", GroupId::parse)?)
        }
        "ConnectionTrackingSpecification" => {
            InterfaceChange::Tracking(connection_tracking(params)?)
        }
        "Attachment" => attachment_change(params)?,
        "SourceDestCheck" => InterfaceChange::SourceDestCheck(flag_value(params, attribute)?),
        _ => {
            let given = params.member(attribute);
            let text = given.and_then(|given| given.text("Value"));
            let text = text.ok_or_else(|| params.missing("Description.Value"))?;
            InterfaceChange::Description(text.to_owned())
        }
    })
}

fn attachment_change(params: &Params) -> Result<InterfaceChange, ModelError> {
    let given = params.member("Attachment");
    let given = given.ok_or_else(|| params.missing("Attachment"))?;
    given.refuse(&["DefaultEnaQueueCount", "EnaQueueCount"])?;
    let delete = given.flag("DeleteOnTermination")?;
    Ok(InterfaceChange::DeleteOnTermination {
        attachment: given.id("AttachmentId", AttachmentId::parse)?,
        delete: delete.ok_or_else(|| given.missing("DeleteOnTermination"))?,
    })
}

/// The one of `attributes` that is there: "You can specify only one attribute at a time" (E59).
pub(in crate::actions) fn only_one<'a>(
    params: &Params,
    attributes: &[&'a str],
) -> Result<&'a str, ModelError> {
    let given = attributes.iter().copied().filter(|name| params.has(name));
    match given.collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        [] => Err(combination("No attributes specified.")),
        several => Err(combination(format!(
            "Fields for multiple attribute types specified: {}",
            several.join(", ")
        ))),
    }
}

/// `SourceDestCheck.Value`.
pub(in crate::actions) fn flag_value(params: &Params, attribute: &str) -> Result<bool, ModelError> {
    let given = params.member(attribute);
    let value = given.map(|given| given.flag("Value")).transpose()?;
    let missing = || params.missing(&format!("{attribute}.Value"));
    value.flatten().ok_or_else(missing)
}

/// `ResetNetworkInterfaceAttribute`: the source/destination check is on again, whatever the parameter says.
pub(super) fn reset(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, NetworkInterfaceId::parse)?;
    call.params.required("SourceDestCheck")?;
    let change = InterfaceChange::SourceDestCheck(true);
    interfaces::modify(call.edit, call.caller, &id, change)?;
    Ok(Xml::done())
}

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, NetworkInterfaceId::parse)?;
    let attribute = call.params.required("Attribute")?;
    let interface = known_interface(call.state, call.caller, &id)?;
    let view = View::new(call.state, call.site, interface);
    let mut xml = Xml::new();
    xml.text("networkInterfaceId", &id);
    match attribute {
        "description" => xml.element(attribute, |xml| xml.text("value", &interface.description)),
        "groupSet" => write_groups(&mut xml, call.state, &interface.groups),
        "sourceDestCheck" => {
            xml.element(attribute, |xml| {
                xml.text("value", interface.source_dest_check)
            });
        }
        "attachment" => {
            if let Some(attachment) = view.attachment() {
                xml.element(attribute, |xml| {
                    xml.text("instanceId", &attachment.instance);
                    xml.optional("instanceOwnerId", view.owner());
                    write_attachment(xml, attachment);
                });
            }
        }
        "associatePublicIpAddress" => xml.text(attribute, false),
        other => return Err(unknown_attribute(other)),
    }
    Ok(xml)
}

fn unknown_attribute(name: &str) -> ModelError {
    ModelError::value(format!(
        "Value ({name}) for parameter attribute is invalid. Unknown network interface attribute."
    ))
}
