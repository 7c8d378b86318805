//! Opening and closing a queue.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};

use super::message::{Message, Request, Writer, first};
use super::packet::Packet;
use super::verdict::drop_up_to;
use super::{NfQueueError, NfQueueSettings};
use crate::live::sys::nfnetlink::set_no_enobufs;

/// Attributes of a configuration message (`enum nfqnl_attr_config`).
const COMMAND: u16 = 1;
const PARAMETERS: u16 = 2;
const MAX_LEN: u16 = 3;
const MASK: u16 = 4;
const FLAGS: u16 = 5;

/// Commands, each with the family it is about: 0 for all.
const BIND: [u8; 4] = [1, 0, 0, 0];
const UNBIND: [u8; 4] = [2, 0, 0, 0];
/// Does nothing since Linux 3.8, but is refused to those who may not configure queues.
const UNBIND_FAMILY: [u8; 4] = [4, 0, 0, 0];

/// Copy mode: the packet's first bytes.
const COPY_PACKET: u8 = 2;

/// Give over packets that are still to be cut apart, in one piece.
const FLAG_GSO: u32 = 4;
/// All flags that change what a queue does; what is not set is cleared, among it letting packets through where the queue is full.
const FLAGS_KNOWN: u32 = 0x1f;

/// Least bytes of a packet that are looked at.
const MIN_COPY_RANGE: u16 = 128;

/// How long the kernel may take to answer. It answers within the call; this bounds what should not happen.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bytes of each packet that are looked at.
pub(super) fn copy_range(settings: &NfQueueSettings) -> u16 {
    settings.copy_range.max(MIN_COPY_RANGE)
}

/// A socket that has the queue.
pub(super) fn open(settings: &NfQueueSettings) -> Result<OwnedFd, NfQueueError> {
    let number = settings.number;
    let failed = |step: &'static str| {
        move |error: io::Error| NfQueueError::Failed {
            number,
            step,
            error,
        }
    };
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        Some(netlink::NETFILTER),
    )
    .map_err(|error| NfQueueError::Unsupported(error.into()))?;
    set_no_enobufs(socket.as_fd()).map_err(failed("silencing lost messages"))?;
    widen(&socket, settings.receive_buffer).map_err(failed("setting the receive buffer"))?;

    // To those without the capability the kernel says the same as to those whose queue is taken: so the
    // capability is tried first, by a command that does nothing.
    let mut asked = Conversation::new(&socket, number);
    match asked.ask(&[(COMMAND, &UNBIND_FAMILY)]) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(NfQueueError::NotPermitted(error));
        }
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            return Err(NfQueueError::Unsupported(error));
        }
        Err(error) => return Err(failed("asking for the queue subsystem")(error)),
        Ok(()) => {}
    }

    let mut parameters = [0, 0, 0, 0, COPY_PACKET];
    parameters[..4].copy_from_slice(&u32::from(copy_range(settings)).to_be_bytes());
    // All in one message: there is no moment in which the queue is open and not yet as it should be.
    let bound = asked.ask(&[
        (COMMAND, &BIND),
        (PARAMETERS, &parameters),
        (MAX_LEN, &settings.max_len.max(1).to_be_bytes()),
        (MASK, &FLAGS_KNOWN.to_be_bytes()),
        (FLAGS, &FLAG_GSO.to_be_bytes()),
    ]);
    match bound.as_ref().map_err(io::Error::kind) {
        Err(io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy) => {
            Err(NfQueueError::Taken { number })
        }
        _ => {
            bound.map_err(failed("binding"))?;
            Ok(socket)
        }
    }
}

/// Makes the receive buffer as large as asked for, where permitted beyond the limit of the host.
fn widen(socket: &OwnedFd, bytes: usize) -> io::Result<()> {
    if sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, bytes)?;
    }
    Ok(())
}

/// Gives the queue back; all that it holds is dropped.
pub(super) fn close(socket: &OwnedFd, number: u16) {
    let mut message = Writer::default();
    message
        .begin(Request::Configure, number)
        .attribute(COMMAND, &UNBIND);
    // Where this fails, the queue is gone already.
    let _ = send(socket, message.bytes(), SendFlags::DONTWAIT);
}

/// Requests, and the answers to them.
struct Conversation<'a> {
    socket: &'a OwnedFd,
    number: u16,
    sequence: u32,
}

impl<'a> Conversation<'a> {
    fn new(socket: &'a OwnedFd, number: u16) -> Self {
        Self {
            socket,
            number,
            sequence: 0,
        }
    }

    /// Sends a configuration message and waits for what the kernel says to it.
    fn ask(&mut self, attributes: &[(u16, &[u8])]) -> io::Result<()> {
        self.sequence += 1;
        let mut message = Writer::default();
        message.begin_acknowledged(self.number, self.sequence);
        for &(kind, value) in attributes {
            message.attribute(kind, value);
        }
        send(self.socket, message.bytes(), SendFlags::DONTWAIT)?;
        let code = self.answer()?;
        if code == 0 {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(code.saturating_neg()))
    }

    fn answer(&self) -> io::Result<i32> {
        let deadline = Instant::now() + PATIENCE;
        // Packets that came before the answer; one is enough, as the kernel numbers them upwards.
        let mut early = None;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            self.wait(deadline)?;
            let (len, _) = match recv(self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            match buffer.get(..len).and_then(first) {
                Some(Message::Answer { sequence, code }) if sequence == self.sequence => {
                    self.drop_early(early)?;
                    return Ok(code);
                }
                Some(Message::Packet(attributes)) => {
                    early = Packet::parse(attributes).map(|packet| packet.id).or(early);
                }
                _ => {}
            }
        }
    }

    fn wait(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the kernel does not answer",
            ));
        }
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut readable = [PollFd::new(self.socket, PollFlags::IN)];
        match poll(&mut readable, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Drops packets that came while the queue was being opened, as those before them were.
    fn drop_early(&self, id: Option<u32>) -> io::Result<()> {
        let Some(id) = id else { return Ok(()) };
        let mut message = Writer::default();
        drop_up_to(id, self.number, &mut message);
        send(self.socket, message.bytes(), SendFlags::DONTWAIT)?;
        Ok(())
    }
}
