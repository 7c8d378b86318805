//! Records as files have them: lines of text, the same in gzip, or Apache Parquet (G23).

mod parquet;
mod text;

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::parquet::ParquetEncoder;
use self::text::{GzipEncoder, TextEncoder};
use crate::field::Format;
use crate::row::Row;

/// What a file of records looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Lines of fields with spaces between them, the first of which names the fields.
    Text,
    /// The same, compressed.
    #[default]
    Gzip,
    /// Apache Parquet, compressed within.
    Parquet,
}

impl Encoding {
    /// How names of such files end (G22, G23).
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Text => "log",
            Self::Gzip => "log.gz",
            Self::Parquet => "log.parquet",
        }
    }

    /// Writes the beginning of a file.
    pub(crate) fn begin(self, to: Counted<File>, format: &Format) -> io::Result<Box<dyn Encode>> {
        Ok(match self {
            Self::Text => Box::new(TextEncoder::begin(to, format)?),
            Self::Gzip => Box::new(GzipEncoder::begin(to, format)?),
            Self::Parquet => Box::new(ParquetEncoder::begin(to, format)?),
        })
    }
}

/// Writes records to a file.
pub(crate) trait Encode: Send {
    /// One more.
    fn write(&mut self, row: &Row<'_>) -> io::Result<()>;

    /// The end; the file is whole then.
    fn finish(self: Box<Self>) -> io::Result<File>;
}

/// A writer of which somebody else knows how much went through.
#[derive(Debug)]
pub(crate) struct Counted<W> {
    to: W,
    bytes: Arc<AtomicU64>,
}

impl<W> Counted<W> {
    /// The writer, and what it has written so far.
    pub(crate) fn new(to: W) -> (Self, Arc<AtomicU64>) {
        let bytes = Arc::default();
        let counted = Self {
            to,
            bytes: Arc::clone(&bytes),
        };
        (counted, bytes)
    }

    pub(crate) fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.to.write(buf)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
