//! A worker and nobody who takes anything: what fits is kept, the rest is counted, and nothing waits.

use crossbeam_channel::bounded;
use secgroup_datapath::Reason;
use secgroup_packet::{Direction, Frame, LinkType, Parsed};
use secgroup_testkit::frame;

use super::*;

struct Bench {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    feed: Feed,
    woken: crossbeam_channel::Receiver<()>,
}

fn bench() -> Bench {
    let (wake, woken) = bounded(1);
    let (shared, slot) = (Arc::<Shared>::default(), Arc::<Slot>::default());
    shared.want(LOGS, true);
    let feed = Feed::new(Arc::clone(&shared), Arc::clone(&slot), wake);
    Bench {
        shared,
        slot,
        feed,
        woken,
    }
}

/// `count` packets of as many flows, from port `from` on, at a time.
fn burst(feed: &mut Feed, from: u16, count: u16, at: Timestamp) {
    for port in from..from + count {
        let bytes = frame::tcp(&format!("203.0.113.7:{port}"), "10.0.0.1:80", "A", b"");
        let frame = Frame {
            link: LinkType::Ethernet,
            data: &bytes,
            wire_len: u32::try_from(bytes.len()).unwrap(),
        };
        let Ok(Parsed::Ip(packet)) = frame.parse() else {
            panic!("it is a packet")
        };
        let crossing = Crossing {
            frame,
            packet,
            interface: InterfaceIndex(3),
            direction: Direction::Ingress,
            at,
        };
        feed.burst(&[crossing], &[Verdict::deny(Reason::NoRule)]);
    }
}

fn held(bench: &Bench) -> usize {
    bench.slot.0.lock().unwrap().observations.len()
}

#[test]
fn a_batch_is_moved_when_it_is_full_or_old_or_there_is_time() {
    let mut bench = bench();
    let at = Timestamp::from_secs(1);
    burst(&mut bench.feed, 1, 1, at);
    assert_eq!(held(&bench), 0);
    bench.feed.idle();
    assert_eq!(held(&bench), 1);
    burst(&mut bench.feed, 1, 255, at);
    assert_eq!(held(&bench), 1);
    burst(&mut bench.feed, 256, 1, at);
    assert_eq!(held(&bench), 257);
    // One flow is one observation, however long it is told of; but it is told of in time.
    (0..1000).for_each(|_| burst(&mut bench.feed, 7, 1, at));
    assert_eq!(held(&bench), 257);
    burst(&mut bench.feed, 7, 1, at.saturating_add(OLD));
    let left = bench.slot.0.lock().unwrap();
    assert_eq!(left.observations.last().unwrap().sums.packets, 1001);
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut bench = bench();
    let at = Timestamp::from_secs(1);
    let rounds = 8;
    for _ in 0..rounds {
        burst(&mut bench.feed, 1, 10_000, at);
    }
    assert_eq!(held(&bench), SLOT_MAX);
    assert_eq!(bench.woken.len(), 1, "somebody is told that it fills");
    drop(bench.feed);
    let left = bench.slot.0.lock().unwrap();
    let kept: u64 = left.observations.iter().map(|one| one.sums.packets).sum();
    let lost = bench.shared.lost.load(Ordering::Relaxed);
    assert_eq!(kept + lost, rounds * 10_000);
    assert_eq!(left.lost, BTreeMap::from([(InterfaceIndex(3), lost)]));
}

#[test]
fn a_worker_does_not_wait_for_who_holds_the_slot() {
    let mut bench = bench();
    let slot = Arc::clone(&bench.slot);
    let held = slot.0.lock().unwrap();
    let at = Timestamp::from_secs(1);
    burst(&mut bench.feed, 1, 5000, at);
    bench.feed.idle();
    drop(held);
    bench.feed.idle();
    let left = bench.slot.0.lock().unwrap();
    assert_eq!(left.observations.len(), BATCH_MAX);
    assert_eq!(left.lost.values().sum::<u64>(), 5000 - BATCH_MAX as u64);
}

#[test]
fn where_there_is_no_log_nothing_is_noted() {
    let mut bench = bench();
    bench.shared.want(LOGS, false);
    burst(&mut bench.feed, 1, 300, Timestamp::from_secs(1));
    bench.feed.idle();
    assert_eq!(held(&bench), 0);
}
