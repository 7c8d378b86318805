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
pub(crate) const WORDS_V4: usize = 2;
/// The same for IPv6.
pub(crate) const WORDS_V6: usize = 5;

/// A connection's place in the table.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line<const N: usize> {
    words: [u64; N],
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

/// Ports and interface that no key has: the highest number of an interface is nobody's.
const NOBODY: u64 = u64::MAX;

impl<const N: usize> Line<N> {
    /// What lies in a place that no connection has taken yet: nobody's key.
    pub(crate) const BLANK: Self = Self {
        words: [NOBODY; N],
        body: Body::new(Protocol(0)),
    };

    /// The connection is gone: what is left has nobody's key.
    pub(crate) const fn vacate(&mut self) {
        self.words[N - 1] = NOBODY;
    }

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

    pub(crate) const fn interface(&self) -> InterfaceIndex {
        self.key().interface()
    }
}

/// A key as whole words, so that two are compared without a branch per field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedKey<const N: usize> {
    /// Local address, remote address; both ports and the interface.
    pub(crate) words: [u64; N],
    pub(crate) protocol: Protocol,
}

impl<const N: usize> PackedKey<N> {
    /// The interface is in the last word of either family's key.
    pub(crate) const fn interface(&self) -> InterfaceIndex {
        let [_, interface] = halves(self.words[N - 1]);
        InterfaceIndex(interface)
    }
}

impl PackedKey<WORDS_V4> {
    /// Of the local and the remote end.
    #[inline]
    pub(crate) const fn v4(
        [local, remote]: [Ipv4Addr; 2],
        ports: [u16; 2],
        interface: InterfaceIndex,
        protocol: Protocol,
    ) -> Self {
        // In the order that the bytes have in the packet: turning them round would cost, and say nothing more.
        let [local, remote] = [local.octets(), remote.octets()];
        let addresses = joined(u32::from_ne_bytes(local), u32::from_ne_bytes(remote));
        Self {
            words: [addresses, joined(pack_ports(ports), interface.0)],
            protocol,
        }
    }
}

impl PackedKey<WORDS_V6> {
    /// Of the local and the remote end.
    #[inline]
    pub(crate) const fn v6(
        [local, remote]: [Ipv6Addr; 2],
        ports: [u16; 2],
        interface: InterfaceIndex,
        protocol: Protocol,
    ) -> Self {
        let ([a, b], [c, d]) = (pack_v6(local), pack_v6(remote));
        Self {
            words: [a, b, c, d, joined(pack_ports(ports), interface.0)],
            protocol,
        }
    }
}

impl From<&FlowKey4> for PackedKey<WORDS_V4> {
    #[inline]
    fn from(key: &FlowKey4) -> Self {
        let ports = [key.local_port, key.remote_port];
        Self::v4([key.local, key.remote], ports, key.interface, key.protocol)
    }
}

impl From<&FlowKey6> for PackedKey<WORDS_V6> {
    #[inline]
    fn from(key: &FlowKey6) -> Self {
        let ports = [key.local_port, key.remote_port];
        Self::v6([key.local, key.remote], ports, key.interface, key.protocol)
    }
}

impl From<PackedKey<WORDS_V4>> for FlowKey {
    fn from(PackedKey { words, protocol }: PackedKey<WORDS_V4>) -> Self {
        let [addresses, rest] = words;
        let ([local, remote], [ports, interface]) = (halves(addresses), halves(rest));
        let [local_port, remote_port] = unpack_ports(ports);
        Self::V4(FlowKey4 {
            local: Ipv4Addr::from(local.to_ne_bytes()),
            remote: Ipv4Addr::from(remote.to_ne_bytes()),
            local_port,
            remote_port,
            interface: InterfaceIndex(interface),
            protocol,
        })
    }
}

impl From<PackedKey<WORDS_V6>> for FlowKey {
    fn from(PackedKey { words, protocol }: PackedKey<WORDS_V6>) -> Self {
        let [a, b, c, d, rest] = words;
        let [ports, interface] = halves(rest);
        let [local_port, remote_port] = unpack_ports(ports);
        Self::V6(FlowKey6 {
            local: unpack_v6([a, b]),
            remote: unpack_v6([c, d]),
            local_port,
            remote_port,
            interface: InterfaceIndex(interface),
            protocol,
        })
    }
}

#[inline]
const fn joined(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// The lower and the upper half.
#[inline]
const fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// The local port is the upper half.
#[inline]
const fn pack_ports([local, remote]: [u16; 2]) -> u32 {
    (local as u32) << 16 | remote as u32
}

const fn unpack_ports(ports: u32) -> [u16; 2] {
    let [a, b, c, d] = ports.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

#[inline]
const fn pack_v6(address: Ipv6Addr) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address.octets();
    [
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
    ]
}

fn unpack_v6(words: [u64; 2]) -> Ipv6Addr {
    let mut octets = [0; 16];
    for (eight, word) in octets.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *eight = word.to_ne_bytes();
    }
    Ipv6Addr::from(octets)
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
            let four = |address: Ipv6Addr| Ipv4Addr::from_bits(halves(pack_v6(address)[1])[1]);
            let (local, remote) = (four(local), four(remote));
            let v4 = FlowKey4 { local, remote, local_port, remote_port, interface, protocol };
            prop_assert_eq!(FlowKey::from(PackedKey::from(&v4)), FlowKey::V4(v4));
            let body = Body::new(protocol);
            prop_assert_eq!(Line::new(&PackedKey::from(&v6), body).interface(), interface);
            prop_assert_eq!(Line::new(&PackedKey::from(&v4), body).interface(), interface);
        }
    }
}
