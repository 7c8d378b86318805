//! As much of rtnetlink (rtnetlink(7)) as is needed to know a device.
//!
//! A message is a header of 16 bytes, a body of fixed length and attributes; all of it in the byte
//! order of the host. Nothing that a message says about lengths is believed: what does not fit into
//! what was received ends the reading of it.

mod attributes;
mod messages;

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

pub(super) use self::messages::{Link, Message};
use self::messages::{Messages, address_dump, link_dump, link_request};

/// Bytes that one read may give. The kernel fills at most 32 KiB of a dump at a time.
const BUFFER: usize = 64 << 10;
/// Most reads of one answer: a dump of more devices than a host can have ends here.
const MAX_READS: usize = 1 << 16;

/// Which device is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    ByName(&'a str),
    ByIndex(u32),
}

/// A socket to the kernel's routing subsystem.
#[derive(Debug)]
pub(super) struct Socket {
    socket: OwnedFd,
    buffer: Box<[u8]>,
}

impl Socket {
    /// A socket that hears the multicast `groups`, in the namespace of the calling thread.
    pub(super) fn open(groups: u32) -> io::Result<Self> {
        let flags = if groups == 0 {
            SocketFlags::CLOEXEC
        } else {
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK
        };
        // No protocol is protocol 0, which is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self {
            socket,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The messages of one datagram.
    pub(super) fn read(&mut self) -> io::Result<Messages<'_>> {
        let (_, len) = recv(&self.socket, &mut *self.buffer, RecvFlags::empty())?;
        Ok(Messages::new(&self.buffer[..len.min(BUFFER)]))
    }

    /// A device; `None` where there is none.
    pub(super) fn link(&mut self, which: Request<'_>) -> io::Result<Option<Link>> {
        // The kernel's names have at most 15 bytes, and it refuses a longer one as a mistake.
        if matches!(which, Request::ByName(name) if name.is_empty() || name.len() > 15) {
            return Ok(None);
        }
        let mut found = None;
        let answer = self.ask(&link_request(which), |message| {
            if let Message::NewLink(link) = message {
                found = Some(link);
            }
        });
        match answer {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(found),
        }
    }

    /// All devices.
    pub(super) fn links(&mut self) -> io::Result<Vec<Link>> {
        let mut links = Vec::new();
        self.ask(&link_dump(), |message| {
            if let Message::NewLink(link) = message {
                links.push(link);
            }
        })?;
        Ok(links)
    }

    /// The addresses of a device.
    pub(super) fn addresses(&mut self, index: u32) -> io::Result<Vec<IpAddr>> {
        let mut addresses = Vec::new();
        self.ask(&address_dump(), |message| match message {
            Message::Address(of, address) if of == index => addresses.push(address),
            _ => {}
        })?;
        Ok(addresses)
    }

    /// Sends a request and reads its answer to the end.
    fn ask(&mut self, request: &[u8], mut heard: impl FnMut(Message)) -> io::Result<()> {
        send(&self.socket, request, SendFlags::empty())?;
        for _ in 0..MAX_READS {
            for message in self.read()? {
                match message {
                    Message::End => return Ok(()),
                    Message::Error(0) => return Ok(()), // an acknowledgement, which ends an answer
                    Message::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
                    other => heard(other),
                }
            }
        }
        Err(io::Error::other("the kernel's answer has no end"))
    }
}
