//! Leaving the network namespace.

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Puts the calling thread, and no other, into a new network namespace with nothing in it but a
/// loopback device that is down.
///
/// # Errors
/// What the kernel says.
pub(in crate::live) fn leave_network() -> io::Result<()> {
    // SAFETY: only `FILES` can take descriptors away from under other threads, and it is not asked
    // for.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}
