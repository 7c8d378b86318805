//! Why a device cannot be used, and what to do about it.

use std::io;

use rustix::io::Errno;

/// Why a device cannot be used: one line, which says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is none of this name.
    #[error("there is no device '{0}'; 'ip link' lists those that are there")]
    NoDevice(String),
    /// It is down.
    #[error("the device '{0}' is down; set it up with 'ip link set {0} up'")]
    Down(String),
    /// Its frames do not begin with an Ethernet header.
    #[error(
        "the device '{0}' does not carry Ethernet frames; frames can be forwarded between devices that do, such as veth, tap and network cards"
    )]
    NotEthernet(String),
    /// The process may not: the device, and the capabilities that are missing.
    #[error(
        "'{device}' needs {needs}; grant them with 'setcap {grant}+ep' on the program, or 'AmbientCapabilities={needs}' in its systemd unit",
        grant = needs.to_lowercase().replace(' ', ",")
    )]
    NotPermitted {
        /// The device.
        device: String,
        /// The capabilities, separated by spaces: `CAP_NET_RAW CAP_NET_ADMIN`.
        needs: &'static str,
    },
    /// The settings ask for something that cannot be: the device, and what can be.
    #[error("'{0}': {1}")]
    Refused(String, String),
    /// Anything else.
    #[error("'{device}' {what}: {source}")]
    Io {
        /// The device.
        device: String,
        /// What could not be done.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl DeviceError {
    /// What the kernel's refusal to do something with a device means.
    pub(crate) fn of(device: &str, what: &str, source: io::Error) -> Self {
        let device = device.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::PERM | Errno::ACCESS) => Self::NotPermitted {
                device,
                needs: "CAP_NET_RAW CAP_NET_ADMIN",
            },
            Some(Errno::NODEV | Errno::NXIO) => Self::NoDevice(device),
            Some(Errno::NETDOWN) => Self::Down(device),
            _ => Self::Io {
                device,
                what: what.to_owned(),
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let of =
            |errno: Errno| DeviceError::of("vm1", "cannot be opened", errno.into()).to_string();
        assert_eq!(
            of(Errno::PERM),
            "'vm1' needs CAP_NET_RAW CAP_NET_ADMIN; grant them with \
             'setcap cap_net_raw,cap_net_admin+ep' on the program, or \
             'AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN' in its systemd unit"
        );
        assert!(of(Errno::NODEV).contains("'ip link' lists"));
        assert!(of(Errno::NETDOWN).ends_with("'ip link set vm1 up'"));
        assert!(of(Errno::NOMEM).starts_with("'vm1' cannot be opened: "));
    }
}
