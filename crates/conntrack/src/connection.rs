//! A connection as it is told to others, and what is known when it opens.

use secgroup_packet::{Direction, FlowKey, Timestamp};

use crate::State;

/// What is known of a tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Its key.
    pub key: FlowKey,
    /// The direction of the packets of the end that opened it.
    pub originator: Direction,
    /// Its state.
    pub state: State,
    /// The last moment at which it is alive, unless a packet comes before.
    pub expires: Timestamp,
    /// The number of the rule that admitted it; [`NO_RULE`](Self::NO_RULE) where nobody knows any more.
    pub rule: u32,
    /// Packets by direction, as `Direction as usize` counts them; they stop at the largest number.
    pub packets: [u32; 2],
    /// The bytes of those packets.
    pub bytes: [u64; 2],
}

impl Connection {
    /// The rule of a connection that was admitted by one which no longer exists: a connection that was saved
    /// outlives its rule (semantics D20).
    pub const NO_RULE: u32 = u32::MAX;
}

/// The packet that opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The direction of the packets of the end that opened the connection: not always this
    /// packet's.
    pub originator: Direction,
    /// The state that the connection begins in.
    pub state: State,
    /// The number of the rule that admitted it.
    pub rule: u32,
    /// The direction of this packet.
    pub sender: Direction,
    /// The length of this packet in bytes.
    pub len: u32,
}
