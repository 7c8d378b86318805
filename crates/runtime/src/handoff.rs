//! Frames on their way from the worker that received them to the one that owns their connection.
//!
//! Every worker has one inbox. Frames for the same worker, link and side are copied into a [`Parcel`] while a burst is looked at, and
//! the parcel is sent when the burst is through, so that a wake-up and a channel operation are paid for a burst and not for a frame. The
//! receiver sends the emptied parcel back to whom it belongs: in steady state nothing is allocated.
//!
//! Between each two workers lies a [`Lane`]: it counts what waits. Only the sender adds to it, so it can tell *before* it copies
//! a frame whether there is room, and drop (and count, and settle) it on the spot. The inbox itself is large enough for all lanes.
//! (The counts are relaxed: they bound memory, and it is the channel that orders what is in the parcels.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use secgroup_io::live::{BURST, Heard, LiveFrame, PacketId, VnetHeader};
use secgroup_packet::{InterfaceIndex, LinkType};

use crate::mailbox::Waker;

/// A frame counts once for each started piece of this many bytes: an offloaded frame of 64 KiB takes the memory of 32 small ones.
const PIECE: usize = 2048;
/// Bytes in a parcel after which it is sent; also what an emptied one may keep.
const PARCEL_BYTES: usize = 64 << 10;
/// Parcels that may wait in a lane, however few frames are in them.
const LANE_PARCELS: u32 = 256;
/// Frames that may wait in a lane, whatever the settings say.
const LANE_FRAMES: usize = 1 << 16;
/// Emptied parcels that may wait for their sender to use them again: all of two full lanes, or 32 MiB at most.
const EMPTIES: usize = 2 * LANE_PARCELS as usize;

/// Where in a link a frame was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The instance's side, and the only one of a queue or a watched device.
    First,
    /// The network's side.
    Second,
}

/// Why a frame was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hop {
    /// A fragment, to the shard of its addresses, which knows where the datagram goes.
    Fragment,
    /// To the shard that decides it.
    Owner,
}

/// Where a parcel comes from, and what becomes of what is in it: frames in one parcel share this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) interface: InterfaceIndex,
    /// The opening of the link's devices at which they were received.
    pub(crate) epoch: u64,
    /// The shard that received them.
    pub(crate) shard: u16,
    pub(crate) side: Side,
    pub(crate) hop: Hop,
}

/// Frames of one label, copied.
#[derive(Debug)]
pub(crate) struct Parcel {
    label: Label,
    from: u16,
    weight: u32,
    bytes: Vec<u8>,
    frames: Vec<Packed>,
}

#[derive(Debug, Clone, Copy)]
struct Packed {
    start: usize,
    end: usize,
    link: LinkType,
    wire_len: u32,
    vnet: VnetHeader,
    heard: Heard,
    id: PacketId,
}

impl Parcel {
    fn new(label: Label, from: u16) -> Self {
        Self {
            label,
            from,
            weight: 0,
            bytes: Vec::new(),
            frames: Vec::with_capacity(BURST),
        }
    }

    fn put(&mut self, frame: &LiveFrame<'_>, id: PacketId) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame.data);
        self.weight += weight(frame);
        self.frames.push(Packed {
            start,
            end: self.bytes.len(),
            link: frame.link,
            wire_len: frame.wire_len,
            vnet: frame.vnet,
            heard: frame.heard,
            id,
        });
    }

    fn is_full(&self) -> bool {
        self.frames.len() >= BURST || self.bytes.len() >= PARCEL_BYTES
    }

    fn empty(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(PARCEL_BYTES);
        self.frames.clear();
        self.weight = 0;
    }

    pub(crate) const fn label(&self) -> Label {
        self.label
    }

    pub(crate) const fn len(&self) -> usize {
        self.frames.len()
    }

    /// The frames, and their numbers in a queue.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (LiveFrame<'_>, PacketId)> {
        self.frames.iter().map(|packed| {
            let frame = LiveFrame {
                data: &self.bytes[packed.start..packed.end],
                link: packed.link,
                wire_len: packed.wire_len,
                vnet: packed.vnet,
                heard: packed.heard,
            };
            (frame, packed.id)
        })
    }
}

fn weight(frame: &LiveFrame<'_>) -> u32 {
    u32::try_from(frame.data.len() / PIECE).unwrap_or(u32::MAX - 1) + 1
}

/// What waits on the way from one worker to another.
#[derive(Debug, Default)]
struct Lane {
    /// Frames, by weight.
    frames: AtomicU32,
    parcels: AtomicU32,
}

/// The ways between all workers.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// Most frames that may wait in a lane.
    limit: u32,
    /// By receiver and sender.
    lanes: Vec<Vec<Lane>>,
    inboxes: Vec<Sender<Box<Parcel>>>,
    empties: Vec<Sender<Box<Parcel>>>,
    wakers: Vec<Arc<Waker>>,
}

/// A worker's end of the mesh.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    parcels: Receiver<Box<Parcel>>,
    empties: Receiver<Box<Parcel>>,
}

impl Mesh {
    /// The mesh of the workers with these wakers, and each one's inbox. `limit` frames may wait from one to another.
    pub(crate) fn new(wakers: Vec<Arc<Waker>>, limit: usize) -> (Arc<Self>, Vec<Inbox>) {
        let workers = wakers.len();
        let limit = u32::try_from(limit.clamp(1, LANE_FRAMES)).unwrap_or(1);
        let room = (LANE_PARCELS as usize * workers.saturating_sub(1)).max(1);
        let (mut inboxes, mut returns, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..workers {
            let (inbox, parcels) = bounded(room);
            let (back, empties) = bounded(EMPTIES);
            inboxes.push(inbox);
            returns.push(back);
            ends.push(Inbox { parcels, empties });
        }
        let row = || (0..workers).map(|_| Lane::default()).collect();
        let mesh = Self {
            limit,
            lanes: (0..workers).map(|_| row()).collect(),
            inboxes,
            empties: returns,
            wakers,
        };
        (Arc::new(mesh), ends)
    }

    fn lane(&self, from: u16, to: u16) -> &Lane {
        &self.lanes[usize::from(to)][usize::from(from)]
    }
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }
}

/// What one worker hands to others and takes from them.
#[derive(Debug)]
pub(crate) struct Outbox {
    me: u16,
    mesh: Arc<Mesh>,
    inbox: Inbox,
    /// By receiver: what is being packed.
    open: Vec<Option<Box<Parcel>>>,
    /// Receivers that have something in `open`.
    dirty: Vec<u16>,
}

impl Outbox {
    pub(crate) fn new(me: u16, mesh: Arc<Mesh>, inbox: Inbox) -> Self {
        let workers = mesh.inboxes.len();
        Self {
            me,
            mesh,
            inbox,
            open: (0..workers).map(|_| None).collect(),
            dirty: Vec::with_capacity(workers),
        }
    }

    /// Packs a frame for worker `to`; `false` where as much waits for it already as may.
    pub(crate) fn put(
        &mut self,
        to: u16,
        label: Label,
        frame: &LiveFrame<'_>,
        id: PacketId,
    ) -> bool {
        let packed = self.open[usize::from(to)].as_ref();
        if packed.is_some_and(|parcel| parcel.label != label || parcel.is_full()) {
            self.send(to);
        }
        let open = &mut self.open[usize::from(to)];
        let lane = self.mesh.lane(self.me, to);
        let packing = open.as_ref().map_or(0, |parcel| parcel.weight);
        // A frame heavier than the whole lane may still go alone.
        let load = lane.frames.load(Ordering::Relaxed).saturating_add(packing);
        if load > 0 && load.saturating_add(weight(frame)) > self.mesh.limit {
            return false;
        }
        if open.is_none() {
            if lane.parcels.load(Ordering::Relaxed) >= LANE_PARCELS {
                return false;
            }
            self.dirty.push(to);
        }
        open.get_or_insert_with(|| fresh(&self.inbox, label, self.me))
            .put(frame, id);
        true
    }

    /// Sends what was packed: a burst is through.
    pub(crate) fn flush(&mut self) {
        while let Some(to) = self.dirty.last().copied() {
            self.send(to);
        }
    }

    fn send(&mut self, to: u16) {
        self.dirty.retain(|&dirty| dirty != to);
        let Some(parcel) = self.open[usize::from(to)].take() else {
            return;
        };
        let lane = self.mesh.lane(self.me, to);
        lane.frames.fetch_add(parcel.weight, Ordering::Relaxed);
        lane.parcels.fetch_add(1, Ordering::Relaxed);
        // There is room: an inbox holds as many parcels as all its lanes may. It is gone only with the process.
        let _ = self.mesh.inboxes[usize::from(to)].try_send(parcel);
        self.mesh.wakers[usize::from(to)].wake();
    }

    /// The next parcel for this worker.
    pub(crate) fn take(&self) -> Option<Box<Parcel>> {
        let parcel = self.inbox.parcels.try_recv().ok()?;
        let lane = self.mesh.lane(parcel.from, self.me);
        lane.frames.fetch_sub(parcel.weight, Ordering::Relaxed);
        lane.parcels.fetch_sub(1, Ordering::Relaxed);
        Some(parcel)
    }

    /// Gives a parcel that was seen to back to whom it belongs.
    pub(crate) fn give_back(&self, mut parcel: Box<Parcel>) {
        parcel.empty();
        // Where its owner has enough of them, this one goes.
        let _ = self.mesh.empties[usize::from(parcel.from)].try_send(parcel);
    }

    /// Whether nothing was handed to this worker.
    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }
}

fn fresh(inbox: &Inbox, label: Label, me: u16) -> Box<Parcel> {
    inbox.empties.try_recv().map_or_else(
        |_| Box::new(Parcel::new(label, me)),
        |mut parcel| {
            parcel.label = label;
            parcel
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Mailbox;

    fn label(shard: u16) -> Label {
        Label {
            interface: InterfaceIndex(0),
            epoch: 1,
            shard,
            side: Side::First,
            hop: Hop::Owner,
        }
    }

    fn boxes(limit: usize) -> (Outbox, Outbox) {
        let wakers = (0..2)
            .map(|_| Arc::clone(Mailbox::new().unwrap().0.waker()))
            .collect();
        let (mesh, inboxes) = Mesh::new(wakers, limit);
        let [first, second] = <[Inbox; 2]>::try_from(inboxes).unwrap();
        (
            Outbox::new(0, Arc::clone(&mesh), first),
            Outbox::new(1, mesh, second),
        )
    }

    #[test]
    fn frames_arrive_in_order_and_parcels_go_back() {
        let (mut from, to) = boxes(1000);
        for round in 0..100_u8 {
            for number in 0..10_u8 {
                let data = [round, number];
                let frame = LiveFrame::whole(&data);
                assert!(from.put(1, label(0), &frame, PacketId(number.into())));
            }
            from.flush();
            let parcel = to.take().unwrap();
            assert_eq!(parcel.label(), label(0));
            for (number, (frame, id)) in (0..).zip(parcel.frames()) {
                assert_eq!(frame.data, [round, number]);
                assert_eq!(id, PacketId(number.into()));
            }
            assert_eq!(parcel.len(), 10);
            to.give_back(parcel);
        }
        assert!(to.is_empty());
        assert_eq!(from.inbox.empties.len(), 1, "one parcel did all the work");
    }

    #[test]
    fn a_full_lane_refuses_and_an_emptied_one_takes_again() {
        let (mut from, to) = boxes(10);
        let frame = LiveFrame::whole(&[0; 100]);
        let taken = (0..30)
            .filter(|_| from.put(1, label(0), &frame, PacketId(0)))
            .count();
        assert_eq!(taken, 10);
        from.flush();
        assert!(
            !from.put(1, label(0), &frame, PacketId(0)),
            "ten of them still wait"
        );
        to.give_back(to.take().unwrap());
        assert!(from.put(1, label(0), &frame, PacketId(0)));
        from.flush();
        let large = vec![0; 60_000];
        assert!(!from.put(1, label(0), &LiveFrame::whole(&large), PacketId(0)));
        to.give_back(to.take().unwrap());
        let alone = from.put(1, label(0), &LiveFrame::whole(&large), PacketId(0));
        assert!(alone, "a frame heavier than the lane goes alone");
    }

    #[test]
    fn labels_do_not_mix() {
        let (mut from, to) = boxes(100);
        let frame = LiveFrame::whole(&[0; 60]);
        for shard in [0, 0, 1, 0] {
            assert!(from.put(1, label(shard), &frame, PacketId(0)));
        }
        from.flush();
        let parcels: Vec<_> = std::iter::from_fn(|| to.take()).collect();
        let seen: Vec<_> = parcels.iter().map(|p| (p.label().shard, p.len())).collect();
        assert_eq!(seen, [(0, 2), (1, 1), (0, 1)]);
    }
}
