//! `DescribeInstances` and `DescribeInstanceStatus`.

use std::borrow::Cow;

use secgroup_ec2::InstanceState;
use secgroup_ec2::instances::known_instance;
use secgroup_model::{InstanceId, ModelError};

use super::view::{Attached, View, filters, write_reservation};
use super::{ID, code, name, write_state};
use crate::actions::interfaces::view::texts;
use crate::{Filterable, Filters, Page, Read, Xml};

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let known = filters();
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let filters = Filters::read(call.params, &known)?;
    let page = Page::read(call.params, 5..=1000, Some(ID))?;
    let attached = Attached::of(call.state);
    let mut views = listed(call, &attached)?;
    views.retain(|view| filters.matches(view));
    views.sort_by_cached_key(View::key);
    let (views, token) = page.cut(views, View::key);
    let reservations = views.chunk_by(|a, b| a.instance.reservation == b.instance.reservation);
    let mut xml = Xml::new();
    xml.list("reservationSet", reservations, write_reservation);
    xml.optional("nextToken", token);
    Ok(xml)
}

/// The caller's instances, or those of them that are asked for by id; one that is not known fails the whole (E26).
fn listed<'a>(call: &Read<'a>, attached: &Attached<'a>) -> Result<Vec<View<'a>>, ModelError> {
    let ids = call.params.ids(ID, InstanceId::parse)?;
    call.params.ignore(&["IncludeManagedResources"]);
    for id in &ids {
        known_instance(call.state, call.caller, call.now, id)?;
    }
    let instances = call.state.instances.values().filter(|instance| {
        instance.owner == call.caller.account
            && instance.is_listed(call.now)
            && (ids.is_empty() || ids.contains(&instance.id))
    });
    let views = instances.map(|it| View::new(call.state, call.site, attached, it));
    Ok(views.collect())
}

/// What `DescribeInstanceStatus` can be filtered by.
const STATUS_FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "instance-state-code",
    "instance-state-name",
    "instance-status.reachability",
    "instance-status.status",
    "system-status.reachability",
    "system-status.status",
];

pub(super) fn status(call: &Read<'_>) -> Result<Xml, ModelError> {
    let filters = Filters::read(call.params, STATUS_FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some(ID))?;
    let all = call.params.flag("IncludeAllInstances")?.unwrap_or_default();
    let attached = Attached::of(call.state);
    let statuses = listed(call, &attached)?.into_iter().map(Status);
    let statuses =
        statuses.filter(|status| (all || status.is_running()) && filters.matches(status));
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "instanceStatusSet",
        statuses,
        |status| status.0.instance.id.to_string(),
        |xml, status| status.write(xml),
    );
    Ok(xml)
}

/// An instance is reachable while it runs: there is nothing that could break.
struct Status<'a>(View<'a>);

impl Status<'_> {
    fn is_running(&self) -> bool {
        self.0.instance.state == InstanceState::Running
    }

    fn status(&self) -> &'static str {
        if self.is_running() {
            "ok"
        } else {
            "not-applicable"
        }
    }

    fn write(&self, xml: &mut Xml) {
        xml.text("instanceId", &self.0.instance.id);
        xml.optional("availabilityZone", self.0.zone());
        xml.optional("availabilityZoneId", self.0.zone_id());
        write_state(xml, "instanceState", self.0.instance.state);
        for tag in ["instanceStatus", "systemStatus"] {
            xml.element(tag, |xml| {
                xml.text("status", self.status());
                let details = self.is_running().then_some("passed");
                xml.list("details", details, |xml, status| {
                    xml.text("name", "reachability");
                    xml.text("status", status);
                });
            });
        }
    }
}

impl Filterable for Status<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let state = self.0.instance.state;
        match filter {
            "availability-zone" => texts(self.0.zone()),
            "availability-zone-id" => texts(self.0.zone_id()),
            "instance-state-code" => texts([code(state)]),
            "instance-state-name" => vec![name(state).into()],
            "instance-status.status" | "system-status.status" => vec![self.status().into()],
            _ => texts(self.is_running().then_some("passed")),
        }
    }
}
