//! Two things a netlink socket needs that no safe library offers: many datagrams in one call, and
//! silence about lost ones.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Most datagrams of one [`receive_many`]: enough to make the call cheap, few enough that filling in
/// what the call needs costs little where only one is there.
pub(in crate::live) const MANY: usize = 32;

/// One datagram that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::live) struct Datagram {
    /// Its length in the buffer, in bytes.
    pub(in crate::live) len: usize,
    /// Whether there was more of it than the slot could take.
    pub(in crate::live) truncated: bool,
}

/// Receives datagrams into `buffer`, one into each `slot` bytes of it, as many as are there, fit and
/// have a place in `into`, but [`MANY`] at most; never waits. Returns how many, 0 where there are none.
///
/// # Errors
/// What the kernel says, except that nothing is there.
pub(in crate::live) fn receive_many(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    slot: usize,
    into: &mut [Datagram],
) -> io::Result<usize> {
    // SAFETY: both are plain C structures of integers and pointers, for which zero is a valid value.
    let (mut parts, mut headers): ([libc::iovec; MANY], [libc::mmsghdr; MANY]) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let mut count = 0;
    let places = parts.iter_mut().zip(&mut headers).take(into.len());
    for (slot, (part, header)) in buffer.chunks_exact_mut(slot).zip(places) {
        part.iov_base = slot.as_mut_ptr().cast();
        part.iov_len = slot.len();
        header.msg_hdr.msg_iov = ptr::from_mut(part);
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    // SAFETY: the first `count` headers point at the first `count` parts, which outlive the call, and
    // those at slots of `buffer` that do not overlap and are borrowed mutably for as long; no header
    // asks for an address or for control data; a null timeout is allowed.
    let received = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let Ok(received) = usize::try_from(received) else {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        };
    };
    for (datagram, header) in into.iter_mut().zip(&headers).take(received) {
        *datagram = Datagram {
            len: header.msg_len as usize,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        };
    }
    Ok(received)
}

/// Has a full receive buffer lose messages without an error at the next call, and without the pause that
/// the kernel makes after one until the buffer is empty.
///
/// # Errors
/// What the kernel says.
pub(in crate::live) fn set_no_enobufs(fd: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    #[allow(clippy::cast_possible_truncation, reason = "4")]
    let len = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `on`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_NO_ENOBUFS,
            ptr::from_ref(&on).cast(),
            len,
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
