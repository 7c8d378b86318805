//! A host under judgement: two namespaces on a cable, rules that queue what one of them hears and says, and a
//! thread that gives the verdicts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secgroup_io::live::host_rules::{HostRules, HostRulesSettings, QueueRoute, Tool};
use secgroup_io::live::nfqueue::{FlowMark, NfQueue, NfQueueSettings};
use secgroup_io::live::{BURST, Heard, Queue, QueueVerdict, Receiver, VnetHeader};
use secgroup_testkit::netns::{Namespace, veth};
use secgroup_testkit::wait;

/// Longer than any test takes.
pub(crate) const CARRY_FOR: Duration = Duration::from_secs(300);

/// The host whose packets are queued, and another one at its cable.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) host: Namespace,
    pub(crate) peer: Namespace,
}

pub(crate) const HOST4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const PEER4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
pub(crate) const HOST6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
pub(crate) const PEER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self {
            host: Namespace::new("host"),
            peer: Namespace::new("peer"),
        };
        pair.connect();
        pair.host.ip(&format!("addr add {HOST6}/64 dev eth0 nodad"));
        pair.peer.ip(&format!("addr add {PEER6}/64 dev eth0 nodad"));
        pair
    }

    /// A pair that speaks IPv4 only: nothing is queued but what a test sends.
    pub(crate) fn quiet() -> Self {
        let pair = Self {
            host: Namespace::new("host"),
            peer: Namespace::new("peer"),
        };
        pair.host.quiet();
        pair.peer.quiet();
        pair.connect();
        pair
    }

    fn connect(&self) {
        veth((&self.host, "eth0"), (&self.peer, "eth0"));
        self.host.ip(&format!("addr add {HOST4}/24 dev eth0"));
        self.peer.ip(&format!("addr add {PEER4}/24 dev eth0"));
    }

    /// Rules for `eth0` of the host.
    pub(crate) fn rules(
        &self,
        queues: RangeInclusive<u16>,
        tool: Tool,
        mark: Option<FlowMark>,
    ) -> HostRules {
        let settings = HostRulesSettings {
            routes: vec![QueueRoute {
                devices: vec!["eth0".into()],
                queues,
            }],
            flow_mark: mark,
            carry_for: CARRY_FOR,
            tool,
        };
        self.host.enter(|| HostRules::install(settings).unwrap())
    }

    /// Has the rules carry connections of a new generation.
    pub(crate) fn next_generation(&self, rules: &mut HostRules) -> FlowMark {
        let next = || self.host.enter(|| rules.next_generation().unwrap());
        wait::until("the time of another generation", next)
    }

    /// Rules as most tests need them.
    pub(crate) fn queued(&self) -> HostRules {
        self.rules(3..=3, Tool::IptablesLegacy, None)
    }

    pub(crate) fn open(&self, settings: &NfQueueSettings) -> NfQueue {
        self.host.enter(|| NfQueue::open(settings).unwrap())
    }

    /// A queue whose packets are judged by `verdict`.
    pub(crate) fn judge(
        &self,
        settings: &NfQueueSettings,
        verdict: impl FnMut(&Seen) -> QueueVerdict + Send + 'static,
    ) -> Judge {
        Judge::new(self.open(settings), verdict)
    }

    /// Whether one echo request from the peer to `address` of the host is answered.
    pub(crate) fn is_reached_at(&self, address: IpAddr) -> bool {
        let ping = format!("ping -n -c 1 -W 1 {address}");
        self.peer.sh(&ping).status.success()
    }

    /// Waits until `address` of the host is reached: a neighbour that could not be found is not asked for again at
    /// once.
    pub(crate) fn becomes_reached_at(&self, address: IpAddr) {
        wait::until("an answered ping", || {
            self.is_reached_at(address).then_some(())
        });
    }
}

/// A packet that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) data: Vec<u8>,
    pub(crate) wire_len: u32,
    pub(crate) heard: Heard,
    pub(crate) vnet: VnetHeader,
}

impl Seen {
    fn ip_header(&self) -> (u8, usize) {
        match self.data[0] >> 4 {
            4 => (self.data[9], usize::from(self.data[0] & 15) * 4),
            _ => (self.data[6], 40),
        }
    }

    pub(crate) fn is_ip6(&self) -> bool {
        self.data[0] >> 4 == 6
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.ip_header().0
    }

    /// What is behind the IP header.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.data[self.ip_header().1..]
    }

    /// The flags of a TCP segment: FIN 1, SYN 2, RST 4.
    pub(crate) fn tcp_flags(&self) -> Option<u8> {
        (self.protocol() == TCP).then(|| self.payload()[13])
    }

    /// An echo request or reply of its family.
    pub(crate) fn is_echo(&self) -> bool {
        matches!(
            (self.protocol(), self.payload()[0]),
            (1, 0 | 8) | (58, 128 | 129)
        )
    }

    /// The other end's IPv4 address.
    pub(crate) fn other_end(&self) -> [u8; 4] {
        let at = if self.heard == Heard::Arriving {
            12
        } else {
            16
        };
        self.data[at..at + 4].try_into().unwrap()
    }
}

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// A thread that owns a queue.
#[derive(Debug)]
pub(crate) struct Judge {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Judge {
    pub(crate) fn new(
        mut queue: NfQueue,
        mut verdict: impl FnMut(&Seen) -> QueueVerdict + Send + 'static,
    ) -> Self {
        let (seen, stop) = (
            Arc::<Mutex<Vec<Seen>>>::default(),
            Arc::new(AtomicBool::new(false)),
        );
        let (all, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let work = move || {
            while !stopped.load(Ordering::Relaxed) {
                wait_readable(&queue);
                let count = queue.receive(BURST).unwrap();
                let burst: Vec<_> = (0..count).map(|index| seen_at(&queue, index)).collect();
                let verdicts: Vec<_> = burst
                    .iter()
                    .enumerate()
                    .map(|(index, seen)| (queue.id(index), verdict(seen)))
                    .collect();
                // First known, then done: whoever sees the effect finds the packet in the list.
                all.lock().unwrap().extend(burst);
                queue.settle(&verdicts).unwrap();
            }
        };
        let thread = Some(std::thread::spawn(work));
        Self { seen, stop, thread }
    }

    /// All packets so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        self.seen().iter().filter(|seen| which(seen)).count()
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// Waits until a queue has something, or for a moment.
pub(crate) fn wait_readable(queue: &NfQueue) {
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let fd = queue.fd();
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&moment)).unwrap();
}

pub(crate) fn seen_at(queue: &NfQueue, index: usize) -> Seen {
    let frame = queue.frame(index);
    Seen {
        data: frame.data.to_vec(),
        wire_len: frame.wire_len,
        heard: frame.heard,
        vnet: frame.vnet,
    }
}

/// Receives until there is a burst.
pub(crate) fn next_burst(queue: &mut NfQueue) -> usize {
    wait::until("queued packets", || {
        wait_readable(queue);
        let count = queue.receive(BURST).unwrap();
        (count > 0).then_some(count)
    })
}
