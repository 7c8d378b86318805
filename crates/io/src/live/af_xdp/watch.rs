//! What becomes of the device, which the AF_XDP socket does not say.
//!
//! A packet socket that hears nothing is bound to the device: it has the device listen to all addresses, it gets an error when the
//! device goes down, and it forgets the device's number when the device is deleted or leaves the namespace. It is not *told* of the last
//! where the device was down before; so a netlink socket that hears of every change to any device says when to look.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with, sockopt,
};

use super::super::sys::socket;
use super::wake::Woken;

/// The multicast group of changes to devices: `RTMGRP_LINK`.
const LINKS: u32 = 1;

/// Most messages that are read at once; others are read the next time.
const MESSAGES: usize = 64;

/// Watches one device.
#[derive(Debug)]
pub(super) struct Watch {
    device: OwnedFd,
    news: OwnedFd,
    index: u32,
    mtu: u32,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing, or nothing that matters here.
    None,
    /// It went down.
    Down,
    /// It is gone.
    Gone,
}

impl Watch {
    /// Watches the device of this index, and has it listen to all addresses.
    pub(super) fn new(index: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let device = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        socket::mute(device.as_fd())?;
        socket::bind(device.as_fd(), index)?;
        socket::be_promiscuous(device.as_fd(), index)?;
        // Protocol 0 is that of devices and routes, rtnetlink(7).
        let news = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&news, &SocketAddrNetlink::new(0, LINKS))?;
        let mtu = socket::device_mtu(device.as_fd(), index)?;
        Ok(Self {
            device,
            news,
            index,
            mtu,
        })
    }

    /// Has an error when the device goes down.
    pub(super) fn fault(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    /// Readable when some device has changed.
    pub(super) fn news(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// The device's MTU when it changed last, in bytes.
    pub(super) const fn mtu(&self) -> u32 {
        self.mtu
    }

    /// What became of the device, as far as what woke us tells.
    pub(super) fn change(&mut self, woken: Woken) -> io::Result<Change> {
        if !woken.fault && !woken.news {
            return Ok(Change::None);
        }
        if woken.news {
            self.read_news();
        }
        if socket::bound_index(self.device.as_fd())? != Some(self.index) {
            return Ok(Change::Gone);
        }
        if let Ok(mtu) = socket::device_mtu(self.device.as_fd(), self.index) {
            self.mtu = mtu;
        }
        match sockopt::socket_error(&self.device)? {
            Err(Errno::NETDOWN) => Ok(Change::Down),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Change::None),
        }
    }

    /// Reads the news for nothing but that there are some: what is true now is asked for.
    fn read_news(&self) {
        for _ in 0..MESSAGES {
            match recv(&self.news, &mut [0_u8; 1], RecvFlags::DONTWAIT) {
                // Some were lost, and looking is all that there is to do.
                Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
                Err(_) => break,
            }
        }
    }
}
