//! What watchers are told, by a clock of the test's own.

use secgroup_packet::AddressPair;

use super::*;

/// The test's epoch.
const BEGAN: u64 = 1_700_000_000;
const ALL: Look = Look {
    limit: 10,
    by: By::Bytes,
    over: OVER_MAX,
};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_secs(BEGAN).saturating_add(Duration::from_millis(millis))
}

/// A client's packets to port 80 of the interface, or the answers.
fn flow(client_port: u16, direction: Direction) -> Flow {
    let (client, server) = ([203, 0, 113, 7].into(), [10, 0, 0, 1].into());
    let (addresses, ports) = match direction {
        Direction::Ingress => (
            AddressPair::V4 {
                src: client,
                dst: server,
            },
            [client_port, 80],
        ),
        Direction::Egress => (
            AddressPair::V4 {
                src: server,
                dst: client,
            },
            [80, client_port],
        ),
    };
    Flow {
        interface: InterfaceIndex(3),
        direction,
        addresses,
        protocol: Protocol::TCP,
        ports,
    }
}

fn sums(packets: u64, bytes: u64, at: Timestamp) -> Sums {
    Sums {
        packets,
        bytes,
        tcp_flags: 0,
        first: at,
        last: at,
    }
}

fn allowed() -> Verdict {
    Verdict::allow(Reason::Established, RuleNumber::new(5))
}

/// Packets of a client, allowed.
fn pass(watch: &mut Watch, port: u16, direction: Direction, bytes: u64, millis: u64) {
    let flow = flow(port, direction);
    watch.observe(&flow, allowed(), &sums(1, bytes, at(millis)));
}

#[test]
fn both_halves_of_a_flow_are_one_row() {
    let mut watch = Watch::begin(10, at(0));
    pass(&mut watch, 1000, Direction::Ingress, 60, 100);
    pass(&mut watch, 1000, Direction::Egress, 1500, 200);
    pass(&mut watch, 1000, Direction::Egress, 1500, 300);
    let passing = watch.look(ALL, at(500));
    assert_eq!(passing.over, Duration::from_millis(500));
    let [row] = passing.highest[..] else {
        panic!("{passing:?}")
    };
    assert_eq!(row.conversation.local, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(row.conversation.ports, [80, 1000]);
    assert!(row.is_tracked);
    let volume = |packets, bytes| Volume { packets, bytes };
    assert_eq!(row.volumes, [volume(1, 60), volume(2, 3000)]);
    assert_eq!(row.rules, [Some(RuleNumber::new(5)); 2]);
}

#[test]
fn a_rate_is_of_the_seconds_that_were_asked_for() {
    let mut watch = Watch::begin(10, at(0));
    for second in 0..8 {
        pass(&mut watch, 1, Direction::Ingress, 1000, second * 1000 + 500);
    }
    // Second 7 has begun; behind it lie as many whole ones as were asked for.
    for (over, bytes, millis) in [
        (0, 1000, 600),
        (1, 2000, 1600),
        (3, 4000, 3600),
        (10, 8000, 7600),
        (99, 8000, 7600),
    ] {
        let passing = watch.look(Look { over, ..ALL }, at(7600));
        assert_eq!(passing.over, Duration::from_millis(millis), "over {over}");
        assert_eq!(
            passing.highest[0].volumes[0].bytes, bytes,
            "{over}: {passing:?}"
        );
    }
}

/// A ring of eleven places must not hold what was there a round ago.
#[test]
fn what_is_long_ago_does_not_come_back() {
    let mut watch = Watch::begin(10, at(0));
    pass(&mut watch, 1, Direction::Ingress, 7, 0);
    pass(&mut watch, 1, Direction::Ingress, 1, 11_000);
    let bytes = |watch: &mut Watch, millis| {
        let passing = watch.look(ALL, at(millis));
        passing.highest.first().map(|row| row.volumes[0].bytes)
    };
    assert_eq!(bytes(&mut watch, 11_000), Some(1));
    pass(&mut watch, 1, Direction::Ingress, 2, 1_000_000);
    assert_eq!(bytes(&mut watch, 1_000_000), Some(2));
    assert_eq!(bytes(&mut watch, 1_010_999), Some(2));
    assert_eq!(bytes(&mut watch, 1_011_000), None);
}

#[test]
fn the_highest_come_first_by_what_was_asked_for() {
    let mut watch = Watch::begin(10, at(0));
    for port in 1..=5_u16 {
        let many = sums((6 - port).into(), u64::from(port) * 1000, at(1));
        watch.observe(&flow(port, Direction::Ingress), allowed(), &many);
    }
    let ports = |watch: &mut Watch, by| {
        let passing = watch.look(
            Look {
                limit: 2,
                by,
                ..ALL
            },
            at(10),
        );
        assert_eq!(passing.flows, 5);
        let ports = passing.highest.iter().map(|row| row.conversation.ports[1]);
        ports.collect::<Vec<_>>()
    };
    assert_eq!(ports(&mut watch, By::Bytes), [5, 4]);
    assert_eq!(ports(&mut watch, By::Packets), [1, 2]);
}

#[test]
fn denied_packets_do_not_pass_and_untracked_ones_are_told_apart() {
    let mut watch = Watch::begin(10, at(0));
    let one = sums(1, 60, at(1));
    watch.observe(
        &flow(1, Direction::Ingress),
        Verdict::deny(Reason::NoRule),
        &one,
    );
    let untracked = Verdict::allow(Reason::Untracked, RuleNumber::new(9));
    watch.observe(&flow(2, Direction::Ingress), untracked, &one);
    let passing = watch.look(ALL, at(1));
    assert_eq!(passing.flows, 1);
    assert!(!passing.highest[0].is_tracked);
    assert_eq!(passing.highest[0].rules, [Some(RuleNumber::new(9)), None]);
}

#[test]
fn there_is_a_bound_and_what_is_beyond_is_counted() {
    let mut watch = Watch::begin(3, at(0));
    for port in 1..=10 {
        pass(&mut watch, port, Direction::Ingress, 60, 100);
    }
    let passing = watch.look(ALL, at(200));
    assert_eq!((passing.flows, passing.packets_untold), (3, 7));
    // Those that nothing is seen of any more make room.
    watch.tick(at(20_000));
    pass(&mut watch, 11, Direction::Ingress, 60, 20_100);
    let passing = watch.look(ALL, at(20_200));
    assert_eq!((passing.flows, passing.packets_untold), (1, 7));
}

#[test]
fn a_lease_is_renewed_by_asking() {
    let mut watch = Watch::begin(3, at(0));
    assert!(!watch.is_over(at(15_000)));
    assert!(watch.is_over(at(15_001)));
    let _ = watch.look(ALL, at(14_000));
    assert!(!watch.is_over(at(29_000)));
    assert!(watch.is_over(at(29_001)));
}
