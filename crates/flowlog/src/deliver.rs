//! Where records go: one file, or a folder that is laid out like the bucket of a flow log (G22).
//!
//! A file is written under another name and gets its own when it is whole and on disk, so nobody ever finds half of one. A file in a folder holds the
//! records of the windows that begin in one period, and is finished when the period is over or it is large enough.
//!
//! What cannot be written is counted as lost, and the attempt is not made again before the next window: a full disk costs one failing call, not
//! one for each record.

mod layout;
mod unfinished;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, mem};

use secgroup_packet::InterfaceIndex;

pub use self::layout::Layout;
use self::layout::Naming;
use self::unfinished::Unfinished;
pub use crate::encode::Encoding;
use crate::encode::{Counted, Encode};
use crate::field::Format;
use crate::log::LogSettings;
use crate::row::Row;

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// One file, which is there when the log ends.
    File(PathBuf),
    /// A folder of files.
    Folder(Folder),
}

/// A folder of files, laid out like the bucket of a flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder; it is made where it is not there.
    pub root: PathBuf,
    /// How folders in it are named.
    pub layout: Layout,
    /// Seconds until a file is finished; at least 1. AWS publishes every 300.
    pub publish_every: u32,
    /// Bytes of a file after which it is finished earlier; AWS does at 75 MB.
    pub bytes_max: u64,
}

impl Folder {
    /// What AWS publishes after, in seconds (G22).
    pub const PUBLISH_EVERY: u32 = 300;
    /// And at this size, in bytes.
    pub const BYTES_MAX: u64 = 75_000_000;

    /// As AWS does it.
    #[must_use]
    pub const fn new(root: PathBuf, layout: Layout) -> Self {
        Self {
            root,
            layout,
            publish_every: Self::PUBLISH_EVERY,
            bytes_max: Self::BYTES_MAX,
        }
    }
}

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The file system says no.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was written, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Records in finished files.
    pub(crate) records: u64,
    /// Finished files.
    pub(crate) files: u64,
    /// Records that are in no file.
    pub(crate) records_lost: u64,
    /// The latest failure.
    pub(crate) failure: Option<DeliveryError>,
    /// It was the last that was tried.
    pub(crate) is_failing: bool,
}

/// The way to a destination.
pub(crate) struct Delivery {
    destination: Destination,
    encoding: Encoding,
    format: Format,
    naming: Naming,
    open: Option<OpenFile>,
    /// The window for which it is known that nothing can be written.
    given_up: Option<u64>,
    /// Interfaces with lost records, until somebody says so.
    unwritten: BTreeSet<InterfaceIndex>,
    pub(crate) delivered: Delivered,
}

/// A file that is not finished.
struct OpenFile {
    /// The second its period begins at, and the one it is over at.
    period: u64,
    due: u64,
    file: Unfinished,
    encoder: Box<dyn Encode>,
    bytes: Arc<AtomicU64>,
    records: u64,
    interfaces: BTreeSet<InterfaceIndex>,
}

impl Delivery {
    pub(crate) fn new(settings: &LogSettings, seed: u64) -> Self {
        let naming = Naming::new(settings, seed);
        if let Destination::Folder(folder) = &settings.destination {
            naming.clear_unfinished(&folder.root);
        }
        Self {
            destination: settings.destination.clone(),
            encoding: settings.encoding,
            format: settings.format.clone(),
            naming,
            open: None,
            given_up: None,
            unwritten: BTreeSet::new(),
            delivered: Delivered::default(),
        }
    }

    /// Makes the one file of a log that has one: whoever cannot write learns it before there is anything to write.
    pub(crate) fn open_file(&mut self) {
        if matches!(self.destination, Destination::File(_))
            && let Err(error) = self.open_for(0)
        {
            self.fail(error);
        }
    }

    /// Writes a record of the window that begins at second `window`.
    pub(crate) fn write(&mut self, window: u64, interface: InterfaceIndex, row: &Row<'_>) {
        if self.given_up == Some(window) {
            self.lose(interface);
            return;
        }
        self.given_up = None;
        if let Err(error) = self.try_write(window, interface, row) {
            self.lose(interface);
            self.fail(error);
            self.given_up = Some(window);
        }
    }

    fn try_write(
        &mut self,
        window: u64,
        interface: InterfaceIndex,
        row: &Row<'_>,
    ) -> Result<(), DeliveryError> {
        self.open_for(window)?;
        let Some(open) = &mut self.open else {
            return Ok(()); // It was opened.
        };
        open.encoder
            .write(row)
            .map_err(|source| cannot_write(open.file.path(), source))?;
        open.records += 1;
        open.interfaces.insert(interface);
        let is_large = match &self.destination {
            Destination::Folder(folder) => open.bytes.load(Ordering::Relaxed) >= folder.bytes_max,
            Destination::File(_) => false,
        };
        if is_large {
            self.publish();
        }
        Ok(())
    }

    /// Has the file open that records of this window go to.
    fn open_for(&mut self, window: u64) -> Result<(), DeliveryError> {
        let (period, due) = match &self.destination {
            Destination::File(_) => (0, u64::MAX),
            Destination::Folder(folder) => {
                let every = u64::from(folder.publish_every.max(1));
                let period = window - window % every;
                (period, period.saturating_add(every))
            }
        };
        if self.open.as_ref().is_some_and(|open| open.period != period) {
            self.publish();
        }
        if self.open.is_none() {
            let file = match &self.destination {
                Destination::File(path) => Unfinished::beside(path),
                Destination::Folder(folder) => self.naming.create(folder, self.encoding, period),
            };
            let (file, handle) = file?;
            let (counted, bytes) = Counted::new(handle);
            let encoder = self
                .encoding
                .begin(counted, &self.format)
                .map_err(|source| cannot_write(file.path(), source))?;
            self.open = Some(OpenFile {
                period,
                due,
                file,
                encoder,
                bytes,
                records: 0,
                interfaces: BTreeSet::new(),
            });
        }
        Ok(())
    }

    /// Finishes the file if its period is over at second `now`.
    pub(crate) fn publish_due(&mut self, now: u64) {
        if self.open.as_ref().is_some_and(|open| open.due <= now) {
            self.publish();
        }
    }

    /// Finishes the file, if there is one.
    pub(crate) fn publish(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let OpenFile {
            file,
            encoder,
            records,
            interfaces,
            ..
        } = open;
        let path = file.path().to_owned();
        let finished = encoder
            .finish()
            .map_err(|source| cannot_write(&path, source))
            .and_then(|handle| file.publish(&handle));
        match finished {
            Ok(()) => {
                self.delivered.files += 1;
                self.delivered.records += records;
                self.delivered.is_failing = false;
            }
            Err(error) => {
                self.delivered.records_lost += records;
                self.unwritten.extend(interfaces);
                self.delivered.failure = Some(error);
                self.delivered.is_failing = true;
            }
        }
    }

    /// The interfaces with records that were lost since the last time.
    pub(crate) fn take_unwritten(&mut self) -> BTreeSet<InterfaceIndex> {
        mem::take(&mut self.unwritten)
    }

    fn lose(&mut self, interface: InterfaceIndex) {
        self.delivered.records_lost += 1;
        self.unwritten.insert(interface);
    }

    /// What the open file has is lost with it.
    fn fail(&mut self, error: DeliveryError) {
        if let Some(open) = self.open.take() {
            self.delivered.records_lost += open.records;
            self.unwritten.extend(open.interfaces);
        }
        self.delivered.failure = Some(error);
        self.delivered.is_failing = true;
    }
}

fn cannot_write(path: &Path, source: io::Error) -> DeliveryError {
    DeliveryError::Write {
        path: path.to_owned(),
        source,
    }
}
