//! Devices that go down, go away, and come back.

use std::time::Duration;

use secgroup_io::live::af_packet::Ring;
use secgroup_io::live::{BURST, Gone, LiveFrame, Port, ReceiveError, Receiver};
use secgroup_testkit::{frame, netns, wait};

use super::{RINGS, hear, port};
use crate::support::{Row, Wire, readable};

/// Long enough to see that nothing comes.
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_device_that_goes_down_is_told_once_and_comes_back_by_itself() {
    if netns::skip("a_device_that_goes_down_is_told_once_and_comes_back_by_itself") {
        return;
    }
    for ring in RINGS {
        let row = Row::new();
        let mut port = port(&row.middle, "inside", ring);
        row.middle.ip("link set inside down");
        assert!(readable(&[&port], wait::PATIENCE), "{ring:?}");
        assert!(matches!(port.receive(BURST), Err(ReceiveError::Down)));
        // No error is left that would wake anybody again.
        assert!(!readable(&[&port], SHORT), "{ring:?}");
        assert!(matches!(port.receive(BURST), Ok(0)));
        let out = frame::udp("192.0.2.2:2", "192.0.2.1:1", b"out");
        let refused = port.transmit(&[LiveFrame::whole(&out), LiveFrame::whole(&out)]);
        assert_eq!((refused.down, refused.lost()), (2, 2));
        assert!(matches!(port.receive(BURST), Err(ReceiveError::Down)));

        row.middle.ip("link set inside up");
        let mut left = Wire::at(&row.left, "eth0");
        let back = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"back");
        left.send(&back);
        assert_eq!(hear(&mut port)[0].0, back, "{ring:?}");
        assert_eq!(port.transmit(&[LiveFrame::whole(&out)]).sent, 1);
        assert_eq!(left.hear().frame, out);
    }
}

#[test]
fn an_old_error_costs_no_frame() {
    if netns::skip("an_old_error_costs_no_frame") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "inside", Ring::V2);
    row.middle.ip("link set inside down");
    row.middle.ip("link set inside up");
    // Nobody took the error of the time between; the first frame meets it.
    let out = frame::udp("192.0.2.2:2", "192.0.2.1:1", b"out");
    assert_eq!(port.transmit(&[LiveFrame::whole(&out)]).sent, 1);
}

#[test]
fn a_deleted_device_is_gone_and_its_successor_is_opened_anew() {
    if netns::skip("a_deleted_device_is_gone_and_its_successor_is_opened_anew") {
        return;
    }
    for ring in RINGS {
        let row = Row::new();
        let mut old = port(&row.middle, "inside", ring);
        row.left.ip("link del eth0");
        row.right.ip("link del eth0");
        let gone = |port: &mut dyn Port| {
            wait::until("the device to be gone", || match port.receive(BURST) {
                Err(ReceiveError::Gone(Gone::Deleted)) => Some(()),
                Ok(0) | Err(ReceiveError::Down) => None,
                other => panic!("{other:?}"),
            });
        };
        gone(&mut old);
        assert!(!readable(&[&old], SHORT), "{ring:?}");
        let out = frame::udp("192.0.2.2:2", "192.0.2.1:1", b"out");
        assert_eq!(old.transmit(&[LiveFrame::whole(&out)]).down, 1);

        row.connect();
        gone(&mut old); // even though there is one of its name
        let mut new = port(&row.middle, "inside", ring);
        let mut left = Wire::at(&row.left, "eth0");
        left.send(&out);
        assert_eq!(hear(&mut new)[0].0, out);
    }
}

#[test]
fn a_device_that_was_down_and_is_deleted_is_gone_when_asked() {
    if netns::skip("a_device_that_was_down_and_is_deleted_is_gone_when_asked") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "inside", Ring::V2);
    row.middle.ip("link set inside down");
    assert!(matches!(port.receive(BURST), Err(ReceiveError::Down)));
    row.middle.ip("link del inside");
    wait::until("the device to be gone", || {
        let answer = port.receive(BURST);
        matches!(answer, Err(ReceiveError::Gone(_))).then_some(())
    });
}

#[test]
fn a_device_that_moves_away_is_gone() {
    if netns::skip("a_device_that_moves_away_is_gone") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "inside", Ring::V2);
    row.middle
        .ip(&format!("link set inside netns {}", row.right.name()));
    wait::until("the device to be gone", || {
        let answer = port.receive(BURST);
        matches!(answer, Err(ReceiveError::Gone(_))).then_some(())
    });
}

#[test]
fn a_renamed_device_keeps_its_port() {
    if netns::skip("a_renamed_device_keeps_its_port") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "inside", Ring::V2);
    row.middle.ip("link set inside name renamed");
    let mut left = Wire::at(&row.left, "eth0");
    let sent = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"sent");
    left.send(&sent);
    assert_eq!(hear(&mut port)[0].0, sent);
    row.middle.ip("link set renamed mtu 1400");
    port.drops();
    assert_eq!(port.mtu(), Some(1400));
}
