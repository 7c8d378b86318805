//! What the packet path says about one packet: all that a record is made of, in a fixed size, without a pointer into the frame.
//!
//! Observations of one flow in a row can be merged before they are handed over: a burst of a bulk transfer is then one of them.

use secgroup_datapath::{Action, Crossing, Reason, Verdict};
use secgroup_packet::{AddressPair, Direction, InterfaceIndex, L4, Protocol, TcpFlags, Timestamp};

/// The flags that a record tells of any segment (G9).
const TOLD: u8 = TcpFlags::FIN.0 | TcpFlags::SYN.0 | TcpFlags::RST.0;

/// Packets of one flow that were told the same at an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Whose packets.
    pub flow: Flow,
    /// What was decided about the first of them.
    pub verdict: Verdict,
    /// How many, and what they said.
    pub sums: Sums,
    /// Set on fragments, which are never merged.
    pub(crate) piece: Option<Piece>,
}

/// A five-tuple at an interface, in one direction (G13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The interface.
    pub interface: InterfaceIndex,
    /// The direction, seen from the interface.
    pub direction: Direction,
    /// Addresses, as the packets have them.
    pub addresses: AddressPair,
    /// The protocol.
    pub protocol: Protocol,
    /// Source and destination port; 0 where the protocol has none (G6).
    pub ports: [u16; 2],
}

/// What is added up over the packets of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Packets.
    pub packets: u64,
    /// Bytes, from the IP header on (G7).
    pub bytes: u64,
    /// TCP flags (G8, G9).
    pub tcp_flags: u8,
    /// When the first packet was seen.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
}

/// A fragment of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The datagram's identification.
    pub(crate) id: u32,
    /// Whether it has the upper-layer header.
    pub(crate) is_first: bool,
}

impl Observation {
    /// What `crossing` and the verdict on it are to a flow log; `None` for traffic that is never logged: what security groups never
    /// filter (G20), allowed or, where it was too much of it, denied.
    #[inline]
    #[must_use]
    pub fn of(crossing: &Crossing<'_>, verdict: Verdict) -> Option<Self> {
        is_logged(verdict).then(|| {
            let packet = &crossing.packet;
            let (ports, tcp_flags) = upper(&packet.l4);
            Self {
                flow: Flow {
                    interface: crossing.interface,
                    direction: crossing.direction,
                    addresses: packet.addresses,
                    protocol: packet.protocol,
                    ports,
                },
                verdict,
                sums: Sums {
                    packets: 1,
                    bytes: u64::from(packet.ip_len),
                    tcp_flags,
                    first: crossing.at,
                    last: crossing.at,
                },
                piece: packet.fragment.map(|fragment| Piece {
                    id: fragment.id,
                    is_first: packet.l4 != L4::LaterFragment,
                }),
            }
        })
    }

    /// Takes the next packet in where it belongs to the same record, whatever is asked for in that; whether it did. An observation is large: in
    /// a transfer only the first packet of many should cost one.
    #[inline]
    pub fn take(&mut self, crossing: &Crossing<'_>, verdict: Verdict) -> bool {
        let packet = &crossing.packet;
        let (ports, tcp_flags) = upper(&packet.l4);
        let flow = &self.flow;
        let is_same = flow.ports == ports
            && flow.addresses == packet.addresses
            && flow.protocol == packet.protocol
            && flow.interface == crossing.interface
            && flow.direction == crossing.direction
            && self.piece.is_none()
            && packet.fragment.is_none()
            && (self.verdict == verdict || Told::of(self.verdict) == Told::of(verdict))
            && is_logged(verdict);
        if is_same {
            self.sums.packets += 1;
            self.sums.bytes += u64::from(packet.ip_len);
            self.sums.tcp_flags |= tcp_flags;
            self.sums.first = self.sums.first.min(crossing.at);
            self.sums.last = self.sums.last.max(crossing.at);
        }
        is_same
    }
}

/// Whether a packet with this verdict is anything to a flow log.
#[inline]
const fn is_logged(verdict: Verdict) -> bool {
    !matches!(verdict.reason, Reason::Exempt | Reason::LinkLocalExceeded)
}

/// Ports, 0 where the protocol has none (G6), and what is told of the flags.
#[inline]
const fn upper(l4: &L4) -> ([u16; 2], u8) {
    match *l4 {
        L4::Tcp {
            sport,
            dport,
            flags,
        } => ([sport, dport], told(flags)),
        L4::Udp { sport, dport } => ([sport, dport], 0),
        L4::Icmp { .. } | L4::Other | L4::LaterFragment => ([0, 0], 0),
    }
}

impl Sums {
    /// Adds what came later.
    #[inline]
    pub(crate) fn add(&mut self, more: &Self) {
        self.packets += more.packets;
        self.bytes += more.bytes;
        self.tcp_flags |= more.tcp_flags;
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
    }
}

/// As far as a packet's flags are told: FIN, SYN and RST, and ACK only beside SYN, so that a record of nothing but acknowledgements has 0 (G8, G9).
const fn told(TcpFlags(flags): TcpFlags) -> u8 {
    let told = flags & TOLD;
    if flags & TcpFlags::SYN.0 != 0 {
        told | (flags & TcpFlags::ACK.0)
    } else {
        told
    }
}

/// What tells the records of one flow apart: accepted or rejected (G13), and, for those who ask why, by which rule, tracked or not, or
/// denied for what. A connection's first packet and those that follow it are told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    pub(crate) action: Action,
    pub(crate) why: Option<Why>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    Accepted { rule: Option<u32>, tracked: bool },
    Rejected(Reason),
}

impl Told {
    /// In full.
    pub(crate) fn of(verdict: Verdict) -> Self {
        let action = verdict.action();
        let why = match action {
            Action::Allow => Why::Accepted {
                rule: verdict.rule.map(|rule| rule.get()),
                tracked: verdict.reason != Reason::Untracked,
            },
            Action::Deny => Why::Rejected(verdict.reason),
        };
        Self {
            action,
            why: Some(why),
        }
    }

    /// As the fields of AWS tell it.
    pub(crate) fn action_of(verdict: Verdict) -> Self {
        Self {
            action: verdict.action(),
            why: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_as_the_documents_derive_them() {
        let rows = [
            ("FIN", 1, 1),
            ("SYN", 2, 2),
            ("RST", 4, 4),
            ("RST and ACK", 20, 4),
            ("SYN and ACK", 18, 18), // G8
            ("ACK alone", 16, 0),    // H46
            ("PSH and ACK", 24, 0),
            ("FIN and ACK", 17, 1),
            ("SYN, ECE and CWR", 194, 2),
            ("none", 0, 0),
        ];
        for (name, flags, expected) in rows {
            assert_eq!(told(TcpFlags(flags)), expected, "{name}");
        }
    }
}
