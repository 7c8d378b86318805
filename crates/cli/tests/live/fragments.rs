//! Fragments: scenarios 58 to 62.

use secgroup_testkit::frame::{self, fragments_with_id, piece};
use secgroup_testkit::station::{Tags, cross};

use crate::support::{
    ANY, ANY6, Backend, I, I6, Lab, O, O6, Policy, Setup, everything, live, ping, pings, udp,
};

/// A datagram to an allowed port and one to another, in either family.
fn datagrams() -> [(Vec<u8>, Vec<u8>); 2] {
    let payload: Vec<u8> = (0..=255).cycle().take(440).collect();
    let to = |from: &str, to: &str| {
        let datagram = |port| frame::udp(&format!("{from}:1"), &format!("{to}:{port}"), &payload);
        (datagram(53), datagram(54))
    };
    [to(O, I), to(&format!("[{O6}]"), &format!("[{I6}]"))]
}

fn rules() -> Policy {
    Policy::new(&[udp(53, ANY), udp(53, ANY6)], &everything())
}

live! {
    /// Scenarios 58, 59 and 61: later fragments share the verdict of their first, allowed or denied.
    fn later_fragments_share_the_first_ones_verdict() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        for (id, (allowed, denied)) in (1..).zip(datagrams()) {
            let pieces = fragments_with_id(&allowed, id, &[424]);
            assert_eq!(wire.ingress(&pieces), pieces);
            assert!(wire.ingress(&fragments_with_id(&denied, 10 + id, &[424])).is_empty());
            // A later piece alone, and one that comes before its first.
            let pieces = fragments_with_id(&allowed, 20 + id, &[424]);
            assert!(wire.ingress(&pieces[1..]).is_empty());
            assert_eq!(wire.ingress(&pieces), pieces);
        }
        assert_eq!(lab.daemon().packets("I", "ingress", "fragment"), 2);
        assert_eq!(lab.daemon().packets("I", "ingress", "no-rule"), 4);
    }

    /// Scenario 59: behind tags, of one kind and of both.
    fn fragments_behind_tags() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        let mut inside = Tags::open(&lab.instance, "eth0");
        let tagged: [fn(Vec<u8>) -> Vec<u8>; 2] =
            [|plain| frame::with_vlan(plain, 100), |plain| frame::with_qinq(plain, 7, 100)];
        for (tags, tagged) in (1..).zip(tagged) {
            for (id, (allowed, denied)) in (10 * tags..).zip(datagrams()) {
                let pieces = |datagram, id| {
                    let pieces = fragments_with_id(datagram, id, &[112, 424]);
                    pieces.into_iter().map(tagged).collect::<Vec<_>>()
                };
                let sent = pieces(&allowed, id);
                let arrived = cross(&mut wire.outside, &mut inside, &sent);
                assert_eq!(arrived, sent, "{tags} tags");
                let arrived = cross(&mut wire.outside, &mut inside, &pieces(&denied, 100 + id));
                assert!(arrived.is_empty(), "{tags} tags: {arrived:x?}");
            }
        }
    }

    /// Scenario 60: a datagram of which only the beginning comes is in nobody's way.
    fn an_incomplete_datagram_is_in_nobodys_way() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        for (id, (allowed, _)) in (1..).zip(datagrams()) {
            let pieces = fragments_with_id(&allowed, id, &[424]);
            assert_eq!(wire.ingress(&pieces[..1]), pieces[..1]);
            let others = fragments_with_id(&allowed, 10 + id, &[424]);
            assert_eq!(wire.ingress(&others), others);
            assert_eq!(wire.ingress(std::slice::from_ref(&allowed)), std::slice::from_ref(&allowed));
        }
    }

    /// Scenario 58: overlap by one unit, in either order. RFC 5722 for both families.
    fn an_overlap_spoils_the_datagram() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        for (id, (allowed, _)) in (1..).zip(datagrams()) {
            let first = piece(&allowed, id, 0..200, true);
            let overlapping = piece(&allowed, id, 192..400, true);
            let last = piece(&allowed, id, 400..448, false);
            let heard = wire.ingress(&[first.clone(), overlapping, last]);
            assert_eq!(heard, [first], "what follows an overlap is denied, too");
            let id = 10 + id;
            let (first, end) = (piece(&allowed, id, 0..208, true), piece(&allowed, id, 200..448, false));
            assert_eq!(wire.ingress(&[first.clone(), end, first.clone()]), [first]);
        }
    }

    /// Scenario 59: extension headers before and behind the fragment header.
    fn fragments_behind_extension_headers() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        let [_, (allowed, denied)] = datagrams();
        for (id, extensions) in (1..).zip([&[(0, 8)][..], &[(60, 8)], &[(0, 8), (60, 16)]]) {
            let pieces = fragments_with_id(&frame::with_extensions(allowed.clone(), extensions), id, &[424]);
            assert_eq!(wire.ingress(&pieces), pieces, "{extensions:?}");
            let pieces = fragments_with_id(&frame::with_extensions(denied.clone(), extensions), 10 + id, &[424]);
            assert!(wire.ingress(&pieces).is_empty(), "{extensions:?}");
        }
    }

    /// Scenario 62: what is delivered in another order is the same datagram.
    fn the_order_behind_the_first_is_free() {
        let lab = Lab::new(&Setup::stations(rules()));
        let mut wire = lab.wire();
        for (id, (allowed, _)) in (1..).zip(datagrams()) {
            let pieces = fragments_with_id(&allowed, id, &[112, 224, 336]);
            let shuffled = [0, 1, 3, 2].map(|n| pieces[n].clone());
            assert_eq!(wire.ingress(&shuffled), shuffled);
            // 1 comes before the first, and is not held.
            let pieces = fragments_with_id(&allowed, 10 + id, &[112, 224, 336]);
            let heard = wire.ingress(&[1, 0, 3, 2].map(|n| pieces[n].clone()));
            assert_eq!(heard, [0, 3, 2].map(|n| pieces[n].clone()));
        }
    }

    /// Scenario 60, between hosts: what the kernels cut and put together.
    fn large_pings_pass() { large_pings(Backend::AfPacketV2); }

    /// Pieces find the shard of their first one, and ICMP errors that of the flow they quote.
    fn large_pings_pass_over_shards() { large_pings(Backend::AfPacketSharded); }
    fn large_pings_pass_over_queues() { large_pings(Backend::HostSharded); }
}

fn large_pings(backend: Backend) {
    let lab = Lab::new(&Setup::hosts(Policy::new(&ping(), &everything())).backend(backend));
    for (instance, outside, largest) in [(I, O, 65_507), (I6, O6, 65_527)] {
        for size in [1600, 3200, largest] {
            pings(&lab.outside, &format!("-s {size}"), instance);
            pings(&lab.instance, &format!("-s {size}"), outside);
        }
    }
}
