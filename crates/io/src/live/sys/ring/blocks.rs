//! `TPACKET_V3`: frames one behind the other in blocks, each block handed over whole.

use std::mem::{offset_of, size_of};
use std::sync::atomic::Ordering;

use libc::{sockaddr_ll, tpacket_block_desc, tpacket_hdr_v1, tpacket3_hdr};

use super::mapping::Mapping;
use super::slots::PER_BLOCK;
use super::{Taken, tag};
use crate::live::sys::socket::RingShape;

/// Bytes of a block: a frame of 64 KiB must have room, and a block that was handed over after its
/// time is lost to others until it is given back, so that many small ones are better.
const BLOCK: usize = 1 << 18;
/// Blocks in a megabyte.
const PER_MEGABYTE: u32 = 4;
/// How long a block that is not full waits for more frames: the least that there is.
const TIMEOUT_MS: u32 = 1;
/// What the kernel checks and does not use.
const NOMINAL_SLOT: usize = 2048;
/// Where the part of the description that counts begins.
const DESCRIPTION: usize = offset_of!(tpacket_block_desc, hdr);
/// Where a block's status lies.
const STATUS: usize = DESCRIPTION + offset_of!(tpacket_hdr_v1, block_status);
/// Where the link-layer address lies behind a frame's header, which is a multiple of 16 long.
const ADDRESS: usize = size_of::<tpacket3_hdr>();

/// A ring of blocks: ours from `oldest` on, `walked` of them to their end.
#[derive(Debug)]
pub(super) struct Blocks {
    oldest: usize,
    walked: usize,
    /// The block behind those, where it is ours.
    current: Option<Block>,
    blocks: usize,
}

/// A block that is being walked.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: usize,
    /// Where its next frame's header is.
    next: usize,
    /// Frames to come.
    left: u32,
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the sizes above are known, and below 4 GiB"
)]
pub(super) const fn shape(frames: u32) -> RingShape {
    let blocks = frames.div_ceil(PER_BLOCK as u32) * PER_MEGABYTE;
    RingShape {
        version: 2, // TPACKET_V3
        block_size: BLOCK as u32,
        blocks,
        slot_size: NOMINAL_SLOT as u32,
        slots: blocks * (BLOCK / NOMINAL_SLOT) as u32,
        timeout_ms: TIMEOUT_MS,
    }
}

impl Blocks {
    pub(super) fn new(shape: &RingShape) -> Self {
        Self {
            oldest: 0,
            walked: 0,
            current: None,
            blocks: shape.blocks as usize,
        }
    }

    /// Gives back the blocks whose frames were all taken before, and takes up to `limit` frames.
    pub(super) fn take(&mut self, memory: &Mapping, limit: usize, frames: &mut Vec<Taken>) {
        self.leave_finished();
        self.give_back(memory);
        while frames.len() < limit {
            let Some(block) = self.open(memory) else {
                return;
            };
            while block.left > 0 && frames.len() < limit {
                block.left -= 1;
                let (frame, next) = frame(memory, block);
                frames.push(frame);
                block.next = next;
            }
            if block.left == 0 {
                self.leave_finished();
            }
        }
    }

    /// The block to go on in, where there is one.
    fn open(&mut self, memory: &Mapping) -> Option<&mut Block> {
        if self.current.is_none() {
            if self.walked == self.blocks {
                return None; // behind the last block comes the first again
            }
            let start = (self.oldest + self.walked) % self.blocks * BLOCK;
            // What the kernel wrote before the status is ours to read after it.
            let status = memory.word(start + STATUS).load(Ordering::Acquire);
            if status & libc::TP_STATUS_USER == 0 {
                return None;
            }
            // SAFETY: it is nothing but numbers, and the block is ours.
            let description: tpacket_hdr_v1 = unsafe { memory.header(start + DESCRIPTION) };
            self.current = Some(Block {
                start,
                next: start.saturating_add(description.offset_to_first_pkt as usize),
                left: description.num_pkts,
            });
        }
        self.current.as_mut()
    }

    fn leave_finished(&mut self) {
        if self.current.is_some_and(|block| block.left == 0) {
            self.current = None;
            self.walked += 1;
        }
    }

    fn give_back(&mut self, memory: &Mapping) {
        for _ in 0..self.walked {
            // Nothing of the block is read or written after this.
            let status = memory.word(self.oldest * BLOCK + STATUS);
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.oldest = (self.oldest + 1) % self.blocks;
        }
        self.walked = 0;
    }
}

/// The next frame of a block that is ours, and where the header of the one behind it is.
fn frame(memory: &Mapping, block: &Block) -> (Taken, usize) {
    // SAFETY: both are nothing but numbers, and the block is ours.
    let (header, address) = unsafe {
        (
            memory.header::<tpacket3_hdr>(block.next),
            memory.header::<sockaddr_ll>(block.next + ADDRESS),
        )
    };
    let start = block.next.saturating_add(usize::from(header.tp_mac));
    // A frame in an impossible place is one of which nothing was kept.
    let (start, kept) = Taken::place(start, header.tp_snaplen, &(block.next..block.start + BLOCK))
        .unwrap_or((block.start + super::FRONT, 0));
    let frame = Taken {
        start,
        kept,
        len: header.tp_len,
        tag: tag(
            header.tp_status,
            header.hv1.tp_vlan_tpid,
            u16::try_from(header.hv1.tp_vlan_tci).unwrap_or_default(),
        ),
        packet_type: address.sll_pkttype,
    };
    (
        frame,
        block.next.saturating_add(header.tp_next_offset as usize),
    )
}
