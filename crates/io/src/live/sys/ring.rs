//! A receive ring: memory that the kernel fills with frames and we read in place.
//!
//! The ring is blocks of memory, one behind the other, and each piece of it has one owner: a status word says which. What the
//! kernel handed over is *taken* here, read for as long as it is, and given back with the next [`take`](ReceiveRing::take).
//! Two ways to divide the blocks:
//!
//! | | a block holds | handed over | |
//! |---|---|---|---|
//! | [`slots`] (`TPACKET_V2`) | 15 slots of one frame | slot by slot, as frames come | lowest latency |
//! | [`blocks`] (`TPACKET_V3`) | frames one behind the other | full, or after a time | fewest wake-ups |
//!
//! In both, bytes that the socket's virtio header fills lie right in front of the frame. Who has read them may use them to
//! make the frame longer at its front.

mod blocks;
mod mapping;
mod slots;

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use self::blocks::Blocks;
use self::mapping::Mapping;
use self::slots::Slots;
use super::socket::RingShape;

/// Bytes in front of each frame.
pub(crate) const FRONT: usize = 10;

/// How a ring divides its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Division {
    Slots,
    Blocks,
}

/// A ring and its place in it.
#[derive(Debug)]
pub(crate) struct ReceiveRing {
    taken: Vec<Taken>,
    walk: Walk,
    memory: Mapping,
}

#[derive(Debug)]
enum Walk {
    Slots(Slots),
    Blocks(Blocks),
}

/// A frame that is ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Where its bytes begin in the ring.
    start: usize,
    /// How many there are.
    kept: usize,
    /// How many the frame had.
    pub(crate) len: u32,
    /// The tag protocol and the tag that the kernel took out of it.
    pub(crate) tag: Option<[u16; 2]>,
    /// `PACKET_HOST`, `PACKET_OUTGOING` and so on.
    pub(crate) packet_type: u8,
}

impl ReceiveRing {
    /// The shape of a ring with room for at least `frames` of the longest frames.
    pub(crate) const fn shape(division: Division, frames: u32) -> RingShape {
        match division {
            Division::Slots => slots::shape(frames),
            Division::Blocks => blocks::shape(frames),
        }
    }

    /// Maps the ring that the socket was given. `burst` is the most frames that will be taken at once.
    pub(crate) fn map(
        socket: BorrowedFd<'_>,
        division: Division,
        shape: &RingShape,
        burst: usize,
    ) -> io::Result<Self> {
        let memory = Mapping::new(socket, shape.block_size as usize * shape.blocks as usize)?;
        let walk = match division {
            Division::Slots => Walk::Slots(Slots::new(shape)),
            Division::Blocks => Walk::Blocks(Blocks::new(shape)),
        };
        Ok(Self {
            taken: Vec::with_capacity(burst),
            walk,
            memory,
        })
    }

    /// Gives back everything that was taken, then takes up to `limit` frames; how many.
    pub(crate) fn take(&mut self, limit: usize) -> usize {
        self.taken.clear();
        match &mut self.walk {
            Walk::Slots(slots) => slots.take(&self.memory, limit, &mut self.taken),
            Walk::Blocks(blocks) => blocks.take(&self.memory, limit, &mut self.taken),
        }
        self.taken.len()
    }

    /// What is known of a frame that was taken.
    pub(crate) fn taken(&self, number: usize) -> Taken {
        self.taken[number]
    }

    /// Whether all of a frame is in the ring.
    pub(crate) fn is_whole(&self, number: usize) -> bool {
        let frame = &self.taken[number];
        frame.kept == frame.len as usize
    }

    /// The bytes of a frame that was taken.
    pub(crate) fn bytes(&self, number: usize) -> &[u8] {
        let frame = &self.taken[number];
        // SAFETY: only what is ours is in `taken`, and until `take` empties it, which needs the ring
        // for itself, it stays ours.
        unsafe { self.memory.bytes(frame.start..frame.start + frame.kept) }
    }

    /// What the kernel wrote in front of a frame.
    pub(crate) fn front(&self, number: usize) -> [u8; FRONT] {
        let start = self.taken[number].start;
        let mut front = [0; FRONT];
        // SAFETY: as in `bytes`; a slot begins before its front does.
        front.copy_from_slice(unsafe { self.memory.bytes(start - FRONT..start) });
        front
    }

    /// Makes a frame longer at its front, over what [`front`](Self::front) gave: its bytes, the new ones first.
    ///
    /// # Panics
    /// Where `more` is above [`FRONT`].
    pub(crate) fn grow_front(&mut self, number: usize, more: usize) -> &mut [u8] {
        assert!(more <= FRONT, "there is no room in front of the frame");
        let frame = &mut self.taken[number];
        frame.start -= more;
        frame.kept += more;
        #[allow(clippy::cast_possible_truncation, reason = "it is at most 10")]
        {
            frame.len += more as u32;
        }
        let all = frame.start..frame.start + frame.kept;
        // SAFETY: as in `bytes`; and the ring is borrowed for as long as the bytes may be written.
        unsafe { self.memory.bytes_mut(all) }
    }
}

impl Taken {
    /// Where a frame lies that the kernel says is at `start` of the piece of memory `within`, with its front; `None` where that
    /// contradicts itself.
    fn place(start: usize, kept: u32, within: &Range<usize>) -> Option<(usize, usize)> {
        let kept = kept as usize;
        let inside = start >= within.start + FRONT && start.checked_add(kept)? <= within.end;
        inside.then_some((start, kept))
    }
}

/// What the kernel says about a tag that it took out of a frame, by the status of the frame.
fn tag(status: u32, protocol: u16, tag: u16) -> Option<[u16; 2]> {
    /// IEEE 802.1Q: what a tag is where nothing else is said.
    const CUSTOMER: u16 = 0x8100;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let told = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    Some([if told { protocol } else { CUSTOMER }, tag])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of 64 KiB behind an Ethernet header and two tags, and what the kernel puts in front.
    const LONGEST: u32 = 65_535 + 14 + 8 + 256;

    #[test]
    fn a_tag_is_what_the_status_says() {
        assert_eq!(tag(1, 0x88A8, 5), None);
        assert_eq!(tag(0x11, 0, 5), Some([0x8100, 5]));
        assert_eq!(tag(0x51, 0x88A8, 0), Some([0x88A8, 0]));
    }

    #[test]
    fn a_frame_lies_within_its_slot_with_its_front() {
        let slot = 1000..2000;
        assert_eq!(Taken::place(1010, 990, &slot), Some((1010, 990)));
        assert_eq!(Taken::place(1009, 990, &slot), None);
        assert_eq!(Taken::place(1010, 991, &slot), None);
        assert_eq!(Taken::place(usize::MAX, 1, &slot), None);
    }

    #[test]
    fn every_ring_has_room_for_the_longest_frame() {
        for division in [Division::Slots, Division::Blocks] {
            let shape = ReceiveRing::shape(division, 1);
            let room = match division {
                Division::Slots => shape.slot_size,
                Division::Blocks => shape.block_size,
            };
            assert!(room >= LONGEST);
            assert_eq!(shape.block_size % 4096, 0);
            assert_eq!(
                shape.slots,
                shape.blocks * (shape.block_size / shape.slot_size)
            );
        }
    }
}
