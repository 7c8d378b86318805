//! Packet sockets that hear only what a classic BPF program lets through, and count it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One instruction of a classic BPF program.
pub(in crate::live) type Instruction = libc::sock_filter;

/// Gives the socket the program that says how many bytes of each frame it hears, 0 for none of it.
///
/// # Errors
/// The program is too long, and what the kernel says of it.
pub(in crate::live) fn set_filter(
    socket: BorrowedFd<'_>,
    program: &[Instruction],
) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the option takes a `sock_fprog`; the kernel copies `len` instructions and changes
    // none, and they live through the call.
    answer(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            len_of(&program),
        )
    })
}

/// Frames that passed the filter of a packet socket since the last call, whether or not there was
/// room for them.
///
/// # Errors
/// What the kernel says.
pub(in crate::live) fn passed(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut counts = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut len = len_of(&counts);
    // SAFETY: the kernel writes at most `len` bytes, which is what the counts have.
    answer(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut len,
        )
    })?;
    // The kernel counts what found no room among them.
    Ok(counts.tp_packets)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the structures of this file have a few bytes"
)]
const fn len_of<T>(_: &T) -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

fn answer(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
