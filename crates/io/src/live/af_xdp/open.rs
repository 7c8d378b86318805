//! From a device's name to a port.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::netdevice::name_to_index;
use rustix::net::sockopt::set_socket_send_buffer_size_force;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::super::sys::ethtool;
use super::super::sys::xsk::{Binding, Xsk};
use super::attachment::{AttachError, Attachment};
use super::wake::Wake;
use super::watch::Watch;
use super::{AfXdp, AfXdpError, AfXdpWarning, FRAME_MAX, PortDrops, State};

/// How long what a process that just ended has left in the kernel is waited for: it takes memory and program away some time
/// after the exit.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(10);

/// The link-layer header with two VLAN tags, in bytes.
const HEADER_MAX: usize = 22;

/// What may be on the way in the kernel, in bytes: a full ring of the smallest frames is accounted with some two megabytes.
const SEND_BUFFER: usize = 8 << 20;

/// Which device, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfXdpSettings {
    /// The device.
    pub device: String,
    /// Which of its receive queues, from 0: the shard.
    pub queue: u32,
    /// How many queues are served, by as many shards. Must be as many as the device has.
    pub queues: u32,
    /// Who moves frames between the device and our memory.
    pub copy: CopyMode,
    /// Where the program runs.
    pub mode: XdpMode,
    /// Frames that there is room for in each direction, of 4 KiB each: a power of two from 64 to 65536.
    pub frames: u32,
}

/// Who moves frames between the device and our memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyMode {
    /// The device where it can, otherwise the kernel.
    #[default]
    Auto,
    /// The kernel copies them.
    Copy,
    /// The device reads and writes our memory, or the port is not opened.
    ZeroCopy,
}

/// Where an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum XdpMode {
    /// In the driver where that can, otherwise behind it.
    #[default]
    Auto,
    /// In the driver, or the port is not opened.
    Native,
    /// Behind the driver, where there is a socket buffer already.
    Generic,
}

impl AfXdpSettings {
    /// The usual: the only queue of `device`, as fast as its driver can.
    #[must_use]
    pub fn new(device: impl Into<String>) -> Self {
        Self {
            device: device.into(),
            queue: 0,
            queues: 1,
            copy: CopyMode::Auto,
            mode: XdpMode::Auto,
            frames: 2048,
        }
    }

    fn io(&self, step: &'static str) -> impl FnOnce(io::Error) -> AfXdpError {
        move |error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => AfXdpError::NotPermitted(error),
            Some(libc::EAFNOSUPPORT) => AfXdpError::NoAfXdp,
            Some(libc::ENODEV) => AfXdpError::NoDevice(self.device.clone()),
            _ => AfXdpError::Io {
                device: self.device.clone(),
                step,
                error,
            },
        }
    }
}

impl AfXdp {
    /// Opens a queue of a device in the namespace of this thread. May take two seconds where another process has just let go of the
    /// device.
    ///
    /// # Errors
    /// [`AfXdpError`], which says what to do.
    pub fn open(settings: &AfXdpSettings) -> Result<Self, AfXdpError> {
        let (device, frames) = (&settings.device, settings.frames);
        if !frames.is_power_of_two() || !(64..=65536).contains(&frames) {
            return Err(AfXdpError::Frames(frames));
        }
        let index = check_device(settings)?;
        let watch = Watch::new(index).map_err(settings.io("cannot watch it"))?;
        if watch.mtu() as usize + HEADER_MAX > FRAME_MAX {
            let (device, mtu) = (device.clone(), watch.mtu());
            return Err(AfXdpError::Mtu { device, mtu });
        }
        let (xsk, mut to_fill) = Xsk::new(frames).map_err(settings.io("cannot make a socket"))?;
        let to_send = to_fill.split_off(frames as usize);
        let attachment = attach(settings, index)?;
        bind(settings, index, &xsk, attachment.is_native())?;
        let zero_copy = xsk.is_zero_copy().map_err(settings.io("cannot ask"))?;
        // A larger share than the host's default, where we may; it is only slower otherwise.
        let _ = set_socket_send_buffer_size_force(&xsk, SEND_BUFFER);
        let wake = Wake::new(xsk.as_fd(), watch.fault(), watch.news())
            .map_err(settings.io("cannot wait for it"))?;
        let warnings = AfXdpWarning::of(settings, attachment.is_native());
        let mut port = Self {
            held: Vec::new(),
            to_fill,
            to_send,
            xsk,
            attachment,
            watch,
            wake,
            state: State::Up,
            zero_copy,
            drops: PortDrops::default(),
            warnings,
        };
        port.xsk.fill(&mut port.to_fill);
        port.attachment
            .serve(settings.queue, port.xsk.as_fd())
            .map_err(settings.io("cannot direct frames to the socket"))?;
        Ok(port)
    }
}

/// The index of the device, where its queues are those that are served.
fn check_device(settings: &AfXdpSettings) -> Result<u32, AfXdpError> {
    let (queue, served) = (settings.queue, settings.queues);
    if queue >= served {
        return Err(AfXdpError::Queue { queue, served });
    }
    let socket = any_socket().map_err(settings.io("cannot make a socket"))?;
    let device = &settings.device;
    let index = name_to_index(&socket, device)
        .map_err(|error| settings.io("cannot be found")(error.into()))?;
    let has = ethtool::receive_queues(socket.as_fd(), device)
        .map_err(settings.io("cannot count its queues"))?;
    match has {
        Some(has) if has != served => Err(AfXdpError::Queues {
            device: device.clone(),
            has,
            served,
        }),
        _ => Ok(index),
    }
}

/// A socket to ask about devices: any can be asked.
pub(super) fn any_socket() -> io::Result<OwnedFd> {
    let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
    Ok(socket_with(family, SocketType::DGRAM, flags, None)?)
}

fn attach(settings: &AfXdpSettings, index: u32) -> Result<Arc<Attachment>, AfXdpError> {
    let device = settings.device.clone();
    let join = || Attachment::join(index, settings.queues, settings.mode);
    let is_busy = |error: &AttachError| match error {
        AttachError::Attach(_, error) => error.kind() == io::ErrorKind::ResourceBusy,
        _ => false,
    };
    match patiently(join, is_busy) {
        Ok(attachment) => Ok(attachment),
        Err(AttachError::Different) => Err(AfXdpError::OtherSettings(device)),
        Err(AttachError::Load(error)) => Err(settings.io("cannot load the program")(error)),
        Err(AttachError::Attach(mode, error)) => match error.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => Err(AfXdpError::OtherProgram(device)),
            Some(libc::EPERM | libc::ENODEV) => Err(settings.io("cannot attach")(error)),
            _ => Err(AfXdpError::Program {
                device,
                mode,
                error,
            }),
        },
    }
}

/// Binds as the settings say, without a copy first where they leave it to us. A generic program gets frames
/// that the kernel has in its own memory already: without a copy none would ever come.
fn bind(settings: &AfXdpSettings, index: u32, xsk: &Xsk, native: bool) -> Result<(), AfXdpError> {
    let device = settings.device.clone();
    let bind = |how| {
        let attempt = || xsk.bind(index, settings.queue, how);
        patiently(attempt, |error: &io::Error| {
            error.kind() == io::ErrorKind::ResourceBusy
        })
    };
    let result = match (settings.copy, native) {
        (CopyMode::Copy, _) | (CopyMode::Auto, false) => bind(Binding::Copy),
        (CopyMode::Auto, true) => match bind(Binding::ZeroCopy) {
            Err(error) if error.kind() != io::ErrorKind::ResourceBusy => bind(Binding::Copy),
            result => result,
        },
        (CopyMode::ZeroCopy, native) => {
            let result = match native {
                true => bind(Binding::ZeroCopy),
                false => Err(io::Error::other("the program is not in the driver")),
            };
            return result.map_err(|error| AfXdpError::ZeroCopy { device, error });
        }
    };
    result.map_err(|error| match error.raw_os_error() {
        Some(libc::EBUSY) => AfXdpError::Busy {
            device,
            queue: settings.queue,
        },
        _ => settings.io("cannot bind")(error),
    })
}

/// Tries again while something is busy, for a while.
fn patiently<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    is_busy: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}
