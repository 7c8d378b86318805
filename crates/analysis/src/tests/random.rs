//! Random worlds and flows: few addresses, ports and groups, so that everything meets.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use secgroup_control::Defaults;
use secgroup_datapath::AlwaysTrack;
use secgroup_model::{Family, PeeringStatus, RuleSpec};
use secgroup_packet::{L4, Packet, Protocol, TcpFlags};
use secgroup_testkit::frame;

use crate::Flow;
use crate::tests::world::{World, net, spec};

/// Addresses of the interfaces, of strangers, and of what is exempt (C17).
const V4: [&str; 11] = [
    "10.0.1.10",
    "10.0.1.11",
    "10.0.2.70",
    "10.0.2.10",
    "203.0.113.7",
    "203.0.113.8",
    "198.51.100.1",
    "169.254.169.254",
    "10.0.0.2",
    "10.0.1.1",
    "255.255.255.255",
];
const V6: [&str; 8] = [
    "2001:db8:a::10",
    "2001:db8:b::10",
    "2001:db8:c::99",
    "2001:db8:1::7",
    "2001:db8:2::7",
    "fe80::1",
    "fd00:ec2::253",
    "ff02::1:2",
];

const TRAFFICS: [&str; 18] = [
    "all",
    "all",
    "tcp 22",
    "tcp 80",
    "tcp all",
    "tcp 23-79",
    "udp 53",
    "udp all",
    "udp 60-70",
    "udp 1024-65535",
    "icmp all",
    "icmp 8/0",
    "icmp 3",
    "icmpv6 all",
    "icmpv6 128",
    "icmpv6 135/0",
    "47",
    "50",
];

const PEERS: [&str; 19] = [
    "::/1",
    "0.0.0.0/0",
    "0.0.0.0/0",
    "0.0.0.0/0",
    "::/0",
    "::/0",
    "203.0.113.7/32",
    "203.0.113.0/24",
    "0.0.0.0/1",
    "10.0.0.0/8",
    "2001:db8::/32",
    "2001:db8:1::7/128",
    "sg-a",
    "sg-b",
    "sg-missing",
    "sg-far",
    "sg-gone",
    "pl-1",
    "pl-missing",
];

pub(super) fn specs() -> impl Strategy<Value = RuleSpec> {
    (select(vec!["in", "out"]), select(&TRAFFICS), select(&PEERS))
        .prop_map(|(direction, traffic, peer)| spec(&format!("{direction} {traffic} {peer}")))
}

/// Two groups of `vpc-1`, one of a peered VPC, one of a VPC that was peered; three interfaces, one
/// of which may forward (C12) and two have delegated prefixes.
pub(super) fn worlds() -> impl Strategy<Value = World> {
    // No rule is twice in a group (A35).
    let rules = || {
        prop::collection::btree_set(specs(), 0..8)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
    };
    let groups =
        || subsequence(vec!["sg-a", "sg-b", "sg-undefined", "sg-far"], 1..=3).prop_shuffle();
    let entries = subsequence(vec!["203.0.113.7/32", "10.0.0.0/8", "0.0.0.0/0"], 0..=2);
    let checks = any::<[bool; 2]>();
    (
        [rules(), rules()],
        [groups(), groups(), groups()],
        entries,
        checks,
    )
        .prop_map(
            |([a, b], [on_a, on_b, on_c], entries, [check_a, check_b])| {
                World::new()
                    .peering("vpc-far", PeeringStatus::Active)
                    .peering("vpc-gone", PeeringStatus::Gone)
                    .group_in("vpc-1", "sg-a", &a)
                    .group_in("vpc-1", "sg-b", &b)
                    .group_in("vpc-far", "sg-far", &[])
                    .group_in("vpc-gone", "sg-gone", &[])
                    .list("pl-1", Family::V4, &entries)
                    .interface(
                        "eni-a",
                        &on_a,
                        &["10.0.1.10", "10.0.1.11", "2001:db8:a::10"],
                    )
                    .interface(
                        "eni-b",
                        &on_b,
                        &["10.0.2.10", "10.0.2.64/28", "2001:db8:b::10"],
                    )
                    .interface("eni-c", &on_c, &["198.51.100.1", "2001:db8:c::/64"])
                    .edit("eni-a", |eni| eni.source_dest_check = check_a)
                    .edit("eni-b", |eni| {
                        eni.source_dest_check = check_b;
                        eni.subnet = None;
                    })
            },
        )
}

pub(super) fn defaults() -> impl Strategy<Value = Defaults> {
    let always = prop_oneof![
        6 => Just(AlwaysTrack::Never),
        1 => Just(AlwaysTrack::Always),
        2 => Just(AlwaysTrack::Peers(vec![net("203.0.113.0/24"), net("2001:db8:1::/48")])),
    ];
    (always, prop::bool::weighted(0.9)).prop_map(|(always_track, exemptions)| Defaults {
        always_track,
        exemptions,
        ..Defaults::default()
    })
}

/// A flow in words, and a frame that is its first packet.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) flow: Flow,
    pub(super) frame: Vec<u8>,
}

pub(super) fn flows() -> impl Strategy<Value = Sent> {
    let v4 = (select(&V4), select(&V4), payloads());
    let v6 = (select(&V6), select(&V6), payloads());
    prop_oneof![v4, v6].prop_map(|(src, dst, payload)| payload.sent(src, dst))
}

#[derive(Debug, Clone)]
enum Payload {
    Tcp(u16, u16),
    Udp(u16, u16),
    Icmp(u8, u8),
    Icmpv6(u8, u8),
    Other(u8),
}

fn payloads() -> impl Strategy<Value = Payload> {
    let port = || select(vec![22, 53, 80, 1024, 40000, 65535]);
    let dhcp = select(vec![(68, 67), (67, 68), (546, 547), (547, 546)]);
    let code = || select(vec![0, 0, 1, 4]);
    prop_oneof![
        4 => (port(), port()).prop_map(|(s, d)| Payload::Tcp(s, d)),
        3 => (port(), port()).prop_map(|(s, d)| Payload::Udp(s, d)),
        1 => dhcp.prop_map(|(s, d)| Payload::Udp(s, d)),
        2 => (select(vec![0, 3, 8, 11, 13]), code()).prop_map(|(k, c)| Payload::Icmp(k, c)),
        2 => (select(vec![1, 2, 128, 129, 130, 135, 143]), code())
            .prop_map(|(k, c)| Payload::Icmpv6(k, c)),
        2 => select(vec![47, 50, 132]).prop_map(Payload::Other),
    ]
}

impl Payload {
    fn sent(&self, src: &str, dst: &str) -> Sent {
        let is_v6 = src.contains(':');
        let end = |address: &str, port: u16| match is_v6 {
            true => format!("[{address}]:{port}"),
            false => format!("{address}:{port}"),
        };
        // An ICMP error quotes a packet; nobody minds the same in another message.
        let quoted = frame::udp(&end(dst, 7), &end(src, 7), b"quoted");
        let quoted = frame::ip(&quoted);
        let (text, frame) = match *self {
            Self::Tcp(s, d) => {
                let (src, dst) = (end(src, s), end(dst, d));
                (
                    format!("tcp {src} > {dst}"),
                    frame::tcp(&src, &dst, "S", b""),
                )
            }
            Self::Udp(s, d) => {
                let (src, dst) = (end(src, s), end(dst, d));
                (format!("udp {src} > {dst}"), frame::udp(&src, &dst, b""))
            }
            Self::Icmp(kind, code) => {
                let text = format!("icmp {kind}/{code} {src} > {dst}");
                let frame = match is_v6 {
                    true => frame::raw_proto(src, dst, 1, &[kind, code, 0, 0, 0, 0, 0, 0]),
                    false => frame::icmp(src, dst, kind, code, [0, 1, 0, 0], quoted),
                };
                (text, frame)
            }
            Self::Icmpv6(kind, code) => {
                let text = format!("icmpv6 {kind}/{code} {src} > {dst}");
                let frame = match is_v6 {
                    true => frame::icmp6(src, dst, kind, code, [0, 1, 0, 0], quoted),
                    false => frame::raw_proto(src, dst, 58, &[kind, code, 0, 0, 0, 0, 0, 0]),
                };
                // RFC 4861 section 7.1 and RFC 3810 section 5.
                let frame = match kind {
                    135 if is_v6 => frame::with_hop_limit(frame, 255),
                    130 | 143 if is_v6 => frame::with_hop_limit(frame, 1),
                    _ => frame,
                };
                (text, frame)
            }
            Self::Other(number) => {
                let text = format!("{number} {src} > {dst}");
                (text, frame::raw_proto(src, dst, number, &[0; 16]))
            }
        };
        Sent {
            flow: text.parse().unwrap(),
            frame,
        }
    }
}

/// A frame of a packet that answers one of [`flows`].
pub(super) fn frame_of(packet: &Packet) -> Vec<u8> {
    let end = |address: IpAddr, port| SocketAddr::new(address, port).to_string();
    let (src, dst) = (packet.src(), packet.dst());
    let (from, to) = (src.to_string(), dst.to_string());
    match packet.l4 {
        L4::Tcp {
            sport,
            dport,
            flags,
        } => {
            let letters = match flags {
                TcpFlags::ACK => "A",
                _ => "SA",
            };
            frame::tcp(&end(src, sport), &end(dst, dport), letters, b"")
        }
        L4::Udp { sport, dport } => frame::udp(&end(src, sport), &end(dst, dport), b""),
        L4::Icmp { kind, code, .. } if packet.protocol == Protocol::ICMP => {
            frame::icmp(&from, &to, kind, code, [0, 1, 0, 0], b"")
        }
        L4::Icmp { kind, code, .. } => frame::icmp6(&from, &to, kind, code, [0, 1, 0, 0], b""),
        L4::Other | L4::LaterFragment => frame::raw_proto(&from, &to, packet.protocol.0, &[0; 16]),
    }
}
