//! The same rules as an inventory, and as the snapshot that the engine works with.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use secgroup_control::{Defaults, Lowering};
use secgroup_datapath::{Datapath, Settings, Snapshot};
use secgroup_model::{
    AccountId, Family, GroupId, GroupReference, IcmpMatch, Inventory, NetworkInterface,
    NetworkInterfaceId, Peer, PortRange, Rule, RuleId, RuleSpec, SecurityGroup, Traffic,
};
use secgroup_packet::{Direction, Timestamp};
use secgroup_policy as policy;

use super::flows::{LOCAL, SERVICE, STRANGERS, client};
use super::rules::rules;

/// The port that everyone may come to, untracked.
pub const OPEN: u16 = 80;

/// The id of the one interface whose packets are judged.
pub const INTERFACE: &str = "eni-bench";

/// The id of the group that it has.
pub const GROUP: &str = "sg-bench";

/// When every benchmark begins: some second in 2024.
pub const START: Timestamp = Timestamp::from_secs(1_716_000_000);

/// One interface, one group: `count` rules of [`rules`], one that admits [`STRANGERS`] to
/// [`SERVICE`], one that opens [`OPEN`] to everyone, and everything out.
#[must_use]
pub fn inventory(count: usize) -> Inventory {
    let owner = AccountId::new("123456789012");
    let id = GroupId::new(GROUP);
    let mut group = SecurityGroup::new(id.clone(), "bench", owner, None);
    for rule in rules(count) {
        let spec = RuleSpec {
            direction: rule.direction,
            traffic: traffic(rule.traffic),
            peer: match rule.peer {
                policy::Peer::Cidr(net) => Peer::Cidr(net),
                other => unreachable!("rules() makes no {other:?}"),
            },
        };
        add(&mut group, spec);
    }
    let strangers = Ipv4Net::new(STRANGERS.0, STRANGERS.1).expect("a prefix of IPv4");
    for (port, peer) in [
        (SERVICE, Peer::Cidr(strangers.into())),
        (OPEN, Peer::anywhere(Family::V4)),
    ] {
        let (direction, traffic) = (Direction::Ingress, Traffic::Tcp(PortRange::single(port)));
        add(
            &mut group,
            RuleSpec {
                direction,
                traffic,
                peer,
            },
        );
    }
    add(&mut group, RuleSpec::allow_all_egress(Family::V4));
    let mut inventory = Inventory::default();
    inventory.groups.insert(id.clone(), group);
    let interface = interface(id);
    inventory.interfaces.insert(interface.id.clone(), interface);
    inventory
}

/// The same policy with one more rule, before all others: it admits a group of `members` interfaces to [`SERVICE`], whose addresses are
/// those of the first clients. So the directory of members is asked about every packet to that port which continues no connection.
#[must_use]
pub fn inventory_with_members(count: usize, members: usize) -> Inventory {
    let mut inventory = inventory(count);
    if members == 0 {
        return inventory;
    }
    let id = GroupId::new("sg-members");
    let owner = AccountId::new("123456789012");
    let group = SecurityGroup::new(id.clone(), "members", owner, None);
    inventory.groups.insert(id.clone(), group);
    for number in 0..members as u64 {
        let name = NetworkInterfaceId::new(&format!("eni-{number}"));
        let addresses = vec![IpAddr::V4(client(number))];
        let member = NetworkInterface::new(name.clone(), vec![id.clone()], addresses);
        inventory.interfaces.insert(name, member);
    }
    let spec = RuleSpec {
        direction: Direction::Ingress,
        traffic: Traffic::Tcp(PortRange::single(SERVICE)),
        peer: Peer::Group(GroupReference::local(id)),
    };
    if let Some(group) = inventory.groups.get_mut(&GroupId::new(GROUP)) {
        group
            .rules
            .insert(0, Rule::new(RuleId::new("sgr-members"), spec));
    }
    inventory
}

fn add(group: &mut SecurityGroup, spec: RuleSpec) {
    let id = RuleId::new(&format!("sgr-{}", group.rules.len()));
    group.rules.push(Rule::new(id, spec));
}

fn interface(group: GroupId) -> NetworkInterface {
    let id = NetworkInterfaceId::new(INTERFACE);
    NetworkInterface::new(id, vec![group], vec![IpAddr::V4(LOCAL)])
}

fn traffic(traffic: policy::Traffic) -> Traffic {
    match traffic {
        policy::Traffic::Tcp(ports) => Traffic::Tcp(ports),
        policy::Traffic::Udp(ports) => Traffic::Udp(ports),
        policy::Traffic::Icmp(policy::IcmpMatch::ANY) => Traffic::Icmp(IcmpMatch::All),
        other => unreachable!("rules() makes no {other:?}"),
    }
}

/// A policy as the engine works with it, and what can lower the next one. Only the rules of [`INTERFACE`] are compiled, whose number is 0.
#[must_use]
pub fn lowered(inventory: &Inventory) -> (Lowering, Arc<Snapshot>) {
    let mut lowering = Lowering::new(Defaults::default());
    lowering.set_scope(Some([NetworkInterfaceId::new(INTERFACE)].into()));
    let snapshot = Arc::new(lowering.lower(inventory));
    (lowering, snapshot)
}

/// The snapshot of [`inventory`].
#[must_use]
pub fn snapshot(count: usize) -> Arc<Snapshot> {
    lowered(&inventory(count)).1
}

/// The engine's settings with room for `capacity` connections.
#[must_use]
pub fn settings(capacity: u32) -> Settings {
    Settings {
        capacity,
        capacity_v6: 1024,
        fragment_capacity: 64,
        seed: 0x5eed,
        ..Settings::default()
    }
}

/// An engine with `count` rules and room for `capacity` connections.
#[must_use]
pub fn datapath(count: usize, capacity: u32) -> Datapath {
    Datapath::new(settings(capacity), snapshot(count), START)
}
