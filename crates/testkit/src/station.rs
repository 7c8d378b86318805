//! A station on a cable: raw frames out of and into one device of a namespace, the kernel's stack left aside.
//!
//! Whether a frame got through is asked without waiting for time to pass. Everything on the way between two stations keeps frames in
//! order, and ARP is never filtered; so a numbered ARP request is sent after the frames in question, a [*fence*](cross): when it arrives,
//! whatever has not arrived before it never will.
//!
//! The kernel takes VLAN tags out of frames before such sockets see them. Where tags matter, [`Tags`] reads the same device through
//! `tcpdump`, which puts them back.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender};

use crate::netns::Namespace;
use crate::{frame, wait};

/// The largest frame that a station sends or receives: 64 KiB and its link-layer header.
const FRAME_MAX: usize = 65_536 + 64;

/// A device of a namespace, open for raw frames.
pub struct Station {
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
    own: Option<[u8; 6]>,
}

/// Something that hears frames.
pub trait Hear {
    /// The next frame; `None` where none comes within a short while.
    fn hear(&mut self) -> Option<Vec<u8>>;
}

impl Station {
    /// Opens the device; every frame on its cable is heard, whoever it is for.
    ///
    /// # Panics
    /// Where there is no such device, or it cannot be opened.
    #[must_use]
    #[track_caller]
    pub fn open(host: &Namespace, device: &str) -> Self {
        let config = Config {
            read_buffer_size: FRAME_MAX,
            write_buffer_size: FRAME_MAX,
            read_timeout: Some(Duration::from_millis(50)),
            ..Config::default()
        };
        host.enter(|| {
            let interface = datalink::interfaces()
                .into_iter()
                .find(|interface| interface.name == device)
                .unwrap_or_else(|| panic!("{host:?} has no device '{device}'"));
            let own = interface
                .mac
                .map(|mac| [mac.0, mac.1, mac.2, mac.3, mac.4, mac.5]);
            match datalink::channel(&interface, config) {
                Ok(Channel::Ethernet(sender, receiver)) => Self {
                    sender,
                    receiver,
                    own,
                },
                Ok(_) => panic!("'{device}' of {host:?} is no Ethernet device"),
                Err(error) => panic!("'{device}' of {host:?} cannot be opened: {error}"),
            }
        })
    }

    /// Sends one frame, as it is.
    ///
    /// # Panics
    /// Where the device does not take it.
    #[track_caller]
    pub fn send(&mut self, frame: &[u8]) {
        let sent = self.sender.send_to(frame, None);
        sent.expect("a frame is at most FRAME_MAX bytes long")
            .expect("the device is up");
    }

    /// The hardware address of the device.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.own.expect("an Ethernet device has an address")
    }
}

impl Hear for Station {
    fn hear(&mut self) -> Option<Vec<u8>> {
        match self.receiver.next() {
            // What the host itself sent is heard, too, by a socket that has not sent it.
            Ok(frame) if self.own.is_some_and(|own| frame.get(6..12) == Some(&own)) => None,
            Ok(frame) => Some(frame.to_vec()),
            Err(error) if error.kind() == ErrorKind::TimedOut => None,
            Err(error) => panic!("the device cannot be read: {error}"),
        }
    }
}

impl fmt::Debug for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "station {:02x?}", self.own)
    }
}

/// Sends `frames` from one station; what of them arrives at the other end, in its order. Only frames with the source address of all
/// [built](crate::frame) ones are looked at.
///
/// # Panics
/// Where the fence after them does not arrive within [`wait::PATIENCE`].
#[track_caller]
pub fn cross(from: &mut Station, to: &mut dyn Hear, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    for frame in frames {
        from.send(frame);
    }
    let fence = fence();
    from.send(&fence);
    match heard_before(to, &fence, wait::PATIENCE) {
        Ok(heard) => heard,
        Err(heard) => panic!(
            "nothing comes through any more: the ARP request after {} frames did not arrive, only {heard:02x?}",
            frames.len()
        ),
    }
}

/// Sends `frames` from one station over a way that may be shut, and gives what arrives before the fence, or within `patience` where
/// the fence is lost, too: `Err` holds what came without it.
///
/// # Errors
/// Where the fence did not arrive: what did.
pub fn try_cross(
    from: &mut Station,
    to: &mut dyn Hear,
    frames: &[Vec<u8>],
    patience: Duration,
) -> Result<Vec<Vec<u8>>, Vec<Vec<u8>>> {
    let fence = fence();
    for frame in frames.iter().chain([&fence]) {
        // A device without a cable takes nothing: then nothing arrives.
        let _ = from.sender.send_to(frame, None);
    }
    heard_before(to, &fence, patience)
}

fn heard_before(
    to: &mut dyn Hear,
    fence: &[u8],
    patience: Duration,
) -> Result<Vec<Vec<u8>>, Vec<Vec<u8>>> {
    let deadline = Instant::now() + patience;
    let mut heard = Vec::new();
    loop {
        match to.hear() {
            // A short frame may have been padded on its way.
            Some(frame) if frame.starts_with(fence) => return Ok(heard),
            // One for another listener at the same device.
            Some(frame) if frame.starts_with(&fence[..FENCE_NUMBER]) => {}
            Some(frame) if is_built(&frame) => heard.push(frame),
            Some(_) => {}
            None if Instant::now() >= deadline => return Err(heard),
            None => {}
        }
    }
}

/// Whether a frame is one of a test: kernels on the way speak for themselves, of neighbours and groups.
fn is_built(heard: &[u8]) -> bool {
    heard.get(6..12) == Some(&frame::SOURCE_MAC)
}

/// Where the number of a fence begins: behind everything of a request but the address asked for.
const FENCE_NUMBER: usize = 14 + 24;

/// An ARP request that no other is like: for a number of the range that benchmarks use (RFC 2544).
fn fence() -> Vec<u8> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let [.., high, low] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    frame::arp("198.18.0.1", &format!("198.19.{high}.{low}"))
}

/// What arrives at a device, VLAN tags included.
#[derive(Debug)]
pub struct Tags {
    capture: Child,
    frames: Receiver<Vec<u8>>,
}

impl Tags {
    /// Listens for what arrives at the device, and returns when it hears.
    ///
    /// # Panics
    /// Where `tcpdump` cannot be started.
    #[must_use]
    #[track_caller]
    pub fn open(host: &Namespace, device: &str) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", host.name(), "tcpdump", "-i", device]);
        command.args([
            "-Q",
            "in",
            "-Z",
            "root",
            "--immediate-mode",
            "-U",
            "-w",
            "-",
        ]);
        let mut capture = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("tcpdump: {error}; see scripts/install-test-tools"));
        let mut pipe = capture.stdout.take().expect("it is a pipe");
        // The header of the file is written once the device is open.
        let mut header = [0; 24];
        pipe.read_exact(&mut header)
            .expect("tcpdump opens the device");
        let (sender, frames) = channel();
        std::thread::spawn(move || {
            while let Some(frame) = record(&mut pipe) {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        });
        Self { capture, frames }
    }
}

/// The next record of a pcap file in the byte order of this host.
fn record(pipe: &mut impl Read) -> Option<Vec<u8>> {
    let mut header = [0; 16];
    pipe.read_exact(&mut header).ok()?;
    let length = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    let mut frame = vec![0; usize::try_from(length).ok()?];
    pipe.read_exact(&mut frame).ok()?;
    Some(frame)
}

impl Hear for Tags {
    fn hear(&mut self) -> Option<Vec<u8>> {
        self.frames.recv_timeout(Duration::from_millis(50)).ok()
    }
}

impl Drop for Tags {
    fn drop(&mut self) {
        let _ = self.capture.kill();
        let _ = self.capture.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::{self, veth};

    #[test]
    fn frames_go_from_station_to_station_with_their_tags() {
        if netns::skip("frames_go_from_station_to_station_with_their_tags") {
            return;
        }
        let (a, b) = (Namespace::new("a"), Namespace::new("b"));
        for host in [&a, &b] {
            host.quiet();
        }
        veth((&a, "eth0"), (&b, "eth0"));
        let (mut here, mut there) = (Station::open(&a, "eth0"), Station::open(&b, "eth0"));
        let mut tags = Tags::open(&b, "eth0");
        let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"plain");
        let frames = [
            plain.clone(),
            frame::with_vlan(plain.clone(), 100),
            frame::with_qinq(plain.clone(), 7, 8),
        ];
        assert_eq!(cross(&mut here, &mut tags, &frames), frames);
        // Without tcpdump the outer tag is gone, which is why it is there.
        let heard = cross(&mut here, &mut there, &[]);
        assert_eq!(heard[0], plain);
        assert_eq!(heard[1], plain);
        b.ip("link set eth0 down");
        let patience = Duration::from_millis(1);
        let heard = try_cross(&mut here, &mut tags, &[plain], patience);
        assert_eq!(heard, Err(Vec::new()));
    }
}
