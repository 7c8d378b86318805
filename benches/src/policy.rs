//! The same rules as an inventory, and as the snapshot that the engine works with.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use secgroup_control::{Defaults, Lowering};
use secgroup_datapath::{Datapath, Settings, Snapshot};
use secgroup_model::{
    AccountId, ConnectionTracking, Family, GroupId, IcmpMatch, Inventory, NetworkInterface,
    NetworkInterfaceId, Peer, PortRange, Rule, RuleId, RuleSpec, SecurityGroup, Tags, Traffic,
};
use secgroup_packet::{Direction, Timestamp};
use secgroup_policy as policy;

use crate::flows::{LOCAL, SERVICE, STRANGERS};
use crate::rules::rules;

/// The port that everyone may come to, untracked.
pub const OPEN: u16 = 80;

/// When every benchmark begins: some second in 2024.
pub const START: Timestamp = Timestamp::from_secs(1_716_000_000);

/// One interface, one group: `count` rules of [`rules`], one that admits [`STRANGERS`] to
/// [`SERVICE`], one that opens [`OPEN`] to everyone, and everything out.
#[must_use]
pub fn inventory(count: usize) -> Inventory {
    let owner = AccountId::new("123456789012");
    let id = GroupId::new("sg-bench");
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

fn add(group: &mut SecurityGroup, spec: RuleSpec) {
    let id = RuleId::new(&format!("sgr-{}", group.rules.len()));
    group.rules.push(Rule::new(id, spec));
}

fn interface(group: GroupId) -> NetworkInterface {
    NetworkInterface {
        id: NetworkInterfaceId::new("eni-bench"),
        vpc: None,
        subnet: None,
        groups: vec![group],
        addresses: vec![IpAddr::V4(LOCAL)],
        prefixes: Vec::new(),
        mac: None,
        source_dest_check: true,
        tracking: ConnectionTracking::default(),
        instance: None,
        description: String::new(),
        tags: Tags::new(),
        origin: None,
    }
}

fn traffic(traffic: policy::Traffic) -> Traffic {
    match traffic {
        policy::Traffic::Tcp(ports) => Traffic::Tcp(ports),
        policy::Traffic::Udp(ports) => Traffic::Udp(ports),
        policy::Traffic::Icmp(policy::IcmpMatch::ANY) => Traffic::Icmp(IcmpMatch::All),
        other => unreachable!("rules() makes no {other:?}"),
    }
}

/// The snapshot of [`inventory`].
#[must_use]
pub fn snapshot(count: usize) -> Arc<Snapshot> {
    Arc::new(Lowering::new(Defaults::default()).lower(&inventory(count)))
}

/// The engine's settings with room for `capacity` connections.
#[must_use]
pub fn settings(capacity: u32) -> Settings {
    Settings {
        capacity,
        capacity_v6: 1024,
        seed: 0x5eed,
        ..Settings::default()
    }
}

/// An engine with `count` rules and room for `capacity` connections.
#[must_use]
pub fn datapath(count: usize, capacity: u32) -> Datapath {
    Datapath::new(settings(capacity), snapshot(count), START)
}
