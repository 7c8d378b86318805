//! Starting a program as somebody else, with no capabilities.
//!
//! Ids and capabilities are given up in the child, between fork and exec: no thread of this process ever has another user's id, by which
//! that user could send it signals.

use std::io;
use std::process::{Child, Command};

use rustix::process::{Gid, Uid};

use super::sys::child;

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// All groups, this one among them or not.
    pub groups: Vec<u32>,
}

/// Starts a program without any capability, as `identity` or as whoever this process is. The calling thread has to have forbidden
/// new privileges, or a program of root's would get its own back.
///
/// # Errors
/// The program does not start, the ids are none (the largest number), or this thread may not become that user (`CAP_SETUID`, `CAP_SETGID`).
pub fn spawn_as(command: &mut Command, identity: Option<&Identity>) -> io::Result<Child> {
    let identity = identity.map(child::Ids::of).transpose()?;
    child::spawn(command, identity)
}

impl child::Ids {
    fn of(identity: &Identity) -> io::Result<Self> {
        let is_none = |id: &u32| *id == u32::MAX;
        let Identity { uid, gid, groups } = identity;
        if [uid, gid].into_iter().chain(groups).any(is_none) {
            return Err(io::Error::other(
                "the largest number is no user and no group",
            ));
        }
        Ok(Self {
            uid: Uid::from_raw(*uid),
            gid: Gid::from_raw(*gid),
            groups: groups.iter().copied().map(Gid::from_raw).collect(),
        })
    }
}
