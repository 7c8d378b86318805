//! A frame costs a worker no allocation once its buffers have their size: receive, parse, hand over, decide, send on. Shown with an
//! allocator that counts by thread, and ports that read the count of the thread that asks them for frames.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test speaks by failing, as the test does"
)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use secgroup_datapath::{AlwaysTrack, Interface, Lifetimes, Settings, Snapshot};
use secgroup_io::live::{BURST, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted};
use secgroup_packet::{Direction, InterfaceIndex, PortRange, Timestamp};
use secgroup_policy::{Directory, Peer, Rule, RuleNumber, RuleSet, Traffic};
use secgroup_runtime::{
    Attached, Clock, LinkSettings, Open, OpenError, Runtime, RuntimeSettings, SAMPLE_EVERY, Shard,
};
use secgroup_testkit::allocations::{Counting, so_far};
use secgroup_testkit::{frame, wait};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bursts that a port gives.
const BURSTS: u64 = 4000;
/// Bursts after which all buffers have their size.
const WARM: u64 = 400;

/// What the ports of one shard count.
#[derive(Debug, Default)]
struct Counted {
    sent: AtomicU64,
    /// Allocations of the worker's thread when it asked for the burst after the warm ones.
    warm: AtomicU64,
    /// Likewise, when it asked for one more than there are.
    last: AtomicU64,
}

/// Gives the same frames again and again, and takes what it is given.
#[derive(Debug)]
struct Fountain {
    fd: OwnedFd,
    frames: Arc<Vec<Vec<u8>>>,
    given: u64,
    counted: Arc<Counted>,
}

impl Receiver for Fountain {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        if self.given == WARM {
            self.counted.warm.store(so_far(), Ordering::Relaxed);
        }
        if self.given == BURSTS {
            self.counted.last.store(so_far(), Ordering::Relaxed);
            return Err(ReceiveError::Down);
        }
        self.given += 1;
        Ok(self.frames.len().min(limit))
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        LiveFrame::whole(&self.frames[index])
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "fountain"
    }
}

impl Port for Fountain {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        self.counted
            .sent
            .fetch_add(frames.len() as u64, Ordering::Relaxed);
        Transmitted {
            sent: u32::try_from(frames.len()).unwrap(),
            ..Transmitted::default()
        }
    }

    fn mtu(&self) -> Option<u32> {
        Some(600)
    }
}

#[derive(Debug)]
struct Fountains {
    frames: Arc<Vec<Vec<u8>>>,
    counted: Vec<Arc<Counted>>,
}

impl Open for Fountains {
    fn open(&self, shard: Shard) -> Result<Attached, OpenError> {
        let port = || {
            Box::new(Fountain {
                fd: eventfd(1, EventfdFlags::NONBLOCK).unwrap(),
                frames: Arc::clone(&self.frames),
                given: 0,
                counted: Arc::clone(&self.counted[usize::from(shard.index)]),
            })
        };
        Ok(Attached::Inline {
            inside: port(),
            outside: port(),
        })
    }

    fn devices(&self) -> Vec<String> {
        Vec::new()
    }
}

fn policy() -> Arc<Snapshot> {
    let rule = |number, direction, traffic, peer: &str| Rule {
        number: RuleNumber::new(number),
        direction,
        traffic,
        peer: Peer::Cidr(peer.parse().unwrap()),
    };
    let ssh = Traffic::Tcp(PortRange::single(22));
    let rules = [
        rule(0, Direction::Ingress, ssh, "203.0.113.0/24"),
        rule(1, Direction::Egress, Traffic::All, "203.0.113.0/24"),
    ];
    let interface = Interface {
        rules: Arc::new(RuleSet::compile(&rules)),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        source_dest_check: false,
        exemptions: true,
        resolver: None,
        router: None,
        link_local_pps: None,
        always_track: AlwaysTrack::Never,
        lifetimes: Lifetimes::default(),
        allowance: None,
    };
    Arc::new(Snapshot {
        generation: 1,
        interfaces: vec![Some(interface)],
        rules: 2,
        directory: Arc::new(Directory::new()),
    })
}

/// Flows of every fate: new, established, denied, malformed, too large, not IP, in pieces.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for port in 1000..1040 {
        let peer = format!("203.0.113.9:{port}");
        frames.push(frame::tcp(&peer, "10.0.0.10:22", "S", b""));
        frames.push(frame::tcp("10.0.0.10:22", &peer, "SA", b""));
        frames.push(frame::tcp(&peer, "10.0.0.10:22", "A", b"hello"));
        frames.push(frame::tcp(&peer, "10.0.0.10:23", "S", b""));
        frames.push(frame::udp("10.0.0.10:53", &peer, &[7; 1000]));
    }
    let datagram = frame::udp("10.0.0.10:53", "203.0.113.9:53", &[7; 400]);
    frames.extend(frame::fragments(&datagram, &[200]));
    frames.push(frame::arp("10.0.0.10", "10.0.0.1"));
    frames.push(frame::truncated(
        frame::ping("10.0.0.10", "203.0.113.9", 1, 1),
        30,
    ));
    assert!(frames.len() <= BURST);
    frames
}

fn carry(workers: u16, most: u64) {
    let (clock, _hand) = Clock::manual(Timestamp::from_secs(1_000_000));
    let settings = RuntimeSettings {
        workers,
        engine: Settings {
            capacity: 8192,
            capacity_v6: 16,
            seed: 0x5ec6,
            ..Settings::default()
        },
        clock,
        metered: true,
        ..RuntimeSettings::default()
    };
    let runtime = Runtime::start(settings, policy()).unwrap();
    let counted: Vec<_> = (0..workers).map(|_| Arc::<Counted>::default()).collect();
    let open = Fountains {
        frames: Arc::new(frames()),
        counted: counted.clone(),
    };
    let attached = runtime.attach(LinkSettings {
        interface: InterfaceIndex(0),
        name: "fountain".to_owned(),
        shards: workers,
        worker: None,
        audit: false,
        ethertypes: Vec::new(),
        open: Arc::new(open),
    });
    attached.unwrap();
    wait::until("the last bursts", || {
        let ended = |counted: &Arc<Counted>| counted.last.load(Ordering::Relaxed) > 0;
        counted.iter().all(ended).then_some(())
    });
    for counted in &counted {
        let sent = counted.sent.load(Ordering::Relaxed);
        assert!(sent > BURSTS * 50, "only {sent} frames were sent");
        let warm = counted.warm.load(Ordering::Relaxed);
        assert!(warm > 0, "the allocator does not count");
        let allocations = counted.last.load(Ordering::Relaxed) - warm;
        assert!(
            allocations <= most,
            "{allocations} allocations over {sent} frames"
        );
    }
    let status = runtime.status();
    let handed: u64 = status.workers.iter().map(|worker| worker.handed_over).sum();
    let expected = if workers > 1 { BURSTS } else { 0 };
    assert!(handed >= expected, "only {handed} frames were handed over");
    let metered = status.workers.iter().map(|worker| worker.metered);
    let timed: u64 = metered.flat_map(|metered| metered.bursts.buckets).sum();
    assert!(
        timed > BURSTS / SAMPLE_EVERY,
        "only {timed} bursts were timed"
    );
}

#[test]
fn a_frame_costs_no_allocation() {
    carry(1, 0);
}

/// A parcel is made, and its buffer grows a few times, where more of them are on their way than ever before. How many that
/// are depends on how the threads are scheduled; 256 is the most.
#[test]
fn nor_does_handing_it_over() {
    carry(2, 256 * 14);
}
