//! Attributes of an instance, one a call (E44).

use secgroup_ec2::instances::{self, InstanceChange, known_instance};
use secgroup_model::{ErrorCode, GroupId, InstanceId, ModelError};

use super::ID;
use super::view::{Attached, View};
use crate::actions::interfaces::{flag_value, only_one};
use crate::{Params, Read, Write, Xml};

/// What can be changed.
const ATTRIBUTES: [&str; 4] = ["Attribute", "GroupId", "InstanceType", "SourceDestCheck"];
/// What EC2 can change, too, and what has no meaning here.
const UNSUPPORTED: [&str; 10] = [
    "BlockDeviceMapping",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "EnaSupport",
    "InstanceInitiatedShutdownBehavior",
    "Kernel",
    "Ramdisk",
    "SriovNetSupport",
    "UserData",
];

pub(super) fn modify(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id(ID, InstanceId::parse)?;
    params.refuse(&UNSUPPORTED)?;
    let change = change(params, only_one(params, &ATTRIBUTES)?)?;
    instances::modify(call.edit, call.caller, &id, change)?;
    Ok(Xml::done())
}

fn change(params: &Params, attribute: &str) -> Result<InstanceChange, ModelError> {
    Ok(match attribute {
        "GroupId" => InstanceChange::Groups(params.ids("GroupId", GroupId::parse)?),
        "SourceDestCheck" => InstanceChange::SourceDestCheck(flag_value(params, attribute)?),
        "InstanceType" => {
            let given = params.member(attribute);
            let name = given.map(|given| given.required("Value")).transpose()?;
            let name = name.ok_or_else(|| params.missing("InstanceType.Value"))?;
            InstanceChange::Type(name.to_owned())
        }
        _ => named_change(params)?,
    })
}

/// The older spelling: `Attribute` and `Value`.
fn named_change(params: &Params) -> Result<InstanceChange, ModelError> {
    match params.required("Attribute")? {
        "sourceDestCheck" => {
            let check = params.flag("Value")?;
            let check = check.ok_or_else(|| params.missing("Value"))?;
            Ok(InstanceChange::SourceDestCheck(check))
        }
        "instanceType" => Ok(InstanceChange::Type(params.required("Value")?.to_owned())),
        other => Err(ModelError::new(
            ErrorCode::UnsupportedOperation,
            format!("The attribute {other} cannot be modified here."),
        )),
    }
}

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, InstanceId::parse)?;
    let attribute = call.params.required("Attribute")?;
    let instance = known_instance(call.state, call.caller, call.now, &id)?;
    let view = View::new(call.state, call.site, &Attached::of(call.state), instance);
    let mut xml = Xml::new();
    xml.text("instanceId", &id);
    match attribute {
        "groupSet" => view.write_groups(&mut xml),
        "instanceType" => xml.element(attribute, |xml| xml.text("value", &instance.instance_type)),
        "sourceDestCheck" => {
            let check = view.primary().map(|it| it.interface.source_dest_check);
            xml.element(attribute, |xml| xml.optional("value", check));
        }
        // Nothing protects an instance, and none has user data.
        "disableApiStop" | "disableApiTermination" => {
            xml.element(attribute, |xml| xml.text("value", false));
        }
        "userData" => xml.element(attribute, |_| {}),
        other => {
            return Err(ModelError::value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            ))
            .with_help("there are groupSet, instanceType and sourceDestCheck"));
        }
    }
    Ok(xml)
}
