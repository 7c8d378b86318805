//! Packets that a kernel holds: a queue of our own tells what it was told.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};

use rustix::event::{EventfdFlags, eventfd};
use secgroup_io::live::{
    Heard, LiveFrame, PacketId, PortDrops, Queue, QueueVerdict, ReceiveError, Receiver, Settle,
};
use secgroup_packet::{Direction, LinkType};
use secgroup_testkit::frame;

use crate::Attached;
use crate::supervisor::Notice;
use crate::testing::{Rig, policy};

/// What was settled, by call.
type Settled = Arc<Mutex<Vec<Vec<(PacketId, QueueVerdict)>>>>;

#[derive(Debug)]
struct Held {
    /// Always readable: the worker asks until there is nothing.
    fd: OwnedFd,
    waiting: VecDeque<(PacketId, Heard, Vec<u8>)>,
    given: Vec<(PacketId, Heard, Vec<u8>)>,
    kernel: Kernel,
    /// What other shards tell.
    elsewhere: Kernel,
    /// Lives as long as the queue is open.
    open: Arc<()>,
}

/// Takes verdicts, or refuses them.
#[derive(Debug, Clone, Default)]
struct Kernel {
    settled: Settled,
    refuses: bool,
}

impl Held {
    fn new(packets: Vec<(Heard, Vec<u8>)>) -> (Self, Settled) {
        let kernel = Kernel::default();
        let settled = Arc::clone(&kernel.settled);
        let waiting = (0..)
            .zip(packets)
            .map(|(id, (heard, bytes))| (PacketId(id), heard, bytes));
        let held = Self {
            fd: eventfd(1, EventfdFlags::NONBLOCK).unwrap(),
            waiting: waiting.collect(),
            given: Vec::new(),
            elsewhere: kernel.clone(),
            kernel,
            open: Arc::default(),
        };
        (held, settled)
    }
}

impl Receiver for Held {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        let count = self.waiting.len().min(limit);
        self.given = self.waiting.drain(..count).collect();
        Ok(count)
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        let (_, heard, bytes) = &self.given[index];
        LiveFrame {
            link: LinkType::RawIp,
            heard: *heard,
            ..LiveFrame::whole(bytes)
        }
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops::default()
    }

    fn backend(&self) -> &'static str {
        "held"
    }
}

impl Queue for Held {
    fn id(&self, index: usize) -> PacketId {
        self.given[index].0
    }

    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()> {
        self.kernel.settle(verdicts)
    }

    fn settler(&self) -> io::Result<Box<dyn Settle>> {
        Ok(Box::new(self.elsewhere.clone()))
    }
}

impl Settle for Kernel {
    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()> {
        if self.refuses {
            return Err(io::Error::other("no room"));
        }
        self.settled.lock().unwrap().push(verdicts.to_vec());
        Ok(())
    }
}

fn packets() -> Vec<(Heard, Vec<u8>)> {
    let (peer, host) = ("203.0.113.5:4000", "10.0.0.10:22");
    let frames = [
        (Heard::Arriving, frame::tcp(peer, host, "S", b"")),
        (Heard::Leaving, frame::tcp(host, peer, "SA", b"")),
        (Heard::Arriving, frame::tcp(peer, host, "A", b"")),
        (Heard::Leaving, frame::tcp(host, peer, "PA", b"hello")),
        (Heard::Leaving, frame::tcp(host, peer, "FA", b"")),
        (
            Heard::Arriving,
            frame::tcp("192.0.2.66:4000", host, "S", b""),
        ),
        (
            Heard::Arriving,
            frame::truncated(frame::tcp(peer, host, "A", b""), 40),
        ),
    ];
    frames
        .map(|(heard, bytes)| (heard, bytes[14..].to_vec()))
        .to_vec()
}

#[test]
fn a_burst_is_settled_in_one_call() {
    use QueueVerdict::{Accept, AcceptFlow, Drop};
    for (audit, expected) in [
        (
            false,
            [Accept, Accept, AcceptFlow, AcceptFlow, Accept, Drop, Drop],
        ),
        (true, [Accept; 7]),
    ] {
        let mut rig = Rig::new(1, 64, &policy());
        let (held, settled) = Held::new(packets());
        rig.attach(audit, &[], vec![Attached::Host(Box::new(held))]);
        let expected: Vec<_> = (0..).map(PacketId).zip(expected).collect();
        assert_eq!(*settled.lock().unwrap(), [expected], "audit {audit}");
        let counted = rig.packets();
        let by_direction = counted.map(|reasons| reasons.iter().sum::<u64>());
        assert_eq!(by_direction[Direction::Ingress as usize], 4);
        assert_eq!(by_direction[Direction::Egress as usize], 3);
    }
}

#[test]
fn the_shard_that_owns_a_flow_settles_it() {
    let flows = 1000..1300_u16;
    let packets: Vec<_> = flows
        .map(|port| frame::udp(&format!("203.0.113.5:{port}"), "10.0.0.10:53", b"?")[14..].to_vec())
        .map(|bytes| (Heard::Arriving, bytes))
        .collect();
    let mut rig = Rig::new(3, 40, &policy());
    let (first, settled) = Held::new(packets);
    let (second, third) = (Held::new(Vec::new()).0, Held::new(Vec::new()).0);
    let devices = [first, second, third].map(|held| Attached::Host(Box::new(held)));
    rig.attach(false, &[], devices.into());
    let mut all: Vec<_> = settled.lock().unwrap().concat();
    all.sort_by_key(|(PacketId(id), _)| *id);
    let ids: Vec<_> = all.iter().map(|(PacketId(id), _)| *id).collect();
    assert_eq!(
        ids,
        Vec::from_iter(0..300),
        "each is settled once, also those that found no room"
    );
    let accepted = all
        .iter()
        .filter(|(_, verdict)| *verdict == QueueVerdict::Accept)
        .count();
    let full = super::report_of(&mut rig, 0).worker.handoff_full;
    assert_eq!(accepted as u64, 300 - full);
    assert!(
        rig.workers[1..]
            .iter()
            .all(|worker| worker.engine().connections().count() > 10)
    );
}

/// A fragment goes first to the shard of its addresses, and may belong to the one that received it after all.
#[test]
fn a_fragment_that_comes_back_is_settled() {
    let datagrams = 0..100_u16;
    let packets: Vec<_> = datagrams
        .flat_map(|n| {
            let peer = format!("203.0.113.{n}:{}", 1000 + n);
            let whole = frame::udp(&peer, "10.0.0.10:53", &[7; 100]);
            frame::fragments_with_id(&whole, n.into(), &[48])
        })
        .map(|bytes| (Heard::Arriving, bytes[14..].to_vec()))
        .collect();
    let count = u32::try_from(packets.len()).unwrap();
    let mut rig = Rig::new(2, 1000, &policy());
    let (first, settled) = Held::new(packets);
    let (second, settled_of_second) = Held::new(Vec::new());
    let devices = [first, second].map(|held| Attached::Host(Box::new(held)));
    rig.attach(false, &[], devices.into());

    let back = super::report_of(&mut rig, 1).worker.handed_over;
    assert!(back > 10, "too few came back: {back}");
    let mut all = settled.lock().unwrap().concat();
    all.sort_by_key(|(PacketId(id), _)| *id);
    let ids: Vec<_> = all.iter().map(|(PacketId(id), _)| *id).collect();
    assert_eq!(ids, Vec::from_iter(0..count), "each is settled once");
    let is_dropped = |(_, verdict): &(_, _)| *verdict == QueueVerdict::Drop;
    assert!(!all.iter().any(is_dropped));
    assert!(settled_of_second.lock().unwrap().is_empty());
    assert!(rig.notices.is_empty(), "no link was lost");
}

#[track_caller]
fn assert_lost(rig: &Rig, queue: &Weak<()>) {
    let Ok(Notice::Lost {
        reason,
        comes_back: true,
        ..
    }) = rig.notices.try_recv()
    else {
        panic!("nothing was told");
    };
    assert_eq!(reason, "queue: packets cannot be settled: no room");
    assert!(rig.notices.is_empty(), "it is told once");
    assert_eq!(queue.strong_count(), 0, "the queue is closed");
}

#[test]
fn a_queue_that_cannot_be_told_is_closed() {
    let mut rig = Rig::new(1, 64, &policy());
    let (mut held, _settled) = Held::new(packets());
    held.kernel.refuses = true;
    let open = Arc::downgrade(&held.open);
    rig.attach(false, &[], vec![Attached::Host(Box::new(held))]);
    assert_lost(&rig, &open);
    let counts = super::report(&mut rig).links.remove(0).counts;
    assert_eq!((counts.sides[0].sent, counts.sides[0].not_sent), (0, 7));
}

/// The shard that finds out closes its own queue; the supervisor, whom it tells, has the others close theirs.
#[test]
fn a_queue_of_another_shard_that_cannot_be_told_loses_the_link() {
    let mut rig = Rig::new(2, 64, &policy());
    let packet = |port: u16| {
        let peer = format!("203.0.113.5:{port}");
        frame::udp(&peer, "10.0.0.10:53", b"?")[14..].to_vec()
    };
    let packets = (1000..1100).map(|port| (Heard::Arriving, packet(port)));
    let (mut first, _settled) = Held::new(packets.collect());
    first.elsewhere.refuses = true;
    let (second, _nothing) = Held::new(Vec::new());
    let open = Arc::downgrade(&second.open);
    let devices = [first, second].map(|held| Attached::Host(Box::new(held)));
    rig.attach(false, &[], devices.into());
    assert_lost(&rig, &open);
}
