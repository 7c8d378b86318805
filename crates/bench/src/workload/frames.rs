//! Frames, one after the other in one buffer, as a ring of packet memory holds them.

use secgroup_packet::{Direction, Frame, LinkType, TcpFlags};

use super::flows::{Flow, LOCAL, low16, low32};

/// A 64-byte Ethernet frame without its check sequence, which captures and sockets do not show.
pub const SMALL: usize = 60;

/// IMIX: of twelve frames seven have 64 bytes, four 594 and one 1518, check sequence included.
pub const IMIX: [usize; 12] = [
    SMALL, 590, SMALL, SMALL, 590, SMALL, 1514, SMALL, 590, SMALL, 590, SMALL,
];

/// Locally administered addresses of nobody.
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// Ethernet, IPv4 without options, TCP without options.
const HEADERS: usize = 14 + 20 + 20;

/// A buffer of frames and where each one lies.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// None yet, with room for `count` small ones.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(count * SMALL),
            ends: Vec::with_capacity(count),
        }
    }

    /// Appends a TCP segment of `flow`, `len` bytes long; ingress is from the client.
    pub fn push(&mut self, flow: &Flow, direction: Direction, flags: TcpFlags, len: usize) {
        assert!(len >= HEADERS, "a frame holds its headers");
        let start = self.bytes.len();
        let (src, dst, sport, dport) = match direction {
            Direction::Ingress => (flow.remote, LOCAL, flow.remote_port, flow.local_port),
            Direction::Egress => (LOCAL, flow.remote, flow.local_port, flow.remote_port),
        };
        self.bytes.extend(MACS);
        self.bytes.extend([0x08, 0x00, 0x45, 0]);
        self.bytes.extend(low16(len as u64 - 14).to_be_bytes());
        // Identification, don't fragment, hop limit 64, TCP, checksum: filled in below.
        self.bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        self.bytes.extend(src.octets());
        self.bytes.extend(dst.octets());
        let sum = checksum(&self.bytes[start + 14..start + 34]);
        self.bytes[start + 24..start + 26].copy_from_slice(&sum.to_be_bytes());
        self.bytes.extend(sport.to_be_bytes());
        self.bytes.extend(dport.to_be_bytes());
        self.bytes
            .extend([0, 0, 3, 0xe8, 0, 0, 7, 0xd0, 0x50, flags.0]);
        self.bytes.extend([0xfa, 0xf0, 0, 0, 0, 0]);
        self.bytes.resize(start + len, 0);
        self.ends.push(self.bytes.len());
    }

    /// SYN, SYN and ACK, ACK: what opens a connection.
    pub fn push_handshake(&mut self, flow: &Flow) {
        let both = TcpFlags::SYN.union(TcpFlags::ACK);
        self.push(flow, Direction::Ingress, TcpFlags::SYN, SMALL);
        self.push(flow, Direction::Egress, both, SMALL);
        self.push(flow, Direction::Ingress, TcpFlags::ACK, SMALL);
    }

    /// The first packet of each flow, from its client.
    #[must_use]
    pub fn syns(flows: &[Flow]) -> Self {
        let mut frames = Self::with_capacity(flows.len());
        for flow in flows {
            frames.push(flow, Direction::Ingress, TcpFlags::SYN, SMALL);
        }
        frames
    }

    /// Packets of flows that are open: those that `draws` says, towards the interface and from it in turn, as long as `len` says of the place.
    #[must_use]
    pub fn data(flows: &[Flow], draws: &[usize], len: impl Fn(usize) -> usize) -> Self {
        let mut frames = Self::with_capacity(draws.len());
        for (place, index) in draws.iter().enumerate() {
            let way = Direction::BOTH[place % 2];
            frames.push(&flows[*index], way, TcpFlags::ACK, len(place));
        }
        frames
    }

    /// Forgets the frames, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the frame at `index`.
    #[must_use]
    #[inline]
    pub fn bytes(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// The frame at `index`.
    #[must_use]
    #[inline]
    pub fn frame(&self, index: usize) -> Frame<'_> {
        ethernet(self.bytes(index))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.bytes(index))
    }
}

/// `bytes` as an Ethernet frame that was captured whole.
#[must_use]
#[inline]
pub fn ethernet(bytes: &[u8]) -> Frame<'_> {
    Frame {
        link: LinkType::Ethernet,
        data: bytes,
        wire_len: low32(bytes.len() as u64),
    }
}

/// In which direction a frame of this workload crosses the interface: ingress where it is to it.
#[must_use]
#[inline]
pub fn direction(frame: &[u8]) -> Direction {
    if frame.get(30..34) == Some(&LOCAL.octets()) {
        Direction::Ingress
    } else {
        Direction::Egress
    }
}

/// The IPv4 header checksum (RFC 791, RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let words = header
        .as_chunks::<2>()
        .0
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !low16(u64::from(sum))
}

#[cfg(test)]
mod tests {
    use secgroup_packet::{L4, Parsed};

    use super::*;
    use crate::workload::flows::flows;

    #[test]
    fn frames_say_what_their_flow_says() {
        let flow = flows(1, 443)[0];
        let mut frames = Frames::default();
        frames.push(&flow, Direction::Ingress, TcpFlags::SYN, SMALL);
        frames.push(&flow, Direction::Egress, TcpFlags::ACK, 590);
        for (index, direction) in [Direction::Ingress, Direction::Egress]
            .into_iter()
            .enumerate()
        {
            let frame = frames.frame(index);
            let Ok(Parsed::Ip(packet)) = frame.parse() else {
                panic!("{frame:?}")
            };
            let key = packet.flow_key(secgroup_packet::InterfaceIndex(0), direction);
            assert_eq!(key, Some(flow.flow_key()));
            assert!(matches!(packet.l4, L4::Tcp { .. }));
            assert_eq!(super::direction(frame.data), direction);
            assert_eq!(checksum(&frame.data[14..34]), 0);
        }
    }
}
