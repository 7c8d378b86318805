//! What the daemon says about itself, a line at a time, on standard error.
//!
//! Under systemd standard error is the journal, which knows the time of a line already and wants its importance in front of it
//! (`sd-daemon(3)`): so lines have `<4>` instead of a time there. Elsewhere they have a time, and colours on a terminal.
//!
//! Nothing is said for each packet. Where something about packets is worth a line (a ring that overflows, a table that is full), a
//! [`Throttle`] keeps the lines to some a second, and the next one says how many were left out.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use rustix::fs::fstat;
use secgroup_packet::Timestamp;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{self, Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level cannot be read.
    #[error(
        "'{level}' is no log level ({why}): say error, warn, info, debug or trace, or levels by module such as 'info,secgroup_runtime=debug'"
    )]
    Level {
        /// What was said.
        level: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody in this process logs already.
    #[error("the log is set up already")]
    SetUp,
}

/// Logs lines of `level` and above to standard error, from now on.
///
/// # Errors
/// [`LogError`].
pub fn log_to_stderr(format: LogFormat, level: &str) -> Result<(), LogError> {
    let filter = filter(level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let done = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Human if is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()) => {
            builder.event_format(ForJournal::new()).try_init()
        }
        LogFormat::Human => builder
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .try_init(),
    };
    done.map_err(|_| LogError::SetUp)
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let bad = |why: String| LogError::Level {
        level: level.to_owned(),
        why,
    };
    for word in level.split(',').filter(|word| !word.contains('=')) {
        // The filter takes any other word for a module of which everything is wanted, and nothing else.
        word.trim()
            .parse::<LevelFilter>()
            .map_err(|error| bad(error.to_string()))?;
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|error| bad(error.to_string()))
}

/// Whether standard error is what `JOURNAL_STREAM` names: its device and inode. A child whose output was
/// sent elsewhere inherits the variable, but not the journal.
fn is_journal(stream: Option<&str>) -> bool {
    let named = stream.and_then(|stream| stream.split_once(':'));
    let (Some((device, inode)), Ok(stderr)) = (named, fstat(io::stderr())) else {
        return false;
    };
    device.parse() == Ok(stderr.st_dev) && inode.parse() == Ok(stderr.st_ino)
}

/// Lines as the journal wants them.
#[derive(Debug)]
struct ForJournal(Format<Full, ()>);

impl ForJournal {
    fn new() -> Self {
        let lines = format::format().without_time().with_level(false);
        Self(lines.with_target(false).with_ansi(false))
    }

    /// As syslog(3) counts.
    const fn priority(level: Level) -> &'static str {
        match level {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            _ => "<7>",
        }
    }
}

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str(Self::priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// A token bucket for lines: a burst at once, then some a second.
///
/// The time is an argument: whoever is on the packet path has read the clock already.
#[derive(Debug, Clone)]
pub struct Throttle {
    burst: u64,
    /// Nanoseconds after which there is another token.
    every: u64,
    /// When the bucket is full, in nanoseconds; each token that is missing puts it off by `every`.
    full_at: u64,
    suppressed: u64,
}

impl Throttle {
    /// A bucket of `burst` lines, at least 1, that has another one `every` so often.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst: u64::from(burst.max(1)),
            every: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1),
            full_at: 0,
            suppressed: 0,
        }
    }

    /// Whether a line may be said at `now`; if so, how many were left out since the last.
    pub fn admit(&mut self, now: Timestamp) -> Option<u64> {
        let now = now.as_nanos();
        // A clock that went back has not emptied the bucket.
        let most = self.every.saturating_mul(self.burst);
        let missing = self.full_at.saturating_sub(now).min(most);
        if missing > most - self.every {
            self.full_at = now.saturating_add(missing);
            self.suppressed += 1;
            return None;
        }
        self.full_at = now.saturating_add(missing + self.every);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests;
