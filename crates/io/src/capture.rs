//! Reading captures: any format and compression in, one kind of record out.
//!
//! # The way of a byte
//!
//! ```text
//! file, stdin, memory -> source (gzip, zstd) -> window -> walker -> slots -> records
//! ```
//!
//! - A *window* is one block of the decompressed stream in one reused buffer. It is filled by large
//!   reads, not mapped: the copy out of the page cache costs a fraction of a nanosecond a byte, and
//!   in return a file that shrinks while it is read is an error instead of a signal, memory is
//!   bounded for captures larger than memory, a pipe is read by the same code as a file, and no
//!   `unsafe` is needed.
//! - A *walker* knows one file format. It does no I/O: it walks over the bytes of the window, notes
//!   where each frame lies in a *slot*, and says why it stopped: the burst is full, it needs more
//!   bytes, or the bytes are damaged.
//! - A *record* is a slot made visible: it borrows the frame from the window. Nothing is copied or
//!   allocated per frame.
//!
//! # Life-cycle
//!
//! [`Capture::open`] reads the file header, so that what is no capture is refused at once. Then
//! every call of [`Capture::next`] or [`Capture::next_batch`] gives up the records of the call
//! before and may move the window. The two may be mixed; both give each record once, in the order
//! of the file.
//!
//! An error ends the capture, and only after every record before it was given: a batch that runs
//! into damage is delivered first, the error is kept for the call after. After the error the
//! capture is at its end (`Ok(None)`).

mod annotated;
mod block;
mod error;
mod link;
mod pcap;
mod pcapng;
mod source;
#[cfg(test)]
mod tests;

mod walk;
mod window;
mod writer;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secgroup_packet::{Frame, Timestamp};

use crate::capture::source::Source;
use crate::capture::walk::{Need, Slot, Stop, Walker};
use crate::capture::window::{Filled, Window};

pub use crate::capture::annotated::AnnotatedWriter;
pub use crate::capture::block::Block;
pub use crate::capture::error::{CaptureError, CaptureErrorKind, Damage, Warning, WriteError};
pub use crate::capture::link::Link;
pub use crate::capture::walk::{MAX_BLOCK_LEN, MAX_CAPTURED_LEN, MAX_WARNINGS};
pub use crate::capture::writer::{CaptureWriter, WriteFormat};

/// The most records in one batch: enough to hide the latency of memory behind a burst of lookups,
/// few enough that what a burst touches stays in the first-level cache.
pub const BATCH_MAX: usize = 256;

/// An opened capture: a file, standard input or memory; pcap or pcapng; plain, gzip or zstd.
pub struct Capture {
    name: Arc<str>,
    window: Window,
    walker: Walker,
    /// Where the records of the current batch lie in the window, and the first of them not yet
    /// given.
    slots: Vec<Slot>,
    given: usize,
    /// How many records the batches before the current one held.
    before: u64,
    end: End,
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

/// Whether there is anything to come behind the current batch.
#[derive(Debug)]
enum End {
    /// As far as is known, more records.
    NotYet,
    /// An error, not told yet.
    Error(CaptureErrorKind),
    /// Nothing: the end was reached, or the error was told.
    Reached,
}

impl Capture {
    /// Opens the capture at `path` (`-` is standard input) and reads its header.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or read, is empty, is not a capture, or is one that secgroup does
    /// not read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Source::open(path).and_then(|source| Self::from_source(source, window::BLOCK_LEN))
    }

    /// The same, read `len` bytes at a time instead of as many as are best for one thread.
    ///
    /// # Errors
    ///
    /// As for [`Capture::open`].
    pub fn open_by(path: &Path, len: usize) -> Result<Self, CaptureError> {
        Source::open(path).and_then(|source| Self::from_source(source, len))
    }

    /// Reads a capture called `name` in messages from `reader`, which need not be buffered.
    ///
    /// # Errors
    ///
    /// As for [`Capture::open`].
    pub fn from_reader(
        name: &str,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, CaptureError> {
        Source::from_reader(name, reader)
            .and_then(|source| Self::from_source(source, window::BLOCK_LEN))
    }

    /// Reads a capture called `name` in messages from memory; an uncompressed one is walked where
    /// it lies.
    ///
    /// # Errors
    ///
    /// As for [`Capture::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CaptureError> {
        Source::from_bytes(name, bytes)
            .and_then(|source| Self::from_source(source, window::BLOCK_LEN))
    }

    /// Reads the header. The block length is a parameter for the sake of tests that want many block
    /// boundaries.
    fn from_source(source: Source, block_len: usize) -> Result<Self, CaptureError> {
        let Source {
            name,
            bytes,
            read,
            total,
        } = source;
        let mut window = match bytes {
            source::Bytes::Memory(bytes) => Window::over(bytes),
            source::Bytes::Stream(reader) => Window::new(reader, block_len),
        };
        match Walker::open(&mut window) {
            Ok(walker) => Ok(Self {
                name,
                window,
                walker,
                slots: Vec::with_capacity(BATCH_MAX),
                given: 0,
                before: 0,
                end: End::NotYet,
                read,
                total,
            }),
            Err(kind) => Err(CaptureError {
                capture: name.to_string(),
                kind,
            }),
        }
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Reading failed, or the capture is truncated or damaged; every record before that place was
    /// given.
    // Not `Iterator::next`: a record borrows from the capture, so there can be only one at a time.
    #[expect(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.given == self.slots.len() {
            self.load(BATCH_MAX)?;
        }
        let (index, number) = (self.given, self.number());
        let Some(slot) = self.slots.get(index) else {
            return Ok(None);
        };
        self.given += 1;
        Ok(Some(Record::new(slot, number, self.window.buffer())))
    }

    /// The next records, at least one and at most `max` or [`BATCH_MAX`] (and as many as one block
    /// of the file yields), or `None` at the end.
    ///
    /// # Errors
    ///
    /// As for [`Capture::next`]; the records before the error come in a batch of their own.
    pub fn next_batch(&mut self, max: usize) -> Result<Option<Batch<'_>>, CaptureError> {
        let max = max.clamp(1, BATCH_MAX);
        if self.given == self.slots.len() {
            self.load(max)?;
        }
        let (from, first_number) = (self.given, self.number());
        self.given = self.slots.len().min(from + max);
        let slots = &self.slots[from..self.given];
        if slots.is_empty() {
            return Ok(None);
        }
        Ok(Some(Batch {
            slots,
            first_number,
            buffer: self.window.buffer(),
        }))
    }

    /// The number of the record at `self.given`, counted from 1.
    fn number(&self) -> u64 {
        self.before + self.given as u64 + 1
    }

    /// Replaces the slots by those of the next records, at most `max`; by none at the end.
    fn load(&mut self, max: usize) -> Result<(), CaptureError> {
        self.before += self.slots.len() as u64;
        self.slots.clear();
        self.given = 0;
        while self.slots.is_empty() {
            match std::mem::replace(&mut self.end, End::Reached) {
                End::NotYet => self.end = self.advance(max),
                End::Error(kind) => {
                    return Err(CaptureError {
                        capture: self.name.to_string(),
                        kind,
                    });
                }
                End::Reached => break,
            }
        }
        Ok(())
    }

    /// Walks once over the window, then refills it if that gave no record.
    fn advance(&mut self, max: usize) -> End {
        let (used, stop) = self.walker.walk(&self.window, &mut self.slots, max);
        self.window.consume(used);
        match stop {
            Stop::Full => End::NotYet,
            // A refill moves the window: first the records in it have to be given.
            Stop::Need(_) if !self.slots.is_empty() => End::NotYet,
            Stop::Need(need) => self.refill(need),
            Stop::Damaged(damage) => End::Error(CaptureErrorKind::Damaged {
                offset: self.window.offset(),
                packets: self.before + self.slots.len() as u64,
                damage,
            }),
        }
    }

    /// Makes the needed bytes available, or says why they are not.
    fn refill(&mut self, need: Need) -> End {
        match self.window.fill(need.len) {
            Filled::Enough => End::NotYet,
            Filled::End { had: 0 } if need.may_end => End::Reached,
            Filled::End { had } => End::Error(CaptureErrorKind::Truncated {
                offset: self.window.offset(),
                packets: self.before,
                part: need.part,
                needed: need.whole,
                had,
            }),
            Filled::Failed { had, error } => End::Error(CaptureErrorKind::Read {
                offset: self.window.offset() + had as u64,
                packets: self.before,
                error,
            }),
        }
    }

    /// What the capture is called in messages: its path as given, or `standard input`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many records were given so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.before + self.given as u64
    }

    /// How many bytes were read so far from the file as it lies, compressed or not; for showing
    /// progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// How many bytes there are to read in all, where that is known: of a regular file and of
    /// memory.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    /// What a person should know about the records read so far, at most [`MAX_WARNINGS`].
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        self.walker.warnings()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("name", &self.name)
            .field("packets", &self.packets())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// One frame of a capture, with what the capture says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the capture, counted from 1 over all interfaces.
    pub number: u64,
    /// When it was captured. A simple packet block has no time: it gets that of the record before.
    pub time: Timestamp,
    /// How many decimal digits of a second the capture keeps: 6 or 9 in pcap, 0 to 9 in pcapng
    /// (finer is cut to 9).
    pub time_digits: u8,
    /// What the frame starts with.
    pub link: Link,
    /// The frame as captured, which may be less than there was on the wire. Where the capture says
    /// that frames end with a check sequence, that is in it, as padding.
    pub data: &'a [u8],
    /// The length of the frame on the wire; at least that of `data`, even where the capture says
    /// otherwise.
    pub wire_len: u32,
    /// The interface that it was captured on, counted from 0 within its section; 0 in pcap.
    pub interface: u32,
}

impl<'a> Record<'a> {
    fn new(slot: &Slot, number: u64, buffer: &'a [u8]) -> Self {
        Self {
            number,
            time: slot.time,
            time_digits: slot.time_digits,
            link: slot.link,
            data: &buffer[slot.start..slot.start + slot.len as usize],
            wire_len: slot.wire_len.max(slot.len),
            interface: slot.interface,
        }
    }

    /// The frame for the parser; `None` where the link type is not supported.
    #[must_use]
    pub const fn frame(&self) -> Option<Frame<'a>> {
        match self.link {
            Link::Supported(link) => Some(Frame {
                link,
                data: self.data,
                wire_len: self.wire_len,
            }),
            Link::Unsupported(_) => None,
        }
    }
}

/// Consecutive records that lie in one block of the capture: at least one, at most [`BATCH_MAX`].
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    slots: &'a [Slot],
    first_number: u64,
    buffer: &'a [u8],
}

impl<'a> Batch<'a> {
    /// How many records there are.
    #[must_use]
    // A batch is never empty, so `is_empty` would be noise.
    #[expect(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// The record at `index`, counted from 0 within the batch.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'a>> {
        let slot = self.slots.get(index)?;
        Some(Record::new(
            slot,
            self.first_number + index as u64,
            self.buffer,
        ))
    }

    /// The records in the order of the capture.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'a>> + use<'a> {
        let Self {
            slots,
            first_number,
            buffer,
        } = *self;
        slots
            .iter()
            .enumerate()
            .map(move |(index, slot)| Record::new(slot, first_number + index as u64, buffer))
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
