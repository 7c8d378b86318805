//! What a driver is set to, as `ethtool` asks it: by device name, in the namespace of the socket that asks.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `ETHTOOL_GGRO`, `ETHTOOL_GFLAGS`, `ETHTOOL_GCHANNELS`.
const GET_GRO: u32 = 0x2b;
const GET_FLAGS: u32 = 0x25;
const GET_CHANNELS: u32 = 0x3c;

/// `ETH_FLAG_LRO`.
const FLAG_LRO: u32 = 1 << 15;

/// `struct ethtool_channels`: nine numbers, of which the sixth and the ninth count queues that receive.
const CHANNELS_LEN: usize = 9;

/// On how many queues the device receives; `None` where its driver does not say.
///
/// # Errors
/// What the kernel says: `ENODEV` where there is no such device.
pub(in crate::live) fn receive_queues(
    socket: BorrowedFd<'_>,
    name: &str,
) -> io::Result<Option<u32>> {
    let mut channels = [0; CHANNELS_LEN];
    channels[0] = GET_CHANNELS;
    let known = ask(socket, name, &mut channels)?;
    let [_, _, _, _, _, rx, _, _, combined] = channels;
    Ok(known.then(|| rx.saturating_add(combined).max(1)))
}

/// Whether the kernel merges the frames that it receives from the device.
///
/// # Errors
/// What the kernel says: `ENODEV` where there is no such device.
pub(in crate::live) fn has_gro(socket: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let mut value = [GET_GRO, 0];
    Ok(ask(socket, name, &mut value)? && value[1] != 0)
}

/// Whether the device merges the frames that it receives.
///
/// # Errors
/// What the kernel says: `ENODEV` where there is no such device.
pub(in crate::live) fn has_lro(socket: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let mut value = [GET_FLAGS, 0];
    Ok(ask(socket, name, &mut value)? && value[1] & FLAG_LRO != 0)
}

/// Has the driver answer into `question`, which begins with the number of the command; false where the driver
/// does not know the command.
fn ask<const N: usize>(
    socket: BorrowedFd<'_>,
    name: &str,
    question: &mut [u32; N],
) -> io::Result<bool> {
    // SAFETY: a C structure of integers and a union of such, for which zero is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_data = question.as_mut_ptr().cast();
    // SAFETY: the request names the device with a zero at the end, and its data are those that the command
    // in them reads and writes: two numbers for a value, nine for channels.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::EINVAL) => Ok(false),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn drivers_that_do_not_say_are_told_from_devices_that_are_not_there() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(!has_lro(socket.as_fd(), "lo").unwrap());
        assert_eq!(receive_queues(socket.as_fd(), "lo").unwrap(), None);
        let missing = receive_queues(socket.as_fd(), "no-such-device").unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENODEV));
        let long = has_gro(socket.as_fd(), "a-name-that-no-device-can-have").unwrap_err();
        assert_eq!(long.raw_os_error(), Some(libc::ENODEV));
    }
}
