//! `DescribeNetworkInterfaces` (E46).

use secgroup_ec2::interfaces::known_interface;
use secgroup_model::{ModelError, NetworkInterfaceId};

use super::ID;
use super::view::{FILTERS, View};
use crate::{Filters, Page, Read, Xml};

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids(ID, NetworkInterfaceId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some(ID))?;
    call.params.ignore(&["IncludeManagedResources"]);
    for id in &ids {
        known_interface(call.state, call.caller, id)?; // E26: one that is not known fails the whole.
    }
    let interfaces = call.state.inventory.interfaces.values();
    let views = interfaces
        .map(|interface| View::new(call.state, call.site, interface))
        .filter(|view| {
            view.owner() == Some(&call.caller.account)
                && (ids.is_empty() || ids.contains(&view.interface.id))
                && filters.matches(view)
        });
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "networkInterfaceSet",
        views,
        |view| view.interface.id.to_string(),
        |xml, view| view.write(xml),
    );
    Ok(xml)
}
