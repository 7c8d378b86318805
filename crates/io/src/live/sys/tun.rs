//! The ioctls of `/dev/net/tun` (`linux/if_tun.h`).

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Makes the network device `name` with `flags` (`IFF_TAP` and others), or a queue of it where it
/// is there and both say `IFF_MULTI_QUEUE`, and binds the open `/dev/net/tun` in `fd` to it.
///
/// # Errors
/// The name does not fit, and what the kernel says.
pub(in crate::live) fn attach(fd: BorrowedFd<'_>, name: &str, flags: i32) -> io::Result<()> {
    // SAFETY: a plain C structure of integers and pointers, for which zero is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero.
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte.cast_signed();
    }
    // All flags of the interface are in the lower half.
    let [low, high, ..] = flags.to_le_bytes();
    request.ifr_ifru.ifru_flags = i16::from_le_bytes([low, high]);
    // SAFETY: the ioctl reads and writes one `ifreq`, which outlives the call.
    answer(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

/// Sets how long the virtio-net header before each frame is, in bytes.
///
/// # Errors
/// What the kernel says.
pub(in crate::live) fn set_header_len(fd: BorrowedFd<'_>, len: i32) -> io::Result<()> {
    // SAFETY: the ioctl reads one int, which outlives the call.
    answer(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const len) })
}

/// Sets which frames may come unfinished (`TUN_F_*`).
///
/// # Errors
/// What the kernel says.
pub(in crate::live) fn set_offload(fd: BorrowedFd<'_>, offload: u32) -> io::Result<()> {
    // SAFETY: the ioctl takes its argument by value and touches no memory of ours.
    answer(unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(offload),
        )
    })
}

fn answer(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
