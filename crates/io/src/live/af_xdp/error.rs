//! Why a port was not opened.

use std::io;

use super::FRAME_MAX;

/// Why a device was not opened for AF_XDP; each text says what to do, in one line.
#[derive(Debug, thiserror::Error)]
pub enum AfXdpError {
    /// There is no such device.
    #[error("there is no device '{0}'")]
    NoDevice(String),
    /// The kernel was built without AF_XDP.
    #[error("this kernel has no AF_XDP (CONFIG_XDP_SOCKETS); use the backend af-packet")]
    NoAfXdp,
    /// A capability is missing.
    #[error(
        "af-xdp needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF ({0}); grant them, or use the backend af-packet"
    )]
    NotPermitted(io::Error),
    /// A number of frames that no ring can have.
    #[error("frames = {0}: must be a power of two from 64 to 65536")]
    Frames(u32),
    /// The device has queues that nobody would serve.
    #[error(
        "'{device}' receives on {has} queues and {served} are served, frames on the others would be lost: \
         run 'ethtool -L {device} combined {served}', or open {has} shards"
    )]
    Queues {
        /// The device.
        device: String,
        /// How many it has.
        has: u32,
        /// How many shards there are.
        served: u32,
    },
    /// A queue that is not among those that are served.
    #[error("queue {queue} is not one of {served} queues")]
    Queue {
        /// The queue, from 0.
        queue: u32,
        /// How many there are.
        served: u32,
    },
    /// Frames of the device may be too long.
    #[error(
        "'{device}' has an MTU of {mtu} and af-xdp carries frames of at most {FRAME_MAX} bytes: run \
         'ip link set {device} mtu 1500', or use the backend af-packet"
    )]
    Mtu {
        /// The device.
        device: String,
        /// Its MTU in bytes.
        mtu: u32,
    },
    /// Somebody else's program is on the device.
    #[error(
        "'{0}' has another XDP program: take it off with 'ip link set {0} xdp off', or end the program that holds it"
    )]
    OtherProgram(String),
    /// Another shard of this process opened the device in another way.
    #[error(
        "'{0}' is open already with other settings: all shards of a device share one XDP program"
    )]
    OtherSettings(String),
    /// The program does not run on the device in the way that was asked for.
    #[error(
        "'{device}' does not take an XDP program in {mode} mode ({error}); leave the mode to us, or use the backend af-packet"
    )]
    Program {
        /// The device.
        device: String,
        /// `native` or `generic`.
        mode: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// Another socket has the queue.
    #[error(
        "queue {queue} of '{device}' is in use by another AF_XDP socket; end the program that holds it"
    )]
    Busy {
        /// The device.
        device: String,
        /// The queue, from 0.
        queue: u32,
    },
    /// Zero-copy was asked for and the driver has none.
    #[error(
        "the driver of '{device}' has no zero-copy ({error}); leave the copy mode to us, or say 'copy'"
    )]
    ZeroCopy {
        /// The device.
        device: String,
        /// What the kernel said.
        error: io::Error,
    },
    /// Anything else.
    #[error("'{device}': {step}: {error}")]
    Io {
        /// The device.
        device: String,
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}
