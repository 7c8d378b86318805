//! The classic format (draft-ietf-opsawg-pcap): a file header, then records.
//!
//! ```text
//! file header:  magic, version major and minor, two unused words, snapshot length, link type
//! record:       seconds, fraction, captured length, original length, the captured bytes
//! ```
//!
//! The magic number tells the byte order and whether the fraction counts micro- or nanoseconds.
//! Every record header is a link in a chain: one wrong length and nothing behind it can be found,
//! so a length that cannot be ends the reading.

use secgroup_packet::Timestamp;

use crate::capture::Link;
use crate::capture::error::{CaptureErrorKind, Damage, Warning};
use crate::capture::walk::{ByteOrder, MAX_CAPTURED_LEN, Need, Slot, Stop, Warnings, file_header};
use crate::capture::window::Window;

/// The length of the file header, in bytes.
const FILE_HEADER_LEN: usize = 24;

/// The length of the header of a record, in bytes.
const RECORD_HEADER_LEN: usize = 16;

/// The length of the header of a record as Alexey Kuznetzov's patched libpcap wrote it: interface
/// index, protocol and packet type follow. Red Hat and SuSE shipped it around the year 2000, and
/// odd appliances still do.
const KUZNETZOV_HEADER_LEN: usize = 24;

/// What a magic number says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    order: ByteOrder,
    /// How many nanoseconds one unit of the fraction is.
    unit: u32,
    /// How many decimal digits the fraction has.
    digits: u8,
    record_header_len: usize,
}

impl Format {
    /// The format of a magic number; `None` where it is not one of pcap, an error where it is one
    /// of a relative that cannot be read.
    pub(super) fn of(magic: [u8; 4]) -> Option<Result<Self, CaptureErrorKind>> {
        let of = |order, magic| {
            let micro = Self {
                order,
                unit: 1000,
                digits: 6,
                record_header_len: RECORD_HEADER_LEN,
            };
            Some(match magic {
                0xa1b2_c3d4 => Ok(micro),
                0xa1b2_3c4d => Ok(Self {
                    unit: 1,
                    digits: 9,
                    ..micro
                }),
                0xa1b2_cd34 => Ok(Self {
                    record_header_len: KUZNETZOV_HEADER_LEN,
                    ..micro
                }),
                // Two more patched formats that libpcap knows by number and does not read either.
                0xa1b2_34cd | 0xa12b_3c4d => Err(CaptureErrorKind::Unsupported {
                    what: format!("the modified pcap format with the magic number {magic:#010x}"),
                }),
                _ => return None,
            })
        };
        of(ByteOrder::Little, u32::from_le_bytes(magic))
            .or_else(|| of(ByteOrder::Big, u32::from_be_bytes(magic)))
    }
}

/// In what order a record header gives its two lengths, which changed with the version of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Captured, original: version 2.4, since 1993.
    CapturedFirst,
    /// Original, captured: before version 2.3, and DG/UX's 543.0.
    OriginalFirst,
    /// Either: version 2.3. The captured length is the lesser one.
    LesserIsCaptured,
}

/// Walks over the records.
#[derive(Debug)]
pub(super) struct Walker {
    format: Format,
    lengths: Lengths,
    link: Link,
    /// Whether to warn at the next frame that the link type is not supported.
    warn: bool,
    pub(super) warnings: Warnings,
}

impl Walker {
    /// Reads and consumes the file header.
    pub(super) fn open(format: Format, window: &mut Window) -> Result<Self, CaptureErrorKind> {
        let header: [u8; FILE_HEADER_LEN] = file_header(window)?;
        let order = format.order;
        let lengths = match (order.u16(&header, 4), order.u16(&header, 6)) {
            (2, 4) => Lengths::CapturedFirst,
            (2, 3) => Lengths::LesserIsCaptured,
            (2, 0..=2) | (543, 0) => Lengths::OriginalFirst,
            (major, minor) => {
                let what = format!("pcap version {major}.{minor}");
                return Err(CaptureErrorKind::Unsupported { what });
            }
        };
        let link = link_of(order.u32(&header, 20))?;
        window.consume(FILE_HEADER_LEN);
        let warn = matches!(link, Link::Unsupported(_));
        Ok(Self {
            format,
            lengths,
            link,
            warn,
            warnings: Warnings::default(),
        })
    }

    /// See [`crate::capture::walk::Walker::walk`]; `base` is where `bytes` start in the buffer.
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        base: usize,
        slots: &mut Vec<Slot>,
        max: usize,
    ) -> (usize, Stop) {
        let Format {
            order,
            unit,
            digits: time_digits,
            record_header_len,
        } = self.format;
        let (link, lengths) = (self.link, self.lengths);
        let mut used = 0;
        let stop = loop {
            if slots.len() >= max {
                break Stop::Full;
            }
            let rest = &bytes[used..];
            // Of a longer header all has to be there, although only its beginning is read.
            let header = rest.first_chunk::<RECORD_HEADER_LEN>();
            let Some(header) = header.filter(|_| rest.len() >= record_header_len) else {
                break Stop::Need(Need::next(record_header_len, "the header of a packet"));
            };
            let (first, second) = (order.u32(header, 8), order.u32(header, 12));
            let (len, wire_len) = match lengths {
                Lengths::CapturedFirst => (first, second),
                Lengths::OriginalFirst => (second, first),
                Lengths::LesserIsCaptured => (first.min(second), first.max(second)),
            };
            if len > MAX_CAPTURED_LEN {
                break Stop::Damaged(Damage::CapturedLen { len });
            }
            let record_len = record_header_len + len as usize;
            if rest.len() < record_len {
                break Stop::Need(Need::part(record_len, "a packet"));
            }
            let nanos = u64::from(order.u32(header, 0)) * 1_000_000_000
                + u64::from(order.u32(header, 4)) * u64::from(unit);
            slots.push(Slot {
                time: Timestamp::from_nanos(nanos),
                start: base + used + record_header_len,
                len,
                wire_len,
                interface: 0,
                link,
                time_digits,
            });
            used += record_len;
        };
        if self.warn && !slots.is_empty() {
            self.warn = false;
            let link = link.number();
            self.warnings.push(Warning::UnsupportedLink {
                section: 1,
                interface: 0,
                link,
            });
        }
        (used, stop)
    }
}

/// The link type in a file header: the lower 16 bits of the word. Above them, bits 28 to 31 give
/// the length of the check sequence that frames end with (it stays in the frame: behind the IP
/// packet, like padding), bits 26 and 27 are flags, and the others are kept for the future, which
/// cannot be read.
fn link_of(word: u32) -> Result<Link, CaptureErrorKind> {
    /// The bits that have to be zero.
    const RESERVED: u32 = 0x03ff_0000;
    if word & RESERVED != 0 {
        let what = format!("a pcap file with reserved bits in its link type ({word:#010x})");
        return Err(CaptureErrorKind::Unsupported { what });
    }
    let [_, _, high, low] = word.to_be_bytes();
    Ok(Link::from_number(u16::from_be_bytes([high, low])))
}
