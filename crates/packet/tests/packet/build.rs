//! Random well-formed packets, built by `etherparse`; and damage.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions,
    Ipv6FlowLabel, Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, Ipv6RoutingExtensions,
    PacketBuilder, TcpHeader,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// An upper layer to be built.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Tcp(Box<TcpHeader>),
    Udp(u16, u16),
    /// Type, code, and bytes 4 to 7.
    Icmp(u8, u8, [u8; 4]),
    Other(u8),
}

pub(crate) fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        3 => tcp().prop_map(|header| Transport::Tcp(Box::new(header))),
        2 => any::<(u16, u16)>().prop_map(|(src, dst)| Transport::Udp(src, dst)),
        2 => (0..20_u8, 0..2_u8, any::<[u8; 4]>()).prop_map(|(k, c, r)| Transport::Icmp(k, c, r)),
        1 => (126..=137_u8, 0..2_u8, any::<[u8; 4]>())
            .prop_map(|(k, c, r)| Transport::Icmp(k, c, r)),
        1 => prop_oneof![Just(1), Just(47), Just(50), Just(51), Just(58), Just(59), 61..=134_u8]
            .prop_map(Transport::Other),
    ]
}

fn tcp() -> impl Strategy<Value = TcpHeader> {
    let words = vec(any::<[u8; 4]>(), 0..=10);
    (
        any::<(u16, u16, u32, u32, u16)>(),
        any::<[bool; 9]>(),
        words,
    )
        .prop_map(
            |((source, destination, seq, ack, window), flags, options)| {
                let mut header = TcpHeader::new(source, destination, seq, window);
                header.acknowledgment_number = ack;
                [header.ns, header.fin, header.syn, header.rst, header.psh] =
                    [flags[0], flags[1], flags[2], flags[3], flags[4]];
                [header.ack, header.urg, header.ece, header.cwr] =
                    [flags[5], flags[6], flags[7], flags[8]];
                header.set_options_raw(&options.concat()).unwrap();
                header
            },
        )
}

/// Position of a fragment: offset in units of 8 bytes, and whether more follow. Mostly none.
fn position() -> impl Strategy<Value = (u16, bool)> {
    prop_oneof![
        6 => Just((0, false)),
        1 => Just((0, true)),
        1 => (0..8192_u16, any::<bool>()),
    ]
}

/// A random IPv4 packet, headers and payload; a fragment of it may be of an impossible length.
pub(crate) fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let fields = any::<([u8; 4], [u8; 4], u8, u16, bool)>();
    let options = vec(any::<[u8; 4]>(), 0..=10);
    (fields, options, position(), transport(), payload()).prop_map(
        |((source, destination, ttl, id, df), options, (offset, more), transport, payload)| {
            let mut header = Ipv4Header::new(0, ttl, IpNumber(0), source, destination).unwrap();
            header.identification = id;
            header.dont_fragment = df;
            header.more_fragments = more;
            header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
            header.options = Ipv4Options::try_from(&options.concat()[..]).unwrap();
            let headers = IpHeaders::Ipv4(header, Ipv4Extensions { auth: None });
            build(headers, &transport, &payload)
        },
    )
}

/// A random IPv6 packet, headers, extension headers and payload.
pub(crate) fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    let fields = any::<([u8; 16], [u8; 16], u8, u32)>();
    let extensions = (
        proptest::option::weighted(0.3, raw_extension()),
        proptest::option::weighted(0.2, raw_extension()),
        proptest::option::weighted(0.2, raw_extension()),
        proptest::option::weighted(0.4, (position(), any::<u32>())),
    );
    (fields, extensions, transport(), payload()).prop_map(
        |((source, destination, hop_limit, id), extensions, transport, payload)| {
            let (hop_by_hop, destination_options, routing, fragment) = extensions;
            let header = Ipv6Header {
                traffic_class: 0,
                flow_label: Ipv6FlowLabel::try_new(id & 0xF_FFFF).unwrap(),
                payload_length: 0,
                next_header: IpNumber(0),
                hop_limit,
                source,
                destination,
            };
            let fragment = fragment.map(|((offset, more), id)| {
                let offset = IpFragOffset::try_new(offset).unwrap();
                Ipv6FragmentHeader::new(IpNumber(0), offset, more, id)
            });
            let extensions = Ipv6Extensions {
                hop_by_hop_options: hop_by_hop,
                destination_options,
                routing: routing.map(|routing| Ipv6RoutingExtensions {
                    routing,
                    final_destination_options: None,
                }),
                fragment,
                auth: None,
            };
            build(IpHeaders::Ipv6(header, extensions), &transport, &payload)
        },
    )
}

/// The body of an extension header: 6 bytes, or 8 or 16 more.
fn raw_extension() -> impl Strategy<Value = Ipv6RawExtHeader> {
    (0..3_usize, any::<u8>()).prop_map(|(words, fill)| {
        Ipv6RawExtHeader::new_raw(IpNumber(0), &vec![fill; 6 + 8 * words]).unwrap()
    })
}

/// Behind an upper-layer header: anything, or another packet, which an ICMP error then quotes.
fn payload() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        2 => vec(any::<u8>(), 0..64),
        1 => quotable(),
    ]
    .boxed()
}

/// The beginning of a packet, of either family.
pub(crate) fn quotable() -> impl Strategy<Value = Vec<u8>> {
    let rest = || (transport(), vec(any::<u8>(), 0..16), position());
    let v4 = (any::<[[u8; 4]; 2]>(), rest()).prop_map(|([source, destination], rest)| {
        let (transport, payload, (offset, more)) = rest;
        let mut header = Ipv4Header::new(0, 9, IpNumber(0), source, destination).unwrap();
        header.more_fragments = more;
        header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
        build(
            IpHeaders::Ipv4(header, Ipv4Extensions { auth: None }),
            &transport,
            &payload,
        )
    });
    let v6 = (any::<[[u8; 16]; 2]>(), rest()).prop_map(|([source, destination], rest)| {
        let (transport, payload, (offset, more)) = rest;
        let header = Ipv6Header {
            source,
            destination,
            ..Ipv6Header::default()
        };
        let extensions = Ipv6Extensions {
            fragment: more.then(|| {
                let offset = IpFragOffset::try_new(offset).unwrap();
                Ipv6FragmentHeader::new(IpNumber(0), offset, more, 7)
            }),
            ..Ipv6Extensions::default()
        };
        build(IpHeaders::Ipv6(header, extensions), &transport, &payload)
    });
    (prop_oneof![v4, v6], 0..80_usize).prop_map(|(mut packet, len)| {
        // Most errors quote as much as there is; some less.
        if len >= 20 {
            packet.truncate(len);
        }
        packet
    })
}

fn build(ip: IpHeaders, transport: &Transport, payload: &[u8]) -> Vec<u8> {
    let is_ipv4 = matches!(ip, IpHeaders::Ipv4(..));
    let step = PacketBuilder::ip(ip);
    let mut out = Vec::new();
    match transport.clone() {
        Transport::Tcp(header) => step.tcp_header(*header).write(&mut out, payload),
        Transport::Udp(source, destination) => {
            step.udp(source, destination).write(&mut out, payload)
        }
        Transport::Icmp(kind, code, rest) if is_ipv4 => {
            step.icmpv4_raw(kind, code, rest).write(&mut out, payload)
        }
        Transport::Icmp(kind, code, rest) => {
            step.icmpv6_raw(kind, code, rest).write(&mut out, payload)
        }
        // Neither ICMP nor ICMPv6 goes by this name: whoever builds one gets its checksum right.
        Transport::Other(1) if is_ipv4 => step.write(&mut out, IpNumber(58), payload),
        Transport::Other(58) if !is_ipv4 => step.write(&mut out, IpNumber(1), payload),
        Transport::Other(number) => step.write(&mut out, IpNumber(number), payload),
    }
    .unwrap();
    out
}

/// Random bytes of a packet overwritten, most of them in its headers, with values that mean
/// something in some field.
pub(crate) fn damage() -> impl Strategy<Value = Vec<(usize, u8)>> {
    let at = prop_oneof![4 => 0..12_usize, 4 => 12..80_usize, 1 => 80..400_usize];
    let telling = prop_oneof![
        Just(0),
        Just(1),
        Just(6),
        Just(17),
        Just(43),
        Just(44),
        Just(51),
        Just(60),
        Just(135),
        Just(0x45),
        Just(0x60),
    ];
    let value = prop_oneof![any::<u8>(), telling];
    vec((at, value), 0..4)
}

/// Overwrites what there is.
pub(crate) fn damaged(mut packet: Vec<u8>, damage: &[(usize, u8)]) -> Vec<u8> {
    for &(at, value) in damage {
        if let Some(byte) = packet.get_mut(at) {
            *byte = value;
        }
    }
    packet
}

/// The IPv4 or IPv6 address of these bytes, for messages that say where they came from.
pub(crate) fn v4(octets: [u8; 4]) -> Ipv4Addr {
    octets.into()
}

/// See [`v4`].
pub(crate) fn v6(octets: [u8; 16]) -> Ipv6Addr {
    octets.into()
}
