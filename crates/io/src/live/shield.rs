//! Keeps the host's own stack from hearing what arrives at a port.
//!
//! A packet socket copies frames and does not consume them: the host hears every frame of an inline link as well, and answers
//! what is for any of its addresses, so that a workload could reach the host through its own port, past every
//! rule. A [`Shield`] closes this. Its two layers, and what comes first on the way of a frame:
//!
//! ```text
//! device ──► packet sockets (we hear it here) ──► traffic control: our program drops everything ──x──► the host's stack
//! ```
//!
//! 1. a program of two instructions at the ingress of traffic control, attached by TCX before all others. Nothing gets past it, whatever the
//!    address or protocol. It needs Linux 6.6 and `CAP_BPF`, and goes with the process;
//! 2. IPv6 is off on the device (`disable_ipv6`), so that the host does not announce itself there either. What was set before is set again when
//!    the shield is dropped; a process that is killed leaves it off, which harms nobody on a port.
//!
//! Where the program cannot be had, two more settings take its place as far as they can: `arp_ignore` = 8, the host
//! answers no ARP there, and `rp_filter` = 1, IPv4 packets from addresses that the host would not answer through
//! the device are dropped; on a device without addresses and routes these are all but those from 0.0.0.0 to everybody. The shield then
//! [says](Shield::gap) what is missing.

mod setting;

use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use self::setting::Setting;
use super::device::Device;
use super::sys::bpf::{self, Hook, Instruction};

/// The verdict of the program: `TCX_DROP`.
const DROP: i32 = 2;

/// A port that the host's own stack does not hear, for as long as this lives.
#[derive(Debug)]
pub struct Shield {
    /// Takes the program off the device when it is closed.
    _program: Option<OwnedFd>,
    /// Sets what was set before.
    _settings: Vec<Setting>,
    gap: Option<String>,
}

/// Why a device cannot be a port of an inline link; each text says what to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShieldError {
    /// The host has an address there, which would become unreachable.
    #[error(
        "'{device}' has the address {address}: a port belongs to the firewall alone; take its addresses away with \
         'ip addr flush dev {device}'"
    )]
    HasAddress {
        /// The device.
        device: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// A bridge or bond would forward its frames past the firewall.
    #[error(
        "'{device}' is part of '{master}', which would forward past the firewall; take it out with \
         'ip link set {device} nomaster'"
    )]
    HasMaster {
        /// The device.
        device: String,
        /// The bridge or bond.
        master: String,
    },
}

impl Shield {
    /// Whether the device, as it is now, can be a port. IPv6 link-local addresses do not count: every device gets one by itself, and
    /// the shield takes it away.
    ///
    /// # Errors
    /// [`ShieldError`].
    pub fn check(device: &Device) -> Result<(), ShieldError> {
        if let Some(master) = &device.master {
            return Err(ShieldError::HasMaster {
                device: device.name.clone(),
                master: master.clone(),
            });
        }
        let own = device.addresses.iter().find(|address| match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        });
        match own {
            Some(&address) => Err(ShieldError::HasAddress {
                device: device.name.clone(),
                address,
            }),
            None => Ok(()),
        }
    }

    /// Shields a device of the namespace of this thread, as far as the kernel and our permissions go: see
    /// [`gap`](Self::gap).
    ///
    /// # Errors
    /// Where it [cannot be a port](Self::check).
    pub fn raise(device: &Device) -> Result<Self, ShieldError> {
        Self::check(device)?;
        let name = &device.name;
        let mut gaps = Vec::new();
        let program = match drop_everything(device.index) {
            Ok(link) => Some(link),
            Err(error) => {
                gaps.push(format!(
                    "the host still hears IPv4 broadcasts from 0.0.0.0 on '{name}', and whatever it has a route to there: \
                     a TCX program needs Linux 6.6 and CAP_BPF ({error})"
                ));
                None
            }
        };
        let mut wanted = vec![format!("ipv6/conf/{name}/disable_ipv6=1")];
        if program.is_none() {
            wanted.push(format!("ipv4/conf/{name}/arp_ignore=8"));
            wanted.push(format!("ipv4/conf/{name}/rp_filter=1"));
        }
        let mut settings = Vec::new();
        for setting in &wanted {
            match Setting::set(setting) {
                Ok(setting) => settings.extend(setting),
                Err(error) => gaps.push(format!("net/{setting} cannot be set ({error})")),
            }
        }
        Ok(Self {
            _program: program,
            _settings: settings,
            gap: (!gaps.is_empty()).then(|| gaps.join("; ")),
        })
    }

    /// Whether nothing that arrives at the device reaches the host's stack, and nothing of the host leaves through it by itself.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.gap.is_none()
    }

    /// What the host still hears and why, in one line; `None` where the shield is complete.
    #[must_use]
    pub fn gap(&self) -> Option<&str> {
        self.gap.as_deref()
    }
}

/// Attaches the program that drops everything.
fn drop_everything(index: u32) -> std::io::Result<OwnedFd> {
    let program = [Instruction::set(0, DROP), Instruction::exit()];
    let program = bpf::load(Hook::TcxIngress, "secgroup_shield", &program)?;
    bpf::attach(program.as_fd(), index, Hook::TcxIngress)
}

#[cfg(test)]
mod tests {
    use super::super::device::Framing;
    use super::*;

    fn device(addresses: &[&str], master: Option<&str>) -> Device {
        Device {
            name: "port0".into(),
            index: 7,
            mtu: 1500,
            mac: None,
            is_up: true,
            has_carrier: true,
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            master: master.map(Into::into),
            kind: None,
            framing: Framing::Ethernet,
        }
    }

    #[test]
    fn a_port_has_no_addresses_of_its_own() {
        assert_eq!(Shield::check(&device(&["fe80::1"], None)), Ok(()));
        for address in ["192.0.2.1", "2001:db8::1"] {
            let refused = Shield::check(&device(&["fe80::1", address], None)).unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!(
                    "'port0' has the address {address}: a port belongs to the firewall alone; \
                     take its addresses away with 'ip addr flush dev port0'"
                )
            );
        }
    }

    #[test]
    fn a_port_is_in_no_bridge() {
        let refused = Shield::check(&device(&[], Some("br0"))).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "'port0' is part of 'br0', which would forward past the firewall; take it out with \
             'ip link set port0 nomaster'"
        );
    }
}
