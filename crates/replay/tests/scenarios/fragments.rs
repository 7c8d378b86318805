//! Fragments and headers (scenarios 58 to 67).

use secgroup_testkit::frame;

use crate::support::Story;

/// A UDP datagram to I's port 53 in two pieces, as named frames.
fn two_pieces(src: &str, dst: &str, cut: usize) -> [(&'static str, Vec<u8>); 2] {
    let whole = frame::udp(src, dst, &[0x55; 440]);
    let mut pieces = frame::fragments(&whole, &[cut]);
    let second = pieces.pop().unwrap();
    [("first", pieces.pop().unwrap()), ("second", second)]
}

const ALLOWED: &str =
    "i ingress udp 53 from 203.0.113.0/24\n i ingress udp 53 from 2001:db8:1::/48";

#[test]
fn s58_two_fragments_share_a_verdict() {
    for (src, dst) in [
        ("203.0.113.10:40000", "10.0.0.10:53"),
        ("[2001:db8:1::10]:40000", "[2001:db8::10]:53"),
    ] {
        let pieces = two_pieces(src, dst, 424);
        let in_order = |first: &str, second: &str| {
            format!("+0 frame first | {first}\n +0 frame second | {second}")
        };
        Story::new(ALLOWED).frames(&in_order("allow new", "allow new"), &pieces);
        Story::new("").frames(&in_order("deny no-rule", "deny no-rule"), &pieces);
        // Alone, or too early: never.
        Story::new(ALLOWED).frames(
            "+0 frame second | deny fragment
             +0 frame first  | allow new
             +0 frame second | allow new
             # A duplicate is an overlap, and spoils the datagram.
             +0 frame second | deny fragment
             +0 frame first  | deny fragment",
            &pieces,
        );
    }
}

#[test]
fn s58_an_overlap_by_one_unit_spoils_the_datagram() {
    let whole = frame::udp("203.0.113.10:40000", "10.0.0.10:53", &[0x55; 440]);
    let frames = [
        ("first", frame::piece(&whole, 9, 0..424, true)),
        ("over", frame::piece(&whole, 9, 416..448, false)),
        ("second", frame::piece(&whole, 9, 424..448, false)),
    ];
    Story::new(ALLOWED).frames(
        "+0 frame first  | allow new
         +0 frame over   | deny fragment
         +0 frame second | deny fragment",
        &frames,
    );
    // In the other order the overlapping one has already passed, the last one must not.
    Story::new(ALLOWED).frames(
        "+0 frame over   | deny fragment
         +0 frame first  | allow new
         +0 frame second | allow new",
        &frames,
    );
}

#[test]
fn s59_behind_extension_headers_and_vlan_tags() {
    let whole = frame::with_extensions(
        frame::udp("[2001:db8:1::10]:40000", "[2001:db8::10]:53", &[0x55; 440]),
        &[(0, 8), (43, 24)],
    );
    let pieces = frame::fragments(&whole, &[424]);
    let tagged = |frame: &Vec<u8>| frame::with_qinq(frame.clone(), 100, 200);
    let frames = [
        ("first", pieces[0].clone()),
        ("second", pieces[1].clone()),
        ("tagged-first", tagged(&pieces[0])),
        ("tagged-second", tagged(&pieces[1])),
    ];
    let order = "+0 frame first         | allow new
                 +0 frame second        | allow new";
    let tagged_order = "+0 frame tagged-first  | allow new
                        +0 frame tagged-second | allow new";
    Story::new(ALLOWED).frames(order, &frames);
    Story::new(ALLOWED).frames(tagged_order, &frames);
    Story::new(ALLOWED).frames("+0 frame second | deny fragment", &frames);
}

#[test]
fn s60_large_pings() {
    let big = |length: usize, id: u32| {
        let payload = vec![7; length];
        let whole = frame::icmp("203.0.113.10", "10.0.0.10", 8, 0, [0, 1, 0, 1], &payload);
        let cuts: Vec<_> = (1480..length + 8).step_by(1480).collect();
        frame::fragments_with_id(&whole, id, &cuts)
    };
    for (length, id) in [(1600, 1), (3200, 2), (65_507, 3)] {
        let mut story = Story::new("i ingress icmp 8/-1 from 0.0.0.0/0");
        for piece in big(length, id) {
            story = story.frames("+0 frame piece | allow new", &[("piece", piece)]);
        }
    }
    // The first piece alone, then, after its time, an ordinary ping and the late second piece.
    let pieces = big(1600, 4);
    let frames = [("first", pieces[0].clone()), ("second", pieces[1].clone())];
    Story::new("i ingress icmp 8/-1 from 0.0.0.0/0").frames(
        "0  frame first                    | allow new
         31 frame second                   | deny fragment
         31 203.0.113.10 > 10.0.0.10  ping | allow new
         31 203.0.113.10 > 10.0.0.10  ping id 2 | allow new",
        &frames,
    );
}

#[test]
fn s61_ports_rule_later_fragments_too() {
    let other_port = frame::udp("203.0.113.10:40000", "10.0.0.10:54", &[0x55; 440]);
    let pieces = frame::fragments(&other_port, &[424]);
    let frames = [("first", pieces[0].clone()), ("second", pieces[1].clone())];
    Story::new(ALLOWED).frames(
        "+0 frame first  | deny no-rule
         +0 frame second | deny no-rule",
        &frames,
    );
}

#[test]
fn s62_four_fragments_in_several_orders() {
    let whole = frame::udp("203.0.113.10:40000", "10.0.0.10:53", &[0x55; 440]);
    let pieces = frame::fragments(&whole, &[112, 224, 336]);
    let frames: Vec<_> = ["0", "1", "2", "3"].into_iter().zip(pieces).collect();
    Story::new(ALLOWED).frames(
        "+0 frame 0 | allow new
         +0 frame 1 | allow new
         +0 frame 3 | allow new
         +0 frame 2 | allow new",
        &frames,
    );
    // What comes before the first is dropped, not held: the datagram is never complete, and nothing leaks.
    Story::new(ALLOWED).frames(
        "+0 frame 1 | deny fragment
         +0 frame 0 | allow new
         +0 frame 3 | allow new
         +0 frame 2 | allow new",
        &frames,
    );
    Story::new(ALLOWED).frames(
        "0  frame 0 | allow new
         31 frame 1 | deny fragment",
        &frames,
    );
}

#[test]
fn s63_a_whole_packet_with_the_same_identification_is_not_glued() {
    let pieces = two_pieces("203.0.113.10:40000", "10.0.0.10:53", 424);
    let id = u16::try_from(frame::FRAGMENT_ID).unwrap();
    let whole = frame::with_ip_id(
        frame::udp("203.0.113.10:40000", "10.0.0.10:99", &[1; 8]),
        id,
    );
    let [first, second] = pieces;
    Story::new(ALLOWED).frames(
        "+0 frame first  | allow new
         +0 frame whole  | deny no-rule
         +0 frame second | allow new",
        &[first, second, ("whole", whole)],
    );
}

#[test]
fn s64_holes_ends_and_lone_fragments() {
    let whole = frame::udp("203.0.113.10:40000", "10.0.0.10:53", &[0x55; 2000]);
    let piece = |from: usize, to: usize, more| frame::piece(&whole, 5, from..to, more);
    let frames = [
        ("lone", piece(123 * 8, 123 * 8 + 8, false)),
        ("first", piece(0, 16, true)),
        ("hole", piece(32, 48, true)),
        ("fill", piece(16, 32, true)),
        ("end", piece(48, 56, false)),
        ("beyond", piece(64, 72, true)),
        ("second-end", piece(56, 60, false)),
        ("huge", frame::piece(&whole, 6, 65_528..65_544, true)),
    ];
    let story = Story::new(ALLOWED).frames("+0 frame lone | deny fragment", &frames);
    assert_eq!(story.connections(), 0);
    Story::new(ALLOWED).frames(
        "+0 frame first | allow new
         +0 frame hole  | allow new
         +0 frame fill  | allow new
         +0 frame end   | allow new
         +0 frame beyond | deny fragment
         +0 frame fill  | deny fragment",
        &frames,
    );
    Story::new(ALLOWED).frames(
        "+0 frame first | allow new
         +0 frame end   | allow new
         +0 frame second-end | deny fragment
         +0 frame fill  | deny fragment",
        &frames,
    );
    // Beyond 64 KiB: no datagram is that long.
    Story::new(ALLOWED).frames("+0 frame huge | deny malformed", &frames);
    // A first piece too small for the header that rules look at.
    let tiny = frame::piece(&whole, 7, 0..0, true);
    Story::new(ALLOWED).frames("+0 frame tiny | deny malformed", &[("tiny", tiny)]);
    let tcp = frame::tcp("203.0.113.10:40000", "10.0.0.10:53", "S", &[0; 40]);
    let tiny = frame::piece(&tcp, 7, 0..16, true);
    Story::new("i ingress all from 203.0.113.0/24")
        .frames("+0 frame tiny | deny malformed", &[("tiny", tiny)]);
}

#[test]
fn s65_no_fragmentation_delivers_a_port_that_a_rule_denies() {
    // A denied datagram, cut in every way into two or three pieces and sent in every order: whatever passes, the piece
    // with the header does not, so no host can put it together.
    let whole = frame::udp("203.0.113.10:40000", "10.0.0.10:54", &[0x55; 56]);
    for cut in (8..64).step_by(8) {
        let pieces = frame::fragments(&whole, &[cut]);
        for order in [[0, 1], [1, 0]] {
            let mut story = Story::new(ALLOWED);
            for index in order {
                let frames = [("piece", pieces[index].clone())];
                let expected = match (index, order) {
                    (1, [1, 0]) => "deny fragment",
                    _ => "deny no-rule",
                };
                story = story.frames(&format!("+0 frame piece | {expected}"), &frames);
            }
            assert_eq!(story.connections(), 0);
        }
    }
    // A second first piece with other ports, behind one that was allowed.
    let allowed = frame::udp("203.0.113.10:40000", "10.0.0.10:53", &[0x55; 56]);
    let frames = [
        ("allowed", frame::piece(&allowed, 3, 0..32, true)),
        ("denied", frame::piece(&whole, 3, 0..32, true)),
        ("rest", frame::piece(&whole, 3, 32..64, false)),
    ];
    Story::new(ALLOWED).frames(
        "+0 frame allowed | allow new
         +0 frame denied  | deny fragment
         +0 frame rest    | deny fragment",
        &frames,
    );
}

#[test]
fn s66_the_walk_over_extension_headers_is_bounded() {
    let with = |count: usize| {
        let packet = frame::udp("[2001:db8:1::10]:40000", "[2001:db8::10]:53", b"");
        frame::with_extensions(packet, &vec![(51, 16); count])
    };
    Story::new(ALLOWED).frames(
        "+0 frame sixteen | allow new
         +0 frame seventeen | deny malformed
         +0 frame twenty | deny malformed",
        &[
            ("sixteen", with(16)),
            ("seventeen", with(17)),
            ("twenty", with(20)),
        ],
    );
}

#[test]
fn s67_headers_that_lie() {
    let good = || frame::udp("203.0.113.10:40000", "10.0.0.10:53", b"12345678");
    let frames = [
        ("ihl-4", frame::patch_ip(good(), 0, &[0x44])),
        ("version", frame::patch_ip(good(), 0, &[0x65])),
        ("total-length", frame::patch_ip(good(), 2, &[0xff, 0xff])),
        ("no-header", frame::patch_ip(good(), 2, &[0, 20])),
        (
            "options",
            frame::with_ipv4_options(good(), &[7, 7, 4, 0, 0, 0, 0, 0]),
        ),
        (
            "source-route",
            frame::with_ipv4_options(good(), &[131, 7, 4, 192, 0, 2, 1, 0]),
        ),
    ];
    Story::new(ALLOWED).frames(
        "+0 frame ihl-4        | deny malformed
         +0 frame total-length | deny malformed
         +0 frame no-header    | deny malformed
         +0 frame options      | allow new
         +0 frame source-route | allow established",
        &frames,
    );
    // Without a version there are no addresses to tell whose it is.
    Story::new(ALLOWED).frames("+0 frame version | deny malformed", &frames);
}
