//! What can be wrong with a capture, in words that say where and what to do.
//!
//! Each message is complete: it contains its cause, so there is no chain of sources to follow.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::{Link, MAX_BLOCK_LEN, MAX_CAPTURED_LEN};

/// Why a capture could not be read, or not to its end.
#[derive(Debug, Error)]
#[error("{capture}: {kind}")]
pub struct CaptureError {
    /// The path as given, or `standard input`.
    pub capture: String,
    /// What is wrong.
    pub kind: CaptureErrorKind,
}

/// What is wrong with a capture. Offsets are in bytes of the decompressed stream.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureErrorKind {
    /// The file could not be opened.
    #[error("cannot open: {0}")]
    Open(io::Error),
    /// Reading or decompressing failed.
    #[error("byte {offset}, after {packets} packets: cannot read on: {error}")]
    Read {
        /// How many bytes could be read.
        offset: u64,
        /// How many records were given.
        packets: u64,
        /// What the system or the decompressor says.
        error: io::Error,
    },
    /// There are no bytes in it.
    #[error("the file is empty; a capture has at least a header")]
    Empty,
    /// Neither pcap nor pcapng, whatever its name says.
    #[error("not a capture (pcap or pcapng): starts with {starts_with}")]
    NotACapture {
        /// The first bytes, as text if they are text.
        starts_with: String,
    },
    /// A compression that secgroup recognises and does not read.
    #[error("compressed with {format}, which is not read directly; decompress it first: {command}")]
    Compressed {
        /// The name of the compression.
        format: &'static str,
        /// The command that undoes it.
        command: String,
    },
    /// Compressed over and over.
    #[error("compressed more than {limit} times over; decompress it first")]
    NestedTooDeep {
        /// How many layers are undone.
        limit: u32,
    },
    /// A relative of pcap, or a version of it, that secgroup does not read.
    #[error("{what} is not read; convert it first, for example with editcap -F pcapng")]
    Unsupported {
        /// The format and version.
        what: String,
    },
    /// The file ends within a header, a record or a block.
    #[error(
        "byte {offset}, after {packets} packets: the file is truncated: \
         {part} needs {needed} bytes, {had} are left"
    )]
    Truncated {
        /// Where the part starts.
        offset: u64,
        /// How many records were given.
        packets: u64,
        /// What is incomplete.
        part: &'static str,
        /// How many bytes it has.
        needed: usize,
        /// How many of them there are.
        had: usize,
    },
    /// The file contradicts itself or its format; what follows cannot be trusted.
    #[error("byte {offset}, after {packets} packets: the file is damaged: {damage}")]
    Damaged {
        /// Where the record or block starts.
        offset: u64,
        /// How many records were given.
        packets: u64,
        /// The contradiction.
        damage: Damage,
    },
}

/// A contradiction within a capture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// A frame longer than any capture program writes.
    #[error("a packet claims {len} captured bytes, expected at most {MAX_CAPTURED_LEN}")]
    CapturedLen {
        /// The captured length found.
        len: u32,
    },
    /// A block length that no block can have.
    #[error(
        "a block of type {block:#010x} claims {len} bytes, expected a multiple of 4 from {min}"
    )]
    BlockLen {
        /// The type of the block.
        block: u32,
        /// The length found.
        len: usize,
        /// The least length that the fixed fields of the block need.
        min: usize,
    },
    /// A block that secgroup would have to hold in memory, and is too long for that.
    #[error("a block of type {block:#010x} claims {len} bytes, expected at most {MAX_BLOCK_LEN}")]
    BlockTooLong {
        /// The type of the block.
        block: u32,
        /// The length found.
        len: u32,
    },
    /// The two lengths of a block differ.
    #[error("a block of {len} bytes ends with the length {trailer}, expected {len} again")]
    BlockTrailer {
        /// The length at the start.
        len: u32,
        /// The length at the end.
        trailer: u32,
    },
    /// A frame that does not fit in its block.
    #[error("a packet claims {len} captured bytes, its block has room for {room}")]
    PacketOverrun {
        /// The captured length found.
        len: u32,
        /// How many bytes the block has for it.
        room: usize,
    },
    /// A frame of an interface that was not described.
    #[error("a packet names interface {interface}, the section has described {known} so far")]
    NoSuchInterface {
        /// The interface named.
        interface: u32,
        /// How many there are.
        known: usize,
    },
    /// More interfaces than a host has.
    #[error("a section describes more than {limit} interfaces")]
    TooManyInterfaces {
        /// How many are read.
        limit: usize,
    },
    /// An option of an interface description that does not fit.
    #[error("option {code} of an interface description has {len} bytes, expected {expected}")]
    InterfaceOption {
        /// The number of the option.
        code: u16,
        /// The length found.
        len: u16,
        /// What was expected.
        expected: &'static str,
    },
    /// A section header that names neither byte order.
    #[error("a section header has the byte-order magic {found:#010x}, expected 0x1a2b3c4d")]
    ByteOrderMagic {
        /// The four bytes found, read as big-endian.
        found: u32,
    },
    /// A section of a version that secgroup does not read.
    #[error("a section has version {major}.{minor}, expected 1.0")]
    SectionVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
}

/// What a person should know about a capture that was read nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Frames of this interface can be counted but not judged. Given once for each interface, at
    /// its first frame.
    UnsupportedLink {
        /// The section of the capture, counted from 1.
        section: u32,
        /// The interface, counted from 0 within the section.
        interface: u32,
        /// Its link type.
        link: u16,
    },
    /// Simple packet blocks carry no time; each got that of the record before it. Given once for
    /// each capture.
    Untimed {
        /// The section of the first such block, counted from 1.
        section: u32,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnsupportedLink {
                section,
                interface,
                link,
            } => write!(
                f,
                "interface {interface} of section {section} has link type {link}, which is not \
                 supported: its packets are counted, not judged"
            ),
            Self::Untimed { section } => write!(
                f,
                "section {section} holds packets without a time: each counts as of the time of \
                 the packet before it"
            ),
        }
    }
}

/// Why a capture could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file could not be created.
    #[error("{}: cannot create: {error}", path.display())]
    Create {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file could not be written.
    #[error("{name}: cannot write: {error}")]
    Write {
        /// The path as given.
        name: String,
        /// What the system says.
        error: io::Error,
    },
    /// A pcap file says only once what link type its frames have.
    #[error(
        "{name}: a .pcap file holds one link type: it has {first}, this packet has {second}; \
         name the file .pcapng"
    )]
    SecondLink {
        /// The path as given.
        name: String,
        /// The link type of the frames before.
        first: Link,
        /// The link type of this frame.
        second: Link,
    },
    /// The seconds of a pcap file end in the year 2106.
    #[error("{name}: a .pcap file holds no time after the year 2106; name the file .pcapng")]
    TooLate {
        /// The path as given.
        name: String,
    },
    /// No reader would accept a frame of this length.
    #[error("{name}: a packet of {len} bytes, expected at most {MAX_CAPTURED_LEN}")]
    TooLong {
        /// The path as given.
        name: String,
        /// The length of the frame.
        len: usize,
    },
}
