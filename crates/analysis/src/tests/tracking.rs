//! Why a flow is or is not tracked, in words (semantics D7 to D16).

use crate::tests::world::World;

fn because(rules: &[&str], flow: &str) -> (bool, String) {
    let world = World::new().group("sg-a", rules).interface(
        "eni-a",
        &["sg-a"],
        &["10.0.1.10", "2001:db8::10"],
    );
    let tracking = world.explain("eni-a", flow).tracking.unwrap();
    (tracking.tracked, tracking.because)
}

const IN_HTTP: &str = "tcp 203.0.113.7:1 > 10.0.1.10:80";
const OPEN_V4: &[&str] = &["in tcp 80 0.0.0.0/0", "out all 0.0.0.0/0"];

/// Rules, a flow, whether it is tracked, and the words for it.
const REASONS: &[(&[&str], &str, bool, &str)] = &[
    (
        OPEN_V4,
        IN_HTTP,
        false,
        "sg-a#0 admits it from or to everywhere, and sg-a#1 every answer",
    ),
    // D10: only the CIDR of everything, and only one rule for all answers.
    (
        &["in tcp 80 0.0.0.0/1", "out all 0.0.0.0/0"],
        "tcp 10.9.9.9:1 > 10.0.1.10:80",
        true,
        "no ingress rule for tcp port 80 has the peer 0.0.0.0/0",
    ),
    (
        &[
            "in tcp 80 0.0.0.0/0",
            "out tcp 0-1023 0.0.0.0/0",
            "out tcp 1024-65535 0.0.0.0/0",
        ],
        IN_HTTP,
        true,
        "no egress rule has the peer 0.0.0.0/0 and covers all tcp ports",
    ),
    (
        &["in tcp 80 ::/1", "out all ::/0"],
        "tcp [2001:db8::7]:1 > [2001:db8::10]:80",
        true,
        "no ingress rule for tcp port 80 has the peer ::/0",
    ),
    // D11: each family for itself.
    (
        &["in tcp 80 ::/0", "out all 0.0.0.0/0"],
        "tcp [2001:db8::7]:1 > [2001:db8::10]:80",
        true,
        "no egress rule has the peer ::/0 and covers all tcp ports",
    ),
    // D16: what the host opens itself is tracked.
    (
        OPEN_V4,
        "tcp 10.0.1.10:1 > 203.0.113.7:443",
        true,
        "no ingress rule has the peer 0.0.0.0/0 and covers all tcp ports",
    ),
    // D18: the answer of an untracked UDP flow looks like a new flow; a SYN never answers.
    (
        &["in udp 53 0.0.0.0/0", "out all 0.0.0.0/0"],
        "udp 10.0.1.10:53 > 203.0.113.7:4000",
        false,
        "it may answer a flow to port 53, which sg-a#0 admits from or to everywhere, and \
             sg-a#1 every answer",
    ),
    (
        OPEN_V4,
        "tcp 10.0.1.10:80 > 203.0.113.7:4000",
        true,
        "no ingress rule has the peer 0.0.0.0/0 and covers all tcp ports",
    ),
    // D13, D50.
    (
        &["in all 0.0.0.0/0", "out all 0.0.0.0/0"],
        "icmp 203.0.113.7 > 10.0.1.10",
        true,
        "ICMP queries are always tracked",
    ),
    (
        &["in all 0.0.0.0/0", "out all 0.0.0.0/0"],
        "icmp 0/0 203.0.113.7 > 10.0.1.10",
        true,
        "ICMP is always tracked, but this message opens no exchange: it passes by its rule \
             alone",
    ),
    (
        &["in all 0.0.0.0/0", "out all 0.0.0.0/0"],
        "47 203.0.113.7 > 10.0.1.10",
        true,
        "every protocol but TCP and UDP is always tracked",
    ),
];

#[test]
fn each_reason_in_words() {
    for (rules, flow, tracked, words) in REASONS {
        assert_eq!(
            because(rules, flow),
            (*tracked, (*words).to_owned()),
            "{flow}"
        );
    }
}

/// D9: the two rules may be of different groups.
#[test]
fn the_union_of_the_groups_decides() {
    let world = World::new()
        .group("sg-a", &["in tcp 80 0.0.0.0/0"])
        .group("sg-b", &["out tcp all 0.0.0.0/0"])
        .interface("eni-a", &["sg-a", "sg-b"], &["10.0.1.10"]);
    let told = world.explain("eni-a", "tcp 203.0.113.7:1 > 10.0.1.10:80");
    let words = "sg-a#0 admits it from or to everywhere, and sg-b#0 every answer";
    assert_eq!(told.tracking.unwrap().because, words);
}
