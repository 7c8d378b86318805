//! Programs that run beside a test: servers, captures, the daemon under test.
//!
//! A [`Process`] is ended by its id when it is dropped, and what it printed is kept from the start, so that a test can wait for a line and
//! a failure can show all of it. Nothing else is ever signalled: no names, no groups.

use std::fmt;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    output: Output,
    readers: Vec<JoinHandle<()>>,
}

/// What a program printed so far, on both its outputs.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Process {
    /// Starts a program with nothing to read, its two outputs kept together.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let output = Output::default();
        let readers = vec![
            output.keep(child.stdout.take().expect("it is a pipe")),
            output.keep(child.stderr.take().expect("it is a pipe")),
        ];
        Self {
            name: name.to_owned(),
            child,
            output,
            readers,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Waits until it has printed `text`.
    ///
    /// # Panics
    /// Where it ends or the time runs out before; with all that it printed.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let said = wait::maybe(wait::PATIENCE, || {
            let ended = self.ended().is_some();
            let said = self.output().contains(text);
            (said || ended).then_some(said)
        });
        assert!(
            said == Some(true),
            "{} did not print '{text}':\n{}",
            self.name,
            self.output()
        );
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("it is our child")?;
        // Whoever sees the end sees all that was printed.
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Some(status)
    }

    /// Waits for its end; `None` where it does not end in time.
    #[must_use]
    pub fn end_within(&mut self, within: Duration) -> Option<ExitStatus> {
        wait::maybe(within, || self.ended())
    }

    /// Waits for its end and gives its exit code; 128 and the number of the signal where one ended it, as a shell has it.
    ///
    /// # Panics
    /// Where it does not end within [`wait::PATIENCE`].
    #[track_caller]
    pub fn code(&mut self) -> i32 {
        let Some(status) = self.end_within(wait::PATIENCE) else {
            panic!("{} does not end:\n{}", self.name, self.output());
        };
        let signal = || 128 + status.signal().expect("no code means a signal");
        status.code().unwrap_or_else(signal)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// Where it has ended already.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        assert!(
            self.ended().is_none(),
            "{} ended before its time:\n{}",
            self.name,
            self.output()
        );
        // It has not been waited for, so that the id is still its own.
        kill_process(Pid::from_child(&self.child), signal).expect("it is our child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}):\n{}", self.name, self.id(), self.output())
    }
}

impl Output {
    /// Keeps what comes out of `pipe` until its end.
    fn keep(&self, mut pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                output.lock().extend(&chunk[..length]);
            }
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Process {
        Process::spawn("sh", Command::new("sh").args(["-c", line]))
    }

    #[test]
    fn what_it_prints_is_kept_and_its_end_is_told() {
        let mut both = shell("echo one; echo two >&2; exit 3");
        both.wait_for("one");
        assert_eq!(both.code(), 3);
        let output = both.output();
        assert!(output.contains("one\n") && output.contains("two\n"));
    }

    #[test]
    fn a_signal_ends_it() {
        let mut patient = shell("exec sleep 60");
        assert!(patient.end_within(Duration::ZERO).is_none());
        patient.signal(Signal::TERM);
        assert_eq!(patient.code(), 128 + 15);
    }

    #[test]
    fn it_does_not_outlive_its_owner() {
        let running = shell("exec sleep 60");
        let folder = format!("/proc/{}", running.id());
        assert!(std::path::Path::new(&folder).exists());
        drop(running);
        assert!(!std::path::Path::new(&folder).exists());
    }

    #[test]
    #[should_panic(expected = "did not print 'three'")]
    fn waiting_for_what_never_comes_says_so() {
        shell("echo two").wait_for("three");
    }
}
