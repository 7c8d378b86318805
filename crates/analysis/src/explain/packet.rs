//! A packet in words and fields, and the packet that answers it.

use secgroup_packet::{AddressPair, IcmpExchange, L4, Packet, Protocol, TcpFlags};

use super::document::PacketReport;
use crate::flow::{Flow, flag_names};

impl PacketReport {
    /// What is reported of `packet`.
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        let mut report = Self {
            flow: Flow::of(packet).to_string(),
            src: Some(packet.src()),
            dst: Some(packet.dst()),
            protocol: Some(packet.protocol.to_string()),
            fragment_offset: packet.fragment.map(|fragment| fragment.offset),
            ..Self::default()
        };
        match packet.l4 {
            L4::Tcp {
                sport,
                dport,
                flags,
            } => {
                (report.sport, report.dport) = (Some(sport), Some(dport));
                report.tcp_flags = Some(flag_names(flags));
            }
            L4::Udp { sport, dport } => {
                (report.sport, report.dport) = (Some(sport), Some(dport));
            }
            L4::Icmp { kind, code, .. } => {
                (report.icmp_type, report.icmp_code) = (Some(kind), Some(code));
            }
            L4::Other | L4::LaterFragment => {}
        }
        report
    }
}

/// The packet that a host would answer `packet` with; `None` where none is expected: of an error, an answer, a reset, a message to
/// many, a piece of a datagram.
pub(super) fn answer(packet: &Packet) -> Option<Packet> {
    let dst = packet.dst();
    let to_many = match dst {
        std::net::IpAddr::V4(dst) => dst.is_multicast() || dst.is_broadcast(),
        std::net::IpAddr::V6(dst) => dst.is_multicast(),
    };
    if to_many || packet.fragment.is_some() {
        return None;
    }
    let l4 = match packet.l4 {
        L4::Tcp {
            sport,
            dport,
            flags,
        } => L4::Tcp {
            sport: dport,
            dport: sport,
            flags: tcp_answer(flags)?,
        },
        L4::Udp { sport, dport } => L4::Udp {
            sport: dport,
            dport: sport,
        },
        L4::Icmp { kind, code, id } => {
            let exchange = IcmpExchange::of(packet.protocol, kind, code)?;
            let reply = match (packet.protocol, kind) {
                (Protocol::ICMP, 8) => 0,
                _ => kind.checked_add(1)?,
            };
            (!exchange.is_reply()).then_some(L4::Icmp {
                kind: reply,
                code,
                id,
            })?
        }
        L4::Other => L4::Other,
        L4::LaterFragment => return None,
    };
    let addresses = match packet.addresses {
        AddressPair::V4 { src, dst } => AddressPair::V4 { src: dst, dst: src },
        AddressPair::V6 { src, dst } => AddressPair::V6 { src: dst, dst: src },
    };
    Some(Packet {
        addresses,
        l4,
        ..*packet
    })
}

/// SYN is answered by SYN and ACK, everything else by ACK; a reset by nothing.
fn tcp_answer(flags: TcpFlags) -> Option<TcpFlags> {
    if flags.contains(TcpFlags::RST) {
        None
    } else if flags.is_opening() {
        Some(TcpFlags::SYN.union(TcpFlags::ACK))
    } else {
        Some(TcpFlags::ACK)
    }
}
