//! Random frames of few hosts and ports, so that they meet.

use secgroup_packet::Direction;
use secgroup_testkit::frame;
use secgroup_testkit::rng::Rng;

/// Flags of TCP segments; most are of a connection that goes on.
const FLAGS: [&str; 7] = ["S", "SA", "A", "A", "PA", "FA", "R"];

/// A random frame that crosses the interface in `direction`: of every kind that a verdict treats differently.
pub(super) fn random_frame(rng: &mut Rng, direction: Direction) -> Vec<u8> {
    match rng.below(24) {
        0 => frame::arp("10.0.0.10", "10.0.0.1"),
        1 => frame::ethernet([2, 0, 0, 0, 0, 2], *rng.pick(&[0x88cc, 0x8035]), &[0; 46]),
        2 | 3 => {
            let bytes = packet(rng, direction);
            let length = 15 + usize::try_from(rng.below(bytes.len() as u64 - 15)).unwrap();
            frame::truncated(bytes, length)
        }
        _ => packet(rng, direction),
    }
}

/// A random well-formed IP packet.
pub(super) fn packet(rng: &mut Rng, direction: Direction) -> Vec<u8> {
    let is_v6 = rng.chance(1, 6);
    let local = if is_v6 { "[2001:db8::10]" } else { "10.0.0.10" };
    let remotes: &[&str] = if is_v6 {
        &["[2001:db8:9::1]", "[2001:db8:7::1]"]
    } else {
        &["203.0.113.5", "203.0.113.6", "198.51.100.7", "192.0.2.66"]
    };
    let remote = *rng.pick(remotes);
    let local_port = *rng.pick(&[22, 53, 80, 23]);
    let remote_port = 1024 + rng.below(12);
    let (ours, theirs) = (
        format!("{local}:{local_port}"),
        format!("{remote}:{remote_port}"),
    );
    let (src, dst) = match direction {
        Direction::Egress => (ours, theirs),
        Direction::Ingress => (theirs, ours),
    };
    let bare = |end: &str| end.trim_matches(['[', ']']).to_owned();
    let (local, remote) = (bare(local), bare(remote));
    let (from, to) = match direction {
        Direction::Egress => (local, remote),
        Direction::Ingress => (remote, local),
    };
    match rng.below(10) {
        0..=4 => {
            let flags = *rng.pick(&FLAGS);
            frame::tcp(&src, &dst, flags, b"x")
        }
        5 | 6 => frame::udp(&src, &dst, b"?"),
        7 => ping(rng, &from, &to),
        8 => {
            let lost = packet_between(rng, &dst, &src);
            frame::quote(&lost, if is_v6 { 1 } else { 3 }, 3, &from)
        }
        _ => frame::raw_proto(&from, &to, 47, b"gre"),
    }
}

fn ping(rng: &mut Rng, from: &str, to: &str) -> Vec<u8> {
    let id = u16::try_from(rng.below(4)).unwrap();
    if rng.chance(1, 2) {
        frame::ping(from, to, id, 1)
    } else {
        frame::pong(from, to, id, 1)
    }
}

fn packet_between(rng: &mut Rng, src: &str, dst: &str) -> Vec<u8> {
    if rng.chance(1, 2) {
        frame::tcp(src, dst, "A", b"x")
    } else {
        frame::udp(src, dst, b"x")
    }
}

/// A random packet, often a large one in pieces, in random order, sometimes with one missing or twice.
pub(super) fn pieces(rng: &mut Rng, direction: Direction) -> Vec<Vec<u8>> {
    if !rng.chance(1, 3) {
        return vec![packet(rng, direction)];
    }
    let remote = *rng.pick(&["203.0.113.5", "198.51.100.7", "192.0.2.66"]);
    let (ours, theirs) = (
        "10.0.0.10:53".to_owned(),
        format!("{remote}:{}", 1024 + rng.below(12)),
    );
    let (src, dst) = match direction {
        Direction::Egress => (ours, theirs),
        Direction::Ingress => (theirs, ours),
    };
    let whole = frame::udp(&src, &dst, &[7; 120]);
    let id = u32::try_from(rng.below(6)).unwrap();
    let mut cuts: Vec<_> = (0..=rng.below(4))
        .map(|_| 8 * usize::try_from(1 + rng.below(14)).unwrap())
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces = frame::fragments_with_id(&whole, id, &cuts);
    if rng.chance(1, 3) {
        let (a, b) = (
            rng.below(pieces.len() as u64),
            rng.below(pieces.len() as u64),
        );
        pieces.swap(usize::try_from(a).unwrap(), usize::try_from(b).unwrap());
    }
    if rng.chance(1, 6) {
        let again = rng.pick(&pieces).clone();
        pieces.push(again);
    }
    if rng.chance(1, 6) {
        pieces.pop();
    }
    pieces
}
