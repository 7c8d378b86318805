//! Records that own the bytes they lie in, so that another thread can have them.
//!
//! A batch borrows from its capture, which costs nothing and keeps both on one thread. A block is
//! one filling of the window, given away: the buffers are swapped, and only the piece of a record
//! at its end, which the next filling completes, is copied. A block that comes back is filled again
//! as it is: whoever keeps a fixed number of them going round reads a capture of any size in the
//! same memory.

use std::fmt;

use crate::capture::walk::Slot;
use crate::capture::{Capture, CaptureError, Record};

/// Consecutive records of a capture, with their bytes.
pub struct Block {
    slots: Vec<Slot>,
    first_number: u64,
    buffer: Vec<u8>,
}

impl Block {
    /// An empty block, to be filled by [`Capture::next_block`] with as many records as one read of
    /// `len` bytes holds. One that a single record does not fit in grows.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self {
            slots: Vec::new(),
            first_number: 1,
            buffer: vec![0; len],
        }
    }

    /// How many records there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none: it was not filled, or the capture is at its end.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The record at `index`, counted from 0 within the block.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let slot = self.slots.get(index)?;
        let number = self.first_number + index as u64;
        Some(Record::new(slot, number, &self.buffer))
    }

    /// The records in the order of the capture.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let slots = self.slots.iter().enumerate();
        slots.map(|(index, slot)| Record::new(slot, self.first_number + index as u64, &self.buffer))
    }

    /// Forgets the records from the one at `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.slots.truncate(len);
    }

    /// Forgets the records; the memory stays.
    pub fn clear(&mut self) {
        self.slots.clear();
    }
}

impl Capture {
    /// Replaces what is in `block` by the next records, at least one; `false`, and none, at the
    /// end. May be mixed with the other ways to read.
    ///
    /// # Errors
    ///
    /// As for [`Capture::next`]; the records before the error come in a block of their own.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, CaptureError> {
        block.slots.clear();
        if self.given == self.slots.len() {
            self.load(usize::MAX)?;
        }
        if self.slots.is_empty() {
            return Ok(false);
        }
        block.first_number = self.number();
        self.before += self.slots.len() as u64;
        if self.given == 0 {
            std::mem::swap(&mut self.slots, &mut block.slots);
        } else {
            block.slots.extend(self.slots.drain(self.given..));
        }
        self.slots.clear();
        self.given = 0;
        self.window.hand_over(&mut block.buffer);
        Ok(true)
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("records", &self.slots.len())
            .field("first_number", &self.first_number)
            .finish_non_exhaustive()
    }
}
