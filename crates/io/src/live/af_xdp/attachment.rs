//! The program on a device, which the shards of the device share.
//!
//! ```text
//! r2 = the queue that the frame came in on       *(u32 *)(context + 16)
//! r1 = the map of sockets
//! r3 = what to do where the queue has none       XDP_DROP: a firewall passes on nothing that nobody looked at
//! bpf_redirect_map(r1, r2, r3)
//! ```
//!
//! The first shard loads and attaches it, the others find it in a list of this process, and it goes with the last.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::super::sys::bpf::{self, Hook, Instruction};
use super::XdpMode;

/// The verdict for a frame of a queue without a socket.
const XDP_DROP: i32 = 1;

/// The number of `bpf_redirect_map`.
const REDIRECT_MAP: i32 = 51;

/// Where `struct xdp_md` says the queue.
const RX_QUEUE_INDEX: i16 = 16;

/// The programs that are attached, by device.
static ATTACHED: Mutex<Vec<(Device, Weak<Attachment>)>> = Mutex::new(Vec::new());

/// A program on a device.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Takes the program off the device when it is closed.
    _link: OwnedFd,
    map: OwnedFd,
    hook: Hook,
    queues: u32,
}

/// A device of this host: its index means nothing outside of its network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Device {
    namespace: (u64, u64),
    index: u32,
}

/// Why there is no attachment.
#[derive(Debug)]
pub(super) enum AttachError {
    /// It is there, but not as it was asked for.
    Different,
    /// The program or its map could not be made.
    Load(io::Error),
    /// It could not be put onto the device in this mode.
    Attach(&'static str, io::Error),
}

impl Attachment {
    /// The program on the device of this index in the namespace of this thread, with room for `queues` sockets: the one that this
    /// process has on it, or a new one.
    pub(super) fn join(index: u32, queues: u32, mode: XdpMode) -> Result<Arc<Self>, AttachError> {
        let device = Device {
            namespace: namespace().map_err(AttachError::Load)?,
            index,
        };
        let mut attached = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner);
        attached.retain(|(_, attachment)| attachment.strong_count() > 0);
        let found = attached.iter().find(|(known, _)| *known == device);
        if let Some(attachment) = found.and_then(|(_, attachment)| attachment.upgrade()) {
            return match attachment.is(queues, mode) {
                true => Ok(attachment),
                false => Err(AttachError::Different),
            };
        }
        let attachment = Arc::new(Self::new(index, queues, mode)?);
        attached.push((device, Arc::downgrade(&attachment)));
        Ok(attachment)
    }

    /// Sends the frames of `queue` to `socket` from now on, until it is closed.
    pub(super) fn serve(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        bpf::put_into_map(self.map.as_fd(), queue, socket)
    }

    /// Whether the program runs in the driver.
    pub(super) fn is_native(&self) -> bool {
        self.hook == Hook::XdpNative
    }

    fn is(&self, queues: u32, mode: XdpMode) -> bool {
        let mode_fits = match mode {
            XdpMode::Auto => true,
            XdpMode::Native => self.is_native(),
            XdpMode::Generic => !self.is_native(),
        };
        mode_fits && self.queues == queues
    }

    fn new(index: u32, queues: u32, mode: XdpMode) -> Result<Self, AttachError> {
        let map = bpf::create_xsk_map(queues).map_err(AttachError::Load)?;
        let program = program(map.as_fd());
        let program = bpf::load(Hook::XdpNative, "secgroup_xdp", &program)
            .map_err(|error| AttachError::Load(error.into()))?;
        let attach = |hook| bpf::attach(program.as_fd(), index, hook).map(|link| (link, hook));
        let native = || attach(Hook::XdpNative).map_err(|error| ("native", error));
        let generic = || attach(Hook::XdpGeneric).map_err(|error| ("generic", error));
        let (link, hook) = match mode {
            XdpMode::Native => native(),
            XdpMode::Generic => generic(),
            // A driver that has its own is tried first; one that is busy will not be less so.
            XdpMode::Auto => native().or_else(|(mode, error)| match error.kind() {
                io::ErrorKind::ResourceBusy | io::ErrorKind::PermissionDenied => Err((mode, error)),
                _ => generic(),
            }),
        }
        .map_err(|(mode, error)| AttachError::Attach(mode, error))?;
        Ok(Self {
            _link: link,
            map,
            hook,
            queues,
        })
    }
}

fn program(map: BorrowedFd<'_>) -> Vec<Instruction> {
    let mut program = vec![Instruction::load_u32(2, 1, RX_QUEUE_INDEX)];
    program.extend(Instruction::load_map(1, map));
    program.extend([
        Instruction::set(3, XDP_DROP),
        Instruction::call(REDIRECT_MAP),
        Instruction::exit(),
    ]);
    program
}

/// The network namespace of this thread: the file that stands for it.
fn namespace() -> io::Result<(u64, u64)> {
    let file = rustix::fs::stat("/proc/thread-self/ns/net")?;
    Ok((file.st_dev, file.st_ino))
}
