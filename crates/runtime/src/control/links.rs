//! Attaching and detaching links, opening and closing their devices.

use std::sync::Arc;

use secgroup_datapath::Pool;
use secgroup_packet::InterfaceIndex;

use super::{Attachment, Control, Links, lock};
use crate::events::Event;
use crate::mailbox::Command;
use crate::supervisor::Notice;
use crate::worker::{LinkSpec, queue_of};
use crate::{AttachError, Attached, LinkSettings, LinkState, OpenError, Shard};

impl Control {
    /// Gives a link to workers and opens it, if its devices are there.
    pub(crate) fn attach(&self, settings: LinkSettings) -> Result<(), AttachError> {
        let _one_at_a_time = lock(&self.changes);
        let interface = settings.interface;
        let spec = Arc::new(self.place(&settings)?);
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
            self.install(&spec, shard, *worker);
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
            audit: settings.audit,
            ethertypes: settings.ethertypes.clone(),
            workers: (0..settings.shards)
                .map(|shard| (first + shard) % workers)
                .collect(),
            pool: (settings.shards > 1).then(|| Arc::new(Pool::new())),
        })
    }

    fn install(&self, spec: &Arc<LinkSpec>, shard: u16, worker: u16) {
        // A worker that rests takes its links when it comes back.
        let _installed = self.mailbox(worker).and_then(|mailbox| {
            mailbox.answer(|done| Command::Install {
                spec: Arc::clone(spec),
                shard,
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
            for (shard, at) in (0..).zip(&spec.workers) {
                if *at == worker {
                    self.install(&spec, shard, worker);
                }
            }
            let comes_back = lock(&self.links)
                .attached
                .get(&spec.interface)
                .is_some_and(|link| link.comes_back);
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

    /// Opens the devices of a link and gives them to its workers.
    fn open(&self, interface: InterfaceIndex) {
        let (open, spec, epoch) = {
            let mut links = lock(&self.links);
            links.epochs += 1;
            let epoch = links.epochs;
            let Links { attached, away, .. } = &mut *links;
            let Some(link) = attached.get_mut(&interface) else {
                return;
            };
            if let Some(worker) = link
                .spec
                .workers
                .iter()
                .find(|worker| away.contains(worker))
            {
                let state = is_away(*worker);
                drop(links);
                return self.note(interface, state); // It is opened when the worker is back.
            }
            link.epoch = epoch;
            let (open, spec) = (&link.settings.open, &link.spec);
            (Arc::clone(open), Arc::clone(spec), epoch)
        };
        let count = spec.count();
        let opened: Result<Vec<Attached>, OpenError> = (0..count)
            .map(|index| open.open(Shard { index, count }))
            .collect();
        let handed_out = opened
            .map_err(|error| error.to_string())
            .and_then(|devices| self.hand_out(&spec, epoch, devices));
        let state = match handed_out {
            Ok(()) => LinkState::Open,
            Err(reason) => {
                self.close(&spec);
                LinkState::Closed(reason)
            }
        };
        self.note(interface, state);
    }

    /// Gives open devices to workers. All have theirs before the first listens: what one hands over finds the other ready.
    fn hand_out(&self, spec: &LinkSpec, epoch: u64, devices: Vec<Attached>) -> Result<(), String> {
        let interface = spec.interface;
        for (from, devices) in (0..).zip(&devices) {
            self.hand_out_settlers(spec, epoch, from, devices)?;
        }
        for (worker, devices) in spec.workers.iter().zip(devices) {
            self.mailbox(*worker)
                .and_then(|mailbox| {
                    mailbox.answer(|done| Command::Open {
                        interface,
                        epoch,
                        devices,
                        done,
                    })
                })
                .filter(|taken| *taken)
                .ok_or_else(|| format!("worker {worker} does not take it"))?;
        }
        for worker in &spec.workers {
            if let Some(mailbox) = self.mailbox(*worker) {
                mailbox.send(Command::Listen { interface, epoch });
            }
        }
        Ok(())
    }

    /// Gives every other shard a way to settle packets of this one's queue.
    fn hand_out_settlers(
        &self,
        spec: &LinkSpec,
        epoch: u64,
        from: u16,
        devices: &Attached,
    ) -> Result<(), String> {
        let Some(queue) = queue_of(devices) else {
            return Ok(());
        };
        let interface = spec.interface;
        for (shard, worker) in (0_u16..).zip(&spec.workers) {
            if shard == from {
                continue;
            }
            let settler = queue.settler();
            let settler =
                settler.map_err(|error| format!("its queue cannot be shared: {error}"))?;
            if let Some(mailbox) = self.mailbox(*worker) {
                mailbox.send(Command::Settler {
                    interface,
                    from,
                    epoch,
                    settler,
                });
            }
        }
        Ok(())
    }

    /// Closes the devices of a link, wherever they are.
    fn close(&self, spec: &LinkSpec) {
        let interface = spec.interface;
        for worker in &spec.workers {
            let _closed = self
                .mailbox(*worker)
                .and_then(|mailbox| mailbox.answer(|done| Command::Close { interface, done }));
        }
    }

    /// Notes the state of a link, and tells where it is a new one.
    fn note(&self, interface: InterfaceIndex, state: LinkState) {
        let event = {
            let mut links = lock(&self.links);
            let Some(link) = links.attached.get_mut(&interface) else {
                return;
            };
            if link.state == state {
                return;
            }
            let name = link.settings.name.clone();
            let event = match &state {
                LinkState::Open => {
                    let again = std::mem::replace(&mut link.was_open, true);
                    Event::LinkOpened {
                        interface,
                        name,
                        again,
                    }
                }
                LinkState::Closed(reason) => {
                    // The supervisor may be asleep for want of closed links.
                    let _ = self.notices.send(Notice::Closed);
                    let reason = reason.clone();
                    Event::LinkClosed {
                        interface,
                        name,
                        reason,
                    }
                }
            };
            link.state = state;
            event
        };
        self.hub.tell(&event);
    }
}

fn is_away(worker: u16) -> LinkState {
    LinkState::Closed(format!("worker {worker} panicked and is started again"))
}

impl Attachment {
    fn waits(&self) -> bool {
        self.comes_back && self.state != LinkState::Open
    }
}
