//! A capture with what was decided about each packet, for Wireshark and its kin.
//!
//! pcapng can say two things that other formats cannot: which interface a packet crossed, by name, and a comment on each packet. Wireshark shows
//! both and filters on both (`frame.interface_name`, `frame.comment`). What the interfaces are called and what is said of a packet is the
//! caller's business.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::capture::error::WriteError;
use crate::capture::pcapng::blocks;
use crate::capture::{Link, MAX_CAPTURED_LEN, Record};

/// How many bytes are gathered before they are written.
const BUFFER_LEN: usize = 256 * 1024;

/// An annotated capture being written. Only [`finish`](Self::finish) tells whether everything reached the file.
pub struct AnnotatedWriter {
    name: String,
    interfaces: u32,
    packets: u64,
    out: BufWriter<Box<dyn Write + Send>>,
}

impl AnnotatedWriter {
    /// Creates the file at `path`, or empties it.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let file = File::create(path).map_err(|error| WriteError::Create {
            path: path.to_path_buf(),
            error,
        })?;
        Self::new(&path.to_string_lossy(), file)
    }

    /// Writes a capture called `name` in messages to `out`, which need not be buffered.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn new(name: &str, out: impl Write + Send + 'static) -> Result<Self, WriteError> {
        let mut writer = Self {
            name: name.to_owned(),
            interfaces: 0,
            packets: 0,
            out: BufWriter::with_capacity(BUFFER_LEN, Box::new(out)),
        };
        let begun = blocks::section(&mut writer.out);
        begun.map_err(|error| writer.failed(error))?;
        Ok(writer)
    }

    /// Describes an interface; the number by which its packets name it, counted from 0.
    ///
    /// # Errors
    /// Writing failed.
    pub fn interface(
        &mut self,
        link: Link,
        name: &str,
        description: &str,
    ) -> Result<u32, WriteError> {
        let written = blocks::interface(&mut self.out, link.number(), name, description);
        written.map_err(|error| self.failed(error))?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Appends a packet of an interface that was described, with comments.
    ///
    /// # Errors
    /// Writing failed, or no reader would take the packet for its length.
    pub fn packet<'a>(
        &mut self,
        interface: u32,
        record: &Record<'_>,
        comments: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), WriteError> {
        let len = record.captured_len(&self.name)?;
        let written = blocks::packet(&mut self.out, interface, record, len, comments);
        written.map_err(|error| self.failed(error))?;
        self.packets += 1;
        Ok(())
    }

    /// Writes what is left; the number of packets.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        self.out.flush().map_err(|error| self.failed(error))?;
        Ok(self.packets)
    }

    fn failed(&self, error: io::Error) -> WriteError {
        WriteError::Write {
            name: self.name.clone(),
            error,
        }
    }
}

impl Record<'_> {
    /// How many bytes were captured, as far as readers take so many; `name` is the file they are written to.
    pub(super) fn captured_len(&self, name: &str) -> Result<u32, WriteError> {
        let len = u32::try_from(self.data.len()).ok();
        len.filter(|&len| len <= MAX_CAPTURED_LEN)
            .ok_or_else(|| WriteError::TooLong {
                name: name.to_owned(),
                len: self.data.len(),
            })
    }
}

impl fmt::Debug for AnnotatedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnnotatedWriter")
            .field("name", &self.name)
            .field("interfaces", &self.interfaces)
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}
