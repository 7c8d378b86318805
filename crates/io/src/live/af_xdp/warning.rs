//! What works less well than it could, and what to do about it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::super::sys::ethtool;
use super::{AfXdp, AfXdpSettings};

/// An offload that makes frames larger than af-xdp carries; its text says what to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfXdpWarning {
    /// The device merges what it receives.
    Lro(String),
    /// The kernel merges what it receives before the generic program sees it.
    Gro(String),
    /// The program is generic: a sender on this host, at the other end of a veth pair or in a virtual machine, sends packets
    /// that are still to be segmented.
    Segmentation(String),
}

impl AfXdpWarning {
    /// What there is to say of a device; nothing where its driver does not answer.
    pub(super) fn of(settings: &AfXdpSettings, native: bool) -> Vec<Self> {
        let device = || settings.device.clone();
        let socket = super::open::any_socket();
        let is_on = |ask: fn(BorrowedFd<'_>, &str) -> io::Result<bool>| match &socket {
            Ok(socket) => ask(socket.as_fd(), &settings.device).unwrap_or(false),
            Err(_) => false,
        };
        let mut warnings = Vec::new();
        if is_on(ethtool::has_lro) {
            warnings.push(Self::Lro(device()));
        }
        if !native && is_on(ethtool::has_gro) {
            warnings.push(Self::Gro(device()));
        }
        if !native {
            warnings.push(Self::Segmentation(device()));
        }
        warnings
    }
}

impl AfXdp {
    /// What the device was found to do, when the port was opened, that costs frames.
    #[must_use]
    pub fn warnings(&self) -> &[AfXdpWarning] {
        &self.warnings
    }
}

impl fmt::Display for AfXdpWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lro(device) => write!(
                f,
                "'{device}' merges frames into larger ones, which are dropped; turn it off with 'ethtool -K {device} lro off'"
            ),
            Self::Gro(device) => write!(
                f,
                "the kernel merges frames of '{device}' into larger ones, which are dropped; turn it off with \
                 'ethtool -K {device} gro off'"
            ),
            Self::Segmentation(device) => write!(
                f,
                "'{device}' has a generic XDP program: what a sender on this host leaves to be segmented is dropped; \
                 run 'ethtool -K DEVICE tso off gso off' for the sender's device"
            ),
        }
    }
}
