//! Links that are only counted, and enforced, in turns.

use secgroup_io::live::memory::Fault;

use super::*;

/// A query that no rule admits.
fn denied(port: u16) -> Vec<u8> {
    frame::udp(&format!("192.0.2.1:{port}"), "10.0.0.10:53", b"?")
}

/// Frames that come out when a denied and an allowed one are sent to each shard.
#[track_caller]
fn out(ends: &mut [Ends], runtime: &Runtime, port: u16) -> usize {
    let judged = || -> u64 {
        let verdicts = runtime.status().links[0].verdicts[Direction::Ingress as usize];
        verdicts.iter().map(|count| count.packets).sum()
    };
    let before = judged();
    let mut sent = 0;
    for (port, ends) in (port..).zip(&mut *ends) {
        ends.send(Direction::Ingress, &[denied(port), query(port)]);
        sent += 2;
    }
    eventually("all verdicts", || judged() == before + sent);
    // A burst is sent on before its worker says that it was counted.
    ends.iter_mut()
        .map(|ends| ends.received(Direction::Ingress).len())
        .sum()
}

#[test]
fn audit_is_switched_between_two_bursts_and_devices_stay_open() {
    let runtime = start(3);
    let (cables, mut ends) = attach_shards(&runtime, 3);
    let eni = InterfaceIndex(0);
    for round in 0..50 {
        let audit = round % 2 == 1;
        assert!(runtime.set_audit(eni, audit));
        assert_eq!(runtime.status().links[0].audit, audit);
        let passed = if audit { 6 } else { 3 };
        assert_eq!(
            out(&mut ends, &runtime, 1000 + round * 3),
            passed,
            "{audit}"
        );
    }
    let status = runtime.status();
    assert_eq!(status.links[0].connections, 150, "connections stay");
    assert!(cables.far.lock().unwrap().is_empty(), "devices were opened");
    assert!(
        ends.iter()
            .flat_map(|ends| &ends.near)
            .all(|near| !near.is_closed())
    );
    assert!(!runtime.set_audit(InterfaceIndex(1), true), "there is none");
}

#[test]
fn a_link_that_is_opened_again_is_as_it_was_switched_last() {
    let runtime = start(1);
    let events = runtime.events();
    let (cables, mut ends) = attach(&runtime, 0);
    assert!(runtime.set_audit(InterfaceIndex(0), true));
    for (fault, port) in [(Fault::Gone, 1000), (Fault::Panic, 1001)] {
        ends.near[0].set(fault);
        next_event(&events, "the link's return", |event| {
            matches!(event, Event::LinkOpened { again: true, .. })
        });
        ends = cables.next();
        assert_eq!(out(std::slice::from_mut(&mut ends), &runtime, port), 2);
    }
}
