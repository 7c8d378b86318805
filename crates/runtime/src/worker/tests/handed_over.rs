//! Frames on their way between two workers, when something is in the way.

use secgroup_packet::Direction;
use secgroup_testkit::frame;

use super::report_of;
use crate::mailbox::Command;
use crate::testing::{ENI, Rig, policy};
use crate::worker::Turn;

/// Frames of many flows: about half of them belong to the other of two workers.
fn flows(count: u16) -> Vec<Vec<u8>> {
    let ports = 1000..1000 + count;
    ports
        .map(|port| frame::udp(&format!("203.0.113.5:{port}"), "10.0.0.10:53", b"?"))
        .collect()
}

fn turn_alone(rig: &mut Rig, worker: usize) {
    let worker = &mut rig.workers[worker];
    worker.look(Some(std::time::Duration::ZERO)).unwrap();
    while worker.turn().unwrap() == Turn::Busy {}
}

#[test]
fn a_full_channel_is_a_counted_drop() {
    let mut rig = Rig::new(2, 40, &policy());
    let mut ends = rig.attach_inline(false, &[]);
    ends[0].send(Direction::Ingress, &flows(200));
    turn_alone(&mut rig, 0);
    let at_home = ends[0].received(Direction::Ingress).len();
    rig.run();
    let handed = ends[1].received(Direction::Ingress).len();
    let status = report_of(&mut rig, 0).worker;
    assert_eq!(handed, 40, "no more than may wait");
    assert_eq!(status.handed_over, 40);
    assert_eq!(
        usize::try_from(status.handoff_full).unwrap(),
        200 - 40 - at_home
    );
    assert!(status.handoff_full > 20);
}

#[test]
fn what_comes_after_the_link_closed_is_dropped_and_counted() {
    let mut rig = Rig::new(2, 400, &policy());
    let mut ends = rig.attach_inline(false, &[]);
    ends[0].send(Direction::Ingress, &flows(100));
    turn_alone(&mut rig, 0);
    rig.ask(1, |done| Command::Close {
        interface: ENI,
        done,
    });
    let (first, second) = (report_of(&mut rig, 0).worker, report_of(&mut rig, 1).worker);
    assert!(first.handed_over > 20);
    assert_eq!(second.handoff_late, first.handed_over);
    assert!(
        ends[1]
            .near
            .iter()
            .all(secgroup_io::live::memory::MemoryHandle::is_closed)
    );
}
