//! A policy that is lowered in part is the one that is lowered whole (M6).

use std::collections::BTreeSet;

use proptest::prelude::*;
use secgroup_control::{Defaults, Lowering, Touched};
use secgroup_datapath::Snapshot;
use secgroup_model::{GroupId, Inventory, NetworkInterfaceId};

use crate::world::{World, admits, interface, tcp};

const GROUPS: [&str; 4] = ["sg-a", "sg-b", "sg-c", "sg-d"];
const INTERFACES: [&str; 5] = ["eni-1", "eni-2", "eni-3", "eni-4", "eni-5"];
const ADDRESSES: [&str; 6] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "2001:db8::4",
    "10.0.1.16/28",
    "10.0.1.0/24",
];
const PEERS: [&str; 6] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.1.17",
    "10.0.1.1",
    "2001:db8::4",
];
const PORTS: [u16; 3] = [22, 80, 443];

/// Some of `all`, by a mask.
fn some<'a>(all: &[&'a str], mask: u8) -> Vec<&'a str> {
    let chosen = |&(place, _): &(usize, &&str)| mask >> place & 1 == 1;
    let chosen = all.iter().enumerate().filter(chosen);
    chosen.map(|(_, name)| *name).collect()
}

/// One change: of a group's rules, or of an interface, which may come and go.
#[derive(Debug, Clone)]
enum Change {
    Rules {
        group: usize,
        peers: u8,
        port: usize,
    },
    Interface {
        place: usize,
        groups: u8,
        addresses: u8,
    },
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..GROUPS.len(), any::<u8>(), 0..PORTS.len())
            .prop_map(|(group, peers, port)| Change::Rules { group, peers, port }),
        (0..INTERFACES.len(), any::<u8>(), any::<u8>()).prop_map(|(place, groups, addresses)| {
            Change::Interface {
                place,
                groups,
                addresses,
            }
        }),
    ]
}

fn apply(world: World, change: &Change, touched: &mut Touched) -> World {
    match *change {
        Change::Rules { group, peers, port } => {
            let peers = some(&["sg-a", "sg-b", "10.0.0.0/30", "sg-d"], peers);
            let rules: Vec<_> = peers.iter().map(|peer| tcp(PORTS[port], peer)).collect();
            touched.groups.insert(GroupId::new(GROUPS[group]));
            world.group(GROUPS[group], &rules)
        }
        Change::Interface {
            place,
            groups,
            addresses,
        } => {
            let id = INTERFACES[place];
            touched.interfaces.insert(NetworkInterfaceId::new(id));
            let groups = some(&GROUPS, groups);
            if groups.is_empty() {
                let mut world = world;
                world.0.interfaces.remove(id);
                return world;
            }
            world.interface(id, &groups, &some(&ADDRESSES, addresses))
        }
    }
}

/// By which rule each peer may reach each port of an interface: `None` where the interface is not judged.
fn verdicts(lowering: &Lowering, snapshot: &Snapshot, id: &str) -> Option<Vec<Option<String>>> {
    let number = lowering
        .registry()
        .interface_index(&NetworkInterfaceId::new(id))?;
    snapshot.interface(number)?;
    let pairs = PEERS.iter().flat_map(|peer| PORTS.map(|port| (peer, port)));
    let rule = |(peer, port): (&&str, u16)| {
        let number = admits(lowering, snapshot, id, peer, port)?;
        Some(lowering.registry().rule(number)?.rule.id.to_string())
    };
    Some(pairs.map(rule).collect())
}

fn same(
    inventory: &Inventory,
    updated: (&Lowering, &Snapshot),
    scope: Option<BTreeSet<NetworkInterfaceId>>,
) {
    let mut whole = Lowering::new(Defaults::default());
    whole.set_scope(scope);
    let expected = whole.lower(inventory);
    for id in INTERFACES {
        assert_eq!(
            verdicts(updated.0, updated.1, id),
            verdicts(&whole, &expected, id),
            "{id}"
        );
    }
    assert_eq!(updated.1.directory.len(), expected.directory.len());
}

proptest! {
    #[test]
    fn in_part_is_as_whole(
        steps in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..12),
        scoped in any::<bool>(),
    ) {
        let scope = scoped.then(|| [NetworkInterfaceId::new("eni-1"), NetworkInterfaceId::new("eni-3")].into());
        let mut world = GROUPS.iter().fold(World::default(), |world, id| world.group(id, &[]));
        let mut lowering = Lowering::new(Defaults::default());
        lowering.set_scope(scope.clone());
        lowering.lower(&world.0);
        for changes in &steps {
            let mut touched = Touched::default();
            for change in changes {
                world = apply(world, change, &mut touched);
            }
            let snapshot = lowering.update(&world.0, &touched);
            same(&world.0, (&lowering, &snapshot), scope.clone());
        }
    }
}

fn world() -> World {
    World::default()
        .group("sg-a", &[tcp(80, "sg-b")])
        .group("sg-b", &[tcp(22, "10.0.0.0/8")])
        .interface("eni-1", &["sg-a"], &["10.0.0.1"])
        .interface("eni-2", &["sg-b"], &["10.0.0.2"])
}

#[test]
fn a_member_costs_no_compilation() {
    let mut lowering = Lowering::new(Defaults::default());
    let before = lowering.lower(&world().0);
    let joined = world().interface("eni-3", &["sg-b"], &["10.0.0.3"]);
    let touched = Touched {
        interfaces: [NetworkInterfaceId::new("eni-3")].into(),
        ..Touched::default()
    };
    let after = lowering.update(&joined.0, &touched);
    assert!(std::sync::Arc::ptr_eq(&before.directory, &after.directory));
    for id in ["eni-1", "eni-2"] {
        let rules = |snapshot| std::sync::Arc::as_ptr(&interface(&lowering, snapshot, id).rules);
        assert_eq!(rules(&before), rules(&after), "{id}");
    }
    assert!(admits(&lowering, &after, "eni-1", "10.0.0.3", 80).is_some());
}

#[test]
fn several_interfaces_at_once_leave_the_former_policy_as_it_was() {
    let mut lowering = Lowering::new(Defaults::default());
    let before = lowering.lower(&world().0);
    let moved = world()
        .interface("eni-2", &["sg-a"], &["10.0.0.2"])
        .interface("eni-3", &["sg-b"], &["10.0.0.3"]);
    let touched = Touched {
        interfaces: ["eni-2", "eni-3"].map(NetworkInterfaceId::new).into(),
        ..Touched::default()
    };
    let after = lowering.update(&moved.0, &touched);
    assert!(admits(&lowering, &before, "eni-1", "10.0.0.2", 80).is_some());
    assert!(admits(&lowering, &before, "eni-1", "10.0.0.3", 80).is_none());
    assert!(admits(&lowering, &after, "eni-1", "10.0.0.2", 80).is_none());
    assert!(admits(&lowering, &after, "eni-1", "10.0.0.3", 80).is_some());
}
