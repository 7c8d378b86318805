//! UDP and protocols without ports: scenarios 18, 32, 33, 35 to 37.

use crate::support::{D, Story};

#[test]
fn s18_a_datagram_without_payload_passes() {
    let rules = "i ingress udp 53 from 203.0.113.0/24\n i ingress udp 53 from 2001:db8::/32";
    Story::new(rules).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:53                udp len 0 | allow new
         +0 [2001:db8:1::10]:40000 > [2001:db8::10]:53       udp len 0 | allow new
         +0 203.0.113.10:40000 > 10.0.0.10:54                udp       | deny no-rule",
    );
}

#[test]
fn s32_one_way_never_becomes_a_stream() {
    Story::new(D).trace(
        "+0  10.0.0.10:40000 > 203.0.113.10:53  udp | allow new
         +1  10.0.0.10:40000 > 203.0.113.10:53  udp | allow established
         +1  10.0.0.10:40000 > 203.0.113.10:53  udp | allow established
         # 31 s after the last one its 30 s are over.
         +31 203.0.113.10:53 > 10.0.0.10:40000  udp | deny no-rule",
    );
}

#[test]
fn s33_an_idle_flow_expires_whatever_others_do() {
    Story::new(D).trace(
        "+0  10.0.0.10:40000 > 203.0.113.10:53        udp | allow new
         +0  10.0.0.10:40001 > 203.0.113.10:53        udp | allow new
         +0  [2001:db8::10]:4000 > [2001:db8:1::10]:53 udp | allow new
         +15 10.0.0.10:40001 > 203.0.113.10:53        udp | allow established
         +15 10.0.0.10:40001 > 203.0.113.10:53        udp | allow established
         +1  203.0.113.10:53 > 10.0.0.10:40000        udp | deny no-rule
         +0  203.0.113.10:53 > 10.0.0.10:40001        udp | allow established
         +0  [2001:db8:1::10]:53 > [2001:db8::10]:4000 udp | deny no-rule",
    );
}

#[test]
fn s33_from_outside_as_well() {
    Story::new("i ingress udp 53 from 203.0.113.0/24").trace(
        "+0  203.0.113.10:40000 > 10.0.0.10:53  udp | allow new
         +30 10.0.0.10:53 > 203.0.113.10:40000  udp | allow established
         +31 10.0.0.10:53 > 203.0.113.10:40000  udp | deny no-rule",
    );
}

#[test]
fn d58_8_a_stream_lives_180_seconds() {
    Story::new(D).trace(
        "+0   10.0.0.10:40000 > 192.0.2.53:53  udp | allow new
         +29  192.0.2.53:53 > 10.0.0.10:40000  udp | allow established
         +31  192.0.2.53:53 > 10.0.0.10:40000  udp | deny no-rule
         +1   10.0.0.10:40000 > 192.0.2.53:53  udp | allow new
         +0   192.0.2.53:53 > 10.0.0.10:40000  udp | allow established
         +1   10.0.0.10:40000 > 192.0.2.53:53  udp | allow established
         +0   192.0.2.53:53 > 10.0.0.10:40000  udp | allow established
         +179 192.0.2.53:53 > 10.0.0.10:40000  udp | allow established
         +181 192.0.2.53:53 > 10.0.0.10:40000  udp | deny no-rule",
    );
}

#[test]
fn s35_other_protocols_by_address_pair_for_600_seconds() {
    // VRRP, GRE, ESP, SCTP, IGMP.
    for protocol in [112, 47, 50, 132, 2] {
        let other = protocol + 1;
        Story::new(D).trace(&format!(
            "+0   10.0.0.10 > 192.0.2.9   proto {protocol} | allow new
             +600 192.0.2.9 > 10.0.0.10   proto {protocol} | allow established
             +0   192.0.2.9 > 10.0.0.10   proto {other}    | deny no-rule
             +0   192.0.2.10 > 10.0.0.10  proto {protocol} | deny no-rule
             +601 192.0.2.9 > 10.0.0.10   proto {protocol} | deny no-rule"
        ));
    }
}

#[test]
fn s36_sctp_by_its_number() {
    Story::new("i ingress proto 132 from 203.0.113.0/24").trace(
        "+0 203.0.113.10 > 10.0.0.10  proto 132 | allow new
         +0 10.0.0.10 > 203.0.113.10  proto 132 | allow established
         +0 203.0.113.10 > 10.0.0.10  proto 133 | deny no-rule",
    );
    // Two INITs that cross: one entry, and both pass.
    let both = "i ingress proto 132 from 203.0.113.0/24\n i egress proto 132 to 203.0.113.0/24";
    let story = Story::new(both).trace(
        "+0 203.0.113.10 > 10.0.0.10  proto 132 | allow new
         +0 10.0.0.10 > 203.0.113.10  proto 132 | allow established
         +0 203.0.113.10 > 10.0.0.10  proto 132 | allow established",
    );
    assert_eq!(story.connections(), 1);
}

#[test]
fn s37_one_tuple_many_times_is_one_entry() {
    let mut story = Story::new(D).trace("+0 10.0.0.10:40000 > 203.0.113.10:53 udp | allow new");
    for _ in 0..128 {
        story = story.trace("+0 10.0.0.10:40000 > 203.0.113.10:53 udp | allow established");
    }
    assert_eq!(story.connections(), 1);
}
