//! A look-up in three steps, so that the memory accesses of a burst overlap instead of waiting for each other.
//!
//! | step | for each packet of the burst | asks memory for |
//! |---|---|---|
//! | [`Table::probe`](crate::Table::probe) | packs the key and hashes it | the tags of its bucket |
//! | [`Table::aim`](crate::Table::aim) | compares the tags, and remembers the place that looks right | the line there |
//! | [`Table::find`](crate::Table::find) | compares the key with the line | |
//!
//! Between the first and the last step the packets before it in the burst may have opened and ended connections. So what [`aim`] saw is a
//! hint and no more: a place counts only where it still holds the whole key, and that there was none only until a connection is taken in. Whoever had a
//! wrong hint is looked for once more from the start. That is the case of new connections but the first of a burst, of one hit in some sixty, and of nobody else.
//!
//! A key is packed once, from the packet itself: what a burst does per packet is too short to carry an enum of addresses from step to step.
//!
//! [`aim`]: crate::Table::aim

use std::net::Ipv6Addr;

use secgroup_packet::{AddressPair, Direction, Family, FlowKey, InterfaceIndex, Packet, Protocol};

use crate::hash::{FlowHash, Seed};
use crate::line::{PackedKey, WORDS_V4, WORDS_V6};

/// What is known so far of the connection that a packet belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The words of the key; of IPv4 the first two.
    words: [u64; WORDS_V6],
    hash: FlowHash,
    pub(crate) hint: Hint,
    protocol: Protocol,
    /// `None` where the packet belongs to no connection.
    family: Option<Family>,
}

/// What [`aim`](crate::Table::aim) saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Nothing yet.
    None,
    /// A place that looked right.
    At(u32),
    /// No place looked right when the table had taken so many connections: until it takes another one, there is none.
    Nowhere(u32),
}

/// Whoever carries a burst along counts on it.
const _: () = assert!(size_of::<Probe>() == 64);

impl Probe {
    /// That of a packet which belongs to no connection; also what lies in a place for probes.
    pub const NONE: Self = Self {
        words: [0; WORDS_V6],
        hash: FlowHash(0),
        hint: Hint::None,
        protocol: Protocol(0),
        family: None,
    };

    /// Makes this the probe of a packet where it crosses `interface` in `direction`.
    #[inline(always)]
    pub(crate) fn point(
        &mut self,
        seed: &Seed,
        packet: &Packet,
        interface: InterfaceIndex,
        direction: Direction,
    ) {
        match packet.addresses {
            AddressPair::V4 { src, dst } => match packet.ports(direction) {
                Some(ports) => {
                    let ends = direction.ends(src, dst);
                    self.point_v4(
                        seed,
                        &PackedKey::v4(ends, ports, interface, packet.protocol),
                    );
                }
                None => self.family = None,
            },
            AddressPair::V6 { src, dst } => {
                self.point_v6(seed, packet, direction.ends(src, dst), interface, direction);
            }
        }
    }

    #[inline(always)]
    fn point_v4(&mut self, seed: &Seed, key: &PackedKey<WORDS_V4>) {
        let [addresses, rest] = key.words;
        self.words[0] = addresses;
        self.words[1] = rest;
        self.hash = seed.hash(key);
        self.hint = Hint::None;
        self.protocol = key.protocol;
        self.family = Some(Family::V4);
    }

    /// A function of its own: its five words would take the registers from IPv4's two.
    #[inline(never)]
    fn point_v6(
        &mut self,
        seed: &Seed,
        packet: &Packet,
        ends: [Ipv6Addr; 2],
        interface: InterfaceIndex,
        direction: Direction,
    ) {
        *self = packet.ports(direction).map_or(Self::NONE, |ports| {
            Self::v6(seed, PackedKey::v6(ends, ports, interface, packet.protocol))
        });
    }

    /// The probe of a key.
    #[inline]
    pub(crate) fn of_key(seed: &Seed, key: &FlowKey) -> Self {
        match key {
            FlowKey::V4(key) => Self::v4(seed, PackedKey::from(key)),
            FlowKey::V6(key) => Self::v6(seed, PackedKey::from(key)),
        }
    }

    /// The probe of a key whose hash is known.
    pub(crate) fn with_hash(key: &FlowKey, hash: FlowHash) -> Self {
        match key {
            FlowKey::V4(key) => Self::packed_v4(PackedKey::from(key), hash),
            FlowKey::V6(key) => Self::packed_v6(PackedKey::from(key), hash),
        }
    }

    #[inline]
    fn v4(seed: &Seed, key: PackedKey<WORDS_V4>) -> Self {
        let hash = seed.hash(&key);
        Self::packed_v4(key, hash)
    }

    #[inline]
    fn v6(seed: &Seed, key: PackedKey<WORDS_V6>) -> Self {
        let hash = seed.hash(&key);
        Self::packed_v6(key, hash)
    }

    #[inline]
    const fn packed_v4(key: PackedKey<WORDS_V4>, hash: FlowHash) -> Self {
        let [addresses, rest] = key.words;
        Self {
            words: [addresses, rest, 0, 0, 0],
            hash,
            hint: Hint::None,
            protocol: key.protocol,
            family: Some(Family::V4),
        }
    }

    #[inline]
    const fn packed_v6(key: PackedKey<WORDS_V6>, hash: FlowHash) -> Self {
        Self {
            words: key.words,
            hash,
            hint: Hint::None,
            protocol: key.protocol,
            family: Some(Family::V6),
        }
    }

    /// The hash of the key.
    #[must_use]
    #[inline]
    pub const fn hash(&self) -> FlowHash {
        self.hash
    }

    /// The family of the key; `None` where the packet belongs to no connection.
    #[inline]
    pub(crate) const fn family(&self) -> Option<Family> {
        self.family
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) const fn interface(&self) -> InterfaceIndex {
        match self.family {
            Some(Family::V6) => self.key_v6().interface(),
            _ => self.key_v4().interface(),
        }
    }

    #[inline]
    pub(crate) const fn key_v4(&self) -> PackedKey<WORDS_V4> {
        let [addresses, rest, ..] = self.words;
        PackedKey {
            words: [addresses, rest],
            protocol: self.protocol,
        }
    }

    #[inline]
    pub(crate) const fn key_v6(&self) -> PackedKey<WORDS_V6> {
        PackedKey {
            words: self.words,
            protocol: self.protocol,
        }
    }
}
