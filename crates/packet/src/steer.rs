//! Which shard of a busy interface a packet belongs to.
//!
//! A hash of addresses and ports that is the same for both directions of a flow, and simple enough
//! for a classic BPF program of 32-bit sums and products: where the kernel can be given one
//! (`PACKET_FANOUT_CBPF`), it puts every packet where its connection is.
//!
//! ```text
//! sum   = source address + destination address, 32-bit words one by one, wrapping
//!       + source port + destination port, for TCP and UDP that are not fragments
//! hash  = sum * multiplier, wrapping, shifted right by 16
//! shard = hash modulo the number of shards
//! ```
//!
//! The multiplier is odd and secret: nobody outside can aim all flows at one shard.

use crate::{AddressPair, FlowKey, L4, Packet, Protocol};

/// The steering function of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steering {
    multiplier: u32,
}

impl Steering {
    /// The function for a secret seed.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the multiplier takes as many bits as it has"
    )]
    pub const fn new(seed: u64) -> Self {
        // The last step of splitmix64: also a seed of zero gives a factor with bits all over.
        let seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self {
            multiplier: (mixed >> 32) as u32 | 1,
        }
    }

    /// The factor, for a kernel program that computes the same.
    #[must_use]
    pub const fn multiplier(self) -> u32 {
        self.multiplier
    }

    /// The hash of a flow: that of all its packets that are not fragments.
    #[must_use]
    pub fn of_flow(self, key: &FlowKey) -> u32 {
        let (local, remote, ports) = match key {
            FlowKey::V4(key) => (
                word(key.local.octets()),
                word(key.remote.octets()),
                u32::from(key.local_port).wrapping_add(u32::from(key.remote_port)),
            ),
            FlowKey::V6(key) => (
                words(key.local.octets()),
                words(key.remote.octets()),
                u32::from(key.local_port).wrapping_add(u32::from(key.remote_port)),
            ),
        };
        let has_ports = matches!(key.protocol(), Protocol::TCP | Protocol::UDP);
        let sum = local.wrapping_add(remote);
        self.finish(if has_ports {
            sum.wrapping_add(ports)
        } else {
            sum
        })
    }

    /// The hash of what goes between two addresses without ports: fragments, and every protocol but
    /// TCP and UDP.
    #[must_use]
    pub fn of_addresses(self, addresses: AddressPair) -> u32 {
        self.finish(sum_of(&addresses))
    }

    /// The hash of a packet by itself, as a kernel sees it that does not look into it: fragments and
    /// ICMP errors belong to another flow than this says.
    #[must_use]
    #[inline]
    pub fn of_packet(self, packet: &Packet) -> u32 {
        let sum = sum_of(&packet.addresses);
        let ports = match packet.l4 {
            _ if packet.fragment.is_some() => 0,
            L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => {
                u32::from(sport) + u32::from(dport)
            }
            L4::Icmp { .. } | L4::Other | L4::LaterFragment => 0,
        };
        self.finish(sum.wrapping_add(ports))
    }

    const fn finish(self, sum: u32) -> u32 {
        sum.wrapping_mul(self.multiplier) >> 16
    }
}

#[inline]
fn sum_of(addresses: &AddressPair) -> u32 {
    let (src, dst) = match addresses {
        AddressPair::V4 { src, dst } => (word(src.octets()), word(dst.octets())),
        AddressPair::V6 { src, dst } => (words(src.octets()), words(dst.octets())),
    };
    src.wrapping_add(dst)
}

const fn word(octets: [u8; 4]) -> u32 {
    u32::from_be_bytes(octets)
}

fn words(octets: [u8; 16]) -> u32 {
    let (words, _) = octets.as_chunks::<4>();
    words
        .iter()
        .fold(0_u32, |sum, octets| sum.wrapping_add(word(*octets)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{Direction, InterfaceIndex, TcpFlags};

    fn segment(src: [u8; 4], sport: u16, dst: [u8; 4], dport: u16) -> Packet {
        Packet {
            addresses: AddressPair::V4 {
                src: Ipv4Addr::from(src),
                dst: Ipv4Addr::from(dst),
            },
            protocol: Protocol::TCP,
            l4: L4::Tcp {
                sport,
                dport,
                flags: TcpFlags::SYN,
            },
            fragment: None,
            hop_limit: 64,
            ip_len: 40,
            l3_offset: 14,
            l4_offset: 34,
        }
    }

    #[test]
    fn both_directions_and_the_key_agree() {
        let steering = Steering::new(0xfeed);
        let there = segment([10, 0, 0, 1], 40000, [10, 9, 0, 2], 443);
        let back = segment([10, 9, 0, 2], 443, [10, 0, 0, 1], 40000);
        let key = there
            .flow_key(InterfaceIndex(3), Direction::Egress)
            .unwrap();
        assert_eq!(steering.of_packet(&there), steering.of_packet(&back));
        assert_eq!(steering.of_packet(&there), steering.of_flow(&key));
        let by_address = steering.of_addresses(there.addresses);
        assert_ne!(steering.of_packet(&there), by_address);
    }

    #[test]
    fn flows_spread_over_the_shards() {
        for seed in [0, 1, 7, u64::MAX] {
            spreads(Steering::new(seed));
        }
    }

    fn spreads(steering: Steering) {
        let mut shards = [0_u32; 4];
        for port in 0..4000_u16 {
            let packet = segment([10, 0, 0, 1], 20000 + port, [10, 9, 0, 2], 443);
            shards[steering.of_packet(&packet) as usize % 4] += 1;
        }
        assert!(
            shards.iter().all(|&flows| (700..1300).contains(&flows)),
            "{shards:?}"
        );
    }
}
