//! Attaching and detaching links, and what becomes of them when a device or a worker fails.

use std::sync::Arc;

use secgroup_datapath::Pool;
use secgroup_packet::InterfaceIndex;

use super::opening::is_away;
use super::{Attachment, Control, lock};
use crate::mailbox::Command;
use crate::worker::LinkSpec;
use crate::{AttachError, LinkSettings, LinkState};

impl Control {
    /// Gives a link to workers and opens it, if its devices are there.
    pub(crate) fn attach(&self, settings: LinkSettings) -> Result<(), AttachError> {
        let _one_at_a_time = lock(&self.changes);
        let interface = settings.interface;
        let spec = Arc::new(self.place(&settings)?);
        let audit = settings.audit;
        let parked = {
            let mut links = lock(&self.links);
            let attachment = Attachment {
                settings,
                spec: Arc::clone(&spec),
                epoch: 0,
                state: LinkState::Closed("it was not opened yet".to_owned()),
                comes_back: true,
                was_open: false,
            };
            links.attached.insert(interface, attachment);
            links.parked.remove(&interface).unwrap_or_default()
        };
        for (shard, worker) in (0..).zip(&spec.workers) {
            self.install(&spec, shard, *worker, audit);
        }
        self.restore_to(&spec, &parked);
        self.open(interface);
        Ok(())
    }

    /// Which workers a link's shards go to: the first where it is asked for, or where there are fewest, and the others to those that follow.
    fn place(&self, settings: &LinkSettings) -> Result<LinkSpec, AttachError> {
        let workers = u16::try_from(self.mailboxes.len()).unwrap_or(u16::MAX);
        let links = lock(&self.links);
        let name = || settings.name.clone();
        if let Some(other) = links.attached.get(&settings.interface) {
            let other = other.settings.name.clone();
            return Err(AttachError::Duplicate {
                name: name(),
                other,
            });
        }
        if !(1..=workers).contains(&settings.shards) {
            let shards = settings.shards;
            return Err(AttachError::Shards {
                name: name(),
                shards,
                workers,
            });
        }
        let taken = |worker| {
            let attached = links.attached.values();
            attached
                .flat_map(|link| &link.spec.workers)
                .filter(|of| **of == worker)
                .count()
        };
        let first = match settings.worker {
            Some(worker) if worker < workers => worker,
            Some(worker) => {
                return Err(AttachError::Worker {
                    name: name(),
                    worker,
                    workers,
                });
            }
            None => (0..workers)
                .min_by_key(|worker| taken(*worker))
                .unwrap_or(0),
        };
        Ok(LinkSpec {
            interface: settings.interface,
            ethertypes: settings.ethertypes.clone(),
            workers: (0..settings.shards)
                .map(|shard| (first + shard) % workers)
                .collect(),
            pool: (settings.shards > 1).then(|| Arc::new(Pool::new())),
        })
    }

    fn install(&self, spec: &Arc<LinkSpec>, shard: u16, worker: u16, audit: bool) {
        // A worker that rests takes its links when it comes back.
        let _installed = self.mailbox(worker).and_then(|mailbox| {
            mailbox.answer(|done| Command::Install {
                spec: Arc::clone(spec),
                shard,
                audit,
                done,
            })
        });
    }

    /// Takes a link from its workers; whether there was one.
    pub(crate) fn detach(&self, interface: InterfaceIndex) -> bool {
        let _one_at_a_time = lock(&self.changes);
        let Some(link) = lock(&self.links).attached.remove(&interface) else {
            return false;
        };
        for worker in &link.spec.workers {
            let _uninstalled = self
                .mailbox(*worker)
                .and_then(|mailbox| mailbox.answer(|done| Command::Uninstall { interface, done }));
        }
        self.park(&link.spec);
        true
    }

    /// Enforces the verdicts of a link, or only counts them, on every shard; whether there is such a link. Its devices stay open.
    pub(crate) fn set_audit(&self, interface: InterfaceIndex, audit: bool) -> bool {
        let _one_at_a_time = lock(&self.changes);
        let spec = {
            let mut links = lock(&self.links);
            let Some(link) = links.attached.get_mut(&interface) else {
                return false;
            };
            // A worker that comes back is told so, too.
            link.settings.audit = audit;
            Arc::clone(&link.spec)
        };
        let of_link = spec.workers.iter().filter_map(|worker| {
            let mailbox = self.mailbox(*worker)?;
            let command = |done| Command::Audit {
                interface,
                audit,
                done,
            };
            Some((*worker, mailbox.ask(command)))
        });
        self.await_all(of_link.collect(), "enforce verdicts, or to only count them");
        true
    }

    /// Whether a closed link waits to be opened.
    pub(crate) fn waits(&self) -> bool {
        lock(&self.links).attached.values().any(Attachment::waits)
    }

    /// Tries the links that are closed.
    pub(crate) fn open_closed(&self) {
        let _one_at_a_time = lock(&self.changes);
        let waiting: Vec<_> = {
            let links = lock(&self.links);
            let waiting = links.attached.iter().filter(|(_, link)| link.waits());
            waiting.map(|(interface, _)| *interface).collect()
        };
        for interface in waiting {
            self.open(interface);
        }
    }

    /// A shard lost a device: the others are closed, too.
    pub(crate) fn lost(
        &self,
        interface: InterfaceIndex,
        epoch: u64,
        reason: &str,
        comes_back: bool,
    ) {
        let _one_at_a_time = lock(&self.changes);
        let spec = {
            let mut links = lock(&self.links);
            let Some(link) = links.attached.get_mut(&interface) else {
                return;
            };
            if link.epoch != epoch {
                return;
            }
            link.comes_back = comes_back;
            Arc::clone(&link.spec)
        };
        self.close(&spec);
        self.note(interface, LinkState::Closed(reason.to_owned()));
    }

    /// A worker panicked: its links are closed on the others, too.
    pub(crate) fn worker_left(&self, worker: u16) {
        let _one_at_a_time = lock(&self.changes);
        lock(&self.links).away.insert(worker);
        for spec in self.links_of(worker) {
            self.close(&spec);
            self.note(spec.interface, is_away(worker));
        }
    }

    /// A worker is back, and gets its links again.
    pub(crate) fn worker_came_back(&self, worker: u16) {
        let _one_at_a_time = lock(&self.changes);
        lock(&self.links).away.remove(&worker);
        for spec in self.links_of(worker) {
            let Some((audit, comes_back)) = lock(&self.links)
                .attached
                .get(&spec.interface)
                .map(|link| (link.settings.audit, link.comes_back))
            else {
                continue;
            };
            for (shard, at) in (0..).zip(&spec.workers) {
                if *at == worker {
                    self.install(&spec, shard, worker, audit);
                }
            }
            if comes_back {
                self.open(spec.interface);
            }
        }
    }

    fn links_of(&self, worker: u16) -> Vec<Arc<LinkSpec>> {
        let links = lock(&self.links);
        let specs = links.attached.values().map(|link| &link.spec);
        specs
            .filter(|spec| spec.workers.contains(&worker))
            .cloned()
            .collect()
    }
}

impl Attachment {
    fn waits(&self) -> bool {
        self.comes_back && self.state != LinkState::Open
    }
}
