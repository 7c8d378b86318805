//! One connection in memory: 64 bytes for IPv4, 128 for IPv6.
//!
//! ```text
//!   0       16 or 40                                                           64 or 88
//!   ┌──────┬─────────┬──────┬──────────┬───────┬────────────┬─┬─────────┬───────┬───────┐
//!   │ key  │ expires │ rule │ protocol │ state │ originator │ │ packets │ bytes │ links │
//!   └──────┴─────────┴──────┴──────────┴───────┴────────────┴─┴─────────┴───────┴───────┘
//! ```
//!
//! What an established packet reads and writes up to `packets` lies in the first 64 bytes in both
//! families; only the byte counters of IPv6 lie in the second.

use std::net::{Ipv4Addr, Ipv6Addr};

use secgroup_packet::{Direction, FlowKey, FlowKey4, FlowKey6, InterfaceIndex, Protocol};

use crate::State;
use crate::half_open::Links;

/// How many words of a key's [`PackedKey::words`] hold addresses, ports and interface, for IPv4.
pub(crate) const WORDS_V4: usize = 4;
/// The same for IPv6.
pub(crate) const WORDS_V6: usize = 10;

/// A connection's place in the table.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line<const N: usize> {
    words: [u32; N],
    pub(crate) body: Body,
}

/// What is known of a connection beside its key's words.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Body {
    /// Nanoseconds since the epoch; it has run out when the time is *later* than this.
    pub(crate) expires: u64,
    pub(crate) rule: u32,
    /// Part of the key.
    protocol: Protocol,
    pub(crate) state: State,
    pub(crate) originator: Direction,
    /// By direction; saturating.
    pub(crate) packets: [u32; 2],
    /// By direction; saturating.
    pub(crate) bytes: [u64; 2],
    /// Neighbours among the half-open connections of the interface, where it is one.
    pub(crate) links: Links,
}

const _: () = assert!(size_of::<Line<WORDS_V4>>() == 64 && align_of::<Line<WORDS_V4>>() == 64);
const _: () = assert!(size_of::<Line<WORDS_V6>>() == 128 && align_of::<Line<WORDS_V6>>() == 64);

impl Body {
    pub(crate) const fn new(protocol: Protocol) -> Self {
        Self {
            expires: 0,
            rule: 0,
            protocol,
            state: State::Other,
            originator: Direction::Ingress,
            packets: [0; 2],
            bytes: [0; 2],
            links: Links::NONE,
        }
    }

    /// Counts a packet of `len` bytes in `direction`.
    #[inline]
    pub(crate) const fn count(&mut self, direction: Direction, len: u32) {
        let way = direction as usize;
        self.packets[way] = self.packets[way].saturating_add(1);
        self.bytes[way] = self.bytes[way].saturating_add(len as u64);
    }
}

impl<const N: usize> Line<N> {
    /// What lies in a place that no connection has taken yet.
    pub(crate) const BLANK: Self = Self {
        words: [0; N],
        body: Body::new(Protocol(0)),
    };

    pub(crate) const fn new(key: &PackedKey<N>, body: Body) -> Self {
        Self {
            words: key.words,
            body: Body {
                protocol: key.protocol,
                ..body
            },
        }
    }

    #[inline]
    pub(crate) fn has(&self, key: &PackedKey<N>) -> bool {
        // Not `==`, which is a call for as many words as an IPv6 key has.
        let words = self.words.iter().zip(&key.words);
        words.fold(0, |difference, (own, other)| difference | (own ^ other)) == 0
            && self.body.protocol == key.protocol
    }

    pub(crate) const fn key(&self) -> PackedKey<N> {
        PackedKey {
            words: self.words,
            protocol: self.body.protocol,
        }
    }

    /// The interface is the last word of either family's key.
    pub(crate) const fn interface(&self) -> InterfaceIndex {
        InterfaceIndex(self.words[N - 1])
    }
}

/// A key as whole words, so that two are compared without a branch per field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedKey<const N: usize> {
    /// Local address, remote address, both ports, interface.
    pub(crate) words: [u32; N],
    pub(crate) protocol: Protocol,
}

impl From<&FlowKey4> for PackedKey<WORDS_V4> {
    #[inline]
    fn from(key: &FlowKey4) -> Self {
        let ports = pack_ports(key.local_port, key.remote_port);
        let words = [
            key.local.to_bits(),
            key.remote.to_bits(),
            ports,
            key.interface.0,
        ];
        Self {
            words,
            protocol: key.protocol,
        }
    }
}

impl From<&FlowKey6> for PackedKey<WORDS_V6> {
    #[inline]
    fn from(key: &FlowKey6) -> Self {
        let ports = pack_ports(key.local_port, key.remote_port);
        let ([a, b, c, d], [e, f, g, h]) = (pack_v6(key.local), pack_v6(key.remote));
        let words = [a, b, c, d, e, f, g, h, ports, key.interface.0];
        Self {
            words,
            protocol: key.protocol,
        }
    }
}

impl From<PackedKey<WORDS_V4>> for FlowKey {
    fn from(PackedKey { words, protocol }: PackedKey<WORDS_V4>) -> Self {
        let [local, remote, ports, interface] = words;
        let (local_port, remote_port) = unpack_ports(ports);
        Self::V4(FlowKey4 {
            local: Ipv4Addr::from_bits(local),
            remote: Ipv4Addr::from_bits(remote),
            local_port,
            remote_port,
            interface: InterfaceIndex(interface),
            protocol,
        })
    }
}

impl From<PackedKey<WORDS_V6>> for FlowKey {
    fn from(PackedKey { words, protocol }: PackedKey<WORDS_V6>) -> Self {
        let [a, b, c, d, e, f, g, h, ports, interface] = words;
        let (local_port, remote_port) = unpack_ports(ports);
        Self::V6(FlowKey6 {
            local: unpack_v6([a, b, c, d]),
            remote: unpack_v6([e, f, g, h]),
            local_port,
            remote_port,
            interface: InterfaceIndex(interface),
            protocol,
        })
    }
}

const fn pack_ports(local: u16, remote: u16) -> u32 {
    (local as u32) << 16 | remote as u32
}

fn unpack_ports(ports: u32) -> (u16, u16) {
    let [a, b, c, d] = ports.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

#[inline]
fn pack_v6(address: Ipv6Addr) -> [u32; 4] {
    let octets = address.octets();
    let mut words = [0; 4];
    for (word, four) in words.iter_mut().zip(octets.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*four);
    }
    words
}

fn unpack_v6(words: [u32; 4]) -> Ipv6Addr {
    Ipv6Addr::from_bits(
        words
            .iter()
            .fold(0, |bits, &word| bits << 32 | u128::from(word)),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packing_a_key_loses_nothing(
            local: u128,
            remote: u128,
            local_port: u16,
            remote_port: u16,
            interface: u32,
            protocol: u8,
        ) {
            let (interface, protocol) = (InterfaceIndex(interface), Protocol(protocol));
            let (local, remote) = (Ipv6Addr::from_bits(local), Ipv6Addr::from_bits(remote));
            let v6 = FlowKey6 { local, remote, local_port, remote_port, interface, protocol };
            prop_assert_eq!(FlowKey::from(PackedKey::from(&v6)), FlowKey::V6(v6));
            let four = |address: Ipv6Addr| Ipv4Addr::from_bits(pack_v6(address)[3]);
            let (local, remote) = (four(local), four(remote));
            let v4 = FlowKey4 { local, remote, local_port, remote_port, interface, protocol };
            prop_assert_eq!(FlowKey::from(PackedKey::from(&v4)), FlowKey::V4(v4));
            let body = Body::new(protocol);
            prop_assert_eq!(Line::new(&PackedKey::from(&v6), body).interface(), interface);
            prop_assert_eq!(Line::new(&PackedKey::from(&v4), body).interface(), interface);
        }
    }
}
