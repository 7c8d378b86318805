//! Rules and group semantics: scenarios 14 to 16 and 21, and the documents' own rows that fit a trace.

use crate::support::{D, Story, policy, with_prefix_list};

#[test]
fn s14_icmp_type_and_code_are_not_a_range() {
    // {8,-1}: every code of type 8; {8,9} exactly that; {-1,-1} everything.
    Story::new("i ingress icmp 8/-1 from 0.0.0.0/0").trace(
        "+0 203.0.113.10 > 10.0.0.10  icmp 8/0   | allow new
         +0 203.0.113.10 > 10.0.0.10  icmp 8/9   | allow new
         +0 203.0.113.10 > 10.0.0.10  icmp 9/0   | deny no-rule",
    );
    Story::new("i ingress icmp 8/9 from 0.0.0.0/0").trace(
        "+0 203.0.113.10 > 10.0.0.10  icmp 8/9   | allow new
         +0 203.0.113.10 > 10.0.0.10  icmp 8/0   | deny no-rule
         +0 203.0.113.10 > 10.0.0.10  icmp 9/0   | deny no-rule",
    );
    Story::new("i ingress icmp -1/-1 from 0.0.0.0/0").trace(
        "+0 203.0.113.10 > 10.0.0.10  icmp 8/0   | allow new
         +0 203.0.113.10 > 10.0.0.10  icmp 13/0  | allow new
         +0 203.0.113.10 > 10.0.0.10  icmp 5/1   | allow new",
    );
}

#[test]
fn s15_an_answer_needs_its_request() {
    let rules = "i ingress tcp 22 from 1.2.3.4/32\n i egress tcp 80 to 5.6.7.8/32";
    Story::new(rules).trace(
        "+0 10.0.0.10:22 > 1.2.3.4:40000  tcp A   | deny no-rule
         +0 10.0.0.10:22 > 1.2.3.4:40000  tcp SA  | deny no-rule
         +1 1.2.3.4:40000 > 10.0.0.10:22  tcp S   | allow new
         +0 10.0.0.10:22 > 1.2.3.4:40000  tcp SA  | allow established
         +0 10.0.0.10:22 > 1.2.3.5:40000  tcp SA  | deny no-rule
         +1 1.2.3.5:40000 > 10.0.0.10:22  tcp S   | deny no-rule",
    );
}

#[test]
fn s16_a_prefix_list_follows_its_entries() {
    let rules = "i egress tcp 443 to pl";
    let before = with_prefix_list(policy(rules), &["10.10.10.0/24"]);
    let after = with_prefix_list(policy(rules), &["1.1.1.0/24"]);
    Story::of(&before).policy("changed", after).trace(
        "+0 10.0.0.10:40000 > 10.10.10.1:443  tcp S  | allow new
         +0 10.0.0.10:40000 > 1.1.1.1:443     tcp S  | deny no-rule
         +1 ! policy changed                         |
         +0 10.0.0.10:40001 > 10.10.10.1:443  tcp S  | deny no-rule
         +0 10.0.0.10:40001 > 1.1.1.1:443     tcp S  | allow new
         # What was tracked goes on (D26).
         +0 10.10.10.1:443 > 10.0.0.10:40000  tcp SA | allow established",
    );
}

#[test]
fn s21_probes_of_a_public_and_a_private_host() {
    // I is public (web from everywhere), J is private (from I's group only).
    let rules = "i ingress tcp 80 from 0.0.0.0/0
         i egress all to 0.0.0.0/0
         j ingress tcp 3306 from i
         j egress all to 0.0.0.0/0";
    Story::new(rules).trace(
        "+0 8.8.8.8:40000 > 10.0.0.10:80     tcp S  | allow untracked
         +0 8.8.8.8:40000 > 10.0.0.10:22     tcp S  | deny no-rule
         +0 8.8.8.8:40000 > 10.0.0.20:3306   tcp S  | deny no-rule
         +0 10.0.0.10:40000 > 10.0.0.20:3306 tcp S  | egress allow new, ingress allow new
         +0 10.0.0.10:40000 > 10.0.0.20:22   tcp S  | egress allow new, ingress deny no-rule
         +0 10.0.0.20:40000 > 10.0.0.10:22   tcp S  | egress allow new, ingress deny no-rule
         +0 10.0.0.20:40000 > 8.8.8.8:53     tcp S  | allow new",
    );
}

#[test]
fn d14_the_worked_example_of_the_documents() {
    let rules = "i ingress tcp 22 from 203.0.113.1/32
         i ingress tcp 80 from 0.0.0.0/0
         i ingress tcp 80 from ::/0
         i ingress icmp -1/-1 from 0.0.0.0/0
         i egress all to 0.0.0.0/0
         i egress all to ::/0";
    let without_v4 = rules.replace("i egress all to 0.0.0.0/0", "");
    let without_v6 = rules.replace("i egress all to ::/0", "");
    Story::new(rules).trace(
        "# 1. SSH is tracked, 2. and 3. HTTP is not, 4. ICMP is.
         +0 203.0.113.1:40000 > 10.0.0.10:22              tcp S  | allow new
         +0 10.0.0.10:22 > 203.0.113.1:40000              tcp SA | allow established
         +0 198.51.100.7:40000 > 10.0.0.10:80             tcp S  | allow untracked
         +0 10.0.0.10:80 > 198.51.100.7:40000             tcp SA | allow untracked
         +0 [2001:db8:1::10]:40000 > [2001:db8::10]:80    tcp S  | allow untracked
         +0 [2001:db8::10]:80 > [2001:db8:1::10]:40000    tcp SA | allow untracked
         +0 198.51.100.7 > 10.0.0.10                      ping   | allow new
         +0 10.0.0.10 > 198.51.100.7                      pong   | allow established",
    );
    Story::of(&policy(&without_v4)).trace(
        "# 5. Without the IPv4 egress rule all of IPv4 is tracked, IPv6 is not.
         +0 198.51.100.7:40000 > 10.0.0.10:80             tcp S  | allow new
         +0 10.0.0.10:80 > 198.51.100.7:40000             tcp SA | allow established
         +0 [2001:db8:1::10]:40000 > [2001:db8::10]:80    tcp S  | allow untracked",
    );
    Story::of(&policy(&without_v6)).trace(
        "# 6. The other way round.
         +0 [2001:db8:1::10]:40000 > [2001:db8::10]:80    tcp S  | allow new
         +0 [2001:db8::10]:80 > [2001:db8:1::10]:40000    tcp SA | allow established
         +0 198.51.100.7:40000 > 10.0.0.10:80             tcp S  | allow untracked",
    );
}

#[test]
fn d15_a_rule_change_cuts_what_is_untracked_and_nothing_else() {
    let open = "i ingress tcp 22 from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    let narrow = "i ingress tcp 22 from 203.0.113.0/24\n i egress all to 0.0.0.0/0";
    let closed = "i egress all to 0.0.0.0/0";
    Story::new(open).policy("closed", policy(closed)).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp S  | allow untracked
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp SA | allow untracked
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp A  | allow untracked
         +1 ! policy closed                          |
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp PA | deny no-rule",
    );
    // D58.2: the answer still passes by its own rule, and is useless: it lets nobody in again (D18). UDP likewise.
    Story::new(open).policy("closed", policy(closed)).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp S  | allow untracked
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp SA | allow untracked
         +1 ! policy closed                          |
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp PA | allow untracked
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp A  | deny no-rule
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp PA | allow untracked
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp A  | deny no-rule
         # Our own new connections are not concerned.
         +0 10.0.0.10:40000 > 203.0.113.10:22  tcp S  | allow new
         +0 203.0.113.10:22 > 10.0.0.10:40000  tcp SA | allow established",
    );
    let dns = "i ingress udp 53 from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    Story::new(dns).policy("closed", policy(closed)).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:53  udp | allow untracked
         +1 ! policy closed                       |
         +0 10.0.0.10:53 > 203.0.113.10:40000  udp | allow untracked
         +0 203.0.113.10:40000 > 10.0.0.10:53  udp | deny no-rule
         +0 10.0.0.10:40000 > 203.0.113.10:53  udp | allow new
         +0 203.0.113.10:53 > 10.0.0.10:40000  udp | allow established",
    );
    Story::new(narrow).policy("closed", policy(closed)).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp S  | allow new
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp SA | allow established
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp A  | allow established
         +1 ! policy closed                          |
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp PA | allow established
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp PA | allow established
         +0 203.0.113.10:40001 > 10.0.0.10:22  tcp S  | deny no-rule",
    );
    // D23, D24: narrowed, but still permitting: the flow lives on, tracked from here.
    Story::new(open).policy("narrow", policy(narrow)).trace(
        "+0 203.0.113.10:40000 > 10.0.0.10:22  tcp S  | allow untracked
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp SA | allow untracked
         +0 203.0.113.10:40000 > 10.0.0.10:22  tcp A  | allow untracked
         +1 ! policy narrow                          |
         +9 203.0.113.10:40000 > 10.0.0.10:22  tcp PA | allow new
         +0 10.0.0.10:22 > 203.0.113.10:40000  tcp A  | allow established
         # After the window, a segment without a connection is no beginning (D37).
         +400 203.0.113.10:41000 > 10.0.0.10:22 tcp PA | deny invalid-state",
    );
}

#[test]
fn d16_derived_cases() {
    let tracked = |rules: &str, trace: &str| drop(Story::new(rules).trace(trace));
    tracked(
        D,
        "+0 10.0.0.10:40000 > 8.8.8.8:443 tcp S | allow new
                +0 10.0.0.10:40000 > 8.8.8.8:53 udp | allow new",
    );
    let all_tcp_in = "i ingress tcp 0-65535 from 0.0.0.0/0\n i egress tcp 443 to 0.0.0.0/0";
    tracked(
        all_tcp_in,
        "+0 10.0.0.10:40000 > 8.8.8.8:443 tcp S | allow untracked
                +0 8.8.8.8:40000 > 10.0.0.10:80 tcp S | allow new",
    );
    let all_tcp_out = "i ingress tcp 80 from 0.0.0.0/0\n i egress tcp 0-65535 to 0.0.0.0/0";
    tracked(
        all_tcp_out,
        "+0 8.8.8.8:40000 > 10.0.0.10:80 tcp S | allow untracked",
    );
    let dns = "i ingress udp 53 from 0.0.0.0/0\n i egress tcp 0-65535 to 0.0.0.0/0";
    tracked(dns, "+0 8.8.8.8:40000 > 10.0.0.10:53 udp | allow new");
    let open = "i ingress all from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    tracked(
        open,
        "+0 8.8.8.8:40000 > 10.0.0.10:80 tcp S | allow untracked
                +0 10.0.0.10:40000 > 8.8.8.8:53 udp | allow untracked
                +0 8.8.8.8 > 10.0.0.10 ping | allow new
                +0 8.8.8.8 > 10.0.0.10 proto 47 | allow new",
    );
    let high_in = "i ingress tcp 1024-65535 from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    tracked(
        high_in,
        "+0 10.0.0.10:50000 > 8.8.8.8:443 tcp S | allow new",
    );
    let own = "i ingress all from i\n i ingress all from j\n i egress all to 0.0.0.0/0\n j egress all to 0.0.0.0/0";
    tracked(
        own,
        "+0 10.0.0.20:40000 > 10.0.0.10:22 tcp S | egress allow new, ingress allow new",
    );
    let v6_out = "i ingress tcp 80 from 0.0.0.0/0\n i egress all to ::/0";
    tracked(v6_out, "+0 8.8.8.8:40000 > 10.0.0.10:80 tcp S | allow new");
}
