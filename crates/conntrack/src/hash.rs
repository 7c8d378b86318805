//! The seeded hash of a key.
//!
//! Whoever sends packets chooses keys, so the hash is keyed: every multiplier and the start value
//! come from the seed, and without it nobody can aim at a bucket. foldhash is measured at 2 to 3 ns
//! for an IPv4 key. Its convenience types keep some multipliers fixed, which is why the two seeds
//! are put together here.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

use crate::line::PackedKey;

/// The hash of a key under the seed of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowHash(pub(crate) u64);

impl FlowHash {
    /// The upper and the lower half.
    #[inline]
    pub(crate) const fn halves(self) -> [u32; 2] {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        [
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        ]
    }
}

/// The secret of a table.
#[derive(Clone)]
pub(crate) struct Seed {
    start: u64,
    multipliers: SharedSeed,
}

impl Seed {
    pub(crate) const fn new(seed: u64) -> Self {
        // The finaliser of splitmix64, so that the two halves of the secret are unlike.
        let mut start = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        start = (start ^ start >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        start = (start ^ start >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self {
            start: start ^ start >> 31,
            multipliers: SharedSeed::from_u64(seed),
        }
    }

    pub(crate) const fn hasher(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.start, &self.multipliers)
    }

    #[inline]
    pub(crate) fn hash<const N: usize>(&self, key: &PackedKey<N>) -> FlowHash {
        let mut hasher = self.hasher();
        for (at, &word) in (1..).zip(&key.words) {
            // The protocol shares the last word with the number of the interface, whose upper bits only the sixteen millionth has.
            let protocol = if at == N { key.protocol.0 } else { 0 };
            hasher.write_u64(word ^ u64::from(protocol) << 56);
        }
        FlowHash(hasher.finish())
    }
}
