//! `TPACKET_V2`: a slot for each frame, large enough for the longest.
//!
//! The kernel rounds a block up to a power of two of memory, so a block is one, and the slots are what fits: 15 in a megabyte.

use std::mem::size_of;
use std::sync::atomic::Ordering;

use libc::{sockaddr_ll, tpacket2_hdr};

use super::mapping::Mapping;
use super::{Taken, tag};
use crate::live::sys::socket::RingShape;

/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Slots of a block.
pub(super) const PER_BLOCK: usize = 15;
/// Bytes of a cache line: what one CPU takes over from another at a time.
const LINE: usize = 64;
/// Bytes of a slot: as many as 15 in a block can have, in whole lines, so that a header does not lie in two of them.
const SLOT: usize = BLOCK / PER_BLOCK / LINE * LINE;
/// Where the link-layer address lies behind the header, which is a multiple of 16 long.
const ADDRESS: usize = size_of::<tpacket2_hdr>();

/// A ring of slots: ours from `oldest` on, `taken` of them.
#[derive(Debug)]
pub(super) struct Slots {
    oldest: Cursor,
    next: Cursor,
    taken: usize,
    blocks: usize,
}

/// One slot.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    block: usize,
    slot: usize,
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the sizes above are known, and below 4 GiB"
)]
pub(super) const fn shape(frames: u32) -> RingShape {
    let blocks = frames.div_ceil(PER_BLOCK as u32);
    RingShape {
        version: 1, // TPACKET_V2
        block_size: BLOCK as u32,
        blocks,
        slot_size: SLOT as u32,
        slots: blocks * PER_BLOCK as u32,
        timeout_ms: 0,
    }
}

impl Slots {
    pub(super) fn new(shape: &RingShape) -> Self {
        Self {
            oldest: Cursor::default(),
            next: Cursor::default(),
            taken: 0,
            blocks: shape.blocks as usize,
        }
    }

    /// Gives back what was taken, and takes up to `limit` frames.
    pub(super) fn take(&mut self, memory: &Mapping, limit: usize, frames: &mut Vec<Taken>) {
        self.give_back(memory);
        let limit = limit.min(self.blocks * PER_BLOCK); // behind the last slot comes the first again
        while self.taken < limit {
            let start = self.next.offset();
            // What the kernel wrote before the status is ours to read after it.
            let status = memory.word(start).load(Ordering::Acquire);
            if status & libc::TP_STATUS_USER == 0 {
                return;
            }
            self.taken += 1;
            self.next.advance(self.blocks);
            frames.push(frame(memory, start, status));
        }
    }

    fn give_back(&mut self, memory: &Mapping) {
        for _ in 0..self.taken {
            // Nothing of the slot is read or written after this.
            let status = memory.word(self.oldest.offset());
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.oldest.advance(self.blocks);
        }
        self.taken = 0;
    }
}

impl Cursor {
    const fn offset(self) -> usize {
        self.block * BLOCK + self.slot * SLOT
    }

    const fn advance(&mut self, blocks: usize) {
        self.slot += 1;
        if self.slot == PER_BLOCK {
            self.slot = 0;
            self.block = if self.block + 1 == blocks {
                0
            } else {
                self.block + 1
            };
        }
    }
}

/// The frame in the slot at `slot`, which is ours.
fn frame(memory: &Mapping, slot: usize, status: u32) -> Taken {
    // SAFETY: both are nothing but numbers, and the slot is ours.
    let (header, address) = unsafe {
        (
            memory.header::<tpacket2_hdr>(slot),
            memory.header::<sockaddr_ll>(slot + ADDRESS),
        )
    };
    let start = slot + usize::from(header.tp_mac);
    // A frame in an impossible place is one of which nothing was kept.
    let (start, kept) = Taken::place(start, header.tp_snaplen, &(slot..slot + SLOT))
        .unwrap_or((slot + super::FRONT, 0));
    Taken {
        start,
        kept,
        len: header.tp_len,
        tag: tag(status, header.tp_vlan_tpid, header.tp_vlan_tci),
        packet_type: address.sll_pkttype,
    }
}
