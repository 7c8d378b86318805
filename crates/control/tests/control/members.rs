//! Who is in a group: the private addresses and delegated prefixes of the interfaces that have it
//! (semantics C6 to C8).

use secgroup_control::{Defaults, Lowering};

use crate::world::{World, admits, tcp};

fn world() -> World {
    World::default()
        .group("sg-db", &[tcp(5432, "sg-web")])
        .group("sg-web", &[])
        .interface("eni-db", &["sg-db"], &["10.0.0.1"])
        .interface(
            "eni-web",
            &["sg-db", "sg-web"],
            &[
                "10.0.0.2",
                "10.0.0.3",
                "2001:db8::2",
                "10.0.1.16/28",
                "2001:db8:1::/80",
            ],
        )
}

fn may(lowering: &mut Lowering, world: &World, peer: &str) -> bool {
    let snapshot = lowering.lower(&world.0);
    admits(lowering, &snapshot, "eni-db", peer, 5432).is_some()
}

#[test]
fn members_are_addresses_and_prefixes() {
    let mut lowering = Lowering::new(Defaults::default());
    for (peer, is_member) in [
        ("10.0.0.2", true),
        ("10.0.0.3", true),
        ("2001:db8::2", true),
        ("10.0.1.16", true),
        ("10.0.1.31", true),
        ("10.0.1.15", false),
        ("10.0.1.32", false),
        ("2001:db8:1::ffff", true),
        ("2001:db8:1:0:1::", false),
        // The database itself has not the group of the web servers.
        ("10.0.0.1", false),
        ("203.0.113.7", false),
    ] {
        assert_eq!(may(&mut lowering, &world(), peer), is_member, "{peer}");
    }
}

#[test]
fn membership_follows_the_policy() {
    let mut lowering = Lowering::new(Defaults::default());
    assert!(may(&mut lowering, &world(), "10.0.0.2"));
    let detached = world().edit("eni-web", |eni| {
        eni.groups.pop();
    });
    assert!(!may(&mut lowering, &detached, "10.0.0.2"));
    assert!(may(&mut lowering, &world(), "10.0.0.2"));
    let gone = world().without_interface("eni-web");
    assert!(!may(&mut lowering, &gone, "10.0.0.2"));
    // An address that two interfaces share is one of the members while one of them is (C7).
    let shared = world().interface("eni-other", &["sg-db"], &["10.0.0.2"]);
    assert!(may(&mut lowering, &shared, "10.0.0.2"));
}

#[test]
fn a_snapshot_keeps_its_members() {
    let mut lowering = Lowering::new(Defaults::default());
    let before = lowering.lower(&world().0);
    lowering.lower(&world().without_interface("eni-web").0);
    assert!(admits(&lowering, &before, "eni-db", "10.0.0.2", 5432).is_some());
}
