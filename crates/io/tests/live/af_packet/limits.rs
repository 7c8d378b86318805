//! Too large, too many, too much asked.

use secgroup_io::live::af_packet::{AfPacket, AfPacketSettings, Ring};
use secgroup_io::live::device::DeviceError;
use secgroup_io::live::{LiveFrame, Port, Receiver, VnetHeader};
use secgroup_testkit::{frame, netns, wait};

use super::{RINGS, hear, port};
use crate::support::{Row, Wire};

#[test]
fn a_frame_beyond_the_mtu_takes_no_other_with_it() {
    if netns::skip("a_frame_beyond_the_mtu_takes_no_other_with_it") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "outside", Ring::V2);
    let right = Wire::at(&row.right, "eth0");
    let small = |number: u8| frame::udp("192.0.2.1:1", "192.0.2.2:2", &[number; 20]);
    let large = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[9; 3000]);
    let frames = [
        small(1),
        large.clone(),
        small(2),
        large.clone(),
        large,
        small(3),
    ];
    let burst: Vec<_> = frames.iter().map(|frame| LiveFrame::whole(frame)).collect();
    let result = port.transmit(&burst);
    assert_eq!((result.sent, result.too_large, result.lost()), (3, 3, 3));
    assert_eq!(right.hear_until(&small(3)), [small(1), small(2)]);
}

#[test]
fn the_mtu_is_asked_again() {
    if netns::skip("the_mtu_is_asked_again") {
        return;
    }
    let row = Row::new();
    let mut port = port(&row.middle, "outside", Ring::V2);
    assert_eq!(port.mtu(), Some(1500));
    row.middle.ip("link set outside mtu 1400");
    let frame = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[9; 1430]);
    assert_eq!(port.transmit(&[LiveFrame::whole(&frame)]).too_large, 1);
    assert_eq!(port.mtu(), Some(1400));
    row.middle.ip("link set outside mtu 1450");
    port.drops();
    assert_eq!(port.mtu(), Some(1450));
}

#[test]
fn a_full_ring_is_counted_and_then_goes_on() {
    if netns::skip("a_full_ring_is_counted_and_then_goes_on") {
        return;
    }
    for ring in RINGS {
        let row = Row::new();
        let settings = AfPacketSettings {
            ring,
            frames: 1, // 15 in fact, or 1 MiB
            ..AfPacketSettings::port("inside")
        };
        let mut port = super::open(&row.middle, &settings);
        let mut left = Wire::at(&row.left, "eth0");
        let filler = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[1; 1400]);
        let sent = 1500_u32;
        left.send_with(VnetHeader::default(), &filler, sent);
        let before = wait::until("the ring to be full", || {
            let drops = port.drops();
            (drops.ring > 0).then_some(drops.ring)
        });
        let last = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"last");
        let mut heard = 0;
        // Frames of the end are sent until one finds room.
        wait::until("the last frame", || {
            left.send(&last);
            let count = port.receive(256).unwrap();
            let fillers = (0..count)
                .filter(|&at| port.frame(at).data == filler)
                .count();
            heard += fillers;
            (0..count)
                .any(|at| port.frame(at).data == last)
                .then_some(())
        });
        let drops = port.drops();
        assert!(
            drops.ring >= before && drops.ring + heard as u64 >= u64::from(sent),
            "{drops:?} {heard}"
        );
        assert_eq!(drops.truncated, 0);
        assert_eq!(port.drops().ring, drops.ring.max(port.drops().ring));
    }
}

/// A frame that has no room in a slot is dropped whole; the next one is heard. A loopback device
/// carries frames of any length.
#[test]
fn too_long_a_frame_is_never_cut_short() {
    if netns::skip("too_long_a_frame_is_never_cut_short") {
        return;
    }
    for (ring, length, heard) in [
        (Ring::V2, 65_000, true),
        (Ring::V2, 80_000, false),
        (Ring::V3, 65_000, true),
        (Ring::V3, 300_000, false),
    ] {
        let row = Row::new();
        for (host, device) in [(&row.left, "eth0"), (&row.middle, "inside")] {
            host.ip(&format!("link set {device} mtu 65535"));
        }
        row.left.ip("link set lo mtu 400000");
        let settings = AfPacketSettings {
            ring,
            ..AfPacketSettings::port("lo")
        };
        let mut port = super::open(&row.left, &settings);
        let mut wire = Wire::at(&row.left, "lo");
        let long = frame::ethernet([0; 6], 0x88B5, &vec![1; length]);
        let short = frame::ethernet([0; 6], 0x88B5, &[2; 50]);
        wire.send(&long);
        wire.send(&short);
        let mut lengths = Vec::new();
        while lengths.last() != Some(&short.len()) {
            lengths.extend(hear(&mut port).iter().map(|(data, _)| data.len()));
        }
        let expected = if heard {
            vec![long.len(), short.len()]
        } else {
            vec![short.len()]
        };
        assert_eq!(lengths, expected, "{ring:?} {length}");
        assert_eq!(port.drops().truncated, u64::from(!heard));
    }
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    if netns::skip("what_cannot_be_opened_says_what_to_do") {
        return;
    }
    let row = Row::new();
    let refusal =
        |settings: &AfPacketSettings| row.middle.enter(|| AfPacket::open(settings).unwrap_err());
    let missing = refusal(&AfPacketSettings::port("nowhere"));
    assert!(matches!(missing, DeviceError::NoDevice(name) if name == "nowhere"));
    let endless = refusal(&AfPacketSettings::port("a-name-that-no-device-can-have"));
    assert!(matches!(endless, DeviceError::NoDevice(_)));
    row.middle.ip("link set inside down");
    let down = refusal(&AfPacketSettings::port("inside"));
    assert!(matches!(down, DeviceError::Down(name) if name == "inside"));
    row.middle.ip("tuntap add tunnel mode tun");
    row.middle.ip("link set tunnel up");
    let tunnel = refusal(&AfPacketSettings::port("tunnel"));
    assert!(matches!(tunnel, DeviceError::NotEthernet(_)), "{tunnel}");
    let huge = AfPacketSettings {
        frames: AfPacketSettings::MAX_FRAMES + 1,
        ..AfPacketSettings::port("outside")
    };
    assert!(refusal(&huge).to_string().contains("1 to 15360 frames"));
}
