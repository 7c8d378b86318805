//! What everybody may reach beyond the usual.

use crate::tests::world::spec;
use crate::{USUAL, open_ports};

#[test]
fn the_usual_is_left_out() {
    for (rule, open) in [
        ("in tcp 80 0.0.0.0/0", ""),
        ("in tcp 443 ::/0", ""),
        ("in icmp 8 0.0.0.0/0", ""),
        ("in tcp 22 10.0.0.0/8", ""),
        ("out tcp 22 0.0.0.0/0", ""),
        ("in icmpv6 all 0.0.0.0/0", ""),
        ("in tcp 22 ::/0", "tcp 22"),
        ("in tcp 79-444 0.0.0.0/0", "tcp 79, tcp 81-442, tcp 444"),
        ("in udp 443-500 0.0.0.0/0", "udp 444-500"),
        (
            "in icmp 3 0.0.0.0/0",
            "icmp type 3 codes 0-3, icmp type 3 codes 5-255",
        ),
        ("in 47 0.0.0.0/0", "protocol 47"),
    ] {
        assert_eq!(open_ports(&spec(rule), &USUAL).join(", "), open, "{rule}");
    }
    let all = open_ports(&spec("in all 0.0.0.0/0"), &[]);
    assert_eq!(all, ["all traffic"]);
}
