//! Checksums that a sender left to others, held against the packet that is judged.
//!
//! A frame from a device with offloads may ask for a sum to be written into it when it leaves: from `csum_start` on, into the 16 bits at
//! `csum_offset` behind that. The verdict is about the bytes as they are before. A sender that chooses these places itself (a virtual machine, a container
//! with raw sockets) could have the ports or addresses that were judged overwritten with others afterwards. So the place
//! must be the packet's own checksum, or lie wholly behind everything that a verdict looks at, as in the inner packet of a tunnel.

use secgroup_io::live::{Checksum, VnetHeader};
use secgroup_packet::{L4, Packet, Protocol};

/// SCTP (RFC 9260), whose checksum devices finish as well.
const SCTP: Protocol = Protocol(132);

/// Whether what is still to be written into a frame leaves alone what was judged of it.
pub(super) fn is_harmless(vnet: VnetHeader, packet: &Packet) -> bool {
    if vnet.checksum() != Checksum::Partial {
        return true;
    }
    let header = u32::from(packet.l4_offset);
    let start = u32::from(vnet.csum_start);
    let offset = u32::from(vnet.csum_offset);
    // The checksum of the upper-layer header, and how much of that a verdict looks at, in bytes.
    let (checksum, judged) = match packet.l4 {
        L4::Tcp { .. } => (Some(16), 20),
        L4::Udp { .. } => (Some(6), 8),
        L4::Icmp { .. } => (Some(2), 8),
        L4::Other if packet.protocol == SCTP => (Some(8), 0),
        L4::Other | L4::LaterFragment => (None, 0),
    };
    let is_own = start == header && checksum == Some(offset);
    is_own || start + offset >= header + judged
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use secgroup_packet::{AddressPair, TcpFlags};

    use super::*;

    fn packet(l4: L4, protocol: Protocol) -> Packet {
        Packet {
            addresses: AddressPair::V4 {
                src: Ipv4Addr::new(10, 0, 0, 1),
                dst: Ipv4Addr::new(10, 0, 0, 2),
            },
            protocol,
            l4,
            fragment: None,
            hop_limit: 64,
            ip_len: 100,
            l3_offset: 14,
            l4_offset: 34,
        }
    }

    fn asks(csum_start: u16, csum_offset: u16) -> VnetHeader {
        VnetHeader {
            flags: VnetHeader::NEEDS_CSUM,
            csum_start,
            csum_offset,
            ..VnetHeader::default()
        }
    }

    #[test]
    fn nothing_that_was_judged_is_written_over() {
        let udp = packet(
            L4::Udp {
                sport: 1000,
                dport: 53,
            },
            Protocol::UDP,
        );
        let flags = TcpFlags::SYN;
        let tcp = packet(
            L4::Tcp {
                sport: 1000,
                dport: 80,
                flags,
            },
            Protocol::TCP,
        );
        assert!(is_harmless(asks(34, 6), &udp) && is_harmless(asks(34, 16), &tcp));
        assert!(is_harmless(VnetHeader::default(), &udp));
        // Every place in the headers but the checksum itself, from wherever it is counted.
        for (packet, own, judged) in [(&udp, 6, 8), (&tcp, 16, 20)] {
            for field in 0..34 + judged {
                for start in 0..=field {
                    let expected = start == 34 && field == 34 + own;
                    let harmless = is_harmless(asks(start, field - start), packet);
                    assert_eq!(harmless, expected, "start {start}, field {field}");
                }
            }
        }
        // The inner packet of a tunnel over UDP.
        assert!(is_harmless(asks(34 + 8 + 8 + 34, 16), &udp));
        let largest = asks(u16::MAX, u16::MAX);
        assert!(is_harmless(largest, &udp)); // The kernel refuses what lies behind the frame.
        let gre = packet(L4::Other, Protocol(47));
        assert!(!is_harmless(asks(14, 12), &gre) && is_harmless(asks(58, 16), &gre));
    }
}
