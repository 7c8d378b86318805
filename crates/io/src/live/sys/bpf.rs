//! bpf(2), as much of it as two programs of a dozen instructions need: a map, a program given as
//! instructions, and a link that attaches it to a device.
//!
//! Instructions are written down here instead of being compiled elsewhere: no clang, no object file, no
//! loader, and what runs in the kernel is in plain sight. A link is a file descriptor: when it is
//! closed, at the latest when the process dies, the program is off the device.

use std::ffi::c_long;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Bytes of the verifier's report that are asked for; the programs here are short, and so are its complaints.
const LOG_LEN: usize = 16 * 1024;

/// One instruction (RFC 9669 section 3), in the order of bytes of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(in crate::live) struct Instruction {
    opcode: u8,
    /// Source register in the high half, destination in the low one, where the low half comes first.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register: 0 is the result, 1 to 5 are arguments, 10 is the stack.
pub(in crate::live) type Register = u8;

impl Instruction {
    const fn new(opcode: u8, dst: Register, src: Register, offset: i16, immediate: i32) -> Self {
        let registers = if cfg!(target_endian = "little") {
            dst | src << 4
        } else {
            dst << 4 | src
        };
        Self {
            opcode,
            registers,
            offset,
            immediate,
        }
    }

    /// `dst = immediate`.
    pub(in crate::live) const fn set(dst: Register, immediate: i32) -> Self {
        Self::new(0xb7, dst, 0, 0, immediate)
    }

    /// `dst = *(u32 *)(src + offset)`.
    pub(in crate::live) const fn load_u32(dst: Register, src: Register, offset: i16) -> Self {
        Self::new(0x61, dst, src, offset, 0)
    }

    /// `dst = map`: the only instruction that takes two places.
    pub(in crate::live) fn load_map(dst: Register, map: BorrowedFd<'_>) -> [Self; 2] {
        const PSEUDO_MAP_FD: Register = 1;
        let first = Self::new(0x18, dst, PSEUDO_MAP_FD, 0, map.as_raw_fd());
        [first, Self::new(0, 0, 0, 0, 0)]
    }

    /// `r0 = helper(r1, r2, r3, r4, r5)`.
    pub(in crate::live) const fn call(helper: i32) -> Self {
        Self::new(0x85, 0, 0, 0, helper)
    }

    /// Ends the program with the result in `r0`.
    pub(in crate::live) const fn exit() -> Self {
        Self::new(0x95, 0, 0, 0, 0)
    }
}

/// Where on a device a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::live) enum Hook {
    /// XDP in the driver, before there is a socket buffer.
    XdpNative,
    /// XDP behind the driver, which any device has.
    XdpGeneric,
    /// The ingress side of traffic control, before all other programs there; Linux 6.6.
    TcxIngress,
}

impl Hook {
    /// `BPF_PROG_TYPE_XDP`, `BPF_PROG_TYPE_SCHED_CLS`.
    const fn program_type(self) -> u32 {
        match self {
            Self::XdpNative | Self::XdpGeneric => 6,
            Self::TcxIngress => 3,
        }
    }

    /// `BPF_XDP`, `BPF_TCX_INGRESS`.
    const fn attach_type(self) -> u32 {
        match self {
            Self::XdpNative | Self::XdpGeneric => 37,
            Self::TcxIngress => 46,
        }
    }

    /// `XDP_FLAGS_DRV_MODE`, `XDP_FLAGS_SKB_MODE`, `BPF_F_BEFORE`.
    const fn flags(self) -> u32 {
        match self {
            Self::XdpNative => 1 << 2,
            Self::XdpGeneric => 1 << 1,
            Self::TcxIngress => 1 << 3,
        }
    }
}

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
pub(in crate::live) enum LoadError {
    /// The kernel has no such call, or this process may not make it.
    #[error(transparent)]
    Refused(io::Error),
    /// The verifier does not accept the program.
    #[error("{error}; the verifier says: {log}")]
    Verifier {
        /// What the call returned.
        error: io::Error,
        /// The last lines of its report, as one line.
        log: String,
    },
}

impl From<LoadError> for io::Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(error) => error,
            LoadError::Verifier { ref error, .. } => Self::new(error.kind(), error.to_string()),
        }
    }
}

/// A map of `entries` AF_XDP sockets, all of them empty.
///
/// # Errors
/// What the kernel says; `PermissionDenied` without `CAP_BPF` and `CAP_NET_ADMIN`.
pub(in crate::live) fn create_xsk_map(entries: u32) -> io::Result<OwnedFd> {
    /// The head of `union bpf_attr` for `BPF_MAP_CREATE`; what the kernel does not find is zero.
    #[repr(C)]
    struct MapCreate {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        map_flags: u32,
    }
    const BPF_MAP_CREATE: c_long = 0;
    const BPF_MAP_TYPE_XSKMAP: u32 = 17;
    let attributes = MapCreate {
        map_type: BPF_MAP_TYPE_XSKMAP,
        key_size: 4,
        value_size: 4,
        max_entries: entries,
        map_flags: 0,
    };
    // SAFETY: the structure holds no pointers, and the call makes a descriptor.
    unsafe { bpf_fd(BPF_MAP_CREATE, &attributes) }
}

/// Puts `socket` into place `key` of `map`. It leaves it by itself when it is closed.
///
/// # Errors
/// What the kernel says: `EOPNOTSUPP` for a socket that is not bound.
pub(in crate::live) fn put_into_map(
    map: BorrowedFd<'_>,
    key: u32,
    socket: BorrowedFd<'_>,
) -> io::Result<()> {
    /// The head of `union bpf_attr` for `BPF_MAP_UPDATE_ELEM`.
    #[repr(C)]
    struct MapUpdate {
        map_fd: RawFd,
        padding: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    const BPF_MAP_UPDATE_ELEM: c_long = 2;
    let value = socket.as_raw_fd();
    let attributes = MapUpdate {
        map_fd: map.as_raw_fd(),
        padding: 0,
        key: (&raw const key).expose_provenance() as u64,
        value: (&raw const value).expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: `key` and `value` are four bytes each, as the map was made for, are only read, and
    // outlive the call.
    unsafe { bpf(BPF_MAP_UPDATE_ELEM, &attributes) }.map(drop)
}

/// Loads `program` for `hook` under a name of at most 15 letters, digits and underscores.
///
/// # Errors
/// [`LoadError`].
pub(in crate::live) fn load(
    hook: Hook,
    name: &str,
    program: &[Instruction],
) -> Result<OwnedFd, LoadError> {
    let error = match load_quietly(hook, name, program, &mut []) {
        Ok(program) => return Ok(program),
        Err(error) if is_lacking(&error) => return Err(LoadError::Refused(error)),
        Err(error) => error,
    };
    // Once more, for the report: a program that is accepted pays nothing for one.
    let mut log = vec![0; LOG_LEN];
    match load_quietly(hook, name, program, &mut log) {
        Ok(program) => Ok(program),
        Err(_) => Err(LoadError::Verifier {
            error,
            log: last_lines(&log),
        }),
    }
}

/// Attaches `program` to the device of this index in the namespace of this thread until the returned
/// link is closed.
///
/// # Errors
/// What the kernel says: `EBUSY` where there is another XDP program, `EOPNOTSUPP` where the driver has no XDP
/// of its own, `EINVAL` where the kernel has no such hook.
pub(in crate::live) fn attach(
    program: BorrowedFd<'_>,
    ifindex: u32,
    hook: Hook,
) -> io::Result<OwnedFd> {
    /// The head of `union bpf_attr` for `BPF_LINK_CREATE`; zeroes say "relative to nothing".
    #[repr(C)]
    struct LinkCreate {
        prog_fd: RawFd,
        target_ifindex: u32,
        attach_type: u32,
        flags: u32,
    }
    const BPF_LINK_CREATE: c_long = 28;
    let attributes = LinkCreate {
        prog_fd: program.as_raw_fd(),
        target_ifindex: ifindex,
        attach_type: hook.attach_type(),
        flags: hook.flags(),
    };
    // SAFETY: the structure holds no pointers, and the call makes a descriptor.
    unsafe { bpf_fd(BPF_LINK_CREATE, &attributes) }
}

/// Whether it is the permission or the system call that is missing, rather than anything in the program.
fn is_lacking(error: &io::Error) -> bool {
    // The verifier's own refusals are EACCES and EINVAL.
    matches!(
        error.raw_os_error(),
        Some(libc::EPERM | libc::ENOSYS | libc::ENOMEM)
    )
}

fn load_quietly(
    hook: Hook,
    name: &str,
    program: &[Instruction],
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    /// The head of `union bpf_attr` for `BPF_PROG_LOAD`.
    #[repr(C)]
    struct ProgLoad {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
        prog_ifindex: u32,
        expected_attach_type: u32,
    }
    const BPF_PROG_LOAD: c_long = 5;
    let mut prog_name = [0; 16];
    for (to, from) in prog_name[..15].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let attributes = ProgLoad {
        prog_type: hook.program_type(),
        insn_cnt: u32::try_from(program.len()).unwrap_or(u32::MAX),
        insns: program.as_ptr().expose_provenance() as u64,
        license: c"Apache-2.0".as_ptr().expose_provenance() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).unwrap_or(u32::MAX),
        log_buf: if log.is_empty() {
            0
        } else {
            log.as_mut_ptr().expose_provenance() as u64
        },
        kern_version: 0,
        prog_flags: 0,
        prog_name,
        prog_ifindex: 0,
        expected_attach_type: hook.attach_type(),
    };
    // SAFETY: the three pointers are to memory that outlives the call: `insn_cnt` instructions of eight
    // bytes, a string that ends in zero, and `log_size` bytes that are borrowed mutably; and the call
    // makes a descriptor.
    unsafe { bpf_fd(BPF_PROG_LOAD, &attributes) }
}

/// The end of the verifier's report, where it says what is wrong, without its statistics.
fn last_lines(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let text = text.split('\0').next().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("processed "))
        .collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

/// bpf(2) with a command that makes a file descriptor, which closes at exec as all of bpf's do.
///
/// # Safety
/// As for [`bpf`], and the command must return a new descriptor.
unsafe fn bpf_fd<T>(command: c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for it.
    let fd = unsafe { bpf(command, attributes) }?;
    let fd = RawFd::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// bpf(2).
///
/// # Safety
/// `attributes` must be the head of `union bpf_attr` for `command`, and the pointers in it must point at what
/// the command reads and writes.
unsafe fn bpf<T>(command: c_long, attributes: &T) -> io::Result<c_long> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes, which are all of it, and takes the rest of its union as
    // zero; the caller vouches for the pointers in it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_laid_out_as_the_kernel_reads_them() {
        assert_eq!(size_of::<Instruction>(), 8);
        let load = Instruction::load_u32(2, 1, 16);
        assert_eq!((load.opcode, load.offset), (0x61, 16));
        if cfg!(target_endian = "little") {
            assert_eq!(load.registers, 0x12);
        }
    }

    #[test]
    fn a_report_is_cut_to_its_end() {
        let log = b"0: (95) exit\nR0 !read_ok\nprocessed 1 insns\n\0\0\0";
        assert_eq!(last_lines(log), "0: (95) exit | R0 !read_ok");
        assert_eq!(last_lines(&[0; 8]), "");
    }

    #[test]
    fn the_verifier_says_what_is_wrong() {
        match load(Hook::XdpNative, "secgroup_test", &[Instruction::exit()]) {
            Err(LoadError::Verifier { log, .. }) => assert!(log.contains("R0 !read_ok"), "{log}"),
            Err(LoadError::Refused(why)) => eprintln!("skipped: bpf(2) is not for us: {why}"),
            Ok(_) => panic!("a program without a result was accepted"),
        }
    }
}
