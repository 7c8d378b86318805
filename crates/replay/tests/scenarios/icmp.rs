//! ICMP: errors about flows (22 to 29), echo and its identifiers (25, 30, 31).

use secgroup_testkit::frame;

use crate::support::{D, Story, policy};

#[test]
fn s22_a_port_unreachable_needs_the_flow_it_is_about() {
    Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:33434        udp               | allow new
         +0 203.0.113.10 > 10.0.0.10                    icmp 3/3 quotes 1 | allow related
         +0 [2001:db8::10]:40000 > [2001:db8:1::10]:334 udp               | allow new
         +0 2001:db8:1::10 > 2001:db8::10               icmp6 1/4 quotes 3 | allow related",
    );
    let never_sent = frame::udp("10.0.0.10:40001", "203.0.113.10:33434", b"");
    let error = frame::quote(&never_sent, 3, 3, "203.0.113.10");
    Story::new(D).frames("+0 frame error | deny no-rule", &[("error", error)]);
}

#[test]
fn s23_the_error_may_come_from_a_router_on_the_way() {
    Story::new(D).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:53  udp               | allow new
         +0 198.51.100.1 > 10.0.0.10           icmp 3/1 quotes 1 | allow related",
    );
}

#[test]
fn s24_an_error_in_the_original_direction_passes_each_time() {
    Story::new("i ingress udp 53 from 203.0.113.0/24").trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:53  udp               | allow new
         +0 10.0.0.10:53 > 203.0.113.10:40000  udp               | allow established
         # O closed its socket: it refuses the answer, twice.
         +0 203.0.113.10 > 10.0.0.10           icmp 3/3 quotes 2 | allow related
         +0 203.0.113.10 > 10.0.0.10           icmp 3/3 quotes 2 | allow related
         # And I refuses a question.
         +0 10.0.0.10 > 203.0.113.10           icmp 3/3 quotes 1 | allow related",
    );
}

#[test]
fn s25_an_echo_reply_that_carries_a_tuple_is_not_related() {
    let udp = frame::udp("10.0.0.10:40000", "203.0.113.10:53", b"");
    let reply = frame::quote(&udp, 0, 0, "203.0.113.10");
    Story::new(D).frames(
        "+0 10.0.0.10:40000 > 203.0.113.10:53 udp | allow new
         +0 frame reply                           | deny no-rule",
        &[("reply", reply)],
    );
}

#[test]
fn s26_the_outer_destination_is_the_inner_source() {
    let ping = frame::ping("10.0.0.10", "203.0.113.10", 7, 1);
    let inner = frame::ip(&ping);
    // To J, about a packet of I.
    let elsewhere = frame::quote_bytes(inner, 3, 1, "203.0.113.10", "10.0.0.20");
    // To I, about the same packet.
    let right = frame::quote_bytes(inner, 3, 1, "203.0.113.10", "10.0.0.10");
    Story::new(D).frames(
        "+0 10.0.0.10 > 203.0.113.10 ping id 7 | allow new
         +0 frame elsewhere                    | deny no-rule
         +0 frame right                        | allow related",
        &[("elsewhere", elsewhere), ("right", right)],
    );
}

#[test]
fn s27_path_mtu_discovery() {
    Story::new(D).trace(
        "+0 10.0.0.10 > 203.0.113.10                ping id 3                  | allow new
         +0 198.51.100.1 > 10.0.0.10                icmp 3/4 quotes 1          | allow related
         +0 2001:db8::10 > 2001:db8:1::10           ping id 3                  | allow new
         +0 2001:db8:2::1 > 2001:db8::10            icmp6 2/0 quotes 3         | allow related
         +0 10.0.0.10:40000 > 203.0.113.10:443      tcp S                      | allow new
         +0 198.51.100.1 > 10.0.0.10                icmp 3/4 quotes 5          | allow related
         +0 10.0.0.10:40000 > 203.0.113.10:53       udp len 1400               | allow new
         +0 198.51.100.1 > 10.0.0.10                icmp 3/4 quotes 7 cut 28   | allow related",
    );
    // The text of 2022: without a rule, path MTU discovery is blocked (D47).
    Story::with(&policy(D), |settings| settings.engine.icmp_related = false).trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443      tcp S                      | allow new
         +0 198.51.100.1 > 10.0.0.10                icmp 3/4 quotes 1          | deny no-rule",
    );
    // About an untracked flow an error always needs a rule (D48).
    Story::new("i ingress all from 0.0.0.0/0\n i egress all to 0.0.0.0/0").trace(
        "+0 10.0.0.10:40000 > 203.0.113.10:443      tcp S                      | allow untracked
         +0 198.51.100.1 > 10.0.0.10                icmp 3/4 quotes 1          | allow new",
    );
}

#[test]
fn s29_a_quote_that_is_cut_short_is_malformed() {
    let udp = frame::udp("10.0.0.10:40000", "203.0.113.10:53", b"12345678");
    let inner = frame::ip(&udp);
    let error = |quote: &[u8]| frame::quote_bytes(quote, 3, 3, "203.0.113.10", "10.0.0.10");
    let mut long_header = inner.to_vec();
    long_header[0] = 0x4f; // 15 words of header where 7 words of quote are.
    let mut no_header = inner.to_vec();
    no_header[0] = 0x41;
    let mut version = inner.to_vec();
    version[0] = 0x65;
    Story::new(&format!("{D}\n i ingress icmp -1/-1 from 0.0.0.0/0")).frames(
        "+0 10.0.0.10:40000 > 203.0.113.10:53 udp | allow new
         +0 frame options     | deny malformed
         +0 frame no-header   | deny malformed
         +0 frame version     | deny malformed
         +0 frame short       | deny malformed
         +0 frame empty       | deny malformed",
        &[
            ("options", error(&long_header[..28])),
            ("no-header", error(&no_header)),
            ("version", error(&version)),
            ("short", error(&inner[..27])),
            ("empty", error(&[])),
        ],
    );
}

#[test]
fn s30_identifiers_keep_pings_apart() {
    Story::new("i ingress icmp 8/-1 from 0.0.0.0/0").trace(
        "+0 203.0.113.10 > 10.0.0.10  ping id 5 | allow new
         +0 203.0.113.11 > 10.0.0.10  ping id 5 | allow new
         +0 10.0.0.10 > 203.0.113.10  pong id 5 | allow established
         +0 10.0.0.10 > 203.0.113.11  pong id 5 | allow established
         +0 10.0.0.10 > 203.0.113.10  pong id 6 | deny no-rule
         +0 10.0.0.10 > 203.0.113.12  pong id 5 | deny no-rule",
    );
    // An error about an error belongs to nothing.
    let udp = frame::udp("10.0.0.10:40000", "203.0.113.10:53", b"");
    let error = frame::quote(&udp, 3, 3, "203.0.113.10");
    let nested = frame::quote_bytes(frame::ip(&error), 3, 3, "203.0.113.10", "10.0.0.10");
    Story::new(D).frames(
        "+0 10.0.0.10:40000 > 203.0.113.10:53 udp | allow new
         +0 frame nested                          | deny no-rule",
        &[("nested", nested)],
    );
}

#[test]
fn s31_a_reply_passes_only_after_its_request() {
    Story::new("i ingress icmp 8/0 from 0.0.0.0/0").trace(
        "+0  10.0.0.10 > 203.0.113.10  pong id 9     | deny no-rule
         +0  203.0.113.10 > 10.0.0.10  ping id 9     | allow new
         +0  10.0.0.10 > 203.0.113.10  pong id 9     | allow established
         +0  203.0.113.10 > 10.0.0.10  icmp 8/1 id 9 | deny no-rule
         +30 10.0.0.10 > 203.0.113.10  pong id 9     | allow established
         +31 10.0.0.10 > 203.0.113.10  pong id 9     | deny no-rule",
    );
}

#[test]
fn d25_a_running_ping_outlives_its_rule() {
    Story::new("i ingress icmp 8/-1 from 0.0.0.0/0")
        .policy("closed", policy(""))
        .trace(
            "+0 203.0.113.10 > 10.0.0.10  ping id 9 seq 1 | allow new
         +1 ! policy closed                           |
         +0 203.0.113.10 > 10.0.0.10  ping id 9 seq 2 | allow established
         +0 10.0.0.10 > 203.0.113.10  pong id 9 seq 2 | allow established
         +0 203.0.113.10 > 10.0.0.10  ping id 10      | deny no-rule",
        );
}
