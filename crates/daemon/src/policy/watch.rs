//! Tells when policy files change.
//!
//! A file changes in more ways than by being written. Editors write another and rename it over the first; Kubernetes
//! swaps a symbolic link two folders up (`..data`); a deployment moves a whole folder in; files vanish and come
//! back. So what is watched is every *step* on the way from `/` to each file, links followed: in each folder the one entry
//! that the way goes through. Whatever happens to one of these entries may have changed what is found at the end; after
//! a moment of quiet the files are looked at, and if any is another one, or no longer there, or there again, or was
//! written, that is a change. The steps are looked up again each time, for the way itself may be another one now.
//!
//! This speaks to inotify directly, as the usual library also asks the kernel for every *opening* of every file in a
//! watched folder: `/etc` is opened in by every program that starts, and an idle daemon has to be idle.
//!
//! A thread sleeps in the kernel until something happens, and ends with the watch.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::way::Way;

/// So long nothing may happen before files are looked at: whoever writes several is done then.
const QUIET: Duration = Duration::from_millis(200);

/// So long a file that is written without end is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Room for events that are read at once, in bytes; the kernel wants that of the longest one, 272, at least.
const EVENT_BYTES: usize = 4096;

/// Times that ways are looked up again because they changed meanwhile.
const ARM_ATTEMPTS: u32 = 8;

/// What in a folder may make a way another one, or a file.
const EVENTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// Watches files until it is dropped.
#[derive(Debug)]
pub struct PolicyWatch {
    changed: Receiver<()>,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl PolicyWatch {
    /// Watches `files`, whether they are there or not.
    ///
    /// # Errors
    /// The kernel has no more watches or file descriptors for us.
    pub fn start(files: &[PathBuf]) -> io::Result<Self> {
        let (sender, changed) = bounded(1);
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut watcher = Watcher::new(files, sender)?;
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("policy-watch".to_owned())
            .spawn(move || watcher.run(&stopped))?;
        Ok(Self {
            changed,
            stop,
            thread: Some(thread),
        })
    }

    /// Has something whenever a file changed since it was last taken from: changes that nobody took are one.
    #[must_use]
    pub const fn changed(&self) -> &Receiver<()> {
        &self.changed
    }
}

impl Drop for PolicyWatch {
    fn drop(&mut self) {
        // An eventfd that holds 1 takes another 1; only a counter about to overflow would refuse.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked tells nobody of changes any more; here there is nobody to tell.
            let _ = thread.join();
        }
    }
}

/// What is known of a file without reading it; `None` where there is none.
type Look = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// The thread's own.
struct Watcher {
    files: Vec<PathBuf>,
    looks: Vec<Look>,
    inotify: OwnedFd,
    /// By number of the watch: the folder, and the names in it that ways go through.
    steps: BTreeMap<i32, BTreeSet<OsString>>,
    changed: Sender<()>,
}

impl Watcher {
    fn new(files: &[PathBuf], changed: Sender<()>) -> io::Result<Self> {
        let files = files
            .iter()
            .map(std::path::absolute)
            .collect::<io::Result<Vec<_>>>()?;
        let mut watcher = Self {
            looks: Vec::new(),
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            steps: BTreeMap::new(),
            files,
            changed,
        };
        watcher.arm()?;
        watcher.looks = watcher.look();
        Ok(watcher)
    }

    /// Sleeps until something happens, waits for quiet, looks; until `stop` can be read.
    fn run(&mut self, stop: &OwnedFd) {
        loop {
            if self.wait(stop, None) != Woken::Event {
                return;
            }
            if !self.drain() {
                continue;
            }
            let patience = Instant::now() + PATIENCE;
            let mut quiet = Instant::now() + QUIET;
            loop {
                let until = quiet
                    .min(patience)
                    .saturating_duration_since(Instant::now());
                match self.wait(stop, Some(until)) {
                    Woken::Event if Instant::now() >= patience => break,
                    Woken::Event => {
                        if self.drain() {
                            quiet = Instant::now() + QUIET;
                        }
                    }
                    Woken::Timeout => break,
                    Woken::Stop => return,
                }
            }
            self.settle();
        }
    }

    /// Looks at the files, watches the ways that lead to them now, and tells if one is not what it was.
    fn settle(&mut self) {
        if let Err(error) = self.arm() {
            tracing::warn!(
                "some policy files are not watched any more, use 'secgroup reload': {error}"
            );
        }
        let looks = self.look();
        if looks != self.looks {
            self.looks = looks;
            // A change that is waiting to be taken stands for this one, too.
            let _ = self.changed.try_send(());
        }
    }

    fn look(&self) -> Vec<Look> {
        let look = |path: &PathBuf| {
            let file = fs::metadata(path).ok()?;
            let (mtime, ctime) = (
                (file.mtime(), file.mtime_nsec()),
                (file.ctime(), file.ctime_nsec()),
            );
            Some((
                file.dev(),
                file.ino(),
                file.size(),
                mtime.0,
                mtime.1,
                ctime.0,
                ctime.1,
            ))
        };
        self.files.iter().map(look).collect()
    }

    /// Watches every folder on the ways, and none besides. Watches come before looks: what happens in between is seen.
    fn arm(&mut self) -> io::Result<()> {
        let mut wanted: BTreeMap<i32, BTreeSet<OsString>> = BTreeMap::new();
        let mut fault = None;
        let mut ways = self.ways();
        for _ in 0..ARM_ATTEMPTS {
            wanted.clear();
            for (folder, name) in &ways {
                match inotify::add_watch(&self.inotify, folder, EVENTS) {
                    Ok(number) => {
                        wanted.entry(number).or_default().insert(name.clone());
                    }
                    // Gone already, or none of our business: what was before it on the way is watched.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => {}
                    Err(error) => fault = Some(error),
                }
            }
            // A way that changed before it was watched has nobody to tell of it.
            let now = self.ways();
            if now == ways {
                break;
            }
            ways = now;
        }
        for number in self
            .steps
            .keys()
            .filter(|number| !wanted.contains_key(number))
        {
            // A folder that is gone took its watch with it.
            let _ = inotify::remove_watch(&self.inotify, *number);
        }
        self.steps = wanted;
        fault.map_or(Ok(()), |error| Err(error.into()))
    }

    fn ways(&self) -> BTreeSet<(PathBuf, OsString)> {
        self.files.iter().flat_map(|file| steps(file)).collect()
    }

    /// Takes the events that are there; whether one of them is about a step.
    fn drain(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut matters = false;
        while let Ok(event) = events.next() {
            let is_step = event.file_name().is_some_and(|name| {
                let name = OsStr::from_bytes(name.to_bytes());
                self.steps
                    .get(&event.wd())
                    .is_some_and(|names| names.contains(name))
            });
            // Lost events may have been about steps.
            matters |= is_step || event.events().contains(ReadFlags::QUEUE_OVERFLOW);
        }
        matters
    }

    /// Sleeps until there are events, or it is time.
    fn wait(&self, stop: &OwnedFd, time: Option<Duration>) -> Woken {
        let time = time.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let mut fds = [
            PollFd::new(stop, PollFlags::IN),
            PollFd::new(&self.inotify, PollFlags::IN),
        ];
        match poll(&mut fds, time.as_ref()) {
            Ok(0) => Woken::Timeout,
            Ok(_) if !fds[0].revents().is_empty() => Woken::Stop,
            Ok(_) | Err(Errno::INTR) => Woken::Event,
            Err(error) => {
                tracing::warn!(
                    "policy files are not watched any more, use 'secgroup reload': {error}"
                );
                Woken::Stop
            }
        }
    }
}

/// Why a sleep ended.
#[derive(Debug, PartialEq, Eq)]
enum Woken {
    Event,
    Timeout,
    Stop,
}

/// The steps to a file: each folder, and the name in it that comes next. They end at the file, or where something is not there.
fn steps(path: &Path) -> Vec<(PathBuf, OsString)> {
    let mut way = Way::to(path);
    let mut steps = Vec::new();
    while let Some(name) = way.step() {
        let next = way.at().join(&name);
        steps.push((way.at().to_owned(), name.clone()));
        match fs::symlink_metadata(&next) {
            Ok(seen) if seen.is_symlink() => match fs::read_link(&next) {
                Ok(target) if way.follow(&target) => {}
                Ok(_) | Err(_) => break,
            },
            Ok(_) => way.enter(name),
            Err(_) => break,
        }
    }
    steps
}

#[cfg(test)]
mod tests;
