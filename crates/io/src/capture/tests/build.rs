//! A small writer of captures of every kind, and strategies for what it writes.
//!
//! It shares nothing with the code under test: layouts are those of the drafts, times are exact
//! fractions.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use secgroup_packet::LinkType;

use super::Owned;
use crate::capture::Link;

/// A written capture, what it says, and where it may end.
#[derive(Debug, Clone, Default)]
pub(in crate::capture) struct Written {
    pub(in crate::capture) bytes: Vec<u8>,
    pub(in crate::capture) records: Vec<Owned>,
    /// For each record, the offset of the byte behind it.
    pub(in crate::capture) record_ends: Vec<usize>,
    /// The offsets at which the file is complete.
    pub(in crate::capture) ends: Vec<usize>,
}

/// A number in a byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Order {
    Little,
    Big,
}

impl Order {
    pub(in crate::capture) fn u16(self, number: u16) -> [u8; 2] {
        if self == Self::Big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }
    pub(in crate::capture) fn u32(self, number: u32) -> [u8; 4] {
        if self == Self::Big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }
    fn i64(self, number: i64) -> [u8; 8] {
        if self == Self::Big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }
}

pub(in crate::capture) fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Little), Just(Order::Big)]
}

/// The meaning of link types, from tcpdump.org/linktypes.html.
pub(in crate::capture) const LINKS: [(u16, Link); 13] = [
    (0, Link::Supported(LinkType::Null)),
    (1, Link::Supported(LinkType::Ethernet)),
    (12, Link::Supported(LinkType::RawIp)),
    (14, Link::Supported(LinkType::RawIp)),
    (101, Link::Supported(LinkType::RawIp)),
    (108, Link::Supported(LinkType::Loop)),
    (113, Link::Supported(LinkType::LinuxSll)),
    (228, Link::Supported(LinkType::Ipv4)),
    (229, Link::Supported(LinkType::Ipv6)),
    (276, Link::Supported(LinkType::LinuxSll2)),
    (105, Link::Unsupported(105)),
    (127, Link::Unsupported(127)),
    (65535, Link::Unsupported(65535)),
];

pub(in crate::capture) fn link() -> impl Strategy<Value = (u16, Link)> {
    (0..LINKS.len()).prop_map(|index| LINKS[index])
}

/// The contents of a frame, and how much of it was cut off (or, below zero, is claimed too little).
fn frame() -> impl Strategy<Value = (Vec<u8>, i32)> {
    let data = prop_oneof![9 => vec(any::<u8>(), 0..80), 1 => vec(any::<u8>(), 0..3000)];
    (data, prop_oneof![3 => Just(0), 1 => -4..2000])
}

/// What the original length says, and what is to come of it: never less than was captured.
fn wire_len(data: &[u8], cut: i32) -> (u32, u32) {
    let len = i32::try_from(data.len()).unwrap();
    let said = u32::try_from((len + cut).max(0)).unwrap();
    (said, said.max(u32::try_from(len).unwrap()))
}

/// The relatives of classic pcap.
#[derive(Debug, Clone, Copy)]
pub(in crate::capture) struct PcapKind {
    pub(in crate::capture) magic: u32,
    pub(in crate::capture) digits: u8,
    /// What follows the four fields of a record header, in bytes.
    pub(in crate::capture) extra: usize,
}

pub(in crate::capture) const MICRO: PcapKind = PcapKind {
    magic: 0xa1b2_c3d4,
    digits: 6,
    extra: 0,
};
pub(in crate::capture) const NANO: PcapKind = PcapKind {
    magic: 0xa1b2_3c4d,
    digits: 9,
    extra: 0,
};
pub(in crate::capture) const KUZNETZOV: PcapKind = PcapKind {
    magic: 0xa1b2_cd34,
    digits: 6,
    extra: 8,
};

/// A pcap file header.
pub(in crate::capture) fn pcap_header(order: Order, kind: PcapKind, link: u32) -> Vec<u8> {
    let mut bytes = order.u32(kind.magic).to_vec();
    bytes.extend(order.u16(2));
    bytes.extend(order.u16(4));
    bytes.extend([0; 8]);
    // A snapshot length as wrong as they come.
    bytes.extend(order.u32(20));
    bytes.extend(order.u32(link));
    bytes
}

/// A pcap record.
pub(in crate::capture) fn pcap_record(
    order: Order,
    kind: PcapKind,
    time: (u32, u32),
    data: &[u8],
    wire_len: u32,
) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let mut bytes = [time.0, time.1, len, wire_len]
        .map(|field| order.u32(field))
        .concat();
    bytes.extend(vec![0xee; kind.extra]);
    bytes.extend(data);
    bytes
}

/// A whole pcap file.
fn pcap(kinds: &'static [PcapKind]) -> impl Strategy<Value = Written> {
    let kind = select(kinds);
    // Bits 26 and 28 to 31 describe a check sequence, bit 27 is ignored.
    let above = (0_u32..16, 0_u32..4).prop_map(|(len, flags)| len << 28 | flags << 26);
    let frames = vec((any::<u32>(), 0_u32..1_000_000_000, frame()), 0..20);
    (order(), kind, link(), above, frames).prop_map(
        |(order, kind, (number, link), above, frames)| {
            let bytes = pcap_header(order, kind, above | u32::from(number));
            let mut written = Written {
                ends: vec![bytes.len()],
                bytes,
                ..Written::default()
            };
            for (seconds, fraction, (data, cut)) in frames {
                let unit = 10_u32.pow(9 - u32::from(kind.digits));
                let fraction = fraction / unit;
                let (said, wire_len) = wire_len(&data, cut);
                written
                    .bytes
                    .extend(pcap_record(order, kind, (seconds, fraction), &data, said));
                written.ends.push(written.bytes.len());
                written.record_ends.push(written.bytes.len());
                written.records.push(Owned {
                    time: u64::from(seconds) * 1_000_000_000 + u64::from(fraction * unit),
                    time_digits: kind.digits,
                    link,
                    data,
                    wire_len,
                    interface: 0,
                });
            }
            written
        },
    )
}

/// A pcapng block, padded.
pub(in crate::capture) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = order.u32(kind).to_vec();
    let len = body.len().next_multiple_of(4);
    let total = order.u32(u32::try_from(len + 12).unwrap());
    bytes.extend(total);
    bytes.extend(body);
    bytes.extend(vec![0; len - body.len()]);
    bytes.extend(total);
    bytes
}

/// A section header block.
pub(in crate::capture) fn section_header(order: Order, options: &[u8]) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    body.extend(options);
    block(order, 0x0a0d_0d0a, &body)
}

/// An option, padded.
pub(in crate::capture) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = order.u16(code).to_vec();
    bytes.extend(order.u16(u16::try_from(value.len()).unwrap()));
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An interface.
#[derive(Debug, Clone)]
pub(in crate::capture) struct Interface {
    pub(in crate::capture) number: u16,
    pub(in crate::capture) link: Link,
    pub(in crate::capture) snap_len: u32,
    pub(in crate::capture) resolution: Option<u8>,
    pub(in crate::capture) offset: Option<i64>,
    pub(in crate::capture) comment: Option<Vec<u8>>,
}

impl Interface {
    pub(in crate::capture) const ETHERNET: Self = Self {
        number: 1,
        link: Link::Supported(LinkType::Ethernet),
        snap_len: 0,
        resolution: None,
        offset: None,
        comment: None,
    };

    /// An interface description block.
    pub(in crate::capture) fn block(&self, order: Order) -> Vec<u8> {
        let mut body = order.u16(self.number).to_vec();
        body.extend([0; 2]);
        body.extend(order.u32(self.snap_len));
        let comment = self.comment.iter().map(|text| option(order, 1, text));
        let resolution = self.resolution.map(|octet| option(order, 9, &[octet]));
        let offset = self.offset.map(|secs| option(order, 14, &order.i64(secs)));
        let mut options: Vec<_> = comment.chain(resolution).chain(offset).collect();
        // Options come in any order, and their end may be marked.
        if self.snap_len % 2 == 1 {
            options.reverse();
            options.push(vec![0; 4]);
        }
        body.extend(options.concat());
        block(order, 1, &body)
    }

    /// The time of a count of ticks, in nanoseconds: ticks / resolution + offset, exactly.
    pub(in crate::capture) fn time(&self, ticks: u64) -> u64 {
        let octet = self.resolution.unwrap_or(6);
        let base: u128 = if octet & 0x80 == 0 { 10 } else { 2 };
        let ticks_per_second = base
            .checked_pow(u32::from(octet & 0x7f))
            .unwrap_or(u128::MAX);
        let nanos = u128::from(ticks) * 1_000_000_000 / ticks_per_second;
        let offset = i128::from(self.offset.unwrap_or(0)) * 1_000_000_000;
        let nanos = i128::try_from(nanos).unwrap() + offset;
        u64::try_from(nanos.clamp(0, i128::from(u64::MAX))).unwrap()
    }

    /// How many digits distinguish two ticks, up to 9.
    fn digits(&self) -> u8 {
        let octet = self.resolution.unwrap_or(6);
        let base: f64 = if octet & 0x80 == 0 { 10.0 } else { 2.0 };
        (1_u8..9)
            .find(|&digits| 10_f64.powi(digits.into()) >= base.powi((octet & 0x7f).into()))
            .map_or(9, |digits| if octet & 0x7f == 0 { 0 } else { digits })
    }
}

fn interface() -> impl Strategy<Value = Interface> {
    let resolution = prop_oneof![
        3 => 0_u8..=9,
        1 => any::<u8>(),
        1 => prop_oneof![Just(0x80_u8), Just(0x80 + 10), Just(0x80 + 20), Just(0x80 + 32)],
    ];
    let offset = prop_oneof![2 => -2_000_000_000_i64..2_000_000_000, 1 => any::<i64>()];
    let comment = vec(any::<u8>(), 0..20);
    (
        link(),
        0_u32..100,
        option::of(resolution),
        option::of(offset),
        option::of(comment),
    )
        .prop_map(
            |((number, link), snap_len, resolution, offset, comment)| Interface {
                number,
                link,
                snap_len,
                resolution,
                offset,
                comment,
            },
        )
}

/// A block after the section header.
#[derive(Debug, Clone)]
enum Block {
    Interface(Interface),
    Enhanced {
        interface: usize,
        ticks: u64,
        frame: (Vec<u8>, i32),
        comment: Option<Vec<u8>>,
    },
    Obsolete {
        interface: usize,
        ticks: u64,
        frame: (Vec<u8>, i32),
    },
    Simple {
        frame: (Vec<u8>, i32),
    },
    Other {
        kind: u32,
        body: Vec<u8>,
    },
}

fn any_block(is_plain: bool) -> impl Strategy<Value = Block> {
    let comment = option::of(vec(any::<u8>(), 0..50));
    // Name resolution, interface statistics, secrets, custom, and one that nobody knows.
    let kinds: &[u32] = if is_plain {
        &[0x7fff_ffff]
    } else {
        &[4, 5, 10, 0xbad, 0x7fff_ffff]
    };
    let kind = select(kinds);
    prop_oneof![
        1 => interface().prop_map(Block::Interface),
        5 => (0..4_usize, any::<u64>(), frame(), comment).prop_map(
            |(interface, ticks, frame, comment)| {
                Block::Enhanced { interface, ticks, frame, comment }
            }
        ),
        1 => (0..4_usize, any::<u64>(), frame()).prop_map(move |(interface, ticks, frame)| {
            if is_plain {
                Block::Enhanced { interface, ticks, frame, comment: None }
            } else {
                Block::Obsolete { interface, ticks, frame }
            }
        }),
        1 => frame().prop_map(|frame| Block::Simple { frame }),
        1 => (kind, vec(any::<u8>(), 0..200)).prop_map(|(kind, body)| Block::Other { kind, body }),
    ]
}

/// A whole pcapng file of one to three sections.
fn pcapng(is_plain: bool) -> impl Strategy<Value = Written> {
    let comment = option::of(vec(any::<u8>(), 0..20));
    let section = (
        order(),
        comment,
        vec(interface(), 1..4),
        vec(any_block(is_plain), 0..15),
    );
    vec(section, 1..4).prop_map(|sections| {
        let mut written = Written::default();
        let mut last_time = 0;
        for (order, comment, mut interfaces, blocks) in sections {
            let comment = comment.map_or(Vec::new(), |text| option(order, 1, &text));
            written.bytes.extend(section_header(order, &comment));
            written.ends.push(written.bytes.len());
            for interface in &interfaces {
                written.bytes.extend(interface.block(order));
                written.ends.push(written.bytes.len());
            }
            for block in blocks {
                block.write(order, &mut interfaces, &mut last_time, &mut written);
                written.ends.push(written.bytes.len());
            }
        }
        written
    })
}

impl Block {
    fn write(
        self,
        order: Order,
        interfaces: &mut Vec<Interface>,
        last_time: &mut u64,
        written: &mut Written,
    ) {
        match self {
            Self::Interface(interface) => {
                written.bytes.extend(interface.block(order));
                interfaces.push(interface);
            }
            Self::Other { kind, body } => written.bytes.extend(block(order, kind, &body)),
            Self::Enhanced {
                interface,
                ticks,
                frame: (data, cut),
                comment,
            } => {
                let index = interface % interfaces.len();
                let (said, wire_len) = wire_len(&data, cut);
                let first = order.u32(u32::try_from(index).unwrap());
                let mut body = packet_body(order, first, ticks, &data, said);
                body.extend(comment.iter().flat_map(|text| option(order, 1, text)));
                written.bytes.extend(block(order, 6, &body));
                *last_time = interfaces[index].time(ticks);
                written.record(&interfaces[index], index, *last_time, (data, wire_len));
            }
            Self::Obsolete {
                interface,
                ticks,
                frame: (data, cut),
            } => {
                let index = interface % interfaces.len();
                let (said, wire_len) = wire_len(&data, cut);
                let [a, b] = order.u16(u16::try_from(index).unwrap());
                let body = packet_body(order, [a, b, 0, 7], ticks, &data, said);
                written.bytes.extend(block(order, 2, &body));
                *last_time = interfaces[index].time(ticks);
                written.record(&interfaces[index], index, *last_time, (data, wire_len));
            }
            Self::Simple {
                frame: (mut data, _),
            } => {
                let wire_len = u32::try_from(data.len()).unwrap();
                if interfaces[0].snap_len != 0 {
                    data.truncate(interfaces[0].snap_len as usize);
                }
                let mut body = order.u32(wire_len).to_vec();
                body.extend(&data);
                written.bytes.extend(block(order, 3, &body));
                written.record(&interfaces[0], 0, *last_time, (data, wire_len));
            }
        }
    }
}

impl Written {
    fn record(
        &mut self,
        interface: &Interface,
        index: usize,
        time: u64,
        (data, wire_len): (Vec<u8>, u32),
    ) {
        self.record_ends.push(self.bytes.len());
        self.records.push(Owned {
            time,
            time_digits: interface.digits(),
            link: interface.link,
            data,
            wire_len,
            interface: u32::try_from(index).unwrap(),
        });
    }
}

/// The body of an enhanced or obsolete packet block, which differ in how they name the interface.
pub(in crate::capture) fn packet_body(
    order: Order,
    interface: [u8; 4],
    ticks: u64,
    data: &[u8],
    wire_len: u32,
) -> Vec<u8> {
    let mut body = interface.to_vec();
    body.extend(order.u32(u32::try_from(ticks >> 32).unwrap()));
    body.extend(order.u32(u32::try_from(ticks & 0xffff_ffff).unwrap()));
    body.extend(order.u32(u32::try_from(data.len()).unwrap()));
    body.extend(order.u32(wire_len));
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body
}

/// A capture of any kind.
pub(in crate::capture) fn capture() -> impl Strategy<Value = Written> {
    let pcap = pcap(&[MICRO, NANO, KUZNETZOV]);
    prop_oneof![pcap.boxed(), pcapng(false).boxed()]
}

/// A capture for a reader that knows neither modified pcap nor the obsolete packet block, and that
/// looks into blocks which say nothing of packets.
pub(in crate::capture) fn plain_capture() -> impl Strategy<Value = Written> {
    prop_oneof![pcap(&[MICRO, NANO]).boxed(), pcapng(true).boxed()]
}
