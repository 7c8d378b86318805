//! Progress, on a terminal only.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use secgroup_replay::Position;

use crate::render::{counted, rounded};

/// A bar over the bytes of all captures, with packets a second and the time left.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar where standard error is a terminal, nothing elsewhere.
    pub(crate) fn over(captures: &[PathBuf]) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let lengths = captures.iter().map(|path| {
                let file = std::fs::metadata(path)
                    .ok()
                    .filter(std::fs::Metadata::is_file);
                file.map(|file| file.len())
            });
            match lengths.sum::<Option<u64>>() {
                Some(total) => ProgressBar::new(total).with_style(style(
                    "{bar:30} {percent:>3} % of {total_bytes}  {msg}  {eta} left",
                )),
                None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {msg}")),
            }
        });
        Self { bar }
    }

    /// Shows how far the replay is.
    pub(crate) fn show(&self, position: Position) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(position.bytes);
        let packets = counted(position.packets, "packet");
        // Counts below 2^53 are exact; a bar that was just made has run for no time at all.
        let rate = position.packets as f64 / bar.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!("{packets}, {} packets/s", rounded(rate)));
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar over steps of different lengths, with what is being done.
pub(crate) struct Steps {
    bar: Option<ProgressBar>,
}

impl Steps {
    /// A bar where standard error is a terminal, nothing elsewhere.
    pub(crate) fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            ProgressBar::new(0).with_style(style("{bar:30} {pos}/{len}  {msg}  {elapsed}"))
        });
        Self { bar }
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, done: u32, total: u32, what: &'static str) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(u64::from(total));
        bar.set_position(u64::from(done));
        bar.set_message(what);
        bar.tick();
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The style of a template that is written in this file.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
