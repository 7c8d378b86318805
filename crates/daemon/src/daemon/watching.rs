//! What may change outside: devices and policy files.
//!
//! Devices are watched by a thread that sleeps in the kernel until one changes. It ends with the process: there is no
//! moment at which a daemon does not want to know.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded, never};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use secgroup_io::live::device::DeviceWatch;
use tracing::{debug, warn};

use super::operator::Operator;
use crate::policy::PolicyWatch;

/// The watches of a daemon.
pub(super) struct Watches {
    devices: Receiver<()>,
    policy: Option<PolicyWatch>,
    /// What `policy` watches; nothing where the configuration wants none.
    files: Vec<PathBuf>,
    never: Receiver<()>,
}

impl Watches {
    pub(super) fn new(operator: &Operator) -> Self {
        let mut watches = Self {
            devices: watch_devices(),
            policy: None,
            files: Vec::new(),
            never: never(),
        };
        watches.again(operator);
        watches
    }

    /// Watches the files of the configuration that is in force now. A watch that has these files already goes on: what
    /// changes between the end of one and the beginning of the next would go unnoticed.
    pub(super) fn again(&mut self, operator: &Operator) {
        let config = operator.config();
        let files = if config.watch {
            config.policy.files
        } else {
            Vec::new()
        };
        if files == self.files {
            return;
        }
        self.policy = None;
        self.files.clear();
        if !files.is_empty() {
            match PolicyWatch::start(&files) {
                Ok(watch) => (self.policy, self.files) = (Some(watch), files),
                Err(error) => warn!("policy files are not watched, use 'secgroup reload': {error}"),
            }
        }
    }

    /// Something happened to a device.
    pub(super) const fn devices(&self) -> &Receiver<()> {
        &self.devices
    }

    /// Something happened to a policy file.
    pub(super) fn policy(&self) -> &Receiver<()> {
        self.policy
            .as_ref()
            .map_or(&self.never, PolicyWatch::changed)
    }
}

fn watch_devices() -> Receiver<()> {
    let (changed, changes) = bounded(1);
    match DeviceWatch::open() {
        Ok(watch) => {
            std::thread::spawn(move || tell_of_devices(watch, &changed));
            changes
        }
        Err(error) => {
            warn!("devices are not watched, one that comes back is found within seconds: {error}");
            never()
        }
    }
}

fn tell_of_devices(mut watch: DeviceWatch, changed: &Sender<()>) {
    loop {
        let mut fds = [PollFd::from_borrowed_fd(watch.fd(), PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return warn!("devices are not watched any more: {error}"),
        }
        match watch.changes() {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                debug!(?changes, "devices changed");
                // A change that is waiting to be looked at stands for all.
                let _ = changed.try_send(());
            }
            Err(error) => return warn!("devices are not watched any more: {error}"),
        }
    }
}
