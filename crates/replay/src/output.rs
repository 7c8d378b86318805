//! Where verdict lines and packets go. Lines are written by a thread of their own, so that a slow reader behind a
//! pipe costs the engine nothing until the bounded channel is full.

use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use secgroup_control::Registry;
use secgroup_datapath::Action;
use secgroup_io::{CaptureWriter, Record};

use crate::decided::{Decided, Fate};
use crate::lines::Lines;
use crate::run::ReplayError;

/// Lines are handed over in chunks of this many bytes.
const CHUNK: usize = 256 * 1024;

/// How many chunks wait at most for a slow writer: 2 MiB of text.
const CHUNKS_WAITING: usize = 8;

/// Everything a replay writes while it runs.
#[derive(Default)]
pub(crate) struct Outputs {
    pub(crate) lines: Option<LineWriter>,
    pub(crate) allowed: Option<CaptureWriter>,
    pub(crate) denied: Option<CaptureWriter>,
    /// Packets up to this number were written already, by a replay that was given up.
    pub(crate) written: u64,
}

impl Outputs {
    /// Opens what is to be written.
    pub(crate) fn open(
        verdicts: Option<Box<dyn Write + Send>>,
        allowed: Option<&Path>,
        denied: Option<&Path>,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            lines: verdicts.map(LineWriter::new),
            allowed: allowed.map(CaptureWriter::create).transpose()?,
            denied: denied.map(CaptureWriter::create).transpose()?,
            written: 0,
        })
    }

    /// Whether anything is written but the report.
    pub(crate) const fn are_wanted(&self) -> bool {
        self.lines.is_some() || self.wants_packets()
    }

    /// Whether packets are written to captures.
    pub(crate) const fn wants_packets(&self) -> bool {
        self.allowed.is_some() || self.denied.is_some()
    }

    /// The packets to come are of this capture, one of several.
    pub(crate) fn of_capture(&mut self, name: &str) {
        if let Some(writer) = &mut self.lines {
            writer.lines.of_capture(name);
        }
    }

    /// Writes the lines of the packet `number`.
    pub(crate) fn line(&mut self, number: u64, decided: &Decided<'_>, registry: &Registry) {
        if let Some(writer) = &mut self.lines
            && number > self.written
        {
            writer.lines.packet(number, decided, registry);
        }
    }

    /// Writes a packet to the capture of its fate.
    pub(crate) fn packet(
        &mut self,
        number: u64,
        record: &Record<'_>,
        fate: Fate,
    ) -> Result<(), ReplayError> {
        let to = match fate {
            Fate::Judged(Action::Allow) => &mut self.allowed,
            Fate::Judged(Action::Deny) => &mut self.denied,
            Fate::NoInterface | Fate::NotIp => return Ok(()),
        };
        if let Some(writer) = to
            && number > self.written
        {
            writer.write(record)?;
        }
        Ok(())
    }

    /// Writes lines that were made elsewhere.
    pub(crate) fn append(&mut self, lines: &str) {
        if let Some(writer) = &mut self.lines {
            writer.lines.append(lines);
        }
    }

    /// Hands over what is complete. Fails once a writer has given up.
    pub(crate) fn pass_on(&mut self) -> Result<(), ReplayError> {
        self.lines.as_mut().map_or(Ok(()), LineWriter::pass_on)
    }

    /// Writes out what waits, and reports what went wrong.
    pub(crate) fn finish(self) -> Result<(), ReplayError> {
        if let Some(lines) = self.lines {
            lines.finish().map_err(ReplayError::Verdicts)?;
        }
        for writer in [self.allowed, self.denied].into_iter().flatten() {
            writer.finish()?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs")
            .field("lines", &self.lines.is_some())
            .finish_non_exhaustive()
    }
}

/// Verdict lines on their way to a file or a pipe.
pub(crate) struct LineWriter {
    pub(crate) lines: Lines,
    chunks: Sender<Vec<u8>>,
    writer: JoinHandle<std::io::Result<()>>,
}

impl LineWriter {
    pub(crate) fn new(mut to: Box<dyn Write + Send>) -> Self {
        let (chunks, waiting) = bounded::<Vec<u8>>(CHUNKS_WAITING);
        let writer = std::thread::spawn(move || {
            for chunk in waiting {
                to.write_all(&chunk)?;
            }
            to.flush()
        });
        Self {
            lines: Lines::default(),
            chunks,
            writer,
        }
    }

    /// Hands over what is complete. Fails once the writer has given up.
    pub(crate) fn pass_on(&mut self) -> Result<(), ReplayError> {
        if self.lines.len() < CHUNK {
            return Ok(());
        }
        let chunk = self.lines.take();
        self.chunks
            .send(chunk)
            .map_err(|_| ReplayError::VerdictsStopped)
    }

    /// Hands over the rest and waits for it to be written.
    pub(crate) fn finish(mut self) -> std::io::Result<()> {
        let rest = self.lines.take();
        // A writer that gave up says why when it is joined.
        let _ = self.chunks.send(rest);
        drop(self.chunks);
        match self.writer.join() {
            Ok(result) => result,
            Err(_) => Err(std::io::Error::other(
                "the thread that writes verdicts panicked",
            )),
        }
    }
}
