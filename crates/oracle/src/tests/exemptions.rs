//! What is never filtered (C16 to C20), and the source/destination check (C12).

use super::frames;
use super::world::{Policy, World, address};
use crate::{InterfaceSettings, Settings};

/// No rules at all, in 10.0.0.0/16, subnet 10.0.4.0/24.
fn nothing() -> Policy {
    Policy::default()
        .group("sg-1", &[])
        .interface("eni-1", &["10.0.4.5", "2001:db8::5"], &["sg-1"])
        .network("10.0.0.0/16", "10.0.4.0/24")
}

/// A group without rules lets only these pass, both ways.
#[test]
fn c17_addresses() {
    for peer in [
        "169.254.169.254",
        "169.254.169.253",
        "169.254.169.123",
        "169.254.170.2",
        "169.254.169.250",
        "169.254.169.251",
        "10.0.0.2",
        "10.0.4.1",
    ] {
        let mut world = World::new(&nothing());
        assert_eq!(
            world.sees(&format!("out tcp S 10.0.4.5:40000 > {peer}:80")),
            "exempt"
        );
        assert_eq!(
            world.sees(&format!("in udp {peer}:53 > 10.0.4.5:40000")),
            "exempt"
        );
        assert_eq!(
            world.sees(&format!("out icmp 8/0 7 10.0.4.5 > {peer}")),
            "exempt"
        );
        assert_eq!(world.sees(&format!("in 47 {peer} > 10.0.4.5")), "exempt");
        assert!(world.states().is_empty(), "no state");
        // The exemption is the peer's, not that of whoever claims its address.
        assert_ne!(
            world.sees(&format!("in udp 192.0.2.1:53 > {peer}:53")),
            "exempt"
        );
        assert_ne!(
            world.sees(&format!("out udp {peer}:53 > 192.0.2.1:53")),
            "exempt"
        );
    }
    for peer in ["fd00:ec2::253", "fd00:ec2::254", "fd00:ec2::123"] {
        let mut world = World::new(&nothing());
        assert_eq!(
            world.sees(&format!("out tcp S [2001:db8::5]:40000 > [{peer}]:80")),
            "exempt"
        );
        assert_eq!(
            world.sees(&format!("in udp [{peer}]:53 > [2001:db8::5]:40000")),
            "exempt"
        );
    }
}

#[test]
fn c17_addresses_that_are_near_are_filtered() {
    for peer in [
        "169.254.169.252", // C23
        "169.254.0.1",
        "10.0.0.1",
        "10.0.0.3",
        "10.0.4.2",
        "10.0.4.3",
        "8.8.8.8",
    ] {
        let mut world = World::new(&nothing());
        assert_eq!(
            world.sees(&format!("out udp 10.0.4.5:40000 > {peer}:53")),
            "no-rule"
        );
    }
}

#[test]
fn the_vpc_may_be_known_by_the_subnet_alone_and_neither_may_be_known() {
    let by_subnet = nothing().with("eni-1", |eni| eni.vpc = None);
    let mut world = World::new(&by_subnet);
    assert_eq!(world.sees("out udp 10.0.4.5:40000 > 10.0.0.2:53"), "exempt");

    let neither = nothing().with("eni-1", |eni| (eni.vpc, eni.subnet) = (None, None));
    let mut world = World::new(&neither);
    assert_eq!(
        world.sees("out udp 10.0.4.5:40000 > 10.0.0.2:53"),
        "no-rule"
    );
    assert_eq!(
        world.sees("out udp 10.0.4.5:40000 > 10.0.4.1:53"),
        "no-rule"
    );
}

#[test]
fn c17_dhcp_for_ipv4() {
    let mut world = World::new(&nothing());
    for (packet, reason) in [
        ("out udp 0.0.0.0:68 > 255.255.255.255:67", "exempt"),
        ("out udp 10.0.4.5:68 > 10.0.4.1:67", "exempt"),
        ("out udp 10.0.4.5:68 > 169.254.169.254:67", "exempt"),
        ("in udp 10.0.4.1:67 > 10.0.4.5:68", "exempt"),
        ("in udp 10.0.4.1:67 > 255.255.255.255:68", "exempt"),
        ("out udp 10.0.4.5:68 > 192.0.2.1:67", "no-rule"),
        ("in udp 192.0.2.1:67 > 10.0.4.5:68", "no-rule"),
        ("in udp 192.0.2.1:67 > 255.255.255.255:68", "no-rule"),
        ("out udp 10.0.4.5:67 > 255.255.255.255:68", "no-rule"),
        ("in udp 192.0.2.1:68 > 10.0.4.5:67", "no-rule"),
        ("out udp 10.0.4.5:68 > 255.255.255.255:68", "no-rule"),
    ] {
        assert_eq!(world.sees(packet), reason, "{packet}");
    }
    // Where the subnet is not known, neither is the server.
    let unknown = nothing().with("eni-1", |eni| eni.subnet = None);
    let mut world = World::new(&unknown);
    assert_eq!(world.sees("in udp 192.0.2.1:67 > 10.0.4.5:68"), "exempt");
    assert_eq!(world.sees("out udp 10.0.4.5:68 > 192.0.2.1:67"), "exempt");
    assert_eq!(world.sees("out udp 10.0.4.5:67 > 192.0.2.1:68"), "no-rule");
}

#[test]
fn c17_dhcp_for_ipv6() {
    let mut world = World::new(&nothing());
    for (packet, reason) in [
        ("out udp [fe80::5]:546 > [ff02::1:2]:547", "exempt"),
        ("out udp [fe80::5]:546 > [fe80::1]:547", "exempt"),
        ("in udp [fe80::1]:547 > [2001:db8::5]:546", "exempt"),
        ("in udp [2001:db8::1]:547 > [2001:db8::5]:546", "no-rule"),
        ("out udp [2001:db8::5]:546 > [2001:db8::1]:547", "no-rule"),
        ("out udp [2001:db8::5]:546 > [ff02::1:3]:547", "no-rule"),
        ("in udp [fe80::1]:546 > [2001:db8::5]:547", "no-rule"),
        ("out udp [2001:db8::5]:68 > [fe80::1]:67", "no-rule"),
    ] {
        assert_eq!(world.sees(packet), reason, "{packet}");
    }
}

#[test]
fn c18_neighbour_and_listener_discovery() {
    // Type, code, hop limit, source, and whether it is exempt.
    let rows = [
        (133, 0, 255, "fe80::1", true),
        (134, 0, 255, "fe80::1", true),
        (135, 0, 255, "::", true),
        (136, 0, 255, "2001:db8::1", true),
        (137, 0, 255, "fe80::1", true),
        (135, 0, 254, "fe80::1", false),
        (135, 1, 255, "fe80::1", false),
        (138, 0, 255, "fe80::1", false),
        (132, 0, 255, "fe80::1", false),
        (130, 0, 1, "fe80::1", true),
        (131, 0, 1, "fe80::1", true),
        (132, 0, 1, "::", true),
        (143, 0, 1, "::", true),
        (143, 0, 1, "2001:db8::1", false),
        (143, 0, 2, "fe80::1", false),
        (143, 1, 1, "fe80::1", false),
        (133, 0, 1, "fe80::1", false),
        (128, 0, 255, "fe80::1", false),
    ];
    for (kind, code, hop_limit, source, exempt) in rows {
        let destination = address("ff02::1");
        let message = (kind, code);
        let packet = frames::icmp(
            address(source),
            destination,
            hop_limit,
            message,
            [0; 4],
            &[0; 16],
        );
        let mut world = World::new(&nothing());
        let expected = if exempt { "exempt" } else { "no-rule" };
        assert_eq!(
            world.sees_bytes("in", &packet),
            expected,
            "{message:?} {hop_limit} {source}"
        );
        // On the way out the source/destination check comes between.
        let expected = match source {
            _ if exempt => "exempt",
            _ => "spoofed",
        };
        assert_eq!(
            world.sees_bytes("out", &packet),
            expected,
            "{message:?} {hop_limit} {source}"
        );
    }
}

#[test]
fn exemptions_can_be_off() {
    let interface = InterfaceSettings {
        exemptions: false,
        ..InterfaceSettings::default()
    };
    let mut world = World::with(
        &nothing(),
        Settings {
            interface,
            ..Settings::default()
        },
    );
    for packet in [
        "out udp 10.0.4.5:40000 > 10.0.0.2:53",
        "out udp 10.0.4.5:68 > 255.255.255.255:67",
        "out tcp S 10.0.4.5:40000 > 169.254.169.254:80",
    ] {
        assert_eq!(world.sees(packet), "no-rule", "{packet}");
    }
}

#[test]
fn c20_link_local_allowance() {
    let interface = InterfaceSettings {
        link_local_pps: Some(3),
        ..InterfaceSettings::default()
    };
    let mut world = World::with(
        &nothing(),
        Settings {
            interface,
            ..Settings::default()
        },
    );
    let dns = "out udp 10.0.4.5:40000 > 10.0.0.2:53";
    world.wait(0.25);
    assert_eq!(world.sees(dns), "exempt");
    assert_eq!(world.sees("in udp 10.0.0.2:53 > 10.0.4.5:40000"), "exempt");
    assert_eq!(
        world.sees("out tcp S 10.0.4.5:40000 > 169.254.169.254:80"),
        "exempt"
    );
    assert_eq!(world.sees(dns), "link-local-exceeded");
    // The router and DHCP are no service.
    assert_eq!(world.sees("out icmp 8/0 7 10.0.4.5 > 10.0.4.1"), "exempt");
    assert_eq!(
        world.sees("out udp 0.0.0.0:68 > 255.255.255.255:67"),
        "exempt"
    );
    // The second is the clock's, not that of the first packet.
    assert_eq!(world.wait(0.5).sees(dns), "link-local-exceeded");
    assert_eq!(world.wait(0.25).sees(dns), "exempt");
    // A clock that steps back stays in its second.
    world.now -= 500_000_000;
    assert_eq!(world.sees(dns), "exempt");
    assert_eq!(world.sees(dns), "exempt");
    assert_eq!(world.sees(dns), "link-local-exceeded");
}

#[test]
fn c20_default_and_no_limit() {
    let dns = "out udp 10.0.4.5:40000 > 10.0.0.2:53";
    let mut world = World::new(&nothing());
    for _ in 0..1024 {
        assert_eq!(world.sees(dns), "exempt");
    }
    assert_eq!(world.sees(dns), "link-local-exceeded");

    let interface = InterfaceSettings {
        link_local_pps: None,
        ..InterfaceSettings::default()
    };
    let mut world = World::with(
        &nothing(),
        Settings {
            interface,
            ..Settings::default()
        },
    );
    for _ in 0..2000 {
        assert_eq!(world.sees(dns), "exempt");
    }
}

#[test]
fn fragments_are_exempt_by_address_only() {
    let datagram = |source: &str, destination: &str| {
        frames::udp(
            source.parse().unwrap(),
            destination.parse().unwrap(),
            &[0; 792],
        )
    };
    let mut world = World::new(&nothing());
    let dns = datagram("10.0.0.2:53", "10.0.4.5:40000");
    assert_eq!(
        world.sees_bytes("in", &frames::fragment(&dns, 1, 400, 800)),
        "exempt"
    );
    let dhcp = datagram("10.0.4.5:68", "255.255.255.255:67");
    assert_eq!(
        world.sees_bytes("out", &frames::fragment(&dhcp, 1, 0, 400)),
        "exempt"
    );
    assert_eq!(
        world.sees_bytes("out", &frames::fragment(&dhcp, 1, 400, 800)),
        "fragment"
    );
}

#[test]
fn c12_source_destination_check() {
    let policy = Policy::default()
        .group(
            "sg-1",
            &[
                "in -1 0.0.0.0/0",
                "out -1 0.0.0.0/0",
                "in -1 ::/0",
                "out -1 ::/0",
            ],
        )
        .interface(
            "eni-1",
            &["10.0.0.5", "10.0.0.6", "2001:db8::5", "10.9.0.0/28"],
            &["sg-1"],
        );
    let rows = [
        ("out udp 10.0.0.5:1 > 192.0.2.1:2", false),
        ("out udp 10.0.0.6:1 > 192.0.2.1:2", false),
        ("out udp 10.9.0.15:1 > 192.0.2.1:2", false),
        ("out udp 10.9.0.16:1 > 192.0.2.1:2", true),
        ("out udp 10.0.0.7:1 > 192.0.2.1:2", true),
        ("out udp 10.0.0.7:1 > 224.0.0.251:2", true),
        ("out udp 10.0.0.5:1 > 224.0.0.251:2", false),
        ("out udp 224.0.0.251:1 > 192.0.2.1:2", true),
        ("in udp 192.0.2.1:1 > 10.0.0.5:2", false),
        ("in udp 192.0.2.1:1 > 10.9.0.1:2", false),
        ("in udp 192.0.2.1:1 > 10.0.0.7:2", true),
        ("in udp 192.0.2.1:1 > 224.0.0.251:2", false),
        ("in udp 192.0.2.1:1 > 255.255.255.255:2", false),
        ("in udp 192.0.2.1:1 > 10.0.0.255:2", true),
        ("in udp [2001:db8::1]:1 > [2001:db8::5]:2", false),
        ("in udp [2001:db8::1]:1 > [2001:db8::6]:2", true),
        ("in udp [2001:db8::1]:1 > [ff02::fb]:2", false),
        ("out udp [fe80::5]:1 > [ff02::fb]:2", true),
    ];
    let off = policy
        .clone()
        .with("eni-1", |eni| eni.source_dest_check = false);
    let unknown = policy.clone().with("eni-1", |eni| {
        eni.addresses.clear();
        eni.prefixes.clear();
    });
    let only_prefix = policy.clone().with("eni-1", |eni| eni.addresses.clear());
    for (packet, spoofed) in rows {
        let expected = if spoofed { "spoofed" } else { "untracked" };
        assert_eq!(World::new(&policy).sees(packet), expected, "{packet}");
        assert_eq!(World::new(&off).sees(packet), "untracked", "{packet}");
        assert_eq!(World::new(&unknown).sees(packet), "untracked", "{packet}");
    }
    let packet = "out udp 10.0.0.5:1 > 192.0.2.1:2";
    assert_eq!(World::new(&only_prefix).sees(packet), "spoofed");
}

#[test]
fn c12_comes_before_the_connection_table() {
    let open = Policy::of(&["out udp 53 192.0.2.1/32"]);
    let mut world = World::new(&open);
    assert_eq!(world.sees("out udp 10.0.0.5:1 > 192.0.2.1:53"), "new");
    world.change(
        &open
            .clone()
            .with("eni-1", |eni| eni.addresses = vec![address("10.0.0.9")]),
    );
    assert_eq!(world.sees("in udp 192.0.2.1:53 > 10.0.0.5:1"), "spoofed");
}
