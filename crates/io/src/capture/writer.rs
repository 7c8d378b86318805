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
        let len = match u32::try_from(record.data.len()) {
            Ok(len) if len <= MAX_CAPTURED_LEN => len,
            _ => {
                let (name, len) = (self.name.clone(), record.data.len());
                return Err(WriteError::TooLong { name, len });
            }
        };
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
                self.section_header().map_err(|error| self.failed(error))?;
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
            self.section_header()?;
        }
        let known = self.links.iter().position(|&link| link == record.link);
        let interface = match known {
            Some(interface) => interface,
            None => {
                self.links.push(record.link);
                self.interface_description(record.link)?;
                self.links.len() - 1
            }
        };
        self.enhanced_packet(record, interface, len)
    }

    fn section_header(&mut self) -> io::Result<()> {
        let mut block = [0; 28];
        block[0..4].copy_from_slice(&0x0a0d_0d0a_u32.to_le_bytes());
        block[4..8].copy_from_slice(&28_u32.to_le_bytes());
        block[8..12].copy_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        // Version 1.0, section length unknown.
        block[12..16].copy_from_slice(&[1, 0, 0, 0]);
        block[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        block[24..28].copy_from_slice(&28_u32.to_le_bytes());
        self.out.write_all(&block)
    }

    fn interface_description(&mut self, link: Link) -> io::Result<()> {
        let mut block = [0; 32];
        block[0..4].copy_from_slice(&1_u32.to_le_bytes());
        block[4..8].copy_from_slice(&32_u32.to_le_bytes());
        block[8..10].copy_from_slice(&link.number().to_le_bytes());
        block[12..16].copy_from_slice(&MAX_CAPTURED_LEN.to_le_bytes());
        // Option if_tsresol (9), one byte: 10 to the power of -9, padded; then the end of options.
        block[16..28].copy_from_slice(&[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        block[28..32].copy_from_slice(&32_u32.to_le_bytes());
        self.out.write_all(&block)
    }

    fn enhanced_packet(
        &mut self,
        record: &Record<'_>,
        interface: usize,
        len: u32,
    ) -> io::Result<()> {
        // There are at most 65,536 link types, and a packet of the longest length fits in a block.
        let interface = u32::try_from(interface).unwrap_or(u32::MAX);
        let block_len = (32 + len.next_multiple_of(4)).to_le_bytes();
        let nanos = record.time.as_nanos().to_le_bytes();
        let mut head = [0; 28];
        head[0..4].copy_from_slice(&6_u32.to_le_bytes());
        head[4..8].copy_from_slice(&block_len);
        head[8..12].copy_from_slice(&interface.to_le_bytes());
        // The upper half of the time comes first.
        head[12..16].copy_from_slice(&nanos[4..8]);
        head[16..20].copy_from_slice(&nanos[0..4]);
        head[20..24].copy_from_slice(&len.to_le_bytes());
        head[24..28].copy_from_slice(&record.wire_len.max(len).to_le_bytes());
        self.out.write_all(&head)?;
        self.out.write_all(record.data)?;
        let padding = record.data.len().next_multiple_of(4) - record.data.len();
        self.out.write_all(&[0; 3][..padding])?;
        self.out.write_all(&block_len)
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
