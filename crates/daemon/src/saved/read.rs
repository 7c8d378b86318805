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

use super::layout::{Address, Bytes, FAMILY_AT, FOOT, HEAD, MAGIC, NO_RULE, Record, TAIL, VERSION};

/// Connections in a file that was found to be whole.
#[derive(Debug)]
pub struct SavedConnections {
    bytes: Vec<u8>,
    saved_at: Timestamp,
    interfaces: Vec<String>,
    rules: Vec<String>,
    /// Where the last record ends.
    records_end: usize,
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
        let saved_at = covered.get(16..HEAD).and_then(|at| Bytes(at).u64());
        let saved_at = Timestamp::from_nanos(saved_at.ok_or(LoadError::Length)?);
        let names = Names::read(covered)?;
        Ok(Self {
            bytes,
            saved_at,
            interfaces: names.interfaces,
            rules: names.rules,
            records_end: names.begin,
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
        let mut records = Bytes(&self.bytes[HEAD..self.records_end]);
        while let Some(family) = records.0.get(FAMILY_AT) {
            let read = match *family {
                Ipv4Addr::FAMILY => restoring.next::<Ipv4Addr>(&mut records),
                Ipv6Addr::FAMILY => restoring.next::<Ipv6Addr>(&mut records),
                _ => None,
            };
            if read.is_none() {
                // Where the next one begins cannot be told.
                restoring.counted.damaged += 1;
                break;
            }
        }
        restoring.counted
    }
}

/// What stands behind the records.
struct Names {
    /// Where.
    begin: usize,
    interfaces: Vec<String>,
    rules: Vec<String>,
}

impl Names {
    /// From everything but the checksum.
    fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let Some((before, foot)) = bytes.split_last_chunk::<FOOT>() else {
            return Err(LoadError::Length);
        };
        let mut foot = Bytes(foot);
        let begin = foot.u64().and_then(|begin| usize::try_from(begin).ok());
        let begin = begin.filter(|begin| (HEAD..=before.len()).contains(begin));
        let (Some(begin), Some(interfaces), Some(rules)) = (begin, foot.u32(), foot.u32()) else {
            return Err(LoadError::Length);
        };
        let mut rest = Bytes(&before[begin..]);
        let interfaces = names(&mut rest, interfaces)?;
        let rules = names(&mut rest, rules)?;
        if !rest.0.is_empty() {
            return Err(LoadError::Length);
        }
        Ok(Self {
            begin,
            interfaces,
            rules,
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
    /// Takes one record; `None` where there are not bytes enough for it.
    fn next<A: Keyed>(&mut self, records: &mut Bytes<'_>) -> Option<()> {
        self.one::<A>(records.take(Record::<A>::LEN)?);
        Some(())
    }

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
