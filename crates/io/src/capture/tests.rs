//! What a capture says comes back as it was written, however it is cut into reads, and damage ends
//! it where it begins.

mod build;
mod damage;
mod read_back;
mod reference;
mod refused;
mod shared;
mod write;

use std::io::{self, Read};

use crate::capture::source::Source;
use crate::capture::{Capture, CaptureError, Link, Record, Warning};

/// A record that owns its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    time: u64,
    time_digits: u8,
    link: Link,
    data: Vec<u8>,
    wire_len: u32,
    interface: u32,
}

impl From<Record<'_>> for Owned {
    fn from(record: Record<'_>) -> Self {
        let Record {
            time,
            time_digits,
            link,
            data,
            wire_len,
            interface,
            number: _,
        } = record;
        Self {
            time: time.as_nanos(),
            time_digits,
            link,
            data: data.to_vec(),
            wire_len,
            interface,
        }
    }
}

/// All that a capture gave.
#[derive(Debug)]
pub(super) struct Outcome {
    records: Vec<Owned>,
    error: Option<CaptureError>,
    warnings: Vec<Warning>,
}

impl Outcome {
    /// The error as a person sees it; empty where there is none.
    fn message(&self) -> String {
        self.error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

/// Opens what `reader` gives, with windows of `block_len` bytes.
pub(super) fn open(
    reader: impl Read + Send + 'static,
    block_len: usize,
) -> Result<Capture, CaptureError> {
    Source::from_reader("test", reader).and_then(|source| Capture::from_source(source, block_len))
}

/// Reads what `reader` gives to its end, record by record.
pub(super) fn drain(reader: impl Read + Send + 'static, block_len: usize) -> Outcome {
    match open(reader, block_len) {
        Ok(capture) => drain_capture(capture),
        Err(error) => Outcome {
            records: Vec::new(),
            error: Some(error),
            warnings: Vec::new(),
        },
    }
}

/// Reads to the end, and sees to it that records are numbered and that an error is the end.
pub(super) fn drain_capture(mut capture: Capture) -> Outcome {
    let mut records = Vec::new();
    let error = loop {
        match capture.next() {
            Ok(Some(record)) => {
                assert_eq!(record.number, records.len() as u64 + 1);
                records.push(Owned::from(record));
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(
        matches!(capture.next(), Ok(None)),
        "nothing comes after the end"
    );
    assert_eq!(capture.packets(), records.len() as u64);
    Outcome {
        records,
        error,
        warnings: capture.warnings().to_vec(),
    }
}

/// Reads all of `bytes`, as from a file.
pub(super) fn drain_bytes(bytes: &[u8]) -> Outcome {
    drain(io::Cursor::new(bytes.to_vec()), 4096)
}

/// A pipe with a slow writer: reads give less than was asked for, and are interrupted by signals.
pub(super) struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    /// How many bytes each read gives at most, in turn; 0 stands for an interruption.
    lens: Vec<usize>,
    turn: usize,
}

impl Trickle {
    pub(super) fn new(bytes: Vec<u8>, lens: Vec<usize>) -> Self {
        Self {
            bytes: io::Cursor::new(bytes),
            lens,
            turn: 0,
        }
    }
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self
            .lens
            .get(self.turn % self.lens.len().max(1))
            .copied()
            .unwrap_or(usize::MAX);
        self.turn += 1;
        // Never two interruptions in a row, or nobody would get on.
        if len == 0 && self.turn.is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = len.clamp(1, buffer.len());
        self.bytes.read(&mut buffer[..len])
    }
}
