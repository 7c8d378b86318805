//! From connections to a file.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;
use secgroup_conntrack::Connection;
use secgroup_packet::{FlowKey, InterfaceIndex, Timestamp};

use super::layout::{Address, MAGIC, NO_RULE, Record, VERSION};

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Connections in the file.
    pub saved: u64,
    /// Left out, since their time was over or their interface has no name.
    pub left_out: u64,
}

/// Why connections could not be saved.
#[derive(Debug, thiserror::Error)]
#[error("cannot save connections to {}: {error}", path.display())]
pub struct SaveError {
    path: PathBuf,
    error: io::Error,
}

/// Saves `connections` to the file at `path`, in place of what it had. `now` is the wall clock, by which they expire; the names of their
/// interfaces and rules are asked once each. A rule without a name is saved as none.
///
/// # Errors
/// Where the file cannot be written; what was there stays as it was.
pub fn save(
    path: &Path,
    now: Timestamp,
    connections: impl IntoIterator<Item = Connection>,
    interface_name: impl Fn(InterfaceIndex) -> Option<String>,
    rule_name: impl Fn(u32) -> Option<String>,
) -> Result<Counted, SaveError> {
    replace(path, |file| {
        let mut saving = Saving {
            out: Out::new(file),
            now,
            interfaces: Names::new(|number| interface_name(InterfaceIndex(number))),
            rules: Names::new(rule_name),
            counted: Counted::default(),
        };
        saving.begin()?;
        for connection in connections {
            saving.add(&connection)?;
        }
        saving.finish()
    })
    .map_err(|error| SaveError {
        path: path.to_owned(),
        error,
    })
}

/// A file on its way.
struct Saving<'a, I, R> {
    out: Out<'a>,
    now: Timestamp,
    interfaces: Names<I>,
    rules: Names<R>,
    counted: Counted,
}

impl<I, R> Saving<'_, I, R>
where
    I: Fn(u32) -> Option<String>,
    R: Fn(u32) -> Option<String>,
{
    fn begin(&mut self) -> io::Result<()> {
        self.out.put(&MAGIC)?;
        self.out.put(&VERSION.to_le_bytes())?;
        self.out.put(&0_u32.to_le_bytes())?;
        self.out.put(&self.now.as_nanos().to_le_bytes())
    }

    fn add(&mut self, connection: &Connection) -> io::Result<()> {
        let interface = self.interfaces.place(connection.key.interface().0);
        let left = connection.expires.saturating_since(self.now).as_millis();
        let (Some(interface), 1..) = (interface, left) else {
            self.counted.left_out += 1;
            return Ok(());
        };
        let rule = match connection.rule {
            Connection::NO_RULE => None,
            rule => self.rules.place(rule),
        };
        let numbers = Numbers {
            interface,
            rule: rule.unwrap_or(NO_RULE),
            left_ms: u32::try_from(left).unwrap_or(u32::MAX),
        };
        self.counted.saved += 1;
        match connection.key {
            FlowKey::V4(key) => {
                let ends = (key.local, key.remote, key.local_port, key.remote_port);
                let record = record::<Ipv4Addr>(connection, ends, numbers);
                self.out.put(&record.bytes()[..Record::<Ipv4Addr>::LEN])
            }
            FlowKey::V6(key) => {
                let ends = (key.local, key.remote, key.local_port, key.remote_port);
                let record = record::<Ipv6Addr>(connection, ends, numbers);
                self.out.put(&record.bytes()[..Record::<Ipv6Addr>::LEN])
            }
        }
    }

    fn finish(mut self) -> io::Result<Counted> {
        let names_at = self.out.written;
        let names = [self.interfaces.list, self.rules.list];
        for name in names.iter().flatten() {
            let length = u16::try_from(name.len()).map_err(|_| too_large())?;
            self.out.put(&length.to_le_bytes())?;
            self.out.put(name.as_bytes())?;
        }
        self.out.put(&names_at.to_le_bytes())?;
        for names in &names {
            let count = u32::try_from(names.len()).map_err(|_| too_large())?;
            self.out.put(&count.to_le_bytes())?;
        }
        self.out.finish()?;
        Ok(self.counted)
    }
}

/// Bytes on their way to a file, and their checksum.
struct Out<'a> {
    file: &'a mut File,
    waiting: Vec<u8>,
    written: u64,
    checksum: crc32fast::Hasher,
}

impl<'a> Out<'a> {
    /// Bytes that are given to the kernel at once: what a core's cache holds, checksum and all.
    const CHUNK: usize = 256 * 1024;

    fn new(file: &'a mut File) -> Self {
        Self {
            file,
            waiting: Vec::with_capacity(Self::CHUNK),
            written: 0,
            checksum: crc32fast::Hasher::new(),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.waiting.len() + bytes.len() > Self::CHUNK {
            self.flush()?;
        }
        self.waiting.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.checksum.update(&self.waiting);
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let checksum = self.checksum.finalize();
        self.file.write_all(&checksum.to_le_bytes())
    }
}

/// What a record has instead of the connection's own numbers.
#[derive(Clone, Copy)]
struct Numbers {
    interface: u32,
    rule: u32,
    left_ms: u32,
}

fn record<A: Address>(
    connection: &Connection,
    (local, remote, local_port, remote_port): (A, A, u16, u16),
    numbers: Numbers,
) -> Record<A> {
    Record {
        local,
        remote,
        local_port,
        remote_port,
        protocol: connection.key.protocol(),
        originator: connection.originator,
        state: connection.state,
        interface: numbers.interface,
        rule: numbers.rule,
        left_ms: numbers.left_ms,
        packets: connection.packets,
        bytes: connection.bytes,
    }
}

/// Names in the order in which they were first needed.
struct Names<F> {
    name: F,
    list: Vec<String>,
    /// The place of each number that was asked for; `None` where it has no name.
    places: HashMap<u32, Option<u32>, FixedState>,
}

impl<F: Fn(u32) -> Option<String>> Names<F> {
    fn new(name: F) -> Self {
        Self {
            name,
            list: Vec::new(),
            places: HashMap::default(),
        }
    }

    fn place(&mut self, number: u32) -> Option<u32> {
        let Self { name, list, places } = self;
        *places.entry(number).or_insert_with(|| {
            let name = name(number)?;
            let place = u32::try_from(list.len()).ok()?;
            list.push(name);
            Some(place)
        })
    }
}

fn too_large() -> io::Error {
    io::Error::new(
        ErrorKind::InvalidInput,
        "a name or the number of names is too large",
    )
}

/// Puts a file with what `write` writes in the place of the one at `path`.
fn replace<T>(path: &Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    // Left over from a daemon that was killed while it saved.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = write(&mut file).and_then(|written| {
        fs::rename(&beside, path)?;
        Ok(written)
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}
