//! What the daemon may do: no more than it needs, and nothing that it no longer needs.
//!
//! | capability | what for | after the start |
//! |---|---|---|
//! | `CAP_NET_RAW` | sockets that hear and send frames | kept: devices that come back are opened again |
//! | `CAP_NET_ADMIN` | promiscuous mode, taps, rings, queues, firewall rules | kept, for the same reason and to take rules away at the end |
//! | `CAP_BPF` | the programs of `af-xdp`, of steering and of the shield | kept where they are used |
//! | `CAP_IPC_LOCK` | memory that `af-xdp` shares with the kernel, beyond the limit of locked memory | kept where it is used |
//! | `CAP_SETUID`, `CAP_SETGID` | starting a program as another user (`--user`) | dropped, but for the thread that starts it, which has nothing else and ends then |
//! | `CAP_SYS_ADMIN` | entering a network namespace by name, or making one | kept where a tap lives in one: it is made there again after a failure |
//!
//! Linux keeps capabilities for each thread, and a new thread has those of the one that started it. So
//! [`Needs::drop_others`] is called on the main thread *before any other is started*: before the control socket, the workers, the
//! watcher of policy files. A thread that was there before would keep everything. The one that is there is the one that will start a program,
//! and has given up everything itself ([`Needs::keep_to_start_program`]).
//!
//! What is kept is kept in all five sets. In the ambient one so that `iptables` and `nft`, which the daemon runs as its children, may
//! do their work where the daemon is an ordinary user; in the bounding one nothing else is left, so that not even a child that is
//! root gets more. No-new-privileges then closes the last door: programs that are set-uid or have capabilities of their own.
//!
//! Without `CAP_DAC_OVERRIDE` root is a user like any other to the file system. Policy files that are read again on a reload must be
//! readable by the daemon's own user.

use std::fmt::Write;
use std::path::Path;

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::config::{Backend, BackendName, Config, Device, Interface, Mode, Port};

/// What a configuration needs beside devices of the host: those need `CAP_NET_RAW` and `CAP_NET_ADMIN` anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Programs are loaded into the kernel.
    pub bpf: bool,
    /// Devices are kept off the host's own network stack: a program does it best, and it can be done without.
    pub shield: bool,
    /// Network namespaces are entered by name, or made.
    pub namespaces: bool,
    /// A program is started as another user.
    pub other_user: bool,
}

/// The capabilities, their names, and what they are needed for.
const KNOWN: [(CapabilitySet, &str, &str); 7] = [
    (
        CapabilitySet::NET_RAW,
        "CAP_NET_RAW",
        "to hear and send frames",
    ),
    (
        CapabilitySet::NET_ADMIN,
        "CAP_NET_ADMIN",
        "to set up devices and firewall rules",
    ),
    (
        CapabilitySet::BPF,
        "CAP_BPF",
        "to load programs for af-xdp, steering and the shield",
    ),
    (
        CapabilitySet::IPC_LOCK,
        "CAP_IPC_LOCK",
        "to lock the memory of af-xdp",
    ),
    (
        CapabilitySet::SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "to enter or make a network namespace",
    ),
    (
        CapabilitySet::SETUID,
        "CAP_SETUID",
        "to start a program as another user",
    ),
    (
        CapabilitySet::SETGID,
        "CAP_SETGID",
        "to give a program the groups of another user",
    ),
];

/// What is missing, and how to grant it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(String);

/// Why privileges could not be dropped.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {error}; secgroup does not go on with privileges that it does not need")]
pub struct DropError {
    what: &'static str,
    error: Errno,
}

impl DropError {
    fn of(what: &'static str) -> impl FnOnce(Errno) -> Self {
        move |error| Self { what, error }
    }
}

impl Needs {
    /// What a configuration needs; a program behind its own groups needs a namespace.
    #[must_use]
    pub fn of(config: &Config, program: bool) -> Self {
        let ports = || config.interfaces.iter().flat_map(Interface::ports);
        let has_netns = |port: &Port| matches!(port, Port::Device(Device { backend: Backend::Tap(tap), .. }) if tap.netns.is_some());
        Self {
            bpf: ports().any(|port| port.backend() == BackendName::AfXdp),
            shield: config
                .interfaces
                .iter()
                .any(|interface| matches!(interface.mode, Mode::Inline { shield: true, .. })),
            namespaces: program || ports().any(has_netns),
            other_user: false,
        }
    }

    /// What is kept for as long as the daemon runs.
    #[must_use]
    pub const fn capabilities(self) -> CapabilitySet {
        let mut needed = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);
        if self.bpf {
            needed = needed.union(CapabilitySet::BPF.union(CapabilitySet::IPC_LOCK));
        }
        if self.namespaces {
            needed = needed.union(CapabilitySet::SYS_ADMIN);
        }
        needed
    }

    /// What must be there at the start and is needed only then.
    const fn to_start_program(self) -> CapabilitySet {
        if self.other_user {
            CapabilitySet::SETUID.union(CapabilitySet::SETGID)
        } else {
            CapabilitySet::empty()
        }
    }

    /// What is kept beside, where it is there: the shield is better with it, and does without.
    const fn welcome(self) -> CapabilitySet {
        if self.shield {
            CapabilitySet::BPF
        } else {
            CapabilitySet::empty()
        }
    }

    /// Whether this thread has what is needed.
    ///
    /// # Errors
    /// In one line: what is missing, what for, and the `setcap` and the line of the unit that grant it.
    pub fn check(self) -> Result<(), Missing> {
        // A thread may always ask for its own.
        let has = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
        let program = std::env::current_exe().ok();
        let program = program.as_deref().unwrap_or_else(|| Path::new("secgroup"));
        self.missing_from(has, program)
    }

    fn missing_from(self, has: CapabilitySet, program: &Path) -> Result<(), Missing> {
        let needed = self.capabilities().union(self.to_start_program());
        let lacks = needed.difference(has);
        if lacks.is_empty() {
            return Ok(());
        }
        let reasons: Vec<_> = KNOWN
            .iter()
            .filter(|(capability, ..)| lacks.contains(*capability))
            .map(|(_, name, purpose)| format!("{name} ({purpose})"))
            .collect();
        let names = names(needed);
        let mut line = format!("{} missing: run as root", reasons.join(" and "));
        // Writing to a string does not fail.
        let _ = write!(
            line,
            "; or grant it with 'setcap {}+ep {}'; or in the unit with 'AmbientCapabilities={}'",
            names.join(",").to_lowercase(),
            program.display(),
            names.join(" ")
        );
        Err(Missing(line))
    }

    /// Drops everything that is not kept, from this thread and whatever it starts from now on.
    ///
    /// # Errors
    /// [`DropError`]; what was dropped by then is dropped.
    pub fn drop_others(self) -> Result<(), DropError> {
        let has = capabilities(None).map_err(DropError::of("read capabilities"))?;
        let keep = self.capabilities().union(self.welcome());
        let keep = keep.intersection(has.permitted);
        limit_children(keep)?;
        let sets = CapabilitySets {
            effective: keep,
            permitted: keep,
            inheritable: keep,
        };
        set_capabilities(None, sets).map_err(DropError::of("drop capabilities"))?;
        clear_ambient_capability_set().map_err(DropError::of("clear ambient capabilities"))?;
        for capability in each(keep) {
            configure_capability_in_ambient_set(capability, true)
                .map_err(DropError::of("hand capabilities to child processes"))?;
        }
        set_no_new_privs(true).map_err(DropError::of("forbid new privileges"))
    }

    /// Leaves this thread, and what it starts from now on, nothing but the right to start a program as another user, where that is
    /// asked for. Without new privileges, not even a program of root's gets any back.
    ///
    /// # Errors
    /// [`DropError`]; what was dropped by then is dropped.
    pub fn keep_to_start_program(self) -> Result<(), DropError> {
        let has = capabilities(None).map_err(DropError::of("read capabilities"))?;
        let keep = self.to_start_program().intersection(has.permitted);
        limit_children(keep)?;
        let sets = CapabilitySets {
            effective: keep,
            permitted: keep,
            // The ambient set goes with it.
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets).map_err(DropError::of("drop capabilities"))?;
        set_no_new_privs(true).map_err(DropError::of("forbid new privileges"))
    }
}

/// Takes everything but `keep` out of the bounding set. Only who has `CAP_SETPCAP` can; to who has not, no-new-privileges
/// does the same.
fn limit_children(keep: CapabilitySet) -> Result<(), DropError> {
    for capability in each(CapabilitySet::all().difference(keep)) {
        match capability_is_in_bounding_set(capability) {
            // Invalid: this kernel is older than that capability.
            Ok(false) | Err(Errno::INVAL) => continue,
            Ok(true) => {}
            Err(error) => return Err(DropError::of("read the bounding set")(error)),
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::PERM) => return Ok(()),
            Err(error) => return Err(DropError::of("limit the bounding set")(error)),
        }
    }
    Ok(())
}

/// The capabilities of a set, one by one.
fn each(set: CapabilitySet) -> impl Iterator<Item = CapabilitySet> {
    let bits = set.bits();
    (0..u64::BITS)
        .map(|bit| 1 << bit)
        .filter(move |bit| bits & bit != 0)
        .map(CapabilitySet::from_bits_retain)
}

fn names(set: CapabilitySet) -> Vec<&'static str> {
    KNOWN
        .iter()
        .filter(|(capability, ..)| set.contains(*capability))
        .map(|(_, name, _)| *name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(needs: Needs, has: CapabilitySet) -> String {
        let missing = needs.missing_from(has, Path::new("/usr/bin/secgroup"));
        missing.map_or_else(|missing| missing.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_missing_is_said_with_what_grants_it() {
        let needs = Needs {
            bpf: true,
            ..Needs::default()
        };
        assert_eq!(
            said(needs, CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN),
            "CAP_BPF (to load programs for af-xdp, steering and the shield) and CAP_IPC_LOCK (to lock the memory of af-xdp) \
             missing: run as root; or grant it with \
             'setcap cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock+ep /usr/bin/secgroup'; or in the unit with \
             'AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN CAP_BPF CAP_IPC_LOCK'"
        );
        assert_eq!(said(needs, CapabilitySet::all()), "");
    }

    #[test]
    fn what_is_welcome_is_not_missed() {
        let devices = CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN;
        let namespaces = Needs {
            namespaces: true,
            ..Needs::default()
        };
        assert!(said(namespaces, devices).starts_with("CAP_SYS_ADMIN (to enter"));
        let shield = Needs {
            shield: true,
            ..Needs::default()
        };
        assert_eq!(said(shield, devices), "");
    }
}
