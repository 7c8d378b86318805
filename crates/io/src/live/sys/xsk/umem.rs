//! The memory that frames lie in, in chunks of one page.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// Length of a chunk in bytes: a page, so that no frame of a usual MTU is ever cut, and no chunk straddles two
/// pages of the device's address space.
pub(in crate::live) const CHUNK: usize = 4096;

/// All chunks of a socket.
#[derive(Debug)]
pub(super) struct Umem {
    memory: Mapping,
    chunks: u32,
}

/// The right to one chunk: whoever holds it is alone with the bytes.
#[derive(Debug)]
pub(in crate::live) struct Chunk(u32);

/// Memory from mmap(2), given back when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Umem {
    /// Memory for `chunks` chunks, and the rights to them.
    pub(super) fn new(chunks: u32) -> io::Result<(Self, Vec<Chunk>)> {
        let memory = Mapping::anonymous(chunks as usize * CHUNK)?;
        Ok((Self { memory, chunks }, (0..chunks).map(Chunk).collect()))
    }

    /// Where it starts in this process.
    pub(super) fn address(&self) -> u64 {
        self.memory.start.as_ptr().expose_provenance() as u64
    }

    /// Its length in bytes.
    pub(super) const fn len(&self) -> usize {
        self.memory.len
    }

    /// The right to the chunk that the kernel gives back by the address of a byte in it, and which byte that is.
    pub(super) fn token(&self, address: u64) -> Option<(Chunk, usize)> {
        let index = u32::try_from(address / CHUNK as u64).ok()?;
        let offset = usize::try_from(address % CHUNK as u64).ok()?;
        (index < self.chunks).then_some((Chunk(index), offset))
    }

    /// The bytes of a chunk.
    pub(super) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        // SAFETY: the chunk lies in the mapping, as every token does that this memory made; the kernel does not
        // write to it, for it has not got the token; and nobody else does, for that takes the token mutably.
        unsafe { std::slice::from_raw_parts(self.start(chunk), CHUNK) }
    }

    /// The bytes of a chunk, to be written.
    pub(super) fn bytes_mut(&mut self, chunk: &mut Chunk) -> &mut [u8] {
        // SAFETY: as for `bytes`; and nobody else looks at it, for that takes the token, which is borrowed
        // mutably together with the memory.
        unsafe { std::slice::from_raw_parts_mut(self.start(chunk), CHUNK) }
    }

    /// The first byte of a chunk.
    ///
    /// # Panics
    /// Where the token is that of another, larger memory.
    fn start(&self, chunk: &Chunk) -> *mut u8 {
        assert!(chunk.0 < self.chunks, "a chunk of another memory");
        let start = self.memory.start.as_ptr();
        // SAFETY: the chunk lies in the mapping.
        unsafe { start.add(chunk.0 as usize * CHUNK) }
    }
}

impl Chunk {
    /// Gives up the right, for the address by which the kernel knows the chunk.
    pub(super) const fn into_address(self) -> u64 {
        self.0 as u64 * CHUNK as u64
    }
}

impl Mapping {
    /// `len` bytes of zero that are there from the start.
    fn anonymous(len: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a mapping that is nobody's yet, and of no file.
        unsafe { Self::new(len, flags, -1, 0) }
    }

    /// `len` bytes of what `fd` offers at `offset`, shared with the kernel.
    pub(super) fn shared(fd: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: a mapping that is nobody's yet.
        unsafe { Self::new(len, flags, fd.as_raw_fd(), offset) }
    }

    /// # Safety
    /// `flags` must not say `MAP_FIXED`.
    unsafe fn new(
        len: usize,
        flags: libc::c_int,
        fd: libc::c_int,
        offset: libc::off_t,
    ) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses a place that is free, as the caller sees to.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// The address of the `T` that lies `offset` bytes in, where `count` of them fit there.
    pub(super) fn at<T>(&self, offset: u64, count: usize) -> io::Result<NonNull<T>> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidData)?;
        let end = size_of::<T>()
            .checked_mul(count)
            .and_then(|len| len.checked_add(offset));
        if !offset.is_multiple_of(align_of::<T>()) || end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: it is within the mapping.
        Ok(unsafe { self.start.add(offset) }.cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is ours, and whatever pointed into it is dropped with its owner. It cannot fail.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: memory belongs to no thread.
unsafe impl Send for Mapping {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_comes_back_by_any_address_in_it() {
        let (mut umem, mut chunks) = Umem::new(2).unwrap();
        let mut chunk = chunks.pop().unwrap();
        umem.bytes_mut(&mut chunk)[256] = 7;
        let address = chunk.into_address();
        assert_eq!(address, 4096);
        let (chunk, offset) = umem.token(address + 256).unwrap();
        assert_eq!((offset, umem.bytes(&chunk)[offset]), (256, 7));
        assert!(umem.token(2 * 4096).is_none());
        assert!(umem.token(u64::MAX).is_none());
    }

    #[test]
    fn nothing_is_found_beyond_the_end() {
        let memory = Mapping::anonymous(4096).unwrap();
        assert!(memory.at::<u32>(4092, 1).is_ok());
        assert!(memory.at::<u32>(4096, 1).is_err());
        assert!(memory.at::<u32>(2, 1).is_err());
        assert!(memory.at::<u64>(0, usize::MAX).is_err());
    }
}
