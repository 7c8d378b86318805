//! Packets in words, made into bytes by etherparse.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpFragOffset, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, PacketBuilderStep, TcpHeader,
};
use secgroup_model::Direction;

use super::world::{address, direction};

/// The IP packet that these words stand for, with all checksums right:
///
/// - `in tcp SA 203.0.113.1:443 > 10.0.0.5:40000`, flags out of `CEUAPRSF`, `-` for none;
/// - `out udp [2001:db8::5]:40000 > [2001:db8::1]:53`;
/// - `in icmp 8/0 7 8.8.8.8 > 10.0.0.5`: type, code, identifier; `icmpv6` alike;
/// - `out 47 10.0.0.5 > 192.0.2.9`: protocol number.
pub(super) fn packet(text: &str) -> (Direction, Vec<u8>) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bytes = match words[1..] {
        ["tcp", flags, source, ">", destination] => {
            tcp(socket(source), socket(destination), flags, b"")
        }
        ["udp", source, ">", destination] => udp(socket(source), socket(destination), b"data"),
        ["icmp" | "icmpv6", message, id, source, ">", destination] => {
            let (kind, code) = message.split_once('/').unwrap();
            let [high, low] = id.parse::<u16>().unwrap().to_be_bytes();
            let (kind, code) = (kind.parse().unwrap(), code.parse().unwrap());
            let rest = [high, low, 0, 1];
            let (source, destination) = (address(source), address(destination));
            // Errors quote a packet that was sent the other way, but of no flow of any test.
            let quote = udp((destination, 9).into(), (source, 9).into(), b"");
            icmp(source, destination, 64, (kind, code), rest, &quote)
        }
        [number, source, ">", destination] => ip(
            address(source),
            address(destination),
            number.parse().unwrap(),
            b"payload",
        ),
        _ => panic!("no packet: {text}"),
    };
    (direction(words[0]), bytes)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The IP header that etherparse builds upon.
fn start(
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
) -> PacketBuilderStep<etherparse::IpHeaders> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), hop_limit)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            PacketBuilder::ipv6(source.octets(), destination.octets(), hop_limit)
        }
        _ => panic!("two families"),
    }
}

/// A TCP segment.
pub(super) fn tcp(
    source: SocketAddr,
    destination: SocketAddr,
    flags: &str,
    payload: &[u8],
) -> Vec<u8> {
    let mut header = TcpHeader::new(source.port(), destination.port(), 1, 1024);
    header.cwr = flags.contains('C');
    header.ece = flags.contains('E');
    header.urg = flags.contains('U');
    header.ack = flags.contains('A');
    header.psh = flags.contains('P');
    header.rst = flags.contains('R');
    header.syn = flags.contains('S');
    header.fin = flags.contains('F');
    let mut bytes = Vec::new();
    start(source.ip(), destination.ip(), 64)
        .tcp_header(header)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// A UDP datagram.
pub(super) fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    start(source.ip(), destination.ip(), 64)
        .udp(source.port(), destination.port())
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// An ICMP message of the addresses' family.
pub(super) fn icmp(
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    (kind, code): (u8, u8),
    rest: [u8; 4],
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let start = start(source, destination, hop_limit);
    match source {
        IpAddr::V4(_) => start
            .icmpv4_raw(kind, code, rest)
            .write(&mut bytes, payload),
        IpAddr::V6(_) => start
            .icmpv6_raw(kind, code, rest)
            .write(&mut bytes, payload),
    }
    .unwrap();
    bytes
}

/// A packet of any protocol.
pub(super) fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = u16::try_from(payload.len()).unwrap();
            let number = IpNumber(protocol);
            let mut header =
                Ipv4Header::new(len, 64, number, source.octets(), destination.octets()).unwrap();
            header.header_checksum = header.calc_header_checksum();
            [header.to_bytes().as_slice(), payload].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                payload_length: u16::try_from(payload.len()).unwrap(),
                next_header: IpNumber(protocol),
                hop_limit: 64,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv6Header::default()
            };
            [header.to_bytes().as_slice(), payload].concat()
        }
        _ => panic!("two families"),
    }
}

/// The upper-layer part of an IP packet without options or extension headers.
pub(super) fn payload(packet: &[u8]) -> &[u8] {
    match packet[0] >> 4 {
        4 => &packet[20..],
        _ => &packet[40..],
    }
}

/// Source, destination and protocol of such a packet.
pub(super) fn ends(packet: &[u8]) -> (IpAddr, IpAddr, u8) {
    let headers = etherparse::IpSlice::from_slice(packet).unwrap();
    let protocol = if packet[0] >> 4 == 4 {
        packet[9]
    } else {
        packet[6]
    };
    (headers.source_addr(), headers.destination_addr(), protocol)
}

/// The fragment `from..to` of an IP packet's payload; `to` at or behind its end makes it the last.
pub(super) fn fragment(packet: &[u8], id: u16, from: usize, to: usize) -> Vec<u8> {
    let whole = payload(packet);
    piece(
        packet,
        id,
        from,
        &whole[from..to.min(whole.len())],
        to < whole.len(),
    )
}

/// A fragment of the datagram that `packet` begins, with this payload at this offset.
pub(super) fn piece(packet: &[u8], id: u16, offset: usize, payload: &[u8], more: bool) -> Vec<u8> {
    let (source, destination, protocol) = ends(packet);
    let units = u16::try_from(offset / 8).unwrap();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = u16::try_from(payload.len()).unwrap();
            let number = IpNumber(protocol);
            let mut header =
                Ipv4Header::new(len, 64, number, source.octets(), destination.octets()).unwrap();
            header.identification = id;
            header.more_fragments = more;
            header.fragment_offset = IpFragOffset::try_new(units).unwrap();
            header.header_checksum = header.calc_header_checksum();
            [header.to_bytes().as_slice(), payload].concat()
        }
        _ => {
            let header = etherparse::Ipv6FragmentHeader::new(
                IpNumber(protocol),
                IpFragOffset::try_new(units).unwrap(),
                more,
                u32::from(id),
            );
            ip(
                source,
                destination,
                44,
                &[header.to_bytes().as_slice(), payload].concat(),
            )
        }
    }
}
