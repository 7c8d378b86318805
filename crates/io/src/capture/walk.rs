//! What the walkers of all formats share: the slot that they fill, why they stop, and their limits.

use secgroup_packet::Timestamp;

use crate::capture::error::{CaptureErrorKind, Damage, Warning};
use crate::capture::window::{Filled, Window};
use crate::capture::{Link, pcap, pcapng};

/// The longest frame that is believed, in bytes: libpcap's `MAXIMUM_SNAPLEN`, above which tcpdump
/// writes nothing for the link types that secgroup reads. The "snapshot length" in a file's own
/// header is no such bound: it is often wrong.
pub const MAX_CAPTURED_LEN: u32 = 262_144;

/// The longest pcapng block that is held in memory, in bytes: as in libpcap and Wireshark. Blocks
/// that are skipped may have any length.
pub const MAX_BLOCK_LEN: u32 = 16 * 1024 * 1024;

/// The most warnings kept for one capture: a damaged file may describe interfaces without end.
pub const MAX_WARNINGS: usize = 64;

/// Where one frame lies in the window's buffer, and what its record says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) time: Timestamp,
    pub(super) start: usize,
    pub(super) len: u32,
    pub(super) wire_len: u32,
    pub(super) interface: u32,
    pub(super) link: Link,
    pub(super) time_digits: u8,
}

/// Why a walker stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// There are as many slots as were asked for.
    Full,
    /// What is ahead is incomplete.
    Need(Need),
    /// What is ahead makes no sense.
    Damaged(Damage),
}

/// The bytes that a walker needs to go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// How many bytes have to be there for the next step.
    pub(super) len: usize,
    /// How many bytes the part has in all; the same, but for a part that is skipped step by step.
    pub(super) whole: usize,
    /// What they are, for the message where they are not there.
    pub(super) part: &'static str,
    /// Whether a file may end here.
    pub(super) may_end: bool,
}

impl Need {
    /// The bytes of something that a file must not end before.
    pub(super) const fn part(len: usize, part: &'static str) -> Self {
        Self {
            len,
            whole: len,
            part,
            may_end: false,
        }
    }

    /// The header of a record or block, before which a file may end.
    pub(super) const fn next(len: usize, part: &'static str) -> Self {
        Self {
            len,
            whole: len,
            part,
            may_end: true,
        }
    }
}

/// The walker of the capture's format.
#[derive(Debug)]
pub(super) enum Walker {
    Pcap(pcap::Walker),
    Pcapng(pcapng::Walker),
}

impl Walker {
    /// Reads the file header at the start of the window.
    pub(super) fn open(window: &mut Window) -> Result<Self, CaptureErrorKind> {
        let magic = match window.fill(MAGIC_LEN) {
            Filled::Enough | Filled::End { .. } => window.ahead().first_chunk().copied(),
            Filled::Failed { had, error } => {
                return Err(CaptureErrorKind::Read {
                    offset: had as u64,
                    packets: 0,
                    error,
                });
            }
        };
        match magic {
            Some(pcapng::MAGIC) => pcapng::Walker::open(window).map(Self::Pcapng),
            Some(magic) => match pcap::Format::of(magic) {
                Some(format) => pcap::Walker::open(format?, window).map(Self::Pcap),
                None => Err(not_a_capture(window)),
            },
            None if window.ahead().is_empty() => Err(CaptureErrorKind::Empty),
            None => Err(not_a_capture(window)),
        }
    }

    /// Walks over what is ahead until there are `max` slots or it cannot go on; gives how many
    /// bytes were walked.
    pub(super) fn walk(
        &mut self,
        window: &Window,
        slots: &mut Vec<Slot>,
        max: usize,
    ) -> (usize, Stop) {
        match self {
            Self::Pcap(walker) => walker.walk(window.ahead(), window.start(), slots, max),
            Self::Pcapng(walker) => walker.walk(window.ahead(), window.start(), slots, max),
        }
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        match self {
            Self::Pcap(walker) => walker.warnings.as_slice(),
            Self::Pcapng(walker) => walker.warnings.as_slice(),
        }
    }
}

/// The length of the number that every capture starts with, in bytes.
const MAGIC_LEN: usize = 4;

/// The file header, or a part of it that is enough to know the rest.
pub(super) fn file_header<const LEN: usize>(
    window: &mut Window,
) -> Result<[u8; LEN], CaptureErrorKind> {
    if let Filled::Failed { had, error } = window.fill(LEN) {
        return Err(CaptureErrorKind::Read {
            offset: had as u64,
            packets: 0,
            error,
        });
    }
    let bytes = window.ahead();
    bytes
        .first_chunk()
        .copied()
        .ok_or(CaptureErrorKind::Truncated {
            offset: 0,
            packets: 0,
            part: "the file header",
            needed: LEN,
            had: bytes.len(),
        })
}

/// Shows the first bytes, as text where they are text.
fn not_a_capture(window: &mut Window) -> CaptureErrorKind {
    /// How many bytes are shown: enough to tell what the file is.
    const SHOWN: usize = 16;
    // Whether all of them can be had makes no difference.
    let _ = window.fill(SHOWN);
    let bytes = window.ahead();
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let is_text = shown
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let starts_with = if is_text {
        format!("{:?}", String::from_utf8_lossy(shown))
    } else {
        let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("the bytes {}", hex.join(" "))
    };
    CaptureErrorKind::NotACapture { starts_with }
}

/// The byte order that the capturing host wrote its numbers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The two bytes at `at`, which lie within the fixed fields of a record or block.
    #[inline]
    pub(super) fn u16<const LEN: usize>(self, fields: &[u8; LEN], at: usize) -> u16 {
        let bytes = [fields[at], fields[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The four bytes at `at`, which lie within the fixed fields of a record or block.
    #[inline]
    pub(super) fn u32<const LEN: usize>(self, fields: &[u8; LEN], at: usize) -> u32 {
        let bytes = [fields[at], fields[at + 1], fields[at + 2], fields[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Eight bytes.
    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

/// The warnings of one capture, up to [`MAX_WARNINGS`].
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    pub(super) fn push(&mut self, warning: Warning) {
        if self.0.len() < MAX_WARNINGS {
            self.0.push(warning);
        }
    }

    pub(super) fn as_slice(&self) -> &[Warning] {
        &self.0
    }
}
