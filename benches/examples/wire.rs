//! Two ends of a live measurement (see `scripts/bench-live`): a source of frames, and a forwarder that filters nothing.
//!
//! ```text
//! wire blast DEVICE SECONDS               frames of 64 bytes (with the check sequence), 64 flows, without pause
//! wire forward BACKEND DEVICE DEVICE      everything that comes in at one device goes out of the other, until it is ended
//! ```
//!
//! The forwarder is what a firewall over the same backend is compared with: the same ports, the same bursts, no look at a frame.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use rustix::event::{PollFd, PollFlags, poll};
use secgroup_io::live::af_packet::{AfPacket, AfPacketSettings, Ring};
use secgroup_io::live::af_xdp::{AfXdp, AfXdpSettings};
use secgroup_io::live::pnet::{Pnet, PnetSettings};
use secgroup_io::live::{BURST, LiveFrame, Port};

/// Flows of a blast: enough that no two packets in a row are of one, and none of them new for long.
const FLOWS: u16 = 64;
/// Payload that makes a UDP frame of 60 bytes.
const PAYLOAD: [u8; 18] = [0; 18];

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["blast", device, seconds] => blast(device, seconds),
        ["forward", backend, a, b] => forward(backend, a, b),
        _ => {
            eprintln!("usage: wire blast DEVICE SECONDS | wire forward BACKEND DEVICE DEVICE");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = done {
        eprintln!("wire: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Sends for so many seconds.
fn blast(device: &str, seconds: &str) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + Duration::try_from_secs_f64(seconds.parse()?)?;
    let mut port = AfPacket::open(&AfPacketSettings::port(device))?;
    let frames = (0..FLOWS).map(frame).collect::<Result<Vec<_>, _>>()?;
    let burst: Vec<_> = frames.iter().map(|frame| LiveFrame::whole(frame)).collect();
    while Instant::now() < until {
        port.transmit(&burst);
    }
    Ok(())
}

/// A frame of one of the flows. Its destination address is nobody's, so that it is carried by every bridge and dropped by
/// every host.
fn frame(flow: u16) -> Result<Vec<u8>, Box<dyn Error>> {
    let [source, nobody] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 0x99]];
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(source, nobody)
        .ipv4([10, 99, 0, 1], [10, 99, 0, 2], 64)
        .udp(20_000 + flow, 9)
        .write(&mut frame, &PAYLOAD)?;
    Ok(frame)
}

/// Sends everything on, both ways.
fn forward(backend: &str, a: &str, b: &str) -> Result<(), Box<dyn Error>> {
    let [mut a, mut b] = [open(backend, a)?, open(backend, b)?];
    loop {
        let moved = carry(a.as_mut(), b.as_mut())? + carry(b.as_mut(), a.as_mut())?;
        if moved == 0 {
            let wanted = PollFlags::IN;
            let mut fds = [
                PollFd::from_borrowed_fd(a.fd(), wanted),
                PollFd::from_borrowed_fd(b.fd(), wanted),
            ];
            poll(&mut fds, None)?;
        }
    }
}

fn carry(from: &mut dyn Port, to: &mut dyn Port) -> Result<usize, Box<dyn Error>> {
    let count = from.receive(BURST)?;
    if count > 0 {
        let frames: Vec<_> = (0..count).map(|index| from.frame(index)).collect();
        to.transmit(&frames);
    }
    Ok(count)
}

fn open(backend: &str, device: &str) -> Result<Box<dyn Port>, Box<dyn Error>> {
    Ok(match backend {
        "af-packet" => Box::new(AfPacket::open(&AfPacketSettings::port(device))?),
        "af-packet-v3" => Box::new(AfPacket::open(&AfPacketSettings {
            ring: Ring::V3,
            ..AfPacketSettings::port(device)
        })?),
        "pnet" => {
            let device = device.to_owned();
            Box::new(Pnet::open(&PnetSettings { device })?)
        }
        "af-xdp" => Box::new(AfXdp::open(&AfXdpSettings::new(device))?),
        other => {
            return Err(
                format!("'{other}' is none of af-packet, af-packet-v3, pnet, af-xdp").into(),
            );
        }
    })
}
