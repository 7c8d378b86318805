//! Where received frames lie that do not come in a ring of the kernel's: one buffer for a whole
//! burst, packed.
//!
//! A frame can be 64 KiB long and a burst 256 frames, but not both at once: nearly all are at most
//! one MTU long. So frames lie one behind the other, as long as there is room for a frame of the
//! largest kind behind the last; what does not fit is received next time. The buffer is made once,
//! and of its memory only what was ever written to is really there.

use std::ops::Range;

use super::{LiveFrame, VnetHeader};

/// The longest frame, in bytes: an IP packet of 65535 bytes behind an Ethernet header with two VLAN
/// tags. The kernel merges no more into one frame unless asked for ("BIG TCP"), and then such
/// frames are dropped and counted.
pub(super) const FRAME_MAX: usize = 65_535 + 14 + 8;
/// The room for one frame: header, frame, and a byte more that tells one that was cut from one that
/// just fits.
pub(super) const SLOT_MAX: usize = VnetHeader::LEN + FRAME_MAX + 1;
/// How long what is in the room is where it is a header and a whole frame.
const IS_WHOLE: Range<usize> = VnetHeader::LEN..SLOT_MAX;
/// Length of the buffer, in bytes: a burst of 256 frames of an MTU of 1500, or 8 of the largest.
const ARENA_LEN: usize = 8 * SLOT_MAX;

/// Received frames, each behind its virtio-net header.
#[derive(Debug)]
pub(super) struct Arena {
    bytes: Box<[u8]>,
    /// The header of each frame, and where it starts and ends.
    frames: Vec<(VnetHeader, usize, usize)>,
    end: usize,
}

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; ARENA_LEN].into_boxed_slice(),
            frames: Vec::new(),
            end: 0,
        }
    }

    /// Forgets all frames.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.end = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Room for a header and one frame of any length; none where the next frame has to wait.
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.end..self.end + SLOT_MAX)
    }

    /// Keeps the first `len` bytes of [`room`](Self::room): a header and a frame. Nothing is kept,
    /// and the answer is no, where that is no whole frame: it has no header, or was cut at the end
    /// of the room.
    pub(super) fn keep(&mut self, len: usize) -> bool {
        let room = self.bytes.get(self.end..).unwrap_or_default();
        let Some(header) = room.first_chunk().filter(|_| IS_WHOLE.contains(&len)) else {
            return false;
        };
        let (start, end) = (self.end + VnetHeader::LEN, self.end + len);
        self.frames
            .push((VnetHeader::from_bytes(*header), start, end));
        self.end = end;
        true
    }

    /// Copies a frame that starts with its header.
    ///
    /// As [`keep`](Self::keep) where there is [`room`](Self::room), which the caller asks for
    /// first; otherwise the answer is no.
    pub(super) fn copy(&mut self, parts: [&[u8]; 2]) -> bool {
        let [header, data] = parts;
        let len = header.len() + data.len();
        let Some(room) = self.room().and_then(|room| room.get_mut(..len)) else {
            return false;
        };
        let (first, second) = room.split_at_mut(header.len());
        first.copy_from_slice(header);
        second.copy_from_slice(data);
        self.keep(len)
    }

    /// One of the frames, from 0.
    pub(super) fn frame(&self, index: usize) -> LiveFrame<'_> {
        let (vnet, start, end) = self.frames[index];
        LiveFrame {
            vnet,
            ..LiveFrame::whole(&self.bytes[start..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_packed_and_come_back_whole() {
        let mut arena = Arena::new();
        let vnet = VnetHeader {
            gso_type: 1,
            gso_size: 1448,
            ..VnetHeader::default()
        };
        for len in [60_usize, FRAME_MAX, 0, 1514] {
            assert!(arena.copy([&vnet.to_bytes(), &vec![7; len]]));
        }
        assert_eq!(arena.len(), 4);
        assert_eq!(arena.frame(1).data.len(), FRAME_MAX);
        assert_eq!(arena.frame(3).data, [7; 1514]);
        assert_eq!(arena.frame(3).vnet, vnet);
        arena.clear();
        assert_eq!(arena.len(), 0);
    }

    #[test]
    fn what_is_cut_or_has_no_header_is_not_kept() {
        let mut arena = Arena::new();
        assert!(!arena.keep(VnetHeader::LEN - 1));
        assert!(!arena.keep(SLOT_MAX));
        assert!(!arena.copy([&[0; 10], &vec![7; FRAME_MAX + 1]]));
        assert_eq!(arena.len(), 0);
    }

    #[test]
    fn a_full_arena_has_no_room_rather_than_a_little() {
        let mut arena = Arena::new();
        while arena.room().is_some() {
            assert!(arena.copy([&[0; 10], &[7; 60_000]]));
        }
        assert!(arena.len() >= 8);
        assert!(!arena.copy([&[0; 10], &[7; 60]]));
    }
}
