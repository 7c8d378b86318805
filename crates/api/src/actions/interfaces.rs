//! Network interfaces (E42, E43, E45 to E48).
//!
//! | | |
//! |---|---|
//! | `request` | how an interface to be created is spelled; `RunInstances` spells it in the same way |
//! | `view` | what is said of an interface, and what it is filtered by |
//! | `describe` | lists |
//! | `attributes` | one attribute at a time |
//! | `addresses` | assign, unassign |

mod addresses;
mod attributes;
mod describe;
mod request;
pub(super) mod view;

#[cfg(test)]
mod tests;

use secgroup_ec2::{interfaces, tokens};
use secgroup_model::{AttachmentId, InstanceId, ModelError, NetworkInterfaceId, SubnetId};

pub(super) use self::attributes::{flag_value, only_one};
pub(super) use self::request::{
    Named, address_v4, addresses_v6, check_network_card, combination, new_interface, share_of,
};
use self::view::View;
use super::{Action, Table};
use crate::{Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateNetworkInterface", Action::Write(create)),
    ("DeleteNetworkInterface", Action::Write(delete)),
    ("AttachNetworkInterface", Action::Write(attach)),
    ("DetachNetworkInterface", Action::Write(detach)),
    (
        "DescribeNetworkInterfaces",
        Action::Read(describe::describe),
    ),
    (
        "DescribeNetworkInterfaceAttribute",
        Action::Read(attributes::describe),
    ),
    (
        "ModifyNetworkInterfaceAttribute",
        Action::Write(attributes::modify),
    ),
    (
        "ResetNetworkInterfaceAttribute",
        Action::Write(attributes::reset),
    ),
    (
        "AssignPrivateIpAddresses",
        Action::Write(addresses::assign_ipv4),
    ),
    (
        "UnassignPrivateIpAddresses",
        Action::Write(addresses::unassign_ipv4),
    ),
    ("AssignIpv6Addresses", Action::Write(addresses::assign_ipv6)),
    (
        "UnassignIpv6Addresses",
        Action::Write(addresses::unassign_ipv6),
    ),
];

const ID: &str = "NetworkInterfaceId";

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let subnet = params.id("SubnetId", SubnetId::parse)?;
    let mut request = new_interface(params, subnet)?;
    request.tags = params.tag_specifications("network-interface")?;
    params.ignore(&["Operator"]);
    let token = params.client_token("CreateNetworkInterface")?;
    let created = tokens::once(call.edit, call.caller, token.as_ref(), |edit| {
        let id = interfaces::create(edit, call.caller, request)?;
        Ok(vec![id.to_string()])
    })?;
    let id = NetworkInterfaceId::new(&created.concat());
    let interface = interfaces::known_interface(call.edit.state(), call.caller, &id)?;
    let view = View::new(call.edit.state(), call.edit.site(), interface);
    let mut xml = Xml::new();
    xml.element("networkInterface", |xml| view.write(xml));
    xml.optional("clientToken", params.text("ClientToken"));
    Ok(xml)
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, NetworkInterfaceId::parse)?;
    interfaces::delete(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}

fn attach(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id(ID, NetworkInterfaceId::parse)?;
    let instance = params.id("InstanceId", InstanceId::parse)?;
    let index = params.integer("DeviceIndex")?;
    let index = index.ok_or_else(|| params.missing("DeviceIndex"))?;
    check_network_card(params)?;
    params.ignore(&["EnaSrdSpecification", "EnaQueueCount"]);
    let attachment = interfaces::attach(call.edit, call.caller, &id, &instance, index)?;
    let mut xml = Xml::new();
    xml.text("attachmentId", attachment);
    xml.text("networkCardIndex", 0);
    Ok(xml)
}

fn detach(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id("AttachmentId", AttachmentId::parse)?;
    call.params.flag("Force")?; // Nothing has to be forced: there is nobody who could keep it.
    interfaces::detach(call.edit, call.caller, &id)?;
    Ok(Xml::done())
}
