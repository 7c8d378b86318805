//! How many workers a replay has.
//!
//! Several are worth their memory only where there is much to do, and may be of no use at all: what one interface may have in connections (its allowance)
//! is known to one engine exactly, and to several only about. A replay that has to begin again with one worker must be able to read its captures twice.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::parallel::{Alone, MAX_WORKERS};
use crate::run::Input;

/// Captures of fewer bytes in all are replayed by one worker: they take less time than a person notices.
const LARGE: u64 = 32 << 20;

/// More workers than this are started only where somebody asks for them: one reads for all.
const MOST: usize = 8;

/// See the top of this file.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) workers: usize,
    /// Why there is only one although more were asked for, or tried.
    pub(crate) why_one: Option<String>,
    /// Whether the captures are files, which can be read again.
    pub(crate) can_read_again: bool,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            workers: 1,
            why_one: None,
            can_read_again: true,
        }
    }
}

impl Choice {
    /// As many workers as are wanted, or as are worth it.
    pub(crate) fn of(input: &Input) -> Self {
        let bytes = file_bytes(&input.captures);
        let mut choice = Self {
            workers: match input.sharing.workers {
                Some(wanted) => wanted.get().min(MAX_WORKERS),
                None if bytes.is_some_and(|bytes| bytes >= LARGE) => cores().min(MOST),
                None => 1,
            },
            why_one: None,
            can_read_again: bytes.is_some(),
        };
        if choice.workers > 1
            && let Some(reason) = only_one(input)
        {
            choice.workers = 1;
            choice.why_one = Some(reason.to_owned());
        }
        choice
    }

    /// Several workers came to where they could not be sure.
    pub(crate) fn fall_back(&mut self, packets: u64, reason: Alone) {
        let (workers, reason) = (self.workers, reason.as_str());
        self.workers = 1;
        self.why_one = Some(format!(
            "behind packet {packets} {reason}, which {workers} workers cannot decide for sure"
        ));
    }
}

/// Why several workers are of no use, if they are not.
fn only_one(input: &Input) -> Option<&'static str> {
    if input.settings.defaults.allowance.is_some() {
        Some("only one worker counts the connections of an interface exactly")
    } else if input.flow_log.is_some() {
        Some("a flow log is written by one worker")
    } else if input.annotate.is_some() {
        Some("an annotated capture is written by one worker")
    } else if input.survey {
        Some("what a report draws is seen by one worker")
    } else {
        None
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The bytes of all captures, where all of them are files.
fn file_bytes(captures: &[PathBuf]) -> Option<u64> {
    let lengths = captures.iter().map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    });
    lengths.sum()
}
