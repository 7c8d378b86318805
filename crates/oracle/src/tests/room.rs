//! When there is no room (D42 to D46; step 10).

use secgroup_model::NetworkInterfaceId;

use super::frames;
use super::world::{Policy, World};
use crate::{InterfaceSettings, Settings};

const ALL: [&str; 4] = [
    "in -1 198.51.100.0/24",
    "in -1 2001:db8::/32",
    "out -1 0.0.0.0/0",
    "out -1 ::/0",
];

/// Two interfaces; `eni-0` has the lower number.
fn policy() -> Policy {
    Policy::of(&ALL).interface("eni-0", &["10.0.0.4"], &["sg-1"])
}

fn with(capacity_v4: usize, capacity_v6: usize, allowance: Option<usize>) -> World {
    let interface = InterfaceSettings {
        allowance,
        ..InterfaceSettings::default()
    };
    let settings = Settings {
        capacity_v4,
        capacity_v6,
        interface,
        ..Settings::default()
    };
    World::with(&policy(), settings)
}

fn syn(world: &mut World, port: u16) -> &'static str {
    world.sees(&format!("in tcp S 198.51.100.7:{port} > 10.0.0.5:22"))
}

fn ping(world: &mut World, id: u16) -> &'static str {
    world.sees(&format!("out icmp 8/0 {id} 10.0.0.5 > 192.0.2.1"))
}

fn at_eni_0(world: &mut World, packet: &str) -> &'static str {
    let (direction, bytes) = frames::packet(packet);
    let len = u32::try_from(bytes.len()).unwrap();
    let interface = NetworkInterfaceId::new("eni-0");
    world
        .judge_at(&interface, direction, &bytes, len)
        .outcome
        .as_str()
}

/// The remote ports of all connections at `eni-1`.
fn ports(world: &World) -> Vec<u16> {
    let connections = world.oracle.connections();
    connections
        .iter()
        .filter(|connection| connection.interface.as_str() == "eni-1")
        .filter_map(|connection| connection.remote.1)
        .collect()
}

#[test]
fn d42_what_is_not_half_open_stays() {
    for mut world in [with(2, 9, None), with(9, 9, Some(2))] {
        assert_eq!(ping(&mut world, 1), "new");
        assert_eq!(ping(&mut world, 2), "new");
        assert_eq!(ping(&mut world, 3), "table-full");
        assert_eq!(syn(&mut world, 1), "table-full");
        assert_eq!(
            ping(&mut world, 1),
            "established",
            "existing connections go on"
        );
        assert_eq!(world.states().len(), 2);
        // What opens nothing needs no room.
        assert_eq!(world.sees("out icmp 3/3 0 10.0.0.5 > 192.0.2.1"), "new");
        // Entries whose time has run out are not in the way.
        world.wait(30.0).now += 1;
        assert_eq!(ping(&mut world, 3), "new");
    }
}

#[test]
fn d42_untracked_flows_go_on() {
    let settings = Settings {
        capacity_v4: 0,
        ..Settings::default()
    };
    let mut world = World::with(
        &Policy::of(&["in tcp 80 0.0.0.0/0", "out -1 0.0.0.0/0"]),
        settings,
    );
    assert_eq!(
        world.sees("out tcp S 10.0.0.5:5000 > 192.0.2.1:443"),
        "table-full"
    );
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:5000 > 10.0.0.5:80"),
        "untracked"
    );
}

#[test]
fn step_10_the_oldest_half_open_connection_gives_way() {
    for mut world in [with(3, 9, None), with(9, 9, Some(3))] {
        for port in [3, 1, 2] {
            assert_eq!(syn(&mut world, port), "new");
            world.wait(1.0);
        }
        // A packet makes no connection younger, and one that came about is out of reach.
        assert_eq!(
            world.sees("out tcp SA 10.0.0.5:22 > 198.51.100.7:3"),
            "established"
        );
        assert_eq!(
            world.sees("out tcp SA 10.0.0.5:22 > 198.51.100.7:1"),
            "established"
        );
        assert_eq!(
            world.sees("in tcp A 198.51.100.7:1 > 10.0.0.5:22"),
            "established"
        );
        assert_eq!(syn(&mut world, 4), "new");
        assert_eq!(ports(&world), [1, 2, 4], "3 was the oldest, in SYN_RECV");
        assert_eq!(syn(&mut world, 5), "new");
        assert_eq!(ports(&world), [1, 4, 5]);
    }
}

#[test]
fn step_10_of_the_same_moment_the_first_admitted_is_the_oldest() {
    let mut world = with(3, 9, None);
    for port in [3, 1, 2] {
        assert_eq!(syn(&mut world, port), "new");
    }
    assert_eq!(syn(&mut world, 4), "new");
    assert_eq!(ports(&world), [1, 2, 4]);
}

#[test]
fn step_10_a_full_table_looks_at_other_interfaces_last() {
    let mut world = with(2, 9, None);
    assert_eq!(
        at_eni_0(&mut world, "in tcp S 198.51.100.7:1 > 10.0.0.4:22"),
        "new"
    );
    assert_eq!(syn(&mut world, 1), "new");
    assert_eq!(syn(&mut world, 2), "new");
    assert_eq!(ports(&world), [2], "the interface's own, though younger");
    assert_eq!(
        world.sees("out tcp SA 10.0.0.5:22 > 198.51.100.7:2"),
        "established"
    );
    assert_eq!(
        world.sees("in tcp A 198.51.100.7:2 > 10.0.0.5:22"),
        "established"
    );
    assert_eq!(syn(&mut world, 3), "new");
    assert_eq!(
        ports(&world),
        [2, 3],
        "that of eni-0, for want of one of its own"
    );
}

#[test]
fn step_10_a_full_allowance_does_not_look_at_other_interfaces() {
    let mut world = with(9, 9, Some(1));
    assert_eq!(
        at_eni_0(&mut world, "in tcp S 198.51.100.7:1 > 10.0.0.4:22"),
        "new"
    );
    assert_eq!(ping(&mut world, 1), "new");
    assert_eq!(syn(&mut world, 1), "table-full");
    assert_eq!(world.states().len(), 2);
}

#[test]
fn step_10_families_have_tables_of_their_own_and_share_the_allowance() {
    let syn6 = "in tcp S [2001:db8::1]:1 > [2001:db8::5]:22";
    let mut world = with(1, 1, None);
    assert_eq!(world.sees(syn6), "new");
    assert_eq!(ping(&mut world, 1), "new");
    assert_eq!(
        syn(&mut world, 1),
        "table-full",
        "one of IPv6 makes no room for IPv4"
    );

    let mut world = with(9, 9, Some(1));
    assert_eq!(world.sees(syn6), "new");
    assert_eq!(syn(&mut world, 1), "new");
    assert_eq!(world.states().len(), 1);
}

#[test]
fn step_10_a_reopened_connection_takes_its_own_place() {
    let mut world = with(2, 9, None);
    assert_eq!(syn(&mut world, 1), "new");
    assert_eq!(
        world.sees("out tcp RA 10.0.0.5:22 > 198.51.100.7:1"),
        "established"
    );
    assert_eq!(syn(&mut world, 2), "new");
    assert_eq!(syn(&mut world, 1), "new");
    assert_eq!(ports(&world), [1, 2], "nothing gave way");
    // And is as young as a new one.
    assert_eq!(syn(&mut world, 3), "new");
    assert_eq!(ports(&world), [1, 3]);
}

#[test]
fn no_room_at_all() {
    for mut world in [with(0, 0, None), with(9, 9, Some(0))] {
        assert_eq!(syn(&mut world, 1), "table-full");
        assert!(world.states().is_empty());
    }
}

#[test]
fn d27_a_removed_interface_loses_its_connections() {
    let mut world = with(9, 9, None);
    assert_eq!(ping(&mut world, 1), "new");
    assert_eq!(
        at_eni_0(&mut world, "in tcp S 198.51.100.7:1 > 10.0.0.4:22"),
        "new"
    );
    world.change(&Policy::of(&ALL));
    assert_eq!(world.states(), ["ICMP"]);
    assert_eq!(
        at_eni_0(&mut world, "in tcp S 198.51.100.7:1 > 10.0.0.4:22"),
        "no-interface"
    );
    world.change(&policy());
    assert_eq!(
        at_eni_0(&mut world, "in tcp A 198.51.100.7:1 > 10.0.0.4:22"),
        "invalid-state"
    );
}
