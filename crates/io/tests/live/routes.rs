//! Several routes against a kernel: each packet comes to its own queue, and while routes change, none gets past them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use secgroup_io::live::host_rules::{HostRules, HostRulesSettings, QueueRoute, Tool};
use secgroup_io::live::nfqueue::{FlowMark, NfQueueSettings};
use secgroup_io::live::{Heard, QueueVerdict};
use secgroup_testkit::netns::{self, Namespace, veth};
use secgroup_testkit::wait;

use crate::judge::{CARRY_FOR, HOST4, Judge, PEER4, Pair};

/// The tools that work on a kernel with `CONFIG_NFT_COMPAT` or legacy tables.
const TOOLS: [Tool; 2] = [Tool::Iptables, Tool::IptablesLegacy];

/// The host at its second cable, and who is at the other end.
const HOST4_ETH1: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const THIRD4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));

/// A host with two cables: `eth0` to the peer, `eth1` to a third one.
fn two_cables() -> (Pair, Namespace) {
    let pair = Pair::quiet();
    let third = Namespace::new("third");
    third.quiet();
    veth((&pair.host, "eth1"), (&third, "eth0"));
    pair.host.ip(&format!("addr add {HOST4_ETH1}/24 dev eth1"));
    third.ip(&format!("addr add {THIRD4}/24 dev eth0"));
    (pair, third)
}

fn route(device: &str, queues: RangeInclusive<u16>) -> QueueRoute {
    QueueRoute {
        devices: vec![device.into()],
        queues,
    }
}

fn install(pair: &Pair, tool: Tool, flow_mark: Option<FlowMark>) -> HostRules {
    let settings = HostRulesSettings {
        routes: vec![route("eth0", 3..=3), route("eth1", 7..=8)],
        flow_mark,
        carry_for: CARRY_FOR,
        tool,
    };
    pair.host.enter(|| HostRules::install(settings).unwrap())
}

fn accepting(pair: &Pair, queue: u16) -> Judge {
    pair.judge(&NfQueueSettings::new(queue), |_| QueueVerdict::Accept)
}

/// The other ends of all packets that queues saw, and which way they went.
fn ends(queues: &[Judge]) -> BTreeSet<(IpAddr, &'static str)> {
    let mut ends = BTreeSet::new();
    for queue in queues {
        ends.extend(queue.seen().iter().map(|seen| {
            let way = match seen.heard {
                Heard::Arriving => "arriving",
                Heard::Leaving => "leaving",
            };
            (IpAddr::from(seen.other_end()), way)
        }));
    }
    ends
}

#[test]
fn each_packet_comes_to_the_queue_of_its_device() {
    if netns::skip("each_packet_comes_to_the_queue_of_its_device") {
        return;
    }
    let (pair, third) = two_cables();
    let mark = FlowMark::fresh(0xffff_0000).unwrap();
    for tool in TOOLS {
        for mark in [None, Some(mark)] {
            let rules = install(&pair, tool, mark);
            let ping = |from: &Namespace, to: IpAddr| {
                let ping = format!("ping -n -c 1 -W 1 {to}");
                from.sh(&ping).status.success()
            };
            // Only one of the two has an owner: the other's packets are nobody's.
            let first = [accepting(&pair, 3)];
            pair.becomes_reached_at(HOST4);
            assert!(!ping(&third, HOST4_ETH1), "{tool:?} {mark:?}");
            let second = [accepting(&pair, 7), accepting(&pair, 8)];
            wait::until("an answered ping of the third", || {
                ping(&third, HOST4_ETH1).then_some(())
            });
            assert!(ping(&pair.host, PEER4) && ping(&pair.host, THIRD4));
            let ways = |end| BTreeSet::from([(end, "arriving"), (end, "leaving")]);
            assert_eq!(ends(&first), ways(PEER4), "{tool:?} {mark:?}");
            assert_eq!(ends(&second), ways(THIRD4), "{tool:?} {mark:?}");
            drop((first, second));
            pair.host.enter(|| rules.remove().unwrap());
        }
    }
}

/// Sends datagrams until it is told to stop, and counts them.
fn send_until(stop: &AtomicBool, sent: &AtomicU64, socket: &UdpSocket) {
    while !stop.load(Ordering::Relaxed) {
        socket.send(b"let me in").unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
        // Enough to meet any gap, and something left for the program that makes it.
        std::thread::yield_now();
    }
}

/// Changes the routes of `eth0` to other queues and back, while somebody sends.
fn change_under_fire(pair: &Pair, rules: &mut HostRules, sent: &AtomicU64) {
    for round in 0..10 {
        let routes = if round % 2 == 0 {
            vec![route("eth9", 0..=2), route("eth0", 3..=3)]
        } else {
            vec![route("eth0", 0..=2)]
        };
        let before = sent.load(Ordering::Relaxed);
        wait::until("many datagrams", || {
            (sent.load(Ordering::Relaxed) > before + 100).then_some(())
        });
        pair.host.enter(|| rules.change(routes).unwrap());
    }
}

#[test]
fn nothing_gets_past_routes_that_change() {
    if netns::skip("nothing_gets_past_routes_that_change") {
        return;
    }
    let pair = Pair::new();
    for tool in TOOLS {
        let inside = pair.host.enter(|| UdpSocket::bind((HOST4, 0)).unwrap());
        inside.set_nonblocking(true).unwrap();
        let outside = pair.peer.enter(|| UdpSocket::bind((PEER4, 0)).unwrap());
        outside.connect(inside.local_addr().unwrap()).unwrap();
        let comes_in = || {
            outside.send(b"let me in").unwrap();
            wait::until("a datagram", || inside.recv(&mut [0; 16]).ok());
        };
        comes_in();
        // Nobody listens at any queue: whatever arrives has found a gap.
        let mut rules = install(&pair, tool, None);
        let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| send_until(&stop, &sent, &outside));
            let _stops = StopsAtEnd(&stop);
            change_under_fire(&pair, &mut rules, &sent);
        });
        let nothing = inside.recv(&mut [0; 16]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "{tool:?}");
        pair.host.enter(|| rules.remove().unwrap());
        comes_in();
    }
}

/// Stops the sender whatever becomes of the test, which would wait for it for ever.
struct StopsAtEnd<'a>(&'a AtomicBool);

impl Drop for StopsAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
