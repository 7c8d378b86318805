//! What alters verdicts at an interface beside its rules.

use std::time::Duration;

use secgroup_model::{Inventory, NetworkInterface};
use serde::Serialize;

/// One thing that differs at one interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingChange {
    /// The interface, by its id in the new policy.
    pub interface: String,
    /// What differs, in words.
    pub setting: &'static str,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
    /// What that does to verdicts.
    pub effect: &'static str,
}

/// What differs between an interface of the old policy and of the new.
pub(super) fn changes(
    old: (&Inventory, &NetworkInterface),
    new: (&Inventory, &NetworkInterface),
) -> Vec<SettingChange> {
    let say = |setting, effect, of: &dyn Fn(&Inventory, &NetworkInterface) -> String| {
        let (before, after) = (of(old.0, old.1), of(new.0, new.1));
        (before != after).then(|| SettingChange {
            interface: new.1.id.to_string(),
            setting,
            old: before,
            new: after,
            effect,
        })
    };
    let changes = [
        say(
            "addresses",
            "packets from or to an address cross the interface, and pass its source/destination \
             check, only where it has the address; rules with its groups as peers follow, and are \
             in the classes (C6, C12)",
            &|_, interface| addresses(interface),
        ),
        say(
            "source/destination check",
            "where it is on, packets that are neither from nor to an address of the interface are \
             denied before any rule is asked (C12)",
            &|_, interface| on_or_off(interface.source_dest_check),
        ),
        say(
            "never filtered",
            "packets from and to the resolver of the VPC and the router of the subnet pass without \
             a rule (C17)",
            &exempt,
        ),
        say(
            "timeout of established TCP connections",
            TIMEOUT,
            &|_, interface| seconds(interface.tracking.tcp_established),
        ),
        say("timeout of UDP flows", TIMEOUT, &|_, interface| {
            seconds(interface.tracking.udp)
        }),
        say("timeout of UDP streams", TIMEOUT, &|_, interface| {
            seconds(interface.tracking.udp_stream)
        }),
    ];
    changes.into_iter().flatten().collect()
}

const TIMEOUT: &str =
    "a connection that was idle for longer is judged by the rules again (D29, D34)";

fn addresses(interface: &NetworkInterface) -> String {
    let addresses = interface.addresses.iter().map(ToString::to_string);
    let prefixes = interface.prefixes.iter().map(ToString::to_string);
    let mut all: Vec<_> = addresses.chain(prefixes).collect();
    all.sort_unstable();
    or_none(&all)
}

fn exempt(inventory: &Inventory, interface: &NetworkInterface) -> String {
    let subnet = interface
        .subnet
        .as_ref()
        .and_then(|id| inventory.subnets.get(id));
    // Only what the interface or its subnet says itself counts, as in the engine.
    let vpc = interface
        .vpc
        .as_ref()
        .or_else(|| subnet.map(|subnet| &subnet.vpc));
    let resolver = vpc
        .and_then(|id| inventory.vpcs.get(id))
        .and_then(secgroup_model::Vpc::resolver);
    let router = subnet.and_then(secgroup_model::Subnet::router);
    let named = [("resolver", resolver), ("router", router)];
    let known = named
        .into_iter()
        .filter_map(|(name, address)| Some(format!("{name} {}", address?)));
    or_none(&known.collect::<Vec<_>>())
}

fn or_none(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

fn on_or_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn seconds(timeout: Option<Duration>) -> String {
    timeout.map_or_else(|| "default".to_owned(), |t| format!("{} s", t.as_secs()))
}
