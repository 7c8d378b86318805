//! Writing captures: what other tools are to look at.
//!
//! The name of the file decides the format. `.pcap` gives the classic format with nanoseconds,
//! which every tool reads, but which holds frames of one link type only. Everything else gives
//! pcapng, with one interface for each link type, described before its first frame. Both are
//! written little-endian, with the original lengths.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::capture::error::WriteError;
use crate::capture::pcapng::blocks;
use crate::capture::{Link, MAX_CAPTURED_LEN, Record};

/// How many bytes are gathered before they are written.
const BUFFER_LEN: usize = 256 * 1024;

/// The file formats that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFormat {
    /// Classic pcap with nanoseconds: one link type.
    Pcap,
    /// pcapng with nanoseconds: any number of link types.
    Pcapng,
}

impl WriteFormat {
    /// The format that the name of a file asks for.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("pcap") => Self::Pcap,
            _ => Self::Pcapng,
        }
    }
}

/// A capture being written. Only [`CaptureWriter::finish`] tells whether everything reached the
/// file.
pub struct CaptureWriter {
    name: String,
    format: WriteFormat,
    /// The link types so far, in the order of the interfaces that stand for them.
    links: Vec<Link>,
    packets: u64,
    out: BufWriter<Box<dyn Write + Send>>,
}

impl CaptureWriter {
    /// Creates the file at `path`, or empties it, in the format that its name asks for.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let file = File::create(path).map_err(|error| WriteError::Create {
            path: path.to_path_buf(),
            error,
        })?;
        Ok(Self::new(
            &path.to_string_lossy(),
            WriteFormat::of(path),
            file,
        ))
    }

    /// Writes a capture called `name` in messages to `out`, which need not be buffered.
    pub fn new(name: &str, format: WriteFormat, out: impl Write + Send + 'static) -> Self {
        let out = BufWriter::with_capacity(BUFFER_LEN, Box::new(out) as Box<dyn Write + Send>);
        Self {
            name: name.to_owned(),
            format,
            links: Vec::new(),
            packets: 0,
            out,
        }
    }

    /// Appends one frame: its bytes, time, link type and original length.
    ///
    /// # Errors
    ///
    /// Writing failed, or the format cannot hold the frame; then nothing of it was written.
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        let len = record.captured_len(&self.name)?;
        let written = match self.format {
            WriteFormat::Pcap => {
                self.begin_pcap(record.link)?;
                self.pcap_record(record, len)?
            }
            WriteFormat::Pcapng => self.pcapng_blocks(record, len),
        };
        written.map_err(|error| self.failed(error))?;
        self.packets += 1;
        Ok(())
    }

    /// Writes what is left; gives the number of frames written. A capture without frames is
    /// complete as well: pcap then says that its frames are Ethernet.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        match self.format {
            WriteFormat::Pcap if self.links.is_empty() => self.begin_pcap(Link::from_number(1))?,
            WriteFormat::Pcapng if self.links.is_empty() => {
                blocks::section(&mut self.out).map_err(|error| self.failed(error))?;
            }
            _ => {}
        }
        self.out.flush().map_err(|error| self.failed(error))?;
        Ok(self.packets)
    }

    /// Writes the file header before the first frame, and holds every other to its link type.
    fn begin_pcap(&mut self, link: Link) -> Result<(), WriteError> {
        match self.links.first() {
            Some(&first) if first == link => Ok(()),
            Some(&first) => Err(WriteError::SecondLink {
                name: self.name.clone(),
                first,
                second: link,
            }),
            None => {
                self.links.push(link);
                self.pcap_header(link).map_err(|error| self.failed(error))
            }
        }
    }

    fn pcap_header(&mut self, link: Link) -> io::Result<()> {
        self.out.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
        // Version 2.4, two unused words.
        self.out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        self.out.write_all(&MAX_CAPTURED_LEN.to_le_bytes())?;
        self.out.write_all(&u32::from(link.number()).to_le_bytes())
    }

    fn pcap_record(&mut self, record: &Record<'_>, len: u32) -> Result<io::Result<()>, WriteError> {
        let nanos = record.time.as_nanos();
        let Ok(seconds) = u32::try_from(nanos / 1_000_000_000) else {
            return Err(WriteError::TooLate {
                name: self.name.clone(),
            });
        };
        let fraction = nanos - u64::from(seconds) * 1_000_000_000;
        let mut header = [0; 16];
        header[0..4].copy_from_slice(&seconds.to_le_bytes());
        // Less than a thousand million: the upper half is zero.
        header[4..8].copy_from_slice(&fraction.to_le_bytes()[..4]);
        header[8..12].copy_from_slice(&len.to_le_bytes());
        header[12..16].copy_from_slice(&record.wire_len.max(len).to_le_bytes());
        Ok(self
            .out
            .write_all(&header)
            .and_then(|()| self.out.write_all(record.data)))
    }

    fn pcapng_blocks(&mut self, record: &Record<'_>, len: u32) -> io::Result<()> {
        if self.links.is_empty() {
            blocks::section(&mut self.out)?;
        }
        let known = self.links.iter().position(|&link| link == record.link);
        let interface = match known {
            Some(interface) => interface,
            None => {
                self.links.push(record.link);
                blocks::interface(&mut self.out, record.link.number(), "", "")?;
                self.links.len() - 1
            }
        };
        // There are at most 65,536 link types.
        let interface = u32::try_from(interface).unwrap_or(u32::MAX);
        blocks::packet(&mut self.out, interface, record, len, [])
    }

    fn failed(&self, error: io::Error) -> WriteError {
        WriteError::Write {
            name: self.name.clone(),
            error,
        }
    }
}

impl fmt::Debug for CaptureWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureWriter")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}
