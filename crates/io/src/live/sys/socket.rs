//! What an `AF_PACKET` socket can be told and asked.

use std::ffi::{c_int, c_uint};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::from_ref;

/// One instruction of a classic BPF program.
pub(crate) type Instruction = libc::sock_filter;

/// Every EtherType, in the byte order of the network.
#[allow(clippy::cast_possible_truncation, reason = "an EtherType has 16 bits")]
const ANY_PROTOCOL: u16 = (libc::ETH_P_ALL as u16).to_be();

/// What a ring is made of, and how long a partly filled block waits (0 where frames come singly).
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingShape {
    pub(crate) version: c_int,
    pub(crate) block_size: u32,
    pub(crate) blocks: u32,
    pub(crate) slot_size: u32,
    pub(crate) slots: u32,
    pub(crate) timeout_ms: u32,
}

/// Sets one of the `PACKET_*` options that are numbers.
pub(crate) fn set_packet_option(
    socket: BorrowedFd<'_>,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: every packet option that takes a number takes an `int`.
    unsafe { set_option(socket, libc::SOL_PACKET, option, &value) }
}

/// Makes the receive ring; it is then mapped.
pub(crate) fn make_ring(socket: BorrowedFd<'_>, shape: &RingShape) -> io::Result<()> {
    let request = libc::tpacket_req3 {
        tp_block_size: shape.block_size,
        tp_block_nr: shape.blocks,
        tp_frame_size: shape.slot_size,
        tp_frame_nr: shape.slots,
        tp_retire_blk_tov: shape.timeout_ms,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    // SAFETY: the request of version 3 begins with that of version 2, and the kernel reads as much
    // of it as the socket's version has.
    unsafe { set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request) }
}

/// Hears frames to other addresses, too, for as long as the socket lives.
pub(crate) fn be_promiscuous(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: signed(index)?,
        mr_type: u16::try_from(libc::PACKET_MR_PROMISC).map_err(io::Error::other)?,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    // SAFETY: this is the structure that the option takes.
    unsafe {
        set_option(
            socket,
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &membership,
        )
    }
}

/// Hears the frames of one device, of any EtherType, from now on.
pub(crate) fn bind(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    // SAFETY: zeroes are a valid address: it has no pointers and no enumerations.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = family();
    address.sll_protocol = ANY_PROTOCOL;
    address.sll_ifindex = signed(index)?;
    // SAFETY: the address lives through the call, and its length is its own.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            from_ref(&address).cast(),
            length_of(&address),
        )
    })
}

/// The index of the device that the socket hears; `None` where the device is gone.
pub(crate) fn bound_index(socket: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    // SAFETY: as in `bind`.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut len = length_of(&address);
    // SAFETY: the kernel writes at most `len` bytes, which is what the address has.
    check(unsafe {
        libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len)
    })?;
    Ok(u32::try_from(address.sll_ifindex)
        .ok()
        .filter(|&index| index != 0))
}

/// Frames since the last call, which begins the counts again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statistics {
    /// They passed the socket's filter, whether or not there was room for them.
    pub(crate) passed: u32,
    /// Those of them that found no room.
    pub(crate) dropped: u32,
}

/// What the kernel counted for a packet socket since the last call.
pub(crate) fn statistics(socket: BorrowedFd<'_>) -> io::Result<Statistics> {
    let mut counts = libc::tpacket_stats_v3 {
        tp_packets: 0,
        tp_drops: 0,
        tp_freeze_q_cnt: 0,
    };
    let mut len = length_of(&counts);
    // SAFETY: the counts of version 3 begin with those of version 2, and the kernel writes at most
    // `len` bytes.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut len,
        )
    })?;
    Ok(Statistics {
        passed: counts.tp_packets, // The kernel counts what found no room among them.
        dropped: counts.tp_drops,
    })
}

/// Gives the socket's fanout group the program that chooses among its members.
pub(crate) fn set_fanout_program(
    socket: BorrowedFd<'_>,
    program: &[Instruction],
) -> io::Result<()> {
    set_program(socket, libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
}

/// Gives the socket the program that says how many bytes of each frame it hears, 0 for none of it.
pub(crate) fn set_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    set_program(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
}

/// Makes the socket hear nothing until [`unmute`].
pub(crate) fn mute(socket: BorrowedFd<'_>) -> io::Result<()> {
    let nothing = Instruction {
        code: 0x06, // return a constant: how many bytes to keep
        jt: 0,
        jf: 0,
        k: 0,
    };
    set_filter(socket, &[nothing])
}

/// Takes [`mute`] back.
pub(crate) fn unmute(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the option ignores its value.
    unsafe { set_option(socket, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0_i32) }
}

/// The MTU of a device of the socket's own namespace, in bytes, whatever the device is called now.
pub(crate) fn device_mtu(socket: BorrowedFd<'_>, index: u32) -> io::Result<u32> {
    // SAFETY: zeroes are a valid request.
    let mut request: libc::ifreq = unsafe { zeroed() };
    request.ifr_ifru.ifru_ifindex = signed(index)?;
    for question in [libc::SIOCGIFNAME, libc::SIOCGIFMTU] {
        // SAFETY: both calls read and write one `ifreq`, the first the name for the second.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), question as _, &raw mut request) })?;
    }
    // SAFETY: the second call wrote an MTU into the union; every bit pattern is a number.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    u32::try_from(mtu).map_err(io::Error::other)
}

fn set_program(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    program: &[Instruction],
) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions and changes none; they live through the call.
    unsafe { set_option(socket, level, option, &program) }
}

/// # Safety
/// `T` must be what the option takes, or begin with it.
unsafe fn set_option<T>(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the value lives through the call, and its length is its own.
    check(unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            from_ref(value).cast(),
            length_of(value),
        )
    })
}

fn check(result: c_int) -> io::Result<()> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the structures of this file have less than 4 GiB"
)]
const fn length_of<T>(_: &T) -> libc::socklen_t {
    size_of::<T>() as c_uint
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of the family is 17"
)]
const fn family() -> libc::sa_family_t {
    libc::AF_PACKET as libc::sa_family_t
}

fn signed(index: u32) -> io::Result<c_int> {
    c_int::try_from(index).map_err(io::Error::other)
}
