//! Opening and closing the devices of links: all shards of one, or none.

use std::sync::Arc;

use secgroup_packet::InterfaceIndex;

use super::{Control, Links, lock};
use crate::events::Event;
use crate::mailbox::Command;
use crate::supervisor::Notice;
use crate::worker::{LinkSpec, queue_of};
use crate::{Attached, LinkState, Open, Shard};

impl Control {
    /// Opens the devices of a link and gives them to its workers.
    pub(super) fn open(&self, interface: InterfaceIndex) {
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
        let handed_out = self
            .open_shards(open.as_ref(), spec.count())
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

    /// Opens the devices of every shard. A runtime that is stopped opens none: whoever stops it puts devices back to how they were, and must not be
    /// overtaken.
    fn open_shards(&self, open: &dyn Open, count: u16) -> Result<Vec<Attached>, String> {
        let open_one = |index| {
            if self.is_stopped() {
                return Err("everything is about to end".to_owned());
            }
            open.open(Shard { index, count })
                .map_err(|error| error.to_string())
        };
        (0..count).map(open_one).collect()
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
    pub(super) fn close(&self, spec: &LinkSpec) {
        let interface = spec.interface;
        for worker in &spec.workers {
            let _closed = self
                .mailbox(*worker)
                .and_then(|mailbox| mailbox.answer(|done| Command::Close { interface, done }));
        }
    }

    /// Notes the state of a link, and tells where it is a new one.
    pub(super) fn note(&self, interface: InterfaceIndex, state: LinkState) {
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

pub(super) fn is_away(worker: u16) -> LinkState {
    LinkState::Closed(format!("worker {worker} panicked and is started again"))
}
