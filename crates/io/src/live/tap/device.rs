//! Making a TAP device once, for all its queues.
//!
//! The kernel makes a device when the first queue asks for its name, and removes it when the last
//! is closed. In between lies what has to be got right: two shards that open at once, one that
//! opens again while others live, a device that somebody deleted and whose dead queues are still
//! open, and a device of that name that is not ours, to which the kernel would just add a queue. So
//! the process remembers the devices that it made ([`DEVICES`]) for as long as a queue of them is
//! open, by namespace, name *and* number:
//!
//! - one that is remembered, and still there under its number, is joined;
//! - any other is to be made new (`IFF_TUN_EXCL`), and that fails where the name is taken.
//!
//! A queue is closed before its [`Device`] is let go of. So a device that is not remembered has no
//! queue of ours; and one that is remembered may be going just now, which the number tells after
//! joining it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::{Mode, OFlags};

use super::netns::NetnsId;
use super::{Netns, TapError, TapSettings};
use crate::live::VnetHeader;
use crate::live::route::{LinkSetup, Route};
use crate::live::sys::tun;

/// The devices that this process made.
static DEVICES: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());

/// How often a device may go while it is being joined, before that is an error.
const ATTEMPTS: usize = 3;
/// Frames that wait in each queue of a device, as with other devices; the kernel's 500 is one burst
/// of a fast UDP sender.
const QUEUE_LEN: u32 = 1000;

const FLAGS: i32 = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
/// What may come unfinished, everywhere, and since Linux 6.2.
const OFFLOAD: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
const OFFLOAD_UDP: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// A device that is there as long as one of its queues.
#[derive(Debug)]
pub(super) struct Device {
    /// In bytes, as it was made.
    pub(super) mtu: u32,
    index: u32,
    /// Asks how it is, in its namespace.
    route: Mutex<Route>,
}

#[derive(Debug)]
struct Remembered {
    netns: NetnsId,
    name: String,
    device: Weak<Device>,
}

/// Opens a queue of the device, in the namespace of the calling thread, which is `netns`.
pub(super) fn open(
    settings: &TapSettings,
    netns: &Netns,
) -> Result<(OwnedFd, Arc<Device>), TapError> {
    let netns = netns.id()?;
    let name = &settings.name;
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    devices.retain(|known| known.device.strong_count() > 0);
    for _ in 0..ATTEMPTS {
        let route = Route::new()?;
        let known = devices
            .iter()
            .filter(|known| known.netns == netns && known.name == *name)
            .find_map(|known| known.device.upgrade());
        let there = route.index_of(name)?;
        let Some(device) = known.filter(|known| Some(known.index) == there) else {
            let (queue, device) = make(settings, route)?;
            let device = Arc::new(device);
            devices.retain(|known| known.netns != netns || known.name != *name);
            devices.push(Remembered {
                netns,
                name: name.clone(),
                device: Arc::downgrade(&device),
            });
            return Ok((queue, device));
        };
        let queue = attach(name, FLAGS)?;
        if route.index_of(name)? == Some(device.index) {
            return Ok((queue, device));
        }
        // It went meanwhile, and what was made in its place goes with `queue`.
    }
    Err(TapError::Exists(name.clone()))
}

/// Makes the device, and removes it again where it cannot be as it is to be.
fn make(settings: &TapSettings, mut route: Route) -> Result<(OwnedFd, Device), TapError> {
    let queue = attach(&settings.name, FLAGS | libc::IFF_TUN_EXCL)?;
    let Some(index) = route.index_of(&settings.name)? else {
        return Err(TapError::Io(io::ErrorKind::NotFound.into()));
    };
    configure(settings, &mut route, index)?;
    let device = Device {
        mtu: settings.mtu,
        index,
        route: Mutex::new(route),
    };
    Ok((queue, device))
}

fn configure(settings: &TapSettings, route: &mut Route, index: u32) -> Result<(), TapError> {
    let refused = |what: String| {
        move |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => TapError::NotPermitted,
            _ => TapError::Setting {
                name: settings.name.clone(),
                what,
                error,
            },
        }
    };
    let setup = LinkSetup {
        mac: settings.mac,
        mtu: settings.mtu,
        queue_len: QUEUE_LEN,
    };
    let what = match settings.mac {
        Some(mac) => format!("MTU {} and address {mac}", settings.mtu),
        None => format!("MTU {}", settings.mtu),
    };
    route.set_link(index, &setup).map_err(refused(what))?;
    for &(address, prefix) in &settings.addresses {
        route
            .add_address(index, address, prefix)
            .map_err(refused(format!("address {address}/{prefix}")))?;
    }
    for &gateway in &settings.gateways {
        route
            .add_default_route(index, gateway)
            .map_err(refused(format!("gateway {gateway}")))?;
    }
    Ok(())
}

/// One queue of the device `name`, with its offloads on.
fn attach(name: &str, flags: i32) -> Result<OwnedFd, TapError> {
    let open = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let queue = rustix::fs::open("/dev/net/tun", open, Mode::empty())
        .map_err(|error| refusal(error.into(), name))?;
    tun::attach(queue.as_fd(), name, flags).map_err(|error| refusal(error, name))?;
    let header_len = i32::try_from(VnetHeader::LEN).unwrap_or(i32::MAX);
    tun::set_header_len(queue.as_fd(), header_len)?;
    if tun::set_offload(queue.as_fd(), OFFLOAD | OFFLOAD_UDP).is_err() {
        tun::set_offload(queue.as_fd(), OFFLOAD)?;
    }
    Ok(queue)
}

fn refusal(error: io::Error, name: &str) -> TapError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => TapError::NotPermitted,
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => TapError::NoTun,
        Some(libc::EBUSY | libc::EEXIST) => TapError::Exists(name.to_owned()),
        _ => TapError::Io(error),
    }
}

/// Refuses what the kernel would refuse without a word about why, and the pattern that it would
/// replace by a number.
pub(super) fn check_name(name: &str) -> Result<(), TapError> {
    let right = (1..libc::IFNAMSIZ).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.bytes().any(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'/' | b':' | b'%' | 0 | 0x0b)
        });
    right
        .then_some(())
        .ok_or_else(|| TapError::Name(name.to_owned()))
}

impl Device {
    /// Frames of the workload that found their queue full, since the device was made.
    pub(super) fn send_dropped(&self) -> u64 {
        let mut route = self.route.lock().unwrap_or_else(PoisonError::into_inner);
        match route.link(self.index) {
            Ok(Some(link)) => link.send_dropped,
            Ok(None) | Err(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_takes_literally() {
        for name in ["tap0", "a", "fifteen-bytes-1", "ütap"] {
            check_name(name).unwrap();
        }
        for name in [
            "",
            ".",
            "..",
            "sixteen-bytes-12",
            "tap%d",
            "a b",
            "a/b",
            "a:b",
            "a\0b",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
