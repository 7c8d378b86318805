//! From a file to connections.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use secgroup_conntrack::Connection;
use secgroup_packet::{FlowKey, FlowKey4, FlowKey6, InterfaceIndex, Timestamp};

use super::layout::{Address, Bytes, HEAD, MAGIC, NO_RULE, Record, TAIL, VERSION};

/// Connections in a file that was found to be whole.
#[derive(Debug)]
pub struct SavedConnections {
    bytes: Vec<u8>,
    saved_at: Timestamp,
    interfaces: Vec<String>,
    rules: Vec<String>,
    /// Where the records of each family begin, and where the last ends.
    sections: [usize; 3],
}

/// Why a file has no connections to restore.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none: nothing was saved.
    #[error("there is no file of saved connections")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is a folder, a device, or anything else than a file.
    #[error("it is no regular file")]
    NotAFile,
    /// Another program wrote it.
    #[error("it does not begin as saved connections do")]
    NotSaved,
    /// Another version of this program wrote it.
    #[error("it was written in version {0}, and this secgroup reads version {VERSION}")]
    Version(u32),
    /// A part of it is missing, or there is more than there should be.
    #[error("its length is not what its head says")]
    Length,
    /// Its bytes are not those that were written.
    #[error("its checksum is wrong")]
    Checksum,
    /// A name in it is no text.
    #[error("a name in it is no text")]
    Name,
}

/// What became of saved connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Handed out.
    pub restored: u64,
    /// Their time ran out meanwhile.
    pub ran_out: u64,
    /// Their interface is no more.
    pub no_interface: u64,
    /// No daemon would have written them.
    pub damaged: u64,
}

impl SavedConnections {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`]; all but [`LoadError::Missing`] are worth a warning.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path);
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LoadError::Missing);
            }
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Err(LoadError::NotAFile);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Self::new(bytes)
    }

    /// The connections in a file of these bytes.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, LoadError> {
        let mut rest = Bytes(&bytes);
        if rest.array() != Some(MAGIC) {
            return Err(LoadError::NotSaved);
        }
        let version = rest.u32().ok_or(LoadError::Length)?;
        if version != VERSION {
            return Err(LoadError::Version(version));
        }
        let Some((covered, checksum)) = bytes.split_last_chunk::<TAIL>() else {
            return Err(LoadError::Length);
        };
        if crc32fast::hash(covered) != u32::from_le_bytes(*checksum) {
            return Err(LoadError::Checksum);
        }
        let Head {
            saved_at,
            records,
            interfaces,
            rules,
            names_end,
        } = Head::read(covered)?;
        let sections = sections(names_end, records).ok_or(LoadError::Length)?;
        if sections[2] != covered.len() {
            return Err(LoadError::Length);
        }
        Ok(Self {
            bytes,
            saved_at,
            interfaces,
            rules,
            sections,
        })
    }

    /// When they were saved.
    #[must_use]
    pub const fn saved_at(&self) -> Timestamp {
        self.saved_at
    }

    /// Hands every connection that is alive at `now` to `restore`, with the numbers that names have in this process: an
    /// interface without one is no more, a rule without one admits nothing new.
    pub fn restore(
        &self,
        now: Timestamp,
        interface: impl Fn(&str) -> Option<InterfaceIndex>,
        rule: impl Fn(&str) -> Option<u32>,
        restore: impl FnMut(Connection),
    ) -> Restored {
        let mut restoring = Restoring {
            now,
            gone_by: now.saturating_since(self.saved_at),
            interfaces: self.interfaces.iter().map(|name| interface(name)).collect(),
            rules: self.rules.iter().map(|name| rule(name)).collect(),
            counted: Restored::default(),
            restore,
        };
        let [v4, v6, end] = self.sections;
        for record in self.bytes[v4..v6].chunks_exact(Record::<Ipv4Addr>::LEN) {
            restoring.one::<Ipv4Addr>(record);
        }
        for record in self.bytes[v6..end].chunks_exact(Record::<Ipv6Addr>::LEN) {
            restoring.one::<Ipv6Addr>(record);
        }
        restoring.counted
    }
}

/// What stands before the records.
struct Head {
    saved_at: Timestamp,
    /// How many, by family.
    records: [u64; 2],
    interfaces: Vec<String>,
    rules: Vec<String>,
    names_end: usize,
}

impl Head {
    /// From the bytes of a file, of which magic and version were read.
    fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut rest = Bytes(bytes.get(16..).ok_or(LoadError::Length)?);
        let mut number = || rest.u64().ok_or(LoadError::Length);
        let saved_at = Timestamp::from_nanos(number()?);
        let records = [number()?, number()?];
        let mut count = || rest.u32().ok_or(LoadError::Length);
        let counts = [count()?, count()?];
        debug_assert_eq!(bytes.len() - rest.0.len(), HEAD);
        let interfaces = names(&mut rest, counts[0])?;
        let rules = names(&mut rest, counts[1])?;
        Ok(Self {
            saved_at,
            records,
            interfaces,
            rules,
            names_end: bytes.len() - rest.0.len(),
        })
    }
}

/// So many names. Each takes two bytes at least, so that a number that is a lie ends with the file.
fn names(rest: &mut Bytes<'_>, count: u32) -> Result<Vec<String>, LoadError> {
    let name = |_| {
        let length = u16::from_le_bytes(rest.array().ok_or(LoadError::Length)?);
        let name = rest.take(length.into()).ok_or(LoadError::Length)?;
        let name = std::str::from_utf8(name).map_err(|_| LoadError::Name)?;
        Ok(name.to_owned())
    };
    (0..count).map(name).collect()
}

/// Where records begin and end, where that can be counted at all.
fn sections(begin: usize, [v4, v6]: [u64; 2]) -> Option<[usize; 3]> {
    let after = |from: usize, count: u64, length: usize| {
        let count = usize::try_from(count).ok()?;
        from.checked_add(count.checked_mul(length)?)
    };
    let middle = after(begin, v4, Record::<Ipv4Addr>::LEN)?;
    let end = after(middle, v6, Record::<Ipv6Addr>::LEN)?;
    Some([begin, middle, end])
}

/// A family of addresses, and the keys that it has.
trait Keyed: Address {
    fn key(record: &Record<Self>, interface: InterfaceIndex) -> FlowKey;
}

impl Keyed for Ipv4Addr {
    fn key(record: &Record<Self>, interface: InterfaceIndex) -> FlowKey {
        FlowKey::V4(FlowKey4 {
            local: record.local,
            remote: record.remote,
            local_port: record.local_port,
            remote_port: record.remote_port,
            interface,
            protocol: record.protocol,
        })
    }
}

impl Keyed for Ipv6Addr {
    fn key(record: &Record<Self>, interface: InterfaceIndex) -> FlowKey {
        FlowKey::V6(FlowKey6 {
            local: record.local,
            remote: record.remote,
            local_port: record.local_port,
            remote_port: record.remote_port,
            interface,
            protocol: record.protocol,
        })
    }
}

struct Restoring<F> {
    now: Timestamp,
    /// Since they were saved.
    gone_by: Duration,
    /// The numbers of the file's names.
    interfaces: Vec<Option<InterfaceIndex>>,
    rules: Vec<Option<u32>>,
    counted: Restored,
    restore: F,
}

impl<F: FnMut(Connection)> Restoring<F> {
    fn one<A: Keyed>(&mut self, bytes: &[u8]) {
        let record = Record::<A>::get(bytes);
        let interface = record.and_then(|record| {
            let interface = self.interfaces.get(record.interface as usize)?;
            Some((record, *interface))
        });
        let Some((record, interface)) = interface else {
            self.counted.damaged += 1;
            return;
        };
        let Some(interface) = interface else {
            self.counted.no_interface += 1;
            return;
        };
        let left = Duration::from_millis(record.left_ms.into()).saturating_sub(self.gone_by);
        if left.is_zero() {
            self.counted.ran_out += 1;
            return;
        }
        let rule = match record.rule {
            NO_RULE => None,
            rule => self.rules.get(rule as usize).copied().flatten(),
        };
        self.counted.restored += 1;
        (self.restore)(Connection {
            key: A::key(&record, interface),
            originator: record.originator,
            state: record.state,
            expires: self.now.saturating_add(left),
            rule: rule.unwrap_or(Connection::NO_RULE),
            packets: record.packets,
            bytes: record.bytes,
        });
    }
}
