//! Lines over a Unix socket: with a greatest length, and a time in which they must come or be taken.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Bytes asked of the kernel at once.
const CHUNK: usize = 16 * 1024;

/// A connection that speaks in lines.
#[derive(Debug)]
pub(super) struct Lines {
    stream: UnixStream,
    /// What was read and not yet given.
    buffer: Vec<u8>,
    /// How much of it has no end of a line.
    searched: usize,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// It is longer than it may be.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// Its end did not come in time.
    #[error("it took too long")]
    TooSlow {
        /// Something of it came.
        begun: bool,
    },
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lines {
    pub(super) const fn new(stream: UnixStream) -> Self {
        let buffer = Vec::new();
        Self {
            stream,
            buffer,
            searched: 0,
        }
    }

    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The next line, without its end; `None` where there are no more. What stands before the end of
    /// the stream is a line, too.
    pub(super) fn read(
        &mut self,
        longest: usize,
        within: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, LineError> {
        let deadline = within.map(|within| Instant::now() + within);
        loop {
            let fresh = &self.buffer[self.searched..];
            let found = fresh.iter().position(|byte| *byte == b'\n');
            let length = found.map_or(self.buffer.len(), |at| self.searched + at);
            if length > longest {
                return Err(LineError::TooLong(longest));
            }
            if found.is_some() {
                return Ok(Some(self.take(length)));
            }
            self.searched = length;
            if !self.more(deadline)? {
                let rest = self.take(length);
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    /// Takes `length` bytes and the end of their line.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let after = (length + 1).min(self.buffer.len());
        let rest = self.buffer.split_off(after);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.truncate(length);
        self.searched = 0;
        line
    }

    /// Reads what there is; whether anything comes at all.
    fn more(&mut self, deadline: Option<Instant>) -> Result<bool, LineError> {
        let begun = !self.buffer.is_empty();
        let left = match deadline {
            None => None,
            Some(deadline) => Some(left_until(deadline).ok_or(LineError::TooSlow { begun })?),
        };
        self.stream.set_read_timeout(left)?;
        let mut chunk = [0; CHUNK];
        match self.stream.read(&mut chunk) {
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(count > 0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) if is_timeout(&error) => Err(LineError::TooSlow { begun }),
            Err(error) => Err(error.into()),
        }
    }

    /// Says `text`, which ends its line; it must be taken `within` that time.
    pub(super) fn write(&mut self, text: &[u8], within: Duration) -> Result<(), LineError> {
        let deadline = Instant::now() + within;
        let mut rest = text;
        while !rest.is_empty() {
            let slow = LineError::TooSlow { begun: true };
            let Some(left) = left_until(deadline) else {
                return Err(slow);
            };
            self.stream.set_write_timeout(Some(left))?;
            match self.stream.write(rest) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(slow),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// `value` as one line.
pub(super) fn line_of(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// How long until `deadline`, where it is not over; a socket takes no time of zero.
fn left_until(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

/// How a socket's timeout shows.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
