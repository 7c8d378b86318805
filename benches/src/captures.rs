//! Captures of web traffic: handshakes, packets both ways, and some that nobody allows.

use secgroup_packet::{Direction, TcpFlags};
use secgroup_testkit::capture::{ByteOrder, Pcap, Pcapng, Record};
use secgroup_testkit::rng::Rng;

use crate::flows::{Draw, SERVICE, flows, strangers};
use crate::frames::{Frames, IMIX, SMALL};
use crate::policy::START;

/// One in so many packets comes to a port that no rule opens.
const DENIED_ONE_IN: u64 = 20;

/// How many different five-tuples are denied.
const DENIED_FLOWS: usize = 1000;

/// Nanoseconds between two packets: a million packets a second.
const GAP: u64 = 1_000;

/// The sizes of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All of 64 bytes.
    Small,
    /// [`IMIX`].
    Imix,
}

/// The frames of `packets` packets of `count` flows, which open one after the other at first and
/// are then drawn evenly; 5 % of the packets are of other flows, and denied.
#[must_use]
pub fn web_traffic(packets: usize, count: usize, sizes: Sizes) -> Frames {
    let mut rng = Rng::new(0xca9);
    let mut frames = Frames::with_capacity(packets);
    let (clients, others) = (flows(count, SERVICE), strangers(DENIED_FLOWS, 3306));
    let draws = Draw::Uniform.indices(count, packets);
    let mut opened = 0;
    while frames.len() < packets {
        let len = match sizes {
            Sizes::Small => SMALL,
            Sizes::Imix => IMIX[frames.len() % IMIX.len()],
        };
        if rng.chance(1, DENIED_ONE_IN) {
            frames.push(rng.pick(&others), Direction::Ingress, TcpFlags::SYN, SMALL);
        } else if opened < count {
            frames.push_handshake(&clients[opened]);
            opened += 1;
        } else {
            let way = *rng.pick(&Direction::BOTH);
            frames.push(&clients[draws[frames.len()]], way, TcpFlags::ACK, len);
        }
    }
    frames
}

/// When the frame at `index` was captured, in nanoseconds.
#[must_use]
pub const fn time(index: usize) -> u64 {
    START.as_nanos() + index as u64 * GAP
}

/// The frames as a pcap file.
#[must_use]
pub fn pcap(frames: &Frames) -> Vec<u8> {
    let timed: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(index, f)| (time(index), f))
        .collect();
    Pcap::nano().file(&timed)
}

/// The frames as a pcapng file.
#[must_use]
pub fn pcapng(frames: &Frames) -> Vec<u8> {
    let records: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(index, frame)| Record {
            interface: 0,
            time: time(index),
            frame: frame.to_vec(),
            comment: None,
        })
        .collect();
    Pcapng::new(ByteOrder::Little)
        .interface(1, 9)
        .file(&records)
}
