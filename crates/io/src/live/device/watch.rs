//! Hearing of changes to devices.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::rtnetlink::{Link, Message, Socket};

/// The multicast group of changes to devices.
const RTMGRP_LINK: u32 = 1;
/// Most datagrams of one [`DeviceWatch::changes`]; the rest is for the next.
const MAX_READS: usize = 256;

/// Hears what becomes of the devices of a network namespace.
///
/// Only differences are told, against what was known before: a device that was there when the watch
/// began is not said to appear.
#[derive(Debug)]
pub struct DeviceWatch {
    changes: Socket,
    questions: Socket,
    known: BTreeMap<u32, Known>,
}

/// What became of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceChange {
    /// Its name; empty for [`Change::Lost`]. A device that is renamed is gone by its old name and
    /// appears by its new one.
    pub name: String,
    /// Its index; 0 for [`Change::Lost`].
    pub index: u32,
    /// What happened.
    pub what: Change,
}

/// A change of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made, renamed, or moved to this namespace; [`Up`](Self::Up) follows where it is.
    Appeared,
    /// It was deleted, renamed, or moved to another namespace.
    Gone,
    /// It was set up.
    Up,
    /// It was set down.
    Down,
    /// Its MTU is now this, in bytes.
    Mtu(u32),
    /// More happened than the kernel could keep: look at every device again.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: String,
    is_up: bool,
    mtu: u32,
}

impl DeviceWatch {
    /// Watches the devices of the network namespace of the calling thread.
    ///
    /// # Errors
    /// Where the kernel cannot be asked.
    pub fn open() -> io::Result<Self> {
        // First listening, then looking: what happens in between is heard, and no difference.
        let changes = Socket::open(RTMGRP_LINK)?;
        let mut questions = Socket::open(0)?;
        let known = look(&mut questions)?;
        Ok(Self {
            changes,
            questions,
            known,
        })
    }

    /// Readable when [`changes`](Self::changes) has something to say. Level-triggered.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.changes.fd()
    }

    /// What happened since the last call, in order; never waits.
    ///
    /// # Errors
    /// Where the kernel cannot be asked.
    pub fn changes(&mut self) -> io::Result<Vec<DeviceChange>> {
        let mut told = Vec::new();
        for _ in 0..MAX_READS {
            match self.changes.read() {
                Ok(messages) => {
                    for message in messages {
                        learn(&mut self.known, message, &mut told);
                    }
                }
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => break,
                    Some(Errno::INTR) => {}
                    Some(Errno::NOBUFS) => {
                        self.known = look(&mut self.questions)?;
                        told.push(change("", 0, Change::Lost));
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(told)
    }
}

/// The devices that are there.
fn look(kernel: &mut Socket) -> io::Result<BTreeMap<u32, Known>> {
    let links = kernel.links()?;
    Ok(links
        .into_iter()
        .map(|link| (link.index, Known::from(link)))
        .collect())
}

/// Takes a message in, and tells what it changed.
fn learn(known: &mut BTreeMap<u32, Known>, message: Message, told: &mut Vec<DeviceChange>) {
    match message {
        Message::NewLink(link) => {
            let index = link.index;
            let new = Known::from(link);
            let old = known.insert(index, new.clone());
            compare(index, old, &new, told);
        }
        Message::DeletedLink(index) => {
            if let Some(old) = known.remove(&index) {
                told.push(change(&old.name, index, Change::Gone));
            }
        }
        _ => {}
    }
}

fn compare(index: u32, old: Option<Known>, new: &Known, told: &mut Vec<DeviceChange>) {
    let mut tell = |name: &str, what| told.push(change(name, index, what));
    let old = match old {
        Some(old) if old.name == new.name => old,
        other => {
            if let Some(renamed) = other {
                tell(&renamed.name, Change::Gone);
            }
            tell(&new.name, Change::Appeared);
            Known {
                is_up: false,
                ..new.clone()
            }
        }
    };
    if old.mtu != new.mtu {
        tell(&new.name, Change::Mtu(new.mtu));
    }
    match (old.is_up, new.is_up) {
        (false, true) => tell(&new.name, Change::Up),
        (true, false) => tell(&new.name, Change::Down),
        _ => {}
    }
}

fn change(name: &str, index: u32, what: Change) -> DeviceChange {
    DeviceChange {
        name: name.to_owned(),
        index,
        what,
    }
}

impl From<Link> for Known {
    fn from(link: Link) -> Self {
        Self {
            is_up: link.is_up(),
            name: link.name,
            mtu: link.mtu,
        }
    }
}
