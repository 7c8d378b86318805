//! Tags, tunnels, and clocks (scenarios 13, 19, 59, 68, 69, 71).

use secgroup_testkit::frame;

use crate::support::{D, Story};

#[test]
fn s13_s19_what_is_not_ip_is_not_judged() {
    let other = frame::ethernet([2; 6], 0xaaaa, &[0; 46]);
    Story::new("").frames(
        "+0 10.0.0.10 > 10.0.0.1 arp | none not-ip
         +0 frame other              | none not-ip",
        &[("other", other)],
    );
}

#[test]
fn s13_neighbour_discovery_needs_no_rule() {
    let solicit = |hops| {
        let frame = frame::icmp6("2001:db8::10", "ff02::1:ff00:1", 135, 0, [0; 4], &[0; 16]);
        frame::with_hop_limit(frame, hops)
    };
    let advertise = frame::with_hop_limit(
        frame::icmp6("fe80::1", "2001:db8::10", 136, 0, [0; 4], &[0; 16]),
        255,
    );
    Story::new("").frames(
        "+0 frame solicit   | allow exempt
         +0 frame advertise | allow exempt
         # A hop limit below 255 has been routed: it is no neighbour's.
         +0 frame routed    | deny no-rule",
        &[
            ("solicit", solicit(255)),
            ("advertise", advertise),
            ("routed", solicit(254)),
        ],
    );
}

#[test]
fn s68_tags_are_looked_through() {
    Story::new(
        "i ingress icmp -1/-1 from 203.0.113.0/24\n i ingress icmp6 -1/-1 from 2001:db8::/32",
    )
    .frames(
        "+0 203.0.113.10 > 10.0.0.10        ping vlan 100 | allow new
             +0 10.0.0.10 > 203.0.113.10        pong vlan 100 | allow established
             +0 2001:db8:1::10 > 2001:db8::10   ping vlan 100 | allow new
             +0 frame qinq                                    | allow new",
        &[(
            "qinq",
            frame::with_qinq(frame::ping("203.0.113.10", "10.0.0.10", 9, 1), 5, 6),
        )],
    );
}

#[test]
fn s69_a_tunnel_is_judged_by_its_outer_header() {
    let inner = frame::ip(&frame::tcp("192.0.2.1:1", "10.0.0.10:22", "S", b"")).to_vec();
    let gre = frame::raw_proto(
        "203.0.113.10",
        "10.0.0.10",
        47,
        &[&[0, 0, 8, 0][..], &inner].concat(),
    );
    let ipip = frame::raw_proto("203.0.113.10", "10.0.0.10", 4, &inner);
    let vxlan = frame::udp(
        "203.0.113.10:50000",
        "10.0.0.10:4789",
        &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &frame::of_ip(&inner)].concat(),
    );
    let frames = [("gre", gre), ("ipip", ipip), ("vxlan", vxlan)];
    Story::new("i ingress proto 47 from 203.0.113.0/24\n i ingress udp 4789 from 203.0.113.0/24")
        .frames(
            "+0 frame gre   | allow new
             +0 frame ipip  | deny no-rule
             +0 frame vxlan | allow new",
            &frames,
        );
    // A rule for what is inside does not let the tunnel in.
    Story::new("i ingress tcp 22 from 0.0.0.0/0").frames(
        "+0 frame gre   | deny no-rule
         +0 frame ipip  | deny no-rule
         +0 frame vxlan | deny no-rule",
        &frames,
    );
}

#[test]
fn s71_a_clock_that_steps_back_expires_nothing() {
    Story::new(D).trace(
        "1000 10.0.0.10:40000 > 203.0.113.10:53   udp   | allow new
         1000 10.0.0.10:40000 > 203.0.113.10:443  tcp S | allow new
         # Back by a quarter of an hour, and to the beginning.
         100  203.0.113.10:53 > 10.0.0.10:40000   udp    | allow established
         0    203.0.113.10:443 > 10.0.0.10:40000  tcp SA | allow established
         0    10.0.0.10:40000 > 203.0.113.10:443  tcp A  | allow established
         # The clock is held at 1000 meanwhile.
         1029 203.0.113.10:53 > 10.0.0.10:40000   udp    | allow established
         1060 203.0.113.10:53 > 10.0.0.10:40000   udp    | deny no-rule
         2000 203.0.113.10:443 > 10.0.0.10:40000  tcp A  | allow established",
    );
}
