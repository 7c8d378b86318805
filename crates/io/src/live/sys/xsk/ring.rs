//! Rings between this process and the kernel, with one producer and one consumer each.
//!
//! Both ends keep a counter that only they write, and never run more than the ring's length apart. A producer
//! writes its entries before it moves its counter (release), and a consumer moves its counter, after which
//! entries may be overwritten, when it has read them (release); each reads the other's counter first (acquire).

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::xdp::XdpRingOffset;

use super::umem::Mapping;

/// The flag in a ring's memory that asks for a system call.
const NEED_WAKEUP: u32 = 1;

/// What we write and the kernel reads.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// The place of the next entry; ahead of the counter by what is not submitted.
    next: u32,
    /// How far the kernel was when we looked last.
    taken: u32,
}

/// What the kernel writes and we read.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    /// The place of the next entry; ahead of the counter by what is not released.
    next: u32,
    /// How far the kernel was when we looked last.
    end: u32,
}

/// The memory of one ring. The pointers are into `_memory`.
#[derive(Debug)]
struct Ring<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: Option<NonNull<AtomicU32>>,
    entries: NonNull<T>,
    /// Entries, a power of two.
    len: u32,
    _memory: Mapping,
}

impl<T: Copy> Producer<T> {
    /// The ring of `len` entries that `socket` offers at `page_offset`.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        len: u32,
        at: &XdpRingOffset,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, page_offset, len, at)?;
        let next = ring.producer().load(Ordering::Relaxed);
        Ok(Self {
            ring,
            next,
            taken: next,
        })
    }

    /// How many entries there is room for, at least; looks again only where there seemed to be none.
    pub(super) fn room(&mut self) -> u32 {
        if self.next.wrapping_sub(self.taken) >= self.ring.len {
            self.pending();
        }
        let pending = self.next.wrapping_sub(self.taken);
        self.ring.len.saturating_sub(pending)
    }

    /// How many entries the kernel has not taken yet, those that are not submitted included.
    pub(super) fn pending(&mut self) -> u32 {
        self.taken = self.ring.consumer().load(Ordering::Acquire);
        self.next.wrapping_sub(self.taken)
    }

    /// Writes an entry.
    ///
    /// # Panics
    /// Where there is no [`room`](Self::room).
    pub(super) fn push(&mut self, entry: T) {
        assert!(self.room() > 0, "a full ring");
        let place = self.ring.place(self.next);
        // SAFETY: the place is in the ring, and the kernel is done with it, for there is room.
        unsafe { place.write(entry) };
        self.next = self.next.wrapping_add(1);
    }

    /// Shows the kernel what was written.
    pub(super) fn submit(&mut self) {
        self.ring.producer().store(self.next, Ordering::Release);
    }

    /// Whether the kernel takes nothing until it is called.
    pub(super) fn needs_wakeup(&self) -> bool {
        self.ring
            .flags()
            .is_none_or(|flags| flags.load(Ordering::Relaxed) & NEED_WAKEUP != 0)
    }
}

impl<T: Copy> Consumer<T> {
    /// The ring of `len` entries that `socket` offers at `page_offset`.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        len: u32,
        at: &XdpRingOffset,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, page_offset, len, at)?;
        let next = ring.consumer().load(Ordering::Relaxed);
        Ok(Self {
            ring,
            next,
            end: next,
        })
    }

    /// Reads an entry, where there is one.
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.next == self.end {
            self.end = self.ring.producer().load(Ordering::Acquire);
            if self.next == self.end {
                return None;
            }
        }
        // SAFETY: the place is in the ring, and the kernel wrote it before it moved its counter past it; any
        // bytes are a `T`, for the ring is one of plain numbers.
        let entry = unsafe { self.ring.place(self.next).read() };
        self.next = self.next.wrapping_add(1);
        Some(entry)
    }

    /// Lets the kernel write over what was read.
    pub(super) fn release(&mut self) {
        self.ring.consumer().store(self.next, Ordering::Release);
    }
}

impl<T> Ring<T> {
    fn map(
        socket: BorrowedFd<'_>,
        page_offset: u64,
        len: u32,
        at: &XdpRingOffset,
    ) -> io::Result<Self> {
        let bytes = size_of::<T>() * len as usize;
        let desc = usize::try_from(at.desc).map_err(|_| io::ErrorKind::InvalidData)?;
        let memory = Mapping::shared(socket, page_offset, desc.saturating_add(bytes))?;
        Ok(Self {
            producer: memory.at(at.producer, 1)?,
            consumer: memory.at(at.consumer, 1)?,
            flags: at.flags.map(|flags| memory.at(flags, 1)).transpose()?,
            entries: memory.at(at.desc, len as usize)?,
            len,
            _memory: memory,
        })
    }

    /// How far the producer is.
    fn producer(&self) -> &AtomicU32 {
        // SAFETY: it lies in the mapping, which lives as long as we do, and all access to it is atomic.
        unsafe { self.producer.as_ref() }
    }

    /// How far the consumer is.
    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.consumer.as_ref() }
    }

    /// What the kernel asks for; none before Linux 5.4.
    fn flags(&self) -> Option<&AtomicU32> {
        // SAFETY: as for `producer`.
        self.flags.as_ref().map(|flags| unsafe { flags.as_ref() })
    }

    /// Where the entry of this count lies.
    fn place(&self, count: u32) -> NonNull<T> {
        // SAFETY: `len` is a power of two, so that the index is below it.
        unsafe { self.entries.add((count & (self.len - 1)) as usize) }
    }
}

// SAFETY: the pointers are into memory that the ring owns and that belongs to no thread; what it holds is plain numbers.
unsafe impl<T: Send> Send for Ring<T> {}
