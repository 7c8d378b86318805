//! What the tests of this crate share: a policy, workers that are driven by hand, and cables of memory.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use secgroup_datapath::{
    AlwaysTrack, Crossing, Datapath, Interface, Lifetimes, Reason, Settings, Snapshot, Verdict,
};
use secgroup_io::live::memory::{MemoryHandle, MemoryPort, pair};
use secgroup_io::live::{LiveFrame, Port, Receiver as _};
use secgroup_packet::{Direction, InterfaceIndex, Parsed, PortRange, Timestamp};
use secgroup_policy::{Directory, IcmpMatch, Peer, Rule, RuleNumber, RuleSet, Traffic};

use crate::crew::Crew;
use crate::events::{Event, Hub};
use crate::mailbox::{Command, Mailbox};
use crate::supervisor::Notice;
use crate::worker::{LinkSpec, Turn, Worker};
use crate::{Attached, LinkSettings, Open, OpenError, RuntimeSettings, Shard};

/// When tests begin.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_000_000);
/// The interface of most tests.
pub(crate) const ENI: InterfaceIndex = InterfaceIndex(0);
/// Frames that a cable of memory holds.
pub(crate) const ROOM: usize = 8192;

fn rule(number: u32, direction: Direction, traffic: Traffic, peer: &str) -> Rule {
    Rule {
        number: RuleNumber::new(number),
        direction,
        traffic,
        peer: Peer::Cidr(peer.parse().unwrap()),
    }
}

/// SSH, DNS and pings from 203.0.113.0/24 and its like in IPv6, the web from everywhere, and everything to 198.51.100.0/24.
pub(crate) fn rules() -> Vec<Rule> {
    use Direction::{Egress, Ingress};
    let port = PortRange::single;
    vec![
        rule(0, Ingress, Traffic::Tcp(port(22)), "203.0.113.0/24"),
        rule(1, Ingress, Traffic::Udp(port(53)), "203.0.113.0/24"),
        rule(2, Ingress, Traffic::Icmp(IcmpMatch::ANY), "203.0.113.0/24"),
        rule(3, Ingress, Traffic::Tcp(port(80)), "0.0.0.0/0"),
        rule(4, Egress, Traffic::All, "198.51.100.0/24"),
        rule(5, Ingress, Traffic::Udp(port(53)), "2001:db8:9::/48"),
        rule(6, Ingress, Traffic::Tcp(port(22)), "2001:db8:9::/48"),
    ]
}

/// An interface with the addresses 10.0.0.10 and 2001:db8::10.
pub(crate) fn interface(rules: &[Rule]) -> Interface {
    Interface {
        rules: Arc::new(RuleSet::compile(rules)),
        addresses: ["10.0.0.10", "2001:db8::10"]
            .map(|a| a.parse::<IpAddr>().unwrap())
            .to_vec(),
        prefixes: Vec::new(),
        source_dest_check: true,
        exemptions: true,
        resolver: None,
        router: None,
        link_local_pps: None,
        always_track: AlwaysTrack::Never,
        lifetimes: Lifetimes::default(),
        allowance: None,
    }
}

pub(crate) fn snapshot(generation: u64, interfaces: Vec<Option<Interface>>) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        generation,
        interfaces,
        rules: 16,
        directory: Arc::new(Directory::new()),
    })
}

/// One interface with [`rules`].
pub(crate) fn policy() -> Arc<Snapshot> {
    snapshot(1, vec![Some(interface(&rules()))])
}

pub(crate) fn engine() -> Settings {
    Settings {
        capacity: 8192,
        capacity_v6: 1024,
        seed: 0x5ec6,
        ..Settings::default()
    }
}

/// Settings with a clock that stands at [`START`].
pub(crate) fn settings(workers: u16) -> (RuntimeSettings, Arc<AtomicU64>) {
    let (clock, hand) = crate::Clock::manual(START);
    let settings = RuntimeSettings {
        workers,
        engine: engine(),
        clock,
        metered: true,
        ..RuntimeSettings::default()
    };
    (settings, hand)
}

/// The engine alone, which says what workers should have done.
#[derive(Debug)]
pub(crate) struct Plain(pub(crate) Datapath);

impl Plain {
    pub(crate) fn new(policy: Arc<Snapshot>) -> Self {
        Self(Datapath::new(engine(), policy, START))
    }

    /// The verdict on an IP packet or a malformed frame; `None` for what is not IP.
    pub(crate) fn decide(
        &mut self,
        bytes: &[u8],
        direction: Direction,
        at: Timestamp,
    ) -> Option<Verdict> {
        let frame = LiveFrame::whole(bytes).frame();
        match frame.parse() {
            Ok(Parsed::Ip(packet)) => Some(self.0.one(&Crossing {
                frame,
                packet,
                interface: ENI,
                direction,
                at,
            })),
            Ok(Parsed::NotIp(_)) => None,
            Err(_) => Some(self.0.malformed(ENI, direction, frame.wire_len)),
        }
    }

    pub(crate) fn packets(&self) -> [[u64; Reason::COUNT]; 2] {
        packets([&self.0])
    }
}

/// Packets by direction and reason, over several engines.
pub(crate) fn packets<'a>(
    engines: impl IntoIterator<Item = &'a Datapath>,
) -> [[u64; Reason::COUNT]; 2] {
    let mut sums = [[0; Reason::COUNT]; 2];
    for engine in engines {
        for direction in Direction::BOTH {
            for reason in Reason::ALL {
                let count = engine.tally().of(ENI, direction, reason);
                sums[direction as usize][reason as usize] += count.packets;
            }
        }
    }
    sums
}

/// The far ends of an open inline shard.
#[derive(Debug)]
pub(crate) struct Ends {
    /// Where the instance is.
    pub(crate) inside: MemoryPort,
    /// Where the network is.
    pub(crate) outside: MemoryPort,
    /// The near ends.
    pub(crate) near: [MemoryHandle; 2],
}

impl Ends {
    /// Two cables, and what is to be attached to their near ends.
    pub(crate) fn new() -> (Self, Attached) {
        let (inside, near_inside) = pair(ROOM).unwrap();
        let (outside, near_outside) = pair(ROOM).unwrap();
        let near = [near_inside.handle(), near_outside.handle()];
        let attached = Attached::Inline {
            inside: Box::new(near_inside),
            outside: Box::new(near_outside),
        };
        (
            Self {
                inside,
                outside,
                near,
            },
            attached,
        )
    }

    fn side(&mut self, direction: Direction) -> &mut MemoryPort {
        match direction {
            Direction::Egress => &mut self.inside,
            Direction::Ingress => &mut self.outside,
        }
    }

    /// Puts frames onto the cable that packets of this direction come by.
    pub(crate) fn send(&mut self, direction: Direction, frames: &[Vec<u8>]) {
        let frames: Vec<_> = frames.iter().map(|bytes| LiveFrame::whole(bytes)).collect();
        assert_eq!(
            self.side(direction).transmit(&frames).lost(),
            0,
            "the cable is too short"
        );
    }

    /// What came out where packets of this direction go to.
    pub(crate) fn received(&mut self, direction: Direction) -> Vec<Vec<u8>> {
        let port = self.side(direction.reverse());
        let count = port.receive(usize::MAX).unwrap_or(0);
        (0..count)
            .map(|index| port.frame(index).data.to_vec())
            .collect()
    }

    /// Waits until `count` frames came out.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, direction: Direction, count: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        secgroup_testkit::wait::until("frames on the other side", || {
            frames.extend(self.received(direction));
            (frames.len() >= count).then_some(())
        });
        frames
    }
}

/// Opens cables of memory, and gives their far ends to the test.
#[derive(Debug)]
pub(crate) struct Cables {
    pub(crate) present: AtomicBool,
    ends: Sender<(Shard, Ends)>,
    pub(crate) far: Mutex<Receiver<(Shard, Ends)>>,
}

impl Cables {
    pub(crate) fn new() -> Arc<Self> {
        let (ends, far) = unbounded();
        Arc::new(Self {
            present: AtomicBool::new(true),
            ends,
            far: Mutex::new(far),
        })
    }

    /// The far ends of the next shard that was opened.
    #[track_caller]
    pub(crate) fn next(&self) -> Ends {
        let far = self.far.lock().unwrap();
        far.recv_timeout(Duration::from_secs(10))
            .expect("nothing was opened")
            .1
    }
}

impl Open for Cables {
    fn open(&self, shard: Shard) -> Result<Attached, OpenError> {
        if !self.present.load(Ordering::Acquire) {
            return Err(OpenError::NoDevice("memory0".to_owned()));
        }
        let (ends, attached) = Ends::new();
        self.ends.send((shard, ends)).unwrap();
        Ok(attached)
    }

    fn devices(&self) -> Vec<String> {
        vec!["memory0".to_owned()]
    }
}

/// A link on one worker.
pub(crate) fn link(interface: u32, open: &Arc<impl Open + 'static>) -> LinkSettings {
    let open: Arc<dyn Open> = Arc::clone(open) as _;
    LinkSettings {
        interface: InterfaceIndex(interface),
        name: format!("link{interface}"),
        shards: 1,
        worker: None,
        audit: false,
        ethertypes: Vec::new(),
        open,
    }
}

/// Workers without threads: they take their turns when they are told to.
pub(crate) struct Rig {
    pub(crate) workers: Vec<Worker>,
    mailboxes: Vec<Mailbox>,
    pub(crate) hand: Arc<AtomicU64>,
    pub(crate) events: Receiver<Event>,
    pub(crate) notices: Receiver<Notice>,
    pub(crate) hub: Arc<Hub>,
    epoch: u64,
}

impl Rig {
    pub(crate) fn new(workers: u16, handoff: usize, policy: &Arc<Snapshot>) -> Self {
        let (settings, hand) = settings(workers);
        let crew = Crew::new(&RuntimeSettings {
            handoff,
            ..settings
        })
        .unwrap();
        let workers = crew.parts.into_iter();
        Self {
            workers: workers
                .map(|parts| Worker::new(parts, Arc::clone(policy)).unwrap())
                .collect(),
            mailboxes: crew.mailboxes,
            hand,
            events: crew.happened,
            notices: crew.noticed,
            hub: crew.hub,
            epoch: 0,
        }
    }

    /// Gives `devices` to the shards of a new link, one on each worker.
    pub(crate) fn attach(&mut self, audit: bool, ethertypes: &[u16], devices: Vec<Attached>) {
        let count = u16::try_from(devices.len()).unwrap();
        let spec = Arc::new(LinkSpec {
            interface: ENI,
            ethertypes: ethertypes.to_vec(),
            workers: (0..count).collect(),
            pool: (count > 1).then(Arc::default),
        });
        self.epoch += 1;
        for shard in 0..count {
            let spec = Arc::clone(&spec);
            self.ask(shard, |done| Command::Install {
                spec,
                shard,
                audit,
                done,
            });
        }
        for (from, devices) in (0..).zip(&devices) {
            let Some(queue) = crate::worker::queue_of(devices) else {
                continue;
            };
            for to in (0..count).filter(|to| *to != from) {
                let (interface, epoch) = (ENI, self.epoch);
                let settler = queue.settler().unwrap();
                let command = Command::Settler {
                    interface,
                    from,
                    epoch,
                    settler,
                };
                self.mailboxes[usize::from(to)].try_send(command);
            }
        }
        for (worker, devices) in (0..).zip(devices) {
            let (interface, epoch) = (ENI, self.epoch);
            self.ask(worker, |done| Command::Open {
                interface,
                epoch,
                devices,
                done,
            });
        }
        for mailbox in &self.mailboxes[..usize::from(count)] {
            mailbox.try_send(Command::Listen {
                interface: ENI,
                epoch: self.epoch,
            });
        }
        self.run();
    }

    /// Inline shards on every worker, and their far ends.
    pub(crate) fn attach_inline(&mut self, audit: bool, ethertypes: &[u16]) -> Vec<Ends> {
        let shards = self.workers.iter().map(|_| Ends::new());
        let (ends, devices) = shards.unzip();
        self.attach(audit, ethertypes, devices);
        ends
    }

    /// Sends a command to a worker and lets all of them do what there is to do.
    #[track_caller]
    pub(crate) fn ask<T>(&mut self, worker: u16, command: impl FnOnce(Sender<T>) -> Command) -> T {
        let (reply, answer) = bounded(1);
        self.mailboxes[usize::from(worker)].try_send(command(reply));
        self.run();
        answer.try_recv().expect("the worker did not answer")
    }

    /// Lets all workers take turns until none has anything to do.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        for _ in 0..100_000 {
            let mut busy = false;
            for worker in &mut self.workers {
                worker.look(Some(Duration::ZERO)).unwrap();
                busy |= worker.turn().unwrap() == Turn::Busy;
            }
            if !busy {
                return;
            }
        }
        panic!("the workers never come to rest");
    }

    /// Devices changed.
    pub(crate) fn retry(&mut self) {
        for mailbox in &self.mailboxes {
            mailbox.try_send(Command::Retry);
        }
        self.run();
    }

    /// Time passes.
    pub(crate) fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.hand.fetch_add(nanos, Ordering::AcqRel);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.hand.load(Ordering::Acquire))
    }

    pub(crate) fn packets(&self) -> [[u64; Reason::COUNT]; 2] {
        packets(self.workers.iter().map(Worker::engine))
    }
}
