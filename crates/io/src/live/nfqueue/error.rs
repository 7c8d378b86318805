//! Why a queue cannot be opened.

use std::io;

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum NfQueueError {
    /// The kernel has no such thing.
    #[error(
        "the kernel cannot queue packets to programs; it needs CONFIG_NETFILTER_NETLINK_QUEUE (modprobe nfnetlink_queue): {0}"
    )]
    Unsupported(io::Error),
    /// A capability is missing.
    #[error("queueing packets needs CAP_NET_ADMIN, for as long as the queue is open: {0}")]
    NotPermitted(io::Error),
    /// Somebody else has this queue.
    #[error(
        "queue {number} is taken by another program; choose other numbers with 'queue = N', or end the program that /proc/net/netfilter/nfnetlink_queue shows"
    )]
    Taken {
        /// The number of the queue.
        number: u16,
    },
    /// Anything else.
    #[error("queue {number} cannot be opened: {step}: {error}")]
    Failed {
        /// The number of the queue.
        number: u16,
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}
