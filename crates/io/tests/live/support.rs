//! What the tests of every backend need: hosts on cables, frames put onto a wire and heard on it by
//! somebody else, and a forwarder that forwards everything.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Channel, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secgroup_io::live::{BURST, LiveFrame, Port, ReceiveError, Transmitted, VnetHeader};
use secgroup_testkit::netns::{Namespace, veth};
use secgroup_testkit::wait::PATIENCE;

/// A host whose devices say nothing by themselves.
pub(crate) fn silent(label: &str) -> Namespace {
    let host = Namespace::new(label);
    let done =
        host.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    assert!(done.status.success(), "{done:?}");
    host
}

/// Three hosts in a row: `left:eth0` to `middle:inside`, `middle:outside` to `right:eth0`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) left: Namespace,
    pub(crate) middle: Namespace,
    pub(crate) right: Namespace,
}

impl Row {
    pub(crate) fn new() -> Self {
        let row = Self {
            left: silent("left"),
            middle: silent("middle"),
            right: silent("right"),
        };
        row.connect();
        row
    }

    /// The cables.
    pub(crate) fn connect(&self) {
        veth((&self.left, "eth0"), (&self.middle, "inside"));
        veth((&self.right, "eth0"), (&self.middle, "outside"));
    }

    /// Addresses at the ends: 192.0.2.1 on the left, 192.0.2.2 on the right.
    pub(crate) fn with_addresses(self) -> Self {
        self.left.ip("addr add 192.0.2.1/24 dev eth0");
        self.right.ip("addr add 192.0.2.2/24 dev eth0");
        self
    }
}

/// One end of a cable, in the hands of another program (`wire.py`).
#[derive(Debug)]
pub(crate) struct Wire {
    program: Child,
    orders: ChildStdin,
    lines: Channel<String>,
}

/// A frame that was heard on a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnWire {
    /// The host itself sent it.
    pub(crate) outgoing: bool,
    pub(crate) vnet: VnetHeader,
    pub(crate) frame: Vec<u8>,
}

impl Wire {
    /// Listens at a device, and is ready when this returns.
    pub(crate) fn at(host: &Namespace, device: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/wire.py");
        let mut program = host
            .command("python3")
            .args(["-u", script, device])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let orders = program.stdin.take().expect("it is a pipe");
        let output = BufReader::new(program.stdout.take().expect("it is a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let ready = lines.recv_timeout(PATIENCE).expect("wire.py starts");
        assert_eq!(ready, "ready");
        Self {
            program,
            orders,
            lines,
        }
    }

    /// Puts a frame onto the wire.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.send_with(VnetHeader::default(), frame, 1);
    }

    /// Puts a frame with work undone onto the wire, several times.
    pub(crate) fn send_with(&mut self, vnet: VnetHeader, frame: &[u8], count: u32) {
        let (vnet, frame) = (hex(&vnet.to_bytes()), hex(frame));
        writeln!(self.orders, "{vnet} {frame} {count}").expect("wire.py lives");
    }

    /// The next frame that comes in at the device.
    #[track_caller]
    pub(crate) fn hear(&self) -> OnWire {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("a frame was heard");
            let heard = on_wire(&line);
            if !heard.outgoing {
                return heard;
            }
        }
    }

    /// Everything that comes in at the device before `last` does.
    #[track_caller]
    pub(crate) fn hear_until(&self, last: &[u8]) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        loop {
            let frame = self.hear().frame;
            if frame == last {
                return heard;
            }
            heard.push(frame);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn on_wire(line: &str) -> OnWire {
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!(words.len(), 3, "wire.py said '{line}'");
    let (kind, vnet, frame) = (words[0], words[1], words[2]);
    let outgoing = "4"; // PACKET_OUTGOING
    OnWire {
        outgoing: kind == outgoing,
        vnet: VnetHeader::from_bytes(bytes(vnet).try_into().expect("it has ten bytes")),
        frame: bytes(frame),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("it is hexadecimal"))
        .collect()
}

/// Sends everything that one port hears to the other, on a thread of its own, until it is stopped.
#[derive(Debug)]
pub(crate) struct Forwarder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Tally>,
}

/// What a forwarder saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    /// Length of the longest frame, in bytes.
    pub(crate) longest: usize,
    /// How often it woke although there was nothing.
    pub(crate) idle_wakes: u64,
    /// What it was told instead of frames, in order.
    pub(crate) troubles: Vec<String>,
    pub(crate) transmitted: Transmitted,
}

impl Forwarder {
    pub(crate) fn start(mut one: Box<dyn Port>, mut other: Box<dyn Port>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut tally = Tally::default();
            while !stopped.load(Ordering::Relaxed) {
                let woken = readable(&[&*one, &*other], Duration::from_millis(20));
                let there = turn(&mut *one, &mut *other, &mut tally);
                let back = turn(&mut *other, &mut *one, &mut tally);
                if woken && there + back == 0 {
                    tally.idle_wakes += 1;
                }
            }
            tally
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the forwarder does not panic")
    }
}

/// Waits until one of the ports has something, and says whether.
pub(crate) fn readable(ports: &[&dyn Port], within: Duration) -> bool {
    let mut fds: Vec<_> = ports
        .iter()
        .map(|port| PollFd::from_borrowed_fd(port.fd(), PollFlags::IN))
        .collect();
    let within = Timespec::try_from(within).expect("it is short");
    poll(&mut fds, Some(&within)).expect("polling works") > 0
}

/// One burst from one port to the other.
pub(crate) fn turn(from: &mut dyn Port, to: &mut dyn Port, tally: &mut Tally) -> usize {
    let count = match from.receive(BURST) {
        Ok(count) => count,
        Err(error) => {
            tally.troubles.push(error.to_string());
            if matches!(error, ReceiveError::Gone(_)) {
                std::thread::yield_now();
            }
            return 0;
        }
    };
    let frames: Vec<LiveFrame<'_>> = (0..count).map(|index| from.frame(index)).collect();
    for frame in &frames {
        tally.frames += 1;
        tally.longest = tally.longest.max(frame.data.len());
    }
    if count > 0 {
        tally.transmitted += to.transmit(&frames);
    }
    count
}
