//! `af-packet` between real cables: frames go through unchanged, and everything that can happen to a
//! device is survived and said.

mod fanout;
mod limits;
mod offload;
mod tags;
mod trouble;

use secgroup_io::live::af_packet::{AfPacket, AfPacketSettings, Ring};
use secgroup_io::live::{BURST, Heard, LiveFrame, Port, Receiver};
use secgroup_testkit::netns::{self, Namespace};
use secgroup_testkit::{frame, wait};

use crate::support::{Forwarder, Row, Wire};

/// Both kinds of ring.
const RINGS: [Ring; 2] = [Ring::V2, Ring::V3];

/// A port of a host, opened inside it.
fn open(host: &Namespace, settings: &AfPacketSettings) -> AfPacket {
    host.enter(|| AfPacket::open(settings).expect("it can be opened"))
}

/// A port as a firewall has it, with a small ring.
fn port(host: &Namespace, device: &str, ring: Ring) -> AfPacket {
    let settings = AfPacketSettings {
        ring,
        frames: 60,
        ..AfPacketSettings::port(device)
    };
    open(host, &settings)
}

/// Forwards everything between the two devices of the middle host.
fn bump(row: &Row, ring: Ring) -> Forwarder {
    let inside = port(&row.middle, "inside", ring);
    let outside = port(&row.middle, "outside", ring);
    Forwarder::start(Box::new(inside), Box::new(outside))
}

/// The frames of the next burst that has any.
fn hear(receiver: &mut dyn Receiver) -> Vec<(Vec<u8>, Heard)> {
    wait::until("a frame", || {
        let count = receiver.receive(BURST).expect("nothing is wrong");
        let copy = |index| {
            let frame = receiver.frame(index);
            (frame.data.to_vec(), frame.heard)
        };
        (count > 0).then(|| (0..count).map(copy).collect())
    })
}

#[test]
fn what_goes_in_on_one_side_comes_out_on_the_other_once() {
    if netns::skip("what_goes_in_on_one_side_comes_out_on_the_other_once") {
        return;
    }
    for ring in RINGS {
        let row = Row::new();
        let forwarder = bump(&row, ring);
        let (mut left, mut right) = (Wire::at(&row.left, "eth0"), Wire::at(&row.right, "eth0"));
        let sent: Vec<_> = (0..1000_u32)
            .map(|number| frame::udp("192.0.2.1:1", "192.0.2.2:2", &number.to_be_bytes()))
            .collect();
        // Never more at once than the rings hold.
        for some in sent.chunks(30) {
            for frame in some {
                left.send(frame);
            }
            for frame in some {
                assert_eq!(&right.hear().frame, frame, "{ring:?}");
            }
        }
        let (last, answer) = (
            frame::udp("192.0.2.1:1", "192.0.2.2:3", b"last"),
            frame::udp("192.0.2.2:2", "192.0.2.1:1", b"answer"),
        );
        left.send(&last);
        assert_eq!(right.hear_until(&last).len(), 0, "nothing comes twice");
        right.send(&answer);
        // Nothing of its own came back to it.
        assert_eq!(left.hear_until(&answer).len(), 0, "{ring:?}");
        let tally = forwarder.stop();
        assert_eq!(tally.frames, 1002, "no frame was heard twice");
        assert_eq!(tally.transmitted.lost(), 0);
    }
}

#[test]
fn a_port_does_not_hear_what_its_host_sends() {
    if netns::skip("a_port_does_not_hear_what_its_host_sends") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "inside", Ring::V2);
    let mut host = Wire::at(&row.middle, "inside");
    let mut left = Wire::at(&row.left, "eth0");
    let own = frame::udp("192.0.2.9:1", "192.0.2.1:2", b"the host's own");
    host.send(&own);
    assert_eq!(left.hear().frame, own);
    let other = frame::udp("192.0.2.1:2", "192.0.2.9:1", b"from outside");
    left.send(&other);
    assert_eq!(hear(&mut port), [(other, Heard::Arriving)]);
}

#[test]
fn a_watcher_hears_both_ways_and_sends_nothing() {
    if netns::skip("a_watcher_hears_both_ways_and_sends_nothing") {
        return;
    }
    let row = Row::new();
    let mut watcher = open(&row.middle, &AfPacketSettings::watch("inside"));
    let mut host = Wire::at(&row.middle, "inside");
    let mut left = Wire::at(&row.left, "eth0");
    let leaving = frame::udp("192.0.2.9:1", "192.0.2.1:2", b"leaving");
    host.send(&leaving);
    assert_eq!(left.hear().frame, leaving);
    assert_eq!(hear(&mut watcher), [(leaving.clone(), Heard::Leaving)]);
    let arriving = frame::udp("192.0.2.1:2", "192.0.2.9:1", b"arriving");
    left.send(&arriving);
    assert_eq!(hear(&mut watcher), [(arriving, Heard::Arriving)]);
    let refused = watcher.transmit(&[LiveFrame::whole(&leaving)]);
    assert_eq!((refused.sent, refused.failed), (0, 1));
}
