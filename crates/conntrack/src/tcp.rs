//! TCP as a box in the middle of a connection sees it (semantics D41, D55). Read those, and RFC
//! 9293 sections 3.5 and 3.6, before changing a cell.
//!
//! The states are not those of RFC 9293: each end has its own there, and here is one for both,
//! moved by what crosses the interface. Sequence numbers and windows are not looked at (D41): a
//! segment is judged by its flags, its sender and the state alone.

use secgroup_packet::TcpFlags;

use crate::State;

/// What a segment says, by its control bits; PSH, URG, ECE and CWR say nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TcpClass {
    /// SYN.
    Syn = 0,
    /// SYN and ACK.
    SynAck,
    /// ACK.
    Ack,
    /// FIN and ACK.
    Fin,
    /// RST, with or without ACK.
    Rst,
    /// A combination that no TCP sends: none, SYN with FIN, FIN without ACK, ...
    Invalid,
}

impl TcpClass {
    const fn of(flags: u8) -> Self {
        const FIN: u8 = TcpFlags::FIN.0;
        const SYN: u8 = TcpFlags::SYN.0;
        const RST: u8 = TcpFlags::RST.0;
        const ACK: u8 = TcpFlags::ACK.0;
        const SYN_ACK: u8 = SYN | ACK;
        const FIN_ACK: u8 = FIN | ACK;
        const RST_ACK: u8 = RST | ACK;
        match flags & (FIN | SYN | RST | ACK) {
            SYN => Self::Syn,
            SYN_ACK => Self::SynAck,
            ACK => Self::Ack,
            FIN_ACK => Self::Fin,
            RST | RST_ACK => Self::Rst,
            _ => Self::Invalid,
        }
    }
}

impl From<TcpFlags> for TcpClass {
    #[inline]
    fn from(TcpFlags(flags): TcpFlags) -> Self {
        CLASSES[flags as usize % CLASSES.len()]
    }
}

/// The class by the lowest five bits: those above say nothing.
static CLASSES: [TcpClass; 32] = {
    let mut classes = [TcpClass::Invalid; 32];
    let mut flags = 0;
    while flags < 32 {
        classes[flags as usize] = TcpClass::of(flags);
        flags += 1;
    }
    classes
};

/// What a segment does to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// It passes; the connection is in this state now, and its time is renewed.
    To(State),
    /// It passes and renews the time.
    Renew,
    /// It passes and changes nothing: what anyone can repeat for ever must not hold an entry for
    /// ever.
    Keep,
    /// No such segment can come from this end now.
    Invalid,
    /// The connection is over and this would be the next one with the same key; the rules decide
    /// (D40).
    Reopen,
}

/// What a segment of `class` does to a connection in `state`; a state that is not TCP's has none.
#[inline]
pub(crate) fn advance(state: State, by_originator: bool, class: TcpClass) -> Move {
    let rows = MOVES.get(state as usize);
    let row =
        rows.map(|[originator, responder]| if by_originator { originator } else { responder });
    row.and_then(|cells| cells.get(class as usize))
        .copied()
        .unwrap_or(Move::Invalid)
}

/// Whether a packet only renews its connection: which, for nearly every packet, is all there is to say. A TCP segment by its flags; of a state that is not TCP's, which
/// is left by no packet, any. `false` says nothing: the table below does.
#[inline]
pub(crate) const fn only_renews(
    state: State,
    by_originator: bool,
    TcpFlags(flags): TcpFlags,
) -> bool {
    RENEWS[state as usize][!by_originator as usize] >> (flags % 32) & 1 != 0
}

/// By state and sender, a bit for each of the lowest five flags' combinations.
static RENEWS: [[u32; 2]; State::ALL.len()] = {
    let mut renews = [[0; 2]; State::ALL.len()];
    let mut at = 0;
    while at < State::ALL.len() {
        let state = State::ALL[at];
        let mut sender = 0;
        while sender < 2 {
            let mut flags = 0;
            while flags < 32 {
                let is_renewed = match state {
                    State::UdpStream | State::Icmp | State::Other => true,
                    State::Udp => false,
                    _ => {
                        let class = CLASSES[flags] as usize;
                        class < 5 && matches!(MOVES[at][sender][class], Move::Renew)
                    }
                };
                if is_renewed && state.is_settled() {
                    renews[at][sender] |= 1 << flags;
                }
                flags += 1;
            }
            sender += 1;
        }
        at += 1;
    }
    renews
};

const SENT2: Move = Move::To(State::SynSent2);
const RECV_: Move = Move::To(State::SynRecv);
const ESTAB: Move = Move::To(State::Established);
const FIN_O: Move = Move::To(State::FinWaitOriginator);
const FIN_R: Move = Move::To(State::FinWaitResponder);
const CLW_O: Move = Move::To(State::CloseWaitOriginator);
const CLW_R: Move = Move::To(State::CloseWaitResponder);
const LASTA: Move = Move::To(State::LastAck);
const TIMEW: Move = Move::To(State::TimeWait);
const CLOSE: Move = Move::To(State::Close);
const RENEW: Move = Move::Renew;
const KEEP_: Move = Move::Keep;
const BAD__: Move = Move::Invalid;
const AGAIN: Move = Move::Reopen;

/// By state; then by sender, the originator first; then by class.
#[rustfmt::skip] // A table is read by column.
static MOVES: [[[Move; 5]; 2]; 11] = [
    //    SYN    SYN/ACK  ACK    FIN    RST
    [ // SYN_SENT. A SYN repeated without an answer is judged by the rules again in time (D41).
        [KEEP_, BAD__, BAD__, BAD__, CLOSE],
        // The other end's SYN: a simultaneous open, or the first step of a split handshake. Its
        // ACK: about an older connection with the same key (RFC 5961 section 4, challenge ACK); the
        // originator answers it with a RST.
        [SENT2, RECV_, KEEP_, BAD__, CLOSE],
    ],
    [ // SYN_SENT2. Either end's SYN/ACK acknowledges the other's SYN (RFC 9293 figure 8).
        [KEEP_, RECV_, BAD__, BAD__, CLOSE],
        [KEEP_, RECV_, KEEP_, BAD__, CLOSE],
    ],
    [ // SYN_RECV. Only the originator's ACK completes the handshake; it may carry a FIN.
        [KEEP_, KEEP_, ESTAB, FIN_O, CLOSE],
        [KEEP_, KEEP_, RENEW, FIN_R, CLOSE],
    ],
    [ // ESTABLISHED. A SYN is answered by a challenge ACK (RFC 5961 section 4), no more.
        [KEEP_, BAD__, RENEW, FIN_O, CLOSE],
        [KEEP_, KEEP_, RENEW, FIN_R, CLOSE],
    ],
    [ // FIN_WAIT, the originator's FIN, which it may repeat.
        [KEEP_, KEEP_, RENEW, RENEW, CLOSE],
        [KEEP_, KEEP_, CLW_O, LASTA, CLOSE],
    ],
    [ // FIN_WAIT, the responder's FIN.
        [KEEP_, KEEP_, CLW_R, LASTA, CLOSE],
        [KEEP_, KEEP_, RENEW, RENEW, CLOSE],
    ],
    [ // CLOSE_WAIT, the originator's FIN came first: the responder may send as long as it likes.
        [KEEP_, KEEP_, RENEW, RENEW, CLOSE],
        [KEEP_, KEEP_, RENEW, LASTA, CLOSE],
    ],
    [ // CLOSE_WAIT, the responder's FIN came first.
        [KEEP_, KEEP_, RENEW, LASTA, CLOSE],
        [KEEP_, KEEP_, RENEW, RENEW, CLOSE],
    ],
    [ // LAST_ACK: both FINs are out, one of them not acknowledged.
        [KEEP_, KEEP_, TIMEW, RENEW, CLOSE],
        [KEEP_, KEEP_, TIMEW, RENEW, CLOSE],
    ],
    [ // TIME_WAIT. A SYN is the next connection (RFC 9293 section 3.6.1): the rules decide (D40).
        [AGAIN, KEEP_, RENEW, RENEW, CLOSE],
        [AGAIN, KEEP_, RENEW, RENEW, CLOSE],
    ],
    [ // CLOSE. What was on its way when the RST came still passes.
        [AGAIN, KEEP_, RENEW, RENEW, RENEW],
        [AGAIN, KEEP_, RENEW, RENEW, RENEW],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_renews_is_what_the_table_says() {
        for state in State::ALL {
            let is_tcp = (state as usize) < MOVES.len();
            for (flags, by_originator) in (0..=u8::MAX).flat_map(|f| [(f, true), (f, false)]) {
                let class = TcpClass::from(TcpFlags(flags));
                let moves_on = !state.is_settled();
                let renews = !is_tcp || advance(state, by_originator, class) == Move::Renew;
                assert_eq!(
                    only_renews(state, by_originator, TcpFlags(flags)),
                    renews && !moves_on,
                    "{state} {flags:#x} {by_originator}"
                );
            }
        }
    }
}
