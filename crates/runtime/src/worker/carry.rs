//! Frames of one device, or of one parcel, through the engine and on; and what happens when a device does not give any.

use std::io;

use secgroup_io::live::{BURST, Gone, PacketId, Port, Queue, ReceiveError};

use super::burst::{Burst, Medium, Origin};
use super::forward::{Select, settle};
use super::link::{Gate, Link};
use super::{Token, Worker};
use crate::Attached;
use crate::handoff::{Hop, Label, Parcel, Side};
use crate::supervisor::Notice;

impl Worker {
    /// Takes a burst from a device and carries it on; whether there was one.
    pub(super) fn carry(&mut self, token: Token) -> io::Result<bool> {
        let Some(Some(link)) = self.links.get_mut(token.place) else {
            return Ok(false);
        };
        let Some(devices) = &mut link.devices else {
            return Ok(false);
        };
        let Some(receiver) = devices.receiver_mut(token.side) else {
            return Ok(false);
        };
        let received = receiver.receive(BURST);
        let gate = &mut devices.gates[token.side as usize];
        match received {
            Ok(frames) => {
                gate.works(frames);
                if frames > 0 {
                    self.carry_received(token, frames);
                }
                return Ok(frames > 0);
            }
            Err(ReceiveError::Down) => gate.goes_down(self.judge.now),
            Err(ReceiveError::Io(_)) => gate.fails(self.judge.now),
            Err(ReceiveError::Gone(Gone::End)) => gate.is_at_end = true,
            Err(ReceiveError::Gone(gone)) => {
                let reason = format!("{}: {}", devices.name(token.side), ReceiveError::Gone(gone));
                self.lose(token.place, reason, true);
                return Ok(false);
            }
        }
        if devices.are_at_end() {
            let reason = ReceiveError::Gone(Gone::End).to_string();
            self.lose(token.place, reason, false);
            return Ok(false);
        }
        if gate_rests(&devices.gates[token.side as usize]) {
            self.ignore(token)?;
        }
        Ok(false)
    }

    fn carry_received(&mut self, token: Token, frames: usize) {
        self.frames += frames as u64;
        let Some(Some(link)) = self.links.get_mut(token.place) else {
            return;
        };
        link.counts.sides[token.side as usize].received += frames as u64;
        let label = Label {
            interface: link.spec.interface,
            epoch: link.epoch,
            shard: link.shard,
            side: token.side,
            hop: Hop::Owner,
        };
        let Some(mut devices) = link.devices.take() else {
            return;
        };
        let mut burst = std::mem::take(&mut self.buffers).recycle();
        let mut carrier = Carrier {
            worker: self,
            place: token.place,
            label,
            hop: None,
        };
        let mut settled = Ok(());
        let burst = match &mut devices.attached {
            Attached::Inline { inside, outside } => {
                let (from, to) = sides(token.side, inside, outside);
                let arrived = (0..frames).map(|index| (from.frame(index), PacketId(0)));
                burst.arrived.extend(arrived);
                carrier.inline(&mut burst, to);
                let burst = burst.recycle();
                carrier.tell_senders(burst, from)
            }
            Attached::Host(queue) => {
                let arrived = (0..frames).map(|index| (queue.frame(index), queue.id(index)));
                burst.arrived.extend(arrived);
                carrier.host(&mut burst);
                let burst = burst.recycle();
                settled = carrier.settle(queue.as_mut());
                burst
            }
            Attached::Watch { receiver, sees } => {
                let arrived = (0..frames).map(|index| (receiver.frame(index), PacketId(0)));
                burst.arrived.extend(arrived);
                carrier.judge(Medium::Watch(*sees), &mut burst);
                burst.recycle()
            }
        };
        self.buffers = burst;
        if let Some(Some(link)) = self.links.get_mut(token.place) {
            link.devices = Some(devices);
        }
        self.lose_unless(settled, token.place);
    }

    /// Carries on what another worker handed over.
    pub(super) fn carry_parcel(&mut self, parcel: &Parcel) {
        let label = parcel.label();
        let count = parcel.len() as u64;
        let found = self
            .link(label.interface)
            .map(|(place, link)| (place, link.epoch));
        let Some((place, _)) = found.filter(|(_, epoch)| *epoch == label.epoch) else {
            self.late += count;
            return;
        };
        let Some(mut devices) = self.links[place]
            .as_mut()
            .and_then(|link| link.devices.take())
        else {
            self.late += count;
            return;
        };
        self.frames += count;
        let mut burst = std::mem::take(&mut self.buffers).recycle();
        burst.arrived.extend(parcel.frames());
        let mut carrier = Carrier {
            worker: self,
            place,
            label,
            hop: Some(label.hop),
        };
        let mut settled = Ok(());
        let burst = match &mut devices.attached {
            Attached::Inline { inside, outside } => {
                let (from, to) = sides(label.side, inside, outside);
                carrier.inline(&mut burst, to);
                let burst = burst.recycle();
                carrier.tell_senders(burst, from)
            }
            Attached::Host(queue) => {
                carrier.host(&mut burst);
                settled = carrier.settle(queue.as_mut());
                burst.recycle()
            }
            Attached::Watch { sees, .. } => {
                carrier.judge(Medium::Watch(*sees), &mut burst);
                burst.recycle()
            }
        };
        self.buffers = burst;
        if let Some(link) = &mut self.links[place] {
            link.devices = Some(devices);
        }
        self.lose_unless(settled, place);
    }

    /// A queue whose packets cannot be settled fills up for good: it is closed, which drops what it holds, and opened again.
    fn lose_unless(&mut self, settled: io::Result<()>, place: usize) {
        if let Err(error) = settled {
            let reason = format!("queue: packets cannot be settled: {error}");
            self.lose(place, reason, true);
        }
    }

    /// A link lost a device for good: its others are closed too, and the supervisor is told.
    fn lose(&mut self, place: usize, reason: String, comes_back: bool) {
        let Some(Some(link)) = self.links.get(place) else {
            return;
        };
        let notice = Notice::Lost {
            interface: link.spec.interface,
            epoch: link.epoch,
            reason,
            comes_back,
        };
        self.close(place);
        // The supervisor is gone only when everything stops.
        let _ = self.parts.notices.send(notice);
    }
}

/// Whether a port is to be left alone.
const fn gate_rests(gate: &Gate) -> bool {
    gate.rests_until.is_some() || gate.is_at_end
}

/// Where frames of `side` come from, and where they go to.
fn sides<'p>(
    side: Side,
    inside: &'p mut Box<dyn Port>,
    outside: &'p mut Box<dyn Port>,
) -> (&'p mut dyn Port, &'p mut dyn Port) {
    match side {
        Side::First => (inside.as_mut(), outside.as_mut()),
        Side::Second => (outside.as_mut(), inside.as_mut()),
    }
}

/// The worker while it carries one burst, whose link's devices are taken out meanwhile.
struct Carrier<'w> {
    worker: &'w mut Worker,
    place: usize,
    label: Label,
    hop: Option<Hop>,
}

impl Carrier<'_> {
    fn link(&mut self) -> Option<&mut Link> {
        self.worker.links.get_mut(self.place)?.as_mut()
    }

    fn judge(&mut self, medium: Medium, burst: &mut Burst<'_>) {
        let Some(Some(link)) = self.worker.links.get_mut(self.place) else {
            return;
        };
        let origin = Origin {
            spec: &link.spec,
            me: link.shard,
            audit: link.audit,
            medium,
            label: self.label,
            hop: self.hop,
        };
        self.worker.judge.judge(&origin, &mut link.counts, burst);
    }

    /// Judges a burst and sends on what passes, in one call.
    fn inline(&mut self, burst: &mut Burst<'_>, to: &mut dyn Port) {
        self.judge(Medium::Inline, burst);
        let Some(Some(link)) = self.worker.links.get_mut(self.place) else {
            return;
        };
        let mut select = Select {
            audit: link.audit,
            mtu: to.mtu(),
            now: self.worker.judge.now,
            counts: &mut link.counts,
            limit: &mut link.errors,
            errors: &mut self.worker.errors,
        };
        select.select(burst);
        if !burst.out.is_empty() {
            let other = 1 - self.label.side as usize;
            link.counts.sides[other].transmitted(to.transmit(&burst.out));
        }
    }

    /// Sends what senders of packets that were too large have to know back to where these came from.
    fn tell_senders(&mut self, burst: Burst<'static>, from: &mut dyn Port) -> Burst<'static> {
        if self.worker.errors.is_empty() {
            return burst;
        }
        let mut errors = std::mem::take(&mut self.worker.errors);
        let mut burst: Burst<'_> = burst.recycle();
        let told = errors.send(from, &mut burst.out);
        let burst = burst.recycle();
        self.worker.errors = errors;
        if let Some(link) = self.link() {
            link.counts.oversize_told += u64::from(told);
        }
        burst
    }

    /// Judges packets of a queue, and leaves what becomes of them in `settled`.
    fn host(&mut self, burst: &mut Burst<'_>) {
        self.judge(Medium::Host, burst);
        let audit = self.link().is_some_and(|link| link.audit);
        settle(audit, burst, &mut self.worker.settled);
    }

    /// Settles the packets with the queue from which they came: `own`, or that of another shard.
    fn settle(&mut self, own: &mut dyn Queue) -> io::Result<()> {
        let Some(Some(link)) = self.worker.links.get_mut(self.place) else {
            return Ok(());
        };
        let settled = &self.worker.settled;
        if settled.is_empty() {
            return Ok(());
        }
        let done = link.settle(self.label.shard, own, settled);
        self.count_settled(done.is_ok());
        done
    }

    /// Counts accepted packets as sent, and all as not sent where the kernel did not listen.
    fn count_settled(&mut self, done: bool) {
        let all = self.worker.settled.len() as u64;
        let drop = secgroup_io::live::QueueVerdict::Drop;
        let dropped = self
            .worker
            .settled
            .iter()
            .filter(|(_, verdict)| *verdict == drop)
            .count();
        if let Some(link) = self.link() {
            let counts = &mut link.counts.sides[0];
            if done {
                counts.sent += all - dropped as u64;
            } else {
                counts.not_sent += all;
            }
        }
    }
}
