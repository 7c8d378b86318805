//! What a child does between fork and exec: supplementary groups and capabilities are nothing that the standard library sets there.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// Whom a child becomes.
#[derive(Debug)]
pub(in crate::live) struct Ids {
    pub(in crate::live) uid: Uid,
    pub(in crate::live) gid: Gid,
    pub(in crate::live) groups: Vec<Gid>,
}

/// Starts a program with these ids, and no capabilities.
///
/// # Errors
/// What the kernel says; no program was started then.
pub(in crate::live) fn spawn(command: &mut Command, ids: Option<Ids>) -> io::Result<Child> {
    // SAFETY: in the child of a process with threads only what is async-signal-safe may be done. `become_nobody` makes system
    // calls, which rustix makes without the C library, and nothing else: it allocates nothing (an error is a number) and takes no lock.
    unsafe {
        command.pre_exec(move || become_nobody(ids.as_ref()));
    }
    command.spawn()
}

/// In this order: who is somebody else may not choose groups any more.
fn become_nobody(ids: Option<&Ids>) -> io::Result<()> {
    if let Some(Ids { uid, gid, groups }) = ids {
        set_thread_groups(groups)?;
        set_thread_res_gid(*gid, *gid, *gid)?;
        set_thread_res_uid(*uid, *uid, *uid)?;
    }
    // The ambient set goes with the others.
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, none)?)
}
