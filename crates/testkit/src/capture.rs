//! Capture files written by hand, so that a reader under test has a writer that shares nothing with
//! it.
//!
//! Times are nanoseconds since the epoch; a microsecond file rounds down. The formats: pcap as in
//! draft-ietf-opsawg-pcap, pcapng as in draft-ietf-opsawg-pcapng.

/// Link types by their number in capture files (tcpdump.org/linktypes.html).
pub mod link_type {
    /// BSD loopback, family in the writer's byte order.
    pub const NULL: u16 = 0;
    /// Ethernet.
    pub const ETHERNET: u16 = 1;
    /// Raw IP.
    pub const RAW: u16 = 101;
    /// OpenBSD loopback, family in network byte order.
    pub const LOOP: u16 = 108;
    /// Linux "cooked" capture v1.
    pub const LINUX_SLL: u16 = 113;
    /// Raw IPv4.
    pub const IPV4: u16 = 228;
    /// Raw IPv6.
    pub const IPV6: u16 = 229;
    /// Linux "cooked" capture v2.
    pub const LINUX_SLL2: u16 = 276;
}

/// Byte order of the numbers in a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A classic pcap file being written: how, not yet what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcap {
    order: ByteOrder,
    nanoseconds: bool,
    link: u16,
    snap: usize,
}

impl Pcap {
    /// Microsecond times, little-endian, Ethernet, nothing snapped.
    #[must_use]
    pub const fn micro() -> Self {
        Self {
            order: ByteOrder::Little,
            nanoseconds: false,
            link: link_type::ETHERNET,
            snap: 262_144,
        }
    }

    /// [`Pcap::micro`] with nanosecond times.
    #[must_use]
    pub const fn nano() -> Self {
        Self {
            nanoseconds: true,
            ..Self::micro()
        }
    }

    /// In this byte order.
    #[must_use]
    pub const fn order(self, order: ByteOrder) -> Self {
        Self { order, ..self }
    }

    /// Of this link type.
    #[must_use]
    pub const fn link(self, link: u16) -> Self {
        Self { link, ..self }
    }

    /// Keeping only the first `snap` bytes of each frame; the length on the wire is written beside.
    #[must_use]
    pub const fn snap(self, snap: usize) -> Self {
        Self { snap, ..self }
    }

    /// The whole file.
    #[must_use]
    pub fn file<F: AsRef<[u8]>>(&self, frames: &[(u64, F)]) -> Vec<u8> {
        let mut out = self.header();
        for (time, frame) in frames {
            out.extend(self.record(*time, frame.as_ref()));
        }
        out
    }

    /// The 24 bytes that a file begins with.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let magic = if self.nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        };
        let mut out = self.order.u32(magic).to_vec();
        out.extend(self.order.u16(2)); // version 2.4
        out.extend(self.order.u16(4));
        out.extend([0; 8]); // time zone and accuracy: always zero
        out.extend(self.order.u32(length(self.snap)));
        out.extend(self.order.u32(u32::from(self.link)));
        out
    }

    /// One record: 16 bytes of header, then the frame.
    #[must_use]
    pub fn record(&self, time: u64, frame: &[u8]) -> Vec<u8> {
        let unit = if self.nanoseconds { 1 } else { 1_000 };
        let seconds = u32::try_from(time / 1_000_000_000).expect("a time before 2106");
        let fraction = u32::try_from(time % 1_000_000_000 / unit).expect("below 10^9");
        let kept = &frame[..frame.len().min(self.snap)];
        let fields = [seconds, fraction, length(kept.len()), length(frame.len())];
        let mut out: Vec<u8> = fields
            .into_iter()
            .flat_map(|field| self.order.u32(field))
            .collect();
        out.extend(kept);
        out
    }
}

/// One frame of a [`Pcapng`] file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Which of the file's interfaces it was captured on.
    pub interface: usize,
    /// The captured bytes.
    pub frame: Vec<u8>,
    /// A comment on it (opt_comment), if any.
    pub comment: Option<String>,
}

/// A pcapng file of one section being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

/// An interface of a pcapng file: its link type, and 10 to the minus `resolution` seconds as the
/// unit of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interface {
    link: u16,
    resolution: u8,
}

impl Pcapng {
    /// A file in this byte order, without interfaces yet.
    #[must_use]
    pub const fn new(order: ByteOrder) -> Self {
        Self {
            order,
            interfaces: Vec::new(),
        }
    }

    /// With one more interface, whose times count in units of 10 to the minus `resolution` seconds:
    /// 6 is pcapng's default and written as no option at all.
    ///
    /// # Panics
    /// Where `resolution` is beyond 9, nanoseconds.
    #[must_use]
    #[track_caller]
    pub fn interface(mut self, link: u16, resolution: u8) -> Self {
        assert!(resolution <= 9, "times are kept in nanoseconds");
        self.interfaces.push(Interface { link, resolution });
        self
    }

    /// The whole file: section header, interface descriptions, one enhanced packet block for each
    /// record.
    ///
    /// # Panics
    /// Where a record names an interface that the file has not.
    #[must_use]
    #[track_caller]
    pub fn file(&self, records: &[Record]) -> Vec<u8> {
        let mut out = self.section_header();
        for interface in &self.interfaces {
            out.extend(self.interface_description(*interface));
        }
        for record in records {
            out.extend(self.enhanced_packet(record));
        }
        out
    }

    fn section_header(&self) -> Vec<u8> {
        let mut body = self.order.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.order.u16(1)); // version 1.0
        body.extend(self.order.u16(0));
        body.extend([0xff; 8]); // section length: not stated
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface_description(&self, interface: Interface) -> Vec<u8> {
        let mut body = self.order.u16(interface.link).to_vec();
        body.extend([0; 2]);
        body.extend([0; 4]); // no snap length
        if interface.resolution != 6 {
            body.extend(self.option(9, &[interface.resolution])); // if_tsresol
            body.extend(self.option(0, &[])); // opt_endofopt
        }
        self.block(1, &body)
    }

    #[track_caller]
    fn enhanced_packet(&self, record: &Record) -> Vec<u8> {
        let Some(interface) = self.interfaces.get(record.interface) else {
            panic!(
                "the file has no interface {}: call interface() first",
                record.interface
            );
        };
        let time = record.time / 10u64.pow(9 - u32::from(interface.resolution));
        let high = u32::try_from(time >> 32).expect("32 bits are left");
        let low = u32::try_from(time & 0xffff_ffff).expect("masked to 32 bits");
        let size = length(record.frame.len());
        let fields = [length(record.interface), high, low, size, size];
        let mut body: Vec<u8> = fields
            .into_iter()
            .flat_map(|field| self.order.u32(field))
            .collect();
        body.extend(&record.frame);
        body.resize(body.len().next_multiple_of(4), 0);
        if let Some(comment) = &record.comment {
            body.extend(self.option(1, comment.as_bytes()));
            body.extend(self.option(0, &[]));
        }
        self.block(6, &body)
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let size = u16::try_from(value.len()).expect("an option of at most 65535 bytes");
        let mut out = [self.order.u16(code), self.order.u16(size)].concat();
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn block(&self, kind: u32, body: &[u8]) -> Vec<u8> {
        let size = self.order.u32(length(body.len() + 12));
        [&self.order.u32(kind)[..], &size, body, &size].concat()
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a capture file states lengths in 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 00:00:00.123456789 UTC.
    const TIME: u64 = 1_767_225_600_123_456_789;

    #[test]
    fn a_little_endian_microsecond_file_byte_by_byte() {
        let file = Pcap::micro().file(&[(TIME, [0xaa, 0xbb, 0xcc])]);
        let expected: &[&[u8]] = &[
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 4, 0, 1, 0, 0, 0],
            &[
                0x00, 0xb9, 0x55, 0x69, 0x40, 0xe2, 0x01, 0x00, 3, 0, 0, 0, 3, 0, 0, 0,
            ],
            &[0xaa, 0xbb, 0xcc],
        ];
        assert_eq!(file, expected.concat());
    }

    #[test]
    fn a_big_endian_nanosecond_file_that_snaps() {
        let pcap = Pcap::nano()
            .order(ByteOrder::Big)
            .link(link_type::RAW)
            .snap(2);
        let file = pcap.file(&[(TIME, [0xaa, 0xbb, 0xcc])]);
        let expected: &[&[u8]] = &[
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 2, 0, 0, 0, 101],
            &[
                0x69, 0x55, 0xb9, 0x00, 0x07, 0x5b, 0xcd, 0x15, 0, 0, 0, 2, 0, 0, 0, 3,
            ],
            &[0xaa, 0xbb],
        ];
        assert_eq!(file, expected.concat());
    }

    #[test]
    fn a_pcapng_file_byte_by_byte() {
        let record = Record {
            time: TIME,
            interface: 0,
            frame: vec![0xaa; 5],
            comment: None,
        };
        let commented = Record {
            comment: Some("why".to_owned()),
            ..record.clone()
        };
        let ng = Pcapng::new(ByteOrder::Little).interface(link_type::ETHERNET, 9);
        let file = ng.file(&[record, commented]);
        let time = [&(TIME >> 32).to_le_bytes()[..4], &TIME.to_le_bytes()[..4]].concat();
        let expected: &[&[u8]] = &[
            &[
                0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
            ],
            &[0xff; 8],
            &[28, 0, 0, 0],
            &[1, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
            &[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0],
            &[6, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0],
            &time,
            &[
                5, 0, 0, 0, 5, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0, 0, 0, 40, 0, 0, 0,
            ],
            &[6, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0],
            &time,
            &[
                5, 0, 0, 0, 5, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0, 0, 0,
            ],
            &[1, 0, 3, 0, b'w', b'h', b'y', 0, 0, 0, 0, 0, 52, 0, 0, 0],
        ];
        assert_eq!(file, expected.concat());
    }

    #[test]
    fn a_microsecond_interface_of_a_pcapng_file_has_no_option() {
        let ng = Pcapng::new(ByteOrder::Big).interface(link_type::RAW, 6);
        let file = ng.file(&[]);
        let description = [
            0, 0, 0, 1, 0, 0, 0, 20, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20,
        ];
        assert_eq!(file[28..], description);
    }
}
