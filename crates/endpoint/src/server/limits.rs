//! How much one may ask for.

use std::time::Duration;

/// What bounds the memory and time that clients can take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Those beyond are answered with `RequestLimitExceeded`, and closed.
    pub connections: usize,
    /// Connections at once of one source: an IPv4 address (loopback is one too), or an IPv6 network of 64 bits. Those beyond are refused likewise.
    pub per_source: usize,
    /// The greatest body of a request, in bytes.
    pub body: usize,
    /// The greatest head of a request, in bytes; one that comes in a single read may be twice as large.
    pub head: usize,
    /// The time in which a head must be there, counted from the end of the answer before it: also how long a connection may be idle.
    pub head_time: Duration,
    /// The time in which a body must be there.
    pub body_time: Duration,
    /// How long a client may leave an answer unread: a write that moves no byte for so long ends the connection.
    pub write_time: Duration,
    /// Requests of one connection; it is closed with the answer to the last one.
    pub requests: u32,
    /// How long a connection is kept. Then a request under way is still answered, if that takes no longer than `body_time` and `write_time`.
    pub life: Duration,
}

impl Default for Limits {
    /// 256 connections, 64 of one source; heads of 64 KiB in 30 s, bodies of 1 MiB in 30 s. Together they bound memory at 288 MiB. Answers must be
    /// taken within 30 s; a connection ends after 1000 requests or 15 minutes.
    fn default() -> Self {
        Self {
            connections: 256,
            per_source: 64,
            body: 1 << 20,
            head: 64 << 10,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            requests: 1000,
            life: Duration::from_secs(15 * 60),
        }
    }
}
