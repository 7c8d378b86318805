//! Where the bytes of a capture come from, and how compression is undone.
//!
//! What a stream is, its first bytes say, never its name: `capture.pcap` may well be compressed,
//! and standard input has no name at all. A decompressed stream is looked at again, so that a
//! capture compressed twice over (it happens where an archive compresses what was compressed
//! already) is read as well, up to a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::capture::error::{CaptureError, CaptureErrorKind};

/// How many layers of compression are undone: more than anybody has made by accident.
const MAX_LAYERS: u32 = 4;

/// How many bytes are looked at to recognise a compression, in bytes.
const MAGIC_LEN: usize = 6;

/// The bytes of a capture, decompressed, with what is known of them.
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) bytes: Bytes,
    /// How many bytes were read so far, as they lie in the file.
    pub(super) read: Arc<AtomicU64>,
    /// How many there are, where that is known.
    pub(super) total: Option<u64>,
}

/// How the bytes come.
pub(super) enum Bytes {
    /// They are all there.
    Memory(Vec<u8>),
    /// They have to be read.
    Stream(Box<dyn Read + Send>),
}

impl Source {
    /// A file, or standard input where the path is `-`.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() == "-" {
            return Self::from_reader("standard input", io::stdin());
        }
        let name: Arc<str> = path.to_string_lossy().into();
        let opened = File::open(path).and_then(|file| {
            let metadata = file.metadata()?;
            Ok((file, metadata.is_file().then_some(metadata.len())))
        });
        match opened {
            Ok((file, total)) => Self::new(name, file, total),
            Err(error) => {
                let kind = CaptureErrorKind::Open(error);
                Err(CaptureError {
                    capture: name.to_string(),
                    kind,
                })
            }
        }
    }

    /// Any stream.
    pub(super) fn from_reader(
        name: &str,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, CaptureError> {
        Self::new(name.into(), reader, None)
    }

    /// Memory, copied only where it has to be decompressed.
    pub(super) fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CaptureError> {
        let len = bytes.len() as u64;
        if Compression::of(&bytes).is_some() {
            return Self::new(name.into(), io::Cursor::new(bytes), Some(len));
        }
        let read = Arc::new(AtomicU64::new(len));
        Ok(Self {
            name: name.into(),
            bytes: Bytes::Memory(bytes),
            read,
            total: Some(len),
        })
    }

    fn new(
        name: Arc<str>,
        reader: impl Read + Send + 'static,
        total: Option<u64>,
    ) -> Result<Self, CaptureError> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            reader,
            read: Arc::clone(&read),
        };
        // What has a length is a file that can be decompressed where it lies; the rest is a pipe.
        match decompressed(total.map(|_| &*name), Box::new(counted)) {
            Ok(reader) => Ok(Self {
                name,
                bytes: Bytes::Stream(reader),
                read,
                total,
            }),
            Err(kind) => Err(CaptureError {
                capture: name.to_string(),
                kind,
            }),
        }
    }
}

/// Undoes every layer of compression; `path` is that of the file, if it is one.
fn decompressed(
    path: Option<&str>,
    mut reader: Box<dyn Read + Send>,
) -> Result<Box<dyn Read + Send>, CaptureErrorKind> {
    let mut layers = 0;
    loop {
        let magic = first_bytes(&mut reader)?;
        let compression = Compression::of(&magic);
        let stream = io::Cursor::new(magic).chain(reader);
        reader = match compression {
            None => return Ok(Box::new(stream)),
            Some(_) if layers == MAX_LAYERS => {
                return Err(CaptureErrorKind::NestedTooDeep { limit: MAX_LAYERS });
            }
            // A file of several members, as gzip makes by appending, is one stream.
            Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(stream)),
            // The decoder refuses windows above 128 MiB, so that memory is bounded.
            Some(Compression::Zstd) => match zstd::Decoder::new(stream) {
                Ok(decoder) => Box::new(decoder),
                Err(error) => {
                    return Err(CaptureErrorKind::Read {
                        offset: 0,
                        packets: 0,
                        error,
                    });
                }
            },
            Some(Compression::Other { format, command }) => {
                let command = match path {
                    Some(path) => format!("{command} -k {path}"),
                    None => format!("{command} -c, in the pipe before this"),
                };
                return Err(CaptureErrorKind::Compressed { format, command });
            }
        };
        layers += 1;
    }
}

/// The first [`MAGIC_LEN`] bytes, or as many as there are.
fn first_bytes(reader: &mut impl Read) -> Result<Vec<u8>, CaptureErrorKind> {
    let mut magic = Vec::with_capacity(MAGIC_LEN);
    match reader.take(MAGIC_LEN as u64).read_to_end(&mut magic) {
        Ok(_) => Ok(magic),
        Err(error) => Err(CaptureErrorKind::Read {
            offset: magic.len() as u64,
            packets: 0,
            error,
        }),
    }
}

/// A compression, as its magic number tells.
enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// One that is not undone here.
    Other {
        format: &'static str,
        command: &'static str,
    },
}

impl Compression {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a frame to skip (pzstd and others put one first).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Other {
                format: "bzip2",
                command: "bunzip2",
            }),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Other {
                format: "xz",
                command: "unxz",
            }),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Other {
                format: "lz4",
                command: "unlz4",
            }),
            _ => None,
        }
    }
}

/// A reader that tells how far it is.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.read.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}
