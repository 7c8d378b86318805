//! Memory that a socket shares with us.

use std::ffi::c_void;
use std::io;
use std::mem::{align_of, size_of};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};
use std::slice;
use std::sync::atomic::AtomicU32;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A ring's memory, mapped for as long as this lives.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value, not to the thread that mapped it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of the socket's ring.
    pub(super) fn new(socket: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        // SAFETY: the kernel chooses where; nothing that exists is touched.
        let base = unsafe {
            mmap(
                null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                socket,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, len })
    }

    /// The word at `offset`, which the kernel reads and writes, too.
    ///
    /// # Panics
    /// Where it is not inside, or not aligned.
    pub(super) fn word(&self, offset: usize) -> &AtomicU32 {
        let place = self.place(offset..offset + size_of::<AtomicU32>());
        assert_eq!(offset % align_of::<AtomicU32>(), 0);
        // SAFETY: it is inside, aligned, lives as long as `self`, and nothing but atomic operations
        // ever touch a status word.
        unsafe { place.cast::<AtomicU32>().as_ref() }
    }

    /// A copy of the header at `offset`.
    ///
    /// # Safety
    /// `T` is nothing but numbers, and the kernel does not write to it now.
    ///
    /// # Panics
    /// Where it is not inside.
    pub(super) unsafe fn header<T>(&self, offset: usize) -> T {
        let place = self.place(offset..offset.saturating_add(size_of::<T>()));
        // SAFETY: it is inside; the caller says the rest.
        unsafe { place.cast::<T>().as_ptr().read_unaligned() }
    }

    /// Bytes of the ring.
    ///
    /// # Safety
    /// They are ours, and stay so while they are borrowed.
    ///
    /// # Panics
    /// Where they are not inside.
    pub(super) unsafe fn bytes(&self, range: Range<usize>) -> &[u8] {
        let len = range.len();
        // SAFETY: they are inside; the caller says the rest.
        unsafe { slice::from_raw_parts(self.place(range).as_ptr(), len) }
    }

    /// Bytes of the ring, to be written.
    ///
    /// # Safety
    /// As for [`bytes`](Self::bytes).
    ///
    /// # Panics
    /// Where they are not inside.
    pub(super) unsafe fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let len = range.len();
        // SAFETY: they are inside and borrowed for writing; the caller says the rest.
        unsafe { slice::from_raw_parts_mut(self.place(range).as_ptr(), len) }
    }

    /// Where `range` begins.
    fn place(&self, range: Range<usize>) -> NonNull<u8> {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: it is at most `len`.
        unsafe { self.base.add(range.start) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is what was mapped, and whatever borrowed it is gone. There is nothing to do
        // about an error, which only a wrong address could cause.
        let _ = unsafe { munmap(self.base.as_ptr().cast::<c_void>(), self.len) };
    }
}
