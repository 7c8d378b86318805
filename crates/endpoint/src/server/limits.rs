//! How much one may ask for.

use std::time::Duration;

/// What bounds the memory and time that clients can take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Those beyond are answered with `RequestLimitExceeded`, and closed.
    pub connections: usize,
    /// The greatest body of a request, in bytes.
    pub body: usize,
    /// The greatest head of a request, in bytes; one that comes in a single read may be twice as large.
    pub head: usize,
    /// The time in which a head must be there, counted from the end of the answer before it: also how long a connection may be idle.
    pub head_time: Duration,
    /// The time in which a body must be there.
    pub body_time: Duration,
}

impl Default for Limits {
    /// 256 connections; heads of 64 KiB in 30 s, bodies of 1 MiB in 30 s. Together they bound memory at 288 MiB.
    fn default() -> Self {
        Self {
            connections: 256,
            body: 1 << 20,
            head: 64 << 10,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
        }
    }
}
