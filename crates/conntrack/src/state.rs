//! The state of a connection and how long it may be idle in it (semantics D29, D31, D32, D55, D56).

use std::fmt;
use std::time::Duration;

use secgroup_packet::Timestamp;

/// The state of a connection, as a box in its middle sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// TCP: the originator sent a SYN.
    SynSent = 0,
    /// TCP: both ends sent a SYN (RFC 9293 section 3.5, simultaneous open).
    SynSent2,
    /// TCP: a SYN was answered.
    SynRecv,
    /// TCP: the handshake is complete.
    Established,
    /// TCP: the originator sent a FIN.
    FinWaitOriginator,
    /// TCP: the responder sent a FIN.
    FinWaitResponder,
    /// TCP: the originator's FIN was acknowledged.
    CloseWaitOriginator,
    /// TCP: the responder's FIN was acknowledged.
    CloseWaitResponder,
    /// TCP: both ends sent a FIN.
    LastAck,
    /// TCP: both FINs were acknowledged.
    TimeWait,
    /// TCP: one end sent a RST.
    Close,
    /// UDP: packets one way, or one request and its answer.
    Udp,
    /// UDP: at least two packets went each way (semantics D32).
    UdpStream,
    /// An ICMP or ICMPv6 query and its answers.
    Icmp,
    /// Any other protocol: two addresses and a protocol number (semantics D5).
    Other,
}

impl State {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::SynSent,
        Self::SynSent2,
        Self::SynRecv,
        Self::Established,
        Self::FinWaitOriginator,
        Self::FinWaitResponder,
        Self::CloseWaitOriginator,
        Self::CloseWaitResponder,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::Udp,
        Self::UdpStream,
        Self::Icmp,
        Self::Other,
    ];

    /// Its name: that of the TCP state, whoever's FIN came first, or of the kind of exchange.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SynSent => "syn-sent",
            Self::SynSent2 => "syn-sent2",
            Self::SynRecv => "syn-recv",
            Self::Established => "established",
            Self::FinWaitOriginator | Self::FinWaitResponder => "fin-wait",
            Self::CloseWaitOriginator | Self::CloseWaitResponder => "close-wait",
            Self::LastAck => "last-ack",
            Self::TimeWait => "time-wait",
            Self::Close => "close",
            Self::Udp => "udp",
            Self::UdpStream => "udp-stream",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    /// Whether a packet that only renews a connection in this state leaves it in it.
    #[inline]
    pub(crate) const fn is_settled(self) -> bool {
        !matches!(
            self,
            Self::SynSent | Self::SynSent2 | Self::SynRecv | Self::Udp
        )
    }

    /// Whether this is a TCP connection whose handshake is not complete: those give way when there
    /// is no room.
    #[must_use]
    pub const fn is_half_open(self) -> bool {
        matches!(self, Self::SynSent | Self::SynSent2 | Self::SynRecv)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How long a connection may be idle, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP `SYN_SENT` and `SYN_SENT2`.
    pub tcp_syn_sent: Duration,
    /// TCP `SYN_RECV`.
    pub tcp_syn_recv: Duration,
    /// TCP `ESTABLISHED`; settable per interface (semantics D29).
    pub tcp_established: Duration,
    /// TCP `FIN_WAIT`.
    pub tcp_fin_wait: Duration,
    /// TCP `CLOSE_WAIT`.
    pub tcp_close_wait: Duration,
    /// TCP `LAST_ACK`.
    pub tcp_last_ack: Duration,
    /// TCP `TIME_WAIT`.
    pub tcp_time_wait: Duration,
    /// TCP `CLOSE`.
    pub tcp_close: Duration,
    /// UDP that is no stream; settable per interface.
    pub udp: Duration,
    /// UDP streams; settable per interface.
    pub udp_stream: Duration,
    /// ICMP and ICMPv6 exchanges.
    pub icmp: Duration,
    /// Every other protocol.
    pub other: Duration,
}

/// What AWS documents (semantics D5, D29), and Linux where it documents nothing (D31).
impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tcp_syn_sent: Duration::from_secs(120),
            tcp_syn_recv: Duration::from_secs(60),
            tcp_established: Duration::from_secs(432_000),
            tcp_fin_wait: Duration::from_secs(120),
            tcp_close_wait: Duration::from_secs(60),
            tcp_last_ack: Duration::from_secs(30),
            tcp_time_wait: Duration::from_secs(120),
            tcp_close: Duration::from_secs(10),
            udp: Duration::from_secs(30),
            udp_stream: Duration::from_secs(180),
            icmp: Duration::from_secs(30),
            other: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// How long a connection may be idle in `state`.
    #[must_use]
    pub const fn of(&self, state: State) -> Duration {
        match state {
            State::SynSent | State::SynSent2 => self.tcp_syn_sent,
            State::SynRecv => self.tcp_syn_recv,
            State::Established => self.tcp_established,
            State::FinWaitOriginator | State::FinWaitResponder => self.tcp_fin_wait,
            State::CloseWaitOriginator | State::CloseWaitResponder => self.tcp_close_wait,
            State::LastAck => self.tcp_last_ack,
            State::TimeWait => self.tcp_time_wait,
            State::Close => self.tcp_close,
            State::Udp => self.udp,
            State::UdpStream => self.udp_stream,
            State::Icmp => self.icmp,
            State::Other => self.other,
        }
    }
}

/// [`Timeouts`] as a packet needs them: nanoseconds by state, so that renewing a connection is one load and one addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes([u64; State::ALL.len()]);

impl Lifetimes {
    /// When a connection that is in `state` and has sent nothing since `now` runs out.
    #[must_use]
    #[inline]
    pub const fn end(&self, state: State, now: Timestamp) -> Timestamp {
        Timestamp::from_nanos(now.as_nanos().saturating_add(self.0[state as usize]))
    }
}

impl From<&Timeouts> for Lifetimes {
    fn from(timeouts: &Timeouts) -> Self {
        let nanos = |state| u64::try_from(timeouts.of(state).as_nanos()).unwrap_or(u64::MAX);
        Self(State::ALL.map(nanos))
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::from(&Timeouts::default())
    }
}

const _: () = {
    let mut at = 0;
    while at < State::ALL.len() {
        assert!(
            State::ALL[at] as usize == at,
            "a state is its own place in the list"
        );
        at += 1;
    }
};
