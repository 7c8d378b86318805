//! Workers that are driven by hand, over cables of memory, against the engine alone.

mod handed_over;
mod queue;
mod shards;
mod traffic;
mod trouble;

use secgroup_datapath::{Action, Reason};
use secgroup_io::live::{Heard, LiveFrame, Port};
use secgroup_packet::Direction;
use secgroup_testkit::frame;
use secgroup_testkit::rng::Rng;

use self::traffic::random_frame;
use crate::events::Event;
use crate::mailbox::Command;
use crate::testing::{Plain, Rig, policy};
use crate::worker::Report;
use crate::{Attached, Sees};

/// Link Layer Discovery, which a link may list.
const LLDP: u16 = 0x88cc;

fn report(rig: &mut Rig) -> Report {
    report_of(rig, 0)
}

fn report_of(rig: &mut Rig, worker: u16) -> Report {
    rig.ask(worker, |reply| Command::Report { reply })
}

/// Random bursts into one worker; what comes out and what is counted has to be what the engine alone says.
fn as_the_engine_says(seed: u64, audit: bool) {
    println!("seed {seed:#x}, audit {audit}");
    let mut rng = Rng::new(seed);
    let policy = policy();
    let mut plain = Plain::new(std::sync::Arc::clone(&policy));
    let mut rig = Rig::new(1, 64, &policy);
    let mut ends = rig.attach_inline(audit, &[LLDP]).remove(0);
    let (mut passed, mut dropped) = (0, 0);
    for _ in 0..300 {
        let direction = *rng.pick(&Direction::BOTH);
        let burst: Vec<_> = (0..=rng.below(400))
            .map(|_| random_frame(&mut rng, direction))
            .collect();
        let mut expected = Vec::new();
        for bytes in &burst {
            let goes_on = match plain.decide(bytes, direction, rig.now()) {
                Some(verdict) => verdict.action() == Action::Allow,
                None => {
                    let goes_on = matches!(&bytes[12..14], [0x08, 0x06] | [0x88, 0xcc]);
                    *(if goes_on { &mut passed } else { &mut dropped }) += 1;
                    goes_on
                }
            };
            if goes_on || audit {
                expected.push(bytes.clone());
            }
        }
        ends.send(direction, &burst);
        rig.run();
        assert_eq!(ends.received(direction), expected);
        assert!(ends.received(direction.reverse()).is_empty());
        assert_eq!(rig.packets(), plain.packets());
        rig.pass(std::time::Duration::from_millis(rng.below(2000)));
    }
    let counts = report(&mut rig).links.remove(0).counts;
    assert_eq!(
        (counts.not_ip_passed, counts.not_ip_dropped),
        (passed, dropped)
    );
    assert!(passed > 0 && dropped > 0);
    for reason in [
        Reason::New,
        Reason::Established,
        Reason::NoRule,
        Reason::Malformed,
    ] {
        let counts = plain.packets();
        let seen = counts[0][reason as usize] + counts[1][reason as usize];
        assert!(seen > 100, "the traffic has too little of {reason}: {seen}");
    }
}

#[test]
fn frames_go_on_in_order_as_the_engine_says() {
    as_the_engine_says(0x1d1e, false);
}

#[test]
fn an_audited_link_counts_the_same_and_keeps_nothing() {
    as_the_engine_says(0xa0d1, true);
}

#[test]
fn nothing_is_told_of_itself() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    let denied: Vec<_> = (0..100)
        .map(|n| frame::udp("192.0.2.1:9", &format!("10.0.0.10:{n}"), b""))
        .collect();
    ends.send(Direction::Ingress, &denied);
    rig.run();
    assert!(ends.received(Direction::Ingress).is_empty());
    assert!(
        ends.received(Direction::Egress).is_empty(),
        "a denied packet is dropped silently (C4)"
    );
    let told: Vec<_> = rig.events.try_iter().collect();
    assert_eq!(told.len(), 10, "only samples are told");
    rig.pass(std::time::Duration::from_secs(1));
    ends.send(Direction::Ingress, &denied[..1]);
    rig.run();
    let Ok(Event::Denied(next)) = rig.events.try_recv() else {
        panic!("no sample")
    };
    assert_eq!((next.suppressed, next.reason), (90, Reason::NoRule));
    assert!(next.packet.is_some());
}

#[test]
fn connections_are_told_while_somebody_follows() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    let mut ask = |rig: &mut Rig, port: u16| {
        ends.send(
            Direction::Ingress,
            &[frame::udp(
                &format!("203.0.113.5:{port}"),
                "10.0.0.10:53",
                b"?",
            )],
        );
        rig.run();
        rig.events.try_iter().count()
    };
    assert_eq!(ask(&mut rig, 1000), 0);
    let follower = rig.hub.listen(true);
    assert_eq!(ask(&mut rig, 1001), 1);
    assert_eq!(ask(&mut rig, 1001), 0, "it is not new any more");
    drop(follower);
}

/// What each way of watching makes of a packet from, to, and past the interface.
#[test]
fn a_watched_device_tells_the_direction() {
    use Direction::{Egress, Ingress};
    use Heard::{Arriving, Leaving};
    let from = frame::udp("10.0.0.10:9", "198.51.100.1:9", b"");
    let to = frame::udp("198.51.100.1:9", "10.0.0.10:9", b"");
    let past = frame::udp("198.51.100.1:9", "10.0.0.11:9", b"");
    let cut = frame::truncated(to.clone(), 36);
    let cases = [
        (Sees::Host, &to, Arriving, Some(Ingress)),
        (Sees::Host, &from, Leaving, Some(Egress)),
        (Sees::Instance, &from, Arriving, Some(Egress)),
        (Sees::Instance, &to, Leaving, Some(Ingress)),
        (Sees::Instance, &cut, Leaving, Some(Ingress)),
        (Sees::Addresses, &to, Leaving, Some(Ingress)),
        (Sees::Addresses, &from, Leaving, Some(Egress)),
        (Sees::Addresses, &past, Arriving, None),
        (Sees::Addresses, &cut, Arriving, Some(Ingress)),
    ];
    for (sees, bytes, heard, expected) in cases {
        let mut rig = Rig::new(1, 64, &policy());
        let (mut far, near) = secgroup_io::live::memory::pair(8).unwrap();
        rig.attach(
            false,
            &[],
            vec![Attached::Watch {
                receiver: Box::new(near),
                sees,
            }],
        );
        far.transmit(&[LiveFrame {
            heard,
            ..LiveFrame::whole(bytes)
        }]);
        rig.run();
        let counted = rig.packets().map(|reasons| reasons.iter().sum::<u64>());
        let mut wanted = [0; 2];
        if let Some(direction) = expected {
            wanted[direction as usize] = 1;
        }
        assert_eq!(counted, wanted, "{sees:?} {heard:?}");
    }
}

#[test]
fn a_packet_too_large_for_the_other_side_is_answered() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(false, &[]).remove(0);
    ends.near[1].set_mtu(Some(1400));
    let large = frame::udp("10.0.0.10:9", "198.51.100.1:9", &[7; 1400]);
    let fits = frame::udp("10.0.0.10:9", "198.51.100.1:9", &[7; 1372]);
    let denied = frame::udp("10.0.0.10:9", "192.0.2.1:9", &[7; 1400]);
    ends.send(Direction::Egress, &[large.clone(), fits.clone(), denied]);
    rig.run();
    assert_eq!(ends.received(Direction::Egress), [fits]);
    let errors = ends.received(Direction::Ingress);
    assert_eq!(errors.len(), 1, "what the rules deny is not answered");
    assert_eq!(
        frame::ip(&errors[0])[20..22],
        [3, 4],
        "fragmentation needed"
    );

    ends.send(Direction::Egress, &vec![large; 500]);
    rig.run();
    let more = ends.received(Direction::Ingress).len();
    assert_eq!(more, 99, "errors are limited");
    let counts = report(&mut rig).links.remove(0).counts;
    assert_eq!((counts.oversize, counts.oversize_told), (501, 100));
}

#[test]
fn an_audited_link_leaves_too_large_packets_to_the_device() {
    let mut rig = Rig::new(1, 64, &policy());
    let mut ends = rig.attach_inline(true, &[]).remove(0);
    ends.near[1].set_mtu(Some(1400));
    ends.send(
        Direction::Egress,
        &[frame::udp("10.0.0.10:9", "198.51.100.1:9", &[7; 1400])],
    );
    rig.run();
    assert!(ends.received(Direction::Ingress).is_empty());
    let link = report(&mut rig).links.remove(0);
    assert_eq!(
        (link.counts.oversize, link.counts.sides[1].not_sent),
        (1, 1)
    );
}
