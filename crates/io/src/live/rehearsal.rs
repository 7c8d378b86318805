//! Capture files in the place of a device: what was heard once is received again.
//!
//! A rehearsal shows what a configuration does with known traffic before it is given real devices.
//! Frames come out of a capture, as fast as they are taken or as far apart as they were; what is
//! sent goes into another capture, each frame with the time of sending, as it is: with its checksum
//! unfinished, and not yet segmented, as the header of a live frame says and a capture cannot.
//!
//! A device carries Ethernet frames, whole. Frames of other link types are left out and counted
//! ([`Rehearsal::other_links`]); so are snapped ones, of which the capture has only the beginning,
//! unless they are only to be looked at ([`RehearsalSettings::keep_snapped`]).
//!
//! Without a capture to receive there is no end either: the port is a silent device, which only writes what it is sent.

mod pace;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::SystemTime;

use secgroup_packet::{LinkType, Timestamp};

use self::pace::Pace;
use super::arena::{Arena, FRAME_MAX};
use super::{
    BURST, Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver, Transmitted, VnetHeader,
};
use crate::{Capture, CaptureError, CaptureWriter, Link, Record, WriteError};

/// Most records that one receive looks at, so that a capture of frames that are left out holds
/// nobody up.
const LOOKED_AT_MAX: usize = 4 * BURST;

/// What is rehearsed.
#[derive(Debug, Clone, Default)]
pub struct RehearsalSettings {
    /// The capture of what is received; without one, nothing ever is, and the port is never readable nor gone. A pipe is
    /// read as well, but reading it waits for whoever writes it.
    pub received: Option<PathBuf>,
    /// The capture to write what is sent to; without one it is only counted.
    pub sent: Option<PathBuf>,
    /// Frames come as far apart as they were captured.
    pub pace: bool,
    /// Frames of which only the beginning was captured are received, too: for looking only, they
    /// cannot be sent on.
    pub keep_snapped: bool,
}

/// Why a rehearsal cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The capture to read.
    #[error(transparent)]
    Read(#[from] CaptureError),
    /// The capture to write.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Neither.
    #[error("the timer of a rehearsal: {0}")]
    Timer(io::Error),
}

/// Captures in the place of a device.
pub struct Rehearsal {
    capture: Option<Capture>,
    writer: Option<CaptureWriter>,
    pace: Pace,
    keep_snapped: bool,
    arena: Arena,
    /// The length on the wire of each frame in the arena.
    wire_lens: Vec<u32>,
    /// The frame in hand, which is given when its time has come. Its memory is used again.
    held: Held,
    is_held: bool,
    /// Why there will be no more, not told yet.
    gone: Option<Gone>,
    drops: PortDrops,
    other_links: u64,
}

#[derive(Default)]
struct Held {
    time: Timestamp,
    data: Vec<u8>,
    wire_len: u32,
}

impl Rehearsal {
    /// Opens the captures.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn open(settings: &RehearsalSettings) -> Result<Self, RehearsalError> {
        let (capture, pace) = match &settings.received {
            Some(path) => (Some(Capture::open(path)?), Pace::new(settings.pace)),
            None => (None, Pace::never()),
        };
        let writer = match &settings.sent {
            Some(path) => Some(CaptureWriter::create(path)?),
            None => None,
        };
        Ok(Self {
            capture,
            writer,
            pace: pace.map_err(RehearsalError::Timer)?,
            keep_snapped: settings.keep_snapped,
            arena: Arena::new(),
            wire_lens: Vec::new(),
            held: Held::default(),
            is_held: false,
            gone: None,
            drops: PortDrops::default(),
            other_links: 0,
        })
    }

    /// Frames so far that were left out because they are not Ethernet.
    #[must_use]
    pub const fn other_links(&self) -> u64 {
        self.other_links
    }

    /// Ends the rehearsal and completes the capture of what was sent; gives the number of its
    /// frames. Dropping completes it, too, but says nothing.
    ///
    /// # Errors
    /// Not everything could be written.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        self.writer.take().map_or(Ok(0), CaptureWriter::finish)
    }

    /// Receives frames until there are `limit`, or the next one's time has not come.
    fn fill(&mut self, limit: usize) -> Result<(), Gone> {
        for _ in 0..LOOKED_AT_MAX {
            if self.arena.len() == limit || self.arena.room().is_none() {
                break;
            }
            if !self.is_held {
                self.is_held = self.take()?;
            }
            if !self.is_held {
                continue;
            }
            if let Some(wait) = self.pace.until(self.held.time) {
                return self.pace.wake_in(wait).map_err(Gone::Failed);
            }
            self.is_held = false;
            self.give();
        }
        self.pace.wake_now().map_err(Gone::Failed)
    }

    /// Takes the next record of the capture in hand; whether it is one to give.
    fn take(&mut self) -> Result<bool, Gone> {
        let Some(capture) = &mut self.capture else {
            return Ok(false);
        };
        let record = match capture.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Err(Gone::End),
            Err(error) => return Err(Gone::Failed(io::Error::other(error))),
        };
        let snapped = record.wire_len as usize > record.data.len();
        if record.link != Link::Supported(LinkType::Ethernet) {
            self.other_links += 1;
            return Ok(false);
        }
        if record.data.len() > FRAME_MAX || (snapped && !self.keep_snapped) {
            self.drops.truncated += 1;
            return Ok(false);
        }
        self.held.time = record.time;
        self.held.wire_len = record.wire_len;
        self.held.data.clear();
        self.held.data.extend_from_slice(record.data);
        Ok(true)
    }

    fn give(&mut self) {
        let header = VnetHeader::default().to_bytes();
        if self.arena.copy([&header, &self.held.data]) {
            self.wire_lens.push(self.held.wire_len);
        } else {
            self.drops.truncated += 1;
        }
    }
}

impl Receiver for Rehearsal {
    fn fd(&self) -> BorrowedFd<'_> {
        self.pace.timer.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.arena.clear();
        self.wire_lens.clear();
        if self.capture.is_some()
            && self.gone.is_none()
            && let Err(gone) = self.fill(limit)
        {
            // Whoever hears of the end has to be woken for it.
            self.pace.wake_now()?;
            self.gone = Some(gone);
        }
        match self.gone.take() {
            Some(gone) if self.arena.len() == 0 => Err(ReceiveError::Gone(gone)),
            gone => {
                self.gone = gone;
                Ok(self.arena.len())
            }
        }
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        LiveFrame {
            wire_len: self.wire_lens[index],
            ..self.arena.frame(index)
        }
    }

    fn drops(&mut self) -> PortDrops {
        self.drops
    }

    fn backend(&self) -> &'static str {
        "rehearsal"
    }
}

impl Port for Rehearsal {
    fn transmit(&mut self, frames: &[LiveFrame<'_>]) -> Transmitted {
        let mut done = Transmitted::default();
        let time = now();
        for frame in frames {
            let record = Record {
                number: 0,
                time,
                time_digits: 9,
                link: Link::Supported(frame.link),
                data: frame.data,
                wire_len: frame.wire_len,
                interface: 0,
            };
            match self.writer.as_mut().map(|writer| writer.write(&record)) {
                None | Some(Ok(())) => done.sent += 1,
                Some(Err(_)) => done.failed += 1,
            }
        }
        done
    }

    fn mtu(&self) -> Option<u32> {
        None
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Nobody is left to be told.
            let _ = writer.finish();
        }
    }
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("capture", &self.capture)
            .field("writes", &self.writer.is_some())
            .finish_non_exhaustive()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970, or after 2554, stands still there.
    let nanos = since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    });
    Timestamp::from_nanos(nanos)
}
