//! What do the bytes of a frame say? Ours against etherparse and pnet, which all must say the same.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use etherparse::{
    Ethernet2Slice, Ipv4Slice, Ipv6Slice, LaxSlicedPacket, NetSlice, SlicedPacket, TcpSlice,
    TransportSlice, UdpSlice,
};
use pnet::packet::Packet as _;
use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::ipv6::{ExtensionPacket, Ipv6Packet};
use pnet::packet::tcp::TcpPacket;
use pnet::packet::udp::UdpPacket;
use pnet::packet::vlan::VlanPacket;
use secgroup_benches::frames::{SMALL, ethernet};
use secgroup_benches::harness::{criterion, group};
use secgroup_packet::{L4, Parsed};
use secgroup_testkit::frame::{padded, tcp, udp, with_extensions, with_vlan};

/// What a firewall needs of a frame: addresses, protocol, ports, TCP flags.
type Fields = (IpAddr, IpAddr, u8, u16, u16, u8);

/// A parser with its name.
type Parser = (&'static str, fn(&[u8]) -> Option<Fields>);

const PARSERS: [Parser; 5] = [
    ("secgroup", secgroup),
    ("etherparse, slice by slice", etherparse_slices),
    ("etherparse SlicedPacket", etherparse_sliced),
    ("etherparse LaxSlicedPacket", etherparse_lax),
    ("pnet", pnet),
];

fn frames() -> [(&'static str, Vec<u8>); 5] {
    let tcp4 = padded(tcp("100.64.1.2:40000", "10.0.0.10:443", "A", b""), SMALL);
    let udp4 = padded(udp("100.64.1.2:40000", "10.0.0.10:53", b"0123"), SMALL);
    let tcp6 = tcp("[2001:db8::7]:40000", "[2001:db8::10]:443", "A", b"");
    // Hop-by-hop and destination options, 8 bytes each.
    let extended = with_extensions(tcp6.clone(), &[(0, 8), (60, 8)]);
    [
        ("IPv4 TCP 64 B", tcp4.clone()),
        ("IPv4 UDP", udp4),
        ("IPv6 TCP", tcp6),
        ("VLAN IPv4 TCP", with_vlan(tcp4, 100)),
        ("IPv6 extensions TCP", extended),
    ]
}

fn parse(c: &mut Criterion) {
    let mut group = group(c, "parse");
    for (what, frame) in frames() {
        let expected = secgroup(&frame);
        assert!(expected.is_some(), "{what} is a packet");
        for (name, parser) in PARSERS {
            assert_eq!(parser(&frame), expected, "{name} on {what}");
            group.bench_function(BenchmarkId::new(name, what), |bencher| {
                bencher.iter(|| parser(black_box(&frame)));
            });
        }
    }
    group.finish();
}

#[inline]
fn secgroup(frame: &[u8]) -> Option<Fields> {
    // By reference, as `Frame::parse` advises.
    let parsed = ethernet(frame).parse();
    let Ok(Parsed::Ip(packet)) = &parsed else {
        return None;
    };
    let (sport, dport, flags) = match packet.l4 {
        L4::Tcp {
            sport,
            dport,
            flags,
        } => (sport, dport, flags.0),
        L4::Udp { sport, dport } => (sport, dport, 0),
        _ => return None,
    };
    Some((
        packet.src(),
        packet.dst(),
        packet.protocol.0,
        sport,
        dport,
        flags,
    ))
}

/// The flags of a TCP header as one byte, which etherparse does not give.
#[inline]
fn flags(tcp: &TcpSlice<'_>) -> u8 {
    tcp.slice()[13]
}

/// Only the slices that are needed, one after the other, as one writes it for speed.
#[inline]
fn etherparse_slices(frame: &[u8]) -> Option<Fields> {
    let link = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    let mut ether_type = link.ether_type();
    let mut rest = link.payload_slice();
    while matches!(ether_type.0, 0x8100 | 0x88a8) {
        let tag = etherparse::SingleVlanSlice::from_slice(rest).ok()?;
        (ether_type, rest) = (tag.ether_type(), tag.payload_slice());
    }
    let (src, dst, payload) = match ether_type.0 {
        0x0800 => {
            let ip = Ipv4Slice::from_slice(rest).ok()?;
            let header = ip.header();
            let (src, dst) = (header.source_addr(), header.destination_addr());
            (IpAddr::V4(src), IpAddr::V4(dst), ip.payload().clone())
        }
        0x86dd => {
            let ip = Ipv6Slice::from_slice(rest).ok()?;
            let header = ip.header();
            let (src, dst) = (header.source_addr(), header.destination_addr());
            (IpAddr::V6(src), IpAddr::V6(dst), ip.payload().clone())
        }
        _ => return None,
    };
    match payload.ip_number.0 {
        6 => {
            let tcp = TcpSlice::from_slice(payload.payload).ok()?;
            Some((
                src,
                dst,
                6,
                tcp.source_port(),
                tcp.destination_port(),
                flags(&tcp),
            ))
        }
        17 => {
            let udp = UdpSlice::from_slice(payload.payload).ok()?;
            Some((src, dst, 17, udp.source_port(), udp.destination_port(), 0))
        }
        _ => None,
    }
}

#[inline]
fn etherparse_sliced(frame: &[u8]) -> Option<Fields> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (src, dst) = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                IpAddr::V4(header.source_addr()),
                IpAddr::V4(header.destination_addr()),
            )
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                IpAddr::V6(header.source_addr()),
                IpAddr::V6(header.destination_addr()),
            )
        }
        NetSlice::Arp(_) => return None,
    };
    transport(src, dst, packet.transport.as_ref()?)
}

#[inline]
fn etherparse_lax(frame: &[u8]) -> Option<Fields> {
    let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
    let (src, dst) = match packet.net.as_ref()? {
        etherparse::LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                IpAddr::V4(header.source_addr()),
                IpAddr::V4(header.destination_addr()),
            )
        }
        etherparse::LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                IpAddr::V6(header.source_addr()),
                IpAddr::V6(header.destination_addr()),
            )
        }
        etherparse::LaxNetSlice::Arp(_) => return None,
    };
    transport(src, dst, packet.transport.as_ref()?)
}

#[inline]
fn transport(src: IpAddr, dst: IpAddr, transport: &TransportSlice<'_>) -> Option<Fields> {
    match transport {
        TransportSlice::Tcp(tcp) => Some((
            src,
            dst,
            6,
            tcp.source_port(),
            tcp.destination_port(),
            flags(tcp),
        )),
        TransportSlice::Udp(udp) => {
            Some((src, dst, 17, udp.source_port(), udp.destination_port(), 0))
        }
        _ => None,
    }
}

#[inline]
fn pnet(frame: &[u8]) -> Option<Fields> {
    let link = EthernetPacket::new(frame)?;
    pnet_tagged(link.get_ethertype(), link.payload())
}

fn pnet_tagged(ether_type: EtherType, payload: &[u8]) -> Option<Fields> {
    match ether_type {
        EtherTypes::Ipv4 => {
            let ip = Ipv4Packet::new(payload)?;
            let (src, dst) = (ip.get_source().into(), ip.get_destination().into());
            pnet_ports(src, dst, ip.get_next_level_protocol(), ip.payload())
        }
        EtherTypes::Ipv6 => {
            let ip = Ipv6Packet::new(payload)?;
            let (src, dst) = (ip.get_source().into(), ip.get_destination().into());
            let (mut next, mut rest) = (ip.get_next_header(), ip.payload());
            while matches!(
                next,
                IpNextHeaderProtocols::Hopopt | IpNextHeaderProtocols::Ipv6Opts
            ) {
                let extension = ExtensionPacket::new(rest)?;
                let len = (usize::from(extension.get_hdr_ext_len()) + 1) * 8;
                (next, rest) = (extension.get_next_header(), rest.get(len..)?);
            }
            pnet_ports(src, dst, next, rest)
        }
        EtherTypes::Vlan => {
            let tag = VlanPacket::new(payload)?;
            pnet_tagged(tag.get_ethertype(), payload.get(4..)?)
        }
        _ => None,
    }
}

#[inline]
fn pnet_ports(
    src: IpAddr,
    dst: IpAddr,
    protocol: IpNextHeaderProtocol,
    payload: &[u8],
) -> Option<Fields> {
    match protocol {
        IpNextHeaderProtocols::Tcp => {
            let tcp = TcpPacket::new(payload)?;
            Some((
                src,
                dst,
                6,
                tcp.get_source(),
                tcp.get_destination(),
                tcp.get_flags(),
            ))
        }
        IpNextHeaderProtocols::Udp => {
            let udp = UdpPacket::new(payload)?;
            Some((src, dst, 17, udp.get_source(), udp.get_destination(), 0))
        }
        _ => None,
    }
}

criterion_group! { name = benches; config = criterion(); targets = parse }
criterion_main!(benches);
