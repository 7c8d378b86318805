//! What of a VPC can be switched on and off.

use secgroup_ec2::vpcs::known_vpc;
use secgroup_ec2::vpcs::settings::{self, VpcAttribute};
use secgroup_model::{ErrorCode, ModelError, VpcId};

use crate::{Params, Read, Write, Xml};

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let id = call.params.id("VpcId", VpcId::parse)?;
    let name = call.params.required("Attribute")?;
    let attribute: VpcAttribute = name.parse().map_err(|_| {
        ModelError::value(format!(
            "Value ({name}) for parameter attribute is invalid. Unknown attribute."
        ))
    })?;
    known_vpc(call.state, call.caller, &id)?;
    let value = settings::of(call.state, &id).get(attribute);
    let mut xml = Xml::new();
    xml.text("vpcId", &id);
    xml.element(attribute.as_str(), |xml| xml.text("value", value));
    Ok(xml)
}

pub(super) fn modify(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("VpcId", VpcId::parse)?;
    let (attribute, value) = wish(call.params)?;
    settings::modify(call.edit, call.caller, &id, attribute, value)?;
    Ok(Xml::done())
}

/// One attribute a call: `EnableDnsSupport.Value`.
fn wish(params: &Params) -> Result<(VpcAttribute, bool), ModelError> {
    let mut wishes = Vec::new();
    for attribute in VpcAttribute::ALL {
        let name = attribute.as_str().replacen('e', "E", 1);
        if let Some(value) = params.member(&name) {
            let value = value.flag("Value")?.ok_or_else(|| value.missing("Value"))?;
            wishes.push((*attribute, value));
        }
    }
    match wishes.as_slice() {
        [wish] => Ok(*wish),
        [] => Err(params.missing("EnableDnsSupport")),
        _ => Err(ModelError::new(
            ErrorCode::InvalidParameterCombination,
            "Fields for multiple attribute types specified: one attribute can be modified at a time",
        )),
    }
}
