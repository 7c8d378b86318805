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

use super::layout::{Address, HEAD, MAGIC, NO_RULE, Record, TAIL, VERSION};

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
    let mut image = Image::new(interface_name, rule_name);
    for connection in connections {
        image.add(&connection, now);
    }
    let counted = image.counted;
    image
        .parts(now)
        .and_then(|parts| replace(path, &parts))
        .map_err(|error| SaveError {
            path: path.to_owned(),
            error,
        })?;
    Ok(counted)
}

/// The file as it grows.
struct Image<I, R> {
    interfaces: Names<I>,
    rules: Names<R>,
    v4: Records,
    v6: Records,
    counted: Counted,
}

/// Records of one family.
#[derive(Default)]
struct Records {
    count: u64,
    bytes: Vec<u8>,
}

impl<I, R> Image<I, R>
where
    I: Fn(InterfaceIndex) -> Option<String>,
    R: Fn(u32) -> Option<String>,
{
    fn new(interface_name: I, rule_name: R) -> Self {
        Self {
            interfaces: Names::new(interface_name),
            rules: Names::new(rule_name),
            v4: Records::default(),
            v6: Records::default(),
            counted: Counted::default(),
        }
    }

    fn add(&mut self, connection: &Connection, now: Timestamp) {
        let interface = self
            .interfaces
            .place(connection.key.interface().0, |name, number| {
                name(InterfaceIndex(number))
            });
        let left = connection.expires.saturating_since(now).as_millis();
        let (Some(interface), 1..) = (interface, left) else {
            self.counted.left_out += 1;
            return;
        };
        let rule = match connection.rule {
            Connection::NO_RULE => None,
            rule => self.rules.place(rule, |name, number| name(number)),
        };
        let numbers = Numbers {
            interface,
            rule: rule.unwrap_or(NO_RULE),
            left_ms: u32::try_from(left).unwrap_or(u32::MAX),
        };
        match connection.key {
            FlowKey::V4(key) => {
                let ends = (key.local, key.remote, key.local_port, key.remote_port);
                self.v4.push::<Ipv4Addr>(connection, ends, numbers);
            }
            FlowKey::V6(key) => {
                let ends = (key.local, key.remote, key.local_port, key.remote_port);
                self.v6.push::<Ipv6Addr>(connection, ends, numbers);
            }
        }
        self.counted.saved += 1;
    }

    /// The file, in pieces that follow each other.
    fn parts(self, now: Timestamp) -> io::Result<[Vec<u8>; 4]> {
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&0_u32.to_le_bytes());
        for number in [now.as_nanos(), self.v4.count, self.v6.count] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        let names = [self.interfaces.list, self.rules.list];
        for names in &names {
            let count = u32::try_from(names.len()).map_err(|_| too_large())?;
            head.extend_from_slice(&count.to_le_bytes());
        }
        for name in names.iter().flatten() {
            let length = u16::try_from(name.len()).map_err(|_| too_large())?;
            head.extend_from_slice(&length.to_le_bytes());
            head.extend_from_slice(name.as_bytes());
        }
        let mut checksum = crc32fast::Hasher::new();
        for part in [&head, &self.v4.bytes, &self.v6.bytes] {
            checksum.update(part);
        }
        let mut tail = Vec::with_capacity(TAIL);
        tail.extend_from_slice(&checksum.finalize().to_le_bytes());
        Ok([head, self.v4.bytes, self.v6.bytes, tail])
    }
}

/// What a record has instead of the connection's own numbers.
#[derive(Clone, Copy)]
struct Numbers {
    interface: u32,
    rule: u32,
    left_ms: u32,
}

impl Records {
    fn push<A: Address>(
        &mut self,
        connection: &Connection,
        (local, remote, local_port, remote_port): (A, A, u16, u16),
        numbers: Numbers,
    ) {
        let record = Record {
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
        };
        record.put(&mut self.bytes);
        self.count += 1;
    }
}

/// Names in the order in which they were first needed.
struct Names<F> {
    name: F,
    list: Vec<String>,
    /// The place of each number that was asked for; `None` where it has no name.
    places: HashMap<u32, Option<u32>, FixedState>,
}

impl<F> Names<F> {
    fn new(name: F) -> Self {
        Self {
            name,
            list: Vec::new(),
            places: HashMap::default(),
        }
    }

    fn place(&mut self, number: u32, ask: impl Fn(&F, u32) -> Option<String>) -> Option<u32> {
        let Self { name, list, places } = self;
        *places.entry(number).or_insert_with(|| {
            let name = ask(name, number)?;
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

/// Puts a file of these parts in the place of the one at `path`.
fn replace(path: &Path, parts: &[Vec<u8>]) -> io::Result<()> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    // Left over from a daemon that was killed while it saved.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_all(&beside, parts).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
        return written;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_all(path: &Path, parts: &[Vec<u8>]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}
