//! Many datagrams with one system call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null_mut;

/// Bytes that go in front of each datagram.
pub(crate) const HEADER: usize = 10;

/// The memory that `sendmmsg` needs, kept from one burst to the next.
#[derive(Default)]
pub(crate) struct SendBatch {
    headers: Vec<[u8; HEADER]>,
    parts: Vec<[libc::iovec; 2]>,
    messages: Vec<libc::mmsghdr>,
}

// SAFETY: the pointers in `parts` and `messages` are used by `send` alone, which writes all of them
// anew before it does; between calls they are nothing but bytes.
unsafe impl Send for SendBatch {}

impl SendBatch {
    /// Sends every datagram, each behind its header, never waiting; how many the kernel took. Where
    /// it refuses one, `refused` is told why and how many are left, that one included, and answers
    /// how many of those to give up: 0 to try the same again, which it may not answer for ever.
    pub(crate) fn send<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        datagrams: impl Iterator<Item = ([u8; HEADER], &'a [u8])>,
        mut refused: impl FnMut(&io::Error, usize) -> usize,
    ) -> usize {
        self.fill(datagrams);
        let (mut sent, mut next) = (0, 0);
        while next < self.messages.len() {
            let left = &mut self.messages[next..];
            match send_some(socket, left) {
                Ok(taken) => {
                    sent += taken;
                    next += taken;
                }
                Err(error) => next += refused(&error, left.len()),
            }
        }
        self.messages.clear();
        sent
    }

    /// Writes headers first, then what points at them: growing moves them.
    fn fill<'a>(&mut self, datagrams: impl Iterator<Item = ([u8; HEADER], &'a [u8])>) {
        self.headers.clear();
        self.parts.clear();
        self.messages.clear();
        for (header, data) in datagrams {
            self.headers.push(header);
            self.parts.push([
                part(&[]), // the header's place is known when all are there
                part(data),
            ]);
        }
        for (parts, header) in self.parts.iter_mut().zip(&self.headers) {
            parts[0] = part(header);
            self.messages.push(message(parts));
        }
    }
}

impl std::fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendBatch")
            .field("room", &self.headers.capacity())
            .finish()
    }
}

/// Sends from the first message on; how many went. An error is that of the first.
fn send_some(socket: BorrowedFd<'_>, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(messages.len()).unwrap_or(libc::c_uint::MAX);
    loop {
        // SAFETY: every message points at two parts of `SendBatch::parts`, these at a header of
        // `SendBatch::headers` and at data that its caller borrows for as long as `send` runs.
        // Nothing of it moves meanwhile, and the kernel reads, but for `msg_len`, which is ours.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
            )
        };
        match usize::try_from(sent) {
            Ok(sent) => return Ok(sent),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

const fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn message(parts: &mut [libc::iovec; 2]) -> libc::mmsghdr {
    // SAFETY: zeroes are a valid message: no address, no parts, no control data.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = null_mut();
    header.msg_iov = parts.as_mut_ptr();
    header.msg_iovlen = 2;
    libc::mmsghdr {
        msg_hdr: header,
        msg_len: 0,
    }
}
