//! Connections that outlive the process: saved when the daemon ends, restored by the next one (goal M13).
//!
//! ```text
//! magic "SGSAVED\n", version u32, reserved u32        numbers are little-endian
//! saved_at u64                                       nanoseconds since 1970, wall clock
//! records                                            of 52 bytes for IPv4, of 76 for IPv6
//! names of interfaces, of rules                      each: length u16, UTF-8
//! names_at u64, interfaces u32, rules u32            where the names begin, and how many of each
//! CRC-32                                             of everything before
//! ```
//!
//! Numbers of interfaces and rules mean something in one process only. So the file has their names, and records count in those; what
//! the names stand for is asked of whoever saves and whoever restores. A connection whose interface is no more is left out. One whose
//! rule is no more is not: it goes on without (semantics D20). The names stand behind the records, so that a file is written in one
//! go, without having been in memory.
//!
//! A record has the time that its connection had left. What went by between saving and restoring, by the wall clock, is taken off.
//!
//! The file is written beside the old one and renamed: whatever becomes of the daemon, there is the old one or the new one, never half of
//! one. It is not brought to the disk: a host that loses power has lost the ends of its connections as well, the checksum tells a file that
//! did not make it, and a restart would wait twice as long. Reading trusts nothing: lengths are held against the file before anything is made of them, and the memory used is the file's size. Whoever
//! restores logs the error and goes on without; grace (semantics D39) picks up what can be picked up.

mod layout;
mod read;
mod write;

pub use self::read::{LoadError, Restored, SavedConnections};
pub use self::write::{Counted, SaveError, save};

#[cfg(test)]
mod tests;
