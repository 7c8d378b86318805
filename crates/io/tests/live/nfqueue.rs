//! The queue against a kernel: what is accepted arrives, what is dropped does not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use secgroup_io::live::host_rules::Tool;
use secgroup_io::live::nfqueue::{NfQueue, NfQueueError, NfQueueSettings};
use secgroup_io::live::{Heard, PacketId, Queue, QueueVerdict, Receiver};
use secgroup_testkit::netns::{self, Namespace};
use secgroup_testkit::rng::Rng;
use secgroup_testkit::wait;

use crate::judge::{
    HOST4, HOST6, Judge, PEER4, PEER6, Pair, Seen, TCP, UDP, next_burst, seen_at, wait_readable,
};

const FAMILIES: [(IpAddr, IpAddr); 2] = [(HOST4, PEER4), (HOST6, PEER6)];

/// Long enough for a packet on a cable, short enough to wait for one that does not come.
const SOON: Duration = Duration::from_millis(300);

fn queue3() -> NfQueueSettings {
    NfQueueSettings::new(3)
}

/// Drops whatever says so.
fn drops_what_says_drop(seen: &Seen) -> QueueVerdict {
    if seen.data.windows(4).any(|bytes| bytes == b"drop") {
        QueueVerdict::Drop
    } else {
        QueueVerdict::Accept
    }
}

fn udp(namespace: &Namespace, address: IpAddr) -> UdpSocket {
    let socket = namespace.enter(|| UdpSocket::bind((address, 0)).unwrap());
    socket.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

#[test]
fn datagrams_pass_or_not_as_they_are_judged_in_both_directions() {
    if netns::skip("datagrams_pass_or_not_as_they_are_judged_in_both_directions") {
        return;
    }
    let pair = Pair::new();
    let rules = pair.queued();
    let judge = pair.judge(&queue3(), drops_what_says_drop);
    for (host, peer) in FAMILIES {
        let (inside, outside) = (udp(&pair.host, host), udp(&pair.peer, peer));
        for (from, to, heard) in [
            (&outside, &inside, Heard::Arriving),
            (&inside, &outside, Heard::Leaving),
        ] {
            // What is accepted behind what is dropped shows that the one will not come.
            for text in ["first", "drop this", "last"] {
                from.send_to(text.as_bytes(), to.local_addr().unwrap())
                    .unwrap();
            }
            assert_eq!(receive(to), b"first");
            assert_eq!(receive(to), b"last");
            let family = |seen: &Seen| seen.is_ip6() == host.is_ipv6();
            let datagrams =
                judge.count(|seen| family(seen) && seen.protocol() == UDP && seen.heard == heard);
            assert_eq!(datagrams, 3, "{host} {heard:?}");
        }
    }
    pair.host.enter(|| rules.remove().unwrap());
}

#[test]
fn pings_and_connections_pass_or_not_as_they_are_judged() {
    if netns::skip("pings_and_connections_pass_or_not_as_they_are_judged") {
        return;
    }
    let pair = Pair::new();
    let _rules = pair.queued();
    let closed_port = |seen: &Seen| {
        let ports = [81_u16.to_be_bytes(), 82_u16.to_be_bytes()];
        let port = &seen.payload()[2..4];
        seen.protocol() == TCP && ports.iter().any(|closed| closed == port)
    };
    let accepted = pair.judge(&queue3(), move |seen| {
        if closed_port(seen) {
            QueueVerdict::Drop
        } else {
            QueueVerdict::Accept
        }
    });
    for (host, peer) in FAMILIES {
        assert!(pair.is_reached_at(host));
        for (listens, at, connects) in [
            (&pair.host, host, &pair.peer),
            (&pair.peer, peer, &pair.host),
        ] {
            let listen = |port| listens.enter(|| TcpListener::bind((at, port)).unwrap());
            let (_open, _closed) = (listen(80), listen(81));
            let connect = |port| {
                connects.enter(|| TcpStream::connect_timeout(&SocketAddr::new(at, port), SOON))
            };
            connect(80).unwrap();
            assert!(connect(81).is_err());
        }
    }
    drop(accepted);
    for heard in [Heard::Arriving, Heard::Leaving] {
        let refused = pair.judge(&queue3(), move |seen| {
            if seen.is_echo() && seen.heard == heard {
                QueueVerdict::Drop
            } else {
                QueueVerdict::Accept
            }
        });
        for (host, _) in FAMILIES {
            assert!(!pair.is_reached_at(host), "{heard:?}");
        }
        assert_eq!(
            refused.count(|seen| seen.is_echo() && seen.heard == heard),
            2
        );
    }
}

#[test]
fn large_segments_pass_whole_and_only_their_headers_are_looked_at() {
    if netns::skip("large_segments_pass_whole_and_only_their_headers_are_looked_at") {
        return;
    }
    let pair = Pair::new();
    let _rules = pair.queued();
    let data: Vec<u8> = (0..8_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (host, peer) in FAMILIES {
        let judge = pair.judge(&queue3(), |_| QueueVerdict::Accept);
        for (listens, at, connects, heard) in [
            (&pair.host, host, &pair.peer, Heard::Arriving),
            (&pair.peer, peer, &pair.host, Heard::Leaving),
        ] {
            let listener = listens.enter(|| TcpListener::bind((at, 0)).unwrap());
            let address = listener.local_addr().unwrap();
            let mut sender = connects.enter(|| TcpStream::connect(address).unwrap());
            let (mut receiver, _) = listener.accept().unwrap();
            receiver.set_read_timeout(Some(wait::PATIENCE)).unwrap();
            let mut received = Vec::new();
            std::thread::scope(|scope| {
                let data = &data;
                scope.spawn(move || sender.write_all(data).unwrap());
                receiver.read_to_end(&mut received).unwrap();
            });
            assert!(
                received == data,
                "{} of {} bytes",
                received.len(),
                data.len()
            );
            let large = judge.count(|seen| {
                seen.heard == heard && seen.wire_len > 20_000 && seen.vnet.is_segmented_later()
            });
            assert!(large > 0, "{at} {heard:?}");
        }
        let longest = judge.seen().iter().map(|seen| seen.data.len()).max();
        assert_eq!(longest, Some(256));
    }
}

/// Sends numbered datagrams from the host to the peer and takes them from the queue.
fn hold(
    queue: &mut NfQueue,
    from: &UdpSocket,
    to: &UdpSocket,
    count: u32,
) -> BTreeMap<u32, PacketId> {
    let mut held = BTreeMap::new();
    for number in 0..count {
        from.send_to(&number.to_be_bytes(), to.local_addr().unwrap())
            .unwrap();
    }
    while held.len() < count as usize {
        for index in 0..next_burst(queue) {
            let seen = seen_at(queue, index);
            let number: Option<[u8; 4]> =
                seen.data.get(28..32).and_then(|data| data.try_into().ok());
            if seen.protocol() == UDP
                && let Some(number) = number
            {
                held.insert(u32::from_be_bytes(number), queue.id(index));
            } else {
                queue
                    .settle(&[(queue.id(index), QueueVerdict::Accept)])
                    .unwrap();
            }
        }
    }
    held
}

fn receive_number(socket: &UdpSocket) -> u32 {
    u32::from_be_bytes(receive(socket).try_into().unwrap())
}

/// A host and its peer that know each other's link-layer address already, and two sockets of theirs.
fn acquainted() -> (Pair, UdpSocket, UdpSocket) {
    let pair = Pair::quiet();
    let (inside, outside) = (udp(&pair.host, HOST4), udp(&pair.peer, PEER4));
    inside
        .send_to(b"hello", outside.local_addr().unwrap())
        .unwrap();
    assert_eq!(receive(&outside), b"hello");
    (pair, inside, outside)
}

#[test]
fn verdicts_of_a_burst_reach_the_packets_that_they_are_about() {
    if netns::skip("verdicts_of_a_burst_reach_the_packets_that_they_are_about") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    // Runs of equal verdicts, single ones, and every other one.
    let verdict = |number: u32| match number {
        0..100 | 150..180 => QueueVerdict::Accept,
        180..220 if number.is_multiple_of(2) => QueueVerdict::AcceptFlow,
        _ => QueueVerdict::Drop,
    };
    let passes = |number: &u32| verdict(*number) != QueueVerdict::Drop;
    for _ in 0..3 {
        let held = hold(&mut queue, &inside, &outside, 221);
        let verdicts: Vec<_> = held
            .iter()
            .map(|(&number, &id)| (id, verdict(number)))
            .collect();
        queue.settle(&verdicts).unwrap();
        for number in (0..221).filter(passes) {
            assert_eq!(receive_number(&outside), number);
        }
    }
    assert_eq!(queue.drops().ring, 0);
}

#[test]
fn a_packet_that_was_handed_over_waits_for_its_own_verdict() {
    if netns::skip("a_packet_that_was_handed_over_waits_for_its_own_verdict") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    let held = hold(&mut queue, &inside, &outside, 200);
    let handed_over = |number: &u32| *number == 0 || number % 50 == 30;
    let mut settler = queue.settler().unwrap();

    let (theirs, ours): (Vec<_>, Vec<_>) = held.iter().partition(|(number, _)| handed_over(number));
    let ours: Vec<_> = ours
        .iter()
        .map(|(_, id)| (**id, QueueVerdict::Accept))
        .collect();
    queue.settle(&ours).unwrap();
    for number in (0..200).filter(|number| !handed_over(number)) {
        assert_eq!(receive_number(&outside), number);
    }
    // Packets 30 and 130 are accepted by the other thread; 0, 80 and 180 are dropped.
    let theirs: Vec<_> = theirs
        .iter()
        .map(|(number, id)| match **number {
            30 | 130 => (**id, QueueVerdict::Accept),
            _ => (**id, QueueVerdict::Drop),
        })
        .collect();
    std::thread::spawn(move || settler.settle(&theirs).unwrap())
        .join()
        .unwrap();
    let fence = hold(&mut queue, &inside, &outside, 1);
    queue.settle(&[(fence[&0], QueueVerdict::Accept)]).unwrap();
    assert_eq!([(); 3].map(|()| receive_number(&outside)), [30, 130, 0]);
}

#[test]
fn a_closed_queue_drops_what_it_held_and_can_be_opened_again_at_once() {
    if netns::skip("a_closed_queue_drops_what_it_held_and_can_be_opened_again_at_once") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    hold(&mut queue, &inside, &outside, 5);
    let settler = queue.settler().unwrap(); // With a duplicate of the socket.
    drop(queue);
    let mut again = pair.open(&queue3());
    let held = hold(&mut again, &inside, &outside, 1);
    again.settle(&[(held[&0], QueueVerdict::Accept)]).unwrap();
    assert_eq!(receive_number(&outside), 0);
    outside.set_read_timeout(Some(SOON)).unwrap();
    assert!(outside.recv(&mut [0; 8]).is_err(), "nothing else came");
    drop(settler);
}

#[test]
fn both_directions_of_a_flow_meet_at_one_of_the_queues() {
    if netns::skip("both_directions_of_a_flow_meet_at_one_of_the_queues") {
        return;
    }
    let pair = Pair::new();
    let _rules = pair.rules(3..=4, Tool::IptablesLegacy, None);
    let judges =
        [3, 4].map(|queue| pair.judge(&NfQueueSettings::new(queue), |_| QueueVerdict::Accept));
    let inside = udp(&pair.host, HOST4);
    let others = 100..132_u8;
    for last in others.clone() {
        let address = IpAddr::from([192, 0, 2, last]);
        pair.peer.ip(&format!("addr add {address}/24 dev eth0"));
        let outside = udp(&pair.peer, address);
        outside
            .send_to(b"to", inside.local_addr().unwrap())
            .unwrap();
        assert_eq!(receive(&inside), b"to");
        inside
            .send_to(b"fro", outside.local_addr().unwrap())
            .unwrap();
        assert_eq!(receive(&outside), b"fro");
    }
    let mut flows = [0, 0];
    for last in others {
        let seen = |judge: &Judge, heard| {
            judge.count(|seen| {
                let datagram = !seen.is_ip6() && seen.protocol() == UDP;
                datagram && seen.other_end() == [192, 0, 2, last] && seen.heard == heard
            })
        };
        let counts = [0, 1].map(|queue| {
            [Heard::Arriving, Heard::Leaving].map(|heard| seen(&judges[queue], heard))
        });
        assert!(
            counts == [[1, 1], [0, 0]] || counts == [[0, 0], [1, 1]],
            "{last}: {counts:?}"
        );
        flows[counts[1][0]] += 1;
    }
    assert!(
        flows.iter().all(|&flows| flows > 0),
        "both queues were used: {flows:?}"
    );
}

#[test]
fn without_a_listener_nothing_passes() {
    if netns::skip("without_a_listener_nothing_passes") {
        return;
    }
    let pair = Pair::new();
    let open = || {
        for (host, _) in FAMILIES {
            pair.becomes_reached_at(host);
        }
    };
    let closed = || assert!(!FAMILIES.iter().any(|&(host, _)| pair.is_reached_at(host)));
    open();
    let rules = pair.queued();
    closed();
    let judge = pair.judge(&queue3(), |_| QueueVerdict::Accept);
    open();
    drop(judge);
    closed();
    pair.host.enter(|| rules.remove().unwrap());
    open();
}

#[test]
fn three_threads_settle_packets_of_one_queue_and_no_verdict_strays() {
    if netns::skip("three_threads_settle_packets_of_one_queue_and_no_verdict_strays") {
        return;
    }
    const ROUND: u32 = 100;
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    let others = [0, 1].map(|_| {
        let mut settler = queue.settler().unwrap();
        let (give, take) = std::sync::mpsc::channel::<Vec<(PacketId, QueueVerdict)>>();
        let work = move || {
            take.iter()
                .for_each(|given| settler.settle(&given).unwrap())
        };
        (give, std::thread::spawn(work))
    });
    for _ in 0..30 {
        let mut shares = [Vec::new(), Vec::new(), Vec::new()];
        let mut accepted = BTreeSet::new();
        for (number, id) in hold(&mut queue, &inside, &outside, ROUND) {
            let verdict = if rng.chance(1, 2) {
                accepted.insert(number);
                QueueVerdict::Accept
            } else {
                QueueVerdict::Drop
            };
            // Long runs for one thread, so that some verdicts are told in batches.
            let thread = if rng.chance(9, 10) {
                number / 40
            } else {
                *rng.pick(&[0, 1, 2])
            };
            shares[thread as usize % 3].push((id, verdict));
        }
        let [ours, first, second] = shares;
        others[0].0.send(first).unwrap();
        others[1].0.send(second).unwrap();
        queue.settle(&ours).unwrap();
        // One too many would be in the place of one of these, or of the next round.
        let arrived: Vec<_> = accepted.iter().map(|_| receive_number(&outside)).collect();
        assert_eq!(arrived.len(), accepted.len());
        assert_eq!(BTreeSet::from_iter(arrived), accepted);
    }
    let fence = hold(&mut queue, &inside, &outside, ROUND + 1);
    let verdict = |number: u32| match number {
        ROUND => QueueVerdict::Accept,
        _ => QueueVerdict::Drop,
    };
    let fence: Vec<_> = fence
        .iter()
        .map(|(&number, &id)| (id, verdict(number)))
        .collect();
    queue.settle(&fence).unwrap();
    assert_eq!(receive_number(&outside), ROUND);
    for (give, thread) in others {
        drop(give);
        thread.join().unwrap();
    }
}

#[test]
fn packets_of_a_device_that_went_down_are_settled_without_complaint() {
    if netns::skip("packets_of_a_device_that_went_down_are_settled_without_complaint") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    let held = hold(&mut queue, &inside, &outside, 3);
    pair.host.ip("link set eth0 down"); // The kernel drops what it held of it.
    for &id in held.values() {
        queue.settle(&[(id, QueueVerdict::Accept)]).unwrap();
    }
    wait_readable(&queue);
    assert_eq!(queue.receive(256).unwrap(), 0);
    pair.host.ip("link set eth0 up");
    drop(queue);
    let _judge = pair.judge(&queue3(), |_| QueueVerdict::Accept);
    pair.becomes_reached_at(HOST4);
}

#[test]
fn losses_are_those_of_the_queue_wherever_they_are_asked_for() {
    if netns::skip("losses_are_those_of_the_queue_wherever_they_are_asked_for") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut other = pair.open(&NfQueueSettings::new(13));
    let settings = NfQueueSettings {
        max_len: 4,
        ..queue3()
    };
    let mut queue = pair.open(&settings);
    for number in 0..10_u32 {
        inside
            .send_to(&number.to_be_bytes(), outside.local_addr().unwrap())
            .unwrap();
    }
    assert_eq!(queue.receive(256).unwrap(), 4);
    assert_eq!(queue.drops().ring, 6);
    assert_eq!(other.drops().ring, 0);
    // A receive buffer that takes but a few messages loses on the way to us.
    drop(queue);
    let settings = NfQueueSettings {
        receive_buffer: 4096,
        ..queue3()
    };
    let mut queue = pair.open(&settings);
    for number in 0..100_u32 {
        inside
            .send_to(&number.to_be_bytes(), outside.local_addr().unwrap())
            .unwrap();
    }
    let received = queue.receive(256).unwrap();
    assert!(received < 100);
    assert_eq!(queue.drops().ring, 100 - received as u64);
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    if netns::skip("what_cannot_be_opened_says_what_to_do") {
        return;
    }
    let host = Namespace::new("host");
    host.enter(|| {
        let _first = NfQueue::open(&queue3()).unwrap();
        let taken = NfQueue::open(&queue3()).unwrap_err();
        assert!(
            matches!(taken, NfQueueError::Taken { number: 3 }),
            "{taken:?}"
        );
        assert!(taken.to_string().contains("queue = N"));
        without_net_admin(|| {
            let refused = NfQueue::open(&NfQueueSettings::new(5)).unwrap_err();
            assert!(
                matches!(refused, NfQueueError::NotPermitted(_)),
                "{refused:?}"
            );
            assert!(refused.to_string().contains("CAP_NET_ADMIN"));
        });
    });
}

#[test]
fn a_program_that_gave_up_its_capability_is_told_that_its_verdicts_do_not_count() {
    if netns::skip("a_program_that_gave_up_its_capability_is_told_that_its_verdicts_do_not_count") {
        return;
    }
    let (pair, inside, outside) = acquainted();
    let _rules = pair.queued();
    let mut queue = pair.open(&queue3());
    let held = hold(&mut queue, &inside, &outside, 1);
    let verdict = [(held[&0], QueueVerdict::Accept)];
    pair.host
        .enter(|| without_net_admin(|| queue.settle(&verdict).unwrap()));
    wait_readable(&queue);
    let told = queue.receive(256).unwrap_err();
    assert!(told.to_string().contains("CAP_NET_ADMIN"), "{told}");
}

/// Runs `work` with this thread's capability gone for so long.
fn without_net_admin(work: impl FnOnce()) {
    let all = capabilities(None).unwrap();
    let mut fewer = all;
    fewer.effective.remove(CapabilitySet::NET_ADMIN);
    set_capabilities(None, fewer).unwrap();
    work();
    set_capabilities(None, all).unwrap();
}
