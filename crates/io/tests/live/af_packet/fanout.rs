//! Shards: the kernel gives every frame to the worker that its connection is on.

use std::collections::BTreeMap;

use secgroup_io::live::af_packet::{AfPacket, AfPacketSettings, Fanout};
use secgroup_io::live::{BURST, Receiver};
use secgroup_packet::{Frame, LinkType, Parsed, Steering};
use secgroup_testkit::rng::Rng;
use secgroup_testkit::{frame, netns, wait};

use crate::support::{Row, Wire};

const SHARDS: u16 = 4;

/// All shards of a device of the middle host.
fn shards(row: &Row, device: &str, group: u16, steering: Steering) -> Vec<AfPacket> {
    let settings = AfPacketSettings {
        frames: 300,
        fanout: Some(Fanout {
            group,
            shards: SHARDS,
            steering,
        }),
        ..AfPacketSettings::port(device)
    };
    (0..SHARDS)
        .map(|_| super::open(&row.middle, &settings))
        .collect()
}

/// Where `steering` puts a frame.
fn expected(steering: Steering, bytes: &[u8]) -> usize {
    let frame = Frame {
        link: LinkType::Ethernet,
        data: bytes,
        wire_len: u32::try_from(bytes.len()).expect("it is short"),
    };
    match frame.parse() {
        Ok(Parsed::Ip(packet)) => steering.of_packet(&packet) as usize % usize::from(SHARDS),
        _ => 0,
    }
}

/// Makes a frame from one end to the other.
type Make = fn(&str, &str) -> Vec<u8>;

/// What goes between two ends with ports.
const WITH_PORTS: [Make; 5] = [
    |from, to| frame::tcp(from, to, "A", b"tcp"),
    |from, to| frame::udp(from, to, b"udp"),
    |from, to| frame::with_vlan(frame::udp(from, to, b"tagged"), 7),
    |from, to| frame::with_qinq(frame::udp(from, to, b"stacked"), 7, 8),
    |from, to| frame::fragments(&frame::udp(from, to, &[5; 64]), &[32])[0].clone(),
];

/// Flows of every kind, forth and back.
fn flows(rng: &mut Rng) -> Vec<[Vec<u8>; 2]> {
    let both = |make: Make, one: &str, other: &str| [make(one, other), make(other, one)];
    let options: Make =
        |from, to| frame::with_ipv4_options(frame::udp(from, to, b"options"), &[1, 1, 1, 0]);
    let ping: Make = |from, to| frame::ping(from, to, 7, 1);
    let mut flows = Vec::new();
    // No two flows have their first host in common, so that no two frames are equal.
    for host in 1..=40 {
        let (other, p, q) = (1 + rng.below(250), rng.below(65_536), rng.below(65_536));
        let (a, b) = (format!("192.0.2.{host}"), format!("198.51.100.{other}"));
        let v4 = (format!("{a}:{p}"), format!("{b}:{q}"));
        let v6 = (
            format!("[2001:db8::{host:x}]:{p}"),
            format!("[2001:db8:1::{other:x}]:{q}"),
        );
        for (one, other) in [&v4, &v6] {
            flows.extend(WITH_PORTS.map(|make| both(make, one, other)));
        }
        flows.push(both(options, &v4.0, &v4.1));
        flows.push(both(ping, &a, &b));
    }
    flows
}

/// Who heard which frame, until `total` were heard.
fn heard(shards: &mut [AfPacket], total: usize) -> BTreeMap<Vec<u8>, Vec<usize>> {
    let mut heard: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
    let mut count = 0;
    wait::until("every frame to be heard", || {
        for (number, shard) in shards.iter_mut().enumerate() {
            for index in 0..shard.receive(BURST).expect("nothing is wrong") {
                count += 1;
                let frame = shard.frame(index).data.to_vec();
                heard.entry(frame).or_default().push(number);
            }
        }
        (count >= total).then_some(())
    });
    heard
}

#[test]
fn both_directions_of_a_flow_meet_on_the_same_shard() {
    if netns::skip("both_directions_of_a_flow_meet_on_the_same_shard") {
        return;
    }
    let seed = 0xfa_0007;
    println!("seed {seed:#x}");
    let mut rng = Rng::new(seed);
    let steering = Steering::new(rng.next_u64());
    let row = Row::new();
    let mut inside = shards(&row, "inside", 11, steering);
    let mut outside = shards(&row, "outside", 12, steering);
    let mut left = Wire::at(&row.left, "eth0");
    let mut right = Wire::at(&row.right, "eth0");
    let flows = flows(&mut rng);
    for [there, back] in &flows {
        left.send(there);
        right.send(back);
    }
    let there = heard(&mut inside, flows.len());
    let back = heard(&mut outside, flows.len());
    let mut used = [0; SHARDS as usize];
    for [one, other] in &flows {
        let shard = expected(steering, one);
        assert_eq!(there[one], [shard], "{one:02x?}");
        assert_eq!(back[other], [shard], "{other:02x?}");
        used[shard] += 1;
    }
    assert!(used.iter().all(|&flows| flows > 20), "{used:?}");
}

#[test]
fn shards_are_in_order_again_when_the_device_comes_back() {
    if netns::skip("shards_are_in_order_again_when_the_device_comes_back") {
        return;
    }
    let steering = Steering::new(5);
    let row = Row::new();
    let mut inside = shards(&row, "inside", 11, steering);
    row.middle.ip("link set inside down");
    for shard in &mut inside {
        assert!(shard.receive(BURST).is_err());
    }
    row.middle.ip("link set inside up");
    let mut left = Wire::at(&row.left, "eth0");
    let frames: Vec<_> = (0..64)
        .map(|port| frame::udp(&format!("192.0.2.1:{port}"), "192.0.2.2:2", b""))
        .collect();
    for frame in &frames {
        left.send(frame);
    }
    let heard = heard(&mut inside, frames.len());
    for frame in &frames {
        assert_eq!(heard[frame], [expected(steering, frame)]);
    }
}

/// While the shards of a busy device are opened one after the other, no frame is heard twice.
#[test]
fn joining_doubles_nothing() {
    if netns::skip("joining_doubles_nothing") {
        return;
    }
    let steering = Steering::new(6);
    let row = Row::new();
    let mut left = Wire::at(&row.left, "eth0");
    let frames: Vec<_> = (0..2000_u16)
        .map(|number| frame::udp(&format!("192.0.2.1:{number}"), "192.0.2.2:2", b""))
        .collect();
    let last = frame::arp("192.0.2.1", "192.0.2.2");
    for frame in &frames {
        left.send(frame);
    }
    let mut inside = shards(&row, "inside", 11, steering);
    let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    wait::until("the last frame", || {
        left.send(&last);
        for shard in &mut inside {
            for index in 0..shard.receive(BURST).expect("nothing is wrong") {
                *seen.entry(shard.frame(index).data.to_vec()).or_default() += 1;
            }
        }
        seen.contains_key(&last).then_some(())
    });
    seen.remove(&last);
    let twice: Vec<_> = seen.iter().filter(|&(_, &times)| times > 1).collect();
    assert!(twice.is_empty(), "{twice:02x?}");
}
