//! What holds for an interface: timeouts, exemptions, and what it is told by default.

use std::net::Ipv4Addr;
use std::time::Duration;

use secgroup_control::{Defaults, Lowering};
use secgroup_datapath::{AlwaysTrack, Interface, Lifetimes, Timeouts};
use secgroup_model::{ConnectionTracking, NetworkInterface, SubnetId, VpcId};

use crate::world::{World, interface};

fn lowered(world: &World, defaults: Defaults) -> Interface {
    let mut lowering = Lowering::new(defaults);
    let snapshot = lowering.lower(&world.0);
    interface(&lowering, &snapshot, "eni-a").clone()
}

fn world() -> World {
    World::default()
        .vpc("vpc-1", &["10.0.0.0/16", "10.1.0.0/16"])
        .vpc("vpc-2", &["172.16.0.0/16"])
        .vpc("vpc-bare", &[])
        .subnet("subnet-1", "vpc-1", Some("10.0.8.0/24"))
        .subnet("subnet-6", "vpc-1", None)
        .interface("eni-a", &[], &["10.0.8.10", "10.0.9.16/28"])
}

/// C17: the resolver is the base of the VPC's primary range plus two, the router that of the subnet
/// plus one, each where it is known.
#[test]
fn resolver_and_router() {
    let place = |vpc: Option<&str>, subnet: Option<&str>| {
        let world = world().edit("eni-a", |eni: &mut NetworkInterface| {
            eni.vpc = vpc.map(VpcId::new);
            eni.subnet = subnet.map(SubnetId::new);
        });
        let interface = lowered(&world, Defaults::default());
        (interface.resolver, interface.router)
    };
    let address = |text: &str| Some(text.parse::<Ipv4Addr>().unwrap());
    assert_eq!(place(None, None), (None, None));
    assert_eq!(place(Some("vpc-1"), None), (address("10.0.0.2"), None));
    // The VPC of the subnet, where the interface does not say its own.
    let both = (address("10.0.0.2"), address("10.0.8.1"));
    assert_eq!(place(None, Some("subnet-1")), both);
    let own = (address("172.16.0.2"), address("10.0.8.1"));
    assert_eq!(place(Some("vpc-2"), Some("subnet-1")), own);
    assert_eq!(place(None, Some("subnet-6")), (address("10.0.0.2"), None));
    assert_eq!(place(Some("vpc-bare"), None), (None, None));
    assert_eq!(
        place(Some("vpc-unknown"), Some("subnet-unknown")),
        (None, None)
    );
}

/// D29, D30: three timeouts may be set, each for itself; the others are those of the engine.
#[test]
fn timeouts() {
    let seconds = Duration::from_secs;
    let engine = Timeouts {
        tcp_established: seconds(350),
        udp: seconds(31),
        udp_stream: seconds(61),
        icmp: seconds(7),
        ..Timeouts::default()
    };
    let with = |tracking| {
        let defaults = Defaults {
            timeouts: engine,
            ..Defaults::default()
        };
        lowered(
            &world().edit("eni-a", |eni| eni.tracking = tracking),
            defaults,
        )
        .lifetimes
    };
    assert_eq!(
        with(ConnectionTracking::default()),
        Lifetimes::from(&engine)
    );
    let tracking = ConnectionTracking {
        tcp_established: Some(seconds(60)),
        udp: Some(seconds(40)),
        udp_stream: Some(seconds(100)),
    };
    let expected = Timeouts {
        tcp_established: seconds(60),
        udp: seconds(40),
        udp_stream: seconds(100),
        ..engine
    };
    assert_eq!(with(tracking), Lifetimes::from(&expected));
    let only_udp = ConnectionTracking {
        udp: Some(seconds(40)),
        ..ConnectionTracking::default()
    };
    let expected = Timeouts {
        udp: seconds(40),
        ..engine
    };
    assert_eq!(with(only_udp), Lifetimes::from(&expected));
}

#[test]
fn addresses_and_the_check_are_the_interfaces_own() {
    let checked = lowered(&world(), Defaults::default());
    assert!(checked.source_dest_check);
    assert_eq!(
        checked.addresses,
        ["10.0.8.10".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(
        checked.prefixes,
        ["10.0.9.16/28".parse::<ipnet::IpNet>().unwrap()]
    );
    let unchecked = world().edit("eni-a", |eni| eni.source_dest_check = false);
    assert!(!lowered(&unchecked, Defaults::default()).source_dest_check);
}

#[test]
fn the_rest_is_the_default() {
    let plain = lowered(&world(), Defaults::default());
    assert!(plain.exemptions);
    // C20: 1024 packets a second.
    assert_eq!(plain.link_local_pps, Some(1024));
    assert_eq!(
        (plain.always_track, plain.allowance),
        (AlwaysTrack::Never, None)
    );

    let ranges = AlwaysTrack::Peers(vec!["203.0.113.0/24".parse().unwrap()]);
    let other = lowered(
        &world(),
        Defaults {
            exemptions: false,
            link_local_pps: None,
            always_track: ranges.clone(),
            allowance: Some(7),
            ..Defaults::default()
        },
    );
    assert!(!other.exemptions);
    assert_eq!((other.link_local_pps, other.allowance), (None, Some(7)));
    assert_eq!(other.always_track, ranges);
}
