//! The TCP states (D55): the table of the decision text, cell by cell.

/// What a segment's flags amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// SYN.
    Syn,
    /// SYN and ACK.
    SynAck,
    /// ACK.
    Ack,
    /// FIN and ACK.
    Fin,
    /// RST, with or without ACK.
    Rst,
    /// Any other combination: no TCP sends it.
    Invalid,
}

impl Class {
    /// The class of these flags, PSH, URG, ECE and CWR not looked at.
    pub(crate) const fn of(flags: u8) -> Self {
        const FIN: u8 = 1;
        const SYN: u8 = 2;
        const RST: u8 = 4;
        const ACK: u8 = 16;
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

/// One of the two ends of a connection, seen from the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// The interface's own.
    Local,
    /// The peer's.
    Remote,
}

impl End {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

/// The state of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpState {
    /// The originator sent a SYN.
    SynSent,
    /// Both did: simultaneous open.
    SynSent2,
    /// The responder answered with SYN and ACK.
    SynRecv,
    /// The originator acknowledged that.
    Established,
    /// This end sent a FIN.
    FinWait(End),
    /// And the other acknowledged it.
    CloseWait(End),
    /// Both sent a FIN.
    LastAck,
    /// Both were acknowledged.
    TimeWait,
    /// There was a reset.
    Close,
}

impl TcpState {
    /// Whether the connection never came about so far; such a one gives way when there is no room.
    pub(crate) const fn is_half_open(self) -> bool {
        matches!(self, Self::SynSent | Self::SynSent2 | Self::SynRecv)
    }

    /// Its name in reports.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SynSent => "SYN_SENT",
            Self::SynSent2 => "SYN_SENT2",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait(_) => "FIN_WAIT",
            Self::CloseWait(_) => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
        }
    }
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `=`: pass, same state, time renewed.
    Renew,
    /// `~`: pass, nothing changed, time not renewed.
    Keep,
    /// `!`: invalid.
    Invalid,
    /// `+`: reopen.
    Reopen,
    /// Pass, go to this state, time renewed.
    Go(TcpState),
}

/// The cell for a segment of this class from `sender`, in a connection opened by `originator`.
pub(crate) fn cell(state: TcpState, originator: End, sender: End, class: Class) -> Cell {
    use Cell::{Go, Invalid as NO, Keep as KEEP, Renew as PASS, Reopen as OPEN};
    use TcpState::{
        Close, CloseWait, Established, FinWait, LastAck, SynRecv, SynSent, SynSent2, TimeWait,
    };
    const SYN2: Cell = Go(SynSent2);
    const RECV: Cell = Go(SynRecv);
    const ESTAB: Cell = Go(Established);
    const LAST: Cell = Go(LastAck);
    const WAIT: Cell = Go(TimeWait);
    const CLOSE: Cell = Go(Close);
    let originates = sender == originator;
    let fin = Go(FinWait(sender));
    let acked = |first| Go(CloseWait(first));
    // The columns stay in line, as in the text.
    #[rustfmt::skip]
    let row = match state {
        //                              S     SA    A         F     R
        SynSent if originates       => [KEEP, NO,   NO,       NO,   CLOSE],
        SynSent                     => [SYN2, RECV, KEEP,     NO,   CLOSE],
        SynSent2 if originates      => [KEEP, RECV, NO,       NO,   CLOSE],
        SynSent2                    => [KEEP, RECV, KEEP,     NO,   CLOSE],
        SynRecv if originates       => [KEEP, KEEP, ESTAB,    fin,  CLOSE],
        SynRecv                     => [KEEP, KEEP, PASS,     fin,  CLOSE],
        Established if originates   => [KEEP, NO,   PASS,     fin,  CLOSE],
        Established                 => [KEEP, KEEP, PASS,     fin,  CLOSE],
        FinWait(f) if sender == f   => [KEEP, KEEP, PASS,     PASS, CLOSE],
        FinWait(f)                  => [KEEP, KEEP, acked(f), LAST, CLOSE],
        CloseWait(f) if sender == f => [KEEP, KEEP, PASS,     PASS, CLOSE],
        CloseWait(_)                => [KEEP, KEEP, PASS,     LAST, CLOSE],
        LastAck                     => [KEEP, KEEP, WAIT,     PASS, CLOSE],
        TimeWait                    => [OPEN, KEEP, PASS,     PASS, CLOSE],
        Close                       => [OPEN, KEEP, PASS,     PASS, PASS],
    };
    match class {
        Class::Syn => row[0],
        Class::SynAck => row[1],
        Class::Ack => row[2],
        Class::Fin => row[3],
        Class::Rst => row[4],
        Class::Invalid => NO,
    }
}
