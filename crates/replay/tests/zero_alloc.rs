//! A packet costs no allocation once the tables have their size: parse, choose the interface, look up, match, decide,
//! count. Shown with an allocator that counts, over the records of a burst that is judged again and again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test speaks by failing, as the test does"
)]

use ipnet::IpNet;
use secgroup_io::{Link, Record};
use secgroup_model::{
    AccountId, Direction, GroupId, Inventory, NetworkInterface, NetworkInterfaceId, Peer,
    PortRange, Rule, RuleId, RuleSpec, SecurityGroup, Traffic,
};
use secgroup_packet::{LinkType, Timestamp};
use secgroup_replay::{Burst, Session, SessionSettings};
use secgroup_testkit::allocations::{Counting, so_far};
use secgroup_testkit::frame;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An interface with rules of every kind of outcome.
fn policy() -> Inventory {
    let mut group =
        SecurityGroup::new(GroupId::new("g"), "g", AccountId::new("123456789012"), None);
    let rules = [
        (
            Direction::Ingress,
            Traffic::Tcp(PortRange::single(80)),
            "0.0.0.0/0",
        ),
        (
            Direction::Ingress,
            Traffic::Tcp(PortRange::single(22)),
            "203.0.113.0/24",
        ),
        (
            Direction::Ingress,
            Traffic::Udp(PortRange::single(53)),
            "203.0.113.0/24",
        ),
        (Direction::Egress, Traffic::All, "0.0.0.0/0"),
    ];
    for (direction, traffic, range) in rules {
        let peer = Peer::Cidr(range.parse::<IpNet>().unwrap());
        let spec = RuleSpec {
            direction,
            traffic,
            peer,
        };
        group
            .rules
            .push(Rule::new(RuleId::new(&spec.to_string()), spec));
    }
    let interface = NetworkInterface::new(
        NetworkInterfaceId::new("eni"),
        vec![group.id.clone()],
        vec![
            "10.0.0.10".parse().unwrap(),
            "2001:db8::10".parse().unwrap(),
        ],
    );
    let mut inventory = Inventory::default();
    inventory.groups.insert(group.id.clone(), group);
    inventory.interfaces.insert(interface.id.clone(), interface);
    inventory
}

/// New, established, untracked, denied, exempt, malformed, fragmented, strange: different ports each round, so that there are always
/// new connections and old ones that run out.
fn frames(round: u16) -> Vec<Vec<u8>> {
    let port = 1024 + round;
    let host = |last: u8| format!("203.0.113.{last}:{port}");
    let datagram = frame::udp(&host(9), "10.0.0.10:53", &[7; 400]);
    let pieces = frame::fragments_with_id(&datagram, round.into(), &[200]);
    let mut frames = vec![
        frame::tcp(&host(7), "10.0.0.10:22", "S", b""),
        frame::tcp("10.0.0.10:22", &host(7), "SA", b""),
        frame::tcp(&host(7), "10.0.0.10:22", "A", b""),
        frame::tcp(&host(7), "10.0.0.10:80", "S", b""),
        frame::tcp("10.0.0.10:80", &host(7), "SA", b""),
        frame::tcp(&host(7), "10.0.0.10:23", "S", b""),
        frame::udp(&host(8), "10.0.0.10:53", b"?"),
        frame::ping("10.0.0.10", "198.51.100.1", round, 1),
        frame::quote(
            &frame::udp("10.0.0.10:53", &host(8), b"!"),
            3,
            3,
            "203.0.113.8",
        ),
        frame::tcp("10.0.0.10:4000", "169.254.169.254:80", "S", b""),
        frame::truncated(frame::ping("10.0.0.10", "203.0.113.1", 1, 1), 30),
        frame::arp("10.0.0.10", "10.0.0.1"),
        frame::ping("192.0.2.1", "192.0.2.2", 1, 1),
    ];
    frames.extend(pieces);
    frames
}

#[test]
fn a_packet_costs_no_allocation() {
    let mut settings = SessionSettings::default();
    settings.engine.capacity = 4096;
    settings.engine.capacity_v6 = 16;
    let mut session = Session::new(settings, &policy(), Timestamp::ZERO).unwrap();
    let rounds: Vec<_> = (0..2000).map(frames).collect();
    let mut burst = Burst::default();
    let (mut judged, mut before) = (0_u64, 0);
    for (round, frames) in (0_u64..).zip(&rounds) {
        // The first rounds size the buffers of a burst.
        if round == 10 {
            before = so_far();
        }
        let records = frames.iter().map(|frame| Record {
            number: 1,
            time: Timestamp::from_nanos(round * 50_000_000),
            time_digits: 9,
            link: Link::Supported(LinkType::Ethernet),
            data: frame,
            wire_len: 1500.min(u32::try_from(frame.len()).unwrap()),
            interface: 0,
        });
        session.judge(records, &mut burst);
        judged += burst
            .seen()
            .iter()
            .map(|seen| burst.judged(seen).count() as u64)
            .sum::<u64>();
        burst = burst.recycle();
    }
    assert!(before > 0, "the allocator does not count");
    let allocations = so_far() - before;
    assert!(judged > 25_000, "only {judged} verdicts");
    assert_eq!(
        allocations, 0,
        "{allocations} allocations over {judged} verdicts"
    );
}
