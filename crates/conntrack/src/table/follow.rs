//! What a packet does to the connection it continues.

use secgroup_packet::{Direction, L4, TcpFlags, Timestamp};

use super::Table;
use crate::line::Body;
use crate::tcp::{self, Move, TcpClass};
use crate::{Handle, Lifetimes, Probe, State};

/// Packets that each end of a UDP flow has sent when it becomes a stream: the second request and
/// its answer (semantics D32).
const STREAM_PACKETS: u32 = 2;

/// What a packet means for the connection it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It continues the connection, and was counted.
    Pass {
        /// The number of the rule that admitted the connection.
        rule: u32,
    },
    /// The connection is over and the packet would open the next one with the same key: the rules
    /// decide (D40).
    Reopen {
        /// Where it is, until the next one takes its place.
        held: Handle,
    },
    /// No end of the connection can have sent it in this state.
    Invalid,
    /// It continues no live connection.
    Unknown {
        /// One with the same key that has run out and was not swept.
        held: Option<Handle>,
    },
}

/// A packet, as far as it concerns the connection it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// The direction in which it crosses: which end sent it.
    pub sender: Direction,
    /// The fields of its upper-layer header.
    pub l4: &'a L4,
    /// The length of the IP packet, in bytes.
    pub len: u32,
}

impl Table {
    /// What a packet does to the connection that its probe found.
    ///
    /// Nearly every packet carries on, or acknowledges, what is established, and is done where its line was prefetched. Every other goes the
    /// long way from the start, which would find the same.
    #[inline(always)]
    pub fn follow(
        &mut self,
        probe: &Probe,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        if let Some(body) = self.store.aimed(probe)
            && body.expires >= now.as_nanos()
            && only_renewed(body, passage)
        {
            let expires = lifetimes.end(body.state, now).as_nanos();
            if expires >= body.expires {
                body.count(passage.sender, passage.len);
                body.expires = expires;
                return Step::Pass { rule: body.rule };
            }
        }
        self.follow_slowly(probe, passage, now, lifetimes)
    }

    /// The long way, which is everything but a short cut.
    #[inline(never)]
    fn follow_slowly(
        &mut self,
        probe: &Probe,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        match self.find(probe) {
            Some(handle) if self.is_live(handle, now) => {
                self.advance(handle, passage, now, lifetimes)
            }
            held => Step::Unknown { held },
        }
    }

    /// What a packet does to this connection, which is alive.
    ///
    /// A packet that passes is counted and moves the connection on; otherwise nothing changes.
    pub fn advance(
        &mut self,
        handle: Handle,
        passage: &Passage<'_>,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Step {
        let Passage { sender, len, .. } = *passage;
        let body = self.store.body_mut(handle);
        let movement = movement(body, passage);
        let (before, rule) = (body.state, body.rule);
        match movement {
            Move::Invalid => return Step::Invalid,
            Move::Reopen => return Step::Reopen { held: handle },
            Move::Keep => {
                body.count(sender, len);
                return Step::Pass { rule };
            }
            Move::Renew => {}
            Move::To(after) => body.state = after,
        }
        body.count(sender, len);
        if before == State::Udp && Direction::BOTH.iter().all(|&end| has_sent_twice(body, end)) {
            body.state = State::UdpStream;
        }
        let after = body.state;
        let expires = lifetimes.end(after, now).as_nanos();
        let is_shorter = expires < body.expires;
        body.expires = expires;
        if is_shorter {
            self.store.shortened(handle);
        }
        if before.is_half_open() && !after.is_half_open() {
            self.interfaces.completed(&mut self.store, handle);
        }
        Step::Pass { rule }
    }
}

/// Whether a packet leaves its connection in the state it is in, and renews its time.
#[inline(always)]
fn only_renewed(body: &Body, passage: &Passage<'_>) -> bool {
    let flags = match passage.l4 {
        L4::Tcp { flags, .. } => *flags,
        _ => TcpFlags::default(), // No TCP segment has none.
    };
    tcp::only_renews(body.state, passage.sender == body.originator, flags)
        || (body.state == State::Udp && !has_sent_twice(body, passage.sender.reverse()))
}

/// Whether one end of a UDP flow has sent what makes it a stream, once the other has, too.
#[inline]
fn has_sent_twice(body: &Body, end: Direction) -> bool {
    body.packets[end as usize] >= STREAM_PACKETS
}

/// Where a packet moves its connection.
#[inline(always)]
fn movement(body: &Body, passage: &Passage<'_>) -> Move {
    match (body.state, passage.l4) {
        (State::Udp | State::UdpStream | State::Icmp | State::Other, _) => Move::Renew,
        (state, L4::Tcp { flags, .. }) => {
            let by_originator = passage.sender == body.originator;
            tcp::advance(state, by_originator, TcpClass::from(*flags))
        }
        _ => Move::Invalid,
    }
}
